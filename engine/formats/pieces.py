"""Pieces cut out of a text or a list, and paths: the converters that take an argument or follow the platform.

A function named `..._of` makes the converter; the others are converters. `converters` lists them, and states the rules.
"""

import codecs
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from chainrun.engine import paths

from .rawpath import RawPath, parse_path
from .values import NOTHING, remembered, text

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


def after_of(mark: str) -> Convert:
    return lambda value: value.partition(mark)[2].strip() or None if type(value) is str else None


def before_last_of(mark: str) -> Convert:
    return lambda value: value.rpartition(mark)[0].strip() or None if type(value) is str else None


def after_last_of(mark: str) -> Convert:
    return lambda value: value.rpartition(mark)[2].strip() or None if type(value) is str and mark in value else None


def from_of(mark: str) -> Convert:
    """The text from a mark on, mark included: two spellings of a resource's name differ in what stands before it."""
    return lambda value: value[at:] if type(value) is str and (at := value.find(mark)) >= 0 else None


def having_of(mark: str) -> Convert:
    """The text, where it has a mark in it."""
    return lambda value: value if type(value) is str and mark in value else None


def split_of(mark: str) -> Convert:
    return lambda value: value.split(mark) if type(value) is str else None


def always_of(said: str) -> Convert:
    return lambda value: said


# -- pieces of lists and objects ----------------------------------------


def item_of(place: str) -> Convert:
    at = int(place)
    return lambda value: value[at] if type(value) is list and at < len(value) else None


def pair_of(name: str) -> Convert:
    def convert(value: Any) -> Any:
        for item in value if type(value) is list else (value,):
            if type(item) is dict and next((item[key] for key in _PAIR_NAMES if key in item), None) == name:
                return next((item[key] for key in _PAIR_VALUES if key in item), None)
        return None

    return convert


# How lists of pairs spell a name and its value: XML made JSON (`Name`, `#text`), AWS tags, Google's parameters, Tracee,
# OCSF's hashes.
_PAIR_NAMES = ("Name", "@Name", "name", "Key", "key", "algorithm")
_PAIR_VALUES = (
    *("text", "#text", "Value", "value", "multiStrValue", "boolValue", "intValue"),
    *("str", "str_array", "int32", "int64", "u_int32", "u_int64", "bool", "sockaddr", "dns", "dns_questions"),
)


def key_of(name: str) -> Convert:
    return lambda value: value.get(name) if type(value) is dict else None


def lists_of(names: str) -> Convert:
    """The elements of several lists of an object, one list after the other."""
    keys = tuple(name.strip() for name in names.split(","))

    def convert(value: Any) -> list[Any] | None:
        lists = [value[key] for key in keys if type(value.get(key)) is list] if type(value) is dict else []
        return [item for items in lists for item in items] or None

    return convert


def where_of(test: str) -> Convert:
    """The first object of a list of which `name=value` holds."""
    name, equals, wanted = test.partition("=")
    if not (name and equals):
        raise ValueError(test)

    def convert(value: Any) -> Any:
        objects = (item for item in value if type(item) is dict) if type(value) is list else iter(())
        return next((item for item in objects if text(item.get(name)) == wanted), None)

    return convert


def at_of(written: str) -> Convert:
    """What stands at a path below; a number is a place in a list, `*` all of a list's elements."""
    keys = parse_path(written)
    if keys is None:
        raise ValueError(written)
    return lambda value: below(value, keys)


def below(value: Any, keys: RawPath) -> Any:
    """What stands below a value: a list, where `*` is among the keys; None where there is nothing."""
    found = [value]
    for key in keys:
        if key == "*":
            found = [item for one in found if type(one) is list for item in one]
        elif key.isdecimal():
            at = int(key)
            found = [one[at] for one in found if type(one) is list and at < len(one)]
        else:
            found = [one[key] for one in found if type(one) is dict and key in one]
    if "*" in keys:
        return found or None
    return found[0] if found else None


def parsed(value: Any) -> Any:
    """What the JSON in a text says; an object that is none of text stays as it is."""
    if type(value) is not str:
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


_HOLE = re.compile(r"\{([^{}]+)\}")


def fill_of(template: str) -> Convert:
    """An object's values in a template, `{project}/{zone}`, `{dir.path}/{name}`; nothing where one is missing."""
    parts = _HOLE.split(template)  # what stands between the holes, and every second one a hole
    holes = [(at, parse_path(parts[at]) or ()) for at in range(1, len(parts), 2)]
    if not holes or not all(keys for _, keys in holes):
        raise ValueError(template)

    def convert(value: Any) -> str | None:
        if type(value) is not dict:
            return None
        filled = parts.copy()
        for at, keys in holes:
            found = text(value.get(keys[0]) if len(keys) == 1 else below(value, keys))
            if found is None:
                return None
            filled[at] = found
        return "".join(filled)

    return convert


def zone_of(name: str) -> Convert:
    wanted = re.compile(rf"(?:^|\s){re.escape(name)}=(\S+)")

    def convert(value: Any) -> str | None:
        found = wanted.search(value) if type(value) is str else None
        return found[1] if found else None

    return convert


# -- files ----------------------------------------


@cache
@cache
def path_of(os: str) -> Convert:
    def convert(value: Any) -> str | None:
        return paths.normalise(value, os) if type(value) is str and value not in NOTHING and "\0" not in value else None

    return remembered(convert)


def path_texts_of(os: str) -> Convert:
    path = path_of(os)

    def convert(value: Any) -> tuple[str, ...] | None:
        found = (path(item) for item in (value if type(value) is list else (value,)) if type(item) is str)
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


def rooted(value: Any) -> str | None:
    """An absolute POSIX path, of which some kernel probes leave out the first slash."""
    return f"/{value.lstrip('/')}" if type(value) is str and value else None


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
