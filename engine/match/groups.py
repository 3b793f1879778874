"""The interval store: partial matches with one future are one group, an append-only log of nodes in time order.

A node is an event that ends a partial match: the latest possible start of any match that ends there, and the intervals
of earlier groups that it can follow. Nothing is copied or enumerated; `evidence` walks the intervals back.

    group  n0 n1 n2 n3 n4        an event that may follow n2 … n4 keeps (group, 2, 5)

The latest start in such an interval is asked for at every look-up, so it is kept as *peaks*: nodes whose start no later
node reaches; the first peak at or after the interval's beginning has the answer (a monotonic queue).

Most groups have one node and never another: it stands for its group by itself (`store`), and is followed alike. Nodes
and intervals are structs that the garbage collector leaves alone; where nodes refer to the group that holds them, in
endless repetitions, it lets go of them when it is over (`Group.close`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import msgspec
from chainrun.dsl.model import Step

from ..event import Event
from ..process import Process
from .ledger import Seen

# The log of a flood: how many nodes of one group are kept as evidence. Detection never reads what is cut.
LOG_LIMIT = 10_000

ALWAYS = -(1 << 63)  # a moment before all others

# How many intervals of one node are kept: an event joins one group for each ancestor, and a nest of processes has many.
BEFORE_LIMIT = 256


# The start, the orders of the events, what they were taken for, whether all is linked.
Path = tuple[int, list[int], list[tuple[int, bool]], bool]


class Remarks(msgspec.Struct, frozen=True, gc=False):
    """What there is to say of few nodes.

    interior one of a repetition's events that is not its last: evidence, and no witness
    outer    of such, on the tightest way here, the last node before this that is none
    loose    the tightest way here is not known to be linked
    unproven what must not have happened on that way is not known for want of records
    seen     of a counted step that begins the chain: what the count rests on
    asked    the earliest start that `starts` has found, and from when on it looked
    cut      not all that it follows is known any more
    """

    interior: bool = False
    outer: "Node | None" = None
    loose: bool = False
    unproven: bool = False
    seen: Seen | None = None
    asked: tuple[int, int] | None = None
    cut: bool = False


PLAIN, INTERIOR = Remarks(), Remarks(interior=True)


class Node(msgspec.Struct, eq=False, gc=False):
    """An event in the place of a step, at the end of partial matches.

    process  whom the step introduced, else who acted
    start    the latest possible start of any match that ends here
    implicit the event shows no more than that an app is open
    before   what it can follow
    via      the earlier node with the latest start, of those the latest: following it gives a tightest witness; None
             where a match begins here, whatever else it can follow
    """

    event: Event
    step: Step
    process: Process | None
    start: int
    implicit: bool = False
    remarks: Remarks = PLAIN
    before: "Sequence[Interval]" = ()
    via: "Node | None" = None

    @property
    def begins(self) -> bool:
        return self.via is None

    def remark(self, **said: Any) -> None:
        """Say more of it."""
        self.remarks = msgspec.structs.replace(self.remarks, **said)

    def lead(self, interval: "Interval", best: "Node") -> None:
        """Make an interval, of which `best` has the latest start, the tightest way here."""
        self.via = best
        self.start = best.start
        loose, unproven = interval.loose, interval.unproven
        if loose or unproven or self.remarks is not PLAIN:
            outer = best.remarks.outer if best.remarks.interior else best
            self.remark(outer=outer, loose=loose, unproven=unproven)

    def follow(self, interval: "Interval", best: "Node") -> None:
        """Take one more interval as a predecessor."""
        if len(self.before) < BEFORE_LIMIT:
            self.before = [*self.before, interval]
        elif not self.remarks.cut:
            self.remark(cut=True)
        via = self.via
        if via is not None and (
            best.start > via.start or (best.start == via.start and self._is_tighter(best, interval.loose))
        ):
            self.lead(interval, best)

    # -- in place of a group ------------------------------------------------

    @property
    def oldest(self) -> Event:
        return self.event

    @property
    def latest(self) -> int:
        return self.start

    def interval(
        self, at: int, least: int | None, most: int | None, edge: int, after: int | None = None
    ) -> "tuple[Interval, Node] | None":
        """What `Group.interval` says."""
        event = self.event
        gap = at - event.time
        if gap < (least or 0) or (most is not None and gap > most) or (after is not None and event.order < after):
            return None
        return Interval(None, 0, 1, self), self

    def expire(self, horizon: int) -> bool:
        """What `Group.expire` says."""
        return self.start < horizon

    # -- ways ---------------------------------------------------------------

    def _is_tighter(self, best: "Node", loose: bool) -> bool:
        assert self.via is not None
        return (best.path(), not loose) > (self.via.path(), not self.remarks.loose)

    def path(self) -> Path:
        """What makes a witness the tightest: the latest start, then the latest events, last first; of what the same
        events can be, the alternative written first, an app opened before one that merely was open, and what is linked
        before what is not known to be."""
        nodes = self.line()
        return path(nodes, any(node.remarks.loose for node in nodes))

    def line(self) -> "list[Node]":
        """The nodes of the way of the latest starts, this first."""
        nodes = [self]
        while (via := nodes[-1].via) is not None:
            nodes.append(via)
        return nodes


def path(nodes: "Sequence[Node]", loose: bool) -> Path:
    """What `Node.path` says, of any way: its nodes, the last first, and whether it is not known to be linked."""
    shown = [node for node in nodes if not node.remarks.interior]
    steps = [(-node.step.number, not node.implicit) for node in shown]
    return nodes[-1].start, [node.event.order for node in shown], steps, not loose


class Interval(msgspec.Struct, eq=False, gc=False):
    """Nodes `lo` to `hi` (excluded) of a group's log; or, where `group` is None, the single node `only`.

    since    no match that began before this moment may go on from here; None: as far as the window reaches
    seen     what the count rests on that follows them
    loose    the link to them is not known to hold
    unproven what must not have happened in between is not known for want of records
    """

    group: "Group | None"
    lo: int
    hi: int
    only: Node | None = None
    since: int | None = None
    seen: Seen | None = None
    loose: bool = False
    unproven: bool = False


class Peaks:
    """The latest start in any suffix of a log: starts fall along the queue, indices rise."""

    __slots__ = ("indices", "nodes")

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.indices: list[int] = []

    def push(self, index: int, node: Node) -> None:
        nodes, indices, start = self.nodes, self.indices, node.start
        if len(nodes) == 1 and nodes[0].start < start:  # as where each begins a match
            nodes[0], indices[0] = node, index
            return
        while nodes and (nodes[-1].start < start or (nodes[-1].start == start and not _is_tied(nodes[-1], node))):
            nodes.pop()
            indices.pop()
        nodes.append(node)
        indices.append(index)

    def best(self, lo: int) -> Node | None:
        """The node with the latest start of those from index `lo` on; of equals the latest."""
        indices = self.indices
        if not indices:
            return None
        if indices[0] >= lo:
            return self.nodes[0]
        at = bisect_left(indices, lo)
        return self.nodes[at] if at < len(indices) else None


def _is_tied(old: Node, new: Node) -> bool:
    """Whether an older node of the same start is still the tighter one: a repetition's inner events are no witnesses,
    so of these what stands before the repetition decides."""
    if not new.remarks.interior:
        return False
    before, after = old.remarks.outer, new.remarks.outer
    return before is not after and before is not None and after is not None and before.path() > after.path()


class Delayed:
    """Peaks of the part of a log that is at least a minimum gap old; asked at rising times only."""

    __slots__ = ("peaks", "taken")

    def __init__(self) -> None:
        self.peaks = Peaks()
        self.taken = 0

    def advance(self, group: "Group", hi: int) -> None:
        for index in range(max(self.taken, group.first), hi):
            self.peaks.push(index, group.nodes[index - group.first])
        self.taken = max(self.taken, hi)


class Group:
    """All partial matches in one state with one live key, where there are several nodes.

    first   the index of the oldest node still in the log; `end` is one past the newest
    times   the nodes' event times, rising
    whole   the log is never cut, since something will ask for its middle
    ordered later nodes reach no earlier starts, as far as anybody asks (`starts`)
    since   what began before this moment is forgotten
    steps   the numbers of the steps that lead here: their counts are lower bounds once the log is cut
    asked   what `starts` found last: from which moment on, among which nodes (two), in which the earliest start
    """

    __slots__ = (
        "asked",
        "cut",
        "delayed",
        "first",
        "nodes",
        "ordered",
        "peaks",
        "since",
        "state",
        "steps",
        "times",
        "whole",
    )

    def __init__(self, state: int, steps: frozenset[int] = frozenset(), whole: bool = False, ordered: bool = False):
        self.state = state
        self.steps = steps
        self.nodes: list[Node] = []
        self.times: list[int] = []
        self.first = 0
        self.whole = whole
        self.ordered = ordered
        self.cut = False
        self.peaks = Peaks()
        self.delayed: dict[int, Delayed] | None = None
        self.asked: tuple[int, int, int, int, int] | None = None
        self.since = ALWAYS

    @property
    def end(self) -> int:
        return self.first + len(self.nodes)

    @property
    def oldest(self) -> Event:
        return self.nodes[0].event

    @property
    def latest(self) -> int:
        """The latest start of any match here."""
        return self.peaks.nodes[0].start

    def append(self, node: Node) -> None:
        # a late event stands in the log where it arrived; its start is its own
        at, nodes, times = node.event.time, self.nodes, self.times
        if self.ordered:
            self.ordered = self._follows_in_order(node)
        if times and times[-1] > at:
            at = times[-1]
        self.peaks.push(self.first + len(nodes), node)
        nodes.append(node)
        times.append(at)
        if len(nodes) > LOG_LIMIT and not self.whole:
            self._forget(LOG_LIMIT // 2)
            self.cut = True

    def _follows_in_order(self, node: Node) -> bool:
        """Whether a new node begins, or follows one stretch of one ordered group that moves on from the last node's."""
        last = self.nodes[-1] if self.nodes else None
        if last is not None and last.event.time > node.event.time:
            return False
        if node.begins:
            return not node.before and (last is None or last.begins)
        if len(node.before) != 1:
            return False
        interval = node.before[0]
        group = interval.group
        if group is None or group is self or not group.ordered:
            return False
        if last is None:
            return True
        before = last.before[0] if last.before else None
        return (
            before is not None
            and before.group is group
            and before.lo <= interval.lo
            and before.hi <= interval.hi
            and (before.since is None or (interval.since is not None and before.since <= interval.since))
        )

    def interval(
        self, at: int, least: int | None, most: int | None, edge: int, after: int | None = None
    ) -> tuple[Interval, Node] | None:
        """What an event at `at` can follow here within the hop's limits, and its node with the latest start. `after`:
        the order of the last event that ended what stood here."""
        lo = self.first if most is None else self.first + bisect_left(self.times, at - most)
        if after is not None:
            lo = max(lo, self.first + bisect_left(self.nodes, after, key=_order))
        hi = self.first + len(self.nodes)
        if self.times and self.times[-1] > at:
            return self._interval_behind(at - (least or 0), lo)
        if least:
            hi = self.first + bisect_right(self.times, at - least)
            if self.delayed is None:
                self.delayed = {}
            delayed = self.delayed.setdefault(edge, Delayed())
            if hi < delayed.taken:  # a late event asks about an earlier moment than an event before it
                return self._interval_behind(at - least, lo)
            delayed.advance(self, hi)
            best = delayed.peaks.best(lo)
        else:
            best = self.peaks.best(lo)
        return None if best is None else (Interval(self, lo, hi), best)

    def _interval_behind(self, until: int, lo: int) -> tuple[Interval, Node] | None:
        """The same for a late event, which must not follow what happened after it: a scan of the log, newest first."""
        hi = self.first + bisect_right(self.times, until)
        held = self.nodes[lo - self.first : max(hi - self.first, 0)]
        best = max(held, key=lambda n: (n.start, n.event.order), default=None)
        return None if best is None else (Interval(self, lo, hi), best)

    def expire(self, horizon: int) -> bool:
        """Drop nodes that happened before `horizon` from the log; whether every partial match here began before it."""
        peaks = self.peaks
        if peaks.nodes[0].start < horizon:
            return True
        self.since = max(self.since, horizon)
        if self.times[0] < horizon:
            self._forget(bisect_left(self.times, horizon))
        while peaks.nodes[-1].start < horizon:
            peaks.nodes.pop()
            peaks.indices.pop()
        return False

    def shorten(self, most: int) -> "list[Node]":
        """Keep the newest nodes alone as evidence, where nothing asks for the middle of the log; those that go."""
        gone = [] if self.whole else self.nodes[:-most]
        if gone:
            self._forget(len(gone))
            self.cut = True
        return gone

    def close(self) -> None:
        """Let go of its nodes, which may refer to it."""
        self._forget(len(self.nodes))
        self.peaks = Peaks()
        self.delayed = None

    def _forget(self, count: int) -> None:
        del self.nodes[:count]
        del self.times[:count]
        self.first += count


def _order(node: Node) -> int:
    return node.event.order
