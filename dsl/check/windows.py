"""Time: that a chain has a limit, and that its limits have a meaning and can be kept together.

    !A -> !B ->[1h] C -> !D ->[5m] E? -> F ->[2m] !G
    leading           between               trailing

An absence before the first positive step looks back by the limit of the arrow after it, one between two steps lasts
from the one to the other and has no limit, one after the last that must happen lasts for the limit of its own arrow.
"""

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
    _limits_of_absences(node, hops, absences, scope)
    if clause is None:
        _without(node, hops, absences, scope)
    elif within is not None:
        _together(node, hops, absences, within, clause, scope)


def is_one_event(node: tree.Chain) -> bool:
    """Whether the chain is complete with its first event, with nothing to wait for."""
    absences = [isinstance(_bare(p.element), tree.Absent) for p in node.positions]
    events = sum(_events(p.element) for p, absent in zip(node.positions, absences, strict=True) if not absent)
    return events == 1 and not absences[-1]


def awaited(node: tree.Chain) -> int:
    """How many positions there are up to the last that must happen."""
    required = [
        i
        for i, p in enumerate(node.positions)
        if not (_is_optional(p.element) or isinstance(_bare(p.element), tree.Absent))
    ]
    return required[-1] + 1 if required else len(node.positions)


def _leading(absences: list[bool]) -> int:
    """How many absences stand before the first step that is none."""
    return absences.index(False)


def _is_trailing(node: tree.Chain, absences: list[bool], number: int) -> bool:
    """Whether an absence stands behind all that must happen."""
    rest = zip(absences[number + 1 :], node.positions[number + 1 :], strict=True)
    return all(absent or _is_optional(p.element) for absent, p in rest)


def _limit_of(hops: tuple[model.Hop | None, ...], number: int, leading: int) -> model.Hop | None:
    """The arrow whose limit an absence goes by: a leading one looks back by the arrow that follows it."""
    return hops[number + 1] if number < leading and number + 1 < len(hops) else hops[number]


def _limits_of_absences(
    node: tree.Chain, hops: tuple[model.Hop | None, ...], absences: list[bool], scope: Scope
) -> None:
    leading = _leading(absences)
    for number, absent in enumerate(absences):
        hop = _limit_of(hops, number, leading) if absent else None
        if hop is None or (hop.most is None and hop.least is None):
            continue
        if hop.least is not None:
            scope.faults.error(
                "C313",
                "an absence has no least time",
                hop.span,
                "it begins at once" if number >= leading else "it lasts until the step that follows",
                helps=(f"its end alone: `{hop.arrow}[{spelling.duration(hop.most)}]`",) if hop.most is not None else (),
            )
        elif hop.most is not None and number >= leading and not _is_trailing(node, absences, number):
            after = next(h for h, absent in zip(hops[number + 1 :], absences[number + 1 :], strict=True) if not absent)
            scope.faults.error(
                "C313",
                "an absence between two steps lasts from the one to the other",
                hop.span,
                "so this limit has no meaning",
                also=(Label(after.span, "how long it may take is said here"),) if after is not None else (),
                helps=(f"`{after.arrow}[{spelling.duration(hop.most)}]` on the arrow after it",)
                if after is not None and after.most is None
                else (),
            )


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
    leading = _leading(absences)
    for number, (position, absent) in enumerate(zip(node.positions, absences, strict=True)):
        limit = _limit_of(hops, number, leading)
        if absent and (limit is None or limit.most is None):
            end = _expression(node).end
            scope.faults.error(
                "C302",
                "this absence has no beginning" if number < leading else "this absence has no end",
                position.element.span,
                "when has it not happened?",
                notes=() if number < leading else ("without a limit one waits for ever",),
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
    leading = _leading(absences)
    looks_back = range(1, leading + 1)  # arrows behind leading absences: they do not lie inside the window
    total = 0
    for number, (hop, position) in enumerate(zip(hops, node.positions, strict=True)):
        inner = [(h, _limits(h, scope)) for h in _own_arrows(position.element)]
        outer = [(hop.span, (hop.least, hop.most))] if hop is not None and number not in looks_back else []
        for span, (least, most) in (*outer, *((h.span, limits) for h, limits in inner)):
            longest, word = (most, "most") if most is not None else (least, "least")
            if longest is not None and longest > within:
                scope.faults.error(
                    "C303",
                    f"this arrow is longer than the whole chain: {spelling.duration(longest)} in "
                    f"{spelling.duration(within)}",
                    span,
                    "this limit never decides" if word == "most" else "the chain is over before it",
                    also=(Label(clause.span, "the whole chain"),),
                )
                return
        if outer and not absences[number] and not _is_optional(position.element):
            total += hop.least or 0 if hop is not None else 0
    if total > within:
        scope.faults.error(
            "C303",
            f"the arrows' least times add up to {spelling.duration(total)}, and the chain has "
            f"{spelling.duration(within)}",
            clause.span,
            "this chain can never complete",
        )


def _own_arrows(node: tree.Element) -> list[tree.Hop]:
    """The arrows that members of a group carry themselves."""
    match node:
        case tree.All() | tree.Either():
            own = [m.arrow for m in node.members if m.arrow is not None]
            return own + [hop for m in node.members for hop in _own_arrows(m.element)]
        case tree.Step():
            return []
        case _:
            return _own_arrows(node.element)


def _limits(hop: tree.Hop, scope: Scope) -> tuple[int | None, int | None]:
    least, most = (scope.parameters.limit(x, scope.faults) if x is not None else None for x in (hop.least, hop.most))
    return least, most


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
