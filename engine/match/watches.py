"""What must not have happened: when an event of an absent step last did, by what it was joined on.

    open as app -> !write -> spawn        every write is noted under its actor and all above it;
                                          a spawn asks: when was the last one under this app?

Noted once an event, asked once a look-up, however many matches are open. What is unknown counts as happened, on either
side: an event that may be anybody's is noted for all, and a match that lacks the value asks for any. Only of `event`,
which takes anything, a record that lacks what is tested is no such event. Where captures are compared by more than
equality, the events themselves are kept and looked through, newest first.
"""

from collections.abc import Hashable, Sequence
from enum import Enum
from itertools import product
from typing import Any

from ..event import Event
from ..timer import SWEEPS, Timer
from .automaton import Absence
from .conditions import Test
from .entities import Entities
from .fields import unchanged
from .joining import offer
from .novelty import Novelty
from .readings import Reading, StepTest, as_parent, looking_back
from .sources import Moment


class _Mark(Enum):
    """A place in a table of marks that is no value."""

    ANY = "asked by everybody"
    SOME = "asked by whoever lacks a value"


ANY, SOME = _Mark.ANY, _Mark.SOME

Marks = dict[tuple[Hashable, tuple[Hashable, ...]], Moment]
Offers = list[list[Hashable] | None]


class Watch:
    """Keeps watch for one absence."""

    def __init__(self, absence: Absence, window: int | None, entities: Entities, novelty: Novelty) -> None:
        self.absence = absence
        self.certain = absence.certain
        self.novelty = novelty
        self.sources = novelty.sources
        self.keep = absence.limit if absence.limit is not None else window
        self.sweep = Timer((self.keep or 0) // SWEEPS)
        self.slots = absence.slots
        # what has no kind but what its fields make of it must have the fields
        self.plain = all(part.base == "event" for part in absence.step.parts)
        self.test = StepTest(absence.step, window, entities, novelty, certain=absence.certain or self.plain)
        self._strict = [self.certain or (self.plain and j.how in ("value", "entity")) for j in absence.joins]
        self._offers = [offer(join, entities) for join in absence.joins]
        self._at = [self.slots.index(join.slot) for join in absence.joins]
        slots = {(capture, field): self.slots.index(slot) for capture, field, slot in absence.reads}

        def slot_of(capture: str, field: str) -> int:
            return slots[capture, field]

        self._back = looking_back(absence.step, slot_of, unchanged, novelty)
        self._back_by_parent = looking_back(absence.step, slot_of, as_parent, novelty)
        joined = sum(join.how == "value" for join in absence.joins)
        self.marks: Marks | None = {} if joined == len(self._back) else None
        self.log: dict[Hashable, list[tuple[Event, Reading]]] = {}

    def note(self, event: Event, scope: Hashable) -> None:
        """Remember an event, if it is one of the absent step's."""
        for reading in self.test.readings(event):
            if self.marks is None:
                self.novelty.remember(event)
                self.log.setdefault(scope, []).append((event, reading))
                continue
            offered = [ask(event, reading) for ask in self._offers]
            moment = (event.order, event.time)
            for key in product(*self._places(offered)):
                self.marks[scope, key] = moment

    def _places(self, offered: Offers) -> list[list[Hashable]]:
        places: list[list[Hashable]] = []
        for values, strict in zip(offered, self._strict, strict=True):
            if strict:
                places.append(values or [])
            else:
                places.append([ANY, SOME] if values is None else [*values, SOME])
        return places

    def last(self, scope: Hashable, probe: Sequence[Any], after: int = -1) -> Moment | None:
        """When it last happened to a match with these values in `slots`, if that is known, and not before the event
        numbered `after`."""
        if self.marks is None:
            return self._look(scope, probe, after)
        wanted = [self._asked(probe[at]) for at in self._at]
        keys: list[list[Hashable]] = []
        for values, strict in zip(wanted, self._strict, strict=True):
            if strict:
                keys.append(values or [])
            else:
                keys.append([SOME] if values is None else [*values, ANY])
        found = [moment for key in product(*keys) if (moment := self.marks.get((scope, key))) is not None]
        return max(found, default=None)

    @staticmethod
    def _asked(value: Any) -> list[Hashable] | None:
        if isinstance(value, list):  # whoever may have led to the event
            return value
        return None if value is None else [value]

    def is_proven(self, event: Event, after: int) -> bool:
        """Whether it would have been seen between the event numbered `after` and now."""
        return self.certain or self.sources.is_alive(event, self.test.kinds, after)

    def _look(self, scope: Hashable, probe: Sequence[Any], after: int) -> Moment | None:
        values = tuple(probe)
        wanted = [self._asked(values[at]) for at in self._at]
        for event, reading in reversed(self.log.get(scope, ())):
            if event.order < after:
                break
            if self._joins(wanted, event, reading) and self._holds(event, reading, values):
                return event.order, event.time
        return None

    def _joins(self, wanted: Offers, event: Event, reading: Reading) -> bool:
        for values, ask, strict in zip(wanted, self._offers, self._strict, strict=True):
            offered = ask(event, reading)
            if values is None or offered is None:
                if strict:
                    return False
            elif not any(value in offered for value in values):
                return False
        return True

    def _holds(self, event: Event, reading: Reading, values: tuple[Any, ...]) -> bool:
        tests: tuple[Test, ...] = self._back_by_parent if reading.by_parent else self._back
        if self.certain or self.plain:
            return all(test(event, values) is True for test in tests)
        return all(test(event, values) is not False for test in tests)

    def expire(self, now: int) -> None:
        """Forget what nobody looks back to any more."""
        if self.keep is None or not self.sweep.is_due(now):
            return
        horizon = now - self.keep
        if self.marks is not None:
            for place in [p for p, (_, time) in self.marks.items() if time < horizon]:
                del self.marks[place]
        for scope, log in list(self.log.items()):
            kept = [entry for entry in log if entry[0].time >= horizon]
            if kept:
                self.log[scope] = kept
            else:
                del self.log[scope]
