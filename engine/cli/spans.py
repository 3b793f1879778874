"""The time that a run is asked about, as it is typed."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ..formats.instants import iso
from ..intake.span import Span
from ..report.escape import excerpt
from .arguments import duration
from .exits import UsageError

SinceOption = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="Match only what happened from then on (UTC).")
]
UntilOption = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Match only what happened before then (UTC).")
]
LastOption = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Match only what happened since so long ago, by our clock.")
]


def span(since: str | None, until: str | None, last: str | None, state: Path | None = None) -> Span:
    """What the options say is asked about."""
    if last is not None and state is not None:
        raise UsageError("--last goes by our clock, and what --state goes on with does not", "say `--from TIME`")
    if since is not None and last is not None:
        raise UsageError("--from and --last both say where to begin")
    begin = _moment(since) if since is not None else None
    if last is not None:
        begin = time.time_ns() // 1_000 - duration(last)
    end = _moment(until) if until is not None else None
    if begin is not None and end is not None and begin >= end:
        raise UsageError("nothing happens between --from and --to: the one is not before the other")
    return Span(begin, end)


def _moment(text: str) -> int:
    moment = iso(text) if len(text) != len("2026-03-01") else iso(f"{text} 00:00:00")
    if moment is None:
        raise UsageError(
            f"`{excerpt(text, 50)}` is no time", "`2026-03-01`, `2026-03-01T10:00` or `2026-03-01T10:00:00+02:00`"
        )
    return moment
