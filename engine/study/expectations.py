"""What a test expects of its alerts, and in what the alerts differ. Called by `trial`.

A difference is one sentence, with what came instead and, where a chain raised too little, how far it got.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from chainrun.dsl import model
from chainrun.dsl.check.spelling import duration
from chainrun.dsl.model import Expectation, Moment, Test

from ..report.alert import Alert, Reference, StepReport
from ..report.duration import short
from ..report.funnel import Funnel
from .lines import TESTED
from .standstill import how_far

_EPOCH = datetime(1970, 1, 1)


class Outcome(msgspec.Struct, frozen=True):
    """What a test's events came to. `begin`: the moment that its times count from."""

    alerts: tuple[Alert, ...]
    funnels: tuple[Funnel, ...]
    chains: tuple[model.Chain, ...]
    begin: int

    def of(self, chain: str | None) -> "Outcome":
        """What it is for one chain; None: for all."""
        if chain is None:
            return self
        return Outcome(
            tuple(a for a in self.alerts if a.chain == chain),
            tuple(f for f in self.funnels if f.chain == chain),
            tuple(c for c in self.chains if c.name == chain),
            self.begin,
        )


def differences(test: Test, outcome: Outcome) -> Iterator[str]:
    """What is otherwise than a test expects."""
    counted = outcome.of(test.chain)
    if len(counted.alerts) != test.raises:
        yield _number(test, counted)
        return  # of other alerts than expected nothing else can be asked
    for expectation in test.expectations:
        found = _differs(expectation, counted)
        if found is not None:
            yield found


def _number(test: Test, outcome: Outcome) -> str:
    text = f"expected {_count(test.raises, 'alert')}, came {_count(len(outcome.alerts), 'alert')}"
    if outcome.alerts:
        text += "".join(f"\n{_told(alert, outcome.begin)}" for alert in outcome.alerts)
    if len(outcome.alerts) < test.raises:
        far = (how_far(c, f) for c, f in zip(outcome.chains, outcome.funnels, strict=True) if not f.alerts)
        text += "".join(f"\n{said}" for said in far)
    return text


def _differs(expectation: Expectation, outcome: Outcome) -> str | None:
    name = expectation.name
    match expectation.what:
        case "step" | "no step":
            return _evidence(expectation, outcome)
        case "at":
            wanted = sorted(_moment(m) for m in expectation.moments)
            came = sorted(_time(_micros(a.last_time) - outcome.begin) for a in outcome.alerts)
            return f"expected at {_list(wanted)}, came at {_list(came)}" if wanted != came else None
        case "severity":
            other = sorted({a.severity for a in outcome.alerts} - {name})
            return f"expected severity {name}, came {_list(other)}" if other else None
        case "flag":
            lacking = [a for a in outcome.alerts if name not in a.flags]
            flags = sorted({flag for a in lacking for flag in a.flags})
            return f"expected flag {name}, came {_list(flags) if flags else 'none'}" if lacking else None
        case "no flag":
            return f"expected no flag {name}" if any(name in a.flags for a in outcome.alerts) else None
        case "stuck":
            return _stuck(expectation, outcome)
        case _:
            held = {reason for funnel in outcome.funnels for reason, _ in funnel.excepted}
            return f'the exception "{name}" suppressed nothing' + _far(outcome) if name not in held else None


def _far(outcome: Outcome) -> str:
    return "".join(f"\n{how_far(c, f)}" for c, f in zip(outcome.chains, outcome.funnels, strict=True) if not f.alerts)


def _stuck(expectation: Expectation, outcome: Outcome) -> str | None:
    (chain,), (funnel,) = outcome.chains, outcome.funnels
    numbers = {number for _, number in expectation.steps}
    if numbers & set(funnel.stuck):
        return None
    return f"expected to be stuck at {expectation.name}\n{how_far(chain, funnel)}"


# -- evidence ----------------------------------------


def _evidence(expectation: Expectation, outcome: Outcome) -> str | None:
    """The events of a step, of all alerts together, are those that are named and no others."""
    events: dict[tuple[str, int, int, str], Reference] = {}
    for alert in outcome.alerts:
        for step in alert.steps:
            if (alert.chain, step.step) in expectation.steps:
                for event in _events(step):
                    events.setdefault((event.input, event.line, event.offset, event.time), event)
    left = list(events.values())
    # a line names one event, a time may be several's: those first that leave no choice
    for moment in sorted(expectation.moments, key=lambda m: m.line is None):
        taken = next((e for e in left if _is_at(e, moment, outcome.begin)), None)
        if taken is None:
            break
        left.remove(taken)
    else:
        if not left:
            return None
    came = _list([_place(e, outcome.begin) for e in events.values()])
    if expectation.what == "no step":
        return f"expected no {expectation.name}, came {came}"
    return f"expected {expectation.name}: {_list([_moment(m) for m in expectation.moments])}; came {came}"


def _events(step: StepReport) -> Sequence[Reference]:
    return step.evidence if not isinstance(step.evidence, msgspec.UnsetType) else ()


def _is_at(event: Reference, moment: Moment, begin: int) -> bool:
    if moment.line is not None:
        return event.input != TESTED and event.line == moment.line
    return _micros(event.time) - begin == moment.at


# -- in words ----------------------------------------


def _told(alert: Alert, begin: int) -> str:
    """`main at 9s: open 0s, write 5s, 6s`."""
    steps = [f"{s.name} {_list([_place(e, begin) for e in _events(s)], 5)}" for s in alert.steps if s.matched]
    return f"{alert.chain} at {_time(_micros(alert.last_time) - begin)}: {', '.join(steps)}"


def _place(event: Reference, begin: int) -> str:
    return _time(_micros(event.time) - begin) if event.input == TESTED else f"line {event.line}"


def _moment(moment: Moment) -> str:
    return f"line {moment.line}" if moment.at is None else _time(moment.at)


def _time(microseconds: int) -> str:
    return duration(microseconds) if microseconds % 1000 == 0 else short(microseconds)


def _micros(stamp: str) -> int:
    try:
        return (datetime.fromisoformat(stamp).replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1)
    except ValueError:  # a moment outside the calendar, written as a number
        return int(stamp)


def _list(items: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(items[:most])
    return (shown + f" and {len(items) - most} more" if len(items) > most else shown) or "nothing"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
