"""From completions back to the events: every event that takes part in at least one match, and one tightest witness.

Walks the intervals backward, state by state. A node belongs iff the latest start of any match that ends in it lies
inside the window of the completing event: then some match runs through it. Of matches whose deadline has passed those
belong that it was the deadline of: often only what began at one moment.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush

from ..event import Event
from ..process import Process
from .groups import ALWAYS, Group, Interval, Node
from .ledger import Basis, Seen
from .starts import earliest
from .trails import Trail, Trails, by_latest

# When matches were complete, and the nodes that they end in; with a start those that began then, and no others.
Moment = tuple[int, list[tuple[Node, int | None]]]


class Match:
    """All matches of one alert identity that are complete at one moment, or up to one.

    event     the last event of the tightest
    at        when they were complete: that event's time, or a deadline
    loose     the tightest is not linked at every arrow
    unproven  what must not have happened in it is not known for want of records
    evidence   step number -> its events, in order
    at_least   step numbers whose log was cut in a flood
    witness    step number -> event: together they satisfy everything
    processes  step number -> the process that the witness's step is about
    """

    __slots__ = ("at", "at_least", "event", "evidence", "loose", "processes", "start", "unproven", "witness")

    def __init__(self, event: Event, at: int) -> None:
        self.event = event
        self.at = at
        self.loose = False
        self.unproven = False
        self.start = event.time
        self.evidence: dict[int, list[Event]] = {}
        self.at_least: set[int] = set()
        self.witness: dict[int, Event] = {}
        self.processes: dict[int, Process | None] = {}

    def add(self, other: "Match") -> None:
        """Take in the evidence of later matches of the same alert."""
        for number, events in other.evidence.items():
            held = self.evidence.setdefault(number, [])
            at = bisect_left(held, events[0].order, key=_order)  # what is older than all of the others stays as it is
            newer = {event.order: event for event in (*held[at:], *events)}
            held[at:] = [newer[order] for order in sorted(newer)]
        self.evidence = dict(sorted(self.evidence.items()))
        self.at_least |= other.at_least
        self.at = max(self.at, other.at)
        for number, event in other.witness.items():
            self.witness.setdefault(number, event)
            self.processes.setdefault(number, other.processes[number])

    def show(self, trail: Trail) -> None:
        """Take a match for the witness of the steps that have none yet."""
        shown = {node.step.number: node for node in trail.nodes if not node.remarks.interior}
        for number, node in shown.items():
            self.witness.setdefault(number, node.event)
            self.processes.setdefault(number, node.process)


def collect(moments: Sequence[Moment], window: int | None) -> Match:
    """The matches that are complete at these moments, as one: it shows the tightest of the first moment, and of the
    later ones what that one lacks."""
    walks: dict[int | None, _Walk] = {}
    for at, last in moments:
        for node, start in last:
            if start not in walks:
                walks[start] = _Walk(start)
            walks[start].begin(node, ALWAYS if window is None else at - window)
    events: dict[int, dict[int, Event]] = {}
    cut: set[int] = set()
    for walk in walks.values():
        walk.run()
        cut |= walk.cut
        for number, found in walk.events.items():
            events.setdefault(number, {}).update(found)
    match: Match | None = None
    for at, last in moments:
        starts = dict.fromkeys(start for _, start in last)
        trails = [walks[start].tightest([node for node, began in last if began == start]) for start in starts]
        best = max(filter(None, trails), key=lambda trail: trail.path)
        if match is None:
            match = Match(best.nodes[0].event, at)
            match.start = best.start
            match.loose = best.loose
            match.unproven = best.unproven
        match.at = max(match.at, at)
        for node in best.nodes:
            events.setdefault(node.step.number, {})[node.event.order] = node.event
        match.show(best)
    assert match is not None
    match.at_least = cut
    match.evidence = {number: [found[order] for order in sorted(found)] for number, found in sorted(events.items())}
    return match


def _order(event: Event) -> int:
    return event.order


class _Walk:
    """Intervals still to be visited, the latest state first; those of one group are merged. `only`: the one start that
    counts, if it is not all from a moment on."""

    def __init__(self, only: int | None) -> None:
        self.only = only
        self.trails = Trails(only) if only is not None else None
        self.events: dict[int, dict[int, Event]] = {}
        self.cut: set[int] = set()
        self.pending: dict[int, list[tuple[Interval, int]]] = {}
        self.groups: dict[int, Group] = {}
        self.queue: list[tuple[int, int]] = []
        self.seen: dict[int, int] = {}
        self.counts: dict[Basis, set[Event]] = {}

    def begin(self, last: Node, since: int) -> None:
        """Ask for what takes part in the matches that end in a node and began at `since` or later."""
        self._visit(last, since)

    def run(self) -> None:
        """Visit all that was asked for."""
        while self.queue:
            _, place = heappop(self.queue)
            group = self.groups[place]
            if group.cut:
                self.cut |= group.steps
            intervals = self.pending.pop(place)
            for interval, since in intervals:
                if interval.seen is not None:
                    places = range(max(interval.lo - group.first, 0), max(interval.hi - group.first, 0))
                    # mostly the newest does
                    if any(self._takes_part(group.nodes[place], since) for place in reversed(places)):
                        self._count(interval.seen)
            for index, since in _covered(intervals, group.first):
                node = group.nodes[index - group.first]
                if self._takes_part(node, since):
                    self._visit(node, since, group, index)
        for basis, moments in self.counts.items():
            found, is_cut = basis.read(moments)
            for event, number in found:
                self._record(event, number)
            if is_cut:
                self.cut.update(number for _, number in found)
        if self.trails is not None:
            self.trails.solve()

    def tightest(self, last: list[Node]) -> Trail | None:
        """The tightest of the matches that end in these nodes; where the logs have forgotten what began at the start
        that counts, of what is left of them."""
        best = self.trails.best(last) if self.trails is not None else None
        return best if best is not None else by_latest(max(last, key=Node.path))

    def _record(self, event: Event, number: int) -> None:
        self.events.setdefault(number, {})[event.order] = event

    def _count(self, seen: Seen) -> None:
        """Note what a count rested on; the moments of one count are read together."""
        self.counts.setdefault(seen.basis, set()).add(seen.event)

    def _takes_part(self, node: Node, since: int) -> bool:
        """Whether a match ends here that began at `since` or later, and when it must have begun."""
        if self.only is None:
            return node.start >= since
        return since <= self.only and earliest(node, self.only) == self.only

    def _visit(self, node: Node, since: int, group: Group | None = None, place: int = 0) -> None:
        """Take a node up, and what it follows; again only for what began earlier still."""
        if self.trails is not None:
            self.trails.add(node, group, place)
        known = self.seen.get(id(node))
        if known is not None and known <= since:
            return
        self.seen[id(node)] = since
        if known is None:
            self._record(node.event, node.step.number)
            if node.remarks.seen is not None:
                self._count(node.remarks.seen)
        if node.remarks.cut:
            self.cut.update(n for interval in node.before if interval.group for n in interval.group.steps)
        for interval in node.before:
            bound = since if interval.since is None else max(since, interval.since)
            if interval.group is None:
                assert interval.only is not None
                if self._takes_part(interval.only, bound):
                    self._visit(interval.only, bound)
                    if interval.seen is not None:
                        self._count(interval.seen)
            else:
                self._queue(interval.group, interval, bound)

    def _queue(self, group: Group, interval: Interval, since: int) -> None:
        pending = self.pending.get(id(group))
        if pending is not None:
            pending.append((interval, since))
            return
        self.pending[id(group)] = [(interval, since)]
        self.groups[id(group)] = group
        heappush(self.queue, (-group.state, id(group)))


def _covered(intervals: list[tuple[Interval, int]], first: int) -> Iterator[tuple[int, int]]:
    """Each place that intervals cover, once, with the earliest moment that any of them asks for."""
    waiting = [(max(interval.lo, first), since, interval.hi) for interval, since in intervals]
    heapify(waiting)
    open: list[tuple[int, int]] = []  # (since, hi)
    place = first
    while waiting or open:
        if not open:
            place = max(place, waiting[0][0])
        while waiting and waiting[0][0] <= place:
            _, since, hi = heappop(waiting)
            heappush(open, (since, hi))
        while open and open[0][1] <= place:
            heappop(open)
        if open:
            yield place, open[0][0]
            place += 1
