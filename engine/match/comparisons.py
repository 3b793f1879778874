"""What stands between two values of a condition: `== != < in like matches contains` and their negations.

`!=` and `not in` are the negations of `==` and `in`, so that of a list they mean that no element passes. A word, or a
text compared by `==`, follows the rules of the field's type; two values that are both read from telemetry are compared
without wildcards. Called by `conditions`.
"""

import operator
from collections.abc import Callable
from typing import Any

from chainrun.dsl.model import (
    AnyOf,
    ButNot,
    CaptureField,
    Expression,
    Field,
    FromCapture,
    Literal,
    Lookup,
    NotIn,
    Pattern,
    Word,
    Words,
)
from chainrun.dsl.types import ValueType

from ..event import Event
from .equality import is_number, same
from .expressions import compile_number, compile_value, field_readers, is_untyped, is_value, type_of
from .fields import Reader, Rename, Slots, Test, Values
from .globs import compile_regex, plain, spelled
from .kleene import not_of, some_element
from .memo import Memo
from .raw import NULL
from .schedules import compile_schedule
from .texts import number
from .words import check_leaf, combine, field_test, member
from .wordsets import texts

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NEGATED = {
    "!=": "==",
    "not in": "in",
    "outside": "in",
    "not like": "like",
    "not matches": "matches",
    "not contains": "contains",
}
COMPARISONS = frozenset({"==", "in", "like", "matches", "contains", *_ORDER, *_NEGATED})


def compile_comparison(op: str, left: Expression, right: Expression, slot_of: Slots, rename: Rename) -> Test:
    """The test of one comparison."""
    if op in _NEGATED:
        return not_of(compile_comparison(_NEGATED[op], left, right, slot_of, rename))
    if op in _ORDER:
        return _order(_ORDER[op], compile_number(left, slot_of, rename), compile_number(right, slot_of, rename))
    if op in ("like", "matches", "contains"):
        return _of_texts(op, left, right, slot_of, rename)
    return _equals(left, right, slot_of, rename)


# -- == and in ----------------------------------------


def _equals(left: Expression, right: Expression, slot_of: Slots, rename: Rename) -> Test:
    if isinstance(left, Literal) and is_value(right):
        left, right = right, left  # `"x" in process.args` asks for membership
    if isinstance(right, Lookup):
        return _lookup(left, right, slot_of, rename)
    if isinstance(right, Literal):
        if right.type is ValueType.SCHEDULE:
            return _schedule(compile_value(left, slot_of, rename), compile_schedule(str(right.value)))
        if right.value is None:
            return _is_null(compile_value(left, slot_of, rename))
        if isinstance(right.value, str):
            right = Words(words=(Word(right.value, right.quote),), name=right.name)
    if isinstance(right, Words | AnyOf | ButNot | NotIn):
        return _member(left, right, slot_of, rename)
    a, b = compile_value(left, slot_of, rename), compile_value(right, slot_of, rename)
    if is_untyped(left) or is_untyped(right):
        return _as_the_other(a, b) if is_untyped(left) else _as_the_other(b, a)
    typed = left if not isinstance(left, Literal) else right
    is_same = same(type_of(typed), typed.name if isinstance(typed, Field | CaptureField) else "")

    def holds(event: Event, values: Values) -> bool | None:
        one, other = a(event, values), b(event, values)
        if isinstance(one, tuple) or isinstance(other, tuple):
            return some_element(one, lambda x: some_element(other, lambda y: is_same(x, y, event.os)))
        return None if one is None or other is None else is_same(one, other, event.os)

    return holds


def _member(left: Expression, pattern: Pattern, slot_of: Slots, rename: Rename) -> Test:
    if is_untyped(left):
        return field_test(compile_value(left, slot_of, rename), pattern, _untyped_check)
    if isinstance(left, Field | CaptureField):
        return member(field_readers(left, slot_of, rename), left.name, left.type, pattern, slot_of)
    read = compile_value(left, slot_of, rename)
    return field_test(read, pattern, check_leaf(type_of(left), "", slot_of))


def _untyped_check(pattern: Words | FromCapture) -> Callable[[Any, Event, Values], bool | None]:
    """Words for a value without a type, which may be a number in one source and its text in the next."""
    assert isinstance(pattern, Words)
    holds = texts(pattern.words).holds
    numbers = frozenset(n for w in pattern.words if (n := number(w.text)) is not None)

    def check(value: Any, event: Event, values: Values) -> bool | None:
        if isinstance(value, str):
            return holds[value]
        if isinstance(value, bool):
            return holds["true" if value else "false"]
        return value in numbers if is_number(value) else None

    return check


def _as_the_other(untyped: Reader, other: Reader) -> Test:
    """A value without a type is compared as what stands on the other side: `"4624"` in the record equals 4624."""

    def is_same(value: Any, wanted: Any) -> bool | None:
        if value is NULL or value is None:
            return None
        if is_number(wanted) and isinstance(value, str):
            value = number(value)
        elif isinstance(wanted, str) and is_number(value):
            value = str(value)
        elif isinstance(wanted, bool) and isinstance(value, str):
            value = {"true": True, "false": False}.get(value)
        if (is_number(value) and is_number(wanted)) or (isinstance(value, str) and isinstance(wanted, str)):
            return bool(value == wanted)
        return value is wanted if isinstance(value, bool) and isinstance(wanted, bool) else None

    def holds(event: Event, values: Values) -> bool | None:
        wanted = other(event, values)
        return some_element(untyped(event, values), lambda v: some_element(wanted, lambda w: is_same(v, w)))

    return holds


def _is_null(read: Reader) -> Test:
    """A canonical field that is there is not null; one that is missing is unknown, and `exists` asks for that."""
    return lambda event, values: some_element(read(event, values), lambda value: value is NULL)


def _schedule(read: Reader, holds: Callable[[int], bool | None]) -> Test:
    def is_inside(at: Any) -> bool | None:
        return holds(at) if isinstance(at, int) and not isinstance(at, bool) else None

    return lambda event, values: some_element(read(event, values), is_inside)


def _lookup(left: Expression, lookup: Lookup, slot_of: Slots, rename: Rename) -> Test:
    """Membership in the words that the map holds for the key's value: of every entry whose word the key matches."""
    key = lookup.key
    read_key = field_readers(key, slot_of, rename)(key.name)
    leaf = check_leaf(key.type, key.name, slot_of)
    entries = tuple(
        (combine(Words(words=(word,)), leaf), _member(left, words, slot_of, rename)) for word, words in lookup.entries
    )
    read_left = compile_value(left, slot_of, rename)

    def holds(event: Event, values: Values) -> bool | None:
        value = read_key(event, values)
        if value is None or read_left(event, values) is None:
            return None
        unknown = False
        for is_key, is_member in entries:
            chosen = some_element(value, lambda v, is_key=is_key: is_key(v, event, values))  # type: ignore[misc]
            if chosen is False:
                continue
            truth = is_member(event, values)
            if chosen and truth:
                return True
            unknown = unknown or truth is not False
        return None if unknown else False

    return holds


# -- < and its like ----------------------------------------


def _order(compare: Callable[[Any, Any], bool], left: Reader, right: Reader) -> Test:
    def holds_of(a: Any, b: Any) -> bool | None:
        return compare(a, b) if is_number(a) and is_number(b) else None

    def holds(event: Event, values: Values) -> bool | None:
        a, b = left(event, values), right(event, values)
        if isinstance(a, tuple) or isinstance(b, tuple):
            return some_element(a, lambda x: some_element(b, lambda y: holds_of(x, y)))
        return holds_of(a, b)

    return holds


# -- like, matches, contains ----------------------------------------


def _of_texts(op: str, left: Expression, right: Expression, slot_of: Slots, rename: Rename) -> Test:
    """A text against any word of a set. `contains` also takes a value read from telemetry."""
    read = compile_value(left, slot_of, rename)
    if is_value(right):
        if op != "contains":
            raise ValueError(f"what stands right of `{op}` is a constant")
        part = compile_value(right, slot_of, rename)
        return lambda event, values: some_element(
            read(event, values), lambda text: some_element(part(event, values), lambda p: _contains(text, p))
        )
    if isinstance(right, Lookup):
        raise ValueError(f"what stands right of `{op}` is a text or a set")
    if isinstance(right, Literal):
        right = Words(words=(Word(str(right.value), right.quote),))
    assert isinstance(right, Words | AnyOf | ButNot | NotIn)

    def leaf(pattern: Words | FromCapture) -> Callable[[Any, Event, Values], bool | None]:
        assert isinstance(pattern, Words)
        holds = _memo(op, pattern.words)
        return lambda value, event, values: holds[value] if isinstance(value, str) else None

    return field_test(read, right, leaf)


def _contains(text: Any, part: Any) -> bool | None:
    return part in text if isinstance(text, str) and isinstance(part, str) else None


def _memo(op: str, words: tuple[Word, ...]) -> Memo[bool]:
    if op == "like":
        return texts(words, folded=True).holds
    if op == "contains":
        parts = tuple(plain(spelled(w)) for w in words)
        return Memo(lambda text: any(part in text for part in parts))
    searches = tuple(compile_regex(w.text, whole=False) for w in words)
    return Memo(lambda text: any(search(text) for search in searches))
