"""List the parameters of chain files: type, value, where the value comes from, and what it means."""

import sys
from typing import Annotated

import typer

from ..report.escape import escape
from ..report.paint import Paint, is_wanted
from ..study.explain import parameter_lines
from .arguments import expand, needs_chain
from .chains import SetOption, SiteOption, load
from .exits import Exit


def command(
    chains: Annotated[list[str], typer.Argument(metavar="CHAIN", show_default=False)],
    settings: SetOption = None,
    site: SiteOption = None,
) -> int:
    paths = [path for word in chains for path in expand(word)]
    needs_chain(paths, "params")
    analytics = load(paths, settings, site, quiet=True)
    if analytics is None:
        return Exit.WRONG_CHAIN
    paint = Paint(is_wanted(sys.stdout))
    for number, analytic in enumerate(analytics):
        if len(analytics) > 1:
            sys.stdout.write(("\n" if number else "") + paint(escape(analytic.id), "bold") + "\n")
        sys.stdout.write("".join(f"{line}\n" for line in parameter_lines(analytic.parameters)))
        if not analytic.parameters:
            sys.stderr.write(f"{escape(analytic.id)} has no parameters\n")
    return Exit.OK
