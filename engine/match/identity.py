"""One alert a causal chain: which completions open an alert, and which belong to one already open.

An alert's identity is its scope and what the last required step hangs on. A process that descends from the identity of
an open alert belongs to that alert; of several completions by one event the outermost counts.
"""

from collections.abc import Hashable, Iterable

from ..process import Process
from .completion import Completion
from .lineage import ancestry

HOUR = 3_600_000_000
Place = tuple[Hashable, tuple[Hashable, ...]]
Completions = list[Completion]

FREE, OPEN, NOW = "free", "open", "now"


class Identities:
    """The open alerts of one chain: (scope, identity) -> until when further completions only count. `inherited`: what
    descends from an identity belongs to its alert; `once per` has nothing inherited. `open_for`: how long an alert is
    open."""

    def __init__(self, open_for: int | None, inherited: bool = True) -> None:
        self.open_for = open_for if open_for is not None else HOUR
        self.inherited = inherited
        self.until: dict[Place, int] = {}
        self.later = 0

    def take(self, completions: Iterable[Completion]) -> tuple[list[Completions], list[tuple[Place, Completions]]]:
        """The completions of one moment that open an alert, each with the others of its matches of the highest
        completeness; and those that belong to an alert that is open, by its place, which are counted in `later`."""
        by_place: dict[Place, list[Completion]] = {}
        for completion in completions:
            by_place.setdefault(self.place(completion), []).append(completion)
        opened: list[Completions] = []
        added: list[tuple[Place, Completions]] = []
        line = _Line(self.until, self.inherited)
        for place in sorted(by_place, key=line.depth):
            found = by_place[place]
            at = found[0].at
            answer, owner = line.ask(place, at)
            for completion in found:
                completion.until = self.until[owner] if answer is OPEN else at + self.open_for
            required = _fullest([c for c in found if not c.state.extra])
            extra = _fullest([c for c in found if c.state.extra])
            if answer is OPEN:
                self.later += bool(required)
                added += [(owner, each) for each in (required, extra) if each]
            elif answer is FREE and required:
                line.take(place)
                self.until[place] = at + self.open_for
                opened.append(required)
        return opened, added

    def place(self, completion: Completion) -> Place:
        """What tells its alert from others: its scope and identity, or what `once per` says and nothing else."""
        return (completion.scope if self.inherited else None), completion.identity

    def expire(self, now: int) -> None:
        for place in [p for p, until in self.until.items() if until < now]:
            del self.until[place]


def _fullest(found: Completions) -> Completions:
    """Those of the highest completeness."""
    level = max((c.level for c in found), default=0)
    return [c for c in found if c.level == level]


class _Line:
    """Whether places stand below an open alert. Of one event's identities most lie on one line of ancestors, so each
    process is asked once, however deep the nest."""

    def __init__(self, until: dict[Place, int], inherited: bool) -> None:
        self.until = until
        self.inherited = inherited
        self.answers: dict[Place, tuple[str, Place]] = {}
        self.depths: dict[Process, int] = {}

    def depth(self, place: Place) -> int:
        """How many ancestors a process identity has; the outermost is asked first."""
        process = _process(place) if self.inherited else None
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

    def ask(self, place: Place, at: int) -> tuple[str, Place]:
        """OPEN below an alert of an earlier event, NOW below one of this event, else FREE; and whose alert it is."""
        scope, _ = place
        process = _process(place) if self.inherited else None
        path: list[Place] = []
        answer = FREE, place
        for above in [place] if process is None else ((scope, (row,)) for row in ancestry(process)):
            known = self.answers.get(above)
            if known is not None:
                answer = known
                break
            path.append(above)
            if self.until.get(above, at - 1) >= at:
                answer = OPEN, above
                break
        self.answers.update(dict.fromkeys(path, answer))
        return answer

    def take(self, place: Place) -> None:
        self.answers[place] = NOW, place


def _process(place: Place) -> Process | None:
    _, identity = place
    return identity[0] if len(identity) == 1 and isinstance(identity[0], Process) else None
