"""`--state DIR`: what the command line has to do for a run that goes on where the last one was killed.

The run keeps its state itself (`engine.restart`), and the file of alerts (`sink`) is cut back to what the last
checkpoint knows of it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ..checkpoint.stamp import Stamp
from ..restart import Keeper
from .arguments import duration

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Keep the run's state there, and go on from it after a restart."),
]
EveryOption = Annotated[
    str, typer.Option("--checkpoint-every", metavar="DURATION", help="How often --state writes a checkpoint.")
]


def keeping(directory: Path | None, every: str) -> Callable[[Stamp], Keeper] | None:
    """What makes the keeper of a run's state, if it is to be kept."""
    seconds = duration(every) / 1_000_000
    if directory is None:
        return None
    return lambda stamp: Keeper(directory, stamp, every=seconds)
