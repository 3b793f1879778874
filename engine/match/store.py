"""Where a chain's partial matches are kept: the groups of each state, found by the values that an edge joins on.

A state has one index for each set of slots that an edge out of it joins on, so that the groups which an event can
follow are one look-up away, however many there are. Used by `matcher` alone.
"""

from collections.abc import Hashable, Sequence
from typing import Any

from .automaton import Edge, State
from .groups import Group, Node

Key = tuple[Any, ...]
Table = dict[Hashable, dict[Key, Group]]  # (scope, joined values) -> live key -> group


class Store:
    """The groups of one automaton's states."""

    def __init__(self, states: Sequence[State]) -> None:
        self.groups: list[dict[tuple[Hashable, Key], Group]] = [{} for _ in states]
        self.indices: list[list[tuple[tuple[int, ...], Table]]] = [[] for _ in states]
        self._steps = _steps_upto(states)
        self._trails = any(state.trailing for state in states)
        # a least time asks for the middle of a log, and so does which start is over first
        waited_for = {edge.source for state in states for edge in state.edges if edge.least}
        self._whole = [self._trails or state.number in waited_for for state in states]
        self._joined = {edge.source for state in states for edge in state.edges}

    def __len__(self) -> int:
        """How many partial matches are kept apart."""
        return sum(map(len, self.groups))

    def index(self, edge: Edge, source: State) -> int:
        """Which of a state's indices has the groups by what an edge out of it joins on; made where there is none."""
        at = tuple(source.layout.index(j.slot) for j in edge.joins)
        indices = self.indices[source.number]
        for i, (slots, _) in enumerate(indices):
            if slots == at:
                return i
        indices.append((at, {}))
        return len(indices) - 1

    def table(self, source: State, index: int) -> Table:
        """The groups of a state, by one of its indices."""
        return self.indices[source.number][index][1]

    def leads_on(self, state: State) -> bool:
        """Whether anything follows on a state."""
        return state.number in self._joined

    def append(self, state: State, key: Key, node: Node, scope: Hashable) -> None:
        """Add a node to the group of its state, scope and live key."""
        groups = self.groups[state.number]
        group = groups.get((scope, key))
        if group is None:
            steps, whole = self._steps[state.number], self._whole[state.number]
            group = groups[scope, key] = Group(state.number, scope, key, steps, whole, ordered=self._trails)
            for slots, table in self.indices[state.number]:
                table.setdefault((scope, tuple([key[at] for at in slots])), {})[key] = group
        group.append(node)

    def expire(self, horizon: int) -> None:
        """Forget what began before a moment."""
        for number, groups in enumerate(self.groups):
            dead = []
            for place, group in groups.items():
                if group.peaks.nodes[0].start < horizon:  # every partial match here began before that
                    dead.append(place)
                else:
                    group.trim(horizon)
            for scope, key in dead:
                del groups[scope, key]
                for slots, table in self.indices[number]:
                    place = (scope, tuple(key[at] for at in slots))
                    bucket = table[place]
                    del bucket[key]
                    if not bucket:
                        del table[place]


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
