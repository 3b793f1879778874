"""Proposals tried: those that check, take no alert that must stay, and leave as little as can be of a benign period.

    run ─ alerts ─ proposals ─ run with them ─ alerts that are left ─ proposals ─ … ─ what is left in the end

An allow-list lets an alert's first connection pass, and the next may raise it all the same; so the events are run again
with what is proposed, until nothing more is. Called by `chainrun baseline --propose`; `proposals_site` writes the file.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.loader import read
from chainrun.dsl.model import Analytic
from chainrun.dsl.overrides import Overrides
from chainrun.dsl.parser import parse
from chainrun.dsl.site import site
from chainrun.dsl.source import Source
from msgspec.structs import replace

from ..report.alert import Alert
from .proposals import Proposal, proposals
from .proposals_near import MOST, Near, near_misses, nearly, supported
from .proposals_site import entries

MOST_ROUNDS = 6


class Withheld(msgspec.Struct, frozen=True):
    """A proposal that would take an alert that must stay."""

    proposal: Proposal
    alert: str


class Proposed(msgspec.Struct, frozen=True):
    """What is proposed. `before`, `after`: how many alerts there are without it, and with all of it; `since`, `until`:
    when the first and the last alert were (where there is none, near miss).

    near    what could be said of near misses
    nearly  how many there are that nothing proposed is for; `is_cut`: there may be more
    """

    proposals: tuple[Proposal, ...]
    withheld: tuple[Withheld, ...]
    before: int
    after: int
    since: str = ""
    until: str = ""
    near: tuple[Near, ...] = ()
    nearly: int = 0
    is_cut: bool = False


def propose(
    analytics: Sequence[Analytic],
    overrides: Overrides,
    run: Callable[[Sequence[Analytic]], Iterable[Alert]],
    *,
    least: int = 2,
    must_keep: Sequence[Alert] = (),
) -> Proposed:
    """What the alerts of a benign period come to. `run`: the alerts that analytics raise in it."""
    known = {analytic.id: analytic for analytic in analytics}
    kept: list[Proposal] = []
    withheld: dict[str, Withheld] = {}
    first = alerts = list(run(analytics))

    def lost(proposal: Proposal) -> Alert | None:
        return next((a for a in must_keep if a.analytic in known and proposal.matches(a, known[a.analytic])), None)

    def accepts(proposal: Proposal) -> bool:
        text, taken = entries([proposal]), lost(proposal)
        if taken is not None:
            withheld.setdefault(text, Withheld(proposal, taken.alert_id))
        is_known = any(entries([other]) == text for other in kept)
        return taken is None and not is_known and _changed(analytics, overrides, text) is not None

    def would_fit(proposal: Proposal) -> bool:
        return lost(proposal) is None and _changed(analytics, overrides, entries([proposal])) is not None

    for _ in range(MOST_ROUNDS):
        new = list(proposals(alerts, analytics, least, accepts))
        if not new:
            break
        kept += new
        changed = _changed(analytics, overrides, entries(kept))
        assert changed is not None  # each of them checks, and none speaks of another
        alerts = list(run(changed))
    near = near_misses(analytics, first, run)
    alike = [supported(proposal, near, known) for proposal in kept]
    told = {one.alert_id for those in alike for one in those}
    rest = [one for one in near if one.alert_id not in told]
    times = sorted(time for one in first or near for time in (one.first_time, one.last_time))
    return Proposed(
        tuple(replace(proposal, near=len(those)) for proposal, those in zip(kept, alike, strict=True)),
        tuple(withheld.values()),
        before=len(first),
        after=len(alerts),
        since=times[0] if times else "",
        until=times[-1] if times else "",
        near=tuple(nearly(proposal, known) for proposal in proposals(rest, analytics, least, would_fit)),
        nearly=len(rest),
        is_cut=len(near) >= MOST,
    )


def _changed(analytics: Sequence[Analytic], overrides: Overrides, text: str) -> tuple[Analytic, ...] | None:
    """The analytics with a text more of a site file; None where it does not check."""
    try:
        more = overrides + site(Source("proposals", text))
        sources = [read(analytic.file) for analytic in analytics]
        return tuple(check(parse(source), source, more)[0] for source in sources)
    except ChainError:
        return None
