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

FREE, OPEN, NOW = "free", "open", "now"


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
        line = _Line(self.until)
        for place in sorted(by_place, key=line.depth):
            found = by_place[place]
            at = found[0].node.event.time
            answer = line.ask(place, at)
            if answer is not FREE:
                self.later += answer is OPEN
                continue
            line.take(place)
            self.until[place] = at + self.window
            level = max(c.level for c in found)
            best = [c for c in found if c.level == level]
            opened.append((best[0], [c.node for c in best]))
        return opened

    def expire(self, now: int) -> None:
        for place in [p for p, until in self.until.items() if until < now]:
            del self.until[place]


class _Line:
    """Whether places stand below an open alert. Of one event's identities most lie on one line of ancestors, so each
    process is asked once, however deep the nest."""

    def __init__(self, until: dict[Place, int]) -> None:
        self.until = until
        self.answers: dict[Place, str] = {}
        self.depths: dict[Process, int] = {}

    def depth(self, place: Place) -> int:
        """How many ancestors a process identity has; the outermost is asked first."""
        process = _process(place)
        if process is None:
            return 0
        path: list[Process] = []
        for row in ancestry(process):
            if row in self.depths:
                break
            path.append(row)
        above = path[-1].parent if path else None
        depth = self.depths.get(above, 0) if above is not None else 0
        for row in reversed(path):
            depth += 1
            self.depths[row] = depth
        return self.depths[process]

    def ask(self, place: Place, at: int) -> str:
        """OPEN below an alert of an earlier event, NOW below one of this event, else FREE."""
        scope, _ = place
        process = _process(place)
        path: list[Place] = []
        answer = FREE
        for above in [place] if process is None else ((scope, (row,)) for row in ancestry(process)):
            known = self.answers.get(above)
            if known is not None:
                answer = known
                break
            path.append(above)
            if self.until.get(above, at - 1) >= at:
                answer = OPEN
                break
        self.answers.update(dict.fromkeys(path, answer))
        return answer

    def take(self, place: Place) -> None:
        self.answers[place] = NOW


def _process(place: Place) -> Process | None:
    _, identity = place
    return identity[0] if len(identity) == 1 and isinstance(identity[0], Process) else None
