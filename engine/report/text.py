"""An alert as a block for people: what happened, step by step, where it was read, and on what it rests.

The JSON line is the record; this is its face on a terminal. Everything from telemetry is escaped. Called by the command
line; `to_block` is for anybody who prints alerts.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import IO, Any

import msgspec

from .alert import Absent, Alert, Reference, StepReport, Suppressed, Witness
from .duration import short
from .escape import escape, excerpt
from .paint import Paint
from .phrase import base_name, command_line, phrase

# What each flag means to whoever reads the alert.
FLAGS = {
    "late": "an event came later than the lateness allows; what lay between may not have been seen in order",
    "future": "an event's own time was far ahead of all other hosts'; it was taken for one of when it came",
    "unlinked": "a record named no actor, so this link is a coincidence on one host and no proof of cause",
    "unproven": "an absence rests on a source that showed nothing from this host in that time",
    "state_evicted": "state of this host was given up for lack of memory; there may be more to it",
    "lineage_incomplete": "a process was seen starting, and not who started it",
    "clock_unmeasured": "the source writes local time and nothing measured its offset; times may be hours off",
}

_SEVERITY = {
    "critical": ("bold", "red"),
    "high": ("bold", "red"),
    "medium": ("bold", "yellow"),
    "low": ("bold", "blue"),
}
_WHERE_LIMIT = 200
_TITLE_LIMIT = 200
_COMMAND_LIMIT = 160


class TextBlocks:
    """Writes each alert as a block with an empty line behind it."""

    def __init__(self, out: IO[str], *, color: bool = False) -> None:
        self._out = out
        self._paint = Paint(color)

    def write(self, alert: Alert) -> None:
        self._out.write(to_block(alert, self._paint) + "\n")
        self._out.flush()


def to_block(alert: Alert, paint: Paint | None = None) -> str:
    """The alert as lines of text, each ended."""
    paint = paint or Paint(False)
    lines = [*_head(alert, paint), "", *_steps(alert, paint), "", *_foot(alert, paint)]
    return "\n".join(lines) + "\n"


def _head(alert: Alert, paint: Paint) -> list[str]:
    severity = escape(alert.severity)
    title = excerpt(alert.title or alert.analytic, _TITLE_LIMIT)
    names = [f"{escape(alert.analytic)}/{escape(alert.chain)}", *map(escape, alert.attack)]
    if alert.strategy:
        names.append(escape(alert.strategy))
    labels = {name: "" if name == "host.name" else f"{escape(name)} " for name in alert.scope}
    scope = ", ".join(f"{labels[name]}{excerpt(value, _WHERE_LIMIT)}" for name, value in alert.scope.items())
    took = _elapsed(alert.first_time, alert.last_time)
    span = f"{_moment(alert.first_time)} UTC" + (f", over {took}" if took not in ("", "0s") else "")
    kept = ", suppressed" if isinstance(alert.suppressed, Suppressed) else ""
    return [
        f"{paint(severity.upper(), *_SEVERITY.get(severity, ('bold',)))}{kept}  {paint(title, 'bold')}",
        f"  {'  '.join(names)}",
        "  " + (f"on {paint(scope, 'bold')}, " if scope else "") + f"from {span}",
    ]


def _steps(alert: Alert, paint: Paint) -> list[str]:
    number = max((len(str(s.step)) for s in alert.steps), default=1)
    names = [escape(_called(s)) for s in alert.steps]
    name = max(map(len, names), default=0)
    times = [_relative(alert.first_time, s.witness.time) if isinstance(s.witness, Witness) else "" for s in alert.steps]
    time = max(map(len, times), default=0)
    margin = " " * (number + name + time + 8)
    day = _moment(alert.first_time)[:11]
    lines = []
    for step, called, after in zip(alert.steps, names, times, strict=True):
        head = f"  {step.step:>{number}}  {paint(called, 'cyan')}{' ' * (name - len(called))}  "
        if not isinstance(step.witness, Witness):
            lines.append(paint(f"{head}{' ' * time}  {_without_witness(step, alert, day)}", "dim"))
            continue
        fields = _shown(step, step.witness)
        lines.append(f"{head}{after:>{time}}  {phrase(step.kind, fields)}{_more(step)}")
        command = command_line(step.kind, fields, _COMMAND_LIMIT)
        if command is not None:
            lines.append(f"{margin}$ {command}")
        moment = _moment(step.witness.time)
        # the day stands above; it is said again only where it is another one
        moment = moment.removeprefix(day)
        lines.append(paint(f"{margin}{moment}  {_where(step.witness)}", "dim"))
    return lines


def _without_witness(step: StepReport, alert: Alert, day: str) -> str:
    """What is said of a step that no event of the witness is."""
    if isinstance(step.absent, Absent):
        since, until = (_moment(at).removeprefix(day) for at in (step.absent.since, step.absent.until))
        return f"no {escape(step.kind.removeprefix('!'))} seen, {since} – {until}"
    if step.kind.startswith("!"):
        return "none known of, and not proven" if "unproven" in alert.flags else "not asked about"
    if step.matched:
        return f"{_events(step)}, of other matches than the one shown"
    return "not seen, and not needed"


def _foot(alert: Alert, paint: Paint) -> list[str]:
    rows: list[tuple[str, str]] = []
    if isinstance(alert.suppressed, Suppressed):
        rows.append(("suppressed", _reason(alert.suppressed)))
    if alert.lineage:
        rows.append(("lineage", " -> ".join(_lineage_name(row) for row in alert.lineage)))
    for flag in alert.flags:
        rows.append(("flag", f"{escape(flag)}: {FLAGS[flag]}" if flag in FLAGS else escape(flag)))
    matched, possible = alert.completeness.get("matched", 0), alert.completeness.get("possible", 0)
    if matched < possible:
        rows.append(("complete", f"{matched} of {possible} steps"))
    for name, value in alert.parameters.get("changed", {}).items():
        rows.append(("set", f"{escape(name)} = {excerpt(value, _COMMAND_LIMIT)}"))
    rows.append(("id", alert.alert_id + (f", revision {alert.revision}" if alert.revision else "")))
    width = max(len(label) for label, _ in rows)
    return [f"  {paint(label.ljust(width), 'dim')}  {text}" for label, text in rows]


def _shown(step: StepReport, witness: Witness) -> Mapping[str, Any]:
    """The fields to make a sentence of. An app that was open already is known by a record that may be about another
    process (a child that it started): then the app itself, as the step names it."""
    app = step.entity
    if step.kind == "open" and app and app.get("process.pid") != witness.fields.get("process.pid"):
        return app
    return witness.fields


def _called(step: StepReport) -> str:
    return step.kind if step.name == step.kind else f"{step.kind} as {step.name}"


def _reason(suppressed: Suppressed) -> str:
    """`“lab”, says it-team, until 2027-01-31`."""
    owner = f", says {excerpt(suppressed.owner, _TITLE_LIMIT)}" if suppressed.owner else ""
    until = f", until {escape(suppressed.until)}" if suppressed.until else ""
    return f"“{excerpt(suppressed.reason, _TITLE_LIMIT)}”{owner}{until}"


def _more(step: StepReport) -> str:
    """Of several events ` (and 11 more)`, of a counted step ` (23 events in 58s, by source.ip 192.0.2.7)`."""
    if step.counted:
        by = ", ".join(f"{escape(name)} {excerpt(value, _WHERE_LIMIT)}" for name, value in step.by.items())
        return f" ({_events(step)}{_span(step)}{f', by {by}' if by else ''})"
    if isinstance(step.count_at_least, int):
        return f" (and at least {step.count_at_least - 1:,} more)"
    if isinstance(step.count, int) and step.count > 1:
        return f" (and {step.count - 1:,} more)"
    return ""


def _events(step: StepReport) -> str:
    if isinstance(step.count_at_least, int):
        return f"at least {step.count_at_least:,} events"
    count = step.count if isinstance(step.count, int) else 0
    return f"{count:,} event{'' if count == 1 else 's'}"


def _span(step: StepReport) -> str:
    """` in 58s`: from the first of a step's events to the last."""
    listed = step.evidence if not isinstance(step.evidence, msgspec.UnsetType) else []
    took = _elapsed(listed[0].time, listed[-1].time) if len(listed) > 1 else ""
    return f" in {took}" if took else ""


def _where(place: Reference | Witness) -> str:
    shown = f"{excerpt(place.input, _WHERE_LIMIT)}:{place.line}"
    if place.also is not msgspec.UNSET and place.also:
        shown += "".join(f", {excerpt(also.input, _WHERE_LIMIT)}:{also.line}" for also in place.also[:3])
    return shown


def _lineage_name(row: dict[str, Any]) -> str:
    name = row.get("name") or base_name(str(row.get("executable") or ""))
    if not name:
        return f"process {row['pid']}" if "pid" in row else "?"
    shown = excerpt(name, 60)
    # a name that looks like an arrow must not forge an ancestor
    return f'"{shown}"' if "->" in shown else shown


def _parsed(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:  # a moment outside the calendar, written as a number
        return None


def _moment(stamp: str) -> str:
    """A time stamp as people read it: to the millisecond, or finer where that says more."""
    at = _parsed(stamp)
    if at is None:
        return escape(stamp)
    fraction = f"{at.microsecond:06d}"
    return at.strftime("%Y-%m-%d %H:%M:%S.") + (fraction[:3] if fraction.endswith("000") else fraction)


def _elapsed(first: str, last: str) -> str:
    start, end = _parsed(first), _parsed(last)
    return short((end - start) // timedelta(microseconds=1)) if start is not None and end is not None else ""


def _relative(first: str, time: str) -> str:
    elapsed = _elapsed(first, time)
    return elapsed if elapsed.startswith("-") else f"+{elapsed}" if elapsed else ""
