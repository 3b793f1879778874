"""A test's story as it might have gone otherwise: one record of the evidence lost, too late, out of order, of another.

    0s  write  pid=10              0s  write  pid=10            8s  write  pid=10            0s  write  pid=10
    8s  spawn  pid=11 ppid=10  ->                          or   0s  spawn  pid=11 ppid=10 or 8s  spawn  pid=11 ppid=98

Only what the chain asks for is altered: of steps in any order none is moved past the other, and another process acts
only where a link asks which. Times that the test expects go with their events. Called by `survivors`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Test
from chainrun.dsl.types import Entity
from msgspec.structs import replace

from ..event import Event
from ..match.automaton import HOST_SCOPES, SCOPES, Automaton, Join
from ..match.compile import compile_chain
from ..report.alert import Alert, Reference, StepReport, Witness
from ..report.roles import within
from .again import fresh
from .naming import edges
from .trial import Story

LOST = "an event lost"
LATE = "an event too late"
SWAPPED = "an event after that of the next step"

_SECOND = 1_000_000
_OTHER_PID = 4_000_000  # more than any system gives

# The fields by which telemetry knows who acts.
_KNOWN_BY = {
    Entity.CONTAINER: ("container.id",),
    Entity.SESSION: ("session.id",),
    Entity.INSTANCE: ("cloud.instance.id", "source.ip"),
    Entity.IDENTITY: ("user.name", "user.id", "user.email"),
}

Record = tuple[str, int, int]
# By what else an event may be known: the fields that are otherwise, None for its host.
_Keys = Mapping[str, tuple[str, ...] | None]


class Alteration(msgspec.Struct, frozen=True):
    """A story in which a record that was evidence of a step is otherwise. `line`: the record's, in the test or in its
    file; `test`: what is expected of this story."""

    what: str
    chain: str
    step: int
    line: int
    test: Test
    story: Story


def alterations(analytic: Analytic, test: Test, story: Story, alerts: Sequence[Alert]) -> Iterator[Alteration]:
    """The ways in which the story of a test that raises these alerts might have gone otherwise."""
    for chain in analytic.chains if alerts else ():
        automaton = compile_chain(analytic, chain)
        for alert in alerts:
            if alert.chain == chain.name and test.chain in (None, chain.name):
                yield from _of_alert(automaton, test, story, alert)


def _of_alert(automaton: Automaton, test: Test, story: Story, alert: Alert) -> Iterator[Alteration]:
    chain = automaton.chain
    times = {_record(event): event.time for event in reversed(story.events)}
    # an app that is open at an event of the next step is not what that event is about: it counts for the later step
    of = {_place(r): s.step for s in alert.steps if isinstance(s.evidence, list) for r in s.evidence}
    first = min(times[record] for record in of)
    reach = _reach(chain)
    for report in alert.steps:
        after = _next(chain, alert.steps, report.step)
        keys = _keys(automaton, report.step)
        for record in (place for place, number in of.items() if number == report.step):
            changes = [(LOST, test, [e for e in story.events if _record(e) != record])]
            if len(of) > 1:
                if reach is not None:
                    changes.append((LATE, *_moved(test, story, {record: first + reach + _SECOND})))
                if after is not None and times[after] != times[record]:
                    changes.append((SWAPPED, *_moved(test, story, {record: times[after], after: times[record]})))
                for what, fields in keys.items():
                    found = _rekeyed(story, record, fields)
                    changes += [(what, test, found)] if found else []
            for what, expected, events in changes:
                made = replace(story, events=events)
                yield Alteration(what, chain.name, report.step, record[1], expected, made)


def _record(event: Event) -> Record:
    return event.origin.input, event.origin.line, event.origin.offset


def _place(reference: Reference | Witness) -> Record:
    return reference.input, reference.line, reference.offset


def _reach(chain: Chain) -> int | None:
    """How long after the first event another is in time, at most."""
    if chain.within is not None:
        return chain.within
    counted = [part.within for p in chain.positions for part in within(p.element, model.Counted)]
    return max((most for most in counted if most is not None), default=None)


def _next(chain: Chain, reports: Sequence[StepReport], number: int) -> Record | None:
    """The record that the witness shows at the next place of the chain."""
    place = {s.number: i for i, p in enumerate(chain.positions) for s in model.steps(p.element)}
    for other in reports:
        if isinstance(other.witness, Witness) and place[other.step] > place[number]:
            return _place(other.witness)
    return None


def _moved(test: Test, story: Story, times: Mapping[Record, int]) -> tuple[Test, list[Event]]:
    """The records at other times, and the test that expects them there."""
    events = fresh(story.events)
    moved: dict[int, int] = {}
    for event in events:
        at = times.get(_record(event))
        if at is not None:
            moved[event.time - story.begin] = at - story.begin
            event.time = at
    expectations = tuple(
        replace(e, moments=tuple(replace(m, at=moved.get(m.at, m.at)) if m.at is not None else m for m in e.moments))
        for e in test.expectations
    )
    return replace(test, expectations=expectations), fresh(sorted(events, key=lambda event: event.time))


# -- what a step is known by ----------------------------------------


def _keys(automaton: Automaton, number: int) -> _Keys:
    """What an event of a step has in common with the others of its match, by what it is called."""
    found: dict[str, tuple[str, ...] | None] = {}
    for scope in automaton.chain.scope:
        if scope in HOST_SCOPES:
            found["an event of another host"] = None
        else:
            found[f"an event of another {scope}"] = SCOPES.get(scope, (scope,))
    for edge in edges(automaton, number):
        actor = edge.step.parts[0].kind.actor or "process"
        for join in edge.joins:
            name, fields = _joined(join, actor)
            if fields:
                found[f"an event of another {name}"] = fields
    return found


def _joined(join: Join, actor: str) -> tuple[str, tuple[str, ...]]:
    """What a join is called, and the fields of the event that it reads."""
    entity = join.entity.value if join.entity is not None else "process"
    match join.how:
        case "caused" | "actor" | "concerns" if join.entity in (None, Entity.PROCESS):
            who = actor if join.how != "concerns" else join.field or "process"
            return entity, (f"{who}.pid", f"{who}.entity_id")
        case "caused" | "actor" | "concerns":
            assert join.entity is not None
            return entity, (join.field,) if join.field else _KNOWN_BY.get(join.entity, ())
        case "entity" if join.entity is Entity.PROCESS:
            who = actor if join.field.startswith("<") else join.field
            return entity, (f"{who}.pid", f"{who}.entity_id")
        case "entity" | "value":
            return (join.field if join.how == "value" else entity), (join.field,)
        case "source":
            return "source", ("source.ip",)
        case _:
            return entity, ()


def _rekeyed(story: Story, record: Record, fields: tuple[str, ...] | None) -> list[Event]:
    """The story in which the record says something else there; empty where it says nothing."""
    events, changed = fresh(story.events), False
    for event in events:
        if _record(event) != record:
            continue
        if fields is None:
            event.host += "-other"
            event.fields["host.name"] = event.host
            event.fields.pop("host.id", None)
            changed = True
        for name in fields or ():
            if name in event.fields:
                event.fields[name] = _other(name, event.fields[name])
                changed = True
                if name == "file.path":
                    event.fields["file.name"] = _other(name, event.fields.get("file.name", ""))
    return events if changed else []


def _other(name: str, value: Any) -> Any:
    """Another value of the same sort: a file of the same folder and extension, an address of no other host."""
    match value:
        case tuple():
            return tuple(_other(name, one) for one in value)
        case bool():
            return not value
        case int() | float():
            return value + _OTHER_PID
        case _ if name.endswith(".ip"):
            return "198.51.100.99"
        case _:
            at = max(value.rfind("/"), value.rfind("\\")) + 1
            return f"{value[:at]}other-{value[at:]}"
