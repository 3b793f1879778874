"""A chain without some of its steps: what is left of it still hangs together as it was meant to.

    open as app -> write by app -> spawn by app as child -> egress

    without `write`    open as app -> spawn by app as child -> egress
    without `open`     write as app -> spawn by app as child -> egress       `app` is who writes
    without `spawn`    open as app -> write by app -> egress

What was asked of a step that is gone is asked no more: conditions on its fields, absences beside it, limits from it.
So a match of the whole is a match of each of these, whatever else happened. Called by `why_weaker`.
"""

from collections.abc import Collection, Iterator, Set

from chainrun.dsl import model
from chainrun.dsl.model import Argument, Chain, Element, Expression, Hop, Part, Pattern, Position, Step
from msgspec.structs import replace

from ..match.conditions import members, reads
from ..match.known import introduces_actor, names
from ..report.roles import positive

Numbers = Set[int]


def units(chain: Chain) -> tuple[frozenset[int], ...]:
    """The parts that can be missing, each as the numbers of its steps: positions that must happen, and of `A & B` each
    member."""
    found: list[frozenset[int]] = []
    for position in chain.positions:
        element = position.element
        if isinstance(element, model.All):
            found += [frozenset(positive(member)) for _, member in element.members]
        elif not isinstance(element, model.Absent | model.Optional):
            found.append(frozenset(positive(element)))
    return tuple(found)


def without(chain: Chain, gone: Numbers) -> Chain:
    """What is left of a chain without these steps, which are whole units; without any, the chain itself."""
    if not gone:
        return chain
    before = {name for position in chain.positions for name in names(position.element)}
    positions = _left(chain.positions, gone)
    lost = before - {name for position in positions for name in names(position.element)}
    for name in sorted(lost):
        positions = _given(positions, name)
    lost -= {name for position in positions for name in names(position.element)}
    left = [replace(p, element=e) for p in positions if (e := forgetting(p.element, lost)) is not None]
    return replace(
        chain,
        positions=(replace(left[0], hop=None), *left[1:]),
        exceptions=tuple(e for e in chain.exceptions if not _reads(e.when, lost)),
        severities=(),
        once_per=None,
        once_within=None,
        until=_step(chain.until, lost) if chain.until is not None else None,
    )


def _left(positions: tuple[Position, ...], gone: Numbers) -> list[Position]:
    """The positions that stay. An absence beside a step that is gone has nothing to begin or end with; an arrow over
    one is as loose as the loosest, and knows no limits."""
    found: list[Position] = []
    absences: list[Position] = []
    arrows: list[str] = []
    is_gap = False
    for position in positions:
        arrows += [position.hop.arrow] if position.hop is not None else []
        if isinstance(position.element, model.Absent):
            absences.append(position)
            continue
        element = _pruned(position.element, gone)
        if element is None:
            is_gap, absences = True, []
            continue
        hop = position.hop
        if is_gap and hop is not None:
            arrow = "~>" if "~>" in arrows else "->?" if "->?" in arrows else "->"
            hop = Hop(arrow=arrow, span=hop.span)
        found += [*([] if is_gap else absences), replace(position, hop=hop, element=element)]
        absences, arrows, is_gap = [], [], False
    return found if is_gap else [*found, *absences]


def _pruned(element: Element, gone: Numbers) -> Element | None:
    if isinstance(element, model.All):
        members = tuple((hop, m) for hop, m in element.members if not gone >= set(positive(m)))
        if len(members) == 1:
            return members[0][1]
        return replace(element, members=members) if members else None
    return None if gone >= set(positive(element)) else element


def _given(positions: list[Position], name: str) -> list[Position]:
    """The name of who acted in a step that is gone, given to the first step that was to be by the same."""
    for i, position in enumerate(positions):
        step = position.element
        if not isinstance(step, Step):
            continue
        is_by = any(link.word == "by" and link.capture == name for part in step.parts for link in part.links)
        if is_by and step.capture is None and not introduces_actor(step):
            first = _step(step, {name})
            parts = tuple(replace(part, kind=replace(part.kind, introduces=None)) for part in first.parts)
            named = replace(first, parts=parts, capture=name)
            return [*positions[:i], replace(position, element=named), *positions[i + 1 :]]
        if is_by:
            return positions
    return positions


# -- what reads captures that are not there ----------------------------------------


def forgetting(element: Element, lost: Collection[str]) -> Element | None:
    """An element that asks nothing of these captures; None for an absence that would mean something else."""
    if not lost:
        return element
    match element:
        case Step():
            return _step(element, lost)
        case model.All() | model.Either():
            inner = ((hop, forgetting(member, lost)) for hop, member in element.members)
            return replace(element, members=tuple((hop, m) for hop, m in inner if m is not None))
        case model.Absent():
            return None if any(_asks(step, lost) for step in model.steps(element)) else element
        case model.WithoutPrior():
            held = forgetting(element.element, lost)
            if held is None or _asks(element.prior, lost):
                return held
            return replace(element, element=held)
        case model.Counted():
            if any(_reads(part, lost) for m in element.measures for part in (m.bound, m.subject) if part is not None):
                return forgetting(element.element, lost)
    held = forgetting(element.element, lost)
    return replace(element, element=held) if held is not None else None


def _step(step: Step, lost: Collection[str]) -> Step:
    return replace(
        step,
        parts=tuple(_part(part, lost) for part in step.parts),
        where=_condition(step.where, lost),
        exceptions=tuple(e for e in step.exceptions if not _reads(e.when, lost)),
    )


def _part(part: Part, lost: Collection[str]) -> Part:
    return replace(
        part,
        arguments=tuple(a for a in part.arguments if not _reads(a.pattern, lost)),
        links=tuple(link for link in part.links if link.capture not in lost),
        where=_condition(part.where, lost),
    )


def _condition(condition: Expression | None, lost: Collection[str]) -> Expression | None:
    kept = [] if condition is None else [part for part in members(condition, "and") if not _reads(part, lost)]
    return together(kept)


def together(conditions: list[Expression]) -> Expression | None:
    """All of these."""
    whole: Expression | None = None
    for one in conditions:
        whole = one if whole is None else model.Binary(op="and", left=whole, right=one, span=one.span)
    return whole


def _asks(step: Step, lost: Collection[str]) -> bool:
    return _step(step, lost) != step


def _reads(tested: Expression | Pattern, lost: Collection[str]) -> bool:
    return any(capture in lost for capture, _ in reads(tested))


def arguments(step: Step) -> Iterator[tuple[int, int, Argument]]:
    """A step's arguments, with the places of their part and of themselves in it."""
    for i, part in enumerate(step.parts):
        for j, argument in enumerate(part.arguments):
            yield i, j, argument
