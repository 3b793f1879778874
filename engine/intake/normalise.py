"""From a line to canonical events: decode, recognise, look the record up in its format, and have the events made.

What a format file says is resolved into getters and tables once, when the `Normaliser` is made; for each record there
is one look-up, and one walk over its values (`record_plan`). It judges records only: which host a record without one
belongs to, local time in disguise (`Event.clock`), lineage and order are the rooms' after it. `Event.time` is
`@timestamp`, which is no entry of `fields`. Called by `intake`; it never raises for anything that a line may hold.
"""

from collections import Counter
from functools import cached_property
from typing import Any

import msgspec
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.envelope import DEEPEST, Content, Envelopes, Outside, behind_header
from chainrun.engine.formats.format import Format
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.recognise import Recogniser

from .decode import MALFORMED, NOT_OBJECT, NOT_UTF8, TOO_DEEP, DecodeError, Decoder, decode_whole
from .demand import EVERYTHING, Demand
from .gate import NO_SORT, OUTERMOST, Gate, Sort, Verdict
from .record_plan import RecordPlan
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
        self._resolved: dict[Sort, RecordPlan] = {}
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
            plan = self._resolved[sort] = RecordPlan(found, format, self._body, self._wanted)
        events = plan.events(record, line, origin, outside)
        if not verdict.is_asked and events is not None:
            for event in events:
                event.unasked, event.measures = True, None
        return events
