"""What a record tells that nobody asks for: who started its process, where it happened, and what time it is.

Lineage learns the parent of a process from any record that names it, and matching and intake which host, container or
instance had an address. The first record of an hour to say so is enough, of addresses the first of ten minutes: a
number may be handed on. It is the first by its time, whatever came before it. (What else such a record knows of its
process, a record of that process knows too that somebody asks for.) On a pipe time passes by what nobody asks for, too:
one record a second tells it. Asked by `gate` and `normalise`.
"""

from collections.abc import Collection
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
from .spelled import HOUR, SECOND, TEN_MINUTES

# How much is remembered of one format, and how long it may be: a flood of forged names costs time, and not memory.
MOST = 100_000
LONGEST = 2_000
_MINUTE = 60_000_000
# The spans in which a telling is told once, and how much of a written time says in which one it was.
_HOUR = 60 * _MINUTE, HOUR
_TEN_MINUTES = 10 * _MINUTE, TEN_MINUTES

_IDS = ("process.entity_id", "process.pid")
_PROGRAM = ("process.executable", "process.name")
_PROCESS = (*_IDS, *_PROGRAM)
_PARENT = tuple(name.replace("process.", "process.parent.") for name in _PROCESS)
_PROCESSES = (*_PROCESS, *_PARENT)
# Where it happened: who has which container, instance, interface, address. Of a connection also whence it came.
_PLACES = (
    "container.id", "container.ip", "host.ip", "cloud.account.id", "cloud.instance.id", "cloud.instance.ip",
    "cloud.interface.id", "cloud.network.id",
)  # fmt: skip
TELLING = frozenset({*_PROCESSES, *_PLACES, "source.ip"})
_NAMES = {name for name in _PROCESSES if name.endswith(("name", "executable"))}
_NOWHERE = Origin("", 0, 0)


class Memory:
    """What records of one format told, by hashes that nobody outside can foresee: the earliest time of each telling.
    `second`: the last one that was told."""

    __slots__ = ("second", "told")

    def __init__(self) -> None:
        self.told: dict[int, int] = {}
        self.second: Any = None


class Unsure(Exception):
    """A head does not say: what is missing of it may stand in the rest of the record."""


class FirstSights:
    """Whether a record of one sort tells something new of its process's parent, or of where it happened."""

    def __init__(
        self,
        record: Record,
        format: Format,
        decoder: Decoder,
        wanted: frozenset[str] | None,
        memory: Memory,
        is_head: bool = False,
    ) -> None:
        self._os = format.os
        self._memory = memory
        has = {field.name for field in (*record.fields, *format.fields) if is_wanted(field.name, wanted)}
        places = (*_PLACES, *(("source.ip",) if "connect" in record.kinds else ()))
        self.is_any = not has.isdisjoint((*_PARENT, *places))
        self._span, self.spelled = _HOUR if has.isdisjoint(places) else _TEN_MINUTES
        self._fields = Few(has.intersection((*_PROCESSES, *places)), record, format, decoder, is_head)
        self.paths = (*self._fields.paths, *(reading.path for reading in format.computer))
        paths: list[RawPath] = []
        self._times = slots((*record.time, *record.spare, *format.written), format.os, paths)
        self._time = decoder.reader(tuple(paths))
        self._computer = decoder.reader(tuple(reading.path for reading in format.computer))

    def is_new(self, record: Any, outside: Outside) -> bool:
        """Raises Unsure; TypeError where a list or an object is, and a name or a number should be."""
        fields = self._fields(record)
        if fields.keys() <= _NAMES:
            return False  # of nobody in particular
        at = first(self._times, self._time(record)) or 0
        telling = (self._os, outside.computer, self._computer(record), *fields.items(), at // self._span)
        told, key = self._memory.told, hash(telling)
        if (earliest := told.get(key)) is not None and earliest <= at:
            return False
        if len(str(telling)) <= LONGEST:
            if len(told) >= MOST:
                told.clear()
            told[key] = at
        return True


class OpenApps:
    """Whether the process of a record can be an app that some chain takes for open: one of which no start is shown is
    open at whatever it does."""

    def __init__(
        self, record: Record, format: Format, decoder: Decoder, apps: tuple[IsOfApp, ...], is_head: bool = False
    ) -> None:
        self._os = format.os
        self._apps = apps
        self._names = Few(_PROGRAM, record, format, decoder, is_head)
        self._ids = Few(_IDS, record, format, decoder, is_head)
        self.paths = self._names.paths
        # whatever stands there: so a record is judged by its names, and by what is there
        readings = [r for f in (*record.fields, *format.fields) if f.name in _IDS for r in f.readings]
        self.there = tuple(dict.fromkeys(r.path for r in readings if r.path and is_plain(r)))
        self._is_there = decoder.reader(self.there)
        self._is_cut = not all(map(is_plain, readings))

    def may_be(self, record: Any) -> bool:
        """Raises Unsure; TypeError where a list or an object is, and a name should be."""
        names = self._names(record)
        executable = names.get("process.executable")
        if executable is None:  # lineage knows its program, or nobody does
            is_there = any(value is not None for value in self._is_there(record))
            return is_there or (self._is_cut and bool(self._ids(record)))
        known = {"process.name": path_name(executable, self._os), **names}
        event = Event(0, frozenset(), known, os=self._os, origin=_NOWHERE)
        return not all(is_of_app(event, ()) is False for is_of_app in self._apps)


def tells_places(record: Record, format: Format) -> bool:
    """Whether records of a sort say where something happened."""
    return any(field.name in _PLACES for field in (*record.fields, *format.fields))


class Ticks:
    """What records of one format tell of the time, and of how far off their host's clock is."""

    def __init__(self, format: Format, decoder: Decoder, memory: Memory) -> None:
        self._format = format
        self._memory = memory
        paths: list[RawPath] = []
        self._computer = slots(format.computer, format.os, paths)
        self._ends = len(paths)
        self._own = slots(_own_times(format), format.os, paths)
        self._written = slots(format.written, format.os, paths)
        self._read = decoder.reader(tuple(paths))

    def of(self, record: Any, origin: Origin, outside: Outside) -> list[Event]:
        """An event of no kind that says so; none where the last one told of that second."""
        values = self._read(record)
        stamp = next((value for value in values[self._ends :] if value is not None), None)
        second = stamp[:SECOND] if type(stamp) is str else None
        if second is not None and second == self._memory.second:
            return []
        self._memory.second = second
        local = self._format.local
        time, written = first(self._own, values), first(self._written, values) or outside.time
        at = written if time is None else time
        if at is None:
            return []
        computer = first_text(self._computer, values) or outside.computer
        event = Event(at, frozenset(), {}, origin, os=self._format.os, format=self._format.name, unasked=True)
        event.host = (host_name(computer) or "") if computer else ""
        if local and time is None:
            event.clock = at
        elif local and written is not None:
            event.measures = at - written
        return [event]


def times(format: Format) -> tuple[RawPath, ...]:
    """The paths at which a format's records say when they were, in the order in which `Ticks` asks them."""
    return tuple(dict.fromkeys(r.path for r in (*_own_times(format), *format.written) if r.path))


def _own_times(format: Format) -> tuple[Reading, ...]:
    return tuple(dict.fromkeys(r for record in format.records for r in (*record.time, *record.spare)))


class Few:
    """A few fields of a record, as `normalise` gives them. Of a head (`is_head`) only what is used as it stands is
    read, and with `cuts` what can be cut out of what is there; all else is Unsure."""

    def __init__(
        self,
        names: Collection[str],
        record: Record,
        format: Format,
        decoder: Decoder,
        is_head: bool = False,
        cuts: bool = False,
    ) -> None:
        paths: list[RawPath] = []

        def is_read(reading: Reading) -> bool:
            return not is_head or is_plain(reading) or (cuts and decoder.has(reading.path))

        self._entries, self._constants, self.names = extraction(record, format, names.__contains__, paths, is_read)
        readings = [(f.name, r) for f in (*record.fields, *format.fields) if f.name in names for r in f.readings]
        self._cut = frozenset(name for name, reading in readings if not is_read(reading))
        self.paths = tuple(paths)
        self._read = decoder.reader(self.paths)

    def __call__(self, record: Any) -> dict[str, Any]:
        fields = filled(self._entries, self._read(record), self._constants)
        if self._cut and not self._cut <= fields.keys():
            raise Unsure
        return fields


def is_plain(reading: Reading) -> bool:
    """Whether a value is used as it stands, and not cut out of a text or object that differs from record to record."""
    return not any(CONVERTERS[name].cuts for name, _ in reading.converters)
