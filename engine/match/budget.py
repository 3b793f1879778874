"""The budget: how much all partial matches may take, and whose go first when it is spent.

    noisy    ######|########      spent, it is cut to seven eighths: whoever holds the most loses first, so that one
    other    ####  |              host's flood costs no other host anything. Of its own the lowest steps go first, and
    third    ##    |              of these what would be over first; what came last is never refused

Before that the logs of a host's groups are cut to what is newest in them, which costs evidence and no detection. All is
counted at once and an eighth given up at once, between two events: so partial matches have nothing to keep up for it,
and under a flood each is looked at eight times. Sizes are estimates. `store` and `trailing` tell what is added and give
up what they are told to; the engine asks for room.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ..event import Event
from .groups import Group, Node
from .recent import Recent
from .weights import EVENT, EVERYBODY, NODE, TEXT

ALONE = 100  # events of a step that are kept as evidence where something must be given up
HOSTS = 100_000  # of which it is known that they have lost something
NEVER = -(1 << 63)

Measure = Callable[[Sequence[Node]], int]


class Holding(NamedTuple):
    """Partial matches with one future: whose they are, how many steps far, when they would be over, what they take.
    `cut` shortens their log, and says what that frees; `drop` gives them up."""

    host: str
    depth: int
    deadline: int
    size: int
    cut: Callable[[], int]
    drop: Callable[[], None]


class Holder(Protocol):
    """Who holds partial matches of one chain."""

    def holdings(self, measure: Measure) -> Iterator[Holding]:
        """All of them, those that are furthest first. `measure`: what nodes take, and all that only they lead to."""
        ...

    def settle(self) -> None:
        """What was to be dropped has been."""


class Budget:
    """What all chains of an engine may hold together.

    limit     bytes
    size      what is held
    lost      host -> when it last lost anything
    given_up  (host, chain) -> how many partial matches
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.lost: Recent[str, int] = Recent(HOSTS)
        self.holders: list[tuple[str, Holder]] = []
        self._last: Event | None = None

    def add(self, node: Node) -> None:
        """Takes that a node is held from now on."""
        self.size += NODE
        if node.event is not self._last:  # one event mostly begins matches of several chains at once
            self._last = node.event
            self.size += size_of(node.event)

    @property
    def is_spent(self) -> bool:
        return self.size > self.limit

    def has_lost(self, hosts: Iterable[str], since: int) -> bool:
        """Whether any of these hosts lost something from a moment on."""
        return any((at := self.lost.get(host)) is not None and at >= since for host in (*hosts, EVERYBODY))

    def make_room(self, now: int) -> Counter[tuple[str, str]]:
        """Gives up what is too much; how many partial matches of which host and chain."""
        measure = _measure()
        by_host: dict[str, list[tuple[str, Holding]]] = {}
        for chain, holder in self.holders:
            for holding in holder.holdings(measure):
                by_host.setdefault(holding.host, []).append((chain, holding))
        held = {host: sum(h.size for _, h in holdings) for host, holdings in by_host.items()}
        self.size = sum(held.values())
        target = self.limit - self.limit // 8
        given_up: Counter[tuple[str, str]] = Counter()
        if self.size > target:
            level = most_each(held.values(), target)
            for host in sorted(held, key=lambda host: (-held[host], host)):
                for chain in self._give_up(by_host[host], held[host] - level, target):
                    given_up[host, chain] += 1
                    self.lost[host] = now
            for _, holder in self.holders:
                holder.settle()
        return given_up

    def _give_up(self, holdings: list[tuple[str, Holding]], much: int, target: int) -> Iterator[str]:
        """Frees so much of one host's, or as much as is needed; the chains of the partial matches that go."""
        if much <= 0 or self.size <= target:
            return
        left = []
        for chain, holding in holdings:
            freed = holding.cut()
            much -= freed
            self.size -= freed
            if holding.size > freed:  # else it is the evidence of others alone, and would free nothing
                left.append((chain, holding._replace(size=holding.size - freed)))
        for chain, holding in _in_order(left):
            if much <= 0 or self.size <= target:
                return
            holding.drop()
            much -= holding.size
            self.size -= holding.size
            yield chain


def _in_order(holdings: list[tuple[str, Holding]]) -> list[tuple[str, Holding]]:
    """One host's, those that are to go first in front: the newest eighth of each step behind all others, so that what
    has just begun may go on, however much there is of later steps."""
    by_depth: dict[int, list[tuple[str, Holding]]] = {}
    for one in sorted(holdings, key=lambda one: (one[1].depth, one[1].deadline)):
        by_depth.setdefault(one[1].depth, []).append(one)
    cuts = [(each, len(each) - (len(each) + 7) // 8) for each in by_depth.values()]
    return [one for each, at in cuts for one in each[:at]] + [one for each, at in cuts for one in each[at:]]


def size_of(event: Event) -> int:
    """About the bytes that an event takes, with what hangs on it alone."""
    texts = sum(len(value) for value in event.fields.values() if type(value) is str)
    return EVENT + len(event.raw) + TEXT * len(event.fields) + texts


def _measure() -> Measure:
    """What nodes take, and all that they lead to; what was counted before, for others, is not counted again."""
    nodes_seen: set[int] = set()
    events_seen: set[int] = set()
    groups_seen: set[int] = set()

    def measure(nodes: Sequence[Node]) -> int:
        size = 0
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if id(node) in nodes_seen:
                continue
            nodes_seen.add(id(node))
            size += NODE
            if id(node.event) not in events_seen:
                events_seen.add(id(node.event))
                size += size_of(node.event)
            for interval in node.before:
                if interval.group is None:
                    assert interval.only is not None
                    waiting.append(interval.only)
                elif id(interval.group) not in groups_seen:
                    groups_seen.add(id(interval.group))
                    waiting += interval.group.nodes
        return size

    return measure


def most_each(sizes: Iterable[int], target: int) -> int:
    """What everybody may hold at most, for all together to hold so much: who holds less keeps all of it."""
    ordered = sorted(sizes)
    for place, size in enumerate(ordered):
        most = target // (len(ordered) - place)
        if size > most:
            return most
        target -= size
    return max(ordered, default=0)


def nodes_of(held: Group | Node) -> Sequence[Node]:
    """The nodes of a group, which may be one that stands for itself."""
    return held.nodes if isinstance(held, Group) else (held,)


def cut(held: Group | Node) -> int:
    """Shortens the log of a group; the bytes that go."""
    if not isinstance(held, Group) or len(held.nodes) <= ALONE:
        return 0
    return sum(NODE + size_of(node.event) for node in held.shorten(ALONE))
