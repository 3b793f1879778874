"""What a run ends with: its numbers in a file, and the word that nothing was lost, or that something was."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ..report.balance import Balance, uneven
from ..report.escape import escape
from ..report.stats import to_stats
from ..run import Run
from ..version import VERSION
from .exits import Exit
from .outputs import write

StatsOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the run's numbers as JSON.")]

REPORT = "this is a fault of chainrun: please report it with the command and the input"


def write_stats(run: Run, file: Path | None) -> None:
    if file is not None:
        write(file, to_stats(run.tally, run.funnels, VERSION))


def audit(balances: Iterable[Balance]) -> Exit | None:
    """Says what does not add up, where anything does not; the exit code of that."""
    found = uneven(balances)
    for balance in found:
        sys.stderr.write(f"error: {balance.lost:,} {escape(balance.of)} are not accounted for: {escape(balance)}\n")
    if not found:
        return None
    sys.stderr.write(f"  = help: {REPORT}\n")
    return Exit.INTERNAL
