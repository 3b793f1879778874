"""Run chains over telemetry and write one alert a causal chain.

Chains are `*.chain` files and folders of them; events are files, folders, globs, and `-` for standard input, which is
read too where no events are named. Alerts go to standard output, everything else to standard error.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, TextIO

import typer

from ..formats import FormatError
from ..report.alert import Alert
from ..report.escape import excerpt
from ..report.jsonl import JsonLines
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..report.text import TextBlocks
from ..run import Options, Run
from .arguments import duration, needs_chain, needs_events, split
from .chains import SetOption, SiteOption, load
from .exits import Exit, UsageError
from .progress import Bar


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
    evidence: Annotated[int, typer.Option(min=1, help="List at most so many events of a step.")] = 20,
    no_raw: Annotated[bool, typer.Option("--no-raw", help="Leave the records as they came out of the alerts.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary, no advice.")] = False,
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
        host=host,
        lateness=duration(lateness),
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
    )
    analytics = load(chains, settings, site, quiet=quiet)
    if analytics is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun {' '.join(chains[:3])}")
    bar = Bar(not quiet)
    try:
        run = Run(analytics, inputs, options, on_progress=bar.advance)
    except FormatError as error:
        raise UsageError("; ".join(excerpt(fault, 300) for fault in error.faults), "`chainrun formats`") from error
    with _sink(form, output, inputs) as write, _signals(run) as interrupted, bar:
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
def _sink(form: Form | None, output: Path | None, inputs: list[str]) -> Iterator[Callable[[Alert], None]]:
    """What writes one alert to where alerts go."""
    if output is None:
        if form is Form.TEXT or (form is None and sys.stdout.isatty()):
            yield TextBlocks(sys.stdout, color=is_wanted(sys.stdout)).write
        else:
            sys.stdout.flush()
            yield JsonLines(sys.stdout.buffer).write
        return
    with _open(output, inputs) as file:
        yield (TextBlocks(file) if form is Form.TEXT else JsonLines(file.buffer)).write


def _open(output: Path, inputs: list[str]) -> TextIO:
    shown = excerpt(output, 200)
    try:
        if output.exists() and any(Path(name).exists() and output.samefile(name) for name in inputs):
            raise UsageError(f"`{shown}` is an input too, and alerts would overwrite it")
        return output.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"`{shown}` cannot be written: {(error.strerror or str(error)).lower()}") from error


class _Interrupted:
    """Whether the run was told to stop by somebody at the keyboard."""

    def __init__(self) -> None:
        self.told = False

    def __bool__(self) -> bool:
        return self.told


@contextmanager
def _signals(run: Run) -> Iterator[_Interrupted]:
    """SIGINT and SIGTERM end the reading; what was read is finished. A second SIGINT ends the run at once."""
    interrupted = _Interrupted()

    def stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if interrupted:
                raise KeyboardInterrupt
            interrupted.told = True
        run.stop()

    if threading.current_thread() is not threading.main_thread():  # a library user's thread has no signals
        yield interrupted
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
