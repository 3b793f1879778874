"""Show how far chains got, and why they stopped: the nearest misses, what was there and what was not.

Of each step that is missing it tells what would have let an event be it, and the smallest change of the chain that does
that: computed from the events, by running chains that ask for one thing less. Nothing is raised or changed.
"""

import sys
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from ..report.escape import escape_json, excerpt
from ..report.paint import Paint, is_wanted
from ..run import Options
from .arguments import (
    InventoryOption,
    TelemetryFileOption,
    TelemetryOption,
    WordsArgument,
    host_name,
    needs_chain,
    needs_events,
    split,
)
from .begin import begin
from .chains import SetOption, SiteOption, load
from .exits import Exit, UsageError
from .progress import Bar


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


def command(
    words: WordsArgument,
    form: Annotated[Form, typer.Option("--format", "-f", help="How it is told.")] = Form.TEXT,
    host: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only what happened on this host; records that name none are its."),
    ] = None,
    entity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=VALUE", help="Only what has to do with a pid=, a name= or a path=; may be repeated."
        ),
    ] = None,
    step: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only what lacks this step.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Tell at most so many misses of a chain.")] = 5,
    settings: SetOption = None,
    site: SiteOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    inventory: InventoryOption = None,
    telemetry: TelemetryOption = None,
    telemetry_file: TelemetryFileOption = None,
) -> int:
    # the studies of a run are loaded only when they are asked for
    from ..study.why import Why, written
    from ..study.why_entity import Attribute, EntityFilter
    from ..study.why_report import Look
    from ..study.why_text import to_text

    def wanted(text: str) -> EntityFilter:
        name, _, value = text.partition("=")
        if name not in list(Attribute) or not value:
            message = f"`{excerpt(text, 100)}` is no entity to look for"
            raise UsageError(message, "`--entity pid=4312`, `--entity name=winword.exe` or `--entity path=FILE`")
        return EntityFilter(Attribute(name), value)

    chains, inputs = split(words)
    needs_chain(chains, "why")
    look = Look(host=host_name(host), entities=tuple(map(wanted, entity or ())), step=step, most=limit)
    library = load(chains, settings, site, quiet=True)
    if library is None:
        return Exit.WRONG_CHAIN
    needs_events(inputs, f"chainrun why {' '.join(chains[:3])}")
    why = Why(library.analytics, look, written(library.analytics))
    if step is not None and step > why.steps:
        raise UsageError(f"no chain has a step {step}", f"there are {why.steps}; `chainrun explain` numbers them")
    options = Options(
        host=host,
        inventory=inventory,
        telemetry=tuple(telemetry or ()),
        telemetry_files=tuple(telemetry_file or ()),
        whole=True,
    )
    bar = Bar(not quiet)
    run = begin(msgspec.structs.replace(library, analytics=why.analytics), inputs, options, bar.advance)
    follow = why.follow(run.engine)
    with bar:
        follow.run(run.events())
    found = why.report(follow, run.tally.by_format)
    match form:
        case Form.TEXT:
            sys.stdout.write(to_text(found, Paint(is_wanted(sys.stdout))))
        case Form.JSON:
            sys.stdout.write(escape_json(msgspec.json.encode(found).decode()) + "\n")
    for problem in run.tally.errors:
        sys.stderr.write(f"error: {excerpt(problem, 300)}\n")
    return Exit.UNREADABLE if run.tally.errors else Exit.OK
