"""What an event can be for a step: the step's own event-only tests, and who acts and is introduced.

Mostly an event is one thing for a step. `open` is the exception: one record may show an app being opened and, at the
same time, the app that opened it, running since before the window, which is open at each of its events.
"""

from collections.abc import Iterator
from typing import Any

from chainrun.dsl import model
from chainrun.dsl.model import Step
from chainrun.dsl.types import Entity

from ..event import Event
from ..process import Process
from .conditions import Test, compile_condition, members, reads
from .fields import Reader, Rename, Slots, no_captures, reader, unchanged
from .files import FileKeys
from .raw import read_raw
from .words import compile_pattern


class Reading:
    """One way in which an event satisfies a step.

    introduced  the Process, or the file's (host, path key) keys, that it introduces
    implicit    it shows only that its process is open
    by_parent   the step's `process.*` fields are the record's `process.parent.*`
    """

    __slots__ = ("actor", "by_parent", "implicit", "introduced")

    def __init__(self, actor: Process | None, introduced: Any, implicit: bool = False, by_parent: bool = False) -> None:
        self.actor = actor
        self.introduced = introduced
        self.implicit = implicit
        self.by_parent = by_parent

    @property
    def process(self) -> Process | None:
        """The process that the step is about: whom it introduced, else who acted."""
        return self.introduced if isinstance(self.introduced, Process) else self.actor


def as_parent(name: str) -> str:
    """Where a step that takes the parent for its process reads a field."""
    return f"process.parent.{name[8:]}" if name.startswith("process.") else name


class Opaque:
    """Stands in a live key for an object or a nested list of a record: it is there, and equal to nothing."""


OPAQUE = Opaque()


def _hashable(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    return OPAQUE if isinstance(value, dict | list) else value


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
        return _hashable((self.of_parent if reading.by_parent else self.own)(event, ()))


class StepTest:
    """A step without what it asks of earlier steps.

    `readings(event)` gives the ways in which the event satisfies it. The conditions that look back at captures are left
    to the edges.
    """

    def __init__(self, step: Step, window: int | None, files: FileKeys) -> None:
        self.step = step
        self.window = window
        self.files = files
        self.kinds = frozenset(part.base for part in step.parts) - {"event"}  # anything is an `event`
        self.is_open = "open" in self.kinds
        self.tests = list(_event_only(step, unchanged))
        self.parent_tests = list(_event_only(step, as_parent)) if self.is_open else []
        introduced = step.introduces
        self.introduces_process = introduced is not None and introduced.entity is Entity.PROCESS
        self.introduces_at = introduced.field if introduced is not None else ""
        self.introduces_file = introduced is not None and introduced.entity is Entity.FILE
        self.target = introduced is not None and introduced.field == "process.target"
        self.actor_is_self = step.parts[0].kind.actor == "process" and step.parts[0].base in ("open", "crash", "exit")

    def readings(self, event: Event) -> Iterator[Reading]:
        if self.is_open:
            yield from self._open(event)
        elif self.kinds <= event.kinds and self._holds(event, self.tests):
            actor = event.process if self.actor_is_self else event.actor
            yield Reading(actor, self._introduced(event))

    def _open(self, event: Event) -> Iterator[Reading]:
        others = self.kinds - {"open"}
        if not others <= event.kinds:
            return
        explicit = "open" in event.kinds
        if explicit and self._holds(event, self.tests):
            yield Reading(event.process, event.process, self._is_open_before(event.process, event))
        actor = event.actor
        if actor is None or (explicit and actor is event.process) or not self._is_open_before(actor, event):
            return
        if actor is event.process:
            if self._holds(event, self.tests):
                yield Reading(actor, actor, True)
        elif self._holds(event, self.parent_tests):
            yield Reading(actor, actor, True, True)

    def _is_open_before(self, process: Process | None, event: Event) -> bool:
        """Started before the input, or before the window that this event would begin."""
        if process is None:
            return False
        if process.start is None:
            return True
        return self.window is not None and event.time - process.start > self.window

    @staticmethod
    def _holds(event: Event, tests: list[Test]) -> bool:
        return all(test(event, ()) is True for test in tests)

    def _introduced(self, event: Event) -> Any:
        if self.introduces_process:
            return event.target if self.target else event.process
        if self.introduces_file:
            return self.files.key(event, event.fields.get(self.introduces_at))
        return None


def _event_only(step: Step, rename: Rename) -> Iterator[Test]:
    """The tests of a step that read nothing but its own event."""
    for part in step.parts:
        for argument in part.arguments:
            if not reads(argument.pattern):
                yield compile_pattern(argument.pattern, argument.target, rename=rename, actor=part.kind.actor)
        if part.where is not None:
            yield from _conjuncts(part.where, rename, own=True)
    if step.where is not None:
        yield from _conjuncts(step.where, rename, own=True)


def _conjuncts(condition: model.Expression, rename: Rename, own: bool, slot_of: Slots = no_captures) -> Iterator[Test]:
    """A condition's parts between `and`s: those that read captures (own False), or those that do not."""
    for part in members(condition, "and"):
        if own == (not reads(part)):
            yield compile_condition(part, slot_of, rename)


def looking_back(step: Step, slot_of: Slots, rename: Rename) -> tuple[Test, ...]:
    """The tests of a step that read captures, given where each value stands in the live key."""
    tests: list[Test] = []
    for part in step.parts:
        for argument in part.arguments:
            pattern = argument.pattern
            # an entity as the whole argument is a join, exact by itself
            if reads(pattern) and not (isinstance(pattern, model.FromCapture) and pattern.field is None):
                tests.append(compile_pattern(pattern, argument.target, slot_of, rename, part.kind.actor))
        if part.where is not None:
            tests.extend(_conjuncts(part.where, rename, False, slot_of))
    if step.where is not None:
        tests.extend(_conjuncts(step.where, rename, False, slot_of))
    return tuple(tests)
