"""An edge made ready to run: its tests compiled, its slots as positions in the live key before it.

Made once by `matcher` for each edge of its automaton.
"""

from collections import Counter as Counts
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from ..event import Event
from .automaton import LEVEL, START, Absence, Edge, State
from .conditions import Test, compile_condition, looks_back, reads
from .counting import Counter, CountTest, wanted_values
from .entities import Entities
from .exclusions import applies
from .fields import unchanged
from .groups import INTERIOR, PLAIN, Group, Node
from .joining import causes, offer
from .linking import LED, conditions
from .novelty import Novelty
from .progress import Stop
from .readings import FieldOf, Reading, as_parent, looking_back
from .siblings import kept_name
from .watches import Watch
from .wholes import key_of

Key = tuple[Any, ...]

# What a slot of the live key after an event is made of: of the key before, the event, and what it is read as.
Source = Callable[[Key, Event, Reading], Any]


class Tools:
    """What the ways of one automaton share: entities, memories, the watches and counters, made once each."""

    def __init__(self, window: int | None, entities: Entities, novelty: Novelty, on_host: bool) -> None:
        self.window = window
        self.on_host = on_host
        self.entities = entities
        self.novelty = novelty
        self.watches: dict[tuple[Any, ...], Watch] = {}
        self.counters: dict[tuple[Any, ...], Counter] = {}

    def watch(self, absence: Absence) -> Watch:
        place = absence.step.number, absence.joins, absence.reads, absence.limit, absence.certain
        if place not in self.watches:
            self.watches[place] = Watch(absence, self.window, self.entities, self.novelty, self.on_host)
        return self.watches[place]

    def counter(self, edge: Edge) -> Counter:
        assert edge.count is not None
        joins = tuple((counted.step.number, counted.joins, counted.nobody) for counted in edge.count.steps)
        place = edge.count.element, joins
        if place not in self.counters:
            self.counters[place] = Counter(edge.count, self.window, self.entities, self.novelty)
        return self.counters[place]


class Way:
    """An edge made ready to run: tests compiled, slots as positions."""

    def __init__(self, number: int, edge: Edge, source: State | None, target: State, index: int, tools: Tools) -> None:
        self.number = number
        self.edge = edge
        self.source = source
        self.remarks = INTERIOR if target.interior else PLAIN
        self.index = index  # of the groups that it can follow
        layout = {slot: i for i, slot in enumerate(source.layout)} if source is not None else {}
        self.joins = edge.joins
        self.entities = tools.entities
        self.offers = [offer(join, tools.entities) for join in edge.joins]
        self.nobody = offer(edge.nobody, tools.entities) if edge.nobody is not None else None
        self.join_at = tuple(layout[j.slot] for j in edge.joins)
        self.since = tuple((layout[slot], least or 0, most) for slot, least, most in edge.since)
        self.may_coincide = (
            source is not None
            and not edge.least
            and not edge.inside
            and any(p.base == "open" for e in source.edges for p in e.step.parts)
        )
        slots = {(capture, field): layout[slot] for capture, field, slot in edge.reads} if layout else {}

        def slot_of(capture: str, field: str) -> int:
            return slots[capture, field]

        step, novelty = edge.step, tools.novelty
        self._back: tuple[Test, ...] = ()
        self._back_by_parent: tuple[Test, ...] = ()
        if source is not None:
            self._back = looking_back(step, slot_of, unchanged, novelty)
            self._back_by_parent = looking_back(step, slot_of, as_parent, novelty) if self._back else ()
        self._exclusions = [
            (e, compile_condition(e.when, slot_of, unchanged, novelty)) for e in step.exceptions if reads(e.when)
        ]
        # what is allowed to be new, asked again of an event that was taken for it
        doubtful = [part for part in conditions(step) if looks_back(part)] if novelty.allowed else []
        self.doubts = bool(doubtful)
        self._proofs = [
            [compile_condition(part, slot_of, rename, novelty.proven()) for part in doubtful]
            for rename in (unchanged, as_parent)
        ]
        self.excepted: Counts[str] = Counts()
        self.excepted_at = -1
        self.asks = bool(self.since or self._back or self._back_by_parent or self._exclusions)
        self.count = CountTest(tools.counter(edge), layout) if edge.count is not None else None
        captures = {*edge.names, kept_name(step)}
        self.build = tuple(self._source_of(slot, layout, captures) for slot in target.layout)
        self.absent = [(tools.watch(a), tuple(layout[slot] for slot in a.slots)) for a in edge.absent]
        self.prior = [
            (tools.watch(a), tuple(self._source_of(slot, layout, captures, a) for slot in a.slots)) for a in edge.prior
        ]

    def _source_of(
        self, slot: str, layout: dict[str, int], captures: set[str], absence: Absence | None = None
    ) -> Source:
        """Where the value of a slot comes from: the event, or the live key before it."""
        number = self.edge.number
        if slot == LEVEL:
            return _level(layout.get(LEVEL), self.edge.optional)
        if slot == LED and absence is not None:
            return _of_event(causes(absence.joins[0].entity, self.entities))
        if slot == f"#{number}":
            return _introduced
        if slot == f"@{number}":
            return _actor
        if slot == f"^{self.edge.position}" or (slot == START and self.source is None):
            return _time
        if slot.startswith(("=", f"%{number}.")):
            return _of_event(key_of(slot.removeprefix(f"%{number}.").removeprefix("="), self.entities))
        capture, _, field = slot.partition(".")
        if slot[0] not in "#@%^" and capture in captures and slot not in layout:
            return _of_event(FieldOf(field))
        return _kept(layout[slot])

    def wanted(self, event: Event, reading: Reading) -> Iterable[tuple[Hashable, ...]]:
        """The values that a live key may have in its joined slots, for the event to join it."""
        if self.nobody is not None and self.nobody(event, reading) is not None:
            return ()
        if len(self.offers) == 1:
            return [(value,) for value in self.offers[0](event, reading) or ()]
        return wanted_values(self.joins, self.offers, event, reading)

    def lacks(self, event: Event, reading: Reading) -> bool:
        """Whether the event does not say what it is to be joined by."""
        if self.nobody is not None and self.nobody(event, reading) is not None:
            return False
        return any(ask(event, reading) is None for ask in self.offers)

    def is_timely(self, before: Key, event: Event) -> bool:
        """Whether the event is within its limits from earlier moments."""
        for at, least, most in self.since:
            then = before[at]
            assert isinstance(then, int)
            gap = event.time - then
            if gap < least or (most is not None and gap > most):
                return False
        return True

    def holds(self, before: Key, event: Event, reading: Reading) -> bool:
        """Whether what the step asks of earlier captures and moments is true."""
        if self.since and not self.is_timely(before, event):
            return False
        if not all(test(event, before) is True for test in (self._back_by_parent if reading.by_parent else self._back)):
            return False
        for exclusion, test in self._exclusions:
            if applies(exclusion, event.time) and test(event, before) is True:
                if self.excepted_at != event.order:  # once an event, however many matches it is kept from
                    self.excepted_at = event.order
                    self.excepted[exclusion.reason] += 1
                return False
        return True

    def stop_at(self, before: Key, event: Event) -> Stop:
        """What stopped an event that does not hold."""
        if self.excepted_at == event.order:
            return Stop.EXCEPTED
        return Stop.CONDITION if self.is_timely(before, event) else Stop.LIMIT

    def stop(self, group: Group | Node, event: Event) -> Stop:
        """What stopped an event that can follow nothing in a group, of which something was ended."""
        within = group.interval(event.time, self.edge.least, self.edge.most, self.number)
        return Stop.LIMIT if within is None else Stop.KILLED

    def is_certain(self, before: Key, event: Event, reading: Reading) -> bool:
        """Whether an event that was taken for the step would be, were nothing allowed that is not known."""
        return all(test(event, before) is True for test in self._proofs[reading.by_parent])

    def ended(self, scope: Hashable, before: Key, oldest: int) -> int | None:
        """The order of the last event that must not lie between: what stood before it is over. Nothing stood before
        the event numbered `oldest`."""
        last = None
        for watch, at in self.absent:
            moment = watch.last(scope, [before[i] for i in at], oldest)
            if moment is not None and (last is None or moment[0] > last):
                last = moment[0]
        return last

    def is_first(self, scope: Hashable, before: Key, event: Event, reading: Reading) -> bool | None:
        """Whether nothing happened before that must not have; None where that is not known, and need not be."""
        known = True
        for watch, sources in self.prior:
            since = event.time - (watch.absence.limit or 0)
            probe = [value(before, event, reading) for value in sources]
            moment = watch.last(scope, probe, since=since)
            if moment is not None and moment[1] >= since:
                return False
            if not watch.is_known(probe, event, since):
                if not watch.sources.allowed:
                    return False
                known = False
        return True if known else None

    def is_proven(self, before: Key, event: Event, after: int) -> bool:
        """Whether what must not lie between would have been seen."""
        return all(watch.is_proven([before[i] for i in at], event, after) for watch, at in self.absent)

    def key(self, before: Key, event: Event, reading: Reading) -> Key:
        """The live key after this edge."""
        return tuple([value(before, event, reading) for value in self.build])


def _kept(at: int) -> Source:
    return lambda before, event, reading: before[at]


def _of_event(read: Callable[[Event, Reading], Any]) -> Source:
    return lambda before, event, reading: read(event, reading)


def _level(at: int | None, more: bool) -> Source:
    return lambda before, event, reading: (0 if at is None else before[at]) + more


def _introduced(before: Key, event: Event, reading: Reading) -> Any:
    return reading.introduced


def _actor(before: Key, event: Event, reading: Reading) -> Any:
    return reading.actor


def _time(before: Key, event: Event, reading: Reading) -> int:
    return event.time
