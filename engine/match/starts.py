"""How early the matches began that end in a node: what decides when an absence at a chain's end is over.

The counterpart of `Node.start`, which is the latest start. Asked by `trailing` and `evidence`, for chains that end with
an absence, and of as many nodes as matches wait; so nothing is kept up for it but what makes the answer quick: where a
group is `ordered`, later nodes reach no earlier starts, and the first node that is alive has the answer. Elsewhere the
last answer still holds, and only the nodes that came since are looked at.
"""

from bisect import bisect_left

from .groups import Group, Node

NEVER = 1 << 63


def earliest(node: Node, horizon: int) -> int:
    """The earliest start, from `horizon` on, of the matches that end in a node; NEVER where there is none."""
    if node.start < horizon:
        return NEVER
    asked = node.remarks.asked
    if asked is not None and asked[0] <= horizon <= asked[1]:
        return asked[1]
    found = node.event.time if node.begins else NEVER
    for interval in node.before:
        bound = horizon if interval.since is None else max(horizon, interval.since)
        if interval.group is None:
            assert interval.only is not None
            found = min(found, earliest(interval.only, bound))
        else:
            found = min(found, _earliest_among(interval.group, interval.lo, interval.hi, bound))
    node.remark(asked=(horizon, found))
    return found


def _earliest_among(group: Group, lo: int, hi: int, horizon: int) -> int:
    nodes, first = group.nodes, group.first
    # an event that comes late may not follow what is forgotten, though a node that it follows was asked about it
    horizon = max(horizon, group.since)
    if group.ordered:
        lo, hi = max(lo - first, 0), max(hi - first, 0)
        at = bisect_left(nodes, horizon, lo, hi, key=_start)
        return earliest(nodes[at], horizon) if at < hi else NEVER
    at, place, found = first, NEVER, NEVER
    if group.asked is not None:
        since, begin, until, had, answer = group.asked
        if since <= horizon <= answer and begin <= lo <= had and until <= hi:
            at, place, found = max(until, first), had, answer
    # oldest first: what an endless repetition leads to itself by has its answer before it is asked again
    for index, node in enumerate(nodes[at - first : max(hi - first, 0)], at):
        start = earliest(node, horizon)
        if index >= lo and start <= found and start != NEVER:
            place, found = index, start
    group.asked = horizon, lo, hi, place, found
    return found


def _start(node: Node) -> int:
    return node.start
