"""Occurrences: several records of one process start, or of one connection, become one event.

Sysmon 1 and Security 4688 both tell of a start; Sysmon 3, Security 5156 and a network sensor of a connection. The
record that knows the process best stands, with its time and line; the others' origins go to its `also`, and the fields
that it lacks are filled in from them. Called by `intake`, on events in order.

Where the stream may wait (files, and pipes with a lateness) events stay here for `WAIT` of event time, until every
other record of theirs has come. Where it may not, the first record has gone when the second comes: a second record of
a start goes on as kind `start-again`, which matches nothing but tells lineage what the first did not know; a second
record of a connection is dropped.
"""

from collections import deque
from collections.abc import Iterator

from chainrun.engine.event import Event

SECOND = 1_000_000
START = SECOND  # between two records of one start, beside what truncation to whole seconds adds
WAIT = 5 * SECOND  # between two records of one connection; more than any two of one start
AGAIN = frozenset({"start-again"})
CANDIDATES = 64  # looked at for one event: a flood of equal starts must not cost its square

_Key = tuple[str, str, object]
_Source = tuple[str, object]  # format and provider: one source tells of one occurrence once


class _Held:
    """The record that stands for an occurrence so far, and the sources that have told of it."""

    __slots__ = ("event", "sources")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.sources = {_source(event)}


class Occurrences:
    """Merges records as they pass. `merged` counts the records that were not the first of their occurrence."""

    def __init__(self, waits: bool) -> None:
        self.merged = 0
        self._waits = waits
        self._frontier: int | None = None
        self._queue: deque[Event] = deque()
        self._gone: set[Event] = set()  # queued events that another now stands for
        self._held: dict[_Key, list[_Held]] = {}
        self._expiry: deque[tuple[int, list[_Key], _Held]] = deque()

    def take(self, event: Event) -> list[Event]:
        """The events that go on, now that this one has come."""
        if event.unasked:
            return self._pass(event)
        if self._frontier is None or event.time > self._frontier:
            self._frontier = event.time
            self._forget(event.time - WAIT)
        kinds = event.kinds
        keys = _start_keys(event) if "spawn" in kinds else [] if kinds.isdisjoint(_SIDES) else _flow_keys(event)
        if keys:
            held = self._find(event, keys)
            if held is not None:
                return self._join(held, event, keys)
            self._hold(_Held(event), keys)
        return self._pass(event)

    def end(self) -> list[Event]:
        """The events that still wait."""
        return self._release(None)

    def events(self) -> Iterator[Event]:
        """The events that wait."""
        return (event for event in self._queue if event not in self._gone)

    def _join(self, held: _Held, event: Event, keys: list[_Key]) -> list[Event]:
        """One more record of an occurrence."""
        first = held.event
        knows_more = _identity(event) > _identity(first)
        if not self._waits:
            if knows_more and not _identity(first):  # nobody could tell whose event the first one is
                self._hold(_Held(event), keys)
                return self._pass(event)
            held.sources.add(_source(event))
            self.merged += 1
            if "spawn" not in event.kinds:
                return []
            self._hold(held, keys)
            _merge(event, first)
            event.kinds = AGAIN
            return [event]
        held.sources.add(_source(event))
        self.merged += 1
        self._hold(held, keys)
        if not knows_more or not self._is_queued(first):
            _merge(first, event)
            return self._release(self._frontier)
        _merge(event, first)
        self._gone.add(first)
        held.event = event
        return self._pass(event)

    def _is_queued(self, event: Event) -> bool:
        """Whether an event still waits here; a late one does not."""
        return self._frontier is not None and event.time > self._frontier - WAIT

    def _pass(self, event: Event) -> list[Event]:
        if not self._waits or not self._is_queued(event):
            return [event]
        self._queue.append(event)
        return self._release(self._frontier)

    def _release(self, frontier: int | None) -> list[Event]:
        queue, gone = self._queue, self._gone
        passed = []
        while queue and (frontier is None or queue[0].time <= frontier - WAIT):
            event = queue.popleft()
            if event in gone:
                gone.remove(event)
            else:
                passed.append(event)
        return passed

    def _find(self, event: Event, keys: list[_Key]) -> _Held | None:
        """The occurrence that an event is another record of: the surest key decides, then that it knows its process,
        then equal command lines, the nearest time, the first."""
        is_same = _is_same_start if "spawn" in event.kinds else _is_same_flow
        command_line = event.fields.get("process.command_line")
        for key in keys:
            candidates = [h for h in self._held.get(key, ())[-CANDIDATES:] if is_same(h, event)]
            if candidates:
                return min(
                    candidates,
                    key=lambda h: (
                        not _identity(h.event),
                        h.event.fields.get("process.command_line") != command_line,
                        abs(h.event.time - event.time),
                    ),
                )
        return None

    def _hold(self, held: _Held, keys: list[_Key]) -> None:
        new = []
        for key in keys:
            others = self._held.setdefault(key, [])
            if held not in others[-CANDIDATES:]:
                others.append(held)
                new.append(key)
        if new and self._frontier is not None:
            self._expiry.append((self._frontier, new, held))

    def _forget(self, until: int) -> None:
        """Drops what was held before a moment: nothing that comes can belong to it any more."""
        while self._expiry and self._expiry[0][0] < until:
            _, keys, held = self._expiry.popleft()
            for key in keys:
                others = self._held[key]
                others.remove(held)  # the oldest comes first, so this is found at once
                if not others:
                    del self._held[key]


def _merge(stands: Event, other: Event) -> None:
    stands.also = (*stands.also, other.origin, *other.also)
    for name, value in other.fields.items():
        # What describes the record itself (event.code and its like) stays with it.
        if name not in stands.fields and not name.startswith("event."):
            stands.fields[name] = value


def _identity(event: Event) -> int:
    """How well a record knows its process: 2 by the stable id, 1 by the pid, 0 not at all."""
    if event.fields.get("process.entity_id") is not None:
        return 2
    return int(event.fields.get("process.pid") is not None)


def _source(event: Event) -> _Source:
    return event.format, event.fields.get("event.provider")


# -- starts ----------------------------------------


def _start_keys(event: Event) -> list[_Key]:
    """What another record of this start would share with it, the surest first."""
    fields = event.fields
    keys: list[_Key] = []
    if (entity_id := fields.get("process.entity_id")) is not None:
        keys.append((event.host, "id", entity_id))
    if (pid := fields.get("process.pid")) is not None:
        keys.append((event.host, "pid", pid))
    if (parent_pid := fields.get("process.parent.pid")) is not None:
        keys.extend((event.host, "child", (parent_pid, image)) for image in sorted(_images(event)))
    return keys


def _is_same_start(held: _Held, event: Event) -> bool:
    """For two records that share a key."""
    mine, its = event.fields, held.event.fields
    is_known_source = _source(event) in held.sources
    my_id, its_id = mine.get("process.entity_id"), its.get("process.entity_id")
    if my_id is not None and its_id is not None:
        if my_id != its_id or (is_known_source and not _agree(mine, its, "process.command_line")):
            return False
    elif is_known_source or not _agree(mine, its, "process.pid") or not _is_near(held.event.time, event.time):
        return False
    # A Linux process that calls exec stays the same process, and becomes another program.
    my_images, its_images = _images(event), _images(held.event)
    return not (my_images and its_images) or not my_images.isdisjoint(its_images)


def _is_near(first: int, second: int) -> bool:
    """Whether two times of one start can be within a second, when one on a whole second may have lost its fraction."""
    difference = second - first
    lost_by_first = SECOND if first % SECOND == 0 else 0
    lost_by_second = SECOND if second % SECOND == 0 else 0
    return difference - lost_by_first <= START and difference + lost_by_second >= -START


def _images(event: Event) -> set[str]:
    """The names of the program started, without folders, in lower case."""
    names = (event.fields.get("process.executable"), event.fields.get("process.name"))
    return {n.replace("\\", "/").rpartition("/")[2].casefold() for n in names if isinstance(n, str) and n}


def _agree(mine: dict[str, object], its: dict[str, object], field: str) -> bool:
    """Whether a field has one value, or is missing on one side."""
    a, b = mine.get(field), its.get(field)
    return a is None or b is None or a == b


# -- connections ----------------------------------------

_ENDS = ("source.ip", "source.port", "destination.ip", "destination.port")
_SIDES = frozenset({"connect", "accept"})


def _flow_keys(event: Event) -> list[_Key]:
    """The ends of a connection, where all are known."""
    # Both sides of a connection within one host have the same ends, and are two events.
    side = "connect" if "connect" in event.kinds else "accept" if "accept" in event.kinds else None
    if side is None:
        return []
    ends = tuple(event.fields.get(field) for field in _ENDS)
    return [] if None in ends else [(event.host, side, ends)]


def _is_same_flow(held: _Held, event: Event) -> bool:
    """For two records with the same ends; the same source tells of two connections."""
    mine, its = event.fields, held.event.fields
    return (
        _source(event) not in held.sources
        and abs(event.time - held.event.time) <= WAIT
        and all(_agree(mine, its, f) for f in ("network.transport", "process.entity_id", "process.pid"))
    )
