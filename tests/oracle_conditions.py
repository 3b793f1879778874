"""What holds of an event, in three values: conditions and arguments, read off the language's page on them.

Part of the oracle (`tests/oracle.py`). None is unknown, whether it stands for a value or for a truth. The world is small:
words are exact, no path or program is spelt in two ways.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from chainrun.dsl import model
from chainrun.dsl.model import Step
from chainrun.engine.event import Event

Truth = bool | None
TIME = "@timestamp"


class Proc(NamedTuple):
    """A process of the oracle's own world: its host and pid are its identity."""

    host: str
    pid: int


@dataclass(frozen=True, eq=False)
class Taken:
    """An event in the place of a step. `fields` are the step's view of it; `implicit`: the open of a process that merely
    acts."""

    step: Step
    event: Event
    fields: dict[str, Any]
    introduced: Hashable
    actor: Hashable
    implicit: bool


class Captured(NamedTuple):
    """What a name stands for: an event, and an entity: what its step introduced, else who acted in it."""

    name: str
    taken: Taken
    entity: Hashable


Bound = tuple[Captured, ...]


def captured(bound: Bound, name: str) -> Captured | None:
    return next((c for c in bound if c.name == name), None)


def every(truths: Iterable[Truth]) -> Truth:
    """Kleene's `and`."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def elements(value: Any) -> tuple[Any, ...]:
    """A list passes if any element does; one value is a list of one."""
    return value if isinstance(value, tuple) else (value,)


def told(value: Any) -> Hashable:
    """A value as what is equal to it in telemetry is equal to it: to Python true is the number 1."""
    return tuple(map(told, value)) if isinstance(value, tuple) else (isinstance(value, bool), value)


def sort(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def equal(a: Any, b: Any) -> Truth:
    """Whether two values are equal; of a truth, a text and a number that is not known."""
    found = [told(x) == told(y) if sort(x) == sort(y) else None for x in elements(a) for y in elements(b)]
    return negated(every(map(negated, found)))


RELATIONS: dict[str, Callable[[Any, Any], Truth]] = {
    "==": equal,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
}


class Conditions:
    """Conditions over the events of one stream, which `new` looks back on."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    # -- values ---------------------------------------------------------------

    def value(self, e: Any, taken: Taken, bound: Bound) -> Any:
        match e:
            case model.Literal():
                return e.value
            case model.Field():
                return self.field(e.name, taken)
            case model.CaptureField():
                other = captured(bound, e.capture)
                return None if other is None else self.field(e.name, other.taken)
            case model.Negative():
                operand = self.value(e.operand, taken, bound)
                return None if operand is None else -operand
            case model.Binary() if e.op in ARITHMETIC:
                left, right = self.value(e.left, taken, bound), self.value(e.right, taken, bound)
                return None if left is None or right is None else ARITHMETIC[e.op](left, right)
            case model.Call(function="length"):
                measured = self.value(e.arguments[0], taken, bound)
                return None if measured is None else len(measured)
        return self.truth(e, taken, bound)

    @staticmethod
    def field(name: str, taken: Taken) -> Any:
        return taken.event.time if name == TIME else taken.fields.get(name)

    # -- truths ---------------------------------------------------------------

    def truth(self, e: Any, taken: Taken, bound: Bound) -> Truth:
        match e:
            case model.Binary(op="and"):
                return every((self.truth(e.left, taken, bound), self.truth(e.right, taken, bound)))
            case model.Binary(op="or"):
                return negated(
                    every((negated(self.truth(e.left, taken, bound)), negated(self.truth(e.right, taken, bound))))
                )
            case model.Not():
                return negated(self.truth(e.operand, taken, bound))
            case model.Binary(op="!="):
                return negated(self.compared("==", e, taken, bound))
            case model.Binary() if e.op.startswith("not "):
                return negated(self.contained(e, taken, bound))
            case model.Binary(op="in"):
                return self.contained(e, taken, bound)
            case model.Binary():
                return self.compared(e.op, e, taken, bound)
            case model.Call(function="exists"):
                return self.value(e.arguments[0], taken, bound) is not None
            case model.Call(function="at_least"):
                number = self.value(e.arguments[0], taken, bound)
                true = [c for c in e.arguments[1:] if self.truth(c, taken, bound) is True]
                return None if number is None else len(true) >= number
            case model.New():
                return self.is_new(e, taken)
            case model.Literal() | model.Field() | model.CaptureField():
                found = self.value(e, taken, bound)
                assert found is None or isinstance(found, bool)
                return found
        raise AssertionError(e)

    def compared(self, op: str, e: model.Binary, taken: Taken, bound: Bound) -> Truth:
        left, right = self.value(e.left, taken, bound), self.value(e.right, taken, bound)
        return None if left is None or right is None else RELATIONS[op](left, right)

    def contained(self, e: model.Binary, taken: Taken, bound: Bound) -> Truth:
        """`x in { a, b }`, `x in a_list`."""
        left = self.value(e.left, taken, bound)
        match e.right:
            case model.Field() | model.CaptureField():
                right = self.value(e.right, taken, bound)
                return None if left is None or right is None else RELATIONS["=="](left, right)
        return self.matches(e.right, left)

    def is_new(self, e: model.New, taken: Taken) -> Truth:
        """No earlier event of the kind, on any host, has the same values of all the fields."""
        if any(taken.fields.get(f.name) is None for f in e.fields):
            return None
        mine = [told(taken.fields.get(f.name)) for f in e.fields]
        now = taken.event
        return not any(
            (e.kind in before.kinds or e.kind == "event")
            and before.order < now.order
            and before.time >= now.time - e.look_back
            and [told(before.fields.get(f.name)) for f in e.fields] == mine
            for before in self.events
        )

    # -- arguments ------------------------------------------------------------

    def matches(self, pattern: Any, value: Any) -> Truth:
        """Whether a value is one of a set's words; of a list, whether any element is."""
        match pattern:
            case model.Words():
                return None if value is None else any(v == w.text for v in elements(value) for w in pattern.words)
            case model.AnyOf():
                return negated(every(negated(self.matches(p, value)) for p in pattern.patterns))
            case model.ButNot():
                return every((self.matches(pattern.pattern, value), negated(self.matches(pattern.without, value))))
            case model.NotIn():
                return negated(self.matches(pattern.pattern, value))
        raise AssertionError(pattern)

    def passes(self, pattern: Any, target: model.Target, taken: Taken, bound: Bound) -> Truth:
        """Whether an argument holds."""
        match pattern:
            case model.NotIn():
                return negated(self.passes(pattern.pattern, target, taken, bound))
            case model.FromCapture():
                other = captured(bound, pattern.capture)
                if other is None:
                    return None
                if pattern.field is not None:
                    known, value = self.tested(pattern.field, other.taken), self.tested(target.field, taken)
                    return None if known is None or value is None else RELATIONS["=="](known, value)
                mine = self.entities(target.field, taken)
                return None if mine is None or other.entity is None else other.entity in mine
        return self.matches(pattern, self.tested(target.field, taken))

    @staticmethod
    def tested(field: str, taken: Taken) -> Any:
        """The value of a field; of a set of fields, what stands for it in this world."""
        if field in ("process", "process.parent"):
            return taken.fields.get(f"{field}.name")
        if field == "destination":
            return taken.fields.get("destination.domain")
        return taken.fields.get(field)

    @staticmethod
    def entities(field: str, taken: Taken) -> tuple[Hashable, ...] | None:
        """The processes, or files, that the event has there."""
        host = taken.event.host
        if field in ("process", "process.parent"):
            pid = taken.fields.get(f"{field}.pid")
            return None if pid is None else (Proc(host, pid),)
        paths = taken.fields.get(field)
        return None if paths is None else tuple((host, path) for path in elements(paths))
