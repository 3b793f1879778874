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

from ..chains import chain_files, nearest_site
from ..report.escape import escape_json, excerpt
from ..report.paint import Paint, is_wanted
from ..run import Options
from .arguments import (
    HostOption,
    InventoryOption,
    TelemetryFileOption,
    TelemetryOption,
    WordsArgument,
    host_name,
    needs_chain,
    needs_events,
    split,
)
from .begin import begin
from .chains import SetOption, SiteOption, load
from .exits import Exit
from .outputs import needs_spare, write
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

    chains, inputs = split(words)
    needs_chain(chains, "coverage")
    host = host_name(host)
    library = load(chains, settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun coverage {' '.join(chains[:3])}")
    options = Options(
        host=host,
        inventory=inventory,
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
    )
    bar = Bar(not quiet)
    run = begin(library, inputs, options, bar.advance)
    if output is not None:
        read = [*run.inputs, *chain_files(chains)[0], *(telemetry_file or ()), inventory, *library.words]
        needs_spare(output, [*read, site or nearest_site(Path.cwd())])
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
    if run.tally.errors:
        return Exit.UNREADABLE
    return Exit.GAP if fail_on_gap and gaps(found) else Exit.OK
