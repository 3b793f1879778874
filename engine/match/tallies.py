"""What counted events come to for one value that they are joined on: a tally, in one of three forms.

    Sliding   {>= 3, distinct file.path >= 2 in 5m}    its measures
    Cadence   {>= 6 every 10m +- 1m}                   its longest steady run
    Pile      {count(user.name == x.user.name) …}      the events themselves: what is asked differs from match to match

There is one for each process that has counted events below it, so it is small, and knows no event that it need not. The
events are in `ledger`, which says when one comes and when it goes.
"""

from bisect import insort
from collections import deque
from collections.abc import Hashable, MutableSequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from chainrun.dsl.model import Measure

from ..event import Event
from .aggregates import aggregate

NEVER = -(1 << 63)  # a moment before all others

Place = tuple[int, tuple[Hashable, ...]]  # which joins, and the values that they ask for
Taken = tuple[int, Event, int]  # when, what, and the number of the way in which it is counted
Timed = TypeVar("Timed", bound=tuple[Any, ...])


class Line:
    """A tally that an event adds to, and the rest of them."""

    __slots__ = ("rest", "tally")

    def __init__(self, tally: "Tally", rest: "Line | None") -> None:
        self.tally = tally
        self.rest = rest


class Tally:
    """The events in the window that are joined on one value.

    place   the value, and by which joins
    size    how many events there are
    newest  the order of the last one: an event that is counted for several steps adds to a tally once
    loose   when there last was one that is not known to be linked
    last    the line of the event before
    """

    __slots__ = ("last", "loose", "newest", "place", "size")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.size = 0
        self.newest = -1
        self.loose = NEVER
        self.last: Line | None = None

    def line(self, rest: Line | None) -> Line:
        """The line of an event that adds to this tally and those of `rest`: mostly that of the event before."""
        if self.last is None or self.last.rest is not rest:
            self.last = Line(self, rest)
        return self.last

    def add(self, event: Event, what: Any) -> bool:
        """Count an event, of which this tally takes `what`; whether it was not counted before."""
        if event.order == self.newest:
            return False
        self.newest = event.order
        self.size += 1
        return True

    def drop(self, what: Any) -> None:
        """Count the oldest event no more."""
        self.size -= 1

    def values(self, other: Any = None) -> list[Any]:
        """What its events come to, measure by measure, or they and those of another tally that has none of them."""
        return []


class Sliding(Tally):
    """What the measures come to. Of an event it takes what each measures."""

    __slots__ = ("aggregates",)

    def __init__(self, place: Place, measures: tuple[Measure, ...]) -> None:
        super().__init__(place)
        self.aggregates = tuple(map(aggregate, measures))

    def add(self, event: Event, what: tuple[Any, ...]) -> bool:
        if not super().add(event, what):
            return False
        for held, value in zip(self.aggregates, what, strict=True):
            held.add(value)
        return True

    def drop(self, what: tuple[Any, ...]) -> None:
        super().drop(what)
        for held, value in zip(self.aggregates, what, strict=True):
            held.drop(value)

    def values(self, other: "Sliding | None" = None) -> list[Any]:
        if other is None:
            return [held.value() for held in self.aggregates]
        return [held.value(more) for held, more in zip(self.aggregates, other.aggregates, strict=True)]


class Cadence(Tally):
    """The longest steady run that ends in the newest event, up to `most`: it is one longer than the longest that ended
    one interval earlier, and the best of those is the front of a queue, since the interval only moves on."""

    __slots__ = ("at", "length", "longest", "most", "peaks", "shortest", "waiting")

    def __init__(self, place: Place, shortest: int, longest: int, most: int) -> None:
        super().__init__(place)
        self.shortest = shortest
        self.longest = longest
        self.most = most
        self.waiting: deque[tuple[int, int]] = deque()  # (time, length): too young to be the one before
        self.peaks: deque[tuple[int, int]] = deque()  # of those old enough: lengths fall, times rise
        self.at = NEVER
        self.length = 0

    def add(self, event: Event, what: Any) -> bool:
        at = event.time
        if at < self.at or not super().add(event, what):
            return False  # a late event stands in no run: its neighbours were judged without it
        self.at = at
        while self.waiting and self.waiting[0][0] <= at - self.shortest:
            end = self.waiting.popleft()
            while self.peaks and self.peaks[-1][1] <= end[1]:
                self.peaks.pop()
            self.peaks.append(end)
        while self.peaks and self.peaks[0][0] < at - self.longest:
            self.peaks.popleft()
        self.length = min(1 + (self.peaks[0][1] if self.peaks else 0), self.most)
        self.waiting.append(_end(at, self.length))
        return True

    def values(self, other: Any = None) -> list[Any]:
        return [self.length]


@lru_cache(maxsize=64)
def _end(at: int, length: int) -> tuple[int, int]:
    """The end of a run; processes above one another share it."""
    return at, length


class Pile(Tally):
    """The events themselves, oldest first."""

    __slots__ = ("held",)

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.held: deque[Taken] = deque()

    def add(self, event: Event, what: Taken) -> bool:
        self.size += 1
        settle(self.held, what)
        return True

    def drop(self, what: Taken) -> None:
        super().drop(what)
        self.held.popleft()


def settle(log: MutableSequence[Timed], item: Timed, lo: int = 0) -> None:
    """Put an item into its place in time: the end, but for what comes late."""
    if len(log) > lo and log[-1][0] > item[0]:
        insort(log, item, lo, key=itemgetter(0))
    else:
        log.append(item)
