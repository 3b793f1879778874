"""What a change of parameters or exceptions does: the same events run before and after it, and what differs.

    library ─ run ─ outcome ┐
                            ├ what was set, alerts lost and gained, steps that took more or less, what must stay
    changed ─ run ─ outcome ┘

Alerts are compared by their ids, which are the same in every run; one that is only complete at another event of its
process is neither lost nor gained but otherwise. Called by `chainrun tune`; the text is `tune_text`'s.
"""

from collections.abc import Iterable, Sequence

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Analytic

from ..report.funnel import Funnel
from ..run import Run
from .recorded import Brief, brief


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to. `suppressed`: id -> the reason of the exception that kept it from being an alert."""

    analytics: tuple[Analytic, ...]
    alerts: tuple[Brief, ...]
    suppressed: dict[str, str]
    funnels: tuple[Funnel, ...]


class Set(msgspec.Struct, frozen=True):
    """A parameter that is otherwise; `origin`: who says so."""

    analytic: str
    name: str
    before: str
    after: str
    origin: str


class Excepted(msgspec.Struct, frozen=True):
    """An exception that is new, or gone (`is_new` False)."""

    analytic: str
    reason: str
    is_new: bool


class Lost(msgspec.Struct, frozen=True):
    """An alert that the change loses. `suppressed`: the reason of the exception that took it, if one did."""

    alert: Brief
    suppressed: str | None = None


class Otherwise(msgspec.Struct, frozen=True):
    """An alert that is complete at another event."""

    before: Brief
    after: Brief


class StepChange(msgspec.Struct, frozen=True):
    """A step that is satisfied, or in place, at more or fewer events."""

    number: int
    title: str
    alone: tuple[int, int]
    followed: tuple[int, int]


class ChainChange(msgspec.Struct, frozen=True):
    """What the change does to one chain. `alerts`, `excepted`: how many before, and after."""

    analytic: str
    chain: str
    alerts: tuple[int, int]
    excepted: tuple[int, int]
    steps: tuple[StepChange, ...] = ()
    lost: tuple[Lost, ...] = ()
    gained: tuple[Brief, ...] = ()
    otherwise: tuple[Otherwise, ...] = ()


class Guard(msgspec.Struct, frozen=True):
    """The alerts that must stay: how many there are of these analytics, those that are lost, and those that neither run
    raises; and how many there are of analytics that were not run."""

    alerts: int
    others: int = 0
    lost: tuple[Lost, ...] = ()
    never: tuple[Brief, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.lost and not self.never


class Tuning(msgspec.Struct, frozen=True):
    """All that a change does."""

    set: tuple[Set, ...]
    exceptions: tuple[Excepted, ...]
    chains: tuple[ChainChange, ...]
    must_keep: Guard | None = None


def outcome(analytics: Sequence[Analytic], run: Run) -> Outcome:
    """What a run of these analytics comes to; it is read to its end. It should show what is suppressed."""
    alerts: list[Brief] = []
    suppressed: dict[str, str] = {}
    for alert in run:
        found = brief(alert)
        if found.suppressed is None:
            alerts.append(found)
        else:
            suppressed.setdefault(found.alert_id, found.suppressed["reason"])
    return Outcome(tuple(analytics), tuple(alerts), suppressed, run.funnels)


def compare(before: Outcome, after: Outcome, must_keep: Iterable[Brief] | None = None) -> Tuning:
    """What is otherwise after the change."""
    chains = tuple(_chain(*pair, before, after) for pair in zip(before.funnels, after.funnels, strict=True))
    guard = _guard(before, after, must_keep) if must_keep is not None else None
    return Tuning(tuple(_set(before, after)), tuple(_exceptions(before, after)), chains, guard)


def _chain(one: Funnel, other: Funnel, before: Outcome, after: Outcome) -> ChainChange:
    there = {a.alert_id: a for a in before.alerts if (a.analytic, a.chain) == (one.analytic, one.chain)}
    now = {a.alert_id: a for a in after.alerts if (a.analytic, a.chain) == (one.analytic, one.chain)}
    gained = [alert for id, alert in now.items() if id not in there]
    lost: list[Lost] = []
    otherwise: list[Otherwise] = []
    for id, alert in there.items():
        if id in now:
            continue
        same = next((other for other in gained if alert.is_same_as(other)), None)
        if same is None:
            lost.append(Lost(alert, after.suppressed.get(id)))
        else:
            gained.remove(same)
            otherwise.append(Otherwise(alert, same))
    steps = (
        StepChange(a.number, a.title, (a.alone, b.alone), (a.followed, b.followed))
        for a, b in zip(one.steps, other.steps, strict=True)
        if (a.alone, a.followed) != (b.alone, b.followed)
    )
    excepted = tuple(sum(count for _, count in funnel.excepted) for funnel in (one, other))
    return ChainChange(
        one.analytic,
        one.chain,
        (len(there), len(now)),
        (excepted[0], excepted[1]),
        tuple(steps),
        tuple(lost),
        tuple(gained),
        tuple(otherwise),
    )


def _guard(before: Outcome, after: Outcome, must_keep: Iterable[Brief]) -> Guard:
    named = {alert.alert_id: alert for alert in must_keep if alert.suppressed is None}
    run = {analytic.id for analytic in after.analytics}
    asked = {id: alert for id, alert in named.items() if alert.analytic in run}
    lost: list[Lost] = []
    never: list[Brief] = []
    for id, alert in asked.items():
        if any(alert.is_same_as(other) for other in after.alerts):
            continue
        if any(alert.is_same_as(other) for other in before.alerts):
            lost.append(Lost(alert, after.suppressed.get(id)))
        else:
            never.append(alert)
    return Guard(len(asked), len(named) - len(asked), tuple(lost), tuple(never))


def _set(before: Outcome, after: Outcome) -> Iterable[Set]:
    for one, other in zip(before.analytics, after.analytics, strict=True):
        values = {p.name: p.value for p in one.parameters}
        for p in other.parameters:
            if values.get(p.name, p.default) != p.value:
                yield Set(other.id, p.name, values.get(p.name, p.default), p.value, p.origin)


def _exceptions(before: Outcome, after: Outcome) -> Iterable[Excepted]:
    for one, other in zip(before.analytics, after.analytics, strict=True):
        there, now = _reasons(one), _reasons(other)
        yield from (Excepted(other.id, reason, True) for reason in now if reason not in there)
        yield from (Excepted(other.id, reason, False) for reason in there if reason not in now)


def _reasons(analytic: Analytic) -> dict[str, None]:
    """The reasons of all exceptions of an analytic, in order."""
    found: dict[str, None] = {}
    for chain in analytic.chains:
        steps = [step for position in chain.positions for step in model.steps(position.element)]
        found |= {e.reason: None for e in chain.exceptions}
        found |= {e.reason: None for step in steps for e in step.exceptions}
    return found
