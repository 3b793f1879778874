"""Alerts as a run wrote them, read again: one that is to be explained, or those that must stay (`--must-keep`)."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from ..intake.source import STANDARD_INPUT

T = TypeVar("T")


class RecordError(Exception):
    """A file of alerts that cannot be used; its text is a sentence that names the file and the line."""


def read_alerts(files: Sequence[str], type: type[T]) -> Iterator[T]:
    """The alerts of files of JSON lines, in order; empty lines are passed over."""
    decoder = msgspec.json.Decoder(type)
    for file in files:
        for number, line in enumerate(_read(file).split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                alert = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                message = f"{file}:{number}: is no alert as `--format jsonl` writes it ({error})"
                raise RecordError(message) from error
            yield alert


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordError(f"{file}: cannot be read: {reason.lower()}") from error
