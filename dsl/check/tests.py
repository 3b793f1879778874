"""The tests of a file: their lines, and expectations of steps, severities and chains that there are.

An expectation names a step as an alert does: by its capture, else its kind, or by its number.
"""

from collections.abc import Iterator

from chainrun.dsl import model, tree
from chainrun.dsl.source import Span

from .scope import Scope
from .testlines import line


def written(file: tree.File) -> list[tree.Test]:
    """The tests of a file, those below a chain too, in the order written."""
    found = [i for i in file.items if isinstance(i, tree.Test)]
    found += [test for i in file.items if isinstance(i, tree.Chain) for test in i.tests]
    return sorted(found, key=lambda node: node.span)


def named(nodes: list[tree.Test]) -> set[str]:
    """The steps that their expectations name."""
    return {expect.name.text for node in nodes for expect in node.expects if expect.name is not None}


def test(node: tree.Test, chains: tuple[model.Chain, ...] | None, scope: Scope) -> model.Test | None:
    """The test; None where something in it is wrong. `chains`: None where those of the file are not all known."""
    lines = [line(n, scope) for n in node.lines]
    counted = chains
    if chains is not None and node.chain is not None:
        names = [c.name for c in chains]
        counted = tuple(c for c in chains if c.name == node.chain.text)
        if not counted:
            message = f"no chain is called `{node.chain.text}`"
            scope.faults.unknown("C621", message, node.chain.span, node.chain.text, names, "chains of this file")
            counted = None
    expectations = tuple(expectation(n, node.raises, counted, scope) for n in node.expects)
    if not all(lines) or (chains is not None and counted is None):
        return None
    return model.Test(
        title=node.title.text,
        line=scope.faults.source.position(node.span.start)[0],
        raises=node.raises,
        chain=node.chain.text if node.chain is not None else None,
        lines=tuple(found for found in lines if found is not None),
        files=tuple(f.text for f in node.files),
        expectations=expectations,
        span=node.span,
    )


def expectation(
    node: tree.Expect, raises: int, chains: tuple[model.Chain, ...] | None, scope: Scope
) -> model.Expectation:
    """What is expected of the alerts of these chains."""
    name = node.name.text if node.name is not None else ""
    span = node.name.span if node.name is not None else node.span
    steps: tuple[tuple[str, int], ...] = ()
    if node.what in ("step", "no step", "stuck") and chains is not None:
        steps = _steps(name, span, chains, scope)
    if node.what == "severity" and name not in model.LEVELS:
        scope.faults.unknown("C603", f"`{name}` is not a severity", span, name, list(model.LEVELS), "severities")
    if node.what == "except" and chains is not None:
        _check_reason(name, span, chains, scope)
    if node.what == "stuck" and raises:
        _contradiction("a chain that raises an alert is stuck nowhere", node.span, "write `raises 0`", scope)
    elif node.what == "stuck" and chains is not None and len(chains) > 1:
        names = " or ".join(f"`raises 0 {c.name}`" for c in chains)
        _contradiction("which of the chains is stuck?", node.span, f"name it: {names}", scope)
    elif node.what not in ("stuck", "except") and not raises:
        _contradiction("there is no alert to expect this of", node.span, "the test `raises 0`", scope)
    elif node.what == "at" and len(node.events) != raises:
        message = f"{_count(len(node.events), 'time')} for {_count(raises, 'alert')}"
        _contradiction(message, node.span, "one for each alert", scope)
    moments = tuple(_moment(event) for event in node.events)
    return model.Expectation(what=node.what, name=name, steps=steps, moments=moments, span=node.span)


def _moment(event: tree.Duration | tree.Number) -> model.Moment:
    if isinstance(event, tree.Duration):
        return model.Moment(at=event.microseconds, span=event.span)
    return model.Moment(line=int(event.text), span=event.span)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _contradiction(message: str, span: Span, mark: str, scope: Scope) -> None:
    scope.faults.error("C621", message, span, mark)


def _steps(name: str, span: Span, chains: tuple[model.Chain, ...], scope: Scope) -> tuple[tuple[str, int], ...]:
    """The steps of this name, each with its chain; reported where there are none, or several by accident."""
    found: list[tuple[str, int]] = []
    known: list[str] = []
    for chain in chains:
        there = [called for position in chain.positions for called in _positive(position.element, None)]
        known += [capture or step.kind for step, capture in there]
        named = [step for step, capture in there if name in (capture, str(step.number))]
        if not named:
            named = [step for step, capture in there if capture is None and step.kind == name]
            if len(named) > 1:
                numbers = " or ".join(f"`{step.number}`" for step in named)
                mark = f"write its number, {numbers}, or capture it with `as`"
                scope.faults.error("C621", f"several steps are called `{name}`", span, mark)
        found += [(chain.name, step.number) for step in named]
    if not found:
        message = f"no step is called `{name}`"
        scope.faults.unknown("C621", message, span, name, list(dict.fromkeys(known)), "steps")
    return tuple(found)


def _positive(element: model.Element, capture: str | None) -> Iterator[tuple[model.Step, str | None]]:
    """The steps that events are taken for, not absent ones nor priors, each with its capture."""
    match element:
        case model.Step():
            yield element, element.capture or capture
        case model.Absent():
            return
        case model.All():
            for _, member in element.members:
                yield from _positive(member, capture)
        case model.Either():
            for _, member in element.members:
                yield from _positive(member, element.capture or capture)
        case model.Repeat() | model.Counted():
            yield from _positive(element.element, element.capture or capture)
        case _:
            yield from _positive(element.element, capture)


def _check_reason(name: str, span: Span, chains: tuple[model.Chain, ...], scope: Scope) -> None:
    known = {e.reason for chain in chains for e in chain.exceptions}
    every = [step for chain in chains for p in chain.positions for step in model.steps(p.element)]
    known |= {e.reason for step in every for e in step.exceptions}
    if name not in known:
        scope.faults.unknown("C621", f'there is no exception "{name}"', span, name, sorted(known), "exceptions")
