"""From completions back to the events: every event that takes part in at least one match, and one tightest witness.

Walks the intervals backward, state by state. A node belongs iff the latest start of any match that ends in it lies
inside the window of the completing event: then some match runs through it.
"""

from heapq import heappop, heappush

from ..event import Event
from ..process import Process
from .groups import Group, Interval, Node
from .tallies import Log, Seen


class Match:
    """All matches of one alert identity that are complete at one moment.

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
            held = {event.order: event for event in (*self.evidence.get(number, ()), *events)}
            self.evidence[number] = [held[order] for order in sorted(held)]
        self.evidence = dict(sorted(self.evidence.items()))
        self.at_least |= other.at_least
        self.at = max(self.at, other.at)
        for number, event in other.witness.items():
            self.witness.setdefault(number, event)
            self.processes.setdefault(number, other.processes[number])


def collect(last: list[Node], at: int, window: int | None) -> Match:
    """The matches that end in these nodes and are complete at one moment."""
    best = max(last, key=Node.path)
    match = Match(best.event, at)
    horizon = at - window if window is not None else None
    walk = _Walk(horizon)
    for node in last:
        walk.visit(node)
    walk.run()
    link: Node | None = best
    while link is not None:
        walk.record(link.event, link.step.number)
        if not link.interior:
            match.witness[link.step.number] = link.event
            match.processes[link.step.number] = link.process
        match.loose = match.loose or link.loose
        match.unproven = match.unproven or link.unproven
        link = link.via
    match.start = best.start
    match.at_least = walk.cut
    match.evidence = {
        number: [events[order] for order in sorted(events)] for number, events in sorted(walk.events.items())
    }
    return match


class _Walk:
    """Intervals still to be visited, the latest state first; those of one group are merged."""

    def __init__(self, horizon: int | None) -> None:
        self.horizon = horizon
        self.events: dict[int, dict[int, Event]] = {}
        self.cut: set[int] = set()
        self.pending: dict[int, list[Interval]] = {}
        self.groups: dict[int, Group] = {}
        self.queue: list[tuple[int, int]] = []
        self.seen: set[int] = set()
        self.counts: dict[int, tuple[Log, set[tuple[int, int]]]] = {}

    def record(self, event: Event, number: int) -> None:
        self.events.setdefault(number, {})[event.order] = event

    def count(self, seen: Seen) -> None:
        """Note what a count rested on; the moments of one count are read together."""
        self.counts.setdefault(id(seen.log), (seen.log, set()))[1].add((seen.end, seen.size))

    def _read_counts(self) -> None:
        for log, moments in self.counts.values():
            entries, is_cut = log.seen(moments)
            for event, numbers, _ in entries:
                for number in numbers:
                    self.record(event, number)
                if is_cut:
                    self.cut.update(numbers)

    def is_alive(self, node: Node) -> bool:
        return self.horizon is None or node.start >= self.horizon

    def visit(self, node: Node) -> None:
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        self.record(node.event, node.step.number)
        if node.seen is not None:
            self.count(node.seen)
        if node.cut:
            self.cut.update(n for interval in node.before if interval.group for n in interval.group.steps)
        for interval in node.before:
            group = interval.group
            if group is None:
                assert interval.only is not None
                if self.is_alive(interval.only):
                    self.visit(interval.only)
                    if interval.seen is not None:
                        self.count(interval.seen)
            elif id(group) in self.pending:
                self.pending[id(group)].append(interval)
            else:
                self.pending[id(group)] = [interval]
                self.groups[id(group)] = group
                heappush(self.queue, (-group.state, id(group)))

    def run(self) -> None:
        while self.queue:
            _, place = heappop(self.queue)
            group = self.groups[place]
            done = group.first
            if group.cut:
                self.cut |= group.steps
            for interval in sorted(self.pending.pop(place), key=lambda i: (i.lo, i.hi)):
                if interval.seen is not None:
                    held = group.nodes[max(interval.lo - group.first, 0) : max(interval.hi - group.first, 0)]
                    if any(map(self.is_alive, held)):
                        self.count(interval.seen)
                for index in range(max(interval.lo, done), interval.hi):
                    node = group.nodes[index - group.first]
                    if self.is_alive(node):
                        self.visit(node)
                done = max(done, interval.hi)
        self._read_counts()
