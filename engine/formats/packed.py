"""Values that a source packs into others: `a=1|b=2`, `(a: 1)`, base64, numbered keys, codes; and hashes of zeros.

Listed by name in `converters`; a function named `..._of` makes the converter from its argument.
"""

import binascii
import re
from typing import Any

from .pieces import Convert
from .values import text, texts

# Santa writes `<pipe>` and `\n` for what would break its lines.
_PIPE = "<pipe>"


def entry_of(name: str) -> Convert:
    """The value of one name in `a=1|b=2`. It runs to the next bar, and only there another begins: names of files and
    certificates are an attacker's to choose."""
    wanted = re.compile(rf"(?:^|\|){re.escape(name)}=([^|]*)")

    def convert(value: Any) -> str | None:
        found = wanted.search(value) if type(value) is str else None
        if found is None or not found[1]:
            return None
        return found[1].replace(_PIPE, "|").replace("\\n", "\n") if _PIPE in found[1] or "\\n" in found[1] else found[1]

    return convert


def bracketed_of(name: str) -> Convert:
    """The value of one name in `…, (id: com.example), (team: (null)), …`."""
    wanted = re.compile(rf"\({re.escape(name)}: ([^()]+)\)")

    def convert(value: Any) -> str | None:
        found = wanted.search(value) if type(value) is str else None
        return found[1] if found else None

    return convert


def base64(value: Any) -> Any:
    """The text behind base64; of a list, each."""
    if type(value) is list:
        return [found for item in value if type(item) is str and (found := base64(item)) is not None]
    if type(value) is not str:
        return None
    try:
        return binascii.a2b_base64(value).decode(errors="replace")
    except ValueError:
        return None


def numbered(value: Any) -> list[Any] | None:
    """The values of `{"1": "a", "2": "b"}` in the order of their numbers."""
    if type(value) is not dict:
        return None
    return [value[key] for key in sorted((k for k in value if k.isdecimal() and len(k) < 10), key=int)]


def means_of(written: str) -> Convert:
    """What a code stands for: `0=out, 1=in`; of a list, the first that stands for something."""
    entries = (entry.partition("=") for entry in written.split(","))
    meanings = {code.strip(): said.strip() for code, _, said in entries}
    if not all(meanings.values()):
        raise ValueError(written)

    def convert(value: Any) -> str | None:
        found = texts(value)
        return None if found is None else next((meanings[code] for code in found if code in meanings), None)

    return convert


def digest(value: Any) -> str | None:
    """A hash in small letters; one of zeros only was not computed."""
    found = text(value)
    return found.lower() if found is not None and found.strip("0") else None
