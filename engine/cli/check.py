"""Check chain files: every fault of every file, in order of place; exit code 1 where there is an error.

FILES are chain files or folders of them. `--format json` prints one object a diagnostic, `--format sarif` a SARIF log,
which code hosts show beside the lines.
"""

import json
import sys
import time
from enum import StrEnum
from typing import Annotated

import typer
from chainrun.dsl.render import to_data, to_text
from chainrun.dsl.sarif import to_sarif

from ..chains import Faults
from ..report.escape import escape_json
from ..report.paint import is_wanted
from ..version import VERSION
from .arguments import expand, needs_chain
from .chains import SetOption, SiteOption, TunedOption, open_library
from .exits import Exit

# Bytes of a file's name that are no UTF-8, as JSON's text for `\\xff`.
_UNDECODED = {0xDC00 + byte: f"\\\\x{byte:02x}" for byte in range(0x80, 0x100)}


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", show_default=False)],
    form: Annotated[Form, typer.Option("--format", "-f", help="How diagnostics are written.")] = Form.TEXT,
    settings: SetOption = None,
    site: SiteOption = None,
    tuned: TunedOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No closing line.")] = False,
) -> int:
    paths = [path for word in files for path in expand(word)]
    needs_chain(paths, "check")
    library = open_library(paths, settings, site, tuned=tuned, at=time.time_ns() // 1_000)
    found = sorted((*library.errors, *library.warnings), key=lambda f: f.source.name)
    _write(found, form)
    errors = sum(d.severity == "error" for f in found for d in f.diagnostics)
    warnings = sum(len(f.diagnostics) for f in found) - errors
    if form is Form.TEXT and not quiet:
        counts = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
        sys.stderr.write(f"{_count(library.files, 'file')} checked: {counts}\n")
    return Exit.FOUND if errors else Exit.OK


def _write(found: list[Faults], form: Form) -> None:
    if form is Form.JSON:
        for faults in found:
            for row in to_data(faults.diagnostics, faults.source):
                _write_json(row)
    elif form is Form.SARIF:
        _write_json(to_sarif([(f.source, f.diagnostics) for f in found], VERSION))
    elif found:
        color = is_wanted(sys.stdout)
        sys.stdout.write("\n".join(to_text(f.diagnostics, f.source, color) for f in found) + "\n")


def _write_json(value: object) -> None:
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNDECODED)
    sys.stdout.buffer.write(escape_json(line).encode() + b"\n")


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
