"""What the members of `A & B` may ask of each other: that fields of two single steps are equal, and nothing more.

    (signin as first & call where user.name == first.user.name)

Either may come first. An equality can be asked at the later of the two, whichever that is; anything else would have to
be asked of an event that has not happened yet, and would say an order that the group does not have.
"""

from collections.abc import Collection, Iterator

import msgspec
from chainrun.dsl import tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.source import Span

from .scope import Binding, Scope


class Mention(msgspec.Struct, frozen=True):
    """A capture that is read or linked to, and where."""

    name: str
    span: Span
    is_link: bool = False


def check_siblings(element: tree.Element, scope: Scope) -> None:
    """Report what members of a group ask of each other and cannot."""
    match element:
        case tree.Step():
            return
        case tree.All() | tree.Either():
            if isinstance(element, tree.All):
                _group(element, scope)
            for member in element.members:
                check_siblings(member.element, scope)
        case _:
            check_siblings(element.element, scope)


def check_exception(node: tree.Except, scope: Scope) -> None:
    """Report what an exception on a member (where `scope` is) reads of others."""
    for mention in mentions(node.when):
        capture = scope.captures.get(mention.name)
        if capture is not None and scope.is_sibling(capture):
            _report(mention, "the other may come later, and this is asked when the step happens", scope)


def _group(group: tree.All, scope: Scope) -> None:
    singles = [_single(member.element) for member in group.members]
    own = [set(_captures(member.element)) for member in group.members]
    compared = {name for _, name in singles}
    for member, (step, _), names in zip(group.members, singles, own, strict=True):
        others = {
            name
            for name in set().union(*own) - names
            if (capture := scope.captures.get(name)) is not None
            and capture.binding is Binding.BOUND
            and not capture.broken
        }
        fair = set(_fair(step, others)) if step is not None else set()
        for mention in mentions(member.element):
            if mention.name not in others:
                continue
            if mention.is_link:
                _report(mention, "a link says who came first, and members come in any order", scope)
            elif mention.name not in compared:
                _report(mention, f"`{mention.name}` is no single step, and only those compare fields", scope)
            elif step is None:
                _report(mention, "this member is no single step, and only those compare fields", scope)
            elif mention.span not in fair:
                _report(mention, "they come in any order, so they can only be compared with `==`", scope)


def _report(mention: Mention, mark: str, scope: Scope) -> None:
    name = mention.name
    scope.faults.error(
        "C223",
        f"`{name}` is another member of this group",
        mention.span,
        mark,
        also=(Label(scope.captures[name].span, "captured here"),),
        helps=("if one comes first, say so with an arrow: `A -> B` or `A ~> B`",),
    )


def _single(node: tree.Element) -> tuple[tree.Step | None, str]:
    """The step of a member that is one step, and its capture; no step of any other."""
    name = ""
    while not isinstance(node, tree.Step):
        if isinstance(node, tree.Captured):
            name = node.name.text
        elif not isinstance(node, tree.Group | tree.WithoutPrior):
            return None, ""
        node = node.element
    return node, name


def _captures(node: object) -> Iterator[str]:
    for inner in _walk(node):
        if isinstance(inner, tree.Captured):
            yield inner.name.text


def _fair(step: tree.Step, others: Collection[str]) -> Iterator[Span]:
    """Where captures stand in what can be asked: `field == other.field`, as all of the condition or between `and`s."""
    for part in _conjuncts(step.where) if step.where is not None else ():
        match part:
            case tree.Binary(op="==", left=tree.Path() as left, right=tree.Path() as right):
                for one, other in ((left, right), (right, left)):
                    if one.parts[0] in others and _is_field(one.parts[1:]) and _is_field(other.parts):
                        yield one.span


def _is_field(parts: tuple[str, ...]) -> bool:
    return parts == ("time",) or (len(parts) > 1 and parts[0] != "raw")


def _conjuncts(node: tree.Expression) -> Iterator[tree.Expression]:
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tree.Binary) and part.op == "and":
            waiting += (part.right, part.left)
        else:
            yield part


def mentions(node: object) -> Iterator[Mention]:
    """Every name in a part of the tree that may be a capture's, in the order written."""
    for inner in _walk(node):
        if isinstance(inner, tree.Path):
            yield Mention(inner.parts[0], inner.span)
        elif isinstance(inner, tree.Link):
            yield Mention(inner.capture.text, inner.span, is_link=True)


def _walk(node: object) -> Iterator[tree.Node]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting += reversed(one)
        elif isinstance(one, tree.Node):
            yield one
            waiting += (getattr(one, f) for f in reversed(one.__struct_fields__))
