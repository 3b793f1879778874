"""An event of Windows or of Sysmon for Linux as XML text, to the object that `evtx_dump` gives.

Telemetry holds XML that no parser takes: collectors cut it in the middle, and replace the semicolon of `&lt;` by a
space. So this reads element by element what is whole, and leaves out what is cut. It is no XML parser: `System` and
`EventData` are all that it knows. Used by `envelope`.
"""

import html
import re
from typing import Any

_ELEMENT = re.compile(r"<([A-Za-z]\w*+)((?:\s+[\w:]+=(?:\"[^\"<]*\"|'[^'<]*'))*+)\s*(?:/>|>([^<]*)</\1>|(>))")
_ATTRIBUTE = re.compile(r"([\w:]+)=(?:\"([^\"]*)\"|'([^']*)')")
_SPOILT = re.compile(r"&(lt|gt|amp|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6}) ")
_NO_LETTER = re.compile(r"&(?=#\d{8})")  # a number beyond all letters, which `html` may refuse to read


def read_event(xml: str) -> dict[str, Any] | None:
    """The event, or None where there is none."""
    if not xml.startswith("<Event"):
        return None
    system: dict[str, Any] = {}
    data: dict[str, Any] = {}
    unnamed: list[str] = []
    for name, written, content, opens in _ELEMENT.findall(xml):
        if opens:
            continue  # System, EventData: what is in them follows
        attributes = {key: _plain(one or other) for key, one, other in _ATTRIBUTE.findall(written)}
        value = _plain(content)
        if name != "Data":
            entry: Any = {"#attributes": attributes} if attributes else value
            if attributes and value:
                entry["#text"] = value
            system.setdefault(name, entry)
        elif "Name" in attributes:
            data.setdefault(attributes["Name"], value)  # the first: nothing written into a value comes before it
        else:
            unnamed.append(value)
    if not system:
        return None
    if unnamed:
        data["Data"] = {"#text": unnamed}
    return {"Event": {"System": system, "EventData": data}}


def _plain(text: str) -> str:
    """The text without entities; those that lost their semicolon too."""
    return html.unescape(_NO_LETTER.sub("&amp;", _SPOILT.sub(r"&\1;", text))) if "&" in text else text
