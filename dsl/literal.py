"""Strings and durations between their written form and their value.

Both ways live here, so that `printer` gives back what `builder` took apart. No faults are reported here: `flaws` says
what is wrong with a string, and `parser` makes diagnostics of it.

A word between double quotes keeps `\\*` and `\\?` as two characters, for they mean a literal star and question mark
to whoever matches it. A backslash before a wildcard, `"C:\\\\Temp\\\\*"`, can therefore not stay between double
quotes: it is the word `'C:\\Temp\\*'`, and is kept as that.
"""

import re
from collections.abc import Iterator

MICROSECONDS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
DURATION = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h|d)){1,6}(?![A-Za-z0-9_])")
_AMOUNT = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|(.))", re.S)
_PLAIN = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "*": "\\*", "?": "\\?"}
_WILD_AFTER_BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)+[*?]")
_LITERAL_WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*\\[*?]")
_UNSAFE = re.compile(r'(\\(?=[*?]))|["\\\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]')


def microseconds(written: str) -> int:
    """The length of `1h30m` in microseconds."""
    return sum(int(number) * MICROSECONDS[unit] for number, unit in _AMOUNT.findall(written))


def unquote(written: str) -> tuple[str, str]:
    """The text of a string or quoted word, and the quote that it is kept with."""
    inside = written[1:-1]
    if written[0] == "'":
        return inside, "'"
    text = _ESCAPE.sub(_resolve, inside)
    if _WILD_AFTER_BACKSLASH.search(inside) and _fits_raw(inside, text):
        return text, "'"
    return text, '"'


def quoted(text: str, quote: str = '"') -> str:
    """The written form of a text: the inverse of `unquote`."""
    if quote == "'" and "'" not in text and "\n" not in text and "\r" not in text:
        return f"'{text}'"
    return f'"{_UNSAFE.sub(_escape, text)}"'


def flaws(written: str) -> Iterator[tuple[int, int, str]]:
    """What is wrong inside a double-quoted string: start, end and a sentence for each."""
    if written[0] == "'":
        return
    for m in _ESCAPE.finditer(written, 1, len(written) - 1):
        if m[2] is not None and m[2] not in _PLAIN:
            yield m.start(), m.end(), "no such escape"
        elif m[1] is not None and (int(m[1], 16) > 0x10FFFF or 0xD800 <= int(m[1], 16) < 0xE000):
            yield m.start(), m.end(), "no such character"
    inside = written[1:-1]
    wild = _WILD_AFTER_BACKSLASH.search(inside)
    if wild and not _fits_raw(inside, _ESCAPE.sub(_resolve, inside)):
        yield wild.start() + 1, wild.end() + 1, "a backslash before a wildcard needs single quotes"


def _resolve(match: re.Match[str]) -> str:
    if match[1] is not None:
        number = int(match[1], 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"
    return _PLAIN.get(match[2], match[0])


def _fits_raw(inside: str, text: str) -> bool:
    return not _LITERAL_WILDCARD.search(inside) and not re.search(r"['\x00-\x1f\x7f-\x9f]", text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if match[1] is not None:
        return character
    simple = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    return simple.get(character) or f"\\u{{{ord(character):X}}}"
