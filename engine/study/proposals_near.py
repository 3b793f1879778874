"""What nearly matched in a benign period: all of a chain but one step, and of no alert a part.

    A -> B -> C        A -> B, A -> C and B -> C, each run as a chain of its own

It alerts nothing, and so nothing of it needs an exception; it tells how much more lies beside what does alert, and what
would be next, should the chain ask for less. Called by `proposing`.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import msgspec
from chainrun.dsl.model import Analytic, Chain
from msgspec.structs import replace

from ..report.alert import Alert, StepReport, Witness
from .proposals import Group, Proposal
from .why_partial import units, without

MOST = 10_000  # near misses that are told apart
FEWEST_STEPS = 3  # of two steps one is not near


def near_misses(
    analytics: Sequence[Analytic], alerts: Sequence[Alert], run: Callable[[Sequence[Analytic]], Iterable[Alert]]
) -> list[Alert]:
    """The matches of all but one step that are no part of an alert, as if they were alerts."""
    fewer = list(_fewer(analytics))
    if not fewer:
        return []
    known: dict[Hashable, set[int]] = {}
    for number, alert in enumerate(alerts):
        for place in _places(alert, alert.steps):
            known.setdefault(place, set()).add(number)

    def is_part(places: Iterable[Hashable]) -> bool:
        return bool(set.intersection(*(known.get(place, set()) for place in places)))

    found: dict[Hashable, Alert] = {}
    chains = {(analytic.id, chain.name): chain for analytic in analytics for chain in analytic.chains}
    for near in run(fewer):
        missing = lacks(near, chains[near.analytic, near.chain])
        # what comes behind the gap hangs on nothing before it, and would be any other event's near miss too
        core = [report for report in near.steps if report.step < missing] or near.steps
        places = tuple(_places(near, core))
        if not is_part(places):
            # of several weaker chains two may have one id
            found.setdefault((missing, places), replace(near, alert_id=str(len(found)), steps=core))
        if len(found) >= MOST:
            break
    return list(found.values())


def _fewer(analytics: Iterable[Analytic]) -> Iterator[Analytic]:
    for analytic in analytics:
        for chain in analytic.chains:
            parts = units(chain)
            if len(parts) >= FEWEST_STEPS:
                yield from (replace(analytic, chains=(without(chain, part),)) for part in parts)


def lacks(near: Alert, chain: Chain) -> int:
    """The step that a near miss of a chain lacks."""
    there = {report.step for report in near.steps}
    return min(min(unit) for unit in units(chain) if not unit & there)


def _places(alert: Alert, steps: Iterable[StepReport]) -> Iterator[Hashable]:
    """Who was at each of these steps that was seen: what it is about, else the event itself."""
    scope = tuple(map(str, alert.scope.values()))
    for report in steps:
        if isinstance(report.witness, Witness):
            yield alert.analytic, alert.chain, scope, report.step, _who(report, report.witness)


def _who(report: StepReport, witness: Witness) -> Hashable:
    return tuple(map(str, report.entity.values())) or (witness.input, witness.line)


class Near(msgspec.Struct, frozen=True):
    """What could be said of near misses that are alike. `lacks`: step -> how many of them lack it."""

    proposal: Proposal
    lacks: Mapping[int, int]


def supported(proposal: Proposal, near: Iterable[Alert], known: Mapping[str, Analytic]) -> list[Alert]:
    """The near misses that are like what a proposal is for, as far as they tell."""
    return [
        one
        for one in near
        if proposal.matches(one, known[one.analytic])
        and (not isinstance(proposal, Group) or proposal.tells(one, known[one.analytic]))
    ]


def nearly(proposal: Proposal, known: Mapping[str, Analytic]) -> Near:
    """Proposed for near misses."""
    counts: Counter[int] = Counter()
    for one in proposal.alerts:
        chain = next(c for c in known[one.analytic].chains if c.name == one.chain)
        counts[lacks(one, chain)] += 1
    return Near(proposal, dict(sorted(counts.items())))
