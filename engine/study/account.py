"""Why an alert came: for each step what of its event the chain asked for, what joined it to the others, and when.

    taken   process.name is msedge.exe: `msedge.exe` of `ImpliedApps`
    joined  acting process: is `app`, msedge.exe (5288)
    time    18.3s after step 1

Made from the alert as it was written and the chain that raised it; the telemetry is not read again. So a lineage is
the one that the alert shows, and a word that matched is told where the event's own fields say which. Called by
`chainrun explain --alert`; the text is `account_text`'s.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.check.spelling import word
from chainrun.dsl.model import Analytic, Argument, Chain, Expression, Part, Pattern, Step
from chainrun.dsl.types import Entity, ValueType

from .. import paths
from ..event import Event, Origin
from ..match.automaton import Automaton, Join
from ..match.compile import compile_chain
from ..match.conditions import members
from ..match.needs import needs, reads
from ..match.readings import as_parent
from ..match.words import compile_pattern
from ..report.alert import Alert, StepReport, Witness, parameters
from .naming import edges, entity
from .prose import condition_text, words_text

# How a join is said: what of the event, and what it has to be to the slot's entity.
_HOW = {
    "caused": ("who acts", "is {} or descends from it"),
    "actor": ("who acts", "is {}"),
    "concerns": ("what it concerns", "is {}"),
    "source": ("its source address", "is an address of {}"),
    "entity": ("`{field}`", "is {}"),
    "value": ("`{field}`", "is the same as {}"),
    "open": ("its identity", "has {} open, and no other"),
    "unknown": ("the link", "is not known, for {} is not"),
}

_UNREAD = frozenset({"process.entity_id", "process.executable"})


class Tested(msgspec.Struct, frozen=True):
    """What a chain asked of an event, and what the event says there. `words`: those that matched, with their sets."""

    asked: str
    values: Mapping[str, Any]
    words: tuple[str, ...] = ()


class Joined(msgspec.Struct, frozen=True):
    """What joins an event to the match: what of it, to what, and the values on both sides."""

    link: str
    event: Mapping[str, Any]
    match: Mapping[str, Any]


class StepAccount(msgspec.Struct, frozen=True):
    """Why an event was taken for a step. `step`: its report in the alert; `after`: the number of the step before it."""

    step: StepReport
    title: str
    tested: tuple[Tested, ...] = ()
    joined: tuple[Joined, ...] = ()
    after: int | None = None


class Account(msgspec.Struct, frozen=True):
    """Why an alert came. `is_as_then`: whether the parameters in force are those that it was raised with."""

    alert: Alert
    analytic: Analytic
    automaton: Automaton
    steps: tuple[StepAccount, ...]
    is_as_then: bool

    @property
    def chain(self) -> Chain:
        return self.automaton.chain


def account(alert: Alert, analytic: Analytic) -> Account | None:
    """Why an alert came; None where the analytic has no such chain, or has changed since."""
    chain = next((c for c in analytic.chains if c.name == alert.chain), None)
    if chain is None or [s.number for s in _all(chain)] != sorted(s.step for s in alert.steps):
        return None
    automaton = compile_chain(analytic, chain)
    told = _Told(automaton, alert, next((p for p in analytic.platforms if p in paths.PLATFORMS), ""))
    steps = tuple(told.step(step) for step in sorted(_all(chain), key=lambda step: step.number))
    is_as_then = alert.parameters.get("fingerprint") == parameters(analytic)["fingerprint"]
    return Account(alert, analytic, automaton, steps, is_as_then)


def _all(chain: Chain) -> list[Step]:
    return [step for position in chain.positions for step in model.steps(position.element)]


class _Told:
    """An alert's steps, told one by one."""

    def __init__(self, automaton: Automaton, alert: Alert, os: str) -> None:
        self.automaton = automaton
        self.os = os
        self.alert = alert
        self.reports = {report.step: report for report in alert.steps}
        self.numbers = {name: edge.step.number for edge in edges(automaton) for name in edge.names}
        for name in {name for edge in edges(automaton) for name in edge.names}:
            matched = [e.step.number for e in edges(automaton) if name in e.names and self._has(e.step.number)]
            self.numbers[name] = matched[0] if matched else self.numbers[name]

    def _has(self, number: int) -> bool:
        return isinstance(self.reports[number].witness, Witness)

    def step(self, step: Step) -> StepAccount:
        report = self.reports[step.number]
        title = f"{'no ' if report.kind.startswith('!') else ''}{step.title or step.kind}"
        if not isinstance(report.witness, Witness):
            return StepAccount(report, title)
        by_parent = _is_by_parent(report, report.witness)
        event = _event(report.witness, self.os)
        tested = [t for part in step.parts for t in self._part(part, event, by_parent)]
        tested += self._condition(step.where, event)
        ways = [e for e in edges(self.automaton, step.number) if not e.loose or "unlinked" in self.alert.flags]
        joins = {j: None for e in ways for j in e.joins}
        before = [n for n in self.reports if n < step.number and self._has(n)]
        return StepAccount(
            report,
            title,
            tuple(tested),
            tuple(joined for join in joins if (joined := self._joined(join, step, event)) is not None),
            max(before, default=None),
        )

    # -- what it asked ----------------------------------------

    def _part(self, part: Part, event: Event, by_parent: bool) -> Iterator[Tested]:
        for argument in part.arguments:
            names = needs(argument.pattern, argument.target, as_parent if by_parent else _same, part.kind.actor)
            values = {name: event.fields[name] for name in sorted(names) if name in event.fields}
            if argument.target.type is ValueType.PROGRAM and len(values) > 1:  # what it is called says enough
                shown = sorted((n for n in values if n.endswith((".name", ".executable"))), reverse=True)
                values = {name: values[name] for name in shown}
            asked = words_text(argument.pattern)
            asked = f"{argument.name}: {asked}" if argument.name is not None else asked
            yield Tested(asked, values, tuple(_matching(argument, argument.pattern, event, part.kind.actor, by_parent)))
        yield from self._condition(part.where, event)

    def _condition(self, condition: Expression | None, event: Event) -> Iterator[Tested]:
        for part in members(condition, "and") if condition is not None else ():
            values = {name: event.fields[name] for name in sorted(needs(part)) if name in event.fields}
            for capture, field in sorted(reads(part)):
                report = self.reports[self.numbers[capture]]
                if isinstance(report.witness, Witness) and field in report.witness.fields:
                    values[f"{capture}.{field}"] = report.witness.fields[field]
            yield Tested(condition_text(part), values)

    # -- what joined it ----------------------------------------

    def _joined(self, join: Join, step: Step, event: Event) -> Joined | None:
        """A join as it held; None for one of a step that had no part in this match."""
        number = int(join.slot[1:]) if join.slot[0] in "#@" else self.numbers.get(join.slot.partition(".")[0])
        if number is None or not self._has(number):
            return None
        report = self.reports[number]
        match: Mapping[str, Any] = {}
        what, how = _HOW.get(join.how, ("the link", "is {}"))
        if join.how == "caused" and join.entity not in (None, Entity.PROCESS):
            how = "belongs to {}"
        link = f"{what.format(field=join.field)} {how.format(entity(self.automaton, join.slot))}"
        if join.slot[0] == "@" and isinstance(report.witness, Witness):
            acting = _known_by(join.entity, _actor(next(s for s in self.automaton.steps if s.number == number)))
            match = _first(acting, report.witness.fields)
        elif join.slot[0] == "#":
            # of a process the number is shorter than its unique id, and says as much to a reader
            unread = _UNREAD if "process.pid" in report.entity else frozenset[str]()
            match = {n: v for n, v in report.entity.items() if n not in unread}
        elif isinstance(report.witness, Witness):
            field = join.slot.partition(".")[2]
            match = {field: report.witness.fields[field]} if field in report.witness.fields else {}
        return Joined(link, _told_by(join, step, event.fields), match)


def _is_by_parent(report: StepReport, witness: Witness) -> bool:
    """Whether an app is shown open by the record of a process that it started."""
    parent = witness.fields.get("process.parent.pid")
    return report.kind == "open" and parent is not None and report.entity.get("process.pid") == parent


def _actor(step: Step) -> str:
    return step.parts[0].kind.actor or "process"


def _told_by(join: Join, step: Step, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What an event says of a join."""
    if join.how in ("entity", "value") and join.field and not join.field.startswith("<"):
        process = join.entity is Entity.PROCESS
        ways: tuple[tuple[str, ...], ...] = ((f"{join.field}.name", f"{join.field}.pid") if process else (join.field,),)
    else:
        ways = (("source.ip",),) if join.how == "source" else _known_by(join.entity, _actor(step))
    return _first(ways, fields)


def _first(ways: tuple[tuple[str, ...], ...], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the first of these ways that is there at all."""
    found = ({name: fields[name] for name in way if name in fields} for way in ways)
    return next(filter(None, found), {})


def _known_by(entity: Entity | None, actor: str) -> tuple[tuple[str, ...], ...]:
    """The fields that a reader knows an entity by, the surest first."""
    process, user = ("process.name", "process.pid"), ("user.name", "user.email", "user.id")
    match entity:
        case None | Entity.PROCESS:
            return (f"{actor}.name", f"{actor}.pid"), process
        case Entity.FILE:
            return ("file.path",), ("exec.path",), ("process.executable",)
        case Entity.CONTAINER:
            return ("container.id",), process, ("source.ip",)
        case Entity.INSTANCE:
            return ("cloud.instance.id",), ("source.ip",), ("cloud.interface.id",)
        case Entity.SESSION:
            return ("session.id",), user
        case _:
            return (user,)


def _event(witness: Witness, os: str) -> Event:
    """The event again, as far as the alert tells of it."""
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in witness.fields.items()}
    place = next(
        (v for name, v in fields.items() if name.endswith((".executable", ".path")) and isinstance(v, str)), ""
    )
    os = str(fields.get("host.os.type") or os or paths.platform_of("", place))
    raw = bytes(witness.raw) if isinstance(witness.raw, msgspec.Raw) else b""
    origin = Origin(witness.input, witness.line, witness.offset)
    return Event(0, frozenset(), fields, origin, host=str(fields.get("host.name", "")), os=os, raw=raw)


def _matching(argument: Argument, pattern: Pattern, event: Event, actor: str | None, by_parent: bool) -> Iterator[str]:
    """The words of a pattern that the event passes, each with the set that it is of."""
    match pattern:
        case model.Words():
            for one in pattern.words:
                alone = model.Words(words=(one,))
                rename = as_parent if by_parent else _same
                if compile_pattern(alone, argument.target, rename=rename, actor=actor)(event, ()):
                    yield f"`{word(one)}`" + (f" of `{pattern.name}`" if pattern.name is not None else "")
        case model.AnyOf():
            for each in pattern.patterns:
                yield from _matching(argument, each, event, actor, by_parent)
        case model.ButNot():
            yield from _matching(argument, pattern.pattern, event, actor, by_parent)
        case model.NotIn() | model.FromCapture():
            pass


def _same(name: str) -> str:
    return name
