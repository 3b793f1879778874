"""One chain: its positions, its clauses, the lines that belong to it."""

import msgspec
from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.nearest import nearest
from chainrun.dsl.printer import print_chain
from chainrun.dsl.source import Span

from . import lines, patterns, subjects, windows
from .elements import Elements
from .faults import Faults
from .scope import Place, Scope
from .siblings import check_siblings

UNNAMED = "main"
_CLAUSES = {tree.Within: "within", tree.Per: "per", tree.OncePer: "once per", tree.Until: "until"}
# What may be named without a field: the host, and the entity that a bare set of fields stands for.
_WHOLE = frozenset({"host", "user"})


class Line(msgspec.Struct, frozen=True):
    """A line that belongs to a chain, and where its faults go: a site file's are not the chain file's."""

    node: tree.Except | tree.Severity
    faults: Faults
    anywhere: bool = False  # a site's line for all analytics: it belongs to those that have its captures


def chain(node: tree.Chain, others: list[Line], platforms: tuple[str, ...], scope: Scope) -> model.Chain | None:
    """The chain; None where something in it is wrong. `others`: lines that belong to it and stand elsewhere."""
    elements = Elements(scope)
    hops = tuple(elements.hop(p.hop) for p in node.positions)
    found = [elements.element(p.element, (("at", i),)) for i, p in enumerate(node.positions)]
    for position in node.positions:
        check_siblings(position.element, scope)
    end: Place = (("at", len(node.positions)),)
    clauses = _clauses(node, scope)
    within_clause, until_clause = clauses.get(tree.Within), clauses.get(tree.Until)
    within: int | None = None
    if isinstance(within_clause, tree.Within):
        within = scope.parameters.limit(within_clause.value, scope.faults)
    windows.check_windows(node, hops, within, scope)
    until = elements.step(until_clause.step, scope.at(end)) if isinstance(until_clause, tree.Until) else None
    per = clauses.get(tree.Per)
    once = clauses.get(tree.OncePer)
    once_within: int | None = None
    once_per: tuple[str, ...] | None = None
    if isinstance(once, tree.OncePer):
        once_per = tuple(name for f in once.fields if (name := _once_field(f, scope.at(end))) is not None)
        once_within = scope.parameters.limit(once.within, scope.faults) if once.within is not None else None
    own: tuple[tree.Except | tree.Severity, ...] = (*node.severities, *node.exceptions)
    belonging = [*others, *(Line(n, scope.faults) for n in own)]
    severities: list[model.SeverityRule | None] = []
    exceptions: list[model.Exclusion | None] = []
    on_steps: list[tuple[str, model.StepExclusion] | None] = []
    for line in belonging:
        place = scope.reporting(line.faults)
        match line.node:
            case tree.Severity():
                severities.append(lines.severity(line.node, place, end, windows.awaited(node)))
            case tree.Except(on=None):
                exceptions.append(lines.exclusion(line.node, place, end))
            case tree.Except():
                on_steps.append(lines.step_exclusion(line.node, place))
    whole = [
        model.Position(hop=hop, element=element, span=p.span)
        for hop, element, p in zip(hops, found, node.positions, strict=True)
        if element is not None
    ]
    # up to the first faulty one: what a position leaves behind is not known where it is not understood
    sound = tuple(whole[: next((i for i, e in enumerate(found) if e is None), len(found))])
    subjects.check_causes(sound, scope)
    if until is not None and windows.is_one_event(node):
        scope.faults.error(
            "C314", "a chain of one event has nothing to end", until.span, "it is complete when it begins"
        )
    elif until is not None and len(sound) == len(found):
        subjects.check_until(sound, until, scope)
    _platforms(sound, platforms, scope)
    if len(whole) < len(found):
        return None
    for hung in on_steps:
        if hung is not None:
            whole = [
                msgspec.structs.replace(p, element=lines.with_exclusion(p.element, hung[0], hung[1])) for p in whole
            ]
    return model.Chain(
        name=node.name.text if node.name is not None else UNNAMED,
        positions=tuple(whole),
        within=within,
        scope=_scope(per if isinstance(per, tree.Per) else None, platforms, scope),
        once_per=once_per,
        once_within=once_within,
        until=until,
        exceptions=tuple(e for e in exceptions if e is not None),
        severities=tuple(s for s in severities if s is not None),
        text=print_chain(node),
        span=node.span,
    )


def belongs(line: Line, scope: Scope, captures: set[str]) -> bool:
    """Whether a line that stands elsewhere can speak of this chain: it names no capture that only others have.

    `captures`: those of all chains of the file. A site's line for all analytics may name captures of any of them.
    """
    names = {p.parts[0] for p in _paths(line.node.when) if len(p.parts) > 1 or p.parts[0] in captures}
    if isinstance(line.node, tree.Except) and line.node.on is not None:
        names.add(line.node.on.text)
    if line.anywhere:
        return names <= set(scope.captures) | scope.vocabulary.field_sets
    return not (names & captures) - set(scope.captures)


def _paths(node: object) -> list[tree.Path]:
    if isinstance(node, tree.Path):
        return [node]
    if isinstance(node, tuple):
        return [p for n in node for p in _paths(n)]
    if isinstance(node, tree.Node):
        return [p for f in node.__struct_fields__ for p in _paths(getattr(node, f))]
    return []


def warn_of_unused(scope: Scope, expected: set[str]) -> None:
    """Warn of captures that nothing reads and no test expects anything of."""
    for capture in scope.captures.values():
        if not capture.used and capture.name not in expected:
            scope.faults.warning(
                "C607",
                f"nothing uses `{capture.name}`",
                capture.span,
                "captured here",
                helps=("it still names the step in the alert; if that is what it is for, let it be",),
            )


def _clauses(node: tree.Chain, scope: Scope) -> dict[type[tree.Clause], tree.Clause]:
    found: dict[type[tree.Clause], tree.Clause] = {}
    for clause in node.clauses:
        earlier = found.setdefault(type(clause), clause)
        if earlier is not clause:
            word = _CLAUSES[type(clause)]
            also = (Label(earlier.span, "first here"),)
            scope.faults.error("C309", f"`{word}` is given twice", clause.span, "given again here", also=also)
    return found


def _scope(per: tree.Per | None, platforms: tuple[str, ...], scope: Scope) -> tuple[str, ...]:
    """What all events of a match share: as written, else the host, else the account where platforms have no hosts."""
    if per is None:
        defaults = {scope.vocabulary.scopes.get(p, "host") for p in platforms}
        return (defaults.pop(),) if len(defaults) == 1 else ("host",)
    if per.every:
        return ()
    found = []
    for field in per.fields:
        name = ".".join(field.parts)
        if field.parts[0] in scope.captures:
            scope.faults.error(
                "C204", "a scope is what all events have, and a capture is one of them", field.span,
                helps=("`once per` takes captures",),
            )  # fmt: skip
        elif name in _WHOLE or patterns.field_of(name, field, scope) is not None:
            if (known := scope.vocabulary.field(name)) is not None and known.many:
                scope.faults.error("C405", f"`{name}` is a list, and a scope is one value", field.span)
            found.append(name)
    return tuple(found)


def _once_field(node: tree.Path, scope: Scope) -> str | None:
    """A part of an alert's identity: the host, a capture's entity, a capture's field, or a field of the scope."""
    name = ".".join(node.parts)
    if node.parts[0] in scope.captures:
        capture = scope.capture(node.parts[0], node.span)
        if capture is None:
            return None
        if len(node.parts) > 1:
            field = ".".join(node.parts[1:])
            return name if patterns.field_of(field, node, scope) is not None else None
        if capture.kinds is not None and capture.introduced is None and capture.subject is None:
            scope.faults.error(
                "C216", f"`{name}` is {capture.noun}", node.span, helps=(f"name a field: `{name}.user.name`",)
            )
            return None
        return name
    if name in _WHOLE:
        return name
    if len(node.parts) == 1 and nearest(name, scope.captures):
        scope.capture(name, node.span)
        return None
    return name if patterns.field_of(name, node, scope) is not None else None


def _platforms(positions: tuple[model.Position, ...], platforms: tuple[str, ...], scope: Scope) -> None:
    """Report steps that no telemetry of the stated platforms can show."""
    for position in positions:
        for step in model.steps(position.element):
            for part in step.parts:
                possible = part.kind.platforms
                if platforms and possible and not set(platforms) & set(possible):
                    scope.faults.error(
                        "C221",
                        f"`{part.kind.name}` is not seen on {_listed(platforms)}",
                        Span(part.span.start, part.span.start + len(part.kind.name)),
                        f"no telemetry of {_listed(platforms)} shows it",
                        notes=(f"`{part.kind.name}` is seen on {_listed(possible)}",),
                    )


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
