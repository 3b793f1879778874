"""By how much a match misses what a chain asks of time: the least that would have to be granted.

For the whole chain's window the latest start of any match that ends here says it. For an arrow's limit all matches that
end here are walked back, and the one with the narrowest gap (of a least time: the widest) is taken. Called by
`why_follow`.
"""

from collections.abc import Iterator

from ..match.completion import Completion
from ..match.groups import Node
from .why_weaker import Asked, Weaker

Way = tuple[int, Node]  # a gap, and the node before, on the way to it


def nearest(weaker: Weaker, completion: Completion, at: int) -> tuple[int | None, list[Node]]:
    """How long the limit would have to be for the nearest of these matches, in microseconds (of a least time: how
    short, as a negative number); None where it is no matter of time. And that match, the last node first."""
    node, window = completion.node, weaker.chain.within
    match weaker.asked:
        case Asked.WINDOW:  # what waits at the end for nothing to happen would have waited no longer
            return node.event.time - node.start, node.line()
        case Asked.LATEST | Asked.EARLIEST:
            since = at - window if window is not None else -(1 << 63)
            return _Gaps(weaker, since).nearest(node)
        case _:
            return None, node.line()


class _Gaps:
    """The time between an element and the event before it, in the matches that began at `since` or later. An arrow's
    limit is kept by the last event of a repetition, and by the first of `A & B`."""

    def __init__(self, weaker: Weaker, since: int) -> None:
        self.steps = weaker.steps
        self.of_first = weaker.in_any_order
        self.since = since
        self.sign = 1 if weaker.asked is Asked.LATEST else -1
        self.known: dict[tuple[int, int | None], Way | None] = {}

    def nearest(self, last: Node) -> tuple[int | None, list[Node]]:
        found = self._of(last, None)
        if found is None:
            return None, last.line()
        nodes: list[Node] = []
        node, end = last, None
        while node.step.number in self.steps or end is None:
            way = self.known[id(node), end]
            if way is None:
                break
            nodes.append(node)
            end = self._end(node, end)
            node = way[1]
        return found[0], [*nodes, *node.line()]

    def _end(self, node: Node, end: int | None) -> int | None:
        """When the element had happened, as far as it is known from its end back to this node."""
        if node.step.number not in self.steps:
            return end
        return node.event.time if end is None or self.of_first else end

    def _of(self, node: Node, end: int | None) -> Way | None:
        place = id(node), end
        if place not in self.known:
            self.known[place] = None
            now = self._end(node, end)
            ways = (self._over(before, now) for before in self._before(node))
            self.known[place] = min((way for way in ways if way is not None), key=lambda w: w[0], default=None)
        return self.known[place]

    def _over(self, before: Node, end: int | None) -> Way | None:
        if end is not None and before.step.number not in self.steps:
            return self.sign * (end - before.event.time), before
        found = self._of(before, end)
        return None if found is None else (found[0], before)

    def _before(self, node: Node) -> Iterator[Node]:
        """What a node follows, the latest first."""
        for interval in node.before:
            if interval.group is None:
                found = [interval.only] if interval.only is not None else []
            else:
                first = interval.group.first
                found = interval.group.nodes[max(interval.lo - first, 0) : max(interval.hi - first, 0)]
            yield from (one for one in reversed(found) if one.start >= self.since)
