"""One alert a causal chain: which completions open an alert, and which belong to one already open.

An alert's identity is its scope and what the last required step hangs on. A process that descends from the identity of
an open alert belongs to that alert; of several completions by one event the outermost counts.
"""

from collections.abc import Hashable, Iterable

from ..process import Process
from .groups import Node
from .lineage import ancestry
from .matcher import Completion

HOUR = 3_600_000_000
Place = tuple[Hashable, tuple[Hashable, ...]]


class Identities:
    """The open alerts of one chain: (scope, identity) -> until when further completions only count."""

    def __init__(self, window: int | None) -> None:
        self.window = window if window is not None else HOUR
        self.until: dict[Place, int] = {}
        self.later = 0

    def take(self, completions: Iterable[Completion]) -> list[tuple[Completion, list[Node]]]:
        """The completions of one event that open an alert, each with the nodes of all its matches of the highest
        completeness; the others are counted in `later`."""
        by_place: dict[Place, list[Completion]] = {}
        for completion in completions:
            by_place.setdefault((completion.scope, completion.identity), []).append(completion)
        opened = []
        now: set[Place] = set()
        for place in sorted(by_place, key=_depth):
            found = by_place[place]
            at = found[0].node.event.time
            above = list(_above(place))
            if not now.isdisjoint(above):
                continue  # an inner completion by the very event that completes the outermost
            if any(self.until.get(p, at - 1) >= at for p in above):
                self.later += 1
                continue
            now.add(place)
            self.until[place] = at + self.window
            level = max(c.level for c in found)
            best = [c for c in found if c.level == level]
            opened.append((best[0], [c.node for c in best]))
        return opened

    def expire(self, now: int) -> None:
        for place in [p for p, until in self.until.items() if until < now]:
            del self.until[place]


def _depth(place: Place) -> int:
    _, identity = place
    return sum(1 for _ in ancestry(identity[0])) if len(identity) == 1 and isinstance(identity[0], Process) else 0


def _above(place: Place) -> Iterable[Place]:
    """The identity itself and, for a process, those of its ancestors."""
    scope, identity = place
    if len(identity) == 1 and isinstance(identity[0], Process):
        for process in ancestry(identity[0]):
            yield scope, (process,)
    else:
        yield place
