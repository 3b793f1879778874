"""Run chains over telemetry and write one alert a causal chain.

Chains are `*.chain` files and folders of them; events are files, folders, globs, and `-` for standard input, which is
read too where no events are named. Alerts go to standard output, everything else to standard error.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..chains import chain_files, nearest_site
from ..report.alert import Alert
from ..report.escape import excerpt
from ..report.jsonl import JsonLines
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..report.text import TextBlocks
from ..run import Options
from .arguments import (
    HostOption,
    InventoryOption,
    LatenessOption,
    TelemetryFileOption,
    TelemetryOption,
    WordsArgument,
    duration,
    host_name,
    needs_chain,
    needs_events,
    split,
)
from .begin import begin
from .chains import SetOption, SiteOption, TunedOption, load
from .collector import relax
from .exits import Exit
from .outputs import needs_spare, open_text
from .progress import Bar
from .signals import drained


class Form(StrEnum):
    TEXT = "text"
    JSONL = "jsonl"


def command(
    words: WordsArgument,
    form: Annotated[
        Form | None, typer.Option("--format", "-f", help="How alerts are written; text on a terminal, else jsonl.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write alerts to a file.")
    ] = None,
    settings: SetOption = None,
    site: SiteOption = None,
    tuned: TunedOption = False,
    evidence: Annotated[int, typer.Option(min=1, metavar="N", help="List at most so many events of a step.")] = 20,
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
    inventory: InventoryOption = None,
    host: HostOption = None,
    lateness: LatenessOption = "0",
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
    no_sieve: Annotated[
        bool,
        typer.Option("--no-sieve", help="Decode every line whole, as one of any format: the same, but slower."),
    ] = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 1 where there was an alert.")
    ] = False,
) -> int:
    chains, inputs = split(words)
    needs_chain(chains, "run")
    host, late = host_name(host), duration(lateness)
    library = load(chains, settings, site, quiet=quiet, tuned=tuned)
    if library is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun {' '.join(chains[:3])}")
    options = Options(
        evidence=evidence,
        raw=not no_raw,
        updates=updates,
        show_suppressed=show_suppressed,
        allow_unproven=allow_unproven,
        baselines=tuple(baseline or ()),
        inventory=inventory,
        host=host,
        lateness=late,
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
        sieve=not no_sieve,
    )
    bar = Bar(not quiet)
    run = begin(library, inputs, options, bar.advance)
    relax()
    read = [
        *run.inputs, *chain_files(chains)[0], *(telemetry_file or ()), *(baseline or ()), inventory,
        site or nearest_site(Path.cwd()), *library.words,
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
    needs_spare(output, read)
    with open_text(output) as file:
        yield (TextBlocks(file) if form is Form.TEXT else JsonLines(file.buffer)).write
