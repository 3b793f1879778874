"""Where a run's alerts go: standard output, or a file, which may be rotated while it is written."""

import mmap
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ..checkpoint.file import Output
from ..report.alert import Alert
from ..report.jsonl import JsonLines
from ..report.paint import is_wanted
from ..report.text import TextBlocks
from ..restart import Keeper
from .outputs import named, open_text, unwritable


class Form(StrEnum):
    TEXT = "text"
    JSONL = "jsonl"


class Sink(Protocol):
    """Writes each alert so that it is out when `write` returns."""

    def write(self, alert: Alert) -> None: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


def open_sink(form: Form | None, output: Path | None, *, append: bool, keeper: Keeper | None = None) -> Sink:
    """Where alerts go, ready; lines of JSON unless a person reads them. `keeper`: who knows what was written before."""
    if output is not None and keeper is not None:
        is_known = cut_back(output, keeper.output)
        file = AlertFile(output, form or Form.JSONL, append=append or is_known)
        keeper.sink = file.settled
        return file
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
        self._out = TextBlocks(self._file) if self._form is Form.TEXT else JsonLines(self._file.buffer)

    def write(self, alert: Alert) -> None:
        with named(self._path):
            self._out.write(alert)

    def reopen(self) -> None:
        """Goes on in the file that has the name now: the old one was moved away."""
        before = self._file
        self._open(append=True)
        before.close()

    def settled(self) -> Output:
        """Forces what was written to the disk, and says how much that is."""
        with named(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            status = os.fstat(self._file.fileno())
        return Output(str(self._path.absolute()), status.st_size, (status.st_dev, status.st_ino))

    def close(self) -> None:
        with named(self._path):
            self._file.close()


def cut_back(path: Path, output: Output | None) -> bool:
    """Takes away what a killed run wrote after its last checkpoint; whether the file is to be added to. One that was
    moved away since, or emptied, is added to as it is."""
    if output is None or output.path != str(path.absolute()):
        return False
    try:
        status = path.stat()
        if (status.st_dev, status.st_ino) == output.file and status.st_size >= output.length:
            os.truncate(path, output.length)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unwritable(path, error) from error
    return True


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
