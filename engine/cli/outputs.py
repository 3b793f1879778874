"""The files that a command writes: never one that it reads, and what stands in the way is told in a sentence."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from ..intake.source import STANDARD_INPUT
from ..report.escape import excerpt
from .exits import UsageError


def needs_spare(output: Path, read: Iterable[str | Path | None]) -> None:
    """Refuses to write over a file that is read, by whatever name."""
    try:
        # a device or a pipe holds nothing that could be lost
        is_read = output.is_file() and _identity(output) in {_identity(name) for name in read if name is not None}
    except (OSError, ValueError) as error:
        raise unwritable(output, error) from error
    if is_read:
        raise UsageError(f"`{excerpt(output, 200)}` is read by this run, and would be overwritten")


_STATE = ("state.sqlite", "journal-", "lock")  # what the names of a state's own files begin with


def needs_apart(written: Mapping[str, Path | None], state: Path | None = None) -> None:
    """Refuses two options that write one file, by whatever name, and one that writes a file of the state: each would
    write over the other."""
    options: dict[object, str] = {}
    for option, path in written.items():
        if path is None or (path.exists() and not path.is_file()):  # a device or a pipe takes what comes
            continue
        if state is not None and path.name.startswith(_STATE) and path.parent.resolve() == state.resolve():
            message = f"`{excerpt(path, 200)}` cannot be written by {option}: --state has files of such names"
            raise UsageError(message, "write it beside that directory")
        first = options.setdefault(_identity(path) or path.resolve(), option)
        if first != option:
            message = f"`{excerpt(path, 200)}` cannot be written by both {first} and {option}"
            raise UsageError(message, "give each a file of its own")


def needs_room(output: Path) -> None:
    """Finds out at once what else would show at the end: that the file cannot be written. It stays as it is."""
    if output.is_file() or output.is_dir() or not output.exists():  # an open and shut pipe is at its end
        open_text(output, append=True).close()


def open_text(output: Path, *, append: bool = False) -> TextIO:
    """The file, emptied or to be added to."""
    try:
        return output.open("a" if append else "w", encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        raise unwritable(output, error) from error


def open_appended(output: Path) -> IO[bytes]:
    """The file, to be written on at its end; a new one is for its owner's eyes, since it holds what telemetry holds."""
    try:
        return os.fdopen(os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
    except (OSError, ValueError) as error:
        raise unwritable(output, error) from error


def write(output: Path, data: bytes) -> None:
    """Makes this the whole of the file."""
    try:
        file = output.open("wb")
    except (OSError, ValueError) as error:
        raise unwritable(output, error) from error
    with named(output), file:
        file.write(data)


@contextmanager
def named(output: Path) -> Iterator[None]:
    """What goes wrong in writing, a full disk above all, tells of which file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(output)) from error


def unwritable(output: Path, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"`{excerpt(output, 200)}` cannot be written: {reason.lower()}")


def _identity(name: str | Path) -> tuple[int, int] | None:
    """What a file is, however it is called; None for one that is not there."""
    try:
        status = os.fstat(0) if name == STANDARD_INPUT else Path(name).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
