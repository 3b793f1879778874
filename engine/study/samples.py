"""Declared kinds in tests: a line of `scriptdrop` is to be an event that its filter takes.

    kind scriptdrop: write where file.extension in { js, vbs }
    kind clone:      call("CreateVolume") { introduces: volume = aws.ec2.volume_id }

`fill` gives the fields that the filter asks for and the line does not say a value that it takes (`event.action =
"CreateVolume"`); `unmet` says what of the filter an event does not satisfy. Called by `lines`.
"""

from collections.abc import Iterator
from typing import Any

from chainrun.dsl.model import AnyOf, Binary, ButNot, Expression, Field, Literal, Part, Pattern, Words
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import vocabulary

from .. import addresses
from ..event import Event
from ..match.conditions import compile_condition, looks_back, members
from ..match.words import compile_pattern
from .prose import condition_text, predicate

# What lineage may know better than one event does: not judged here.
_LINEAGE = frozenset({"<actor>", "<ancestor>", "process", "process.parent"})


def fill(part: Part, fields: dict[str, Any]) -> None:
    """Gives the fields that a kind's filter tests, where they are not known yet, a value that it takes."""
    for argument in part.arguments:
        if (word := _word(argument.pattern)) is not None:
            _fill_target(argument.target.field, argument.target.type, word, fields)
    for test in members(part.where, "and") if part.where is not None else ():
        match test:
            case Binary(op="==" | "in", left=Field() as field, right=Literal(value=value)) if value is not None:
                _fill(field.name, value, fields)
            case Binary(op="in", left=Field() as field, right=Words() | AnyOf() | ButNot() as pattern):
                if (word := _word(pattern)) is not None:
                    _fill(field.name, word, fields)
            case _:
                pass


def unmet(part: Part, event: Event) -> Iterator[str]:
    """What holds for every event of a declared kind and does not hold for this one, in words."""
    for argument in part.arguments:
        target = argument.target
        if target.field not in _LINEAGE:
            test = compile_pattern(argument.pattern, target, actor=part.kind.actor)
            if test(event, ()) is not True:
                yield f"`{target.field}` {predicate(argument.pattern, target.type)}"
    for condition in members(part.where, "and") if part.where is not None else ():
        if not looks_back(condition) and compile_condition(condition)(event, ()) is not True:
            yield f"`{condition_text(condition)}`"


def _word(pattern: Expression | Pattern) -> str | None:
    """A text that a pattern takes: its first word, with the wildcards filled."""
    match pattern:
        case Words():
            word = next((w for w in pattern.words if " " not in w.text), None)
            return word.text.replace("**", "x").replace("*", "x").replace("?", "x") if word is not None else None
        case AnyOf():
            return next((w for p in pattern.patterns if (w := _word(p)) is not None), None)
        case ButNot():
            return _word(pattern.pattern)
        case _:
            return None


def _fill_target(field: str, type_: ValueType, word: str, fields: dict[str, Any]) -> None:
    """Puts a word into the field, or the field set, that an argument tests."""
    if field in vocabulary().fields:
        _fill(field, word, fields)
    elif type_ is ValueType.PROGRAM and not field.startswith("<") and f"{field}.executable" not in fields:
        _fill(f"{field}.name", word, fields)
    elif type_ is ValueType.DESTINATION and f"{field}.ip" not in fields and f"{field}.domain" not in fields:
        network = addresses.network(word)
        if network is not None:
            _fill(f"{field}.ip", addresses.show(network[:2]), fields)
        else:
            _fill(f"{field}.domain", word, fields)


def _fill(field: str, value: Any, fields: dict[str, Any]) -> None:
    known = vocabulary().field(field)
    if known is not None:
        if known.type is ValueType.NUMBER and isinstance(value, str):
            value = float(value) if "." in value else int(value)
        fields.setdefault(field, (value,) if known.many else value)
