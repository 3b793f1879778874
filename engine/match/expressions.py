"""The values of conditions: fields, captures, constants, arithmetic and functions, compiled to readers.

A value that is missing, of the wrong type, or that no number can hold (a division by zero) is None: unknown. Of a list,
arithmetic gives a list. Called by `conditions` and `comparisons`.
"""

import math
from collections.abc import Callable
from typing import Any

from chainrun.dsl.functions import FUNCTIONS
from chainrun.dsl.model import Binary, Call, CaptureField, Expression, Field, Literal, Negative, RawField, Words
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import LABELS

from .equality import is_number
from .fields import Reader, Rename, Slots, captured, reader
from .globs import plain, spelled, spelled_text
from .memo import Memo
from .raw import raw_name, read_raw
from .texts import number

Readers = Callable[[str], Reader]


def is_value(expr: Expression) -> bool:
    """Whether the expression is read from an event, and not constant."""
    return isinstance(expr, Field | CaptureField | RawField | Call | Binary | Negative)


def is_untyped(expr: Expression) -> bool:
    """Whether the value is whatever is there: of a raw field, or of a label."""
    return isinstance(expr, RawField) or (isinstance(expr, Field | CaptureField) and expr.name.startswith(LABELS))


def type_of(expr: Expression) -> ValueType:
    """The type by whose rules a value is compared; of raw fields it is whatever is there."""
    match expr:
        case Field() | CaptureField() | Literal() | Call() | Binary() | Negative():
            return expr.type
        case _:
            return ValueType.TEXT


def field_readers(expr: Field | CaptureField, slot_of: Slots, rename: Rename) -> Readers:
    """How the field and its neighbours (of `process.name`, `process.args`) are read: from the event, or its capture."""
    if isinstance(expr, CaptureField):
        capture = expr.capture
        return lambda name: captured(slot_of(capture, name))
    return lambda name: reader(rename(name))


def compile_value(expr: Expression, slot_of: Slots, rename: Rename) -> Reader:
    """The reader of an expression's value."""
    match expr:
        case Literal():
            constant = plain(spelled_text(expr.value, expr.quote)) if isinstance(expr.value, str) else expr.value
            return lambda event, values: constant
        case Field() | CaptureField():
            return field_readers(expr, slot_of, rename)(expr.name)
        case RawField():
            if expr.capture is not None:
                return captured(slot_of(expr.capture, raw_name(expr.path)))
            read = read_raw(expr.path)
            return lambda event, values: read(event)
        case Negative():
            return _each(compile_number(expr.operand, slot_of, rename), lambda v: -v if is_number(v) else None)
        case Binary() if expr.op in _ARITHMETIC:
            return _arithmetic(
                _ARITHMETIC[expr.op],
                compile_number(expr.left, slot_of, rename),
                compile_number(expr.right, slot_of, rename),
            )
        case Call():
            return _call(expr, slot_of, rename)
        case _:
            raise ValueError(f"a value stands here, not {type(expr).__name__}")


def compile_number(expr: Expression, slot_of: Slots, rename: Rename) -> Reader:
    """The reader of a value where a number is asked for: of what has no type, the number that its text writes."""
    read = compile_value(expr, slot_of, rename)
    return _each(read, lambda v: number(v) if isinstance(v, str) else v) if is_untyped(expr) else read


# -- arithmetic ----------------------------------------


def _divide(a: Any, b: Any) -> Any:
    return a / b if b else None


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
}


def _arithmetic(operate: Callable[[Any, Any], Any], left: Reader, right: Reader) -> Reader:
    def compute(a: Any, b: Any) -> Any:
        if not (is_number(a) and is_number(b)):
            return None
        try:
            result = operate(a, b)
        except OverflowError:  # a whole number of telemetry's may have any length
            return None
        return result if result is not None and _is_finite(result) else None

    def read(event: Any, values: tuple[Any, ...]) -> Any:
        a, b = left(event, values), right(event, values)
        if isinstance(a, tuple):
            return None if isinstance(b, tuple) else _known(compute(x, b) for x in a)
        if isinstance(b, tuple):
            return _known(compute(a, y) for y in b)
        return compute(a, b)

    return read


def _is_finite(value: Any) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _known(found: Any) -> tuple[Any, ...]:
    return tuple(found)


def _each(read: Reader, change: Callable[[Any], Any]) -> Reader:
    def changed(event: Any, values: tuple[Any, ...]) -> Any:
        value = read(event, values)
        return _known(map(change, value)) if isinstance(value, tuple) else change(value)

    return changed


# -- functions ----------------------------------------


def _call(expr: Call, slot_of: Slots, rename: Rename) -> Reader:
    function = FUNCTIONS[expr.function]
    body = function.body
    if body is None:
        raise ValueError(f"`{expr.function}` is a condition and not a value")
    takes_lists = function.lists
    given = expr.arguments
    if isinstance(given[-1], Words):
        assert function.greatest is not None
        memo: Memo[Any] = Memo(function.greatest(tuple(plain(spelled(word)) for word in given[-1].words)))
        body, given = memo.__getitem__, given[:-1]
    arguments = tuple(
        (compile_number if takes is ValueType.NUMBER else compile_value)(a, slot_of, rename)
        for a, takes in zip(given, function.takes, strict=False)
    )

    def read(event: Any, values: tuple[Any, ...]) -> Any:
        found = [argument(event, values) for argument in arguments]
        if any(v is None or (isinstance(v, tuple | list) and not takes_lists) for v in found):
            return None
        try:
            return body(*found)
        except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):
            return None  # a value of another type than the field is said to have

    return read
