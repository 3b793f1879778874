"""Run chains over telemetry and write one alert a causal chain.

Chains are `*.chain` files and folders of them; events are files, folders, globs, and `-` for standard input, which is
read too where no events are named. Alerts go to standard output, everything else to standard error.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from ..baseline import BaselineError
from ..chains import chain_files, nearest_site
from ..formats import FormatError
from ..intake.inventory import InventoryError
from ..intake.source import STANDARD_INPUT
from ..report.alert import Alert
from ..report.escape import excerpt
from ..report.jsonl import JsonLines
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..report.text import TextBlocks
from ..run import Options, Run
from .arguments import duration, host_name, needs_chain, needs_events, split
from .chains import SetOption, SiteOption, TunedOption, load
from .exits import Exit, UsageError
from .progress import Bar
from .signals import drained


class Form(StrEnum):
    TEXT = "text"
    JSONL = "jsonl"


def command(
    words: Annotated[
        list[str], typer.Argument(metavar="CHAIN|EVENTS", help="Chains and events, in any order.", show_default=False)
    ],
    form: Annotated[
        Form | None, typer.Option("--format", "-f", help="How alerts are written; text on a terminal, else jsonl.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write alerts to a file.")
    ] = None,
    settings: SetOption = None,
    site: SiteOption = None,
    tuned: TunedOption = False,
    evidence: Annotated[int, typer.Option(min=1, help="List at most so many events of a step.")] = 20,
    no_raw: Annotated[bool, typer.Option("--no-raw", help="Leave the records as they came out of the alerts.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary, no advice.")] = False,
    updates: Annotated[
        bool, typer.Option("--updates", help="Write an alert once more when its window has closed, if it has grown.")
    ] = False,
    show_suppressed: Annotated[
        bool, typer.Option("--show-suppressed", help="Write what an exception suppresses too; such alerts say so.")
    ] = False,
    allow_unproven: Annotated[
        bool,
        typer.Option("--allow-unproven", help="Let what was never seen, in too short a past, count as not happened."),
    ] = False,
    baseline: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="What was seen before, by `chainrun baseline`; may be repeated."),
    ] = None,
    inventory: Annotated[
        str | None, typer.Option(metavar="FILE", help="Who had which address: CSV with address, host, from, until.")
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="The host of records that name none.")] = None,
    lateness: Annotated[
        str, typer.Option(metavar="DURATION", help="How much out of order a pipe's events may be; files need none.")
    ] = "0",
    telemetry: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Read this telemetry format only; may be repeated.")
    ] = None,
    telemetry_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A telemetry format of your own; may be repeated.")
    ] = None,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 1 where there was an alert.")
    ] = False,
) -> int:
    chains, inputs = split(words)
    needs_chain(chains, "run")
    options = Options(
        evidence=evidence,
        raw=not no_raw,
        updates=updates,
        show_suppressed=show_suppressed,
        allow_unproven=allow_unproven,
        baselines=tuple(baseline or ()),
        inventory=inventory,
        host=host_name(host),
        lateness=duration(lateness),
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
    )
    analytics = load(chains, settings, site, quiet=quiet, tuned=tuned)
    if analytics is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun {' '.join(chains[:3])}")
    bar = Bar(not quiet)
    try:
        run = Run(analytics, inputs, options, on_progress=bar.advance)
    except FormatError as error:
        raise UsageError("; ".join(excerpt(fault, 300) for fault in error.faults), "`chainrun formats`") from error
    except (InventoryError, BaselineError) as error:
        raise UsageError("; ".join(excerpt(fault, 300) for fault in error.faults)) from error
    read = [
        *run.inputs, *chain_files(chains)[0], *(telemetry_file or ()), *(baseline or ()), inventory,
        site or nearest_site(Path.cwd()),
    ]  # fmt: skip
    with _sink(form, output, read) as write, drained(run) as interrupted, bar:
        for alert in run:
            bar.close()
            write(alert)
    if not quiet:
        sys.stderr.write(to_summary(run.tally, run.funnels, Paint(is_wanted(sys.stderr))))
    else:
        for problem in run.tally.errors:
            sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    if interrupted:
        return Exit.INTERRUPTED
    if not run.is_complete:
        return Exit.UNREADABLE
    return Exit.FOUND if fail_on_alert and run.alerts else Exit.OK


@contextmanager
def _sink(
    form: Form | None, output: Path | None, read: Iterable[str | Path | None]
) -> Iterator[Callable[[Alert], None]]:
    """What writes one alert to where alerts go."""
    if output is None:
        if form is Form.TEXT or (form is None and sys.stdout.isatty()):
            yield TextBlocks(sys.stdout, color=is_wanted(sys.stdout)).write
        else:
            sys.stdout.flush()
            yield JsonLines(sys.stdout.buffer).write
        return
    with _open(output, read) as file:
        yield (TextBlocks(file) if form is Form.TEXT else JsonLines(file.buffer)).write


def _open(output: Path, read: Iterable[str | Path | None]) -> TextIO:
    """The file for alerts; refuses one that this run reads, by whatever name."""
    shown = excerpt(output, 200)
    try:
        # a device or a pipe holds nothing that could be lost
        if output.is_file() and _identity(output) in {_identity(name) for name in read if name is not None}:
            raise UsageError(f"`{shown}` is read by this run, and alerts would overwrite it")
        return output.open("w", encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"`{shown}` cannot be written: {reason.lower()}") from error


def _identity(name: str | Path) -> tuple[int, int] | None:
    """What a file is, however it is called; None for one that is not there."""
    try:
        status = os.fstat(0) if name == STANDARD_INPUT else Path(name).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
