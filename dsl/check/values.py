"""Constants: what the value of a parameter, an override or an inline set comes to.

Names inside a value are looked up through a function that the caller brings, so that this room knows nothing of how
parameters are declared or overridden.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec
from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.source import Span
from chainrun.dsl.types import ValueType

from . import spelling
from .faults import Faults
from .words import Written

Constant = model.Literal | model.Pattern | spelling.Entries

NOUNS = {
    ValueType.TEXT: "a text",
    ValueType.NUMBER: "a number",
    ValueType.BYTES: "a number of bytes",
    ValueType.PERCENTAGE: "a percentage",
    ValueType.DURATION: "a duration",
    ValueType.TIME: "a time",
    ValueType.BOOLEAN: "true or false",
    ValueType.PROGRAM: "a program",
    ValueType.PATH: "a file path",
    ValueType.DESTINATION: "a destination",
    ValueType.IMAGE: "an image reference",
    ValueType.REGEX: "a regular expression",
    ValueType.SCHEDULE: "a schedule",
    ValueType.WORDS: "a set of words",
    ValueType.MAP: "a map",
    ValueType.ENTITY: "an entity",
}
FACTORS = {"": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
DEEPEST = 200  # sets joined to sets, through parameters too: what walks a pattern may recurse without fear
MOST_WORDS = 200_000  # of one value
WORDY = frozenset({ValueType.WORDS, ValueType.TEXT})
SCALARS = frozenset({ValueType.NUMBER, ValueType.BYTES, ValueType.PERCENTAGE, ValueType.DURATION})


class Valued(msgspec.Struct, frozen=True):
    """A constant: its type and value, the words it is made of with their places, the parameters it includes."""

    type: ValueType
    value: Constant
    written: tuple[Written, ...] = ()
    includes: tuple[str, ...] = ()
    depth: int = 0  # of joined sets


LookUp = Callable[[tree.Name | tree.Path, Faults], Valued | None]
Value = tree.Expression | tree.Pattern | tree.MapValue


def evaluate(value: Value, look_up: LookUp, faults: Faults) -> Valued | None:
    """What a value comes to; None after a reported fault."""
    match value:
        case tree.Duration() | tree.Number() | tree.Truth(value=bool()):
            literal = constant(value)
            return Valued(literal.type, literal)
        case tree.Truth():
            faults.error("C501", "`null` is not a value that a parameter can have", value.span)
            return None
        case tree.Text():
            word = Written(model.Word(value.text, value.quote), value.span, faults)
            return Valued(ValueType.TEXT, constant(value), (word,))
        case tree.WordSet():
            return _words(value, look_up, faults)
        case tree.MapValue():
            return _entries(value, look_up, faults)
        case tree.Path(parts=(name,)):
            found = look_up(value, faults)
            return found and Valued(
                found.type, named(found.value, name, value.span), found.written, (name,), found.depth
            )
        case tree.Path():
            faults.error("C501", f"`{'.'.join(value.parts)}` is a field, and a constant stands here", value.span)
            return None
        case tree.SetUnion() | tree.SetDifference():
            return _two(value, look_up, faults)
        case _:
            faults.error("C501", "a constant, a set or a map stands here", value.span)
            return None


def constant(value: tree.Duration | tree.Number | tree.Truth | tree.Text) -> model.Literal:
    """A literal as written: durations in microseconds, sizes in bytes, a percentage as its fraction (40% is 0.4)."""
    match value:
        case tree.Duration():
            return model.Literal(value=value.microseconds, type=ValueType.DURATION, span=value.span)
        case tree.Truth():
            return model.Literal(value=value.value, type=ValueType.BOOLEAN, span=value.span)
        case tree.Text():
            return model.Literal(value=value.text, type=ValueType.TEXT, quote=value.quote, span=value.span)
    number = Decimal(value.text.removesuffix(value.unit)) * (-1 if value.negative else 1)
    if value.unit == "%":
        return model.Literal(value=float(number / 100), type=ValueType.PERCENTAGE, span=value.span)
    type_ = ValueType.BYTES if value.unit else ValueType.NUMBER
    number *= FACTORS[value.unit]
    whole = number == number.to_integral_value()
    return model.Literal(value=int(number) if whole or value.unit else float(number), type=type_, span=value.span)


def _words(value: tree.WordSet, look_up: LookUp, faults: Faults) -> Valued | None:
    own: list[model.Word] = []
    beside: list[model.Pattern] = []
    written: list[Written] = []
    includes: list[str] = []
    faulty = False
    depth = 0
    for item in value.items:
        if len(written) > MOST_WORDS:
            _report_too_many(item.span, faults)
            return None
        if isinstance(item, tree.Word):
            own.append(model.Word(item.text, item.quote))
            written.append(Written(own[-1], item.span, faults))
            continue
        found = look_up(item.name, faults)
        if found is None:
            faulty = True
        elif found.type not in WORDY:
            faults.error(
                "C501", f"`{item.name.text}` is {NOUNS[found.type]}, and `...` includes sets of words", item.span
            )
            faulty = True
        else:
            includes.append(item.name.text)
            written.extend(found.written)
            depth = max(depth, found.depth)
            inner = as_pattern(found.value)
            if isinstance(inner, model.Words):
                own.extend(inner.words)
            else:
                beside.append(inner)
    if faulty:
        return None
    plain = model.Words(words=tuple(dict.fromkeys(own)), span=value.span)
    result = model.AnyOf(patterns=(plain, *beside), span=value.span) if beside else plain
    return Valued(ValueType.WORDS, result, tuple(written), tuple(includes), depth + bool(beside))


def _report_too_many(span: Span, faults: Faults) -> None:
    faults.error("C107", f"a set of more than {MOST_WORDS:,} words", span, "one too many")


def _entries(value: tree.MapValue, look_up: LookUp, faults: Faults) -> Valued | None:
    entries: list[tuple[model.Word, model.Words]] = []
    written: list[Written] = []
    includes: list[str] = []
    first: dict[str, Span] = {}
    for entry in value.entries:
        if first.setdefault(entry.key.text, entry.key.span) is not entry.key.span:
            also = (Label(first[entry.key.text], "first here"),)
            faults.error("C208", f"`{entry.key.text}` stands twice in this map", entry.key.span, also=also)
        inner = _words(entry.value, look_up, faults)
        if inner is None:
            return None
        if not isinstance(inner.value, model.Words):
            faults.error("C501", "a map holds plain sets of words", entry.value.span)
            return None
        entries.append((model.Word(entry.key.text, entry.key.quote), inner.value))
        written.extend(inner.written)
        includes.extend(inner.includes)
    return Valued(ValueType.MAP, tuple(entries), tuple(written), tuple(includes))


def _two(value: tree.SetUnion | tree.SetDifference, look_up: LookUp, faults: Faults) -> Valued | None:
    left, right = evaluate(value.left, look_up, faults), evaluate(value.right, look_up, faults)
    if left is None or right is None:
        return None
    operator = "+" if isinstance(value, tree.SetUnion) else "-"
    if left.type in SCALARS and left.type is right.type:
        return _calculated(left, right, operator, value.span)
    for side, node in ((left, value.left), (right, value.right)):
        if side.type not in WORDY:
            faults.error("C501", f"`{operator}` joins sets here, and this is {NOUNS[side.type]}", node.span)
            return None
    if len(left.written) + len(right.written) > MOST_WORDS:
        _report_too_many(value.span, faults)
        return None
    if max(left.depth, right.depth) >= DEEPEST:
        faults.error("C107", f"sets joined to sets, more than {DEEPEST} deep", value.span, "one too many")
        return None
    return joined(left, right, operator, value.span)


def _calculated(left: Valued, right: Valued, operator: str, span: Span) -> Valued | None:
    assert isinstance(left.value, model.Literal)
    assert isinstance(right.value, model.Literal)
    a, b = left.value.value, right.value.value
    assert isinstance(a, int | float)
    assert isinstance(b, int | float)
    result = model.Literal(value=a + b if operator == "+" else a - b, type=left.type, span=span)
    return Valued(left.type, result, includes=left.includes + right.includes)


def joined(left: Valued, right: Valued, operator: str, span: Span) -> Valued:
    """`A + B` or `A - B` of two sets."""
    a, b = as_pattern(left.value), as_pattern(right.value)
    pattern: model.Pattern
    if operator == "+":
        pattern = model.AnyOf(patterns=(a, b), span=span)
        written = left.written
    else:
        pattern = model.ButNot(pattern=a, without=b, span=span)
        # something is taken from the left set, so that a `*` in it is not over-broad
        written = tuple(Written(w.word, w.span, w.faults, whole=True) for w in left.written)
    depth = max(left.depth, right.depth) + 1
    return Valued(ValueType.WORDS, pattern, written + right.written, left.includes + right.includes, depth)


def changed(valued: Valued, by: Valued, operator: str, span: Span) -> Valued:
    """A set after `+=` or `-=`: words added once; words taken out where they stand in it, and excepted where not (they
    may be covered by a wildcard or lie beneath a path)."""
    old, new = as_pattern(valued.value), as_pattern(by.value)
    if not (isinstance(old, model.Words) and isinstance(new, model.Words)):
        return joined(valued, by, operator[0], span)
    includes = valued.includes + by.includes
    if operator == "+=":
        words = model.Words(words=tuple(dict.fromkeys(old.words + new.words)), span=old.span)
        return Valued(ValueType.WORDS, words, valued.written + by.written, includes)
    gone, there = {word.text for word in new.words}, {word.text for word in old.words}
    kept = tuple(word for word in old.words if word.text not in gone)
    rest = tuple(word for word in new.words if word.text not in there)
    left = Valued(
        ValueType.WORDS,
        model.Words(words=kept, span=old.span),
        tuple(w for w in valued.written if w.word.text not in gone),
        includes,
    )
    if not rest:
        return left
    return joined(left, Valued(ValueType.WORDS, model.Words(words=rest, span=span), by.written), "-", span)


def as_pattern(value: Constant) -> model.Pattern:
    """A set as it is, a text as the set of one word."""
    if isinstance(value, model.Literal):
        return model.Words(words=(model.Word(str(value.value), value.quote),), name=value.name, span=value.span)
    assert not isinstance(value, tuple)
    return value


def named(value: Constant, name: str, span: Span) -> Constant:
    """The value of a parameter where the parameter is used."""
    if isinstance(value, model.Literal | model.Words | model.AnyOf | model.ButNot):
        return msgspec.structs.replace(value, name=name, span=span)
    return value
