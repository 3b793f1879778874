"""Counted steps at work: which events belong to one count, and whether the count holds at one of them.

Events are counted by what they are joined on, so that a count costs one look-up however many matches are open: an
egress is counted for its process and all above it, and a match asks for the count of its own subject. Where a link is
taken on trust (`->?`) it asks for two: that of its subject, and that of the events of nobody knows whom. Where the
counted events are compared with captures by more than equality, those that join are gathered anew for each match.
"""

from collections import Counter as Counted
from collections.abc import Hashable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import product
from operator import ge, gt, le, lt
from typing import Any

from chainrun.dsl.model import Measure, Step, StepExclusion

from ..event import Event
from ..timer import SWEEPS, Timer
from .automaton import Count, CountedStep, Join
from .conditions import compile_condition, reads
from .digests import digested
from .entities import Entities
from .equality import is_number
from .exclusions import applies
from .expressions import compile_number, compile_value
from .fields import Reader, Slots, Test, hashable, no_captures, unchanged
from .joining import Offer, offer
from .ledger import Basis, Ledger, Seen
from .novelty import Novelty
from .readings import Reading, Readings, looking_back
from .tallies import Cadence, Pile, Place, Sliding, Tally
from .wholes import key_of

_HOLDS = {">": gt, ">=": ge, "<": lt, "<=": le}

Key = tuple[Hashable, ...]


class _Way:
    """One way of counting a step's events, made ready. `table`: which of the counter's joins it has."""

    def __init__(self, counted: CountedStep, table: int, entities: Entities) -> None:
        self.number = counted.step.number
        self.table = table
        self.joins = counted.joins
        self.offers = [offer(join, entities) for join in counted.joins]
        self.nobody = offer(counted.nobody, entities) if counted.nobody is not None else None

    def places(self, event: Event, reading: Reading) -> list[Place]:
        if self.nobody is not None and self.nobody(event, reading) is not None:
            return []
        return [(self.table, values) for values in wanted_values(self.joins, self.offers, event, reading)]


class Counter:
    """The counts of one counted step, for all matches."""

    def __init__(self, count: Count, window: int | None, entities: Entities, novelty: Novelty) -> None:
        self.count = count
        self.novelty = novelty
        self.reach = count.reach
        self.keep = count.span + (window or 0)
        self.sweep = Timer(self.keep // SWEEPS)
        # the slots that events are joined on, and the one that must be known for what nobody is known of to count
        self.tables = list(dict.fromkeys((step.slots, step.nobody) for step in count.steps))
        self.ways = [_Way(step, self.tables.index((step.slots, step.nobody)), entities) for step in count.steps]
        self.by = [key_of(field.name, entities) for field in count.by]
        self.ledgers: dict[tuple[Hashable, Key], Ledger] = {}
        self._measures = measures(count, novelty) if count.shared else []
        # what is measured of every event of a plain count: one for all of a flood
        self._plain = (True,) * len(count.measures) if all(m.subject is None for m in count.measures) else None

    def note(self, event: Event, scope: Hashable, readings: Readings) -> None:
        """Count an event, if it is one of the step's."""
        for number, way in enumerate(self.ways):
            for reading in readings.get(way.number, ()):
                by = self.key(event, reading)
                places = way.places(event, reading) if by is not None else []
                if by is None or not places:
                    continue
                ledger = self.ledgers.get((scope, by))
                if ledger is None:
                    ledger = self.ledgers[scope, by] = Ledger(self.count)
                ledger.slide(event.time - self.reach)
                ledger.add(event, number, places, self._what(event, number), self._new)

    def key(self, event: Event, reading: Reading) -> Key | None:
        """The `by` values of an event; None where it is not counted: one is missing, or it shows merely that an app is
        open, which it does by being any event of that app."""
        if reading.implicit and (reading.by_parent or "open" not in event.kinds):
            return None
        values = tuple(read(event, reading) for read in self.by)
        return None if None in values else values

    def _what(self, event: Event, way: int) -> Any:
        if self.count.shared:
            return self._plain or tuple(read(event, ()) for read in self._measures)
        self.novelty.remember(event)
        return event.time, event, way

    def _new(self, place: Place) -> Tally:
        return self.empty(place) if self.count.shared else Pile(place)

    def empty(self, place: Place) -> Tally:
        """A count of nothing yet."""
        count = self.count
        if count.within is not None:
            return Sliding(place, count.measures)
        assert count.shortest is not None and count.longest is not None
        return Cadence(place, count.shortest, count.longest, count.run)

    def weigh(self) -> Counted[Hashable]:
        found: Counted[Hashable] = Counted()
        for (scope, _), ledger in self.ledgers.items():
            found[scope] += ledger.weight
        return found

    def shed(self, shares: Mapping[Hashable, float]) -> Counted[Hashable]:
        """Forgets these shares of what each scope's is, the oldest first."""
        found: Counted[Hashable] = Counted()
        for scope, share in shares.items():
            places = [place for place in self.ledgers if place[0] == scope]
            times = sorted(time for place in places for time in self.ledgers[place].times)
            if (count := int(len(times) * share)) > 0:
                found[scope] = count
                self._forget(places, times[count - 1])
        return found

    def expire(self, now: int) -> None:
        if self.sweep.is_due(now):
            self._forget(list(self.ledgers), now - self.keep)

    def _forget(self, places: Iterable[tuple[Hashable, Key]], until: int) -> None:
        for place in places:
            self.ledgers[place].forget(until)
            if self.ledgers[place].is_empty:
                del self.ledgers[place]


class CountTest:
    """Whether the count of one edge holds: bounds, and what is gathered, read the live key before it."""

    def __init__(self, counter: Counter, slots: dict[str, int]) -> None:
        self.counter = counter
        count, novelty = counter.count, counter.novelty
        at = {(capture, field): slots[slot] for capture, field, slot in count.reads}

        def slot_of(capture: str, field: str) -> int:
            return at[capture, field]

        self.bounds = [(_HOLDS[m.op], compile_number(m.bound, slot_of, unchanged)) for m in count.measures]
        self.tables = [
            (tuple(slots[slot] for slot in joined), slots[nobody.slot] if nobody is not None else None)
            for joined, nobody in counter.tables
        ]
        if not count.shared:
            self.measures = measures(count, novelty, slot_of)
            self.back = [
                (*looking_back(s.step, slot_of, unchanged, novelty), *excepted(s.step, slot_of)) for s in count.steps
            ]

    def seen(self, scope: Hashable, before: Key, event: Event, reading: Reading) -> Seen | None:
        """What the count rests on at this event, if it holds."""
        counter = self.counter
        by = counter.key(event, reading)
        ledger = counter.ledgers.get((scope, by)) if by is not None else None
        if ledger is None:
            return None
        tallies = self._tallies(ledger, before)
        if not tallies:
            return None
        count = counter.count
        counted = tallies if count.shared else [self._gather(tallies, before)]
        for value, (holds, bound) in zip(counted[0].values(*counted[1:]), self.bounds, strict=True):
            limit = bound(event, before)
            if not is_number(limit) or not holds(value, limit):
                return None
        basis = Basis(ledger, tuple(tallies)) if count.shared else Basis(ledger, tuple(tallies), self.passes, before)
        is_loose = any(tally.loose > event.time - count.span for tally in counted)
        if is_loose and count.within is None:  # of a cadence not all that was looked at stand in the run
            is_loose = any(count.steps[way].loose for _, way in basis.chosen([event]))
        return Seen(basis, event, is_loose)

    def _tallies(self, ledger: Ledger, before: Key) -> list[Tally]:
        """Those of what this match is joined on."""
        found = []
        for table, (at, known) in enumerate(self.tables):
            if known is None or before[known] is not None:
                tally = ledger.tallies.get((table, tuple([before[i] for i in at])))
                if tally is not None:
                    found.append(tally)
        return found

    def _gather(self, tallies: list[Tally], before: Key) -> Tally:
        """The count of one match."""
        counter = self.counter
        gathered = counter.empty((0, ()))
        held = [tally.held for tally in tallies if isinstance(tally, Pile)]
        for at, event, way in merge(*held, key=lambda taken: (taken[0], taken[1].order)):
            if self.passes(event, way, before):
                gathered.add(event, tuple(read(event, before) for read in self.measures))
                if counter.count.steps[way].loose:
                    gathered.loose = at
        return gathered

    def passes(self, event: Event, way: int, before: Key) -> bool:
        """Whether an event of those that are joined on the same counts for this match."""
        return all(test(event, before) is True for test in self.back[way])


def excepted(step: Step, slot_of: Slots) -> Iterator[Test]:
    """The step's exceptions that read captures, turned round: whether none keeps the event away."""
    for exclusion in step.exceptions:
        if reads(exclusion.when):
            yield _kept_by_none(exclusion, compile_condition(exclusion.when, slot_of))


def _kept_by_none(exclusion: StepExclusion, test: Test) -> Test:
    return lambda event, values: not (applies(exclusion, event.time) and test(event, values) is True)


def measures(count: Count, novelty: Novelty, slot_of: Slots = no_captures) -> list[Reader]:
    """What is measured of a counted event, one reader for each measure."""
    return [_measure(m, novelty, slot_of) for m in count.measures]


def _measure(measure: Measure, novelty: Novelty, slot_of: Slots) -> Reader:
    if measure.subject is None:
        return lambda event, values: True
    if measure.function in ("count", "share"):
        return compile_condition(measure.subject, slot_of, unchanged, novelty)
    if measure.function == "sum":
        return compile_number(measure.subject, slot_of, unchanged)
    read = compile_value(measure.subject, slot_of, unchanged)
    return lambda event, values: digested(hashable(read(event, values)))


def wanted_values(joins: tuple[Join, ...], offers: list[Offer], event: Event, reading: Reading) -> Iterable[Key]:
    """The values that a live key may have in its joined slots, for the event to join it."""
    if len(joins) == 1:
        return ((value,) for value in offers[0](event, reading) or ())
    # two joins on one slot ask for one value that satisfies both
    choices: dict[str, list[Hashable]] = {}
    for join, ask in zip(joins, offers, strict=True):
        found = ask(event, reading) or []
        if join.slot in choices:
            both = set(found)
            found = [value for value in choices[join.slot] if value in both]
        choices[join.slot] = found
    slots = list(choices)
    at = [slots.index(join.slot) for join in joins]
    return (tuple(values[i] for i in at) for values in product(*choices.values()))
