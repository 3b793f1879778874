"""From a line to canonical events: decode, recognise, look the record up in its format, extract, say what it is.

What a format file says is resolved into getters and tables once, when the `Normaliser` is made; for each record there
is one look-up and one walk over its values. It judges records only: which host a record without one belongs to, local
time in disguise (`Event.clock`), lineage and order are the rooms' after it. `Event.time` is `@timestamp`, which is no
entry of `fields`. Called by `intake`; it never raises for anything that a line may hold.
"""

from collections import Counter
from functools import cache, cached_property
from typing import Any

import msgspec
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.command_line import split
from chainrun.engine.formats.envelope import DEEPEST, Content, Envelopes, Outside, behind_header
from chainrun.engine.formats.format import Format, Record
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.recognise import Recogniser
from chainrun.engine.formats.values import Known, number
from chainrun.engine.formats.values import host as host_name
from chainrun.engine.paths import name as path_name

from .code_files import code_files, documents, placed
from .decode import MALFORMED, NOT_OBJECT, NOT_UTF8, TOO_DEEP, DecodeError, Decoder, decode_whole, is_wanted
from .demand import EVERYTHING, Demand
from .gate import NO_SORT, OUTERMOST, Gate, Sort, Verdict
from .kinds import complete
from .resolve import extraction, filled, first, first_text, slots, tests
from .sieve import Found, Sieve
from .telling import Memory, Ticks

EMPTY = "empty line"
UNKNOWN = "unknown format"
NO_TIME = "no usable time"

# Every cause for which a line is rejected here. (Too long a line never comes this far.)
CAUSES = (EMPTY, MALFORMED, NOT_UTF8, NOT_OBJECT, TOO_DEEP, UNKNOWN, NO_TIME)


class Rejected(msgspec.Struct, frozen=True):
    """A line that yields nothing, and why: one of `CAUSES`."""

    cause: str


_Result = list[Event] | Rejected

# The fields of a path's parts, the path that they are made of.
_FILE_PARTS = ("file.name", "file.directory", "file.extension")
_PROGRAMS = ("process", "process.parent", "process.target")


class Normaliser:
    """Normalises lines of these formats.

    wanted        the canonical fields that anybody reads, besides those that lineage and order always need; None: all
    demand        records that nobody needs yield no event
    sieve         look at a line first as one of the format that is expected: the same, in a fraction of the time
    unwrap        places of envelopes where records stand, besides those that are known
    ticks         records that nobody needs tell what time it is: an event of no kind and without fields, one a second
    is_whole      every record is needed
    read          how many records there were, by format
    """

    def __init__(
        self,
        formats: tuple[Format, ...],
        wanted: frozenset[str] | None = None,
        demand: Demand = EVERYTHING,
        sieve: bool = True,
        unwrap: tuple[RawPath, ...] = (),
    ) -> None:
        self.ticks = False
        self.is_whole = demand.kinds is None
        self._decoder = Decoder(formats, wanted)
        memories = tuple(Memory() for _ in formats)

        def plan(at: int, head: Decoder, body: Decoder) -> _FormatPlan:
            return _FormatPlan(formats[at], head, body, wanted, demand, memories[at])

        self._plans = tuple(plan(at, self._decoder, self._decoder) for at in range(len(formats)))
        self._recogniser = Recogniser(formats, tuple(plan.gate.matches for plan in self._plans), self._decoder.heads)
        self._sieve = Sieve(formats, self._decoder, wanted, demand, plan) if sieve else None
        self._envelopes = Envelopes((*unwrap, *(path for format in formats for path in format.unwrap)))

    @property
    def read(self) -> Counter[str]:
        plans = (*self._plans, *(self._sieve.plans if self._sieve is not None else ()))
        read: Counter[str] = Counter()
        for plan in plans:
            read[plan.format.name] += plan.count
        return +read

    def sift(self, lines: list[bytes], at: int = 0) -> "tuple[int, Found[_FormatPlan] | None]":
        """The first of some lines, from a place on, that may yield an event (behind the last: none does), and what the
        sieve finds of it, for `take`; None where it cannot tell."""
        return (at, None) if self._sieve is None else self._sieve.sift(lines, at, self.ticks)

    def normalise(self, line: bytes, origin: Origin) -> list[Event] | Rejected:
        """The events of a line: none where it is not needed."""
        at, found = self.sift([line])
        return [] if at else self.take(line, origin, found)

    def take(self, line: bytes, origin: Origin, found: "Found[_FormatPlan] | None") -> list[Event] | Rejected:
        """The same of a line that was sifted out."""
        if found is not None:
            plan, head, verdict, record = found
            if not verdict.is_taken:
                return plan.tick(head, origin) if self.ticks else []
            try:
                record = head if plan.is_whole else record or plan.decode(line)
            except DecodeError as error:  # what the head left out is none that JSON has
                plan.count -= 1
                return Rejected(error.cause)
            events = plan.make(record, verdict, line, origin)
            return Rejected(NO_TIME) if events is None else events
        try:
            record = self._decoder.decode(line)
        except DecodeError as error:
            return self._headed(line, origin) or Rejected(error.cause if line.strip() else EMPTY)
        at = self._recogniser.find(record)
        if at is None:
            return self._open(line, origin, OUTERMOST, DEEPEST)
        if self._sieve is not None:
            self._sieve.expect(line, at, record)
        return self._events(at, record, line, origin)

    def _events(self, at: int, record: Any, raw: bytes, origin: Origin, outside: Outside = OUTERMOST) -> _Result:
        plan = self._plans[at]
        verdict = plan.judge(record, outside)
        if not verdict.is_taken:
            return plan.tick(record, origin, outside) if self.ticks else []
        events = plan.make(record, verdict, raw, origin, outside)
        return Rejected(NO_TIME) if events is None else events

    # -- envelopes ----------------------------------------

    def _headed(self, line: bytes, origin: Origin) -> _Result | None:
        """What a line yields that is no JSON, but a record behind a header, or one of XML."""
        if line.lstrip()[:1] in (b"{", b""):
            return None
        content = behind_header(line.decode("utf-8", "replace"), OUTERMOST)
        return None if content is None else self._content(content, origin, DEEPEST)

    def _open(self, record: bytes | str | dict[str, Any], origin: Origin, outside: Outside, depth: int) -> _Result:
        """What is wrapped in a record that no format knows; the first place that holds one which is known."""
        if not isinstance(record, dict):
            try:
                record = decode_whole(record)
            except DecodeError:
                return Rejected(UNKNOWN)
        cause = UNKNOWN
        for contents in self._envelopes.open(record, outside):
            results = [self._content(content, origin, depth - 1) for content in contents]
            found = [result for result in results if isinstance(result, list)]
            if found:
                return [event for events in found for event in events]
            causes = (result.cause for result in results if isinstance(result, Rejected))
            cause = next((c for c in (cause, *causes) if c != UNKNOWN), UNKNOWN)
        return Rejected(cause)

    def _content(self, content: Content, origin: Origin, depth: int) -> _Result:
        value, raw, outside = content.value, content.raw, content.outside
        try:
            # what was written once more is decoded faster than filled in, key by key of all formats
            record = (
                self._decoder.from_object(value) if isinstance(value, dict) and not raw else self._decoder.decode(raw)
            )
        except DecodeError as error:
            return Rejected(error.cause)
        at = self._recogniser.find(record)
        if at is not None:
            return self._events(at, record, raw, origin, outside)
        return self._open(value, origin, outside, depth) if depth else Rejected(UNKNOWN)


class _FormatPlan:
    """One format: its gate, on records of one decoder, and of another, which may be the same, each of its sorts of
    record, resolved when the first that is needed comes. `count`: the records judged."""

    def __init__(
        self,
        format: Format,
        head: Decoder,
        body: Decoder,
        wanted: frozenset[str] | None,
        demand: Demand,
        memory: Memory,
    ) -> None:
        self.format = format
        self.count = 0
        self.is_whole = head is body
        self.gate = Gate(format, head, wanted, demand, memory, is_head=not self.is_whole)
        self.decode = body.decode
        self._body = body
        self._demand = demand
        self._wanted = wanted
        self._memory = memory
        self._resolved: dict[Sort, _RecordPlan] = {}
        self._ticks = Ticks(format, head, memory)

    def judge(self, head: Any, outside: Outside = OUTERMOST) -> Verdict:
        verdict = self.gate.judge(head, outside)
        self.count += 1
        return verdict

    @property
    def second(self) -> Any:
        """The last one that a record told which nobody needs."""
        return self._memory.second

    def judge_whole(self, record: Any) -> Verdict:
        """The same where the head leaves the gate unsure."""
        self.count += 1
        return self._whole_gate.judge(record)

    @cached_property
    def _whole_gate(self) -> Gate:
        return Gate(self.format, self._body, self._wanted, self._demand, self._memory)

    def tick(self, head: Any, origin: Origin, outside: Outside = OUTERMOST) -> list[Event]:
        """What a record that nobody needs says of the time."""
        return self._ticks.of(head, origin, outside)

    def make(
        self, record: Any, verdict: Verdict, line: bytes, origin: Origin, outside: Outside = OUTERMOST
    ) -> list[Event] | None:
        """The events of a record; None where it has no usable time."""
        sort = verdict.sort
        plan = self._resolved.get(sort)
        if plan is None:
            format = msgspec.structs.replace(self.format, os=sort.os)
            found = format.records[sort.at] if sort.at < len(format.records) else NO_SORT
            plan = self._resolved[sort] = _RecordPlan(found, format, self._body, self._wanted)
        events = plan.events(record, line, origin, outside)
        if not verdict.is_asked and events is not None:
            for event in events:
                event.unasked, event.measures = True, None
        return events


class _RecordPlan:
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
