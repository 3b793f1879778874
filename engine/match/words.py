"""A pattern of an argument, compiled: does an event pass, or is that unknown?

The types have their own rooms (`programs`, `locations`, `destinations`, `images`, `texts`) for what a word means; here
the words of a pattern are combined, and put to the field or field set that the argument tests. Called by `readings`,
and by `comparisons` for what stands right of `in` and `==`.
"""

from collections.abc import Callable
from typing import Any

from chainrun.dsl.model import AnyOf, ButNot, FromCapture, NotIn, Pattern, Target, Words
from chainrun.dsl.types import ValueType

from .. import paths
from ..event import Event
from .digests import digested
from .endpoints import destination_leaf
from .equality import same
from .fields import Reader, Rename, Slots, Test, Values, captured, no_captures, reader, unchanged
from .kleene import Truth, every_of, not_of, some, some_of
from .locations import Locations
from .subjects import (
    actor_program,
    ancestor_leaf,
    is_program_field,
    program_at,
    program_leaf,
    program_of_field,
)
from .texts import ids, numbers, truths
from .wordsets import ByPlatform, destinations, images, locations, texts

Check = Callable[[Any, Event, Values], bool | None]  # one value of a field: is it in the set?

_NUMERIC = frozenset({ValueType.NUMBER, ValueType.BYTES, ValueType.PERCENTAGE, ValueType.DURATION, ValueType.TIME})


def compile_pattern(
    pattern: Pattern,
    target: Target,
    slot_of: Slots = no_captures,
    rename: Rename = unchanged,
    actor: str | None = None,
) -> Test:
    """The test of an event against an argument's pattern.

    `slot_of` tells where a captured value stands in the tuple that the test is called with; `rename` maps a field
    before it is read; `actor` is the field set of who acts in the step's kind, for `<actor>`.
    """
    field = target.field
    if field == "<ancestor>":
        return combine(pattern, ancestor_leaf(slot_of))
    if field == "<actor>":
        return combine(pattern, program_leaf(actor_program(actor, rename), slot_of))
    if target.type is ValueType.PROGRAM:
        if is_program_field(field):
            return member(lambda name: reader(rename(name)), field, target.type, pattern, slot_of)
        return combine(pattern, program_leaf(program_at(field, rename), slot_of))
    if target.type is ValueType.DESTINATION and field in ("destination", "source"):
        return combine(pattern, destination_leaf(field, rename, slot_of))
    return member(lambda name: reader(rename(name)), field, target.type, pattern, slot_of)


def member(
    read: Callable[[str], Reader], field: str, type: ValueType, pattern: Pattern, slot_of: Slots = no_captures
) -> Test:
    """The test of one field, of the event or of a capture, against a pattern."""
    if type is ValueType.PROGRAM:
        return combine(pattern, lambda p: program_leaf(program_of_field(field, read, p), slot_of)(p))
    return field_test(read(field), pattern, check_leaf(type, field, slot_of))


def combine(pattern: Pattern, leaf: Callable[[Words | FromCapture], Truth]) -> Truth:
    """The three-valued combination of a pattern's parts. Words that are only added up become one set: one look-up."""
    match pattern:
        case Words() | FromCapture():
            return leaf(pattern)
        case AnyOf():
            members = tuple(_flat(pattern))
            words = tuple(dict.fromkeys(w for m in members if isinstance(m, Words) for w in m.words))
            others = tuple(combine(m, leaf) for m in members if not isinstance(m, Words))
            return some_of(((leaf(Words(words=words)),) if words else ()) + others or (leaf(Words(words=())),))
        case ButNot():
            return every_of((combine(pattern.pattern, leaf), not_of(combine(pattern.without, leaf))))
        case NotIn():
            return not_of(combine(pattern.pattern, leaf))


def _flat(pattern: AnyOf) -> list[Pattern]:
    return [m for p in pattern.patterns for m in (_flat(p) if isinstance(p, AnyOf) else [p])]


def field_test(read: Reader, pattern: Pattern, leaf: Callable[[Words | FromCapture], Check]) -> Test:
    """The test of a field's value: of a list any element passes, under an outermost `not` none does."""
    if isinstance(pattern, NotIn):
        return not_of(field_test(read, pattern.pattern, leaf))
    check = combine(pattern, leaf)

    def holds(event: Event, values: Values) -> bool | None:
        value = read(event, values)
        if value is None:
            return None
        if isinstance(value, tuple | list):
            return some(check(v, event, values) for v in value)
        return check(value, event, values)

    return holds


def check_leaf(type: ValueType, field: str, slot_of: Slots) -> Callable[[Words | FromCapture], Check]:
    """How words, or a captured value, test one value of a type."""

    def leaf(pattern: Words | FromCapture) -> Check:
        if isinstance(pattern, Words):
            return check_words(pattern, type, field)
        is_same = same(type, field)
        given_by = captured(slot_of(pattern.capture, pattern.field or ""))
        is_entity = pattern.field is None

        def holds(value: Any, event: Event, values: Values) -> bool | None:
            given = given_by(event, values)
            if is_entity and isinstance(given, tuple) and len(given) == 2:  # a file: its host and path's key
                if not isinstance(value, str):
                    return None
                return bool(given == (event.host, digested(paths.key(value, event.os))))
            if isinstance(given, tuple):
                return some(is_same(value, g, event.os) for g in given)
            return None if given is None else is_same(value, given, event.os)

        return holds

    return leaf


def check_words(pattern: Words, type: ValueType, field: str = "") -> Check:
    """How words test one value of a type; a value of another type is unknown."""
    words = pattern.words
    if type is ValueType.PATH:
        sets: ByPlatform[Locations] = ByPlatform(lambda os: locations(words, os))
        return lambda value, event, values: (
            sets[paths.platform_of(event.os, value)].holds[value] if isinstance(value, str) and value else None
        )
    if type is ValueType.DESTINATION:
        return _texts_only(destinations(words).holds)
    if type is ValueType.IMAGE:
        return _texts_only(images(words).holds)
    if type in _NUMERIC:
        is_number = numbers(words)
        return lambda value, event, values: is_number(value)
    if type is ValueType.BOOLEAN:
        is_truth = truths(words)
        return lambda value, event, values: is_truth(value)
    if field == "container.id" or type is ValueType.ENTITY:
        return _texts_only(ids(words))
    if ".hash." in field:  # hexadecimal: the case of its digits says nothing
        return _texts_only(texts(words, folded=True).holds)
    return _texts_only(texts(words).holds)


def _texts_only(holds: dict[str, Any]) -> Check:
    return lambda value, event, values: holds[value] if isinstance(value, str) else None
