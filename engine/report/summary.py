"""What became of a run, for standard error: what was read, what could not be used, how far each chain got.

Short, aligned, and honest about everything that was left out. The numbers come from the `Tally` and the `Funnel`s; the
command line decides whether they are shown.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..intake.tally import Tally
from .escape import escape, excerpt
from .funnel import Funnel
from .paint import Paint

_LISTED = 8  # entries of a list before it is cut
_NAME = 60
_WHOLE = 6  # chains that are shown step by step; of more, each on one line


def to_summary(tally: Tally, funnels: Sequence[Funnel], paint: Paint | None = None) -> str:
    """The summary as lines of text, each ended."""
    paint = paint or Paint(False)
    rows = list(_rows(tally))
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
    silent = f"{_count(tally.silent, 'line')} of no interest" if tally.silent else ""
    others = [text for text in (silent, f"{tally.blank:,} blank" if tally.blank else "") if text]
    yield "events", f"{tally.passed:,}" + (f"; {', '.join(others)}" if others else ""), plain
    if tally.by_format:
        yield "formats", _listed(tally.by_format), plain
    if tally.by_kind:
        yield "kinds", _listed(Counter({k: n for k, n in tally.by_kind.items() if k != "event"})) or "none", plain
    repeated = [
        f"{n:,} {what}"
        for n, what in (
            (tally.duplicates, "exact duplicates"),
            (tally.merged, "second records of one occurrence"),
        )
        if n
    ]
    if repeated:
        yield "merged", ", ".join(repeated), plain
    if tally.late:
        yield "late", f"{_count(tally.late, 'event')} came out of order beyond the lateness (--lateness)", warn
    worst = sorted(tally.bad.items(), key=lambda pair: (-pair[1].count, pair[0]))
    for cause, bad in worst:
        first = f"{excerpt(bad.first.input, _NAME)}:{bad.first.line}"
        yield "bad", f"{_count(bad.count, 'line')}: {escape(cause)}, the first at {first}", warn
    if tally.unmeasured:
        hosts = f"the clock of {_names(tally.unmeasured)} could not be measured"
        yield "clock", f"{hosts}: {_count(sum(tally.unmeasured.values()), 'event')} may be in local time", warn
    for error in tally.errors:
        yield "input", f"{excerpt(error.input, _NAME)} {escape(error.message)}", ("bold", "red")


def _funnel(funnel: Funnel, paint: Paint) -> Iterator[str]:
    yield _outcome(funnel, paint)
    titles = [f"{s.number} {excerpt(s.title, _NAME)}{' (optional)' if s.optional else ''}" for s in funnel.steps]
    title = max((len(t) for t in titles), default=0)
    alone = max((len(f"{s.alone:,}") for s in funnel.steps), default=0)
    followed = max((len(f"{s.followed:,}") for s in funnel.steps), default=0)
    # the first step that nothing reached is where the chain ended; what comes after is only its consequence
    ended = next((s.number for s in funnel.steps if not s.followed and not s.optional), None)
    for step, text in zip(funnel.steps, titles, strict=True):
        row = f"  {text:<{title}}  {step.alone:>{alone},} matched, {step.followed:>{followed},} in place"
        yield paint(row, "yellow") if step.number == ended and not funnel.alerts else row


def _outcome(funnel: Funnel, paint: Paint) -> str:
    alerts = _count(funnel.alerts, "alert")
    head = f"{escape(funnel.analytic)}/{escape(funnel.chain)}"
    notes = [paint(alerts, "bold", "red") if funnel.alerts else alerts]
    if funnel.later:
        whose = "it" if funnel.alerts == 1 else "them"
        notes.append(f"{_count(funnel.later, 'later completion')} counted with {whose}")
    notes += [f"{n:,} excepted as “{escape(reason)}”" for reason, n in funnel.excepted]
    return f"{paint(head, 'bold')}  {', '.join(notes)}"


def _furthest(funnel: Funnel, paint: Paint) -> str:
    """A chain on one line: its alerts, and where it ended without one."""
    line = _outcome(funnel, paint)
    reached = [s for s in funnel.steps if s.followed]
    if funnel.alerts or not funnel.steps:
        return line
    if not reached:
        return f"{line}; nothing began it"
    return f"{line}; it came to step {reached[-1].number} of {len(funnel.steps)}, {excerpt(reached[-1].title, _NAME)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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


def _names(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - _LISTED
    return ", ".join(excerpt(n, _NAME) for n in ordered[:_LISTED]) + (f" and {more} more hosts" if more > 0 else "")
