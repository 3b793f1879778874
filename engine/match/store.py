"""Where a chain's partial matches are kept: the groups of each state, found by the values that an edge joins on.

A state has one index for each set of slots that an edge out of it joins on, so that the groups which an event can
follow are one look-up away, however many there are. Where these are all the slots that there are, as mostly, the table
of the groups is the index, and a group of one node is that node. Used by `matcher` alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from ..process import Process
from .automaton import Edge, Scope, State
from .budget import Budget, Holding, Measure, cut, nodes_of
from .groups import Group, Node

Key = tuple[Any, ...]
Held = Group | Node
FOREVER = 1 << 62
Table = dict[Scope, dict[Key, Held]]  # by live key
Index = dict[Scope, dict[Key, dict[Key, Held]]]  # by joined values, then by live key


class Store:
    """The groups of one automaton's states. `created`, `expired`, `evicted`: how many there have been, and
    have gone again, when their window had passed or for lack of room."""

    def __init__(self, states: Sequence[State], window: int | None = None) -> None:
        self.created = 0
        self.expired = 0
        self.evicted = 0
        self.window = window if window is not None else FOREVER
        self.budget: Budget | None = None
        self.groups: list[Table] = [{} for _ in states]
        # by what they join on; the first is the table itself
        self.slots = [[tuple(range(len(state.layout)))] for state in states]
        self.indices: list[list[Index]] = [[] for _ in states]
        self._steps = _steps_upto(states)
        self._is_beyond = [len(steps) > 1 for steps in self._steps]
        self._trails = any(state.trailing for state in states)
        # a least time asks for the middle of a log, and so does which start is over first
        waited_for = {edge.source for state in states for edge in state.edges if edge.least}
        self._whole = [self._trails or state.number in waited_for for state in states]
        self._joined = {edge.source for state in states for edge in state.edges}
        self._loops = [any(edge.source == state.number for edge in state.edges) for state in states]

    def __len__(self) -> int:
        """How many partial matches are kept apart."""
        return sum(len(groups) for table in self.groups for groups in table.values())

    def index(self, edge: Edge, source: State) -> int:
        """Which of a state's indices has the groups by what an edge out of it joins on; made where there is none."""
        at = tuple(source.layout.index(j.slot) for j in edge.joins)
        slots = self.slots[source.number]
        if at not in slots:
            slots.append(at)
            self.indices[source.number].append({})
        return slots.index(at)

    def find(self, state: int, index: int, scope: Scope, wanted: Key) -> Iterable[tuple[Key, Held]]:
        """The groups of a state, each with its live key, that have these values in the slots of an index."""
        if index:
            bucket: dict[Key, Held] = self.indices[state][index - 1].get(scope, _NONE).get(wanted, _NONE)
            return bucket.items()
        held: Held | None = self.groups[state].get(scope, _NONE).get(wanted)
        return ((wanted, held),) if held is not None else ()

    def leads_on(self, state: State) -> bool:
        """Whether anything follows on a state."""
        return state.number in self._joined

    def append(self, state: State, key: Key, node: Node, scope: Scope) -> None:
        """Add a node to the group of its state, scope and live key."""
        number = state.number
        if self.budget is not None:
            self.budget.add(node)
        if self._is_beyond[number]:
            self._need(key, node.start + self.window)
        table = self.groups[number]
        groups = table.get(scope)
        if groups is None:
            groups = table[scope] = {}
        held = groups.get(key)
        if isinstance(held, Group):
            held.append(node)
            return
        if held is None:
            self.created += 1
        if held is None and self._may_stand_alone(number):
            groups[key] = node
        else:
            group = groups[key] = Group(number, self._steps[number], self._whole[number], ordered=self._trails)
            if held is not None:
                group.append(held)
            group.append(node)
            for slots, index in zip(self.slots[number][1:], self.indices[number], strict=True):
                joined = tuple([key[at] for at in slots])
                index.setdefault(scope, {}).setdefault(joined, {})[key] = group

    @staticmethod
    def _need(key: Key, until: int) -> None:
        """Lets lineage know of whom a match beyond its first step hangs on."""
        for value in key:
            if type(value) is Process and value.needed < until:
                value.needed = until

    def _may_stand_alone(self, number: int) -> bool:
        """Whether a group of one node can be that node."""
        return not (self.indices[number] or self._trails or self._loops[number])

    def expire(self, horizon: int) -> Iterator[tuple[int, int]]:
        """Forget what began before a moment; gives the states of which whole groups went, and how many."""
        for number, table in enumerate(self.groups):
            emptied, count = [], 0
            for scope, groups in table.items():
                dead = [key for key, held in groups.items() if held.expire(horizon)]
                count += len(dead)
                self.expired += len(dead)
                for key in dead:
                    self._remove(number, scope, key)
                if not groups:
                    emptied.append(scope)
            for scope in emptied:
                del table[scope]
            if count:
                yield number, count

    def holdings(self, measure: Measure) -> Iterator[Holding]:
        """What is held, for the budget."""
        for number in reversed(range(len(self.groups))):
            depth = len(self._steps[number])
            for scope, groups in self.groups[number].items():
                for key, held in groups.items():
                    drop = partial(self._give_up, number, scope, key)
                    size = measure(nodes_of(held))
                    yield Holding(held.oldest.host, depth, held.latest + self.window, size, partial(cut, held), drop)

    def settle(self) -> None:
        """Nothing is left to do for what was given up."""

    def _give_up(self, number: int, scope: Scope, key: Key) -> None:
        self.evicted += 1
        self._remove(number, scope, key)
        if not self.groups[number][scope]:
            del self.groups[number][scope]

    def _remove(self, number: int, scope: Scope, key: Key) -> None:
        held = self.groups[number][scope].pop(key)
        if self._loops[number] and isinstance(held, Group):
            held.close()
        if self.indices[number]:
            self._unlist(number, scope, key)

    def _unlist(self, number: int, scope: Scope, key: Key) -> None:
        for slots, index in zip(self.slots[number][1:], self.indices[number], strict=True):
            joined = tuple([key[at] for at in slots])
            found = index[scope]
            del found[joined][key]
            if not found[joined]:
                del found[joined]
            if not found:
                del index[scope]


_NONE: dict[Key, Any] = {}


def _steps_upto(states: Sequence[State]) -> list[frozenset[int]]:
    """For each state, the numbers of the steps on any way to it."""
    found: list[frozenset[int]] = []
    for state in states:
        steps = {edge.step.number for edge in state.edges}
        for edge in state.edges:
            if edge.source is not None and edge.source != state.number:
                steps |= found[edge.source]
        found.append(frozenset(steps))
    return found
