"""By how much a match misses what a chain asks of time: the least that would have to be granted.

For the whole chain's window the latest start of any match that ends here says it. For an arrow's limit all matches that
end here are walked back, and the one with the narrowest gap (of a least time: the widest) is taken. Called by
`why_follow`.
"""

from collections.abc import Iterator

from ..match.completion import Completion
from ..match.groups import Node
from .why_weaker import Asked, Weaker

Way = tuple[int, Node | None]  # a gap, and the node before, on the way to it


def nearest(weaker: Weaker, completion: Completion, at: int) -> tuple[int | None, list[Node]]:
    """How long the limit would have to be for the nearest of these matches, in microseconds (of a least time: how
    short, as a negative number); None where it is no matter of time. And that match, the last node first."""
    node, window = completion.node, weaker.chain.within
    match weaker.asked:
        case Asked.WINDOW:
            return at - node.start, node.line()
        case Asked.LATEST | Asked.EARLIEST:
            since = at - window if window is not None else -(1 << 63)
            return _Gaps(weaker.step, since, narrowest=weaker.asked is Asked.LATEST).nearest(node)
        case _:
            return None, node.line()


class _Gaps:
    """The time between a step and the event before it, in the matches that began at `since` or later."""

    def __init__(self, step: int, since: int, narrowest: bool) -> None:
        self.step = step
        self.since = since
        self.sign = 1 if narrowest else -1
        self.known: dict[int, Way | None] = {}

    def nearest(self, last: Node) -> tuple[int | None, list[Node]]:
        found = self._of(last)
        if found is None:
            return None, last.line()
        nodes, node = [], last
        while (way := self.known.get(id(node))) is not None and way[1] is not None:
            nodes.append(node)
            node = way[1]
        return found[0], [*nodes, *node.line()]

    def _of(self, node: Node) -> Way | None:
        place = id(node)
        if place not in self.known:
            self.known[place] = None
            ways = (self._over(node, before) for before in self._before(node))
            self.known[place] = min((way for way in ways if way is not None), key=lambda w: w[0], default=None)
        return self.known[place]

    def _over(self, node: Node, before: Node) -> Way | None:
        if node.step.number == self.step and before.step.number != self.step:
            return self.sign * (node.event.time - before.event.time), before
        found = self._of(before)
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
