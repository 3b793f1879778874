"""Ahead: whose word is taken for what time it is, so that one stamp from the future changes nothing for anybody else.

    10:00:01 a   10:00:02 b   2038-01-19 b   10:00:03 a        nobody bears it out: it waits
    Fri 17:58 a                Mon 08:30 a   Mon 08:31 b       after a weekend two agree, and time goes on

A record that lies more than `FAR` after all before it moves no time by itself. It is borne out by one of another host
that lies as far; by the next of its own, where no other host is known or the others have fallen silent; or, on a pipe,
by our own clock. Used by `order` on what pipes give, as it arrives, and by `intake` on what is in order.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from chainrun.engine.event import Event

FUTURE = "future"  # flag of an event that nobody could bear out, and that was taken for one of now
FAR = 5 * 60 * 1_000_000  # further than the clocks of one network differ
SILENT = 100  # so many records of one host in a row, and the others have fallen silent


class Witnesses:
    """The greatest of some times; the greatest that another host has said; the greatest but one of the same host."""

    __slots__ = ("again", "count", "first", "host", "other")

    def __init__(self) -> None:
        self.count = 0
        self.host = ""
        self.first = 0
        self.other: int | None = None
        self.again: int | None = None

    def add(self, host: str, time: int) -> None:
        self.count += 1
        if self.count == 1:
            self.host, self.first = host, time
        elif host == self.host:
            if time > self.first:
                self.first, self.again = time, self.first
            elif self.again is None or time > self.again:
                self.again = time
        elif time > self.first:
            self.host, self.first, self.other, self.again = host, time, self.first, None
        elif self.other is None or time > self.other:
            self.other = time


class Pace:
    """How far the time of one stream has come. `lateness`: what its records may be out of order.

    newest   the greatest time of what is not far ahead
    several  whether more than one host has spoken
    is_live  whether our own clock bore out the last record that was not far ahead
    """

    __slots__ = ("_ahead", "_far", "_host", "_in_a_row", "_said", "is_live", "newest", "several")

    def __init__(self, lateness: int = 0) -> None:
        self.newest: int | None = None
        self.several = False
        self.is_live = False
        self._far = FAR + lateness
        self._host = ""
        self._in_a_row = 0
        self._said = Witnesses()  # of `newest`
        self._ahead = Witnesses()  # of what is far ahead, since the last record that was not

    @property
    def certain(self) -> int | None:
        """The time that no single host can have made up: two have reached it, our own clock among them, or one has
        gone far beyond it, step by step."""
        newest, other = self.newest, self._said.other
        return newest if newest is None or other is None else max(other, newest - self._far)

    def hear(self, host: str, time: int, arrived: int | None = None) -> bool:
        """Takes note of a record, and of when it arrived; whether it is far ahead, and has to wait."""
        if host == self._host:
            self._in_a_row += 1
        else:
            self.several = self.several or self._in_a_row > 0
            self._host, self._in_a_row = host, 1
        newest = self.newest
        is_live = arrived is not None and -self._far <= time - arrived <= FAR
        if newest is None or (is_live and time > newest + self._far):
            self._said, self.newest = Witnesses(), time
        elif time > newest + self._far:
            return self._doubt(host, time)
        elif time > newest:
            self.newest = time
        elif self._said.count == 1 and time < newest - self._far:  # the very first may have been from the future
            self._said, self.newest = Witnesses(), time
        self._said.add(host, time)
        if is_live and arrived is not None:
            self._said.add("", arrived)
        self.is_live = is_live
        if self._ahead.count:
            self._ahead = Witnesses()
        return False

    def _doubt(self, host: str, time: int) -> bool:
        """Whether a record that is far ahead still is, now that it was heard too."""
        ahead = self._ahead
        ahead.add(host, time)
        agreed = ahead.other
        if agreed is None and (not self.several or self._in_a_row >= SILENT):
            agreed = ahead.again
        if agreed is None:
            return True
        self.newest = ahead.first if ahead.first <= agreed + self._far else agreed
        self.is_live = False
        self._said, self._ahead = ahead, Witnesses()
        if ahead.first > self.newest:
            self._ahead.add(ahead.host, ahead.first)
        return time > self.newest


def borne_out(ordered: Iterable[Event], pace: Pace | None = None) -> Iterator[Event]:
    """Events in order, to their end. What is far ahead of the others even then, and one host's alone, is `doubted`.
    `pace`: how far time had come before."""
    pace = pace or Pace()
    waiting: deque[Event] = deque()
    for event in ordered:
        if not pace.hear(event.host, event.time) and not waiting:
            yield event
            continue
        waiting.append(event)
        assert pace.newest is not None  # once it has heard anything
        while waiting and waiting[0].time <= pace.newest:
            yield waiting.popleft()
    for event in waiting:
        event.doubted = pace.several
        yield event
