"""How far each chain got, step by step: how many events satisfied a step alone, how many of them also followed on what
the chain asks before it, and what the others lacked for that; what exceptions kept away; what still waits.

The steps at which the second number falls to nothing are the ones to look at, and so are the absences before them.
Read off a finished engine; shown by `summary`.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Step

from ..engine import Engine
from ..match.matcher import Matcher
from ..match.progress import Stop
from .balance import group_balances
from .roles import Role, roles

MANY = 1 << 30  # more events than any step asks for


class Cause(StrEnum):
    """Why an event that satisfied a step by itself continued no match: of several the one nearest to a match."""

    NOTHING = "nothing"  # it is linked to nothing that had come so far, or is remembered
    UNKNOWN = "unknown"  # it does not say what links it
    CONDITION = "condition"  # a captured value is another one
    LIMIT = "limit"  # too early or too late for the arrow
    WINDOW = "window"  # past the chain's window
    ABSENCE = "absence"  # what must not lie between did
    PRIOR = "prior"  # what must not have happened before did, or may have
    COUNT = "count"  # too few
    EXCEPTED = "excepted"  # an exception on the step


_CAUSES = {
    Stop.UNKNOWN: Cause.UNKNOWN,
    Stop.CONDITION: Cause.CONDITION,
    Stop.LIMIT: Cause.LIMIT,
    Stop.WINDOW: Cause.WINDOW,
    Stop.KILLED: Cause.ABSENCE,
    Stop.PRIOR: Cause.PRIOR,
    Stop.COUNT: Cause.COUNT,
    Stop.EXCEPTED: Cause.EXCEPTED,
}


class Lost(msgspec.Struct, frozen=True):
    """How many events of a step one cause kept from a match."""

    cause: Cause
    events: int


class StepCount(msgspec.Struct, frozen=True):
    """One step. Nothing is counted of what must not happen, and of `until`.

    alone     events that satisfied it by themselves
    followed  those of them that continued a match
    lost      the others, by cause, the most first
    unknown   events of its kinds that do not say enough to tell whether they are it
    expired   groups of partial matches that ended there and were given up, their window over
    """

    number: int
    title: str
    role: Role
    alone: int = 0
    followed: int = 0
    lost: tuple[Lost, ...] = ()
    unknown: int = 0
    expired: int = 0


class Excepted(msgspec.Struct, frozen=True):
    """What one exception kept away: whole matches, and events of its step."""

    reason: str
    owner: str | None = None
    matches: int = 0
    events: int = 0


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """One chain.

    later       completions that belonged to an alert already raised
    exceptions  those that kept anything away
    groups      what became of the groups of partial matches that there were (`balance`)
    waiting     the matches among them that only wait for their deadline
    stuck       the steps at which it stood still: none where events were found for all
    blind       the steps without which it cannot be shown, and that no format read can show
    """

    analytic: str
    chain: str
    alerts: int = 0
    later: int = 0
    exceptions: tuple[Excepted, ...] = ()
    groups: dict[str, int] = {}
    waiting: int = 0
    steps: tuple[StepCount, ...] = ()
    stuck: tuple[int, ...] = ()
    blind: tuple[int, ...] = ()

    @property
    def excepted(self) -> tuple[tuple[str, int], ...]:
        """How much was kept away, by reason."""
        return tuple((e.reason, e.matches + e.events) for e in self.exceptions)


def funnels(
    engine: Engine, alerts: dict[tuple[str, str], int], formats: Iterable[str] | None = None
) -> tuple[Funnel, ...]:
    """The funnel of every chain, in the order loaded. `alerts`: how many each (analytic, chain) raised; `formats`: what
    the events came from, where that is known."""
    found = []
    sees = None if formats is None else [engine.sources.sees.get(name) for name in formats]
    for running, balance in zip(engine.running, group_balances(engine), strict=True):
        automaton, matcher = running.automaton, running.matcher
        chain, of = automaton.chain, roles(automaton.chain)
        steps = tuple(_count(step, of[step.number], matcher) for step in automaton.steps)
        found.append(
            Funnel(
                analytic=automaton.analytic,
                chain=chain.name,
                alerts=alerts.get((automaton.analytic, chain.name), 0),
                later=running.identities.later,
                exceptions=tuple(_exceptions(chain, matcher)),
                groups=balance.became,
                waiting=len(matcher.deadlines),
                steps=steps,
                stuck=standstill(chain, steps),
                blind=_blind(chain, automaton.steps, sees),
            )
        )
    return tuple(found)


def _count(step: Step, role: Role, matcher: Matcher) -> StepCount:
    counts, test = matcher.progress.steps[step.number], matcher.tests.get(step.number)
    found = {_CAUSES[stop]: counts.stopped[stop] for stop in Stop}
    found[Cause.NOTHING] = counts.satisfied - counts.linked - sum(found.values())
    lost = [Lost(cause, events) for cause, events in found.items() if events]
    return StepCount(
        step.number,
        step.title or step.kind,
        role,
        counts.satisfied,
        counts.linked,
        tuple(sorted(lost, key=lambda one: -one.events)),
        test.unknown if test is not None else 0,
        counts.expired,
    )


def _blind(chain: Chain, steps: Iterable[Step], sees: list[frozenset[str] | None] | None) -> tuple[int, ...]:
    """The steps that none of these formats can show, where the chain needs them; a format of which nothing is known may
    show all."""
    if not sees or None in sees:
        return ()
    kinds = {step.number: {part.base for part in step.parts} - {"event"} for step in steps}
    shown = {n: MANY if any(s is not None and need <= s for s in sees) else 0 for n, need in kinds.items()}
    return tuple(n for position in chain.positions for n in _waiting(position.element, shown, 1))


def _exceptions(chain: Chain, matcher: Matcher) -> list[Excepted]:
    """The exceptions that kept anything away, by reason."""
    steps = [step for position in chain.positions for step in model.steps(position.element)]
    owners = {e.reason: e.owner for step in steps for e in step.exceptions}
    owners |= {e.reason: e.owner for e in chain.exceptions}
    found = []
    for reason, count in sorted(matcher.excepted.items()):
        matches = matcher.suppressed.get(reason, 0)
        if count:
            found.append(Excepted(reason, owners.get(reason), matches, count - matches))
    return found


def standstill(chain: Chain, steps: tuple[StepCount, ...]) -> tuple[int, ...]:
    """The numbers of the first steps that no event satisfied in their place; of several matches that stood still at
    different steps it is the furthest that counts."""
    followed = {step.number: step.followed for step in steps}
    for position in chain.positions:
        waiting = _waiting(position.element, followed, 1)
        if waiting:
            return waiting
    return ()


def _waiting(element: Element, followed: dict[int, int], least: int) -> tuple[int, ...]:
    """The steps of an element that fewer events continued a match at than it asks for."""
    match element:
        case model.Step():
            return (element.number,) if followed.get(element.number, 0) < least else ()
        case model.Absent() | model.Optional():
            return ()
        case model.All():
            return tuple(n for _, member in element.members for n in _waiting(member, followed, least))
        case model.Either():
            branches = [_waiting(member, followed, least) for _, member in element.members]
            return tuple(n for branch in branches for n in branch) if all(branches) else ()
        case model.Repeat():
            return _waiting(element.element, followed, element.least)
        case model.Counted() | model.WithoutPrior():
            return _waiting(element.element, followed, least)
