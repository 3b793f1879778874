"""What broke an absence: the chain up to it that asks for what must not happen, and so finds what was in the way.

    A -> !X -> B             A -> X             the first X after A
    !X -> A                  X -> A             the last X before A
    A without prior X in 1h  X ~>[1h] A         the same, where X is linked to nothing
    A -> B until X by a      A ~> X by a        the first X after A

Links are as the absence has them, so an event that is told is one that the engine too took for it. What only may have
happened is not told. Called by `why`.
"""

from collections.abc import Iterable, Iterator

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Hop, Position, Step
from msgspec.structs import replace

from ..match.known import has_actor, named, names
from ..match.linking import step_reads
from .why_follow import Near, Sighting
from .why_partial import forgetting
from .why_weaker import Asked, Weaker


def breakers(chain: Chain) -> Iterator[Weaker]:
    """The chains that find what broke the absences of a chain."""
    plain = replace(chain, exceptions=(), until=None, once_per=None, once_within=None, severities=())
    positions = chain.positions
    for i, position in enumerate(positions):
        element = position.element
        if isinstance(element, model.Absent):
            happened = replace(position, element=element.element)
            if _is_begun(positions[:i]):
                yield _finds(plain, (*positions[:i], happened), Asked.ABSENCE, element.element)
            else:
                led = next(p for p in positions[i:] if not isinstance(p.element, model.Absent))
                yield _finds(plain, (replace(happened, hop=None), led), Asked.ABSENCE, element.element)
        elif isinstance(element, model.WithoutPrior):
            yield from _prior(plain, position, element)
    if chain.until is not None:
        arrow = "->" if _is_subjects(chain.until) else "~>"
        for count in range(1, len(positions)):
            before = positions[:count]
            if isinstance(before[-1].element, model.Absent) or not _reads(chain.until) <= _names(before):
                continue
            until = Position(hop=Hop(arrow=arrow), element=chain.until)
            yield _finds(plain, (*before, until), Asked.UNTIL, chain.until)


def _prior(plain: Chain, position: Position, element: model.WithoutPrior) -> Iterator[Weaker]:
    held = forgetting(element.element, _names(plain.positions) - _names([position]))
    if _reads(element.prior) or held is None:
        return
    before = Hop(arrow="~>", most=element.look_back)
    led = Position(hop=before, element=held)
    chain = replace(plain, within=element.look_back)
    yield _finds(chain, (Position(hop=None, element=element.prior), led), Asked.PRIOR, element.prior)


def _finds(plain: Chain, positions: tuple[Position, ...], asked: Asked, what: Element) -> Weaker:
    broken = frozenset(step.number for step in model.steps(what))
    return Weaker(
        chain=replace(plain, positions=positions), asked=asked, step=min(broken), broken=broken, is_breaker=True
    )


def _is_begun(positions: Iterable[Position]) -> bool:
    return any(not isinstance(p.element, model.Absent | model.Optional) for p in positions)


def _names(positions: Iterable[Position]) -> set[str]:
    return {name for position in positions for name in names(position.element)}


def _reads(step: Step) -> set[str]:
    """The captures that a step speaks of."""
    return {*named(step), *(capture for capture, _ in step_reads(step))}


def broken_by(of: Weaker, near: Near, found: Iterable[Near]) -> Sighting | None:
    """The event that broke an absence: after the events of a match that stand before it, or before those behind.
    `found`: what breakers found."""
    there = sorted(near.sightings.items())
    fitting = [one for one in found if one.weaker.broken == of.broken and one.scope == near.scope and _is_of(one, near)]
    best: Sighting | None = None
    for one in fitting:
        told = [n for n in one.sightings if n not in of.broken]
        ours = [sighting.event.order for number, sighting in there if number in told]
        since, until = (-1, min(ours)) if one.is_led else (max(ours), _behind(there, told))
        inside = [s for s in one.others.values() if since < s.event.order < until and _is_own(of, s, near)]
        for sighting in inside:
            if best is None or (sighting.event.order > best.event.order) is one.is_led:
                best = sighting
    return best


def _is_of(one: Near, near: Near) -> bool:
    """Whether a breaker's match is of the same processes as a near miss."""
    told = {number: s for number, s in one.sightings.items() if number not in one.weaker.broken}
    if not told or not told.keys() <= near.sightings.keys():
        return False
    return all(s.process is None or s.process is near.sightings[number].process for number, s in told.items())


def _behind(there: list[tuple[int, Sighting]], told: list[int]) -> int:
    """The first event of a match behind these steps."""
    return min((s.event.order for number, s in there if number > max(told)), default=1 << 62)


def _is_subjects(step: Step) -> bool:
    """Whether an `until` means what the subject itself does: it has no link, and somebody acts in it."""
    return not any(part.links for part in step.parts) and has_actor(step)


def _is_own(of: Weaker, sighting: Sighting, near: Near) -> bool:
    """Whether, where it has to be, an event was done by a process of the match itself."""
    if of.asked is not Asked.UNTIL or not _is_subjects(sighting.step):
        return True
    return any(sighting.event.actor is s.process for s in near.sightings.values() if s.process is not None)
