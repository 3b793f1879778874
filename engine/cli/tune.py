"""Show what a change would do, before it is made: `chainrun tune CHAIN EVENTS --set TimeWindow=5m`.

The events are run twice, as things are and with the change, and what differs is told: the alerts lost and gained, and
for each step how many events it takes. `--must-keep alerts.jsonl` names alerts that must stay; the exit code is 1 where
one is lost. Nothing is written but the report.
"""

import sys
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from ..chains import Library
from ..intake.source import InputError
from ..report.escape import escape_json, excerpt
from ..report.paint import Paint, is_wanted
from ..run import Options
from .arguments import (
    BaselineOption,
    HostOption,
    InventoryOption,
    MustKeepOption,
    TelemetryFileOption,
    TelemetryOption,
    UnprovenOption,
    WordsArgument,
    host_name,
    needs_chain,
    needs_files,
    split,
)
from .begin import begin
from .chains import SetOption, load
from .exits import Exit, UsageError
from .progress import Bar


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


def command(
    words: WordsArgument,
    settings: SetOption = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", metavar="FILE", help="The site file to try; several count together, the last first."),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The site file as things are; without it, the nearest chainrun.toml."),
    ] = None,
    must_keep: MustKeepOption = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="How the differences are written.")] = Form.TEXT,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    allow_unproven: UnprovenOption = False,
    baseline: BaselineOption = None,
    inventory: InventoryOption = None,
    host: HostOption = None,
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
) -> int:
    from ..study.recorded import Brief, RecordError, read_alerts
    from ..study.tune import Outcome, compare, outcome
    from ..study.tune_text import to_text

    chains, inputs = split(words)
    needs_chain(chains, "tune")
    if not settings and not site:
        raise UsageError("nothing is to be changed", "say what, with `--set NAME=VALUE` or `--site FILE`")
    needs_files(inputs, "chainrun tune my.chain")
    kept: list[Brief] | None = None
    try:
        kept = list(read_alerts(must_keep, Brief)) if must_keep else None
    except RecordError as error:
        raise UsageError(str(error), "`chainrun … --format jsonl > alerts.jsonl`") from error
    libraries: list[Library] = []
    for settings_of, site_of in ((None, before), (settings, site or before)):
        library = load(chains, settings_of, site_of, quiet=True)
        if library is None:
            return Exit.WRONG_CHAIN
        libraries.append(library)
    options = Options(
        evidence=1,
        raw=False,
        show_suppressed=True,
        allow_unproven=allow_unproven,
        baselines=tuple(baseline or ()),
        inventory=inventory,
        host=host_name(host),
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
    )
    outcomes: list[Outcome] = []
    errors: list[InputError] = []
    for library in libraries:
        bar = Bar(not quiet)
        run = begin(library, inputs, options, bar.advance)
        with bar:
            outcomes.append(outcome(library.analytics, run))
        errors = list(run.tally.errors)
    tuning = compare(outcomes[0], outcomes[1], kept)
    if form is Form.JSON:
        sys.stdout.write(escape_json(msgspec.json.encode(tuning).decode()) + "\n")
    else:
        sys.stdout.write(to_text(tuning, Paint(is_wanted(sys.stdout))))
    for problem in errors:
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    if errors:
        return Exit.UNREADABLE
    return Exit.FOUND if tuning.must_keep is not None and not tuning.must_keep.holds else Exit.OK
