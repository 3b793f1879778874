"""Say in prose what a chain means: every implied link, what it needs, what tells two alerts apart.

`--dot` prints the automaton for GraphViz instead: `chainrun explain --dot x.chain | dot -Tsvg > x.svg`.
"""

import sys
from typing import Annotated

import typer

from ..match.compile import compile_chain
from ..report.paint import Paint, is_wanted
from ..study.explain import explain
from .arguments import expand, needs_chain
from .chains import SetOption, SiteOption, load
from .exits import Exit


def command(
    chains: Annotated[list[str], typer.Argument(metavar="CHAIN", show_default=False)],
    dot: Annotated[bool, typer.Option("--dot", help="Draw the automaton in GraphViz' language.")] = False,
    settings: SetOption = None,
    site: SiteOption = None,
) -> int:
    paths = [path for word in chains for path in expand(word)]
    needs_chain(paths, "explain")
    library = load(paths, settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    if dot:
        # networkx takes longer to load than the rest of the command takes to run
        from ..study.drawing import to_dot

        sys.stdout.write("".join(to_dot(compile_chain(a, c)) for a in library.analytics for c in a.chains))
    else:
        sys.stdout.write("\n".join(explain(a, Paint(is_wanted(sys.stdout))) for a in library.analytics))
    return Exit.OK
