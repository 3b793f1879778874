"""A file as it might have been written by mistake: each mutant has one clause less, or one that asks for less.

    open as app -> write(Paths) by app within 5m

    open as app -> write by app within 5m             without an argument
    open as app -> write(Paths) under app within 5m   `under` for `by`
    open as app ~> write(Paths) by app within 5m      `~>` for `->`

Trees are made of trees; many say nothing that the checker accepts. Called by `survivors`, which asks which of them the
tests of the file would miss.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from chainrun.dsl import tree
from chainrun.dsl.check.spelling import duration
from chainrun.dsl.source import Span
from msgspec.structs import replace

LONGER = 1000  # times, so that whatever an analytic's tests call too late is early

# What has no meaning that events could miss.
_SETTLED = tree.Header | tree.Test | tree.Comment | tree.Introduces
_DROPPED = tree.Except | tree.Severity | tree.Per | tree.OncePer | tree.Until

# Where nodes hold a length of time.
_LIMITS: dict[type[tree.Node], str] = {
    tree.Within: "value",
    tree.OncePer: "within",
    tree.Counted: "within",
    tree.WithoutPrior: "look_back",
    tree.New: "look_back",
    tree.Hop: "most",
}

# Where nodes hold several things that are asked for together, or any of which will do, and what one of them is.
_SEVERAL: dict[type[tree.Node], tuple[tuple[str, str], ...]] = {
    tree.Step: (("parts", "a kind"),),
    tree.Part: (("arguments", "an argument"), ("links", "a link")),
    tree.All: (("members", "a member"),),
    tree.Either: (("members", "a branch"),),
    tree.Counted: (("measures", "a measure"), ("by", "a key")),
    tree.New: (("fields", "a field"),),
    tree.Per: (("fields", "a field"),),
    tree.OncePer: (("fields", "a field"),),
}
_MAY_BE_EMPTY = frozenset({"arguments", "links", "by"})

_ARROWS = {"->": ("~>",), "->?": ("->", "~>"), "~>": ("->",)}
_LINKS = {"by": "under", "under": "by"}

_Change = tuple[str, Span, Any]
_Durations = dict[str, tree.Duration]


class Mutant(msgspec.Struct, frozen=True):
    """A tree in which one thing, at `span` of the original, is otherwise."""

    what: str
    span: Span
    file: tree.File


def mutants(file: tree.File) -> Iterator[Mutant]:
    """All mutants of a file, in order of place; whether they check is not asked."""
    parameters = [item for item in file.items if isinstance(item, tree.Parameter)]
    durations = {p.name.text: p.value for p in parameters if isinstance(p.value, tree.Duration)}
    for what, span, changed in sorted(_everywhere(file, durations), key=lambda change: change[1]):
        yield Mutant(what, span, changed)


def _everywhere(node: tree.Node, durations: _Durations) -> Iterator[_Change]:
    """What a node becomes by a change of itself, or of one node in it."""
    yield from _changed(node)
    limit = _LIMITS.get(type(node))
    longer = _longer(getattr(node, limit), durations) if limit is not None else None
    if limit is not None and longer is not None:
        yield f"{LONGER} times as long", longer.span, replace(node, **{limit: longer})
    for name, called in _SEVERAL.get(type(node), ()):
        there = getattr(node, name) or ()
        if name in _MAY_BE_EMPTY or len(there) > 1:
            for i, one in enumerate(there):
                yield f"without {called}", one.span, replace(node, **{name: _without(there, i)})
    for name in node.__struct_fields__:
        value = getattr(node, name)
        many = isinstance(value, tuple)
        for i, child in enumerate(value if many else (value,)):
            if isinstance(child, tree.Node) and not isinstance(child, _SETTLED):
                for what, span, new in _everywhere(child, durations):
                    yield what, span, replace(node, **{name: (*value[:i], new, *value[i + 1 :]) if many else new})


def _changed(node: tree.Node) -> Iterator[_Change]:
    """What one node becomes, besides what the tables say."""
    match node:
        case tree.File():
            for i, item in enumerate(node.items):
                if isinstance(item, _DROPPED):
                    yield "without the line", item.span, replace(node, items=_without(node.items, i))
        case tree.Chain():
            yield from _chain(node)
        case tree.Step() if node.where is not None:
            yield "without the condition", node.where.span, replace(node, where=None)
        case tree.Link() if node.word in _LINKS:
            other = _LINKS[node.word]
            yield f"`{other}` for `{node.word}`", node.span, replace(node, word=other)
        case tree.Hop():
            for arrow in _ARROWS[node.arrow]:
                yield f"`{arrow}` for `{node.arrow}`", node.span, replace(node, arrow=arrow)
            if node.most is not None:
                yield "without the limit", node.most.span, replace(node, least=None, most=None)
            if node.least is not None:
                yield "without the least time", node.least.span, replace(node, least=None)
        case tree.Binary(op="and" | "or") | tree.SetUnion():
            yield f"without one side of `{_operator(node)}`", node.left.span, node.right
            yield f"without one side of `{_operator(node)}`", node.right.span, node.left
        case tree.SetDifference():
            yield "without what is taken away", node.right.span, node.left
        case tree.SetNot() | tree.Unary(op="not"):
            yield "without `not`", node.span, node.operand
        case tree.WordSet() if node.items:
            yield "with no words", node.span, replace(node, items=())
        case tree.Truth(value=bool(value)):
            yield "turned round", node.span, replace(node, value=not value)
        case tree.Call(name=tree.Name(text="at_least")):
            for i, argument in enumerate(node.arguments[1:], 1):
                yield "without a condition", argument.span, replace(node, arguments=_without(node.arguments, i))
        case tree.Optional():
            yield "no longer optional", node.span, node.element
        case tree.Repeat():
            yield "once", node.span, node.element
        case tree.Counted():
            yield "not counted", node.span, node.element
        case tree.WithoutPrior():
            yield "with whatever came before", node.prior.span, node.element


def _chain(node: tree.Chain) -> Iterator[_Change]:
    for what, span, positions in _positions(node.positions):
        yield what, span, replace(node, positions=positions)
    for name in ("clauses", "severities", "exceptions"):
        for i, clause in enumerate(getattr(node, name)):
            if isinstance(clause, _DROPPED):
                yield "without the clause", clause.span, replace(node, **{name: _without(getattr(node, name), i)})
    if not _is_linked(node):
        everywhere = tree.Per(span=node.span, fields=(), every=True)
        others = tuple(clause for clause in node.clauses if not isinstance(clause, tree.Per))
        yield "in no scope", node.span, replace(node, clauses=(*others, everywhere))


def _positions(there: tuple[tree.Position, ...]) -> Iterator[_Change]:
    """The positions of a chain with one less, and with two that follow each other turned round, or in any order."""
    if len(there) > 1:
        yield "without the step", there[0].element.span, (replace(there[1], hop=None), *there[2:])
    for i in range(1, len(there)):
        yield "without the step", there[i].element.span, _without(there, i)
        before, one, two, after = there[: i - 1], there[i - 1], there[i], there[i + 1 :]
        span = Span(one.element.span.start, two.element.span.end)
        turned = replace(one, element=two.element), replace(two, element=one.element)
        yield "the other way round", span, (*before, *turned, *after)
        first = tree.Member(span=span, arrow=None, element=one.element)
        second = tree.Member(span=span, arrow=two.hop if before else None, element=two.element)
        group = tree.Group(span=span, element=tree.All(span=span, members=(first, second)))
        yield "in any order", span, (*before, replace(one, element=group), *after)


def _is_linked(chain: tree.Chain) -> bool:
    """Whether every step hangs on the first by `->`, which never leaves the scope."""
    first = chain.positions[0].element
    while isinstance(first, tree.Captured | tree.Group):
        first = first.element
    return isinstance(first, tree.Step) and all(p.hop is None or p.hop.arrow == "->" for p in chain.positions)


def _longer(value: tree.Expression | None, durations: _Durations) -> tree.Duration | None:
    """A length of time, one of a parameter too, many times as long; None for what is no such thing."""
    known = durations.get(value.parts[0]) if isinstance(value, tree.Path) and len(value.parts) == 1 else value
    if value is None or not isinstance(known, tree.Duration):
        return None
    long = known.microseconds * LONGER
    return tree.Duration(span=value.span, microseconds=long, text=duration(long))


def _operator(node: tree.Binary | tree.SetUnion) -> str:
    return node.op if isinstance(node, tree.Binary) else "+"


def _without(nodes: tuple[Any, ...], at: int) -> tuple[Any, ...]:
    return (*nodes[:at], *nodes[at + 1 :])
