"""From completions back to the events: every event that takes part in at least one match, and one tightest witness.

Walks the intervals backward, state by state. A node belongs iff the latest start of any match that ends in it lies
inside the window of the completing event: then some match runs through it.
"""

from heapq import heappop, heappush

from ..event import Event
from ..process import Process
from .groups import Group, Interval, Node


class Match:
    """All matches of one alert identity that end at one event.

    evidence   step number -> its events, in order
    at_least   step numbers whose log was cut in a flood
    witness    step number -> event: together they satisfy everything
    processes  step number -> the process that the witness's step is about
    """

    __slots__ = ("at_least", "event", "evidence", "processes", "start", "witness")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.start = event.time
        self.evidence: dict[int, list[Event]] = {}
        self.at_least: set[int] = set()
        self.witness: dict[int, Event] = {}
        self.processes: dict[int, Process | None] = {}


def collect(last: list[Node], window: int | None) -> Match:
    """The matches that end in these nodes, all of one event."""
    event = last[0].event
    match = Match(event)
    horizon = event.time - window if window is not None else None
    walk = _Walk(horizon)
    for node in last:
        walk.visit(node)
    walk.run()
    best = max(last, key=Node.path)
    link: Node | None = best
    while link is not None:
        walk.record(link)
        match.witness[link.step.number] = link.event
        match.processes[link.step.number] = link.process
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

    def record(self, node: Node) -> None:
        self.events.setdefault(node.step.number, {})[node.event.order] = node.event

    def visit(self, node: Node) -> None:
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        self.record(node)
        if node.cut:
            self.cut.update(n for interval in node.before if interval.group for n in interval.group.steps)
        for interval in node.before:
            group = interval.group
            if group is None:
                assert interval.only is not None
                if self.horizon is None or interval.only.start >= self.horizon:
                    self.visit(interval.only)
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
                for index in range(max(interval.lo, done), interval.hi):
                    node = group.nodes[index - group.first]
                    if self.horizon is None or node.start >= self.horizon:
                        self.visit(node)
                done = max(done, interval.hi)
