"""One match of all those that end in a node: the tightest, as the witness of an alert.

Mostly it is the way of the latest starts, which every node knows (`Node.via`). Where the deadline of an absence was
that of the matches that began at one moment and of no others, it is the tightest of these: found among the nodes that
take part in them, oldest first.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from .groups import Group, Interval, Node, Path, path

# How many of a repetition's inner events are tried for the tightest way to what stands before it.
INNER = 100


class Trail:
    """The nodes of a match, the last first. `loose`: not linked at every arrow; `unproven`: what must not have happened
    in it is not known for want of records."""

    __slots__ = ("loose", "nodes", "unproven")

    def __init__(self, nodes: tuple[Node, ...], loose: bool, unproven: bool) -> None:
        self.nodes = nodes
        self.loose = loose
        self.unproven = unproven

    @property
    def start(self) -> int:
        return self.nodes[-1].start

    @property
    def path(self) -> Path:
        """As `Node.path`."""
        return path(self.nodes, self.loose)


def by_latest(node: Node) -> Trail:
    """The tightest of all matches that end in a node."""
    nodes = node.line()
    return Trail(tuple(nodes), any(n.remarks.loose for n in nodes), any(n.remarks.unproven for n in nodes))


class Trails:
    """The tightest of the matches that began at exactly `start`, for each of the nodes that take part in one."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.nodes: dict[int, Node] = {}
        self.places: dict[int, list[int]] = {}  # of a group, the places of its nodes that take part
        self.found: dict[int, Trail] = {}

    def add(self, node: Node, group: Group | None = None, place: int = 0) -> None:
        """A node that takes part, and where in which group it stands."""
        self.nodes[id(node)] = node
        if group is not None:
            insort(self.places.setdefault(id(group), []), place)

    def solve(self) -> None:
        """Find the tightest for every node: what a node follows is older, or the same event opened by the way."""
        for node in sorted(self.nodes.values(), key=lambda n: (n.event.order, not n.implicit)):
            if node.begins and node.event.time == self.start:
                self.found[id(node)] = Trail((node,), node.remarks.loose, node.remarks.unproven)
            else:
                ways = list(self._ways(node))
                if ways:
                    self.found[id(node)] = max(ways, key=lambda trail: trail.path)

    def best(self, last: Iterable[Node]) -> Trail | None:
        """The tightest of those that end in these nodes."""
        return max((self.found[id(n)] for n in last if id(n) in self.found), key=lambda t: t.path, default=None)

    def _ways(self, node: Node) -> Iterator[Trail]:
        for interval in node.before:
            if interval.since is None or interval.since <= self.start:
                for before in self._newest(interval):
                    trail = self.found.get(id(before))
                    if trail is not None:
                        yield Trail(
                            (node, *trail.nodes), trail.loose or interval.loose, trail.unproven or interval.unproven
                        )

    def _newest(self, interval: Interval) -> Iterator[Node]:
        """The newest event of an interval that takes part, in each place where it stands; of a repetition's inner
        events, which are no witnesses, a few more."""
        group = interval.group
        if group is None:
            assert interval.only is not None
            yield interval.only
            return
        places = self.places.get(id(group), [])
        newest: Node | None = None
        for count, at in enumerate(range(bisect_left(places, interval.hi) - 1, -1, -1)):
            if places[at] < interval.lo:
                return
            node = group.nodes[places[at] - group.first]
            if newest is not None and node.event is not newest.event and (not node.remarks.interior or count >= INNER):
                return
            newest = node
            yield node
