"""The published alert: one JSON object, fields in a fixed order, no floats. docs/alert.md is its documentation.

Made from a `Match` by `make_alert`; printed by the sinks.
"""

import hashlib
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Exclusion, Step

from ..event import Event
from ..match.automaton import SCOPES, Automaton
from ..match.evidence import Match
from ..match.keys import EntityKey
from ..match.lineage import ancestry
from ..process import Process
from .about import about, key, plain, row
from .absences import Interval, absences
from .roles import Role, positive, roles, within

SCHEMA = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# How many ancestors an alert lists; the rest of a forged ancestry tells nobody anything.
LINEAGE_LIMIT = 32


class Reference(msgspec.Struct, frozen=True):
    """Where an event was read; `also`: other records of the same occurrence."""

    input: str
    line: int
    offset: int
    time: str
    also: list["Place"] | msgspec.UnsetType = msgspec.UNSET


class Place(msgspec.Struct, frozen=True):
    input: str
    line: int
    offset: int


class Witness(msgspec.Struct, frozen=True):
    """One event in full: the canonical fields, and the record as it came (`raw`; see `_record`)."""

    input: str
    line: int
    offset: int
    time: str
    fields: dict[str, Any]
    also: list[Place] | msgspec.UnsetType = msgspec.UNSET
    raw: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Absent(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """From when to when nothing was seen, of what must not be."""

    since: str
    until: str


class StepReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of the chain as written.

    count    how many events take part; `count_at_least` takes its place where a log was cut
    counted  the step happens where a count of such events is reached
    by       the values for which they were counted
    entity   what the witness's step is about
    absent   of a step that must not happen: how long it did not
    """

    step: int
    name: str
    kind: str
    matched: bool = msgspec.field(default_factory=bool)
    count: int | msgspec.UnsetType = msgspec.UNSET
    count_at_least: int | msgspec.UnsetType = msgspec.UNSET
    counted: bool = False
    by: dict[str, Any] = {}
    absent: Absent | msgspec.UnsetType = msgspec.UNSET
    entity: dict[str, Any] = {}
    witness: Witness | msgspec.UnsetType = msgspec.UNSET
    evidence: list[Reference] | msgspec.UnsetType = msgspec.UNSET


class Suppressed(msgspec.Struct, frozen=True):
    """The exception that kept an alert from being raised; `until`: the last day on which it applies."""

    reason: str
    owner: str | None
    until: str | None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """See docs/alert.md. Times are RFC 3339 in UTC with microseconds."""

    schema: int
    alert_id: str
    revision: int
    analytic: str
    chain: str
    title: str
    severity: str
    attack: list[str]
    strategy: str | None
    scope: dict[str, Any]
    first_time: str
    last_time: str
    steps: list[StepReport]
    entities: dict[str, dict[str, Any]]
    lineage: list[dict[str, Any]]
    completeness: dict[str, int]
    flags: list[str]
    suppressed: Suppressed | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any]
    version: str


def stamp(at: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC; a moment outside the calendar as its number."""
    try:
        return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1_000_000:06d}Z"
    except OverflowError:
        return str(at)


def make_alert(
    analytic: Analytic,
    automaton: Automaton,
    match: Match,
    scope: Hashable,
    identity: tuple[Hashable, ...],
    *,
    severity: str,
    version: str,
    evidence: int = 20,
    raw: bool = True,
    revision: int = 0,
    suppressed: Exclusion | None = None,
    flags: frozenset[str] = frozenset(),
) -> Alert:
    """The alert of a match.

    evidence    how many events of a step are listed in full
    revision    1 for the second edition of an alert
    suppressed  the exception that keeps it from being raised
    flags       on what it rests besides what the match says
    """
    chain = automaton.chain
    flags = flags | _flags(match)
    steps = list(_steps(automaton, match, evidence, raw, proven="unproven" not in flags))
    about_what = {s.step: s.entity for s in steps}
    return Alert(
        schema=SCHEMA,
        alert_id=_alert_id(analytic.id, chain.name, scope, identity, match),
        revision=revision,
        analytic=analytic.id,
        chain=chain.name,
        title=analytic.title,
        severity=severity,
        attack=list(analytic.attack),
        strategy=analytic.strategy,
        scope=_scope(chain.scope, scope, match.event),
        first_time=stamp(match.start),
        last_time=stamp(match.at),
        steps=steps,
        entities={name: e for name, number in _captures(automaton, match).items() if (e := about_what[number])},
        lineage=[row(p) for p in reversed(list(ancestry(_subject(match, identity)))[:LINEAGE_LIMIT])],
        completeness=_completeness(chain, match),
        flags=sorted(flags),
        suppressed=_suppressed(suppressed) if suppressed is not None else msgspec.UNSET,
        parameters=parameters(analytic),
        version=version,
    )


def encode(alert: Alert) -> bytes:
    """The alert as one line of JSON, without the line break."""
    return msgspec.json.encode(alert)


def _scope(fields: tuple[str, ...], values: Hashable, event: Event) -> dict[str, Any]:
    assert isinstance(values, tuple)
    found = {}
    for field, value in zip(fields, values, strict=True):
        name = "host.name" if field == "host" else SCOPES.get(field, (field,))[0]
        # of a long text matching knows only the digest, and the event the text
        if isinstance(value, EntityKey):
            found[name] = value.name if isinstance(value.name, str) else event.fields.get(name, str(value.name))
        else:
            found[name] = value if field == "host" else event.fields.get(field, value)
    return found


def _steps(automaton: Automaton, match: Match, limit: int, raw: bool, *, proven: bool) -> Iterator[StepReport]:
    """Every step as written but that of `until`, which is none of the match."""
    chain = automaton.chain
    of = roles(chain)
    held = absences(chain, match) if proven else {}
    elements = [p.element for p in chain.positions]
    counted = {n: part for e in elements for part in within(e, model.Counted) for n in positive(part)}
    repeated = {n for e in elements for part in within(e, model.Repeat) for n in positive(part)} | counted.keys()
    for step in automaton.steps:
        role = of[step.number]
        if role is Role.UNTIL:
            continue
        if not role.is_positive:
            kind = f"!{step.kind}"
            yield StepReport(step=step.number, name=kind, kind=kind, absent=_absent(held.get(step.number)))
        elif step.number not in match.evidence:
            yield StepReport(step=step.number, name=step.capture or step.kind, kind=step.kind)
        else:
            report = _seen(step, match, limit, raw, introduces=step.number not in repeated)
            if step.number in counted:
                report = msgspec.structs.replace(report, counted=True, by=_by(counted[step.number], step, match))
            yield report


def _absent(interval: Interval | None) -> Absent | msgspec.UnsetType:
    return Absent(stamp(interval[0]), stamp(interval[1])) if interval is not None else msgspec.UNSET


def _seen(step: Step, match: Match, limit: int, raw: bool, *, introduces: bool) -> StepReport:
    """A step that took place. `introduces`: False where it is repeated, and so about who acts."""
    number = step.number
    events, event = match.evidence[number], match.witness.get(number)
    count, cut = len(events), number in match.at_least
    entity: dict[str, Any] = {}
    if event is not None:
        process = match.processes[number] if introduces else _acting(step, event, match)
        entity = about(step, event, process, introduces=introduces)
    return StepReport(
        step=number,
        name=step.capture or step.kind,
        kind=step.kind,
        matched=True,
        count=msgspec.UNSET if cut else count,
        count_at_least=count if cut else msgspec.UNSET,
        entity=entity,
        witness=_witness(event, raw) if event is not None else msgspec.UNSET,
        evidence=[_reference(e) for e in _listed(events, event, limit)],
    )


def _by(counted: model.Counted, step: Step, match: Match) -> dict[str, Any]:
    """The values for which a step's events were counted."""
    event = match.witness.get(step.number)
    if event is None:
        return {}
    acting = _acting(step, event, match)
    return {name: value for field in counted.by for name, value in key(field, event, acting).items()}


def _acting(step: Step, event: Event, match: Match) -> Process | None:
    """Who acted: not whom the step introduced, unless that is who acts, as an app that opens."""
    process, introduced = match.processes[step.number], step.introduces
    if introduced is None or introduced.field == step.parts[0].kind.actor:
        return process or event.actor
    return event.actor or process


def _captures(automaton: Automaton, match: Match) -> dict[str, int]:
    """The captures of a match, each with the number of the step that it is."""
    found: dict[str, int] = {}
    for state in automaton.states:
        for edge in state.edges:
            if edge.step.number in match.witness:
                found |= dict.fromkeys(edge.names, edge.step.number)
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def _completeness(chain: Chain, match: Match) -> dict[str, int]:
    """How many steps matched, and how many would have, had all that is optional been there."""
    optional = [part for p in chain.positions for part in within(p.element, model.Optional)]
    missing = [part for part in optional if match.witness.keys().isdisjoint(positive(part))]
    return {"matched": len(match.witness), "possible": len(match.witness) + len(missing)}


def _suppressed(exclusion: Exclusion) -> Suppressed:
    until = stamp(exclusion.until)[:10] if exclusion.until is not None else None
    return Suppressed(exclusion.reason, exclusion.owner, until)


def _listed(events: list[Event], witness: Event | None, limit: int) -> list[Event]:
    """At most `limit` events: the first, the last, the witness, and the rest from the beginning."""
    if len(events) <= limit:
        return events
    chosen = {events[0].order, events[-1].order}
    if witness is not None:
        chosen.add(witness.order)
    for event in events:
        if len(chosen) >= max(limit, 1):
            break
        chosen.add(event.order)
    return [e for e in events if e.order in chosen]


def _also(event: Event) -> list[Place] | msgspec.UnsetType:
    if not event.also:
        return msgspec.UNSET
    return [Place(o.input, o.line, o.offset) for o in event.also]


def _reference(event: Event) -> Reference:
    origin = event.origin
    return Reference(origin.input, origin.line, origin.offset, stamp(event.time), _also(event))


def _witness(event: Event, raw: bool) -> Witness:
    origin = event.origin
    fields = {name: plain(event.fields[name]) for name in sorted(event.fields)}
    record = _record(event.raw) if raw and event.raw else msgspec.UNSET
    return Witness(origin.input, origin.line, origin.offset, stamp(event.time), fields, _also(event), record)


def _record(raw: bytes) -> msgspec.Raw:
    """The record as it came; where it is more than strict JSON (half a surrogate pair, 1e999), its text as a string."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(raw.decode("utf-8", "backslashreplace")))
    return msgspec.Raw(raw)


def _subject(match: Match, identity: tuple[Hashable, ...]) -> Process | None:
    """The process whose ancestry the alert shows: the one that acted last."""
    return match.event.actor or match.event.process or next((i for i in identity if isinstance(i, Process)), None)


def _flags(match: Match) -> set[str]:
    found = {flag for events in match.evidence.values() for event in events for flag in event.flags}
    if match.loose:
        found.add("unlinked")
    if match.unproven:
        found.add("unproven")
    actors = (event.actor for event in match.witness.values())
    if any(a is not None and a.start is not None and a.parent is None for a in actors):
        found.add("lineage_incomplete")
    return found


def _alert_id(analytic: str, chain: str, scope: Hashable, identity: tuple[Hashable, ...], match: Match) -> str:
    """Deterministic: the same alert has the same id in every run, whatever its input was called."""
    digest, event = hashlib.blake2b(digest_size=12), match.event
    record = hashlib.blake2b(event.raw, digest_size=12).hexdigest() if event.raw else str(event.sequence)
    parts = [analytic, chain, repr(scope), *map(_name, identity), str(match.at), record]
    digest.update("\x1f".join(parts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _name(value: Hashable) -> str:
    """An identity's value as text that does not depend on the order of arrival."""
    if isinstance(value, Process):
        return value.entity_id or f"{value.host}/{value.pid}/{value.start}"
    return repr(value)


def parameters(analytic: Analytic) -> dict[str, Any]:
    """The fingerprint of all effective parameters, and those that are not the file's own."""
    digest = hashlib.blake2b(digest_size=8)
    for parameter in sorted(analytic.parameters, key=lambda p: p.name):
        digest.update(f"{parameter.name}={parameter.value}\x1f".encode("utf-8", "surrogatepass"))
    changed = {p.name: p.value for p in analytic.parameters if p.value != p.default}
    return {"fingerprint": digest.hexdigest(), "changed": changed}
