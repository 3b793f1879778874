"""Which chains an event concerns, and what it is for their steps.

Most events concern no chain. An event's kinds tell which steps it may be, so that no other is asked, and steps of
several chains that ask the same are one test, asked once. Any event at all may show that its process is open: of `open`
steps those are asked whose app this program can be, which is remembered by its name. Called by `engine`.
"""

from collections.abc import Container, Hashable, Iterable, Sequence
from typing import Any

import msgspec
from chainrun.dsl.model import Step, Value

from ..event import Event
from .entities import Entities
from .fields import reader
from .matcher import Matcher
from .memo import ENTRIES, is_short
from .novelty import Novelty
from .readings import Readings, StepTest, as_parent, is_from_host


class StepTests:
    """The tests of all chains' steps."""

    def __init__(self, entities: Entities, novelty: Novelty) -> None:
        self.entities = entities
        self.novelty = novelty
        self._tests: dict[Hashable, StepTest] = {}

    def __call__(self, step: Step, window: int | None) -> StepTest:
        """The test of a step: the one that there is, where another chain's step asks the same."""
        asked = [(p.kind.actor, p.kind.introduces, p.base, p.arguments, p.where, is_from_host(p)) for p in step.parts]
        lasting = window if any(part.base == "open" for part in step.parts) else None
        place = meaning((tuple(asked), step.where, step.exceptions)), lasting
        if place not in self._tests:
            self._tests[place] = StepTest(step, window, self.entities, self.novelty)
        return self._tests[place]

    def keep(self, used: Container[StepTest]) -> None:
        """Forget the tests of steps that nobody runs any more."""
        self._tests = {place: test for place, test in self._tests.items() if test in used}


def meaning(value: Any) -> Hashable:
    """A part of the model apart from where it was written: equal if it says the same."""
    if isinstance(value, Value):
        return type(value), *(meaning(getattr(value, name)) for name in value.__struct_fields__ if name != "span")
    return tuple(map(meaning, value)) if isinstance(value, tuple) else value


class _Plan(msgspec.Struct, frozen=True):
    """What events of the same kinds are put to: tests, `open` ones apart, and the chains that see them in any case."""

    tests: tuple[StepTest, ...]
    opening: frozenset[StepTest]
    watching: tuple[int, ...]


class Dispatch:
    """The steps of these chains, by what events must have for them."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._takers: dict[StepTest, list[tuple[int, int]]] = {}  # chain, number of the step in it
        for at, matcher in enumerate(matchers):
            for number, test in matcher.tests.items():
                self._takers.setdefault(test, []).append((at, number))
        self._matchers = tuple(matchers)
        self._plans: dict[frozenset[str], _Plan] = {}
        opening = [test for test in self._takers if test.is_open]
        self._own = _Apps(opening, by_parent=False)
        self._parents = _Apps(opening, by_parent=True)

    def concerned(self, event: Event) -> dict[int, Readings]:
        """The chains that an event concerns, and what it is for their steps."""
        plan = self._plans.get(event.kinds)
        if plan is None:
            plan = self._plans[event.kinds] = self._plan(event.kinds)
        found: dict[int, Readings] = {at: {} for at in plan.watching} if plan.watching else {}
        for test in plan.tests:
            readings = test.readings(event)
            if readings:
                self._give(found, test, readings)
        if plan.opening:
            for test in self._opening(event):
                if test in plan.opening and (readings := test.readings(event)):
                    self._give(found, test, readings)
        return found

    def _give(self, found: dict[int, Readings], test: StepTest, readings: Sequence[Any]) -> None:
        alone: Readings = {}
        for at, number in self._takers[test]:
            others = found.get(at)
            if others:
                found[at] = {**others, number: readings}
            else:  # most chains see one step in an event, and all that do so the same
                if number not in alone:
                    alone = {number: readings}
                found[at] = alone

    def _plan(self, kinds: frozenset[str]) -> _Plan:
        asked = [test for test in self._takers if kinds and test.kinds - {"open"} <= kinds]
        return _Plan(
            tests=tuple(test for test in asked if not test.is_open and test.kinds <= kinds),
            opening=frozenset(test for test in asked if test.is_open),
            watching=tuple(at for at, matcher in enumerate(self._matchers) if matcher.watches_for(kinds)),
        )

    def _opening(self, event: Event) -> Iterable[StepTest]:
        """The `open` steps whose app the process of an event, or who started it, can be."""
        own = self._own.of(event)
        if event.actor is None or event.actor is event.process:
            return own
        return dict.fromkeys((*own, *self._parents.of(event)))


class _Apps:
    """Which `open` steps a program can be the app of, remembered by its names."""

    def __init__(self, tests: Sequence[StepTest], by_parent: bool) -> None:
        self._tests = [(test, test.parent_apps if by_parent else test.apps) for test in tests]
        root = as_parent("process.") if by_parent else "process."
        self._name, self._path = reader(f"{root}name"), reader(f"{root}executable")
        self._known: dict[tuple[Any, ...], tuple[StepTest, ...]] = {}

    def of(self, event: Event) -> tuple[StepTest, ...]:
        names = event.os, self._name(event, ()), self._path(event, ())
        try:
            return self._known[names]
        except (KeyError, TypeError):  # a list of telemetry's is no key
            found = tuple(test for test, apps in self._tests if all(app(event, ()) is True for app in apps))
        if is_short(names[1]) and is_short(names[2]):
            if len(self._known) >= ENTRIES:
                self._known.clear()
            self._known[names] = found
        return found
