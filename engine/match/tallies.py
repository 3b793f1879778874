"""One count: the events of a counted step that belong together, and what they come to at the newest of them.

A `Tally` looks back over (t − within, t]. A `Cadence` asks for a run of events at a steady pace: the longest run that
ends in an event is one longer than the longest that ended one interval earlier, and the best of those is the front of a
queue, since the interval only moves on.

The events themselves are kept as evidence, apart from what is measured; of a flood only the newest.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from chainrun.dsl.model import Measure

from ..event import Event
from .aggregates import aggregate

# How many events of one count are kept as evidence; what it comes to never depends on it.
EVIDENCE_LIMIT = 10_000

# A counted event, the numbers of the steps that it was counted for, and the length of its run.
Entry = tuple[Event, list[int], int]
Measured = tuple[int, tuple[Any, ...]]  # when, and what


class Seen:
    """The events that a count rested on at one moment: read when they are asked for, while the window lasts."""

    __slots__ = ("end", "log", "size")

    def __init__(self, log: "Log", size: int) -> None:
        self.log = log
        self.end = log.end
        self.size = size

    @property
    def is_loose(self) -> bool:
        """Whether it rests on events that are not known to be linked."""
        loose = self.log.loose
        return bool(loose) and any(e.order in loose for e, _, _ in self.log.seen([(self.end, self.size)])[0])


class Log:
    """Events in order, of which the oldest are forgotten."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.first = 0
        self.cut: int | None = None  # up to when a flood has cost evidence
        self.loose: set[int] = set()  # orders of events that are not known to be linked

    @property
    def end(self) -> int:
        return self.first + len(self.entries)

    @property
    def last(self) -> int:
        return self.entries[-1][0].time

    def is_counted(self, event: Event, number: int) -> bool:
        """Whether the newest event is this: what it is for one more step is evidence, and counts nothing."""
        if not self.entries or self.entries[-1][0] is not event:
            return False
        numbers = self.entries[-1][1]
        if number not in numbers:
            numbers.append(number)
        return True

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)
        if len(self.entries) > 2 * EVIDENCE_LIMIT:
            self.cut = self.entries[EVIDENCE_LIMIT - 1][0].time
            self._forget(EVIDENCE_LIMIT)

    def trim(self, before: int) -> None:
        """Forget the events before a moment."""
        self._forget(bisect_left(self.entries, before, key=_time))

    def _forget(self, count: int) -> None:
        del self.entries[:count]
        self.first += count

    def seen(self, moments: Iterable[tuple[int, int]]) -> tuple[list[Entry], bool]:
        """The events of several moments (end, size), each once, and whether some are forgotten: `size` events up to the
        one before `end`."""
        chosen: list[Entry] = []
        done, is_cut = self.first, False
        for begin, end in sorted((end - size, end) for end, size in moments):
            is_cut = is_cut or begin < self.first
            chosen += self.entries[max(begin, done) - self.first : max(end - self.first, 0)]
            done = max(done, end)
        return chosen, is_cut


class Tally(Log):
    """The events of one key, and the aggregates of those in the window of the newest."""

    def __init__(self, measures: tuple[Measure, ...], within: int) -> None:
        super().__init__()
        self.within = within
        self.aggregates = [aggregate(measure) for measure in measures]
        self.window: deque[Measured] = deque()

    def add(self, event: Event, number: int, measured: tuple[Any, ...]) -> None:
        """Count an event, once."""
        if self.is_counted(event, number):
            return
        window, now = self.window, event.time
        if window and window[-1][0] > now:  # late
            insort(window, (now, measured), key=itemgetter(0))
        else:
            window.append((now, measured))
        for held, value in zip(self.aggregates, measured, strict=True):
            held.add(value)
        horizon = window[-1][0] - self.within
        while window and window[0][0] <= horizon:
            _, gone = window.popleft()
            for held, value in zip(self.aggregates, gone, strict=True):
                held.drop(value)
        self.append((event, [number], 0))

    @property
    def values(self) -> list[Any]:
        return [held.value for held in self.aggregates]

    def moment(self, count: int) -> Seen:
        """What the count rests on now."""
        return Seen(self, len(self.window))


class Cadence(Log):
    """The events of one key, and the longest steady run that ends in the newest, up to `most`."""

    def __init__(self, shortest: int, longest: int, most: int) -> None:
        super().__init__()
        self.shortest = shortest
        self.longest = longest
        self.most = most
        self.waiting: deque[tuple[int, int]] = deque()  # (time, length): too young to be the one before
        self.peaks: deque[tuple[int, int]] = deque()  # of those old enough: lengths fall, times rise
        self.length = 0

    def add(self, event: Event, number: int, measured: tuple[Any, ...]) -> None:
        at = event.time
        if self.is_counted(event, number) or (self.entries and self.last > at):
            return  # a late event stands in no run: its neighbours were judged without it
        while self.waiting and self.waiting[0][0] <= at - self.shortest:
            time, length = self.waiting.popleft()
            while self.peaks and self.peaks[-1][1] <= length:
                self.peaks.pop()
            self.peaks.append((time, length))
        while self.peaks and self.peaks[0][0] < at - self.longest:
            self.peaks.popleft()
        self.length = min(1 + (self.peaks[0][1] if self.peaks else 0), self.most)
        self.waiting.append((at, self.length))
        self.append((event, [number], self.length))

    @property
    def values(self) -> list[Any]:
        return [self.length]

    def moment(self, count: int) -> Seen:
        """What a run of `count` rests on now."""
        return Seen(self, count)

    def seen(self, moments: Iterable[tuple[int, int]]) -> tuple[list[Entry], bool]:
        """The events of every run of `size` that ends in the one before an `end`."""
        entries, chosen, is_cut = self.entries, set[int](), False
        ends: dict[int, set[int]] = {}
        for end, size in moments:
            if end > self.first:
                ends.setdefault(size, set()).add(end - 1 - self.first)
            else:
                is_cut = True
        for size, held in ends.items():
            chosen |= held
            begin = entries[min(held)][0].time - self.longest * (size - 1)
            is_cut = is_cut or (self.cut is not None and self.cut >= begin)
            for length in range(size - 1, 0, -1):
                times = sorted({entries[i][0].time for i in held})
                held = {i for i in self._before(times) if entries[i][2] >= length}
                chosen |= held
        return [entries[i] for i in sorted(chosen)], is_cut

    def _before(self, times: list[int]) -> Iterable[int]:
        """The places of the events that lie one interval before any of these."""
        if not times:
            return
        lo = bisect_left(self.entries, times[0] - self.longest, key=_time)
        hi = bisect_right(self.entries, times[-1] - self.shortest, key=_time)
        for place in range(lo, hi):
            at = self.entries[place][0].time
            next_one = bisect_left(times, at + self.shortest)
            if next_one < len(times) and times[next_one] <= at + self.longest:
                yield place


def _time(entry: Entry) -> int:
    return entry[0].time
