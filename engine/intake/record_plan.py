"""One sort of record: what of it is read, and the event that is made of that, its canonical kinds and fields.

What a format file says of the sort is resolved into getters, conversions and tests once; for each record there is one
walk over its values. Called by `normalise`, which knows of which sort a record is.
"""

from functools import cache
from typing import Any

from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.command_line import split
from chainrun.engine.formats.envelope import Outside
from chainrun.engine.formats.format import Format, Record
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.values import Known, number
from chainrun.engine.formats.values import host as host_name
from chainrun.engine.paths import name as path_name

from .code_files import code_files, documents, placed
from .decode import Decoder, is_wanted
from .kinds import complete
from .resolve import extraction, filled, first, first_text, slots, tests

# The fields of a path's parts, the path that they are made of.
_FILE_PARTS = ("file.name", "file.directory", "file.extension")
_PROGRAMS = ("process", "process.parent", "process.target")


class RecordPlan:
    """One sort of record, resolved: what to read, and what to make of it."""

    def __init__(
        self,
        record: Record,
        format: Format,
        decoder: Decoder,
        wanted: frozenset[str] | None,
    ) -> None:
        self.format = format
        own = record.kinds.union(record.may, *(also.kinds for also in record.also))

        paths: list[RawPath] = []
        self._each = slots(record.each, format.os, paths)
        self._list = decoder.reader(tuple(paths))
        self._element = decoder.with_element

        paths = []
        self._time = slots(record.time, format.os, paths)
        self._spare = slots(record.spare, format.os, paths)
        self._written = slots(format.written, format.os, paths)
        self._computer = slots(format.computer, format.os, paths)
        self._number = slots(format.number, format.os, paths)
        self._ends = len(paths)
        self._entries, constants, fields = extraction(record, format, lambda name: is_wanted(name, wanted), paths)
        self._constants = {"host.os.type": format.os} if format.os and _asked("host.os.type", wanted) else {}
        for name, value in constants.items():
            self._constants.setdefault(name, value)
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
        self._names = _names(format.os)
        self._lines = tuple(
            (f"{who}.args", f"{who}.command_line")
            for who in _PROGRAMS
            if f"{who}.args" in fields and f"{who}.command_line" not in fields
        )
        self._file = "file.path" in fields and any(_asked(part, wanted) for part in _FILE_PARTS)
        self._file_path = "file.path" in fields
        self._code = "spawn" in own and _asked("exec.path", wanted)
        self._opened = "spawn" in own and _asked("open.path", wanted)
        self._library = "load" in own and _asked("exec.path", wanted)
        self._span = "event.end" in fields and _asked("event.duration", wanted)
        self._url = "url.path" in fields and _asked("url.full", wanted)
        self._host_name = _asked("host.name", wanted)
        self._sequence = _asked("event.sequence", wanted)

    def events(self, record: Any, line: bytes, origin: Origin, outside: Outside) -> list[Event] | None:
        """One event, or one for each element of the record's list; None where it has no usable time."""
        elements = first(self._each, self._list(record)) if self._each else None
        if type(elements) is list and elements:
            records = [self._element(record, element) for element in elements]
            events = [event for one in records if (event := self._event(one, line, origin, outside)) is not None]
            return events or None
        event = self._event(record, line, origin, outside)
        return None if event is None else [event]

    def _event(self, record: Any, line: bytes, origin: Origin, outside: Outside) -> Event | None:
        values = self._read(record)
        written = first(self._written, values)
        if written is None:
            written = outside.time
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
                return None
        elif written is not None and self.format.local:
            measures = time - written

        fields = filled(self._entries, values[self._ends :], self._constants)
        computer = first_text(self._computer, values)
        if not computer and not self.format.flow:  # a sensor's shipper is no party to the connection
            computer = outside.computer
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
            if name not in fields and (found := self._names[fields.get(executable, "")]):
                fields[name] = found
        kinds = self._kinds
        for test, also in self._also:
            if test(values):
                kinds |= also
        kinds = complete(kinds, fields, host, computer or "")
        self._make(fields, kinds, time)
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

    def _make(self, fields: dict[str, Any], kinds: frozenset[str], time: int) -> None:
        """The fields that are parts of others, where they are asked for."""
        os = self.format.os
        directory = fields.get("process.working_directory")
        if self._file_path and directory is not None and os != "windows":
            for name in ("file.path", "file.previous_path"):  # audit has them as the system call had them
                if (path := fields.get(name)) is not None:
                    fields[name] = placed(path, os, directory)
        for command_line, args in self._args:
            if args not in fields and (typed := split(fields.get(command_line, ""), os)):
                fields[args] = typed
        for args, command_line in self._lines:
            if (words := fields.get(args)) is not None:
                fields[command_line] = " ".join(words)
        if self._file and (path := fields.get("file.path")) is not None:
            name = path_name(path, os)
            if name:  # else it is a folder
                fields.setdefault("file.name", name)
            fields.setdefault("file.directory", path[: len(path) - len(name)].rstrip("\\/") or path[:1])
            stem, dot, extension = name.rpartition(".")
            if stem and dot and extension:
                fields.setdefault("file.extension", extension if os == "linux" else extension.lower())
        if self._code and (image := fields.get("process.executable")) is not None:
            words = fields.get("process.args") or split(fields.get("process.command_line", ""), os)
            # The first word is as typed (`wscript`); the image is what ran.
            found = code_files((image, *words[1:]), os, directory)
            named = (placed(path, os, directory) for path in fields.get("exec.path", ()))
            fields["exec.path"] = tuple(dict.fromkeys((image, *named, *found)))
        if self._opened:
            words = fields.get("process.args") or split(fields.get("process.command_line", ""), os)
            if opened := documents(words, os, directory):
                fields["open.path"] = opened
        if self._library and "load" in kinds and (path := fields.get("file.path")) is not None:
            fields["exec.path"] = (path,)
        if self._span and "event.duration" not in fields and "event.end" in fields:
            fields["event.duration"] = max(fields["event.end"] - fields.get("event.start", time), 0)
        if self._url and "url.full" not in fields and (site := fields.get("url.domain")) is not None:
            fields["url.full"] = f"http://{site}{fields.get('url.path', '')}"


@cache
def _names(os: str) -> Known:
    """The names of programs, by their paths."""
    return Known(lambda path: path_name(path, os))


def _asked(field: str, wanted: frozenset[str] | None) -> bool:
    return wanted is None or field in wanted
