"""A telemetry format as a value: how its records are recognised, where their time and host are, what they yield.

Made by `loader` from TOML, made fast by `intake.normalise`. Nothing here reads a record.
"""

import msgspec

from .rawpath import RawPath, show_path


class Reading(msgspec.Struct, frozen=True):
    """One way to a value: a raw path, then converters with their arguments, in order. A constant has no path."""

    path: RawPath
    converters: tuple[tuple[str, str], ...] = ()
    constant: str | int | float | bool | tuple[str, ...] | None = None

    def __str__(self) -> str:
        if not self.path:
            return repr(self.constant)
        steps = (f"{name}({argument})" if argument else name for name, argument in self.converters)
        return " | ".join((show_path(self.path), *steps))


Readings = tuple[Reading, ...]  # the first that yields something is the value

EACH = "each"  # the key of a record under which an element of its list stands


class Condition(msgspec.Struct, frozen=True):
    """A test of one value; exactly one of the tests is set.

    values   it is one of these texts (compared without case; numbers and truths as their text)
    within   it is an address in one of these networks
    bits     it is a number that has one of these bits
    present  it is there, or it is not
    starts   its text starts with this (without case)
    ends     its text ends with this
    """

    readings: Readings
    values: frozenset[str] | None = None
    bits: int | None = None
    present: bool | None = None
    starts: str | None = None
    ends: str | None = None
    within: frozenset[str] | None = None
    negated: bool = False


class Also(msgspec.Struct, frozen=True):
    """Kinds that a record has where all the conditions hold."""

    when: tuple[Condition, ...]
    kinds: frozenset[str]


class Field(msgspec.Struct, frozen=True):
    """A canonical field, and where a record has it."""

    name: str
    readings: Readings


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of record of a format: what it is recognised by, and what it yields.

    keys     for each key that the format dispatches by, the values that it may have (None: any)
    when     what must hold besides
    may      kinds that only the event's fields decide (`intake.kinds`), for `sees` and for skipping
    time     the occurrence's own time in UTC, better than the record's
    spare    a time in UTC to fall back on where the record has none of its own
    each     a list: the record is one event for each of its elements, which stands under the key `each` then
    """

    title: str
    keys: tuple[frozenset[str] | None, ...]
    when: tuple[Condition, ...] = ()
    kinds: frozenset[str] = frozenset()
    also: tuple[Also, ...] = ()
    may: frozenset[str] = frozenset()
    time: Readings = ()
    spare: Readings = ()
    each: Readings = ()
    fields: tuple[Field, ...] = ()


class Recognition(msgspec.Struct, frozen=True):
    """A record is of the format if, for each group of `has`, one of the paths holds something, none of `lacks` does,
    and every condition holds."""

    has: tuple[tuple[RawPath, ...], ...]
    lacks: tuple[RawPath, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A telemetry format.

    sees       the kinds that it can yield
    blind      what it cannot show, in words
    flow       its records come from the network and name no host: whose they are, their source address tells
    unwrap     other places where its records stand in the records of a shipper
    platform   where a record says which platform it comes from; `os` where it does not
    written    when a record says it was written
    local      ... which is local time in disguise, to be corrected by its host's measured offset
    keys       what `records` are dispatched by
    fields     canonical fields of every record, after the record's own
    """

    name: str
    title: str
    os: str
    sees: frozenset[str]
    blind: str
    recognise: Recognition
    file: str = ""
    flow: bool = False
    unwrap: tuple[RawPath, ...] = ()
    platform: Readings = ()
    written: Readings = ()
    local: bool = False
    computer: Readings = ()
    number: Readings = ()
    keys: tuple[Readings, ...] = ()
    records: tuple[Record, ...] = ()
    fields: tuple[Field, ...] = ()
