"""A condition, compiled: `where`, `except … when`, what an event and the captured values make of it.

Three-valued throughout: a test of a missing field is unknown, `not` of unknown is unknown, and only `exists` and
`at_least` turn it into an answer. Called by `readings` (the parts that read the event alone) and `matcher` (those that
look back).
"""

from chainrun.dsl.model import Binary, Call, CaptureField, Expression, Field, Literal, New, Not, RawField
from chainrun.dsl.types import ValueType

from ..event import Event
from .comparisons import COMPARISONS, compile_comparison
from .expressions import compile_value
from .fields import Reader, Rename, Slots, Test, Values, no_captures, unchanged
from .kleene import every_of, not_of, some_element, some_of
from .needs import looks_back, needs, reads
from .novelty import Novelty
from .raw import NULL

__all__ = ["Test", "compile_condition", "looks_back", "members", "needs", "reads"]


def compile_condition(
    expr: Expression, slot_of: Slots = no_captures, rename: Rename = unchanged, novelty: Novelty | None = None
) -> Test:
    """The test of an event and the captured values: True, False, or None for unknown.

    `slot_of(capture, field)` tells where a captured value stands in `values`; `rename` maps the names of the event's
    own fields before they are read; `novelty` answers `new(…)`. Raises ValueError for what cannot be evaluated.
    """

    def compile(e: Expression) -> Test:
        return compile_condition(e, slot_of, rename, novelty)

    match expr:
        case Binary(op="and") | Binary(op="or"):
            tests = tuple(compile(e) for e in members(expr, expr.op))
            return every_of(tests) if expr.op == "and" else some_of(tests)
        case Not():
            return not_of(compile(expr.operand))
        case Binary() if expr.op in COMPARISONS:
            return compile_comparison(expr.op, expr.left, expr.right, slot_of, rename)
        case Call(function="exists"):
            return _exists(tuple(compile_value(a, slot_of, rename) for a in expr.arguments))
        case Call(function="at_least"):
            n, *conditions = expr.arguments
            return _at_least(compile_value(n, slot_of, rename), tuple(map(compile, conditions)))
        case Literal(value=bool() | None as constant):
            return lambda event, values: constant
        case Field() | CaptureField() | RawField() | Call(type=ValueType.BOOLEAN):
            read = compile_value(expr, slot_of, rename)
            return lambda event, values: some_element(read(event, values), _truth)
        case New() if novelty is not None:
            return novelty.test(expr, rename)
        case _:
            raise ValueError(f"a condition stands here, not {type(expr).__name__}")


def members(expr: Expression, op: str) -> list[Expression]:
    """`a and b and c` as three, in the order written: without recursion a set of a thousand `or`s is no depth."""
    found: list[Expression] = []
    waiting = [expr]
    while waiting:
        e = waiting.pop()
        if isinstance(e, Binary) and e.op == op:
            waiting += (e.right, e.left)
        else:
            found.append(e)
    return found


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _exists(readers: tuple[Reader, ...]) -> Test:
    def is_there(value: object) -> bool:
        return value is not None and value is not NULL

    return lambda event, values: all(is_there(read(event, values)) for read in readers)


def _at_least(read_least: Reader, tests: tuple[Test, ...]) -> Test:
    def holds(event: Event, values: Values) -> bool | None:
        least = read_least(event, values)
        if not isinstance(least, int | float):
            return None
        return sum(test(event, values) is True for test in tests) >= least  # those that are unknown do not count

    return holds
