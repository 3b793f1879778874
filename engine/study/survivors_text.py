"""What the tests of a file would miss, for people and as rows of JSON. Called by `chainrun test --mutate`."""

from collections.abc import Iterator, Sequence

import msgspec

from ..report.escape import escape, excerpt
from ..report.paint import Paint
from .survivors import Stale, Survey, Survivor

_LINE = 300


def to_text(survey: Survey, paint: Paint | None = None) -> str:
    """A block for each change that goes unnoticed without a reason, and each reason for nothing."""
    paint = paint or Paint(False)
    lines = [line for survivor in survey.unexplained for line in _survivor(survivor, paint)]
    lines += [line for stale in survey.stale for line in _stale(stale, paint)]
    return "".join(f"{line}\n" for line in lines)


def to_rows(survey: Survey) -> Iterator[dict[str, object]]:
    """One object a change, those with a reason among them; and one a reason for nothing."""
    for survivor in survey.survivors:
        row = msgspec.structs.asdict(survivor)
        yield {"file": row.pop("file"), "line": row.pop("line"), "survives": row.pop("what"), **row}
    for stale in survey.stale:
        yield {"file": stale.file, "line": stale.line, "stale": stale.what}


def closing(surveys: Sequence[Survey]) -> str:
    """How many changes were tried, and how many of them no test notices, on one line."""
    tried = sum(survey.tried for survey in surveys)
    missed = sum(len(survey.unexplained) for survey in surveys)
    accepted = sum(len(survey.survivors) for survey in surveys) - missed
    counts = [f"{missed or 'none'} unnoticed"]
    counts += [f"{accepted} more with a reason"] if accepted else []
    stale = sum(len(survey.stale) for survey in surveys)
    counts += [f"{stale} reason{'' if stale == 1 else 's'} for nothing"] if stale else []
    return f"{tried:,} change{'' if tried == 1 else 's'} tried: {', '.join(counts)}\n"


def _survivor(survivor: Survivor, paint: Paint) -> Iterator[str]:
    place = paint(f"{escape(survivor.file)}:{survivor.line}", "dim")
    yield f"{paint('MISSED', 'bold', 'yellow')}  {place}  {escape(survivor.what)}"
    for line in survivor.changed:
        yield f"        {excerpt(line, _LINE)}"
    if survivor.story:
        yield f"        {excerpt(survivor.story, _LINE)}: the test passes all the same"


def _stale(stale: Stale, paint: Paint) -> Iterator[str]:
    place = paint(f"{escape(stale.file)}:{stale.line}", "dim")
    what = f"a reason for “{escape(stale.what)}”, which the tests notice: it can go"
    yield f"{paint('STALE ', 'bold', 'yellow')}  {place}  {what}"
