"""Learn from old telemetry what is not new: `chainrun baseline CHAIN EVENTS -o baseline.json`.

Chains are those that will run with it: only what they ask for with `new(…)` is kept.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..baseline import encode
from ..formats import FormatError
from ..report.escape import excerpt
from ..run import Options, learn_baseline
from .arguments import host_name, needs_chain, needs_events, split
from .chains import SetOption, SiteOption, load
from .exits import Exit, UsageError


def command(
    words: Annotated[
        list[str], typer.Argument(metavar="CHAIN|EVENTS", help="Chains and events, in any order.", show_default=False)
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; else standard output.")
    ] = None,
    settings: SetOption = None,
    site: SiteOption = None,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="The host of records that name none.")] = None,
    telemetry_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A telemetry format of your own; may be repeated.")
    ] = None,
) -> int:
    chains, inputs = split(words)
    needs_chain(chains, "baseline")
    analytics = load(chains, settings, site, quiet=True)
    if analytics is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun baseline {' '.join(chains[:3])}")
    options = Options(host=host_name(host), telemetry_files=tuple(telemetry_file or ()))
    try:
        baseline, tally = learn_baseline(analytics, inputs, options)
    except FormatError as error:
        raise UsageError("; ".join(excerpt(fault, 300) for fault in error.faults), "`chainrun formats`") from error
    for problem in tally.errors:
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    if baseline is None:
        raise UsageError("there are no events to learn from")
    if not baseline.seen:
        raise UsageError("none of these chains asks for anything with `new(…)`")
    if output is None:
        sys.stdout.buffer.write(encode(baseline))
    else:
        try:
            output.write_bytes(encode(baseline))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"`{excerpt(output, 200)}` cannot be written: {reason}") from error
    return Exit.UNREADABLE if tally.errors else Exit.OK
