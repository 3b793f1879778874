"""Order: the one sequence in which everything after intake sees events.

By time. At one time stamp each input's own order stands (the source's own sequence numbers, where it has them, else the
order of arrival); between inputs the event that introduces an entity comes before the events of that entity, then the
inputs come in the order given. Files are sorted as a whole (`kept`, `arranged`); pipes go through a `Reorder`, one
buffer an input, which passes events on when no input can bring an older one any more. `Duplicates` knows records seen
before. Called by `intake`, after clocks have been corrected.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from heapq import heappop, heappush
from math import inf
from operator import attrgetter

from chainrun.engine.event import Event

from .ahead import FUTURE, Pace

LATE = "late"
NOBODY = "?"  # whose record is not known yet: nor our own clock's, which is ""
HELD = 10_000  # events of an input that may wait to be borne out
HOSTS = 100_000  # hosts of which it is remembered how far they have come
by_time = attrgetter("time")

# Kinds that begin the life of what the field names; `process` stands for a process's id, or its pid.
_INTRODUCES = (
    ("spawn", "process"),
    ("fork", "process"),
    ("create", "container.id"),
    ("start", "container.id"),
    ("launch", "cloud.instance.id"),
    ("makeimage", "cloud.image.id"),
    ("signin", "session.id"),
    ("write", "file.path"),
    ("mail", "email.message_id"),
)
_ENTITY_FIELDS = tuple(dict.fromkeys(field for _, field in _INTRODUCES if field != "process"))

Entity = tuple[str, str, object]  # host, field, value
_Entry = tuple[int, int, int, Event]  # time, input, arrival


def arranged(events: Iterable[Event]) -> Iterator[Event]:
    """All events of files, ordered. They must come by time, and those of one time input by input, in the order given,
    each in its order of arrival."""
    group: list[Event] = []
    for event in events:
        if group and event.time != group[0].time:
            yield from group if len(group) == 1 else arrange(group)
            group = []
        group.append(event)
    yield from arrange(group)


def arrange(group: list[Event]) -> list[Event]:
    """Events of one time stamp, each input's in its order of arrival, put in order."""
    if len(group) <= 1:
        return group
    by_input: dict[int, list[Event]] = defaultdict(list)
    for event in group:
        by_input[event.origin.rank].append(event)
    queues = [_by_sequence(by_input[rank]) for rank in sorted(by_input)]
    return queues[0] if len(queues) == 1 else _by_introduction(queues)


def _by_sequence(events: list[Event]) -> list[Event]:
    """One input's events of one time stamp: those that a source numbered share out their places by number."""
    places: dict[tuple[str, str, object], list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        if event.sequence is not None:
            # Record numbers count within one channel of one host.
            places[event.host, event.format, event.fields.get("event.provider")].append(place)
    if all(len(p) == 1 for p in places.values()):
        return events
    ordered = list(events)
    for source in places.values():
        numbered = sorted((events[place] for place in source), key=attrgetter("sequence"))
        for place, event in zip(source, numbered, strict=True):
            ordered[place] = event
    return ordered


def _by_introduction(queues: list[list[Event]]) -> list[Event]:
    """Merges inputs at one time stamp: always the first input whose next event waits for no introduction by another;
    where all wait for one another, the first input."""
    # How many introductions of an entity each input has yet to give.
    pending: dict[Entity, list[int]] = {}
    for at, queue in enumerate(queues):
        for event in queue:
            for entity in _introduced(event):
                pending.setdefault(entity, [0] * len(queues))[at] += 1
    ordered: list[Event] = []
    waiting = [deque(queue) for queue in queues]
    while any(waiting):
        heads = [at for at, queue in enumerate(waiting) if queue]
        chosen = heads[0]
        for at in heads:
            if not any(_awaited(pending.get(entity), at) for entity in _needed(waiting[at][0])):
                chosen = at
                break
        event = waiting[chosen].popleft()
        for entity in _introduced(event):
            pending[entity][chosen] -= 1
        ordered.append(event)
    return ordered


def _awaited(counts: list[int] | None, by: int) -> bool:
    return counts is not None and any(count for at, count in enumerate(counts) if at != by)


def _introduced(event: Event) -> list[Entity]:
    entities: list[Entity] = []
    for kind, field in _INTRODUCES:
        if kind in event.kinds:
            if field == "process":
                entities.extend(_process(event, "process"))
            elif (value := event.fields.get(field)) is not None:
                entities.append((event.host, field, value))
    return entities


def _needed(event: Event) -> list[Entity]:
    """What an event speaks of and does not introduce itself."""
    needed = _process(event, "process.parent")
    if "spawn" not in event.kinds:
        needed += _process(event, "process")
    introduced = _introduced(event)
    for field in _ENTITY_FIELDS:
        if (value := event.fields.get(field)) is not None:
            needed.append((event.host, field, value))
    return [entity for entity in needed if entity not in introduced]


def _process(event: Event, field_set: str) -> list[Entity]:
    entities: list[Entity] = []
    if (entity_id := event.fields.get(f"{field_set}.entity_id")) is not None:
        entities.append((event.host, "process.entity_id", entity_id))
    if (pid := event.fields.get(f"{field_set}.pid")) is not None:
        entities.append((event.host, "process.pid", pid))
    return entities


class Reorder:
    """Puts the events of several pipes in order as they come.

    An input's watermark is the time that its hosts have certainly reached minus the lateness, and no event of it is
    expected to be older; without a lateness, each event is taken at its word. Events pass on up to the smallest
    watermark; an input that has ended, or is idle, holds nobody back. One that is far ahead of all others waits until
    it is borne out (`ahead`). An event older than one of its host that has been passed on is late: it is flagged and
    passed on at once.
    """

    def __init__(self, inputs: Iterable[int], lateness: int = 0) -> None:
        self._lateness = lateness
        self._paces = {rank: Pace(lateness) for rank in inputs}  # of each input that has not ended
        self._idle: set[int] = set()
        self._heap: list[_Entry] = []
        self._waiting: dict[int, list[_Entry]] = {rank: [] for rank in self._paces}  # far ahead, by input
        self._arrivals = 0
        self._hosts: OrderedDict[str, int] = OrderedDict()  # the greatest time that has been passed on
        self._passed: int | None = None  # the greatest of all

    def add(self, event: Event, arrived: int | None = None) -> None:
        """Takes an event. `arrived`: when it did, if that says anything of its time."""
        rank = event.origin.rank
        self._arrivals += 1
        pace = self._paces.get(rank)
        if pace is None:
            heappush(self._heap, (event.time, rank, self._arrivals, event))
            return
        waiting, heap = self._waiting[rank], self._heap
        is_ahead = pace.hear(event.host or NOBODY, event.time, arrived)
        assert pace.newest is not None  # once it has heard anything
        if is_ahead and (pace.is_live or len(waiting) >= HELD):
            # nobody can bear it out, or too many wait: it is taken for one of now
            event.time, event.flags = pace.newest, (*event.flags, FUTURE)
        elif is_ahead:
            heap = waiting
        heappush(heap, (event.time, rank, self._arrivals, event))
        self._bear_out(rank, pace)

    def hear(self, event: Event, arrived: int | None = None) -> None:
        """Takes note of what time it is by an event that is not passed on."""
        rank = event.origin.rank
        pace = self._paces.get(rank)
        if pace is not None:
            pace.hear(event.host or NOBODY, event.time, arrived)
            self._bear_out(rank, pace)

    def _bear_out(self, rank: int, pace: Pace) -> None:
        """Lets those go on that are not far ahead any more."""
        waiting = self._waiting[rank]
        while waiting and pace.newest is not None and waiting[0][0] <= pace.newest:
            heappush(self._heap, heappop(waiting))

    def begin(self, rank: int) -> None:
        """Takes that there is more to come of an input, which may have ended before."""
        self._paces.setdefault(rank, Pace(self._lateness))
        self._waiting.setdefault(rank, [])

    def end(self, rank: int) -> None:
        if self._paces.pop(rank, None) is not None:
            for entry in self._waiting.pop(rank):
                heappush(self._heap, entry)
        self._idle.discard(rank)

    def events(self) -> Iterator[Event]:
        """The events that wait."""
        return (entry[3] for entries in (self._heap, *self._waiting.values()) for entry in entries)

    def set_idle(self, rank: int, idle: bool) -> None:
        """An idle input does not hold back the others until it speaks again."""
        if idle and rank in self._paces:
            self._idle.add(rank)
        else:
            self._idle.discard(rank)

    def is_idle(self, rank: int) -> bool:
        return rank in self._idle

    @property
    def slowest(self) -> int | None:
        """The input that the others wait for: of those neither ended nor idle the one with the smallest watermark."""
        active = self._active()
        return min(active)[1] if active else None

    @property
    def pace(self) -> Pace:
        """How far those that have been passed on have come, all inputs together."""
        pace = Pace()
        if self._passed is not None:
            pace.several = len(self._hosts) > 1
            pace.hear("" if pace.several else next(iter(self._hosts)), self._passed)
        return pace

    def _active(self) -> list[tuple[float, int]]:
        """How far the inputs have come that are neither ended nor idle, and which they are."""
        return [(self._reached(pace), rank) for rank, pace in self._paces.items() if rank not in self._idle]

    def _reached(self, pace: Pace) -> float:
        reached = pace.certain if self._lateness else pace.newest
        return -inf if reached is None else reached

    def release(self, settle: Callable[[list[Event]], None] = lambda events: None) -> Iterator[Event]:
        """The events that nothing older can precede any more, in order. `settle` is called with those of each moment
        before they are looked at."""
        until = inf
        if self._paces:
            # where everybody is idle: what lies within the lateness of what each has said
            active = self._active()
            reached = min(active)[0] if active else max(map(self._reached, self._paces.values()))
            until = reached - self._lateness
        heap = self._heap
        # With a lateness an event at the watermark itself may still get company of its own time; without, it goes.
        while heap and (heap[0][0] < until or (heap[0][0] == until and not self._lateness)):
            at = heap[0][0]
            group = []
            while heap and heap[0][0] == at:
                group.append(heappop(heap)[3])
            if self._passed is None or at > self._passed:
                self._passed = at
            settle(group)
            for event in group:
                self._pass(event)
            yield from arrange(group)

    def _pass(self, event: Event) -> None:
        """Flags an event that is late, behind its own host: what another's clock says is no matter."""
        last = self._hosts.get(event.host)
        if last is not None and event.time < last:
            event.flags = (*event.flags, LATE)
            return
        self._hosts[event.host] = event.time
        if len(self._hosts) > HOSTS:
            self._hosts.popitem(last=False)


class Duplicates:
    """Remembers the records last seen, so that the same bytes of one host and time count once. `lasts`: also in the
    process that goes on after this one.

    Shippers repeat what they could not confirm, and some exports hold a quarter of their lines twice. Two events of one
    line are not duplicates of one another. A record is a number here, and so is the line that had it first: 110 bytes.
    At least the last half of `most` are remembered: when that many are new, the older ones go all at once.
    """

    def __init__(self, most: int = 60_000, lasts: bool = False) -> None:
        self._half = max(most // 2, 1)
        self._lasts = lasts
        self._new: dict[int | bytes, int] = {}
        self._old: dict[int | bytes, int] = {}

    def is_duplicate(self, event: Event) -> bool:
        """Whether another line with these bytes has been seen for this time and host."""
        if not event.raw:
            return False
        line = event.origin.line << 32 | event.origin.rank
        key = self._key(event)
        first = self._new.get(key, self._old.get(key))
        if first is not None:
            return first != line
        if len(self._new) >= self._half:
            self._old, self._new = self._new, {}
        self._new[key] = line
        return False

    def _key(self, event: Event) -> int | bytes:
        """64 bits that nobody outside can foresee; where others must find the same, a digest, which takes longer."""
        if not self._lasts:
            return hash((event.time, event.host, event.raw))
        digest = blake2b(repr((event.time, event.host)).encode(), digest_size=16)
        digest.update(event.raw)
        return digest.digest()
