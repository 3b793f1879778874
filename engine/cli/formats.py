"""List the telemetry formats that are read, or explain one: what it shows, and what it cannot."""

import sys
import textwrap
from typing import Annotated

import typer
from chainrun.dsl.nearest import nearest

from ..formats import FormatError, load_formats
from ..report.escape import escape, excerpt
from ..run import choose_formats
from .arguments import TelemetryFileOption
from .exits import Exit, UsageError

_WIDTH = 100


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None,
    telemetry_file: TelemetryFileOption = None,
) -> int:
    try:
        formats = choose_formats((), tuple(telemetry_file or ())) if telemetry_file else load_formats()
    except FormatError as error:
        raise UsageError("; ".join(excerpt(fault, 300) for fault in error.faults)) from error
    if name is None:
        width = max(len(escape(f.name)) for f in formats)
        sys.stdout.write("".join(f"{escape(f.name):<{width}}  {escape(f.title)}\n" for f in formats))
        return Exit.OK
    found = next((f for f in formats if f.name == name), None)
    if found is None:
        near = nearest(name, [f.name for f in formats])
        hint = f"did you mean `{near}`?" if near else "`chainrun formats` lists them"
        raise UsageError(f"no telemetry format is called `{excerpt(name, 100)}`", hint)
    rows = [
        ("sees", ", ".join(sorted(found.sees - {"event"})) or "plain events only"),
        ("cannot see", found.blind),
        ("host", "told by the source address" if found.flow else "in each record"),
        ("system", found.os or "any"),
    ]
    if found.local:
        rows.append(("time", "local time, corrected by the host's measured offset"))
    sys.stdout.write(f"{escape(found.name)}  {escape(found.title)}\n")
    for label, text in rows:
        margin = f"  {label:<10}  "
        filled = textwrap.fill(escape(text), _WIDTH, initial_indent=margin, subsequent_indent=" " * len(margin))
        sys.stdout.write(f"{filled}\n")
    return Exit.OK
