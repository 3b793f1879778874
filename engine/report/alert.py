"""The published alert: one JSON object, fields in a fixed order, no floats. docs/alert.md is its documentation.

Made from a `Match` by `make_alert`; printed by the sinks.
"""

import hashlib
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from chainrun.dsl.model import Analytic, Step

from ..event import Event
from ..match.automaton import Automaton
from ..match.evidence import Match
from ..match.lineage import ancestry
from ..process import Process

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


class StepReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of the chain as written. `count` is exact; `count_at_least` takes its place where a log was cut.
    `entity`: what the witness's step is about."""

    step: int
    name: str
    kind: str
    matched: bool = msgspec.field(default_factory=bool)
    count: int | msgspec.UnsetType = msgspec.UNSET
    count_at_least: int | msgspec.UnsetType = msgspec.UNSET
    entity: dict[str, Any] = {}
    witness: Witness | msgspec.UnsetType = msgspec.UNSET
    evidence: list[Reference] | msgspec.UnsetType = msgspec.UNSET


class Alert(msgspec.Struct, frozen=True):
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
    version: str,
    evidence: int = 20,
    raw: bool = True,
) -> Alert:
    """The alert of a match. `evidence`: how many events of a step are listed in full."""
    witness = match.witness
    chain = automaton.chain
    steps = [_step(step, match, witness.get(step.number), evidence, raw) for step in automaton.steps]
    required = [s for s in automaton.steps if s.number in witness]
    events = [e for found in match.evidence.values() for e in found]
    actor = _subject(match, identity)
    return Alert(
        schema=SCHEMA,
        alert_id=_alert_id(analytic.id, chain.name, scope, identity, match.event),
        revision=0,
        analytic=analytic.id,
        chain=chain.name,
        title=analytic.title,
        severity=analytic.severity,
        attack=list(analytic.attack),
        strategy=analytic.strategy,
        scope=_scope(chain.scope, scope),
        first_time=stamp(match.start),
        last_time=stamp(match.event.time),
        steps=steps,
        entities={s.capture: e for s in automaton.steps if s.capture is not None and (e := _entity(s, match))},
        lineage=[_row(p) for p in reversed(list(ancestry(actor))[:LINEAGE_LIMIT])],
        completeness={
            "matched": len(required),
            "possible": len(required) + sum(1 for n in automaton.optional if n not in witness),
        },
        flags=_flags(match, witness, events),
        parameters=_parameters(analytic),
        version=version,
    )


def encode(alert: Alert) -> bytes:
    """The alert as one line of JSON, without the line break."""
    return msgspec.json.encode(alert)


def _scope(fields: tuple[str, ...], values: Hashable) -> dict[str, Any]:
    assert isinstance(values, tuple)
    names = ("host.name" if f == "host" else f for f in fields)
    return dict(zip(names, values, strict=True))


def _step(step: Step, match: Match, witness: Event | None, limit: int, raw: bool) -> StepReport:
    name = step.capture or step.kind
    events = match.evidence.get(step.number)
    if events is None:
        return StepReport(step=step.number, name=name, kind=step.kind)
    count = len(events)
    cut = step.number in match.at_least
    return StepReport(
        step=step.number,
        name=name,
        kind=step.kind,
        matched=True,
        count=msgspec.UNSET if cut else count,
        count_at_least=count if cut else msgspec.UNSET,
        entity=_entity(step, match),
        witness=_witness(witness, raw) if witness is not None else msgspec.UNSET,
        evidence=[_reference(e) for e in _listed(events, witness, limit)],
    )


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
    fields = {name: _plain(event.fields[name]) for name in sorted(event.fields)}
    record = _record(event.raw) if raw and event.raw else msgspec.UNSET
    return Witness(origin.input, origin.line, origin.offset, stamp(event.time), fields, _also(event), record)


def _record(raw: bytes) -> msgspec.Raw:
    """The record as it came; where it is more than strict JSON (half a surrogate pair, 1e999), its text as a string."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(raw.decode("utf-8", "backslashreplace")))
    return msgspec.Raw(raw)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _entity(step: Step, match: Match) -> dict[str, Any]:
    """The entity that a step is about, of the witness: what it introduced, else who acted; empty where unknown."""
    event = match.witness.get(step.number)
    if event is None:
        return {}
    introduced = step.introduces
    if introduced is not None and not introduced.field.startswith("process") and introduced.field in event.fields:
        return {introduced.field: _plain(event.fields[introduced.field])}
    process = match.processes[step.number]
    return _process(process) if process is not None else {}


def _process(process: Process) -> dict[str, Any]:
    pairs = {
        "process.entity_id": process.entity_id,
        "process.pid": process.pid,
        "process.name": process.name,
        "process.executable": process.executable,
    }
    return {name: value for name, value in pairs.items() if value is not None}


def _row(process: Process) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if process.pid is not None:
        row["pid"] = process.pid
    row["name"] = process.name
    if process.executable is not None:
        row["executable"] = process.executable
    return row


def _subject(match: Match, identity: tuple[Hashable, ...]) -> Process | None:
    """The process whose ancestry the alert shows: the one that acted last."""
    return match.event.actor or match.event.process or next((i for i in identity if isinstance(i, Process)), None)


def _flags(match: Match, witness: dict[int, Event], events: list[Event]) -> list[str]:
    flags = {flag for event in events for flag in event.flags}
    if any(e.actor is not None and e.actor.start is not None and e.actor.parent is None for e in witness.values()):
        flags.add("lineage_incomplete")
    return sorted(flags)


def _alert_id(analytic: str, chain: str, scope: Hashable, identity: tuple[Hashable, ...], event: Event) -> str:
    """Deterministic: the same alert has the same id in every run, whatever its input was called."""
    digest = hashlib.blake2b(digest_size=12)
    record = hashlib.blake2b(event.raw, digest_size=12).hexdigest() if event.raw else str(event.sequence)
    parts = [analytic, chain, repr(scope), *map(_name, identity), str(event.time), record]
    digest.update("\x1f".join(parts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _name(value: Hashable) -> str:
    """An identity's value as text that does not depend on the order of arrival."""
    if isinstance(value, Process):
        return value.entity_id or f"{value.host}/{value.pid}/{value.start}"
    return repr(value)


def _parameters(analytic: Analytic) -> dict[str, Any]:
    """The fingerprint of all effective parameters, and those that are not the file's own."""
    digest = hashlib.blake2b(digest_size=8)
    for parameter in sorted(analytic.parameters, key=lambda p: p.name):
        digest.update(f"{parameter.name}={parameter.value}\x1f".encode("utf-8", "surrogatepass"))
    changed = {p.name: p.value for p in analytic.parameters if p.value != p.default}
    return {"fingerprint": digest.hexdigest(), "changed": changed}
