"""Coverage for people: a table for each chain, what keeps each step from being seen, and what is left of the chain."""

from collections.abc import Iterator

from ..report.alert import stamp
from ..report.duration import short
from ..report.escape import escape, excerpt
from ..report.paint import Paint
from ..report.roles import Role
from .verdicts import ChainCoverage, Report, StepCoverage, Verdict, reach

_TITLE = 60
_HOSTS = 5  # names that are listed
_STYLES = {Verdict.VISIBLE: ("green",), Verdict.PARTIAL: ("yellow",), Verdict.BLIND: ("bold", "red")}
_FORMS = {Role.OPTIONAL: "{} (optional)", Role.ABSENT: "no {}", Role.PRIOR: "no prior {}", Role.UNTIL: "until {}"}
_HEAD = ("step", "verdict", "events", "judged", "match", "joined", "last")


def to_text(found: Report, paint: Paint | None = None) -> str:
    """The whole report as lines of text, each ended."""
    paint = paint or Paint(False)
    lines = list(_facts(found, paint))
    for chain in found.chains:
        lines += ["", *_chain(chain, found, paint)]
    return "\n".join(lines) + "\n"


def _facts(found: Report, paint: Paint) -> Iterator[str]:
    formats = ", ".join(f"{escape(name or '(none)')} {count:,}" for name, count in found.formats.items())
    yield f"{paint('events', 'dim')}   {found.events:,}{f': {formats}' if formats else ''}"
    if found.first is not None and found.last is not None:
        yield f"{paint('time', 'dim')}     {stamp(found.first)[:19]}Z to {stamp(found.last)[:19]}Z ({reach(found)})"
    if found.starts:
        yield f"{paint('lineage', 'dim')}  {found.linked:,} of {found.starts:,} process starts name a parent"


def _chain(chain: ChainCoverage, found: Report, paint: Paint) -> Iterator[str]:
    name = f"{escape(chain.analytic)}/{escape(chain.chain)}"
    yield f"{paint(name, 'bold')}  {paint(str(chain.verdict), *_STYLES[chain.verdict])}"
    rows = [_HEAD, *(_row(step) for step in chain.steps)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for step, row in zip([None, *chain.steps], rows, strict=True):
        cells = [
            cell.rjust(width) if 2 <= i <= 5 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        if step is None:
            yield paint(f"  {'  '.join(cells)}".rstrip(), "dim")
            continue
        cells[1] = paint(cells[1], *_STYLES[step.verdict])
        yield f"  {'  '.join(cells)}".rstrip()
    for step in chain.steps:
        if step.why:
            yield f"  step {step.number}: {escape(step.why)}{_hosts(step.blind_on)}"
    if not chain.reaches_back:
        yield f"  it looks back {short(chain.looks_back)}, and the events cover {reach(found)}: read a longer stretch"
    if chain.verdict is Verdict.BLIND:
        left = (
            f"`{excerpt(chain.remains, 300)}`" if chain.remains else "no chain: less than two of its steps can be seen"
        )
        yield f"  what is left of it: {left}"


def _row(step: StepCoverage) -> tuple[str, ...]:
    title = f"{step.number} {_FORMS.get(step.role, '{}').format(excerpt(step.title, _TITLE))}"
    if not step.events:
        return title, str(step.verdict), "0", "-", "-", "-", "never"
    counts = (f"{n:,}" for n in (step.events, step.known, step.satisfied, step.joinable))
    return (title, str(step.verdict), *counts, f"{stamp(step.last or 0)[:19]}Z")


def _hosts(hosts: tuple[str, ...]) -> str:
    if not hosts:
        return ""
    more = f" and {len(hosts) - _HOSTS:,} more" if len(hosts) > _HOSTS else ""
    return f": {', '.join(excerpt(host, 60) for host in hosts[:_HOSTS])}{more}"
