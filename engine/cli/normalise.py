"""Print the canonical events of telemetry, in order, as JSON lines: what chains are matched against.

FILES are files, folders, globs and `-`; what could not be used is counted on standard error.
"""

import sys
from typing import Annotated

import typer

from ..formats import FormatError
from ..intake.intake import Intake
from ..intake.normalise import Normaliser
from ..report.canonical import to_line
from ..report.escape import excerpt
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..run import choose_formats
from .arguments import duration, host_name, needs_events
from .exits import Exit, UsageError
from .signals import drained


def command(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", show_default=False)] = None,
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
) -> int:
    needs_events(files or [], "chainrun normalise")
    try:
        formats = choose_formats(tuple(telemetry or ()), tuple(telemetry_file or ()))
    except FormatError as error:
        raise UsageError("; ".join(excerpt(fault, 300) for fault in error.faults), "`chainrun formats`") from error
    intake = Intake(files or [], Normaliser(formats), lateness=duration(lateness), host=host_name(host))
    out = sys.stdout.buffer  # JSON is UTF-8, whatever the locale
    with drained(intake) as interrupted:
        for event in intake:
            out.write(to_line(event).encode())
            if intake.is_stream:
                out.flush()
    if not quiet:
        sys.stderr.write(to_summary(intake.tally, (), Paint(is_wanted(sys.stderr))))
    if interrupted:
        return Exit.INTERRUPTED
    return Exit.UNREADABLE if intake.tally.errors else Exit.OK
