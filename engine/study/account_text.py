"""An alert's account for people: the alert as ever, and below it why each event was taken. Called by `chainrun explain
--alert`; everything from telemetry is escaped."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ..match.identity import HOUR
from ..report.alert import Absent, Witness
from ..report.duration import in_words, short
from ..report.escape import escape, excerpt
from ..report.paint import Paint
from ..report.text import to_block
from .account import Account, Joined, StepAccount, Tested
from .explain import identity, parameter_lines, reason
from .prose import condition_text

_VALUE = 160
_WORDS = 4  # that are named of those that match


def to_text(account: Account, paint: Paint | None = None) -> str:
    """The account as lines of text, each ended."""
    paint = paint or Paint(False)
    lines = [*to_block(account.alert, paint).splitlines(), "", paint("why", "bold")]
    at = {s.step.step: s.step.witness.time for s in account.steps if isinstance(s.step.witness, Witness)}
    for step in account.steps:
        lines.append(f"  {step.step.step:>2}  {paint(escape(step.title), 'cyan')}")
        lines += [f"      {paint(label.ljust(7), 'dim')}  {text}" for label, text in _step(step, at)]
    lines += ["", *_whole(account), "", paint("parameters", "bold"), *_parameters(account)]
    return "".join(f"{line}\n" for line in lines)


def _step(step: StepAccount, at: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    report = step.step
    if isinstance(report.absent, Absent):
        yield "absent", f"no such event from {report.absent.since} to {report.absent.until}"
    if not isinstance(report.witness, Witness):
        if report.kind.startswith("!"):
            return
        yield "taken", "none, and none is needed" if not report.matched else "no event of the match that is shown"
        return
    for tested in step.tested:
        yield "taken", _tested(tested)
    if not step.tested:
        yield "taken", f"any `{escape(report.kind)}`"
    for joined in step.joined:
        yield "joined", _joined(joined)
    if step.after is not None:
        yield "time", f"{_between(at[step.after], report.witness.time)} after step {step.after}"


def _tested(tested: Tested) -> str:
    named = ", ".join(excerpt(w, _VALUE) for w in tested.words[:_WORDS])
    more = f" and {len(tested.words) - _WORDS} more" if len(tested.words) > _WORDS else ""
    matched = f", by {named}{more}" if tested.words else ""
    return f"{escape(tested.asked)}: {_values(tested.values) or 'told by no field of the record'}{matched}"


def _joined(joined: Joined) -> str:
    event, match = _values(joined.event), _values(joined.match)
    sides = "; there ".join(text for text in (event, match) if text)
    return f"{escape(joined.link)}" + (f": {sides}" if sides else "")


def _values(values: Mapping[str, Any]) -> str:
    """`process.name cmd.exe, process.pid 12`."""
    return ", ".join(f"{escape(name)} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    return excerpt(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value), _VALUE)


def _between(one: str, other: str) -> str:
    try:
        apart = datetime.fromisoformat(other) - datetime.fromisoformat(one)
    except ValueError:  # a moment outside the calendar
        return "some time"
    return short(apart // timedelta(microseconds=1))


def _whole(account: Account) -> Iterator[str]:
    """What holds for the match as a whole."""
    alert, chain = account.alert, account.chain
    if chain.within is not None:
        took = _between(alert.first_time, alert.last_time)
        yield f"  It took {took}; the chain gives it {in_words(chain.within)}."
    yield identity(account.automaton)
    yield f"  What completes it again within {in_words(chain.once_within or chain.within or HOUR)} is counted with it."
    for exclusion in chain.exceptions:
        holds = getattr(alert.suppressed, "reason", None) == exclusion.reason
        said = "It is suppressed" if holds else "It is not excepted"
        yield f"  {said} by {escape(reason(exclusion))}: {escape(condition_text(exclusion.when))}."


def _parameters(account: Account) -> Iterator[str]:
    yield from parameter_lines(account.analytic.parameters)
    if not account.analytic.parameters:
        yield "  none"
    if not account.is_as_then:
        changed = account.alert.parameters.get("changed") or {}
        then = ", ".join(f"{escape(name)} = {excerpt(value, _VALUE)}" for name, value in changed.items())
        yield "  These are not the values with which the alert was raised; then it was"
        yield f"  {then or 'those of the chain file'}. Give the `--set` and `--site` of that run."
