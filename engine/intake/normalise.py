"""From a line to canonical events: decode, recognise, look the record up in its format, extract, say what it is.

What a format file says is resolved into getters and tables once, when the `Normaliser` is made; for each record there
is one look-up and one walk over its values. It judges records only: which host a record without one belongs to, local
time in disguise (`Event.clock`), lineage and order are the rooms' after it. `Event.time` is `@timestamp`, which is no
entry of `fields`. Called by `intake`; it never raises for anything that a line may hold.
"""

from collections.abc import Callable
from types import NoneType
from typing import Any

import msgspec
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.command_line import split
from chainrun.engine.formats.format import Field, Format, Record
from chainrun.engine.formats.pieces import Convert
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.recognise import Recogniser
from chainrun.engine.formats.values import host as host_name
from chainrun.engine.formats.values import number
from chainrun.engine.paths import name as path_name

from .code_files import code_files
from .decode import MALFORMED, NOT_OBJECT, NOT_UTF8, TOO_DEEP, DecodeError, Decoder, is_wanted
from .kinds import complete, possible
from .resolve import UNUSABLE, comparable, conversion, converted, first, first_text, recognition, slots, tests

EMPTY = "empty line"
UNKNOWN = "unknown format"
NO_TIME = "no usable time"

# Longer texts name no provider; a flood of them must not fill the memory.
_LONGEST_KEY = 512

# Every cause for which a line is rejected here. (Too long a line never comes this far.)
CAUSES = (EMPTY, MALFORMED, NOT_UTF8, NOT_OBJECT, TOO_DEEP, UNKNOWN, NO_TIME)


class Rejected(msgspec.Struct, frozen=True):
    """A line that yields nothing, and why: one of `CAUSES`."""

    cause: str


# The fields of a path's parts, the path that they are made of.
_FILE_PARTS = ("file.name", "file.directory", "file.extension")
_PROGRAMS = ("process", "process.parent", "process.target")

_Entry = tuple[str, Convert]


class Normaliser:
    """Normalises lines of these formats.

    wanted        the canonical fields that anybody reads, besides those that lineage and order always need; None: all
    needed_kinds  where set, records that can be of none of these kinds yield no event; `event` among them: all do.
                  Lineage needs `spawn` and `exit`; an `open` that no start shows can be any event.
    """

    def __init__(
        self,
        formats: tuple[Format, ...],
        wanted: frozenset[str] | None = None,
        needed_kinds: frozenset[str] | None = None,
    ) -> None:
        self._decoder = Decoder(formats, wanted)
        self._plans = tuple(_FormatPlan(format, self._decoder, wanted, needed_kinds) for format in formats)
        self._recogniser = Recogniser(formats, tuple(plan.matches for plan in self._plans))

    def normalise(self, line: bytes, origin: Origin) -> list[Event] | Rejected:
        """The events of a line: none where its kinds are not needed."""
        try:
            record = self._decoder.decode(line)
        except DecodeError as error:
            return Rejected(error.cause if line.strip() else EMPTY)
        at = self._recogniser.find(record)
        if at is None:
            return Rejected(UNKNOWN)
        plan = self._plans[at]
        if plan.unwrap is not None:
            inner = plan.unwrap(record)
            if type(inner) is not str:
                return Rejected(UNKNOWN)
            try:
                record = self._decoder.decode(inner)
            except DecodeError as error:
                return Rejected(error.cause)
        event = plan.event(record, line, origin)
        if event is None:
            return []
        return [event] if type(event) is Event else Rejected(NO_TIME)


class _FormatPlan:
    """One format, resolved."""

    def __init__(
        self, format: Format, decoder: Decoder, wanted: frozenset[str] | None, needed: frozenset[str] | None
    ) -> None:
        self.format = format
        self.unwrap = decoder.getter(format.unwrap) if format.unwrap else None
        self.matches = recognition(format, decoder)
        self._keys = tuple(
            tuple((decoder.getter(r.path), conversion(r, format.os)) for r in key) for key in format.keys
        )
        self._raw_key = decoder.reader(tuple(r.path for key in format.keys for r in key))
        rest = Record(title="", keys=(None,) * len(format.keys))
        self._records = tuple(_RecordPlan(r, format, decoder, wanted, needed) for r in (*format.records, rest))
        self._by_raw_key: dict[tuple[Any, ...], tuple[_RecordPlan, ...]] = {}

    def event(self, record: Any, line: bytes, origin: Origin) -> Event | bool | None:
        """The event of a record; None where its kinds are not needed, False where it has no usable time. A record that
        is not needed but tells how far off its host's clock is gives an event of no kind, for that alone."""
        raw = self._raw_key(record)
        # With their types, because True and 1.0 are equal to 1.
        raw_key = (*raw, *map(type, raw))
        try:
            plans = self._by_raw_key[raw_key]
        except (KeyError, TypeError):
            plans = self._look_up(record, raw_key)
        for plan in plans:
            if plan.when is None or plan.when(plan.when_values(record)):
                return plan.event(record, line, origin) if plan.is_needed else plan.measurement(record, origin)
        return None

    def _look_up(self, record: Any, raw_key: tuple[Any, ...]) -> tuple["_RecordPlan", ...]:
        """The plans whose keys fit, kept by the raw values: there are a few hundred of them."""
        key = tuple(self._key(record, alternatives) for alternatives in self._keys)
        plans = tuple(
            plan
            for plan in self._records
            if all(values is None or text in values for values, text in zip(plan.keys, key, strict=True))
        )
        if all(map(_is_kept, raw_key[: len(raw_key) // 2])):
            if len(self._by_raw_key) >= 4_096:
                self._by_raw_key.clear()
            self._by_raw_key[raw_key] = plans
        return plans

    @staticmethod
    def _key(record: Any, alternatives: tuple[tuple[Callable[[Any], Any], Convert], ...]) -> str:
        for get, convert in alternatives:
            found = comparable(converted(convert, get(record)))
            if found is not None:
                return found
        return ""


class _RecordPlan:
    """One sort of record, resolved: what to read, and what to make of it."""

    def __init__(
        self,
        record: Record,
        format: Format,
        decoder: Decoder,
        wanted: frozenset[str] | None,
        needed: frozenset[str] | None,
    ) -> None:
        self.format = format
        self.keys = record.keys
        own = record.kinds.union(record.may, *(also.kinds for also in record.also))
        self.is_needed = needed is None or "event" in needed or not possible(own).isdisjoint(needed)

        paths: list[RawPath] = []
        self.when = tests(record.when, format.os, paths) if record.when else None
        self.when_values = decoder.reader(tuple(paths))

        paths = []
        self._time = slots(record.time, format.os, paths)
        self._spare = slots(record.spare, format.os, paths)
        self._written = slots(format.written, format.os, paths)
        self._computer = slots(format.computer, format.os, paths)
        self._number = slots(format.number, format.os, paths)
        self._ends = len(paths)
        self._measure = decoder.reader(tuple(paths)) if format.local and self._time else None
        fields: dict[str, Field] = {}
        entries: list[_Entry] = []
        self._constants: dict[str, Any] = {}
        if format.os and _asked("host.os.type", wanted):
            self._constants["host.os.type"] = format.os
        for field in (*record.fields, *format.fields):
            if is_wanted(field.name, wanted):
                fields.setdefault(field.name, field)
                for reading in field.readings:
                    if reading.path:
                        paths.append(reading.path)
                        entries.append((field.name, conversion(reading, format.os)))
                    else:
                        self._constants.setdefault(field.name, reading.constant)
        self._entries = tuple(entries)
        self._also = tuple((tests(also.when, format.os, paths), also.kinds) for also in record.also)
        self._read = decoder.reader(tuple(paths))

        self._kinds = record.kinds
        self._programs = tuple(
            (f"{who}.executable", f"{who}.name") for who in _PROGRAMS if f"{who}.executable" in fields
        )
        self._args = tuple(
            (f"{who}.command_line", f"{who}.args")
            for who in _PROGRAMS
            if f"{who}.command_line" in fields and _asked(f"{who}.args", wanted)
        )
        self._file = "file.path" in fields and any(_asked(part, wanted) for part in _FILE_PARTS)
        self._code = "spawn" in own and _asked("exec.path", wanted)
        self._library = "load" in own and _asked("exec.path", wanted)
        self._url = "url.path" in fields and _asked("url.full", wanted)
        self._host_name = _asked("host.name", wanted)
        self._sequence = _asked("event.sequence", wanted)

    def measurement(self, record: Any, origin: Origin) -> Event | None:
        """What a record that nobody needs says of its host's clock."""
        if self._measure is None:
            return None
        values = self._measure(record)
        written = first(self._written, values)
        time = first(self._time, values)
        if time is None or written is None:
            return None
        computer = first_text(self._computer, values)
        host = (host_name(computer) or "") if computer else ""
        return Event(
            time,
            frozenset(),
            {},
            host=host,
            os=self.format.os,
            origin=origin,
            format=self.format.name,
            measures=time - written,
        )

    def event(self, record: Any, line: bytes, origin: Origin) -> Event | bool:
        values = self._read(record)
        written = first(self._written, values)
        time = first(self._time, values) if self._time else None
        clock = measures = finer = None
        if time is None:
            time = written
            if time is not None:
                clock = time if self.format.local else None
                finer = first(self._spare, values) if self._spare and clock is not None else None
            elif self._spare:
                time = first(self._spare, values)
            if time is None:
                return False
        elif written is not None and self.format.local:
            measures = time - written

        fields: dict[str, Any] = {}
        for (name, convert), value in zip(self._entries, values[self._ends :], strict=False):
            if value is not None and name not in fields:
                try:
                    value = convert(value)
                except UNUSABLE:
                    continue
                if value is not None:
                    fields[name] = value
        for name, value in self._constants.items():
            fields.setdefault(name, value)

        computer = first_text(self._computer, values)
        host = (host_name(computer) or "") if computer else ""
        if host and self._host_name:
            fields["host.name"] = host
        sequence = number(first(self._number, values)) if self._number else None
        if type(sequence) is not int:
            sequence = None
        elif self._sequence:
            fields["event.sequence"] = sequence
        if sequence is None and measures is not None:
            sequence = written  # when the source wrote it is an order of its own, where it numbers nothing

        for executable, name in self._programs:
            if name not in fields and (path := fields.get(executable)) is not None:
                fields[name] = path_name(path, self.format.os)
        kinds = self._kinds
        for test, also in self._also:
            if test(values):
                kinds |= also
        kinds = complete(kinds, fields, host, computer or "")
        self._make(fields, kinds)
        return Event(
            time,
            kinds,
            fields,
            host=host,
            os=self.format.os,
            origin=origin,
            format=self.format.name,
            sequence=sequence,
            raw=line,
            clock=clock,
            measures=measures,
            finer=finer,
        )

    def _make(self, fields: dict[str, Any], kinds: frozenset[str]) -> None:
        """The fields that are parts of others, where they are asked for."""
        os = self.format.os
        for command_line, args in self._args:
            if args not in fields and (text := fields.get(command_line)) is not None:
                fields[args] = split(text, os)
        if self._file and (path := fields.get("file.path")) is not None:
            name = path_name(path, os)
            fields.setdefault("file.name", name)
            fields.setdefault("file.directory", path[: len(path) - len(name)].rstrip("\\/") or path[:1])
            stem, dot, extension = name.rpartition(".")
            if stem and dot and extension:
                fields.setdefault("file.extension", extension if os == "linux" else extension.lower())
        if self._code and (image := fields.get("process.executable")) is not None:
            words = fields.get("process.args") or split(fields.get("process.command_line", ""), os)
            # The first word is as typed (`wscript`); the image is what ran.
            found = code_files((image, *words[1:]), os, fields.get("process.working_directory"))
            fields["exec.path"] = (image, *(path for path in found if path != image))
        elif self._library and "load" in kinds and (path := fields.get("file.path")) is not None:
            fields["exec.path"] = (path,)
        if self._url and "url.full" not in fields and (site := fields.get("url.domain")) is not None:
            fields["url.full"] = f"http://{site}{fields.get('url.path', '')}"


def _is_kept(value: Any) -> bool:
    return len(value) <= _LONGEST_KEY if type(value) is str else type(value) in (int, NoneType)


def _asked(field: str, wanted: frozenset[str] | None) -> bool:
    return wanted is None or field in wanted
