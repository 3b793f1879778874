"""`--state DIR`: what the command line has to do for a run that goes on where the last one was killed.

The run keeps its state itself (`engine.restart`), and the file of alerts (`sink`) is cut back to what the last
checkpoint knows of it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ..checkpoint.stamp import Stamp
from ..restart import EVERY, Keeper
from .arguments import duration
from .exits import UsageError

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Keep the run's state there, and go on from it after a restart."),
]
EveryOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint-every", metavar="DURATION", help=f"How often --state writes a checkpoint; else every {EVERY:g}s."
    ),
]
ResetOption = Annotated[
    bool,
    typer.Option("--reset-changed", help="With --state: chains that say something else now begin anew, others go on."),
]


def keeping(directory: Path | None, every: str | None, reset: bool = False) -> Callable[[Stamp], Keeper] | None:
    """What makes the keeper of a run's state, if it is to be kept."""
    seconds = duration(every) / 1_000_000 if every is not None else EVERY
    if directory is None and every is not None:
        raise UsageError("--checkpoint-every is for --state, and no state is kept", "`--state DIR`")
    if directory is None and reset:
        raise UsageError("--reset-changed is for --state, and no state is kept", "`--state DIR`")
    if directory is None:
        return None
    return lambda stamp: Keeper(directory, stamp, every=seconds, reset=reset)
