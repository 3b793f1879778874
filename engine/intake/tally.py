"""The tally: what became of every line and event of a run, in numbers.

Kept by `intake`, shown by `report.summary`. Every line is one of blank, bad and recorded; every event that a record
yields is passed on, a duplicate, merged into another, or outside the time that was asked for: `report.balance` adds up.
"""

from collections import Counter

from chainrun.engine.event import Event, Origin

from .ahead import FUTURE
from .clock import UNMEASURED
from .occurrence import AGAIN
from .order import LATE
from .source import InputError

HOSTS = 1_000
OTHERS = "*"  # no host's name


class Bad:
    """Lines that could not be used, of one cause: how many, and the first."""

    __slots__ = ("count", "first")

    def __init__(self, first: Origin) -> None:
        self.count = 0
        self.first = first

    def __repr__(self) -> str:
        return f"Bad({self.count}, first {self.first!r})"


class Tally:
    """Counts of one run.

    inputs      inputs that were opened
    unread      bytes of files that were left when the run was told to stop
    lines       all lines; blank, bad (by cause) and recorded ones add up to it
    silent      recorded lines that are no event of interest
    further     events of recorded lines beyond the first of each
    passed      events passed on; by_kind counts these
    by_format   records, whether anybody asked for them or not
    duplicates  events whose record had been seen byte for byte
    merged      events that were a second record of an occurrence
    again       those of them that were passed on as well: a pipe's repeated starts
    late        other events passed on that were older than what had been passed on before of their host
    waiting     events that wait to be put in order when the run is laid aside
    outside     events before or after the time that was asked for
    future      events by host that were far ahead of all others, and that were taken for ones of now
    alone       events by host that were far ahead at the very end: nobody else's time went by them
    unmeasured  events by host whose time may be local time, because nothing measured it
                (of these three at most `HOSTS` hosts are named, since names are easily forged; the others are `OTHERS`)
    offsets     what was measured: microseconds from record time to true time, by host
    errors      inputs that could not be read, or not to their end
    last_bad    the last line that could not be used, and why
    is_intolerable  more lines were bad than the run was to bear; after the last of them nothing was read
    """

    def __init__(self) -> None:
        self.inputs = 0
        self.bytes = 0
        self.unread = 0
        self.lines = 0
        self.blank = 0
        self.recorded = 0
        self.silent = 0
        self.further = 0
        self.bad: dict[str, Bad] = {}
        self.last_bad: tuple[Origin, str] | None = None
        self.is_intolerable = False
        self.passed = 0
        self.by_format: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self.duplicates = 0
        self.merged = 0
        self.again = 0
        self.late = 0
        self.waiting = 0
        self.outside = 0
        self.future: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.unmeasured: Counter[str] = Counter()
        self.offsets: dict[str, tuple[int, ...]] = {}
        self.errors: list[InputError] = []

    @property
    def bad_lines(self) -> int:
        return sum(bad.count for bad in self.bad.values())

    def count_bad(self, cause: str, origin: Origin) -> None:
        bad = self.bad.get(cause)
        if bad is None:
            bad = self.bad[cause] = Bad(origin)
        bad.count += 1
        self.last_bad = origin, cause

    def count_passed(self, event: Event) -> None:
        self.passed += 1
        for kind in event.kinds:
            self.by_kind[kind] += 1
        if event.kinds == AGAIN:
            self.again += 1
        elif LATE in event.flags:
            self.late += 1
        if FUTURE in event.flags:
            _count(self.future, event.host)
        if event.doubted:
            _count(self.alone, event.host)
        if UNMEASURED in event.flags:
            _count(self.unmeasured, event.host)

    def count_outside(self, event: Event) -> None:
        if not event.unasked and event.kinds != AGAIN:
            self.outside += 1

    def __repr__(self) -> str:
        bad = {cause: bad.count for cause, bad in self.bad.items()}
        return (
            f"Tally({self.lines} lines: {self.recorded} recorded, {self.blank} blank, {bad} bad; "
            f"{self.passed} events, {self.duplicates} duplicates, {self.merged} merged, {self.late} late)"
        )


def _count(hosts: Counter[str], host: str) -> None:
    hosts[host if host in hosts or len(hosts) < HOSTS else OTHERS] += 1
