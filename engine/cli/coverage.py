"""Show whether telemetry can show a chain at all, step by step: what comes, what it lacks, on which hosts.

A step is `visible` where events of its kind come and say enough, `blind` where none does, else `partial`.
`--format json` has the counts of every host and source, `--format navigator` is a layer for the ATT&CK Navigator.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ..report.escape import escape_json, excerpt
from ..report.paint import Paint, is_wanted
from .accounts import audit
from .arguments import HostOption, InventoryOption, TelemetryFileOption, TelemetryOption, WordsArgument
from .chains import SetOption, SiteOption
from .exits import Exit
from .look import look
from .outputs import write
from .progress import Bar


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"
    NAVIGATOR = "navigator"


def command(
    words: WordsArgument,
    form: Annotated[Form, typer.Option("--format", "-f", help="How the coverage is written.")] = Form.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; else standard output.")
    ] = None,
    fail_on_gap: Annotated[
        bool, typer.Option("--fail-on-gap", help="Exit with 5 where a chain is not wholly visible.")
    ] = False,
    settings: SetOption = None,
    site: SiteOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    inventory: InventoryOption = None,
    host: HostOption = None,
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
) -> int:
    # the studies of a run are loaded only when they are asked for
    from ..study.coverage import Coverage
    from ..study.coverage_text import to_text
    from ..study.navigator import layer
    from ..study.verdicts import gaps, report

    bar = Bar(not quiet)
    run = look(
        "coverage",
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
    coverage = Coverage(run.engine)
    with bar:
        coverage.run(run.events())
    found = report(coverage, run.tally.by_format, run.engine.sources.sees)
    match form:
        case Form.TEXT:
            text = to_text(found, Paint(output is None and is_wanted(sys.stdout)))
        case Form.JSON:
            text = escape_json(msgspec.json.encode(found).decode()) + "\n"
        case Form.NAVIGATOR:
            text = escape_json(msgspec.json.encode(layer(found)).decode()) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        write(output, text.encode())
    for problem in run.tally.errors:
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    if (lost := audit(run.balances)) is not None:
        return lost
    if run.tally.errors:
        return Exit.UNREADABLE
    return Exit.GAP if fail_on_gap and gaps(found) else Exit.OK
