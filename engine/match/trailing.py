"""Absences that end a chain: matches that wait for their deadline, oldest first.

A match is complete when event time has passed its deadline and nothing came that must not. Each of several absences is
asked about at its own deadline; the last one completes. Of the matches that end in one event those that began earliest
are over first, and what comes before their deadline ends all of them; so one of them waits at a time.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import partial
from heapq import heapify, heappop, heappush

from .automaton import Scope, State
from .budget import Budget, Holding, Measure
from .groups import Node
from .starts import NEVER, earliest
from .watches import Watch

Key = tuple[Hashable, ...]


# All steps of a match that waits for its deadline are there: it is given up last.
DEEPEST = 1 << 30


class Waiting:
    """The matches that end in one node and that nothing has ended yet.

    start    when exactly those began that are over next; None: all whose window lasts as long
    latest   the last deadline that any match here can have, if something but the window sets one
    asked    (deadline, absence) to come, the next last
    """

    __slots__ = ("asked", "key", "latest", "node", "scope", "start", "state")

    def __init__(self, state: State, key: Key, node: Node, scope: Scope) -> None:
        self.state = state
        self.key = key
        self.node = node
        self.scope = scope
        self.start: int | None = None
        self.latest: int | None = None
        self.asked: list[tuple[int, int]] = []


class Deadlines:
    """The matches that wait, in one queue. `begun`: how many ever did; those that no longer do were `completed` by
    their last deadline, or `killed` by what must not happen, or `evicted` for lack of room."""

    def __init__(self, window: int | None) -> None:
        self.begun = 0
        self.completed = 0
        self.killed = 0
        self.evicted = 0
        self.window = window
        self.watches: dict[int, list[tuple[Watch, tuple[int, ...], int | None]]] = {}
        self.budget: Budget | None = None
        self.queue: list[tuple[int, int, Waiting]] = []
        self._given_up: set[int] = set()  # by count
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

    def wait(self, state: State, key: Key, node: Node, scope: Scope) -> None:
        """Let the matches that end in a node wait until their last deadline has passed."""
        if self.budget is not None:
            self.budget.add(node)
        waiting = Waiting(state, key, node, scope)
        limits = [most for watch, _, most in self.watches[state.number] if not watch.certain]
        if None not in limits:
            waiting.latest = node.event.time + max(most for most in limits if most is not None)
        self._wait(waiting, node.event.time - (self.window or 0))

    def again(self, waiting: Waiting, at: int, after: int) -> None:
        """Let those wait whose last deadline comes after a moment, if there are any; others were complete `at` one."""
        if self.window is not None and (waiting.latest is None or waiting.latest > after):
            self._wait(waiting, after - self.window + 1, at)

    def _wait(self, waiting: Waiting, horizon: int, asked_until: int | None = None) -> None:
        """Let the earliest that began from `horizon` on wait. What was asked about by then happened to none of them."""
        node, watches = waiting.node, self.watches[waiting.state.number]
        over: list[int] = []
        if self.window is not None:
            start = earliest(node, horizon)
            if start == NEVER:
                return
            over.append(start + self.window)
            is_last = waiting.latest is not None and waiting.latest <= over[0]
            waiting.start = None if is_last else start
        asked = []
        for i, (watch, _, most) in enumerate(watches):
            if not watch.certain:
                limits = over if most is None else [*over, node.event.time + most]
                asked.append((min(limits), i))
        last = max(asked)[0]
        # what ends the match ends it up to the very end
        asked += [(last, i) for i, (watch, _, _) in enumerate(watches) if watch.certain]
        waiting.asked = sorted((a for a in asked if asked_until is None or a[0] > asked_until), reverse=True)
        self.begun += 1
        self._push(waiting)

    def _push(self, waiting: Waiting) -> None:
        self.count += 1
        heappush(self.queue, (waiting.asked[-1][0], self.count, waiting))

    def due(self, now: int, host: str | None = None) -> Iterator[tuple[int, list[Waiting]]]:
        """The matches that are complete once event time is `now`, by deadline; with a `host`, where it is so there
        alone: those whose last event was on it."""
        if host is not None:
            yield from self._due_on(host, now)
            return
        while self.queue and self.queue[0][0] < now:
            at = self.queue[0][0]
            complete = []
            while self.queue and self.queue[0][0] == at:
                waiting = heappop(self.queue)[2]
                _, i = waiting.asked.pop()
                if self._happened(waiting, i):
                    self.killed += 1
                elif waiting.asked:
                    self._push(waiting)
                else:
                    self.completed += 1
                    complete.append(waiting)
            if complete:
                yield at, complete

    def _due_on(self, host: str, now: int) -> Iterator[tuple[int, list[Waiting]]]:
        """A handful of events at the very end ask for it."""
        others = [entry for entry in self.queue if entry[2].node.event.host != host]
        self.queue = [entry for entry in self.queue if entry[2].node.event.host == host]
        heapify(self.queue)
        yield from self.due(now)
        self.queue += others
        heapify(self.queue)

    def holdings(self, measure: Measure) -> Iterator[Holding]:
        """What is held, for the budget."""
        for at, count, waiting in self.queue:
            host, size = waiting.node.event.host, measure((waiting.node,))
            yield Holding(host, DEEPEST, at, size, int, partial(self._given_up.add, count))

    def settle(self) -> None:
        """Let go of what was given up."""
        self.evicted += len(self._given_up)
        self.queue = [entry for entry in self.queue if entry[1] not in self._given_up]
        heapify(self.queue)
        self._given_up = set()

    def is_proven(self, waiting: Waiting) -> bool:
        """Whether what must not come would have been seen, had it come."""
        event = waiting.node.event
        return all(
            watch.is_proven([waiting.key[slot] for slot in at], event, event.order)
            for watch, at, _ in self.watches[waiting.state.number]
        )

    def _happened(self, waiting: Waiting, i: int) -> bool:
        watch, at, _ = self.watches[waiting.state.number][i]
        last = watch.last(waiting.scope, [waiting.key[slot] for slot in at], waiting.node.event.order)
        return last is not None and last[0] > waiting.node.event.order
