"""What the counts of `coverage` come to: a verdict for each step, each chain, and what weaker chain is left.

`visible`: events of its kinds come, and at least nine in ten say enough to be judged and joined. `blind`: none come, or
none that says enough. `partial`: what lies between, and what is blind on some of the hosts that show the rest.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Step

from ..match.known import named
from ..match.linking import step_reads
from ..report.duration import short
from ..report.roles import Role, roles
from .coverage import OTHERS, ChainWatch, Coverage, Seen, StepWatch

ENOUGH = 0.9


class Verdict(StrEnum):
    VISIBLE = "visible"
    PARTIAL = "partial"
    BLIND = "blind"


_RANK = {Verdict.BLIND: 0, Verdict.PARTIAL: 1, Verdict.VISIBLE: 2}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A step on one host, as one format tells of it; counts as in `coverage.Seen`, `last` in us since 1970."""

    host: str
    format: str
    verdict: Verdict
    events: int
    known: int
    satisfied: int
    joinable: int
    last: int


class StepCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    why       what keeps it from being visible, in a sentence
    without   field -> how many events lack it, of those that lack anything
    blind_on  hosts that show other steps of the chain and not this one
    """

    number: int
    title: str
    role: Role
    verdict: Verdict
    events: int = 0
    known: int = 0
    satisfied: int = 0
    joinable: int = 0
    last: int | None = None
    why: str = ""
    without: Mapping[str, int] = {}
    blind_on: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


class ChainCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """One chain. `looks_back`: how far, in microseconds; `remains`: the chain without what cannot be seen, as text."""

    analytic: str
    chain: str
    attack: tuple[str, ...]
    verdict: Verdict
    steps: tuple[StepCoverage, ...]
    looks_back: int
    reaches_back: bool
    remains: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Times in microseconds since 1970; `starts` of processes, of which `linked` name their parent."""

    events: int
    first: int | None
    last: int | None
    formats: Mapping[str, int]
    starts: int
    linked: int
    chains: tuple[ChainCoverage, ...]


def report(coverage: Coverage, formats: Mapping[str, int], sees: Mapping[str, frozenset[str]]) -> Report:
    """The verdicts. `formats`: how many events each format read has given; `sees`: what each can show at all."""
    attack = {analytic.id: analytic.attack for analytic in coverage.engine.analytics}
    able = {name: sees.get(name, frozenset()) for name in formats}
    span = 0 if coverage.first is None or coverage.last is None else coverage.last - coverage.first
    return Report(
        events=sum(formats.values()),
        first=coverage.first,
        last=coverage.last,
        formats=dict(sorted(formats.items())),
        starts=coverage.starts,
        linked=coverage.linked,
        chains=tuple(_chain(chain, span, able, attack[chain.automaton.analytic]) for chain in coverage.chains),
    )


def _chain(watch: ChainWatch, span: int, able: Mapping[str, frozenset[str]], attack: tuple[str, ...]) -> ChainCoverage:
    chain, of = watch.automaton.chain, roles(watch.automaton.chain)
    per_host = "host" in chain.scope
    hosts = {host for step in watch.steps for host, _ in step.places} - {OTHERS, ""} if per_host else set()
    steps = tuple(_step(step, of[step.step.number], hosts, able) for step in watch.steps)
    verdicts = {step.number: step.verdict for step in steps}
    found = [_of_element(position.element, verdicts) for position in chain.positions]
    reaches = span >= watch.look_back
    worst = min([*found, Verdict.VISIBLE if reaches else Verdict.PARTIAL], key=_RANK.__getitem__)
    return ChainCoverage(
        analytic=watch.automaton.analytic,
        chain=chain.name,
        attack=attack,
        verdict=worst,
        steps=steps,
        looks_back=watch.look_back,
        reaches_back=reaches,
        remains=remains(chain, {n for n, v in verdicts.items() if v is Verdict.BLIND})
        if worst is Verdict.BLIND
        else None,
    )


def _step(watch: StepWatch, role: Role, hosts: set[str], able: Mapping[str, frozenset[str]]) -> StepCoverage:
    places = sorted(watch.places.items())
    total, without = Seen(), dict[str, int]()
    for _, seen in places:
        total.events += seen.events
        total.known += seen.known
        total.satisfied += seen.satisfied
        total.joinable += seen.joinable
        total.last = max(total.last, seen.last)
        for field, count in seen.without.items():
            without[field] = without.get(field, 0) + count
    verdict, why = _judge(total, without), ""
    blind_on: tuple[str, ...] = ()
    if not total.events:
        why = _why_none(watch.test.kinds, able)
    elif verdict is not Verdict.VISIBLE:
        why = _why_lacking(total, without)
    if verdict is not Verdict.BLIND:
        seeing = {host for (host, _), seen in places if _judge(seen, seen.without) is not Verdict.BLIND}
        blind_on = tuple(sorted(hosts - seeing))
        if blind_on and verdict is Verdict.VISIBLE:
            verdict, why = Verdict.PARTIAL, f"{len(blind_on):,} of {len(hosts):,} hosts do not show it"
    return StepCoverage(
        number=watch.step.number,
        title=watch.step.title or watch.step.kind,
        role=role,
        verdict=verdict,
        events=total.events,
        known=total.known,
        satisfied=total.satisfied,
        joinable=total.joinable,
        last=total.last if total.events else None,
        why=why,
        without=dict(sorted(without.items(), key=lambda pair: (-pair[1], pair[0]))),
        blind_on=blind_on,
        places=tuple(_place(host, format, seen) for (host, format), seen in places),
    )


def _place(host: str, format: str, seen: Seen) -> Place:
    return Place(
        host=host,
        format=format,
        verdict=_judge(seen, seen.without),
        events=seen.events,
        known=seen.known,
        satisfied=seen.satisfied,
        joinable=seen.joinable,
        last=seen.last,
    )


def _judge(seen: Seen, without: Mapping[str, int]) -> Verdict:
    if not seen.known or (seen.satisfied and not seen.joinable):
        return Verdict.BLIND
    enough = seen.known >= ENOUGH * seen.events and seen.joinable >= ENOUGH * seen.satisfied
    return Verdict.VISIBLE if enough else Verdict.PARTIAL


def _why_none(kinds: frozenset[str], able: Mapping[str, frozenset[str]]) -> str:
    """Why there is no event: nothing read here can show one, or what can does not."""
    kind = " and ".join(f"`{kind}`" for kind in sorted(kinds)) or "event"
    showing = sorted(name for name, sees in able.items() if kinds <= sees)
    if not showing:
        return f"no format that was read can show {kind}"
    return f"no {kind} came, though {' and '.join(f'`{name}`' for name in showing)} can show it: is it collected?"


def _why_lacking(seen: Seen, without: Mapping[str, int]) -> str:
    """What most events lack, of those that cannot be judged or joined."""
    unknown, unjoined = seen.events - seen.known, seen.satisfied - seen.joinable
    parts = []
    if unknown:
        parts.append(f"{unknown:,} of {seen.events:,} do not say enough to be judged")
    if unjoined:
        parts.append(f"{unjoined:,} of {seen.satisfied:,} that match cannot be joined")
    lacking = sorted(without.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    missing = ", ".join(f"{field} ({count:,})" for field, count in lacking)
    return "; ".join(parts) + (f"; missing: {missing}" if missing else "")


def _of_element(element: Element, verdicts: Mapping[int, Verdict]) -> Verdict:
    """The verdict of an element: of alternatives the best, of all others the worst; what may be missing, or must not
    happen, makes nothing blind."""
    match element:
        case model.Step():
            return verdicts[element.number]
        case model.Either():
            return max((_of_element(m, verdicts) for _, m in element.members), key=_RANK.__getitem__)
        case model.All():
            return min((_of_element(m, verdicts) for _, m in element.members), key=_RANK.__getitem__)
        case model.Optional() | model.Absent():
            return max(_of_element(element.element, verdicts), Verdict.PARTIAL, key=_RANK.__getitem__)
        case model.WithoutPrior():
            prior = max(verdicts[element.prior.number], Verdict.PARTIAL, key=_RANK.__getitem__)
            return min(_of_element(element.element, verdicts), prior, key=_RANK.__getitem__)
        case _:
            return _of_element(element.element, verdicts)


def remains(chain: Chain, blind: set[int]) -> str | None:
    """The chain without the steps that cannot be seen, and without those that refer to them; None where less than two
    steps are left."""
    while True:
        captures = {s.capture for s in _steps(chain) if s.number in blind and s.capture}
        more = {s.number for s in _steps(chain) if s.number not in blind and _refers(s) & captures}
        if not more:
            break
        blind = blind | more
    parts: list[str] = []
    positive = 0
    for position in chain.positions:
        text = _left(position.element, blind)
        if text:
            positive += not isinstance(position.element, model.Absent)
            arrow = position.hop.arrow if position.hop is not None else "->"
            parts += [arrow, text] if parts else [text]
    return " ".join(parts) if positive > 1 else None


def _steps(chain: Chain) -> Iterator[Step]:
    return (step for position in chain.positions for step in model.steps(position.element))


def _refers(step: Step) -> set[str]:
    return {*named(step), *(capture for capture, _ in step_reads(step))}


def _left(element: Element, blind: set[int]) -> str:
    """What is left of an element, as text; nothing where it cannot be seen."""
    match element:
        case model.Step():
            named = f" as {element.capture}" if element.capture else ""
            return "" if element.number in blind else element.title + named
        case model.Either() | model.All():
            sign = " | " if isinstance(element, model.Either) else " & "
            members = [text for _, m in element.members if (text := _left(m, blind))]
            return members[0] if len(members) == 1 else f"({sign.join(members)})" if members else ""
        case model.Optional():
            return f"{text}?" if (text := _left(element.element, blind)) else ""
        case model.Absent():
            return f"!{text}" if (text := _left(element.element, blind)) else ""
        case _:
            return _left(element.element, blind)


def gaps(found: Report) -> list[str]:
    """The chains that this telemetry cannot show, or not wholly, by name."""
    return [f"{c.analytic}/{c.chain}" for c in found.chains if c.verdict is not Verdict.VISIBLE]


def reach(found: Report) -> str:
    """How long the events cover."""
    return short(found.last - found.first) if found.first is not None and found.last is not None else "nothing"
