"""Captured entities in sets: `launch(not { ami-1 } - base)` compares the field by which `base` is known.

A whole capture as the only argument is a join, by the engine's identity. Inside a set it stands among words, and is
compared as they are: by the value of the field that identifies it. Processes and files have no such field, and are
compared as they are anywhere.
"""

from collections.abc import Iterator

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import AnyOf, Argument, ButNot, Chain, Element, FromCapture, NotIn, Part, Pattern, Step
from chainrun.dsl.types import Entity

from .known import leaves

_AS_THEY_ARE = frozenset({Entity.PROCESS, Entity.FILE})


def spelled(chain: Chain) -> Chain:
    """The chain with captured entities in sets read by their fields."""
    fields = {
        name: step.introduces.field
        for position in chain.positions
        for name, step in _named(position.element)
        if step.introduces is not None and step.introduces.entity not in _AS_THEY_ARE
    }
    if not fields:
        return chain
    positions = tuple(msgspec.structs.replace(p, element=_element(p.element, fields)) for p in chain.positions)
    return msgspec.structs.replace(chain, positions=positions)


def _named(element: Element) -> Iterator[tuple[str, Step]]:
    """The captures in an element, with the steps that they name."""
    found = leaves(element)
    if found is not None:
        yield from ((name, leaf.step) for leaf in found for name in leaf.names)
    elif isinstance(element, model.All | model.Either):
        for _, member in element.members:
            yield from _named(member)
    elif not isinstance(element, Step):
        yield from _named(element.element)


def _element(element: Element, fields: dict[str, str]) -> Element:
    replace = msgspec.structs.replace
    match element:
        case Step():
            return replace(element, parts=tuple(_part(part, fields) for part in element.parts))
        case model.All() | model.Either():
            return replace(element, members=tuple((hop, _element(m, fields)) for hop, m in element.members))
        case model.WithoutPrior():
            prior = _element(element.prior, fields)
            assert isinstance(prior, Step)
            return replace(element, element=_element(element.element, fields), prior=prior)
        case _:
            return replace(element, element=_element(element.element, fields))


def _part(part: Part, fields: dict[str, str]) -> Part:
    return msgspec.structs.replace(part, arguments=tuple(_argument(a, fields) for a in part.arguments))


def _argument(argument: Argument, fields: dict[str, str]) -> Argument:
    if isinstance(argument.pattern, FromCapture):
        return argument
    return msgspec.structs.replace(argument, pattern=_pattern(argument.pattern, fields))


def _pattern(pattern: Pattern, fields: dict[str, str]) -> Pattern:
    replace = msgspec.structs.replace
    match pattern:
        case FromCapture(field=None) if pattern.capture in fields:
            return replace(pattern, field=fields[pattern.capture])
        case AnyOf():
            return replace(pattern, patterns=tuple(_pattern(p, fields) for p in pattern.patterns))
        case ButNot():
            return replace(
                pattern, pattern=_pattern(pattern.pattern, fields), without=_pattern(pattern.without, fields)
            )
        case NotIn():
            return replace(pattern, pattern=_pattern(pattern.pattern, fields))
        case _:
            return pattern
