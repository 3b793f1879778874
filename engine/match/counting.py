"""Counted steps at work: which events belong to one count, and whether the count holds at one of them.

Events are counted by what they are joined on, so that a count costs one look-up however many matches are open: an
egress is counted for its process and all above it, and a match asks for the count of its own subject. Where the counted
events are compared with captures by more than equality, they are kept, and gathered anew for each match.
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import product
from operator import ge, gt, le, lt
from typing import Any

from chainrun.dsl.model import Measure, Step, StepExclusion

from ..event import Event
from ..timer import SWEEPS, Timer
from .automaton import Count, Join
from .conditions import compile_condition, reads
from .entities import Entities
from .equality import is_number
from .exclusions import applies
from .expressions import compile_number, compile_value
from .fields import Reader, Rename, Slots, Test, hashable, no_captures, unchanged
from .joining import Offer, offer
from .novelty import Novelty
from .readings import Reading, as_parent, looking_back
from .tallies import Cadence, Seen, Tally
from .wholes import key_of

_HOLDS = {">": gt, ">=": ge, "<": lt, "<=": le}

Readings = dict[int, list[Reading]]
Place = tuple[Hashable, tuple[Hashable, ...], tuple[Hashable, ...]]  # scope, joined values, `by` values


class Kept:
    """A counted event of a step that must be gathered for each match."""

    __slots__ = ("event", "member", "reading")

    def __init__(self, event: Event, reading: Reading, member: int) -> None:
        self.event = event
        self.reading = reading
        self.member = member


class Counter:
    """The counts of one counted step, for all matches."""

    def __init__(self, count: Count, window: int | None, entities: Entities, novelty: Novelty) -> None:
        self.count = count
        self.novelty = novelty
        self.span = _span(count)
        self.keep = self.span + (window or 0)
        self.sweep = Timer(self.keep // SWEEPS)
        self.offers = [[offer(join, entities) for join in joins] for _, joins, _, _ in count.steps]
        self.nobody = [offer(nobody, entities) if nobody is not None else None for _, _, nobody, _ in count.steps]
        self.by = [key_of(field.name, entities) for field in count.by]
        self.tallies: dict[Place, Tally | Cadence] = {}
        self.kept: dict[Hashable, list[Kept]] = {}
        self.is_joined = self._is_joined()
        renames = (unchanged, as_parent) if self.is_joined else ()
        self._measures = [measures(count, rename, novelty) for rename in renames]

    def _is_joined(self) -> bool:
        """Whether the joins say all that the count asks of captures."""
        slots = {tuple(join.slot for join in joins) for _, joins, _, _ in self.count.steps}
        measured = any(m.subject is not None and reads(m.subject) for m in self.count.measures)
        return (
            len(slots) == 1
            and not measured
            and all(
                sum(j.how == "value" for j in joins) == len(looking_back(step, lambda c, f: 0, unchanged, self.novelty))
                and not any(reads(e.when) for e in step.exceptions)
                for step, joins, _, _ in self.count.steps
            )
        )

    def note(self, event: Event, scope: Hashable, readings: Readings) -> None:
        """Count an event, if it is one of the step's."""
        for member, (step, _, _, _) in enumerate(self.count.steps):
            for reading in readings.get(step.number, ()):
                by = self.key(event, reading)
                known = self.nobody[member]
                if by is None or (known is not None and known(event, reading) is not None):
                    continue
                if not self.is_joined:
                    self.novelty.remember(event)
                    self.kept.setdefault((scope, by), []).append(Kept(event, reading, member))
                    continue
                measured = self.measure(event, reading)
                for wanted in wanted_values(self.count.steps[member][1], self.offers[member], event, reading):
                    place = scope, wanted, by
                    tally = self.tallies.get(place)
                    if tally is None:
                        tally = self.tallies[place] = self.new()
                    tally.add(event, step.number, measured)

    def key(self, event: Event, reading: Reading) -> tuple[Hashable, ...] | None:
        """The `by` values of an event; None where one is missing."""
        values = tuple(read(event, reading) for read in self.by)
        return None if None in values else values

    def new(self) -> Tally | Cadence:
        count = self.count
        if count.within is not None:
            return Tally(count.measures, count.within)
        assert count.shortest is not None and count.longest is not None
        return Cadence(count.shortest, count.longest, _longest_run(count))

    def measure(self, event: Event, reading: Reading) -> tuple[Any, ...]:
        return tuple(read(event, ()) for read in self._measures[reading.by_parent])

    def expire(self, now: int) -> None:
        if not self.sweep.is_due(now):
            return
        horizon = now - self.keep
        for place, tally in list(self.tallies.items()):
            tally.trim(horizon)
            if not tally.entries:
                del self.tallies[place]
        for scope, kept in list(self.kept.items()):
            self.kept[scope] = kept = [k for k in kept if k.event.time >= horizon]
            if not kept:
                del self.kept[scope]


class CountTest:
    """Whether the count of one edge holds: bounds, and what is gathered, read the live key before it."""

    def __init__(self, counter: Counter, slots: dict[str, int]) -> None:
        self.counter = counter
        count = counter.count
        at = {(capture, field): slots[slot] for capture, field, slot in count.reads}

        def slot_of(capture: str, field: str) -> int:
            return at[capture, field]

        self.bounds = [(_HOLDS[m.op], compile_number(m.bound, slot_of, unchanged)) for m in count.measures]
        self.joins = [[slots[join.slot] for join in joins] for _, joins, _, _ in count.steps]
        if not counter.is_joined:
            novelty = counter.novelty
            self.measures = [measures(count, rename, novelty, slot_of) for rename in (unchanged, as_parent)]
            self.back = [
                [
                    (*looking_back(step, slot_of, r, novelty), *excepted(step, slot_of, r))
                    for r in (unchanged, as_parent)
                ]
                for step, _, _, _ in count.steps
            ]

    def seen(
        self, scope: Hashable, wanted: tuple[Hashable, ...], before: tuple[Any, ...], event: Event, reading: Reading
    ) -> Seen | None:
        """The events that the count rests on at this event, if it holds."""
        counter = self.counter
        by = counter.key(event, reading)
        if by is None:
            return None
        tally = counter.tallies.get((scope, wanted, by)) if counter.is_joined else self._gather(scope, by, before)
        if tally is None:
            return None
        needed = 0
        for value, (holds, bound) in zip(tally.values, self.bounds, strict=True):
            limit = bound(event, before)
            if not is_number(limit) or not holds(value, limit):
                return None
            needed = int(max(0, min(limit, LONGEST_RUN))) + (holds is gt)
        return tally.moment(needed)

    def _gather(self, scope: Hashable, by: tuple[Hashable, ...], before: tuple[Any, ...]) -> Tally | Cadence:
        counter = self.counter
        tally = counter.new()
        for kept in counter.kept.get((scope, by), ()):
            event, reading, member = kept.event, kept.reading, kept.member
            if self._joins(member, event, reading, before):
                measured = tuple(read(event, before) for read in self.measures[reading.by_parent])
                step, _, _, loose = counter.count.steps[member]
                tally.add(event, step.number, measured)
                if loose:
                    tally.loose.add(event.order)
        return tally

    def _joins(self, member: int, event: Event, reading: Reading, before: tuple[Any, ...]) -> bool:
        for at, ask in zip(self.joins[member], self.counter.offers[member], strict=True):
            offered = ask(event, reading)
            if offered is None or before[at] not in offered:
                return False
        return all(test(event, before) is True for test in self.back[member][reading.by_parent])


def excepted(step: Step, slot_of: Slots, rename: Rename) -> Iterator[Test]:
    """The step's exceptions that read captures, turned round: whether none keeps the event away."""
    for exclusion in step.exceptions:
        if reads(exclusion.when):
            yield _kept_by_none(exclusion, compile_condition(exclusion.when, slot_of, rename))


def _kept_by_none(exclusion: StepExclusion, test: Test) -> Test:
    return lambda event, values: not (applies(exclusion, event.time) and test(event, values) is True)


def measures(count: Count, rename: Rename, novelty: Novelty, slot_of: Slots = no_captures) -> list[Reader]:
    """What is measured of a counted event, one reader for each measure."""
    return [_measure(m, rename, novelty, slot_of) for m in count.measures]


def _measure(measure: Measure, rename: Rename, novelty: Novelty, slot_of: Slots) -> Reader:
    if measure.subject is None:
        return lambda event, values: True
    if measure.function in ("count", "share"):
        return compile_condition(measure.subject, slot_of, rename, novelty)
    read = (compile_number if measure.function == "sum" else compile_value)(measure.subject, slot_of, rename)
    return lambda event, values: hashable(read(event, values))


def wanted_values(
    joins: tuple[Join, ...], offers: list[Offer], event: Event, reading: Reading
) -> Iterable[tuple[Hashable, ...]]:
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


def _span(count: Count) -> int:
    if count.within is not None:
        return count.within
    assert count.longest is not None
    return count.longest * _longest_run(count)


def _longest_run(count: Count) -> int:
    bound = count.measures[0].bound
    value = getattr(bound, "value", None)
    most = int(value) if isinstance(value, int | float) else LONGEST_RUN
    return most + (count.measures[0].op == ">")


# Where the length of a run is no constant: the checker allows no longer one.
LONGEST_RUN = 1000
