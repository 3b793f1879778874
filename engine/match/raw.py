"""`raw."Some.Field"`: a path in the record as it came. Read for the few chains that ask for it.

The exact key is tried first (`{"Some.Field": …}`), then the key's parts from outside in. Of a list of objects every one
is looked into. JSON's null is `NULL`, an object is nothing that can be compared.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ..event import Event

NULL = object()  # there, and null: not the same as unknown

_MANY = 10_000  # values of one path in one record; what is beyond is not looked at


def raw_name(path: str) -> str:
    """What a raw field is called where fields are called by names."""
    return f'raw."{path}"'


def read_raw(path: str) -> Callable[[Event], Any]:
    """The function that reads the path in an event's record."""

    def read(event: Event) -> Any:
        found = list(_descend(_record(event.raw), path))[:_MANY]
        return tuple(found) if len(found) > 1 else found[0] if found else None

    return read


def _descend(value: Any, path: str) -> list[Any]:
    if isinstance(value, list):
        return [found for element in value[:_MANY] for found in _descend(element, path)]
    if not isinstance(value, dict):
        return []
    if path in value:
        return _leaves(value[path])
    cut = path.rfind(".")
    while cut > 0:  # the longest key first: {"a.b": {"c": 1}} before {"a": {"b.c": 1}}
        if path[:cut] in value:
            found = _descend(value[path[:cut]], path[cut + 1 :])
            if found:
                return found
        cut = path.rfind(".", 0, cut)
    return []


def _leaves(value: Any) -> list[Any]:
    if value is None:
        return [NULL]
    if isinstance(value, list):
        return [leaf for element in value[:_MANY] for leaf in ([NULL] if element is None else [element])]
    return [value]


_last: tuple[bytes, Any] = (b"", None)  # several raw fields of one record are read one after another


def _record(raw: bytes) -> Any:
    global _last
    known, record = _last
    if known is not raw:
        try:
            record = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            record = None
        _last = (raw, record)
    return record
