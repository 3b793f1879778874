"""What a format says in words, as functions over records: readings with their converters, conditions, recognition.

Made once, when a `Normaliser` is made; nothing here is kept between records. Values are read in one go
(`Decoder.reader`), so a reading knows its place among them. Used by `normalise`.
"""

from collections.abc import Callable
from typing import Any

from chainrun.engine.addresses import Networks
from chainrun.engine.addresses import address as parsed
from chainrun.engine.formats.converters import CONVERTERS
from chainrun.engine.formats.format import Condition, Format, Reading, Readings, Record
from chainrun.engine.formats.pieces import Convert
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.values import number

from .decode import Decoder

# What a converter may raise for a value that it cannot use; the field is dropped.
UNUSABLE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, ArithmeticError)

Test = Callable[[tuple[Any, ...]], bool]

# -- readings, resolved ----------------------------------------


def conversion(reading: Reading, os: str) -> Convert:
    """A reading's converters as one function."""
    steps = [CONVERTERS[name].make(os, argument) for name, argument in reading.converters]
    if not steps:
        return _unchanged
    begin, *others = steps
    if not others:
        return begin

    def convert(value: Any) -> Any:
        value = begin(value)
        for step in others:
            if value is None:
                return None
            value = step(value)
        return value

    return convert


def _unchanged(value: Any) -> Any:
    return value


def converted(convert: Convert, value: Any) -> Any:
    if value is None:
        return None
    try:
        return convert(value)
    except UNUSABLE:
        return None


Slots = tuple[tuple[int, Convert], ...]


def slots(readings: Readings, os: str, paths: list[RawPath]) -> Slots:
    """Where in the values read each alternative will be, and its conversion."""
    found = []
    for reading in readings:
        if reading.path not in paths:
            paths.append(reading.path)
        found.append((paths.index(reading.path), conversion(reading, os)))
    return tuple(found)


def first(places: Slots, values: tuple[Any, ...]) -> Any:
    for at, convert in places:
        value = values[at]
        if value is not None:
            try:
                found = convert(value)
            except UNUSABLE:
                continue
            if found is not None:
                return found
    return None


def first_text(places: Slots, values: tuple[Any, ...]) -> str | None:
    for at, convert in places:
        found = converted(convert, values[at])
        if type(found) is str and found:
            return found
    return None


# Fields, and the conversions of the values at the same places among those read.
Entries = tuple[tuple[str, ...], tuple[Convert, ...]]


def extraction(
    record: Record,
    format: Format,
    is_wanted: Callable[[str], bool],
    paths: list[RawPath],
    is_read: Callable[[Reading], bool] | None = None,
) -> tuple[Entries, dict[str, Any], frozenset[str]]:
    """How a sort of record gives the wanted fields: read from values behind `paths`, and as constants; and all of their
    names. The first value that says something is the field's."""
    fields: list[str] = []
    conversions: list[Convert] = []
    constants: dict[str, Any] = {}
    names: set[str] = set()
    settled = {field.name for field in record.fields if not field.readings[0].path}  # by a constant
    for field in (*record.fields, *(f for f in format.fields if f.name not in settled)):
        if is_wanted(field.name):
            names.add(field.name)
            for reading in field.readings:
                if reading.path and (is_read is None or is_read(reading)):
                    paths.append(reading.path)
                    fields.append(field.name)
                    conversions.append(conversion(reading, format.os))
                elif not reading.path:
                    constants.setdefault(field.name, reading.constant)
    return (tuple(fields), tuple(conversions)), constants, frozenset(names)


def filled(entries: Entries, values: tuple[Any, ...], constants: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record, from the values read for its entries (and perhaps others behind them)."""
    fields: dict[str, Any] = {}
    for name, convert, value in zip(*entries, values, strict=False):
        if value is not None and name not in fields:
            try:
                value = convert(value)
            except UNUSABLE:
                continue
            if value is not None:
                fields[name] = value
    for name, value in constants.items():
        fields.setdefault(name, value)
    return fields


# -- conditions, resolved ----------------------------------------


def comparable(value: Any) -> str | None:
    """A value as conditions compare it."""
    if type(value) is str:
        return value.lower()
    if type(value) is int and abs(value) < 2**64:
        return str(value)
    if type(value) is bool:
        return "true" if value else "false"
    return None


def _is_one(value: Any, values: frozenset[str]) -> bool:
    """Whether a value is one of these, or any element of a list is."""
    kind = type(value)
    if kind is list or kind is tuple:
        for item in value:  # noqa: SIM110  (no generator: half the time)
            if comparable(item) in values:
                return True
        return False
    return comparable(value) in values


def _holds(condition: Condition) -> Callable[[Any], bool]:
    """The test of one value (None: there is none)."""
    if condition.values is not None:
        values, negated = condition.values, condition.negated
        return lambda value: _is_one(value, values) is not negated
    if condition.bits is not None:
        bits = condition.bits
        return lambda value: type(found := number(value)) is int and found & bits != 0
    if condition.starts is not None:
        starts = condition.starts
        return lambda value: (comparable(value) or "").startswith(starts)
    if condition.ends is not None:
        ends = condition.ends
        return lambda value: (comparable(value) or "").endswith(ends)
    if condition.within is not None:
        networks, negated = Networks(sorted(condition.within)), condition.negated
        return lambda value: (found := parsed(value)) is not None and (found in networks) is not negated
    present = condition.present
    return lambda value: (value is not None) is present


def tests(conditions: tuple[Condition, ...], os: str, paths: list[RawPath]) -> Test:
    """One test of the values read, for all the conditions."""
    compiled = tuple(_test(slots(c.readings, os, paths), _holds(c)) for c in conditions)
    if len(compiled) == 1:
        return compiled[0]

    def test(values: tuple[Any, ...]) -> bool:
        for holds in compiled:  # noqa: SIM110  (likewise)
            if not holds(values):
                return False
        return True

    return test


def _test(places: Slots, holds: Callable[[Any], bool]) -> Test:
    """The test of one condition."""

    def test(values: tuple[Any, ...]) -> bool:
        try:
            return holds(first(places, values))
        except UNUSABLE:
            return False

    if [convert for _, convert in places] != [_unchanged]:
        return test
    at = places[0][0]

    def test_plainly(values: tuple[Any, ...]) -> bool:
        try:
            return holds(values[at])
        except UNUSABLE:
            return False

    return test_plainly


def recognition(format: Format, decoder: Decoder) -> Callable[[Any], bool]:
    """Whether a record is of the format."""
    paths = [group[0] for group in format.recognise.has if len(group) == 1]
    least = len(paths)
    lacks = slice(least, least + len(format.recognise.lacks))
    nothing = (None,) * len(format.recognise.lacks)
    paths += format.recognise.lacks
    conditions = tests(format.recognise.conditions, format.os, paths) if format.recognise.conditions else None
    read = decoder.reader(tuple(paths))
    either = tuple(tuple(decoder.getter(path) for path in group) for group in format.recognise.has if len(group) > 1)

    # Most formats are told apart by the first key alone, without following a path that is not there (4 times faster).
    begins = decoder.begins(paths[0]) if least else None

    def matches(record: Any) -> bool:
        if begins is not None and begins(record) is None:
            return False
        values = read(record)
        if None in values[:least] or values[lacks] != nothing:
            return False
        for group in either:
            for get in group:
                if get(record) is not None:
                    break
            else:
                return False
        return conditions is None or conditions(values)

    return matches
