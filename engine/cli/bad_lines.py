"""Lines that cannot be used, as the command line deals with them: where they are written, how many are borne, and what
is said when there were too many."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ..event import Origin
from ..intake.tally import Tally
from ..intake.tolerance import Tolerance
from ..report.dead_letters import MOST, DeadLetters
from ..report.escape import escape, excerpt
from .exits import Exit, UsageError
from .outputs import named, needs_spare, open_appended

DeadLetterOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Append lines that cannot be used to a file, with the cause.")
]
MaxBadOption = Annotated[
    str | None, typer.Option(metavar="N or P%", help="Stop where more lines than that cannot be used; exit with 4.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Stop at the first line that cannot be used; exit with 6.")
]


def tolerance(max_bad: str | None, strict: bool, state: Path | None = None) -> Tolerance:
    """What the options say is borne."""
    if state is not None and (strict or max_bad is not None):
        raise UsageError(
            "--state goes on after a restart, and --strict and --max-bad leave lines unread",
            "--dead-letter keeps bad lines, and --stats counts them",
        )
    if strict and max_bad is not None:
        raise UsageError("--strict bears no bad line, so there is nothing for --max-bad to say")
    if strict:
        return Tolerance(lines=0)
    if max_bad is None:
        return Tolerance()
    number = max_bad.removesuffix("%")
    if number.isascii() and number.isdigit() and number == max_bad and len(number) < 19:
        return Tolerance(lines=int(number))
    whole, _, part = number.partition(".")
    is_number = number != max_bad and number.isascii() and whole.isdigit() and (part.isdigit() or part == "")
    if is_number and len(number) < 19 and not number.endswith(".") and float(number) <= 100:
        return Tolerance(share=float(number) / 100)
    raise UsageError(
        f"`{excerpt(max_bad, 50)}` is no number of lines and no share of them", "`--max-bad 100`, or `--max-bad 0.1%`"
    )


class DeadLetterFile:
    """Where `--dead-letter` has bad lines written; nowhere without it. A context manager."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._open = ExitStack()
        self._letters: DeadLetters | None = None

    def open(self, read: Iterable[str | Path | None]) -> "DeadLetterFile":
        """Opens the file, which must be none of those that are read."""
        if self._path is not None:
            needs_spare(self._path, read)
            out = self._open.enter_context(open_appended(self._path))
            self._letters = DeadLetters(out, MOST - (out.tell() if out.seekable() else 0))
        return self

    def take(self, line: bytes | None, origin: Origin, cause: str) -> None:
        if self._path is not None and self._letters is not None:
            with named(self._path):
                self._letters.take(line, origin, cause)

    def __enter__(self) -> "DeadLetterFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is None:
            return
        with named(self._path):
            self._open.close()
        if self._letters is not None and self._letters.untold:
            sys.stderr.write(
                f"warning: `{excerpt(self._path, 200)}` is full ({MOST >> 20} MB): "
                f"{self._letters.untold:,} bad lines were counted and not written\n"
            )


def verdict(tally: Tally, strict: bool, max_bad: str | None) -> Exit | None:
    """Says that there were too many bad lines, where there were; the exit code of that."""
    if not tally.is_intolerable or tally.last_bad is None:
        return None
    origin, cause = tally.last_bad
    place = f"{excerpt(origin.input, 200)}:{origin.line}"
    if strict:
        sys.stderr.write(f"error: {place}: {escape(cause)}, and nothing after it was read (--strict)\n")
        return Exit.BAD_LINE
    counts = f"{tally.bad_lines:,} of {tally.lines:,} lines could not be used"
    sys.stderr.write(f"error: {counts}, more than --max-bad {max_bad} bears; the last is {place}: {escape(cause)}\n")
    return Exit.UNREADABLE
