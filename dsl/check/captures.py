"""All captures of a chain, collected before its steps are checked: what each stands for, and when it is bound."""

from chainrun.dsl import tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.model import Kind

from .scope import Binding, Capture, Place, Scope
from .steps import kinds_of

Branches = tuple[tuple[Kind, ...], ...]


def collect(positions: tuple[tree.Position, ...], scope: Scope) -> dict[str, Capture]:
    """The captures of a chain by name; a name given twice, or one that means something already, is reported."""
    found: dict[str, Capture] = {}
    for number, position in enumerate(positions):
        for capture, name in _within(position.element, (("at", number),), Binding.BOUND, False, scope):
            if name.text in found:
                also = (Label(found[name.text].span, "first here"),)
                scope.faults.error(
                    "C209",
                    f"two steps are captured as `{name.text}`",
                    name.span,
                    "again here",
                    also=also,
                    helps=("name them apart; an alternative is captured as a whole: `( … | … ) as name`",),
                )
                found[name.text].broken = True
            else:
                found[name.text] = capture
                capture.broken = not _is_free(name, scope)
    return found


def _is_free(name: tree.Name, scope: Scope) -> bool:
    if name.text in scope.vocabulary.field_sets or name.text == "host":
        scope.faults.error(
            "C210",
            f"a capture cannot be called `{name.text}`",
            name.span,
            f"`{name.text}.…` names fields of events",
        )
        return False
    if name.text in scope.parameters:
        scope.faults.error("C210", f"a capture cannot be called `{name.text}`", name.span, "a parameter is called so")
        return False
    return True


def _within(
    node: tree.Element, place: Place, binding: Binding, repeated: bool, scope: Scope
) -> list[tuple[Capture, tree.Name]]:
    """The captures in an element, outer ones first."""
    match node:
        case tree.Captured():
            branches, inner_binding, inner_repeated = _branches(node.element, scope)
            bound = inner_binding if binding is Binding.BOUND else binding
            capture = Capture(node.name, branches, place, bound, repeated or inner_repeated)
            return [(capture, node.name), *_within(node.element, place, binding, repeated, scope)]
        case tree.Optional():
            return _within(node.element, place, _weaker(binding, Binding.OPTIONAL), repeated, scope)
        case tree.Absent():
            return _within(node.element, place, Binding.ABSENT, repeated, scope)
        case tree.Repeat() | tree.Counted():
            return _within(node.element, place, binding, True, scope)
        case tree.Group() | tree.WithoutPrior():
            return _within(node.element, place, binding, repeated, scope)
        case tree.All() | tree.Either():
            word = "all" if isinstance(node, tree.All) else "either"
            inner = binding if word == "all" else _weaker(binding, Binding.BRANCH)
            return [
                capture
                for number, member in enumerate(node.members)
                for capture in _within(member.element, (*place, (word, number)), inner, repeated, scope)
            ]
        case _:
            return []


def _weaker(binding: Binding, other: Binding) -> Binding:
    return other if binding is Binding.BOUND else binding


def _branches(node: tree.Element, scope: Scope) -> tuple[Branches | None, Binding, bool]:
    """What a captured element can match: the kinds of each branch, its binding, and whether it repeats."""
    match node:
        case tree.Step():
            kinds = kinds_of(node, scope)
            return (kinds,) if kinds is not None else None, Binding.BOUND, False
        case tree.Either() | tree.All():
            inner = [_branches(m.element, scope) for m in node.members]
            every: Branches = tuple(b for branches, _, _ in inner for b in branches or ())
            known = all(branches is not None for branches, _, _ in inner)
            return every if known else None, Binding.BOUND, any(r for _, _, r in inner)
        case tree.Optional():
            branches, _, repeated = _branches(node.element, scope)
            return branches, Binding.OPTIONAL, repeated
        case tree.Repeat() | tree.Counted():
            branches, binding, _ = _branches(node.element, scope)
            return branches, binding, True
        case tree.Absent():
            branches, _, repeated = _branches(node.element, scope)
            return branches, Binding.ABSENT, repeated
        case _:
            return _branches(node.element, scope)
