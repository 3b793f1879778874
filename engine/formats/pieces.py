"""Pieces cut out of a text or a list, and paths: the converters that take an argument or follow the platform.

A function named `..._of` makes the converter; the others are converters. `converters` lists them, and states the rules.
"""

import codecs
import re
from collections.abc import Callable
from typing import Any

from chainrun.engine import paths

from .values import NOTHING, Known, text

Convert = Callable[[Any], Any]

# -- pieces of a text ----------------------------------------


def hash_of(name: str) -> Convert:
    wanted = re.compile(rf"(?:^|[,;\s]){re.escape(name)}=([0-9A-Fa-f]+)")

    def convert(value: Any) -> str | None:
        found = wanted.search(value) if type(value) is str else None
        return found[1].lower() if found and found[1].strip("0") else None

    return convert


def labelled_of(label: str) -> Convert:
    # `Process ID:` must not be found inside `New Process ID:`, so the label begins its line.
    wanted = re.compile(rf"(?:^|\n)[ \t]*{re.escape(label)}:[ \t]*([^\r\n]*)")

    def convert(value: Any) -> str | None:
        found = wanted.search(value) if type(value) is str else None
        return found[1].strip() or None if found else None

    return convert


def before_of(mark: str) -> Convert:
    return lambda value: value.partition(mark)[0].strip() if type(value) is str else None


def item_of(place: str) -> Convert:
    at = int(place)
    return lambda value: value[at] if type(value) is list and at < len(value) else None


def pair_of(name: str) -> Convert:
    def convert(value: Any) -> Any:
        for item in value if type(value) is list else (value,):
            if type(item) is dict and (item.get("Name") or item.get("@Name")) == name:
                return item.get("text", item.get("#text"))
        return None

    return convert


def always_of(said: str) -> Convert:
    return lambda value: said


def key_of(name: str) -> Convert:
    return lambda value: value.get(name) if type(value) is dict else None


def zone_of(name: str) -> Convert:
    wanted = re.compile(rf"(?:^|\s){re.escape(name)}=(\S+)")

    def convert(value: Any) -> str | None:
        found = wanted.search(value) if type(value) is str else None
        return found[1] if found else None

    return convert


# -- files ----------------------------------------


def path_of(os: str) -> Convert:
    known = Known(lambda path: paths.normalise(path, os))
    return lambda value: known[value] if type(value) is str and value not in NOTHING and "\0" not in value else None


def path_texts_of(os: str) -> Convert:
    path = path_of(os)

    def convert(value: Any) -> tuple[str, ...] | None:
        found = (path(item) for item in (value if type(value) is list else (value,)))
        return tuple(p for p in found if p is not None) or None

    return convert


def file_of(os: str) -> Convert:
    path = path_of(os)
    if os != "windows":
        return path

    def convert(value: Any) -> str | None:
        found = path(value)
        return found if found is None or ":" not in found[2:] else paths.split_stream(found)[0]

    return convert


def stream(value: Any) -> str | None:
    """The alternate data stream's name behind a Windows path."""
    return paths.split_stream(value)[1] if type(value) is str else None


# -- registry ----------------------------------------

_COUNT = "\\Count\\"


def registry_path(value: Any) -> str | None:
    """A registry path; Explorer's UserAssist hides the names of what was clicked by ROT13, undone here."""
    found = text(value)
    if found is not None and "\\UserAssist\\" in found and _COUNT in found:
        head, _, name = found.partition(_COUNT)
        return f"{head}{_COUNT}{codecs.decode(name, 'rot13')}"
    return found


def registry_value(value: Any) -> str | None:
    """The value's name at the end of a registry path (UserAssist's names hold backslashes themselves)."""
    found = registry_path(value)
    if found is None:
        return None
    if "\\UserAssist\\" in found and _COUNT in found:
        return found.partition(_COUNT)[2] or None
    return found.rpartition("\\")[2] or None


# -- Windows event logs ----------------------------------------

_PROVIDERS = {
    "microsoft-windows-sysmon/operational": "Microsoft-Windows-Sysmon",
    "security": "Microsoft-Windows-Security-Auditing",
}


def channel_provider(value: Any) -> str | None:
    """The provider of a channel that has only one; some exports leave out the provider."""
    return _PROVIDERS.get(value.lower()) if type(value) is str else None
