"""What an event can be for a step: the step's own event-only tests, and who acts and is introduced.

Mostly an event is one thing for a step. `open` is the exception: one record may show an app being opened and, at the
same time, the app that opened it, running since before the window, which is open at each of its events.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from chainrun.dsl import model
from chainrun.dsl.model import Part, Step
from chainrun.dsl.types import Entity

from ..event import Event
from ..process import Process
from .conditions import Test, compile_condition, members, reads
from .entities import Entities
from .exclusions import applies
from .fields import Reader, Rename, Slots, hashable, no_captures, reader, unchanged
from .known import HOST
from .needs import has_calls
from .novelty import Novelty
from .raw import read_raw
from .words import compile_pattern


class Reading:
    """One way in which an event satisfies a step.

    actor       the Process that acts, or another entity's key
    introduced  the Process, the file's (host, path key), or another entity's key, that it introduces
    process     whom the step is about: whom it introduced, else who acted, if that is a process
    implicit    it shows only that its process is open
    by_parent   the step's `process.*` fields are the record's `process.parent.*`
    """

    __slots__ = ("actor", "by_parent", "implicit", "introduced", "process")

    def __init__(self, actor: Any, introduced: Any, implicit: bool = False, by_parent: bool = False) -> None:
        self.actor = actor
        self.introduced = introduced
        self.implicit = implicit
        self.by_parent = by_parent
        self.process: Process | None = None
        if isinstance(introduced, Process):
            self.process = introduced
        elif isinstance(actor, Process):
            self.process = actor


# What an event is for the steps of a chain, by their numbers; steps that it is nothing for are not there.
Readings = dict[int, Sequence[Reading]]


def as_parent(name: str) -> str:
    """Where a step that takes the parent for its process reads a field."""
    return f"process.parent.{name[8:]}" if name.startswith("process.") else name


class FieldOf:
    """A field of a step's event, as the step reads it."""

    def __init__(self, name: str) -> None:
        if name.startswith('raw."'):
            raw = read_raw(name[5:-1])
            self.own: Reader = lambda event, values: raw(event)
            self.of_parent: Reader = self.own
        else:
            self.own = reader(name)
            self.of_parent = reader(as_parent(name))

    def __call__(self, event: Event, reading: Reading) -> Any:
        return hashable((self.of_parent if reading.by_parent else self.own)(event, ()))


class StepTest:
    """A step without what it asks of earlier steps.

    `readings(event)` gives the ways in which the event satisfies it. The conditions that look back at captures are left
    to the edges. Of a step that must not happen (`certain` False) an event that may satisfy it satisfies it.
    """

    def __init__(
        self, step: Step, window: int | None, entities: Entities, novelty: Novelty, *, certain: bool = True
    ) -> None:
        self.step = step
        self.window = window
        self.entities = entities
        self.kinds = frozenset(part.base for part in step.parts) - {"event"}  # anything is an `event`
        self.is_open = "open" in self.kinds
        self.certain = certain
        self.tests = list(_event_only(step, unchanged, novelty))
        if any(map(is_from_host, step.parts)):
            self.tests.append(self._is_from_host)
        self.parent_tests = list(_event_only(step, as_parent, novelty)) if self.is_open else []
        # those of an `open` step that ask for nothing but the app's names
        self.apps = list(_apps(step, unchanged)) if self.is_open else []
        self.parent_apps = list(_apps(step, as_parent)) if self.is_open else []
        self.exclusions = _exclusions(step, unchanged, novelty)
        self.parent_exclusions = _exclusions(step, as_parent, novelty) if self.is_open else []
        self.excepted: Counter[str] = Counter()
        self.unknown = 0  # events of its kinds that do not say enough to tell whether they are the step
        introduced = step.introduces
        self.introduces_process = introduced is not None and introduced.entity is Entity.PROCESS
        self.introduces_at = introduced.field if introduced is not None else ""
        self.introduces = introduced.entity if introduced is not None else None
        self.acting = step.parts[0].kind.actor or ""
        self.target = introduced is not None and introduced.field == "process.target"
        self.actor_is_self = step.parts[0].kind.actor == "process" and step.parts[0].base in ("open", "crash", "exit")

    def readings(self, event: Event) -> Sequence[Reading]:
        if self.is_open:
            return list(self._open(event))
        if event.kinds and self.kinds <= event.kinds and self._holds(event):  # without any kind it only tells time
            return (Reading(self._actor(event), self._introduced(event)),)
        return ()

    def judge(self, event: Event) -> bool | None:
        """Whether an event of its kinds, taken for itself, is the step; None where the event does not say enough."""
        found = [test(event, ()) for test in self.tests]
        return False if False in found else None if None in found else True

    def _open(self, event: Event) -> Iterator[Reading]:
        others = self.kinds - {"open"}
        if not others <= event.kinds:
            return
        explicit = "open" in event.kinds
        if explicit and self._holds(event):
            yield Reading(event.process, event.process, self._is_open_before(event.process, event))
        actor = event.actor
        if actor is None or (explicit and actor is event.process) or not self._is_open_before(actor, event):
            return
        if actor is event.process:
            if self._holds(event):
                yield Reading(actor, actor, True)
        elif self._holds(event, by_parent=True):
            yield Reading(actor, actor, True, True)

    def _is_open_before(self, process: Process | None, event: Event) -> bool:
        """Started before the input, or before the window that this event would begin."""
        if process is None:
            return False
        if process.start is None:
            return True
        return self.window is not None and event.time - process.start > self.window

    def _holds(self, event: Event, by_parent: bool = False) -> bool:
        tests = self.parent_tests if by_parent else self.tests
        certain = self.certain
        for test in tests:  # no generator: half the time
            truth = test(event, ())
            if not truth and (certain or truth is not None):
                if truth is None and not by_parent:
                    self.unknown += self.judge(event) is None
                return False
        for exclusion, test in self.parent_exclusions if by_parent else self.exclusions:
            if applies(exclusion, event.time) and test(event, ()) is True:
                self.excepted[exclusion.reason] += 1
                return False
        return True

    def _is_from_host(self, event: Event, values: Any) -> bool | None:
        """Whether the source address was the host's own then."""
        hosts = self.entities.source(event, None)
        return event.host in hosts if hosts else None

    def _actor(self, event: Event) -> Any:
        if self.acting == "user":
            return self.entities.actor(event, "user")
        return event.process if self.actor_is_self else event.actor

    def _introduced(self, event: Event) -> Any:
        if self.introduces_process:
            return event.target if self.target else event.process
        if self.introduces is Entity.FILE:
            return self.entities.files.key(event, event.fields.get(self.introduces_at))
        return self.entities.key(event, self.introduces, self.introduces_at) if self.introduces is not None else None


def is_from_host(part: Part) -> bool:
    """Whether it is linked to the host that the event came from."""
    return any(link.word == "from" and link.capture == HOST for link in part.links)


def _exclusions(step: Step, rename: Rename, novelty: Novelty) -> list[tuple[model.StepExclusion, Test]]:
    """The step's exceptions that read nothing but its own event."""
    return [
        (e, compile_condition(e.when, rename=rename, novelty=novelty)) for e in step.exceptions if not reads(e.when)
    ]


def _apps(step: Step, rename: Rename) -> Iterator[Test]:
    """The tests of an `open` step that ask for the names of the app, and for nothing else."""
    for part in step.parts:
        for argument in part.arguments:
            target, pattern = argument.target, argument.pattern
            if target.field == "process" and not reads(pattern) and not has_calls(pattern):
                yield compile_pattern(pattern, target, rename=rename)


def _event_only(step: Step, rename: Rename, novelty: Novelty) -> Iterator[Test]:
    """The tests of a step that read nothing but its own event."""
    for part in step.parts:
        for argument in part.arguments:
            if not reads(argument.pattern):
                yield compile_pattern(argument.pattern, argument.target, rename=rename, actor=part.kind.actor)
        if part.where is not None:
            yield from _conjuncts(part.where, rename, novelty, own=True)
    if step.where is not None:
        yield from _conjuncts(step.where, rename, novelty, own=True)


def _conjuncts(
    condition: model.Expression, rename: Rename, novelty: Novelty, own: bool, slot_of: Slots = no_captures
) -> Iterator[Test]:
    """A condition's parts between `and`s: those that read captures (own False), or those that do not."""
    for part in members(condition, "and"):
        if own == (not reads(part)):
            yield compile_condition(part, slot_of, rename, novelty)


def looking_back(step: Step, slot_of: Slots, rename: Rename, novelty: Novelty) -> tuple[Test, ...]:
    """The tests of a step that read captures, given where each value stands in the live key."""
    tests: list[Test] = []
    for part in step.parts:
        for argument in part.arguments:
            pattern = argument.pattern
            # an entity as the whole argument is a join, exact by itself
            if reads(pattern) and not (isinstance(pattern, model.FromCapture) and pattern.field is None):
                tests.append(compile_pattern(pattern, argument.target, slot_of, rename, part.kind.actor))
        if part.where is not None:
            tests.extend(_conjuncts(part.where, rename, novelty, False, slot_of))
    if step.where is not None:
        tests.extend(_conjuncts(step.where, rename, novelty, False, slot_of))
    return tuple(tests)
