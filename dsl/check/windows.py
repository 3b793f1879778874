"""Time: that a chain has a limit, and that its limits can be kept together."""

from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Fix, Label
from chainrun.dsl.source import Span

from . import spelling
from .parameters import Known
from .scope import Scope


def check_windows(node: tree.Chain, hops: tuple[model.Hop | None, ...], within: int | None, scope: Scope) -> None:
    """Report a chain without a limit, an absence that never ends, and arrows that are longer than the whole."""
    clause = next((c for c in node.clauses if isinstance(c, tree.Within)), None)
    absences = [isinstance(_bare(p.element), tree.Absent) for p in node.positions]
    if all(a or _is_optional(p.element) for a, p in zip(absences, node.positions, strict=True)):
        scope.faults.error(
            "C308",
            "nothing in this chain has to happen",
            _expression(node),
            "every step is absent or optional",
            notes=("an alert needs at least one event",),
        )
        return
    if clause is None:
        _without(node, hops, absences, scope)
    elif within is not None:
        _together(node, hops, absences, within, clause, scope)


def _without(node: tree.Chain, hops: tuple[model.Hop | None, ...], absences: list[bool], scope: Scope) -> None:
    steps = sum(_events(p.element) for p, absent in zip(node.positions, absences, strict=True) if not absent)
    if steps > 1:
        end = _expression(node).end
        window = _window(scope)
        first = next((part.kind for p in node.positions for part in _first_parts(p.element)), None)
        name = f"`{first.text}`" if first is not None else "first event"
        scope.faults.error(
            "C301",
            "this chain has no time limit",
            _expression(node),
            notes=(f"without one every {name} is remembered until the stream ends",),
            fix=Fix(Span(end, end), f" within {window}", "give it one"),
        )
        return
    for number, (position, absent) in enumerate(zip(node.positions, absences, strict=True)):
        # a leading absence looks back by the limit of the arrow that follows it, any other waits for its own
        limit = hops[number] if number else hops[1] if len(hops) > 1 else None
        if absent and (limit is None or limit.most is None):
            end = _expression(node).end
            scope.faults.error(
                "C302",
                "this absence has no end" if number else "this absence has no beginning",
                position.element.span,
                "when has it not happened?",
                notes=("without a limit one waits for ever",) if number else (),
                fix=Fix(Span(end, end), f" within {_window(scope)}", "give the chain a limit"),
            )
            return


def _together(
    node: tree.Chain,
    hops: tuple[model.Hop | None, ...],
    absences: list[bool],
    within: int,
    clause: tree.Within,
    scope: Scope,
) -> None:
    total = 0
    for number, hop in enumerate(hops):
        if hop is None or (number == 1 and absences[0]):  # a look-back does not lie inside the window
            continue
        longest, word = (hop.most, "most") if hop.most is not None else (hop.least, "least")
        if longest is not None and longest > within:
            scope.faults.error(
                "C303",
                f"this arrow is longer than the whole chain: {spelling.duration(longest)} in "
                f"{spelling.duration(within)}",
                hop.span,
                "this limit never decides" if word == "most" else "the chain is over before it",
                also=(Label(clause.span, "the whole chain"),),
            )
            return
        total += hop.least or 0
    if total > within:
        scope.faults.error(
            "C303",
            f"the arrows' least times add up to {spelling.duration(total)}, and the chain has "
            f"{spelling.duration(within)}",
            clause.span,
            "this chain can never complete",
        )


def _expression(node: tree.Chain) -> Span:
    return node.positions[0].span.to(node.positions[-1].span)


def _window(scope: Scope) -> str:
    """A duration of the file that the limit may be meant to be: the one that is called so, or that nothing uses."""
    durations = [k for k in scope.parameters.own if isinstance(k.declared.value, tree.Duration)]

    def likely(known: Known) -> tuple[bool, bool]:
        return "window" not in known.name.lower(), known.used

    return min(durations, key=likely).name if durations else "15m"


def _bare(node: tree.Element) -> tree.Element:
    while isinstance(node, tree.Group):
        node = node.element
    return node


def _is_optional(node: tree.Element) -> bool:
    node = _bare(node)
    return isinstance(node, tree.Optional) or (isinstance(node, tree.Captured) and _is_optional(node.element))


def _events(node: tree.Element) -> int:
    """How many events an element may take: what decides whether a chain needs a limit."""
    match node:
        case tree.Step():
            return 1
        case tree.Repeat():
            return 1 if node.plus else 2
        case tree.Counted():
            return 1  # it happens at one moment, and looks back by its own limit
        case tree.All():
            return sum(_events(m.element) for m in node.members)
        case tree.Either():
            return max(_events(m.element) for m in node.members)
        case _:
            return _events(node.element)


def _first_parts(node: tree.Element) -> tuple[tree.Part, ...]:
    match node:
        case tree.Step():
            return node.parts
        case tree.All() | tree.Either():
            return _first_parts(node.members[0].element)
        case tree.Absent():
            return ()
        case _:
            return _first_parts(node.element)
