"""The events that a counted step has taken: each kept once, however many matches count it.

    spawn -> write{>= 3 in 5m}      a write of the process C, child of B, child of A, adds to three tallies

    ledger   w1   w2   w3           line of C's writes    (C, (B, (A, )))
                                    line of B's                (B, (A, ))

An event knows the tallies that it adds to by its *line*, a linked list of which it shares all with the events of its
process, and most with those of the processes above. So a ledger is as large as its events, and a tally as what it comes
to, however deep the processes are nested. An event that leaves the window is taken out of the tallies of its line; as
evidence it is kept apart from that, for as long as a match may ask for it. Written by `counting`, read by `evidence`.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from ..event import Event
from .automaton import Count
from .moments import in_runs, in_windows
from .tallies import Line, Place, Tally, settle
from .weights import COUNTED, EVENT, TALLY

# How many events of one value (a process) are kept as evidence; what they come to never depends on it.
EVIDENCE_LIMIT = 10_000


Entry = tuple[int, Event, int, Line]  # when, what, the number of the way in which it is counted, and for whom


class Ledger:
    """The counted events of one scope and key.

    window   those that still count, from `begin` on: when, what of it was added to its tallies, and to which
    entries  those that are kept as evidence, up to `most`
    cut      of each value, when the newest event was that a flood has cost it, and for whom it counted
    """

    __slots__ = ("begin", "count", "cut", "entries", "most", "tallies", "window")

    def __init__(self, count: Count) -> None:
        self.count = count
        self.tallies: dict[Place, Tally] = {}
        # of most keys there is one event, and an empty deque is half a kilobyte
        self.window: list[tuple[int, Any, Line]] = []
        self.begin = 0
        self.entries: list[Entry] = []
        self.most = 2 * EVIDENCE_LIMIT
        self.cut: dict[Place, tuple[int, Line]] = {}

    def add(self, event: Event, way: int, places: list[Place], what: Any, new: Callable[[Place], Tally]) -> None:
        """Count an event for all values that it is joined on. `what`: of it, what a tally takes."""
        at, is_loose = event.time, self.count.steps[way].loose
        line: Line | None = None
        added: Line | None = None  # without the tallies in which it is counted already, for another step
        for place in reversed(places):
            tally = self.tallies.get(place)
            if tally is None:
                tally = self.tallies[place] = new(place)
            line = tally.line(line)
            if tally.add(event, what):
                added = tally.line(added)
            if is_loose:
                tally.loose = max(tally.loose, at)
        if added is not None:
            settle(self.window, (at, what, added), self.begin)
        if line is not None:
            settle(self.entries, (at, event, way, line))
            if len(self.entries) > self.most:
                self._thin()

    def slide(self, until: int) -> None:
        """Count no more what happened until then."""
        window, place = self.window, self.begin
        while place < len(window) and window[place][0] <= until:
            _, what, line = window[place]
            place += 1
            for tally in _tallies(line):
                tally.drop(what)
                if not tally.size:
                    del self.tallies[tally.place]
                    tally.last = None
        if 2 * place > len(window):
            del window[:place]
            place = 0
        self.begin = place

    def forget(self, until: int) -> None:
        """Drop what happened until then; nobody will ask."""
        self.slide(until)
        del self.entries[: bisect_right(self.entries, until, key=itemgetter(0))]
        self.most = 2 * max(len(self.entries), EVIDENCE_LIMIT)
        self.cut = {place: cut for place, cut in self.cut.items() if cut[0] > until}

    def _thin(self) -> None:
        """Keep the newest events of each value: the flood of one process costs no other its evidence."""
        found: Counter[Place] = Counter()
        kept: list[Entry] = []
        for entry in reversed(self.entries):
            place = entry[3].tally.place
            found[place] += 1
            if found[place] <= EVIDENCE_LIMIT:
                kept.append(entry)
            elif found[place] == EVIDENCE_LIMIT + 1:
                self.cut[place] = entry[0], entry[3]
        self.entries = kept[::-1]
        self.most = 2 * max(len(kept), EVIDENCE_LIMIT)

    @property
    def times(self) -> Iterator[int]:
        """When all that it holds happened."""
        held: list[Any] = max(self.entries, self.window[self.begin :], key=len)
        return (each[0] for each in held)

    @property
    def weight(self) -> int:
        """About the bytes that it takes."""
        events = sum(EVENT + len(event.raw) for _, event, _, _ in self.entries)
        return events + COUNTED * (len(self.window) - self.begin) + TALLY * len(self.tallies)

    @property
    def is_empty(self) -> bool:
        return not self.window and not self.entries

    def of(self, tallies: tuple[Tally, ...], after: int) -> Iterator[Entry]:
        """The entries after a moment that add to any of these tallies."""
        known: dict[int, bool] = {}
        for entry in self.entries[bisect_right(self.entries, after, key=itemgetter(0)) :]:
            if _adds(entry[3], tallies, known):
                yield entry

    def is_cut(self, tallies: tuple[Tally, ...], after: int) -> bool:
        """Whether some of these are forgotten."""
        return any(at > after and _adds(line, tallies, {}) for at, line in self.cut.values())


def _tallies(line: Line | None) -> Iterator[Tally]:
    while line is not None:
        yield line.tally
        line = line.rest


def _adds(line: Line | None, tallies: tuple[Tally, ...], known: dict[int, bool]) -> bool:
    """Whether a line leads to any of these tallies. `known`: of which it is; what events share is looked at once."""
    passed: list[int] = []
    while line is not None and id(line) not in known and line.tally not in tallies:
        passed.append(id(line))
        line = line.rest
    found = line is not None and known.get(id(line), True)
    known.update(dict.fromkeys(passed, found))
    return found


class Basis(NamedTuple):
    """Which events of a ledger one match counts: those of its tallies, and of these, where that is another matter for
    each match, those that pass."""

    ledger: Ledger
    tallies: tuple[Tally, ...]
    passes: Callable[[Event, int, tuple[Any, ...]], bool] | None = None
    before: tuple[Any, ...] = ()

    def read(self, moments: Collection[Event]) -> tuple[list[tuple[Event, int]], bool]:
        """The events that the count rested on at several moments, each with the number of its step, and whether some
        are forgotten."""
        steps = self.ledger.count.steps
        found = [(event, steps[way].step.number) for event, way in self.chosen(moments)]
        return found, self.ledger.is_cut(self.tallies, self._after(moments))

    def chosen(self, moments: Collection[Event]) -> list[tuple[Event, int]]:
        """Those events that are known still, each with the number of the way in which it was counted."""
        count, at = self.ledger.count, sorted(moments, key=lambda event: event.order)
        taken = [(event, way) for _, event, way, _ in self.ledger.of(self.tallies, self._after(at))]
        if self.passes is not None:
            taken = [(event, way) for event, way in taken if self.passes(event, way, self.before)]
        events = [event for event, _ in taken]
        if count.within is not None:
            chosen = in_windows(events, at, count.within)
        else:
            assert count.shortest is not None and count.longest is not None
            chosen = in_runs(events, at, count.shortest, count.longest, count.run)
        return [(event, way) for event, way in taken if event.order in chosen]

    def _after(self, moments: Collection[Event]) -> int:
        return min(event.time for event in moments) - self.ledger.count.span


class Seen:
    """What a count rested on at one moment, read when it is asked for, while the window lasts. `is_loose`: on events
    that are not known to be linked."""

    __slots__ = ("basis", "event", "is_loose")

    def __init__(self, basis: Basis, event: Event, is_loose: bool) -> None:
        self.basis = basis
        self.event = event
        self.is_loose = is_loose
