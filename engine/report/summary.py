"""What became of a run, for standard error: what was read, what could not be used, how far each chain got.

Short, aligned, and honest about everything that was left out. The numbers come from the `Tally` and the `Funnel`s; the
command line decides whether they are shown.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..intake.tally import OTHERS, Tally
from .balance import line_balance
from .escape import escape, excerpt
from .funnel import Cause, Excepted, Funnel, StepCount
from .paint import Paint
from .roles import Role

_LISTED = 8  # entries of a list before it is cut
_NAME = 60
# How a step is listed by what it is there for.
FORMS = {
    Role.REQUIRED: "{}",
    Role.OPTIONAL: "{} (optional)",
    Role.ABSENT: "no {}",
    Role.PRIOR: "no prior {}",
    Role.UNTIL: "until {}",
}
# Why an event that satisfied a step continued no match, after how many did.
LOST = {
    Cause.NOTHING: "linked to nothing before",
    Cause.UNKNOWN: "not saying what links them",
    Cause.CONDITION: "unlike what was captured",
    Cause.LIMIT: "outside the arrow's limits",
    Cause.WINDOW: "past the window",
    Cause.ABSENCE: "ended by what must not happen",
    Cause.PRIOR: "not the first",
    Cause.COUNT: "too few",
    Cause.EXCEPTED: "excepted",
}
_WHOLE = 6  # chains that are shown step by step; of more, each on one line


def to_summary(
    tally: Tally,
    funnels: Sequence[Funnel],
    paint: Paint | None = None,
    given_up: Mapping[str, int] | None = None,
    forgotten: Mapping[str, int] | None = None,
) -> str:
    """The summary as lines of text, each ended. What there was no room for, by host: `given_up`, partial matches;
    `forgotten`, what was remembered beside them."""
    paint = paint or Paint(False)
    rows = [*_rows(tally), *_groups(funnels)]
    if given_up:
        count = _count(sum(given_up.values()), "partial match", "partial matches")
        rows.append(("state", f"{count} of {_names(given_up)} given up (--max-state)", ("yellow",)))
    if forgotten:
        count = _count(sum(forgotten.values()), "remembered event")
        rows.append(("memory", f"{count} of {_names(forgotten)} forgotten (--max-state)", ("yellow",)))
    width = max(len(label) for label, _, _ in rows)
    lines = [f"{paint(label.ljust(width), *styles)}  {text}" for label, text, styles in rows]
    if len(funnels) > _WHOLE:
        lines += ["", *(_furthest(funnel, paint) for funnel in funnels)]
    else:
        for funnel in funnels:
            lines += ["", *_funnel(funnel, paint)]
    return "\n".join(lines) + "\n"


def _rows(tally: Tally) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(label, text, styles of the label)"""
    plain, warn = ("dim",), ("yellow",)
    yield "read", f"{_count(tally.lines, 'line')} of {_count(tally.inputs, 'input')} ({_bytes(tally.bytes)})", plain
    if tally.unread:
        yield (
            "stopped",
            f"when {_bytes(tally.bytes)} of {_bytes(tally.bytes + tally.unread)} were read",
            ("bold", "red"),
        )
    balance = line_balance(tally)
    if tally.further or balance.became["used"] != tally.lines:
        further = f"{_count(tally.further, 'more record')} in them; " if tally.further else ""
        ends = ", ".join(f"{n:,} {end}" for end, n in balance.became.items() if n)
        yield "lines", f"{further}{ends or 'none'}", plain
    yield "events", f"{tally.passed:,}", plain
    if tally.by_format:
        yield "formats", _listed(tally.by_format), plain
    if tally.by_kind:
        yield "kinds", _listed(Counter({k: n for k, n in tally.by_kind.items() if k != "event"})) or "none", plain
    if tally.late:
        yield "late", f"{_count(tally.late, 'event')} came out of order beyond the lateness (--lateness)", warn
    if tally.future:
        yield "future", f"{_of_hosts(tally.future)} with a time far ahead of all others, taken for now", warn
    if tally.alone:
        yield "alone", f"{_of_hosts(tally.alone)} with a time far ahead of all others: nobody else's goes by it", plain
    worst = sorted(tally.bad.items(), key=lambda pair: (-pair[1].count, pair[0]))
    for cause, bad in worst:
        first = f"{excerpt(bad.first.input, _NAME)}:{bad.first.line}"
        yield "bad", f"{_count(bad.count, 'line')}: {escape(cause)}, the first at {first}", warn
    if tally.unmeasured:
        hosts = f"the clock of {_names(tally.unmeasured)} could not be measured"
        yield "clock", f"{hosts}: {_count(sum(tally.unmeasured.values()), 'event')} may be in local time", warn
    for error in tally.errors:
        yield "input", f"{excerpt(error.input, _NAME)} {escape(error.message)}", ("bold", "red")


def _groups(funnels: Sequence[Funnel]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What became of the partial matches of all chains."""
    became: Counter[str] = Counter()
    for funnel in funnels:
        became.update(funnel.groups)
    if became.total():
        ends = ", ".join(f"{n:,} {end}" for end, n in became.items() if n)
        yield "groups", f"{became.total():,} of partial matches: {ends}", ("dim",)


def _funnel(funnel: Funnel, paint: Paint) -> Iterator[str]:
    yield _outcome(funnel, paint)
    titles = [f"{s.number} {FORMS[s.role].format(excerpt(s.title, _NAME))}" for s in funnel.steps]
    title = max((len(t) for t in titles), default=0)
    alone = max((len(f"{s.alone:,}") for s in funnel.steps), default=0)
    followed = max((len(f"{s.followed:,}") for s in funnel.steps), default=0)
    at_fault = _at_fault(funnel)
    for step, text in zip(funnel.steps, titles, strict=True):
        counts = f"  {step.alone:>{alone},} matched, {step.followed:>{followed},} in place"
        if step.number in funnel.blind:
            counts = "  no format that was read can show it"
        if step.number in at_fault:
            counts += _lost(step)
        row = f"  {text:<{title}}{counts}" if step.role.is_positive else f"  {text}"
        yield paint(row, "yellow") if step.number in at_fault else row


def _lost(step: StepCount) -> str:
    """`: 2 past the window, 1 linked to nothing before`; what does not say enough stands behind it."""
    causes = [f"{lost.events:,} {LOST[lost.cause]}" for lost in step.lost]
    unknown = f"; {step.unknown:,} more do not say enough" if step.unknown else ""
    return (f": {', '.join(causes)}" if causes else "") + unknown


def _at_fault(funnel: Funnel) -> set[int]:
    """The steps to look at: where the chain stood still, and what must not happen right before; what comes after is
    only the consequence. Where nothing is missing, it is what must not happen that can have held it back."""
    if funnel.alerts:
        return set()
    if not funnel.stuck:
        return {s.number for s in funnel.steps if not s.role.is_positive and not funnel.waiting}
    found = set(funnel.stuck)
    for step in reversed(funnel.steps):  # absences stand before their step, priors behind it
        if step.role is Role.ABSENT and step.number + 1 in found:
            found.add(step.number)
    for step in funnel.steps:
        if step.role is Role.PRIOR and step.number - 1 in found:
            found.add(step.number)
    return found


def _outcome(funnel: Funnel, paint: Paint) -> str:
    alerts = _count(funnel.alerts, "alert")
    head = f"{escape(funnel.analytic)}/{escape(funnel.chain)}"
    notes = [paint(alerts, "bold", "red") if funnel.alerts else alerts]
    if funnel.later:
        whose = "it" if funnel.alerts == 1 else "them"
        notes.append(f"{_count(funnel.later, 'later completion')} counted with {whose}")
    if funnel.waiting:
        notes.append(f"{funnel.waiting:,} open at the end, before {_theirs(funnel.waiting)} passed")
    notes += map(_excepted, funnel.exceptions)
    return f"{paint(head, 'bold')}  {', '.join(notes)}"


def _theirs(number: int) -> str:
    return "its deadline" if number == 1 else "their deadlines"


def _excepted(excepted: Excepted) -> str:
    """`2 excepted as “managed” (client-team)`; of an exception of one step `5 events of a step excepted as …`."""
    counts = [f"{excepted.matches:,}"] if excepted.matches else []
    if excepted.events:
        counts.append(f"{_count(excepted.events, 'event')} of a step")
    owner = f" ({excerpt(excepted.owner, _NAME)})" if excepted.owner else ""
    return f"{' and '.join(counts)} excepted as “{escape(excepted.reason)}”{owner}"


def _furthest(funnel: Funnel, paint: Paint) -> str:
    """A chain on one line: its alerts, and where it ended without one."""
    line = _outcome(funnel, paint)
    steps = [s for s in funnel.steps if s.role.is_positive]
    reached = [(i, s) for i, s in enumerate(steps, 1) if s.followed]
    if funnel.alerts or not steps:
        return line
    if funnel.blind:
        unseen = ", ".join(excerpt(s.title, _NAME) for s in steps if s.number in funnel.blind)
        return f"{line}; no format that was read can show {unseen}"
    if not reached:
        return f"{line}; nothing began it"
    place, last = reached[-1]
    return f"{line}; it came to step {place} of {len(steps)}, {excerpt(last.title, _NAME)}"


def _count(number: int, noun: str, many: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else many or f'{noun}s'}"


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("bytes", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"


def _listed(counts: Counter[str]) -> str:
    """`sysmon 8,000, zeek 12`, the most frequent first, cut after a few."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{excerpt(name or '(none)', _NAME)} {n:,}" for name, n in ordered[:_LISTED]]
    more = len(ordered) - _LISTED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _of_hosts(counts: Counter[str]) -> str:
    return f"{_count(sum(counts.values()), 'event')} of {_names(counts)}"


def _names(names: Iterable[str]) -> str:
    """The first of some hosts, and how many more there are, as far as they were told apart."""
    hosts = set(names)
    at_least = "at least " if OTHERS in hosts else ""
    ordered = sorted(hosts - {OTHERS})
    more = len(hosts) - min(len(ordered), _LISTED)
    named = ", ".join(excerpt(n, _NAME) for n in ordered[:_LISTED])
    return named + (f" and {at_least}{more} more hosts" if more > 0 else "")
