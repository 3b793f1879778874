"""Print the canonical events of telemetry, in order, as JSON lines: what chains are matched against.

FILES are files, folders, globs and `-`; what could not be used is counted on standard error.
"""

import sys
from typing import Annotated

import typer

from ..intake.intake import Intake
from ..intake.normalise import Normaliser
from ..report.balance import line_balance
from ..report.canonical import to_line
from ..report.paint import Paint, is_wanted
from ..report.summary import to_summary
from ..run import choose_formats, open_inventory
from .accounts import audit
from .arguments import (
    HostOption,
    InventoryOption,
    LatenessOption,
    TelemetryFileOption,
    TelemetryOption,
    UnwrapOption,
    duration,
    host_name,
    needs_events,
    places,
)
from .begin import sound
from .exits import Exit
from .signals import drained


def command(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", show_default=False)] = None,
    host: HostOption = None,
    lateness: LatenessOption = "0",
    inventory: InventoryOption = None,
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
    unwrap: UnwrapOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
) -> int:
    needs_events(files or [], "chainrun normalise")
    with sound():
        formats, known = choose_formats(tuple(telemetry or ()), tuple(telemetry_file or ())), open_inventory(inventory)
    late, name = duration(lateness), host_name(host)
    intake = Intake(files or [], Normaliser(formats, unwrap=places(unwrap)), lateness=late, host=name, inventory=known)
    out = sys.stdout.buffer  # JSON is UTF-8, whatever the locale
    with drained(intake) as interrupted:
        for event in intake:
            out.write(to_line(event).encode())
            if intake.is_stream:
                out.flush()
    if not quiet:
        sys.stderr.write(to_summary(intake.tally, (), Paint(is_wanted(sys.stderr))))
    if (lost := audit([line_balance(intake.tally)])) is not None:
        return lost
    if (ended := interrupted.code(intake.tally.unread)) is not None:
        return ended
    return Exit.UNREADABLE if intake.tally.errors else Exit.OK
