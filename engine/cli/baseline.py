"""Learn from telemetry of a time in which nothing was wrong: what is not new, or, with `--propose`, what to except.

`chainrun baseline CHAIN EVENTS -o baseline.json` keeps what the chains that will run with it ask for with `new(…)`, and
nothing else. `chainrun baseline --propose CHAIN EVENTS -o proposed.toml` runs the chains, groups the alerts that are
alike, and proposes the narrowest exceptions and words for allow-lists, as a site file to be read and taken over.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from chainrun.dsl.model import Analytic
from msgspec.structs import replace

from ..baseline import Baseline, encode, learn
from ..report.alert import Alert, stamp
from ..report.escape import excerpt
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..run import Options, Run
from .accounts import audit
from .arguments import (
    HostOption,
    InventoryOption,
    MustKeepOption,
    TelemetryFileOption,
    TelemetryOption,
    WordsArgument,
    duration,
    host_name,
    needs_chain,
    needs_files,
    split,
)
from .begin import begin
from .chains import SetOption, SiteOption, load
from .exits import Exit, UsageError
from .look import look, needs_unread
from .outputs import write
from .progress import Bar


def command(
    words: WordsArgument,
    proposes: Annotated[
        bool, typer.Option("--propose", help="Propose exceptions for what alerts, as a site file, instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; else standard output.")
    ] = None,
    least: Annotated[
        int, typer.Option(min=1, metavar="N", help="With --propose: only for what alerted at least so often.")
    ] = 2,
    expires: Annotated[
        str, typer.Option(metavar="DURATION", help="With --propose: how long an exception holds after the last alert.")
    ] = "90d",
    must_keep: MustKeepOption = None,
    settings: SetOption = None,
    site: SiteOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
    inventory: InventoryOption = None,
    host: HostOption = None,
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
) -> int:
    if proposes:
        options = Options(
            evidence=1,
            raw=False,
            inventory=inventory,
            host=host_name(host),
            telemetry=tuple(telemetry or ()),
            telemetry_files=tuple(telemetry_file or ()),
        )
        return _propose(words, output, least, duration(expires), must_keep, settings, site, quiet, options)
    if must_keep:
        raise UsageError("`--must-keep` is for what `--propose` proposes")
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
        message = "none of these chains asks for anything with `new(…)`"
        raise UsageError(message, "`chainrun baseline --propose` proposes exceptions for what alerts")
    with bar:
        baseline = learn(run.engine, run.events())
    for problem in run.tally.errors if quiet else ():
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    if not quiet:
        sys.stderr.write(to_summary(run.tally, (), Paint(is_wanted(sys.stderr))))
    if (lost := audit(run.balances)) is not None:
        return lost
    if baseline is None:
        if run.tally.errors:
            return Exit.UNREADABLE
        raise UsageError("there are no events to learn from")
    if not quiet:
        sys.stderr.write("".join(_learned(baseline)))
    _put(output, encode(baseline))
    return Exit.UNREADABLE if run.tally.errors else Exit.OK


def _propose(
    words: Sequence[str],
    output: Path | None,
    least: int,
    lasts: int,
    must_keep: Sequence[str] | None,
    settings: Sequence[str] | None,
    site: str | None,
    quiet: bool,
    options: Options,
) -> int:
    """Writes what could be excepted of the alerts that these events raise."""
    from ..study.proposals_text import closing, page
    from ..study.proposing import propose
    from ..study.recorded import RecordError, read_alerts

    chains, inputs = split(words)
    needs_chain(chains, "baseline --propose")
    needs_files(inputs, "chainrun baseline --propose my.chain")
    try:
        kept = list(read_alerts(must_keep or (), Alert))
    except RecordError as error:
        raise UsageError(str(error), "`chainrun … --format jsonl > alerts.jsonl`") from error
    library = load(chains, settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    runs: list[Run] = []

    def alerts(analytics: Sequence[Analytic]) -> Iterator[Alert]:
        bar = Bar(not quiet)
        run = begin(replace(library, analytics=tuple(analytics)), inputs, options, bar.advance)
        runs.append(run)
        if output is not None and len(runs) == 1:
            needs_unread(output, run, chains, library, site, options, must_keep or ())
        with bar:
            yield from run

    found = propose(library.analytics, library.overrides, alerts, least=least, must_keep=kept)
    until = _day(found.until, lasts)
    _put(output, page(found, until).encode())
    first = runs[0]
    if not quiet:
        sys.stderr.write(to_summary(first.tally, first.funnels, Paint(is_wanted(sys.stderr))))
        sys.stderr.write(closing(found))
    for problem in first.tally.errors if quiet else ():
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    return Exit.UNREADABLE if first.tally.errors else Exit.OK


def _day(last: str, lasts: int) -> str | None:
    """The day that lies so long after a moment; None where there is no such day."""
    try:
        return (datetime.fromisoformat(last) + timedelta(microseconds=lasts)).date().isoformat()
    except (ValueError, OverflowError):
        return None


def _put(output: Path | None, data: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        write(output, data)


def _learned(baseline: Baseline) -> list[str]:
    """What is known now, a line for each question."""
    time = f"{stamp(baseline.since)[:19]}Z to {stamp(baseline.until)[:19]}Z"
    asked = [(f"new({', '.join(s.fields)} among {s.kind})", len(s.values)) for s in baseline.seen]
    return [f"learned  {text}: {count:,} combination{'' if count == 1 else 's'}, {time}\n" for text, count in asked]
