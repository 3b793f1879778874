"""List the parameters of chain files: type, value, where the value comes from, and what it means.

`--format json` prints one object a parameter, with its default.
"""

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer
from chainrun.dsl.model import Analytic

from ..report.escape import escape, escape_json
from ..report.paint import Paint, is_wanted
from ..study.explain import parameter_lines
from .arguments import expand, needs_chain
from .chains import SetOption, SiteOption, load
from .exits import Exit


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


def command(
    chains: Annotated[list[str], typer.Argument(metavar="CHAIN", show_default=False)],
    form: Annotated[Form, typer.Option("--format", "-f", help="How parameters are listed.")] = Form.TEXT,
    settings: SetOption = None,
    site: SiteOption = None,
) -> int:
    paths = [path for word in chains for path in expand(word)]
    needs_chain(paths, "params")
    library = load(paths, settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    if form is Form.JSON:
        for analytic in library.analytics:
            _write_json(analytic)
        return Exit.OK
    paint = Paint(is_wanted(sys.stdout))
    for number, analytic in enumerate(library.analytics):
        if len(library.analytics) > 1:
            sys.stdout.write(("\n" if number else "") + paint(escape(analytic.id), "bold") + "\n")
        sys.stdout.write("".join(f"{line}\n" for line in parameter_lines(analytic.parameters)))
        if not analytic.parameters:
            sys.stderr.write(f"{escape(analytic.id)} has no parameters\n")
    return Exit.OK


def _write_json(analytic: Analytic) -> None:
    for parameter in analytic.parameters:
        row = {
            "analytic": analytic.id,
            "name": parameter.name,
            "type": parameter.type.value,
            "value": parameter.value,
            "default": parameter.default,
            "origin": parameter.origin,
            "description": parameter.description,
        }
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        sys.stdout.buffer.write(escape_json(line).encode("utf-8", "backslashreplace") + b"\n")
