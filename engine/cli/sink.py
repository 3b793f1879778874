"""Where a run's alerts go: standard output, or a file, which may be rotated while it is written."""

import mmap
import sys
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ..report.alert import Alert
from ..report.jsonl import JsonLines
from ..report.paint import is_wanted
from ..report.text import TextBlocks
from .outputs import open_text, unwritable


class Form(StrEnum):
    TEXT = "text"
    JSONL = "jsonl"


class Sink(Protocol):
    """Writes each alert so that it is out when `write` returns."""

    def write(self, alert: Alert) -> None: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


def open_sink(form: Form | None, output: Path | None, *, append: bool) -> Sink:
    """Where alerts go, ready; lines of JSON unless a person reads them."""
    if output is not None:
        return AlertFile(output, form or Form.JSONL, append=append)
    return StandardOutput(form or (Form.TEXT if sys.stdout.isatty() else Form.JSONL))


class StandardOutput:
    """Standard output, whoever reads it."""

    def __init__(self, form: Form) -> None:
        sys.stdout.flush()
        text = form is Form.TEXT
        self.write = (
            TextBlocks(sys.stdout, color=is_wanted(sys.stdout)) if text else JsonLines(sys.stdout.buffer)
        ).write

    def reopen(self) -> None:
        """It has no name under which there could be another."""

    def close(self) -> None:
        """It is the process's, and stays open."""


class AlertFile:
    """A file of alerts: emptied, or (`append`) gone on with behind its last whole line."""

    def __init__(self, path: Path, form: Form, *, append: bool) -> None:
        self._path = path
        self._form = form
        if append and form is Form.JSONL:
            _cut_torn_line(path)
        self._open(append)

    def _open(self, append: bool) -> None:
        self._file = open_text(self._path, append=append)
        self.write = (TextBlocks(self._file) if self._form is Form.TEXT else JsonLines(self._file.buffer)).write

    def reopen(self) -> None:
        """Goes on in the file that has the name now: the old one was moved away."""
        before = self._file
        self._open(append=True)
        before.close()

    def close(self) -> None:
        self._file.close()


def _cut_torn_line(path: Path) -> None:
    """Takes away the part of an alert that a killed run left at the end. Its event was not acknowledged."""
    try:
        if not path.is_file() or not path.stat().st_size:
            return
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as text:
            whole = text.rfind(b"\n") + 1
            if whole < len(text):
                file.truncate(whole)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
