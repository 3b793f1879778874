"""What the words of a command line stand for: chains, events, durations, terminals.

Globs are expanded here too, for shells that do not, and for patterns in quotes.
"""

import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from chainrun.dsl.literal import DURATION, microseconds

from ..intake.source import STANDARD_INPUT
from ..report.escape import excerpt
from .exits import UsageError


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The chain files and folders among the words, and the inputs, each in the order given."""
    chains: list[str] = []
    inputs: list[str] = []
    for word in words:
        for path in expand(word):
            (chains if is_chain(path) else inputs).append(path)
    return chains, inputs


def is_chain(path: str) -> bool:
    """Whether a word names a chain file, or a folder that holds chain files."""
    if path.endswith(".chain"):
        return True
    try:
        return path != STANDARD_INPUT and Path(path).is_dir() and next(Path(path).rglob("*.chain"), None) is not None
    except (OSError, ValueError):
        return False


def expand(word: str) -> list[str]:
    """The paths that a word with wildcards stands for, sorted; else, and where nothing fits, the word itself."""
    if word == STANDARD_INPUT or not glob.has_magic(word) or Path(word).exists():
        return [word]
    return sorted(glob.glob(word, recursive=True)) or [word]  # noqa: PTH207  (keeps the name as typed)


def needs_chain(chains: Sequence[str], verb: str) -> None:
    """Refuses a command line that names no chain."""
    if not chains:
        raise UsageError("no chain is named", f"a chain file ends in `.chain`: `chainrun {verb} my.chain …`")


def needs_events(inputs: Sequence[str], command: str) -> None:
    """Refuses to wait for events that a person at a terminal would have to type."""
    if not inputs and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(
            "no events are named, and standard input is a terminal",
            f"`{command} events.jsonl`, or pipe them in: `… | {command}`; `-` reads what is typed",
        )
    for name in inputs:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = excerpt(os.fsencode(name).decode("utf-8", "backslashreplace"), 200)
            message = f"the name `{shown}` is not UTF-8, and alerts could not tell of it"
            raise UsageError(message, "rename the file, or pipe it in") from None


def duration(text: str) -> int:
    """A duration as the language writes them, in microseconds."""
    if text == "0":
        return 0
    if DURATION.fullmatch(text) is None:
        raise UsageError(f"`{excerpt(text, 50)}` is not a duration", "write it with its unit: `90s`, `1h30m`")
    return microseconds(text)
