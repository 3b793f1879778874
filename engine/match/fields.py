"""How a canonical field is read from an event: its own field, else what lineage knows of the process.

A record that names its process by an id alone still has a process with a name: the row that an earlier record filled.
A field that neither knows is None, which is *unknown*. Called by words and conditions when they compile.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from ..event import Event
from ..process import Process

Values = tuple[Any, ...]  # what earlier steps captured, by slot
Reader = Callable[[Event, Values], Any]
Test = Callable[[Event, Values], bool | None]  # None: unknown
Slots = Callable[[str, str], int]  # capture, field -> its slot; field "" is what the captured step introduced
Rename = Callable[[str], str]
Row = Callable[[Event], Process | None]

TIME = "@timestamp"

_ROW = ("entity_id", "pid", "name", "executable", "command_line", "start")


def own_row(event: Event) -> Process | None:
    return event.process


def acting_row(event: Event) -> Process | None:
    return event.actor


def parent_row(event: Event) -> Process | None:
    if event.parent is not None:
        return event.parent
    return event.process.parent if event.process is not None else None


def grandparent_row(event: Event) -> Process | None:
    parent = parent_row(event)
    return parent.parent if parent is not None else None


# The last is no field of the vocabulary: it is what `process.parent` is to a step that reads its process as the parent.
ROWS: dict[str, Row] = {
    "process": own_row,
    "process.parent": parent_row,
    "process.parent.parent": grandparent_row,
}


class Opaque:
    """Stands in keys for an object or a nested list of a record: it is there, and equal to nothing."""


OPAQUE = Opaque()


class Truth(Enum):
    """Stands in keys for true and false, which to Python are the numbers 1 and 0."""

    TRUE = True
    FALSE = False


class Large(msgspec.Struct, frozen=True):
    """Stands in keys for a number that leaves room to choose: in hexadecimal.

    Python hashes numbers, and tuples of them, in a way that anybody can compute: of two free numbers as many pairs as
    one likes have one hash, and a table of 20,000 such keys takes seconds to fill. How texts are hashed is a secret of
    each process.
    """

    text: str

    @property
    def number(self) -> int | float:
        try:
            return int(self.text, 16)
        except ValueError:
            return float.fromhex(self.text)


# Of numbers below, too few tuples share a hash for that to matter; pids, ports and most counts are.
_LARGE = 2**32


def hashable(value: Any) -> Any:
    """A value as it may stand in a key: equal to what is equal in telemetry, and to nothing else."""
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if -_LARGE < value < _LARGE else Large(f"{value:x}")
    if kind is float:
        return hashable(int(value)) if value.is_integer() else Large(value.hex())
    if kind is bool:
        return Truth.TRUE if value else Truth.FALSE
    if isinstance(value, tuple):
        return tuple(map(hashable, value))
    return OPAQUE if isinstance(value, dict | list) else value


def from_key(value: Any) -> Any:
    """What stands in a key, as it was."""
    kind = type(value)
    if kind is tuple:
        return tuple(map(from_key, value))
    if kind is Truth:
        return value.value
    return value.number if kind is Large else value


def unchanged(name: str) -> str:
    """The renaming that renames nothing."""
    return name


def no_captures(capture: str, field: str) -> int:
    """The slots of a step before which nothing is captured."""
    raise ValueError(f"`{capture}` is not captured here")


def reader(name: str, row: Row | None = None) -> Reader:
    """The function that gives a field of the event, or None where it is unknown. `row`: the process that the field is
    of, where that is not the one that its name says (the actor of a step)."""
    if name in ("time", TIME):
        return lambda event, values: event.time
    root, _, attribute = name.rpartition(".")
    row = row or ROWS.get(root)
    if row is None or attribute not in _ROW:
        return lambda event, values: event.fields.get(name)
    find = row

    def read(event: Event, values: Values) -> Any:
        value = event.fields.get(name)
        if value is None:
            process = find(event)
            if process is not None:
                return getattr(process, attribute)
        return value

    return read


def unknown(event: Event, values: Values) -> None:
    """The reader of what no record has."""


def captured(slot: int) -> Reader:
    """The function that gives what an earlier step captured."""
    return lambda event, values: from_key(values[slot])
