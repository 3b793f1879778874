"""What the checker accepts and the engine cannot run yet: refused by name, before a chain runs.

Called before `compile`. Each construct has a sentence of its own; when the engine learns one, its row goes.
"""

from collections.abc import Iterator

from chainrun.dsl import model
from chainrun.dsl.diagnostic import Diagnostic, Label
from chainrun.dsl.model import Chain, Element, Step
from chainrun.dsl.source import Span
from chainrun.dsl.types import ACTORS, Entity, ValueType

from .conditions import looks_back, reads
from .siblings import waiting

CODE = "C901"

# Field sets that are a process of the event.
_PROCESSES = ("process", "process.parent", "process.target", "<actor>", "<ancestor>")


def unsupported(chain: Chain) -> tuple[Diagnostic, ...]:
    """One diagnostic for each thing in a chain that this version cannot run; empty for a chain that it can."""
    return tuple(_refusal(what, span) for what, span in _found(chain))


def _refusal(what: str, span: Span) -> Diagnostic:
    return Diagnostic(
        code=CODE,
        message=f"{what} cannot be run yet",
        labels=(Label(span, "this version checks it and does not run it"),),
    )


def _found(chain: Chain) -> Iterator[tuple[str, Span]]:
    if chain.until is not None:
        yield "`until`", chain.until.span
    if chain.once_per is not None:
        yield "`once per`", chain.span
    for rule in chain.severities:
        yield "`severity … when`", rule.span
    for position in chain.positions:
        if position.hop is not None and position.hop.arrow == "->?":
            yield "`->?`", position.hop.span
        yield from _element(position.element)
    for exclusion in chain.exceptions:
        if looks_back(exclusion.when):
            yield "`new(…)`", exclusion.span


def _element(element: Element) -> Iterator[tuple[str, Span]]:
    match element:
        case Step():
            yield from _step(element)
        case model.Absent():
            yield "an absence (`!`)", element.span
        case model.Repeat():
            yield "a repetition", element.span
        case model.Counted():
            yield "an aggregate", element.span
        case model.WithoutPrior():
            yield "`without prior`", element.span
        case model.Optional():
            yield from _element(element.element)
        case model.Either() | model.All():
            named = isinstance(element, model.Either) and element.capture is not None
            if named and not all(isinstance(m, Step) for _, m in element.members):
                yield "a name for alternatives that are not all single steps", element.span
            for hop, member in element.members:
                if hop is not None and (hop.least is not None or hop.most is not None):
                    yield "a limit on the arrow of a group's member", hop.span
                if hop is not None and hop.arrow == "->?":
                    yield "`->?`", hop.span
                yield from _element(member)
            if isinstance(element, model.All):
                yield from _siblings(element)


def _step(step: Step) -> Iterator[tuple[str, Span]]:
    for exclusion in step.exceptions:
        yield "an exception on a step", exclusion.span
    introduced = step.introduces
    if introduced is not None and introduced.entity in ACTORS - {Entity.PROCESS}:
        yield f"a {introduced.entity} as the chain's subject", step.span
    for part in step.parts:
        for argument in part.arguments:
            if any(not _is_joined(c, argument.target.field) for c in _entities(argument.pattern)):
                yield "this capture as an argument", argument.span
        for link in part.links:
            if link.word in ("of", "from"):
                yield f"`{link.word}`", link.span
        if part.where is not None and looks_back(part.where):
            yield "`new(…)`", part.span
    if step.where is not None and looks_back(step.where):
        yield "`new(…)`", step.span


def _entities(pattern: model.Pattern) -> Iterator[model.FromCapture]:
    """The captures that a pattern tests as the entities that their steps introduced."""
    match pattern:
        case model.FromCapture(field=None):
            yield pattern
        case model.AnyOf():
            for one in pattern.patterns:
                yield from _entities(one)
        case model.ButNot():
            yield from _entities(pattern.pattern)
            yield from _entities(pattern.without)
        case model.NotIn():
            yield from _entities(pattern.pattern)


def _is_joined(captured: model.FromCapture, field: str) -> bool:
    """Whether matching knows the entity: a file wherever a path is tested, a process where a process is."""
    return captured.type is ValueType.PATH or field in _PROCESSES


def _siblings(group: model.All) -> Iterator[tuple[str, Span]]:
    """Comparisons between members that are not of two single steps' fields, for equality."""
    names = frozenset(s.capture for s in model.steps(group) if s.capture is not None)
    for _, member in group.members:
        for step in model.steps(member):
            read = {(c, f) for c, f in step_reads(step) if c in names}
            served = {(other.capture, other.name) for _, other in waiting(step, names)}
            linked = any(link.capture in names for part in step.parts for link in part.links)
            if linked or (read and (read != served or not isinstance(member, Step))):
                yield "this comparison between members of `&`", step.span


def step_reads(step: Step) -> frozenset[tuple[str, str]]:
    """(capture, field) pairs that a step reads in conditions and arguments; field '' is the entity itself."""
    pairs: set[tuple[str, str]] = set()
    for part in step.parts:
        for argument in part.arguments:
            pairs |= reads(argument.pattern)
        if part.where is not None:
            pairs |= reads(part.where)
    if step.where is not None:
        pairs |= reads(step.where)
    return frozenset(pairs)
