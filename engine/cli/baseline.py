"""Learn from old telemetry what is not new: `chainrun baseline CHAIN EVENTS -o baseline.json`.

Chains are those that will run with it: what they ask for with `new(…)` is kept, and nothing else.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..baseline import Baseline, encode, learn
from ..report.alert import stamp
from ..report.escape import excerpt
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from .arguments import HostOption, InventoryOption, TelemetryFileOption, TelemetryOption, WordsArgument
from .chains import SetOption, SiteOption
from .exits import Exit, UsageError
from .look import look
from .outputs import write
from .progress import Bar


def command(
    words: WordsArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; else standard output.")
    ] = None,
    settings: SetOption = None,
    site: SiteOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    inventory: InventoryOption = None,
    host: HostOption = None,
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
) -> int:
    bar = Bar(not quiet)
    run = look(
        "baseline",
        words,
        settings=settings,
        site=site,
        inventory=inventory,
        host=host,
        telemetry=telemetry,
        telemetry_file=telemetry_file,
        output=output,
        on_progress=bar.advance,
    )
    if run is None:
        return Exit.WRONG_CHAIN
    if not run.engine.novelty.histories:
        raise UsageError("none of these chains asks for anything with `new(…)`")
    with bar:
        baseline = learn(run.engine, run.events())
    for problem in run.tally.errors if quiet else ():
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    if not quiet:
        sys.stderr.write(to_summary(run.tally, (), Paint(is_wanted(sys.stderr))))
    if baseline is None:
        if run.tally.errors:
            return Exit.UNREADABLE
        raise UsageError("there are no events to learn from")
    if not quiet:
        sys.stderr.write("".join(_learned(baseline)))
    if output is None:
        sys.stdout.buffer.write(encode(baseline))
    else:
        write(output, encode(baseline))
    return Exit.UNREADABLE if run.tally.errors else Exit.OK


def _learned(baseline: Baseline) -> list[str]:
    """What is known now, a line for each question."""
    time = f"{stamp(baseline.since)[:19]}Z to {stamp(baseline.until)[:19]}Z"
    asked = [(f"new({', '.join(s.fields)} among {s.kind})", len(s.values)) for s in baseline.seen]
    return [f"learned  {text}: {count:,} combination{'' if count == 1 else 's'}, {time}\n" for text, count in asked]
