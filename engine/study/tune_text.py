"""What a change does, for people: what is set, and for each chain its alerts lost and gained and the steps behind them.

Called by `chainrun tune`. Everything from telemetry is escaped.
"""

from collections.abc import Iterable, Iterator

from chainrun.dsl import tree
from chainrun.dsl.literal import quoted
from chainrun.dsl.overrides import declaration
from chainrun.dsl.source import Source

from ..report.escape import escape, excerpt
from ..report.paint import Paint
from .recorded import Brief
from .tune import ChainChange, Guard, Lost, Set, StepChange, Tuning

_VALUE = 100
_NAME = 60
_LISTED = 20  # alerts of one sort


def to_text(tuning: Tuning, paint: Paint | None = None) -> str:
    """The change and what it does, as lines of text, each ended."""
    paint = paint or Paint(False)
    lines = [*_changes(tuning)]
    for chain in tuning.chains:
        lines += ["", *_chain(chain, paint)]
    if tuning.must_keep is not None:
        lines += ["", *_guard(tuning.must_keep, paint)]
    return "".join(f"{line}\n" for line in lines)


def _changes(tuning: Tuning) -> Iterator[str]:
    for one in tuning.set:
        yield f"set     {escape(one.analytic)} {escape(one.name)}: {_value(one)}  from {excerpt(one.origin, _VALUE)}"
    for exception in tuning.exceptions:
        what = "except" if exception.is_new else "raise "
        tail = "" if exception.is_new else ", which was excepted"
        yield f"{what}  {escape(exception.analytic)} “{excerpt(exception.reason, _VALUE)}”{tail}"
    if not tuning.set and not tuning.exceptions:
        yield "nothing is otherwise: every parameter has the value that it had, and there is no other exception"


def _value(one: Set) -> str:
    """`15m -> 5m`; of a set of words `+ curl.exe - cmd.exe`."""
    before, after = _words(one.before), _words(one.after)
    if before is None or after is None:
        return f"{excerpt(one.before, _VALUE)} -> {excerpt(one.after, _VALUE)}"
    new = [f"+ {excerpt(word, _NAME)}" for word in after if word not in before]
    gone = [f"- {excerpt(word, _NAME)}" for word in before if word not in after]
    shown = [*new, *gone][:_LISTED]
    more = len(new) + len(gone) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "") or "the same words in another order"


def _words(value: str) -> list[str] | None:
    """The words of a plain set, as the language writes them; None of any other value."""
    parameter, _ = declaration(f"X = {value}", Source("", ""))
    found = parameter.value if parameter is not None else None
    if not isinstance(found, tree.WordSet):
        return None
    words = [item for item in found.items if isinstance(item, tree.Word)]
    return [word.text if not word.quote else quoted(word.text, word.quote) for word in words]


def _chain(chain: ChainChange, paint: Paint) -> Iterator[str]:
    before, after = chain.alerts
    name = paint(f"{escape(chain.analytic)}/{escape(chain.chain)}", "bold")
    counts = [f"{len(chain.lost)} lost"] if chain.lost else []
    counts += [f"{len(chain.gained)} gained"] if chain.gained else []
    counts += [f"{len(chain.otherwise)} complete at another event"] if chain.otherwise else []
    yield f"{name}  {before:,} -> {_alerts(after)}: {', '.join(counts) or 'the same'}"
    if chain.steps:
        yield from _steps(chain.steps)
    if chain.excepted[0] != chain.excepted[1]:
        yield f"  excepted  {chain.excepted[0]:,} -> {chain.excepted[1]:,}"
    yield from _listed("lost", (f"{_told(one.alert)}{_taken(one)}" for one in chain.lost), paint, "red")
    yield from _listed("gained", map(_told, chain.gained), paint, "yellow")
    yield from _listed(
        "now", (f"{_told(one.after)}, was {one.before.alert_id}" for one in chain.otherwise), paint, "dim"
    )


def _steps(steps: tuple[StepChange, ...]) -> Iterator[str]:
    titles = [f"{step.number} {excerpt(step.title, _NAME)}" for step in steps]
    width = max(map(len, titles))
    for step, title in zip(steps, titles, strict=True):
        yield f"  {title:<{width}}  {_pair(step.alone)} matched, {_pair(step.followed)} in place"


def _pair(counts: tuple[int, int]) -> str:
    before, after = counts
    return f"{before:,} -> {after:,}" if before != after else f"{before:,}"


def _listed(label: str, rows: Iterable[str], paint: Paint, style: str) -> Iterator[str]:
    found = list(rows)
    for row in found[:_LISTED]:
        yield f"  {paint(label.ljust(6), style)}  {row}"
    if len(found) > _LISTED:
        yield f"          and {len(found) - _LISTED:,} more (`--format json` lists all)"


def _told(alert: Brief) -> str:
    """`6907240c554480a60820683c  2026-03-02 09:19:34  fin-lt-042  explorer.exe -> setup.exe`"""
    scope = ", ".join(excerpt(value, _NAME) for value in alert.scope.values())
    lineage = " -> ".join(excerpt(row.get("name") or "?", _NAME) for row in alert.lineage[-3:])
    when = escape(alert.last_time[:19].replace("T", " "))
    return "  ".join(text for text in (escape(alert.alert_id), when, scope, lineage) if text)


def _taken(lost: Lost) -> str:
    return f"  suppressed: “{excerpt(lost.suppressed, _VALUE)}”" if lost.suppressed is not None else ""


def _guard(guard: Guard, paint: Paint) -> Iterator[str]:
    kept = guard.alerts - len(guard.lost) - len(guard.never)
    yield paint(f"must keep: {kept:,} of {_alerts(guard.alerts)} kept", *(() if guard.holds else ("bold", "red")))
    lost = (f"{_told(one.alert)}  {_named(one.alert)}{_taken(one)}" for one in guard.lost)
    yield from _listed("lost", lost, paint, "red")
    never = (f"{_told(one)}  {_named(one)}: neither run raises it" for one in guard.never)
    yield from _listed("never", never, paint, "red")
    if guard.others:
        yield f"  {_alerts(guard.others)} of other analytics, which were not run"


def _named(alert: Brief) -> str:
    return f"{escape(alert.analytic)}/{escape(alert.chain)}"


def _alerts(number: int) -> str:
    return f"{number:,} alert{'' if number == 1 else 's'}"
