"""A canonical event as one line of JSON: what `chainrun normalise` prints, and what the matcher sees."""

from typing import Any

import msgspec

from ..event import Event, Origin
from .alert import stamp
from .escape import escape_json


def to_line(event: Event) -> str:
    """The event as a line of JSON, its line break included; keys in a fixed order, what is empty left out."""
    fields = {name: event.fields[name] for name in sorted(event.fields)}
    row: dict[str, Any] = {
        "time": stamp(event.time),
        "host": event.host,
        "kinds": sorted(event.kinds),
        "fields": fields,
        "format": event.format,
        **_place(event.origin),
    }
    if event.flags:
        row["flags"] = list(event.flags)
    if event.also:
        row["also"] = [_place(origin) for origin in event.also]
    return escape_json(msgspec.json.encode(row).decode()) + "\n"


def _place(origin: Origin) -> dict[str, Any]:
    return {"input": origin.input, "line": origin.line, "offset": origin.offset}
