"""Text from telemetry made safe to show: nothing in it can steer a terminal or turn the direction of writing.

Every sink and every message passes what it did not write itself through here. What is shown is for reading; exact
values are in the JSON, where `escape_json` writes the same characters as JSON's own escapes.
"""

import re

from chainrun.dsl.visible import is_visible

_UNUSUAL = re.compile("[^ -~]")  # characters that are not seen to be visible at once
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def escape(value: object) -> str:
    """The value as one line of visible characters.

    Controls (C0, C1, DEL), bidirectional and other format characters, line separators, odd spaces, lone surrogates and
    unassigned characters become `\\x1b`, `\\u202e` and the like. A backslash stays one, since Windows paths are full of
    them; so a `\\x1b` may also have been written by its author.
    """
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if is_visible(c) else _code(c) for c in text)


def excerpt(value: object, limit: int) -> str:
    """`escape`, cut in the middle to at most `limit` characters: both ends of a command line and of a path matter."""
    # The head and tail that could be kept are cut first, so that a value of megabytes is not escaped whole.
    text = value if isinstance(value, str) else str(value)
    if len(text) > 2 * limit:
        text = f"{text[:limit]}…{text[-limit:]}"
    text = escape(text)
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 3
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def escape_json(line: str) -> str:
    """A line of JSON that says the same and holds no character that a terminal could take for an order."""
    return _UNUSUAL.sub(lambda found: found[0] if is_visible(found[0]) else _json_code(found[0]), line)


def _code(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_code(character: str) -> str:
    number = ord(character)
    if number < 0x20:
        return " "  # in valid JSON such a character is white space between values
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
