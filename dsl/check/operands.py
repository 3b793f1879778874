"""What a name stands for in a condition: a field, a capture's field, a piece of the raw record, or a parameter."""

import msgspec
from chainrun.dsl import model, tree
from chainrun.dsl.nearest import nearest
from chainrun.dsl.source import Span
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import LABELS, TIME

from . import patterns, values
from .patterns import TEXTUAL
from .scope import Scope

NUMBERS = frozenset({ValueType.NUMBER, ValueType.BYTES, ValueType.PERCENTAGE})


class Typed(msgspec.Struct, frozen=True):
    """An expression with its type (None: whatever the record holds), and whether it is a list."""

    value: model.Expression
    type: ValueType | None
    span: Span
    many: bool = False

    @property
    def is_text(self) -> bool:
        return self.type is None or self.type in TEXTUAL

    @property
    def noun(self) -> str:
        return values.NOUNS[self.type] if self.type else "anything"


def path(node: tree.Path, scope: Scope) -> Typed | None:
    """What the name means."""
    first, name = node.parts[0], ".".join(node.parts)
    if first in scope.captures:
        return _captured(node, scope)
    if node.parts == ("time",):
        return _own(model.Field(name=TIME, type=ValueType.TIME, span=node.span), node, scope)
    if first == "raw" and len(node.parts) > 1:
        return _own(model.RawField(path=".".join(node.parts[1:]), span=node.span), node, scope)
    if len(node.parts) == 1 and first not in scope.vocabulary.field_sets:
        return _parameter(node, scope)
    found = scope.vocabulary.field(name)
    if found is not None:
        return _own(model.Field(name=name, type=found.type, many=found.many, span=node.span), node, scope)
    if len(node.parts) > 1 and first not in scope.vocabulary.field_sets:
        inner = scope.vocabulary.field(".".join(node.parts[1:]))
        meant = nearest(first, scope.captures)
        if inner is not None or meant:
            scope.capture(first, node.span)
            return None
    patterns.report_field(name, node, scope)
    return None


def _own(field: model.Field | model.RawField, node: tree.Path, scope: Scope) -> Typed | None:
    """A field of the step's own event, where there is one."""
    if not scope.own_fields:
        name = ".".join(node.parts)
        names = sorted(c.name for c in scope.captures.values())
        example = names[0] if names else "step"
        scope.faults.error(
            "C218",
            f"`{name}` of which step?",
            node.span,
            "this line speaks of whole matches",
            notes=(f"captures of this chain: {', '.join(names)}",) if names else (),
            helps=(f"`{example}.{name}`" if names else f"capture the step: `as {example}`, then `{example}.{name}`",),
        )
        return None
    if isinstance(field, model.RawField):
        return Typed(field, None, node.span)
    return Typed(field, _type(field), node.span, field.many)


def _type(field: model.Field | model.CaptureField) -> ValueType | None:
    """The type of a field; a label is whatever somebody wrote into it."""
    return None if field.name.startswith(LABELS) else field.type


def _captured(node: tree.Path, scope: Scope) -> Typed | None:
    capture = scope.capture(node.parts[0], node.span)
    if capture is None:
        return None
    rest = node.parts[1:]
    if not rest:
        scope.faults.error(
            "C401",
            f"`{capture.name}` is an event, and a value stands here",
            node.span,
            helps=(f"name one of its fields: `{capture.name}.process.name`",),
        )
        return None
    if rest[0] == "raw" and len(rest) > 1:
        return Typed(model.RawField(path=".".join(rest[1:]), capture=capture.name, span=node.span), None, node.span)
    name = TIME if rest == ("time",) else ".".join(rest)
    found = scope.vocabulary.field(name)
    if found is None:
        patterns.report_field(name, node, scope)
        return None
    field = model.CaptureField(capture=capture.name, name=name, type=found.type, many=found.many, span=node.span)
    return Typed(field, _type(field), node.span, found.many)


def _parameter(node: tree.Path, scope: Scope) -> Typed | None:
    known = scope.parameters.get(node, scope.faults, scope.captures)
    if known is None or known.valued is None:
        return None
    value = known.valued.value
    if isinstance(value, model.Literal):
        named = msgspec.structs.replace(value, name=known.name, span=node.span)
        return Typed(named, named.type, node.span)
    is_map = isinstance(value, tuple)
    scope.faults.error(
        "C401",
        f"`{known.name}` is {values.NOUNS[known.valued.type]}, and one value stands here",
        node.span,
        helps=(f"read it at a field: `… in {known.name}[container.image.name]`" if is_map else f"`… in {known.name}`",),
    )
    return None
