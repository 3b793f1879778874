"""Alerts as JSON lines: the published record, one object a line, the same bytes for the same run."""

from typing import IO

from .alert import Alert, encode
from .escape import escape_json


def to_line(alert: Alert) -> bytes:
    """The alert as a line, its line break included."""
    # `raw` holds the record as it came: the parts of it that nobody decoded may not be UTF-8
    return escape_json(encode(alert).decode("utf-8", "replace")).encode() + b"\n"


class JsonLines:
    """Writes each alert at once, so that whoever reads the other end of a pipe has it without delay."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, alert: Alert) -> None:
        self._out.write(to_line(alert))
        self._out.flush()
