"""What a record tells that nobody asks for: of its process and its host, and how far off its host's clock is.

Lineage learns from every record whose process that is, under which names, and who its parent is; matching and intake
learn which host, container or instance had an address. The first record to say so is enough, of addresses the first in
ten minutes, because they are handed on. Of a clock, one record a second is. Asked by `gate`.
"""

from collections.abc import Callable
from typing import Any

from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.converters import CONVERTERS
from chainrun.engine.formats.envelope import Outside
from chainrun.engine.formats.format import Format, Reading, Record
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.values import host as host_name
from chainrun.engine.paths import name as path_name

from .decode import Decoder, is_wanted
from .demand import IsOfApp
from .resolve import extraction, filled, first, first_text, slots

# How much is remembered of one format, and how long it may be: a flood of forged names costs time, and not memory.
MOST = 20_000
LONGEST = 2_000
TEN_MINUTES = 600_000_000
_SECOND = len("2026-03-02T09:01:44")

_IDS = ("process.entity_id", "process.pid")
_PROCESS = (*_IDS, "process.executable", "process.name")
_PROCESSES = (*_PROCESS, *(name.replace("process.", "process.parent.") for name in _PROCESS))
# Where it happened: who has which container, instance, interface, address. Of a connection also whence it came.
_PLACES = (
    "container.id", "container.ip", "host.ip", "cloud.account.id", "cloud.instance.id", "cloud.instance.ip",
    "cloud.interface.id", "cloud.network.id",
)  # fmt: skip
_NAMES = {name for name in _PROCESSES if name.endswith(("name", "executable"))}
_NOWHERE = Origin("", 0, 0)


class Memory:
    """What was told before, of the records of one format: of processes and places, and of which seconds of clocks."""

    __slots__ = ("measured", "met")

    def __init__(self) -> None:
        self.met: set[Any] = set()
        self.measured: set[Any] = set()


class FirstSights:
    """Whether a record of one sort may be of an app that some chain takes for open, or tells something new."""

    def __init__(
        self,
        record: Record,
        format: Format,
        decoder: Decoder,
        wanted: frozenset[str] | None,
        apps: tuple[IsOfApp, ...],
        memory: Memory,
    ) -> None:
        self._os = format.os
        self._apps = apps
        self._met = memory.met
        names = (*_PROCESSES, *_PLACES, *(("source.ip",) if "connect" in record.kinds else ()))
        names = tuple(name for name in names if is_wanted(name, wanted))
        self.fields = Few(names, record, format, decoder)
        self._is_placed = not self.fields.names <= set(_PROCESSES)
        paths: list[RawPath] = []
        self._times = slots((*format.written, *record.time), format.os, paths)
        self._time = decoder.reader(tuple(paths))
        # Mostly the values as they stand say already whether all this was told before.
        self._plain = Few(names, record, format, decoder, _is_plain)
        computer = tuple(reading.path for reading in format.computer)
        self._raw = decoder.reader((*computer, *self._plain.paths))
        self._computer = decoder.reader(computer)

    def is_one(self, record: Any, outside: Outside) -> bool:
        """Whether it may, or does."""
        try:
            told: tuple[Any, ...] = (self._os, outside.computer, self._raw(record)) if not self._is_placed else ()
            if told and told in self._met:
                return False
            fields = self.fields(record)
            if self._apps and (_IDS[0] in fields or _IDS[1] in fields) and self._may_be_app(fields):
                return True
            if fields.keys() <= _NAMES:
                return False  # of nobody in particular
            if self._is_placed:
                at = first(self._times, self._time(record)) or 0
                told = (self._os, outside.computer, self._computer(record), *fields.items(), at // TEN_MINUTES)
            elif self._plain(record) != fields:
                told = (*told, *fields.items())
            if told in self._met:
                return False
        except TypeError:  # a list or an object, where a name or a number should be
            return True
        if len(str(told)) <= LONGEST:
            if len(self._met) >= MOST:
                self._met.clear()
            self._met.add(told)
        return True

    def _may_be_app(self, fields: dict[str, Any]) -> bool:
        executable = fields.get("process.executable")
        if executable is None:
            return True  # lineage knows its program, or nobody does
        known = {"process.name": path_name(executable, self._os), **fields}
        event = Event(0, frozenset(), known, os=self._os, origin=_NOWHERE)
        return not all(is_of_app(event, ()) is False for is_of_app in self._apps)


def tells_places(record: Record, format: Format) -> bool:
    """Whether records of a sort say where something happened."""
    return any(field.name in _PLACES for field in (*record.fields, *format.fields))


class Clocks:
    """What records of one sort show of their hosts' clocks."""

    def __init__(self, record: Record, format: Format, decoder: Decoder, memory: Memory) -> None:
        self._os = format.os
        self._format = format.name
        self._measured = memory.measured
        paths: list[RawPath] = []
        self._computer = slots(format.computer, format.os, paths)
        self._ends = len(paths)
        self._written = slots(format.written, format.os, paths)
        self._time = slots(record.time, format.os, paths)
        self._read = decoder.reader(tuple(paths))

    def measured(self, record: Any, origin: Origin) -> list[Event]:
        """An event of no kind that says how far off a clock is; none where that second was measured before."""
        values = self._read(record)
        at = values[self._ends]
        second = values[: self._ends], at[:_SECOND] if type(at) is str else at
        try:
            if second in self._measured:
                return []
        except TypeError:  # a list or an object names no host and tells no time
            return []
        time, written = first(self._time, values), first(self._written, values)
        if time is None or written is None:
            return []
        if at is not None and len(str(second)) <= LONGEST:
            if len(self._measured) >= MOST:
                self._measured.clear()
            self._measured.add(second)
        computer = first_text(self._computer, values)
        host = (host_name(computer) or "") if computer else ""
        measures = time - written
        return [
            Event(time, frozenset(), {}, host=host, os=self._os, origin=origin, format=self._format, measures=measures)
        ]


class Few:
    """A few fields of a record, as `normalise` gives them; or only what some of their readings give."""

    def __init__(
        self,
        names: tuple[str, ...],
        record: Record,
        format: Format,
        decoder: Decoder,
        is_read: Callable[[Reading], bool] = lambda reading: True,
    ) -> None:
        paths: list[RawPath] = []
        self._entries, self._constants, self.names = extraction(record, format, names.__contains__, paths, is_read)
        self.paths = tuple(paths)
        self._read = decoder.reader(self.paths)

    def __call__(self, record: Any) -> dict[str, Any]:
        return filled(self._entries, self._read(record), self._constants)


def _is_plain(reading: Reading) -> bool:
    """Whether a value is used as it is, and not cut out of a text or object that differs from record to record."""
    return not any(CONVERTERS[name].cuts for name, _ in reading.converters)
