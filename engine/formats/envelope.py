"""Envelopes: the record of one source that another wrapped, and what the wrapping says of it.

A shipper's `{"host": {"name": "a"}, "message": "{…}"}`, a line `Mar  5 09:00:00 a tag: @cee: {…}`, an `<Event>` of XML
in a syslog record. Which places hold such, and where an envelope names its host and time, is data (`envelopes.toml`,
and what a format says by `unwrap`). Only what no format knows is opened, so that a record which is known itself is
never taken for its content. Used by `intake.normalise`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from .event_xml import read_event
from .instants import moment
from .rawpath import RawPath, parse_path
from .values import text

_LINE: RawPath = ("message",)  # where formats of lines read them
DEEPEST = 4  # envelopes within one another: a log driver's of a shipper's of a SIEM's
MOST = 10_000  # records in one list

# What may stand before a record: a syslog header (RFC 5424 or 3164) or a container runtime's, a tag, rsyslog's cookie.
# The record follows at once: a brace somewhere in a message is what somebody had logged, and must not become an event.
_HEADER = re.compile(
    r"""
    (?:<\d{1,3}>)?
    (?:
      (?:(?:1[ ])?(?P<time>\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:?\d\d))
        |[A-Z][a-z]{2}[ ][ \d]\d[ ]\d\d:\d\d:\d\d)[ ]
      (?:(?:stdout|stderr)[ ][FP][ ]|(?P<host>[\w.:-]{1,255})[ ])
      (?:\S{1,48}[ ]\S{1,128}[ ]\S{1,32}[ ](?:-|(?:\[(?:[^\]\\]|\\.)*+\])++)[ ])?
    )?
    \ufeff?
    (?:[\w./()-]{1,64}(?:\[\d+\])?:[ ]*)?
    (?:@cee:[ ]*)?
    (?=\{|<Event[\s>])
    """,
    re.VERBOSE,
)


class Outside(msgspec.Struct, frozen=True):
    """What is known of a record by its envelope: the computer's name, and when it was written."""

    computer: str | None = None
    time: int | None = None


class Content(msgspec.Struct, frozen=True):
    """Something that may be a record: an object, or the text of one in JSON. `raw` is its bytes."""

    value: dict[str, Any] | str
    raw: bytes
    outside: Outside


class Envelopes:
    """Opens envelopes. `more`: places besides those of `envelopes.toml`."""

    def __init__(self, more: tuple[RawPath, ...] = ()) -> None:
        shipped = _shipped()
        self._inside = tuple(dict.fromkeys((*more, *shipped["inside"])))
        self._host = shipped["host"]
        self._time = shipped["time"]

    def open(self, record: Mapping[str, Any], outside: Outside) -> Iterator[list[Content]]:
        """For each place of a record where something may be wrapped, what is there."""
        known = Outside(
            outside.computer or next((h for path in self._host if (h := _computer(_at(record, path)))), None),
            outside.time or next((t for path in self._time if (t := moment(_at(record, path)))), None),
        )
        for path in self._inside:
            value = _at(record, path)
            found = [
                content
                for item in (value if type(value) is list else [value])[:MOST]
                if (content := _content(item, known) or _line(item, path, known))
            ]
            if found:
                yield found


def behind_header(line: str, outside: Outside) -> Content | None:
    """The record that a text is, but for a header before it; None where it is none."""
    line = line.strip()
    header = _HEADER.match(line)
    if header is None:
        return None
    known = Outside(outside.computer or header["host"], outside.time or moment(header["time"]))
    body = line[header.end() :]
    if body[0] == "{":
        return Content(body, body.encode(errors="replace"), known)
    found = read_event(body)
    return None if found is None else Content(found, msgspec.json.encode(found), known)


def _content(value: Any, outside: Outside) -> Content | None:
    if type(value) is str:
        return behind_header(value, outside)
    if type(value) is not dict or not value:
        return None
    try:
        return Content(value, msgspec.json.encode(value), outside)
    except (ValueError, OverflowError, RecursionError):  # a number or text that JSON has and msgspec does not write
        return Content(value, b"", outside)


def _line(value: Any, path: RawPath, outside: Outside) -> Content | None:
    """A text that holds no record, as the record that a shipper makes of a line: for formats of lines."""
    if type(value) is not str or path == _LINE:
        return None
    record = {_LINE[0]: value}
    return Content(record, msgspec.json.encode(record), outside)


def _at(record: Any, path: RawPath) -> Any:
    for key in path:
        if type(record) is not dict:
            return None
        record = record.get(key)
    return record


def _computer(value: Any) -> str | None:
    return text(value) if type(value) is str else None


@cache
def _shipped() -> dict[str, tuple[RawPath, ...]]:
    table = tomllib.loads((files(__package__) / "envelopes.toml").read_text(encoding="utf-8"))
    return {name: tuple(path for written in paths if (path := parse_path(written))) for name, paths in table.items()}
