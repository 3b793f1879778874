"""Run chains over telemetry and write one alert a causal chain.

Chains are `*.chain` files and folders of them; events are files, folders, globs, and `-` for standard input, which is
read too where no events are named. Alerts go to standard output, everything else to standard error.
"""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from ..chains import Library, chain_files, nearest_site
from ..intake.source import find_inputs
from ..report.escape import excerpt
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..run import Options
from .accounts import StatsOption, audit, write_stats
from .ack import Ack, Rsyslog, needs_channel
from .arguments import (
    BaselineOption,
    FollowOption,
    HostOption,
    InventoryOption,
    LatenessOption,
    ListenOption,
    TelemetryFileOption,
    TelemetryOption,
    UnprovenOption,
    UnwrapOption,
    WordsArgument,
    addresses,
    chains_again,
    duration,
    host_name,
    needs_chain,
    needs_events,
    places,
    split,
)
from .bad_lines import DeadLetterFile, DeadLetterOption, MaxBadOption, StrictOption, tolerance, verdict
from .begin import begin, sound
from .chains import SetOption, SiteOption, TunedOption, load
from .collector import relax
from .exits import Exit, UsageError
from .log import begin_log
from .metrics import MetricsFileOption, MetricsOption, measured
from .outputs import needs_apart, needs_room, needs_spare
from .progress import Bar
from .service import Service, tell_resumed
from .sink import Form, open_sink
from .size import MaxStateOption, size
from .spans import LastOption, SinceOption, UntilOption, span
from .state_option import EveryOption, ResetOption, StateOption, keeping


def command(
    words: WordsArgument,
    form: Annotated[
        Form | None, typer.Option("--format", "-f", help="How alerts are written; text on a terminal, else jsonl.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write alerts to a file.")
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Add to the file of --output, which else is emptied first.")
    ] = False,
    ack: Annotated[
        Ack | None, typer.Option(help="Tell the sender on standard output which lines have been dealt with.")
    ] = None,
    log_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Say in a file what would be said on standard error.")
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
    allow_unproven: UnprovenOption = False,
    baseline: BaselineOption = None,
    inventory: InventoryOption = None,
    host: HostOption = None,
    lateness: LatenessOption = "0",
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
    max_state: MaxStateOption = None,
    state: StateOption = None,
    checkpoint_every: EveryOption = None,
    reset_changed: ResetOption = False,
    unwrap: UnwrapOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    last: LastOption = None,
    follow: FollowOption = False,
    listen: ListenOption = None,
    dead_letter: DeadLetterOption = None,
    max_bad: MaxBadOption = None,
    strict: StrictOption = False,
    stats: StatsOption = None,
    metrics_file: MetricsFileOption = None,
    metrics: MetricsOption = None,
    no_sieve: Annotated[
        bool,
        typer.Option("--no-sieve", help="Decode every line whole, as one of any format: the same, but slower."),
    ] = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 1 where there was an alert.")
    ] = False,
) -> int:
    written = {
        "--output": output, "--dead-letter": dead_letter, "--log-file": log_file, "--stats": stats,
        "--metrics-file": metrics_file,
    }  # fmt: skip
    needs_apart(written, state)
    if append and output is None:
        raise UsageError("--append adds to the file of --output, and none is named", "`-o alerts.jsonl --append`")
    chains, inputs = split(words, follow)
    named = [
        *chain_files(chains)[0],
        *(telemetry_file or ()),
        *(baseline or ()),
        inventory,
        site or nearest_site(Path.cwd()),
    ]
    if log_file is not None:  # at once: else that it is one of the files that are read would be said in that file
        needs_spare(log_file, [*named, *(input.name for input in find_inputs(inputs)[0])])
    log = begin_log(log_file)
    needs_chain(chains, "run")
    host, late = host_name(host), duration(lateness)
    again = chains_again(words)

    def library_now() -> Library | None:
        return load(again(), settings, site, quiet=quiet, tuned=tuned)

    library = library_now()
    if library is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun {' '.join(chains[:3])}", follow=follow, listen=bool(listen))
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
        max_state=size(max_state),
        unwrap=places(unwrap),
        follow=follow,
        listen=addresses(listen),
        written=tuple(str(path) for path in written.values() if path is not None),
        span=span(since, until, last, state),
        tolerance=tolerance(max_bad, strict, state),
        sieve=not no_sieve,
    )
    if ack is not None:
        needs_channel(inputs, output)
    sender = Rsyslog() if ack is not None else None
    service = Service(sender, library_now, quiet=quiet)
    bar = Bar(not quiet)
    letters = DeadLetterFile(dead_letter)
    keep = keeping(state, checkpoint_every, reset_changed)
    run = begin(library, inputs, options, bar.advance, sender, service.attend, keep, letters.take)
    relax()
    tell_resumed(run, quiet=quiet)
    for problem in run.tally.errors if follow or listen else ():  # there may be no end to tell of it at
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    read = [*run.inputs, *named, *library.words]
    for path in (output, log_file, stats, metrics_file):
        if path is not None:
            needs_spare(path, read)
    if stats is not None:
        needs_room(stats)
    with sound():
        run.listen()
    sink = open_sink(form, output, append=append or ack is not None, keeper=run.keeper)
    with (
        letters.open(read),
        closing(sink),
        service.serving(run, log, sink) as interrupted,
        bar,
        measured(run, metrics_file, metrics),
    ):
        for alert in run:
            bar.close()
            sink.write(alert)
    if not quiet:
        sys.stderr.write(to_summary(run.tally, run.funnels, Paint(is_wanted(sys.stderr)), run.given_up, run.forgotten))
    else:
        for problem in run.tally.errors:
            sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    write_stats(run, stats)
    lost, too_bad = audit(run.balances), verdict(run.tally, strict, max_bad)
    if lost is not None:
        return lost
    if (ended := interrupted.code(run.tally.unread)) is not None:
        return ended
    if too_bad is not None:
        return too_bad
    if not run.is_complete:
        return Exit.UNREADABLE
    return Exit.FOUND if fail_on_alert and run.alerts else Exit.OK
