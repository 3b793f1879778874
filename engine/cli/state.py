"""Show what a directory of `--state` holds, or verify that it is sound.

`show` tells of each checkpoint what it is of; `verify` reads all of it, and exits with 4 where something is damaged.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..checkpoint.file import About, Checkpoint, StateError, StateFile
from ..report.alert import stamp
from ..report.escape import escape, excerpt
from .exits import Exit, UsageError


class Action(StrEnum):
    SHOW = "show"
    VERIFY = "verify"


def command(
    action: Annotated[Action, typer.Argument(help="show or verify", show_default=False)],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What --state named.", show_default=False)],
) -> int:
    file = StateFile(directory)
    try:
        found = file.all()
    except StateError as error:
        raise UsageError(excerpt(error, 600), error.help) from error
    if not found:
        raise UsageError(f"`{excerpt(directory, 200)}` holds no state", "`chainrun CHAIN EVENTS --state DIR` makes one")
    for number, checkpoint in found:
        lines = _shown(checkpoint) if action is Action.SHOW and checkpoint is not None else ()
        for line in (_titled(number, checkpoint), *lines):
            print(escape(line))
    return Exit.OK if all(checkpoint is not None for _, checkpoint in found) else Exit.UNREADABLE


def _titled(number: int, checkpoint: Checkpoint | None) -> str:
    if checkpoint is None:
        return f"checkpoint {number} is damaged"
    return f"checkpoint {number} is sound: {len(checkpoint.state):,} bytes, by chainrun {checkpoint.about.version}"


def _shown(checkpoint: Checkpoint) -> Iterator[str]:
    about: About = checkpoint.about
    what = f"of {'a stream' if about.is_stream else 'files'}{', read to the end' if about.is_over else ''}"
    yield f"  {what}: {about.lines:,} lines read, {about.alerts:,} alerts out"
    if about.at is not None:
        yield f"  newest event   {stamp(about.at)}"
    for source in about.sources:
        yield f"  input          {source.name}{f', {source.read:,} bytes of it' if about.is_stream else ''}"
    if about.output is not None:
        yield f"  output         {about.output.path}, {about.output.length:,} bytes"
    for analytic in about.stamp.chains:
        yield f"  analytic       {analytic}"
    for chain, count in about.open.items():
        yield f"  open           {chain}: {count:,} partial matches"
