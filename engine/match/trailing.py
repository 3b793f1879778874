"""Absences that end a chain: matches that wait for their deadline, oldest first.

A match is complete when event time has passed its deadline and nothing came that must not. Each of several absences is
asked about at its own deadline; the last one completes.
"""

from collections.abc import Hashable, Iterator, Sequence
from heapq import heappop, heappush

from .automaton import State
from .groups import Node
from .watches import Watch

Key = tuple[Hashable, ...]


class Waiting:
    """A match of a final state that nothing has ended yet. `asked`: (deadline, absence) to come, the next last."""

    __slots__ = ("asked", "key", "node", "scope", "state")

    def __init__(self, state: State, key: Key, node: Node, scope: Hashable, asked: list[tuple[int, int]]) -> None:
        self.state = state
        self.key = key
        self.node = node
        self.scope = scope
        self.asked = asked


class Deadlines:
    """The matches that wait, in one queue."""

    def __init__(self, window: int | None) -> None:
        self.window = window
        self.watches: dict[int, list[tuple[Watch, tuple[int, ...], int | None]]] = {}
        self.queue: list[tuple[int, int, Waiting]] = []
        self.count = 0

    def __len__(self) -> int:
        return len(self.queue)

    def add_state(self, state: State, watches: Sequence[Watch]) -> None:
        """Make ready a final state whose absences these watches keep."""
        layout = {slot: i for i, slot in enumerate(state.layout)}
        self.watches[state.number] = [
            (watch, tuple(layout[slot] for slot in trailing.absence.slots), trailing.most)
            for trailing, watch in zip(state.trailing, watches, strict=True)
        ]

    def wait(self, state: State, key: Key, node: Node, scope: Hashable) -> None:
        """Let a match wait until its last deadline has passed."""
        over = [] if self.window is None else [node.start + self.window]
        asked = []
        for i, (watch, _, most) in enumerate(self.watches[state.number]):
            if not watch.certain:
                limits = over if most is None else [*over, node.event.time + most]
                asked.append((min(limits), i))
        latest = max(asked)[0]
        # what ends the match ends it up to the very end
        asked += [(latest, i) for i, (watch, _, _) in enumerate(self.watches[state.number]) if watch.certain]
        self._push(Waiting(state, key, node, scope, sorted(asked, reverse=True)))

    def _push(self, waiting: Waiting) -> None:
        self.count += 1
        heappush(self.queue, (waiting.asked[-1][0], self.count, waiting))

    def due(self, now: int) -> Iterator[tuple[int, list[Waiting]]]:
        """The matches that are complete once event time is `now`, by deadline."""
        while self.queue and self.queue[0][0] < now:
            at = self.queue[0][0]
            complete = []
            while self.queue and self.queue[0][0] == at:
                waiting = heappop(self.queue)[2]
                _, i = waiting.asked.pop()
                if self._happened(waiting, i):
                    continue
                if waiting.asked:
                    self._push(waiting)
                else:
                    complete.append(waiting)
            if complete:
                yield at, complete

    def is_proven(self, waiting: Waiting) -> bool:
        """Whether what must not come would have been seen, had it come."""
        event = waiting.node.event
        return all(watch.is_proven(event, event.order) for watch, _, _ in self.watches[waiting.state.number])

    def _happened(self, waiting: Waiting, i: int) -> bool:
        watch, at, _ = self.watches[waiting.state.number][i]
        last = watch.last(waiting.scope, [waiting.key[slot] for slot in at], waiting.node.event.order)
        return last is not None and last[0] > waiting.node.event.order
