"""An edge made ready to run: its tests compiled, its slots as positions in the live key before it.

Made once by `matcher` for each edge of its automaton.
"""

from collections.abc import Hashable
from typing import Any

from ..event import Event
from .automaton import LEVEL, Edge, State
from .conditions import Test
from .fields import unchanged
from .readings import FieldOf, Reading, as_parent, looking_back
from .siblings import kept_name

Key = tuple[Hashable, ...]


class Way:
    """An edge made ready to run: tests compiled, slots as positions."""

    def __init__(self, number: int, edge: Edge, source: State | None, target: State, index: int | None) -> None:
        self.number = number
        self.edge = edge
        self.source = source
        self.index = index
        layout = {slot: i for i, slot in enumerate(source.layout)} if source is not None else {}
        self.joins = edge.joins
        self.joined_fields = {j.field: FieldOf(j.field) for j in edge.joins if j.how in ("value", "entity")}
        self.join_at = tuple(layout[j.slot] for j in edge.joins)

        slots = {(capture, field): layout[slot] for capture, field, slot in edge.reads} if layout else {}

        def slot_of(capture: str, field: str) -> int:
            return slots[capture, field]

        self.may_coincide = (
            source is not None
            and not edge.least
            and not edge.inside
            and any(p.base == "open" for e in source.edges for p in e.step.parts)
        )
        self._back: tuple[Test, ...] = ()
        self._back_by_parent: tuple[Test, ...] = ()
        if source is not None:
            self._back = looking_back(edge.step, slot_of, unchanged)
            self._back_by_parent = looking_back(edge.step, slot_of, as_parent) if self._back else ()
        names = {edge.step.capture, edge.capture, kept_name(edge.step)} - {None}
        self.build = tuple(self._source_of(slot, layout, {str(n) for n in names}) for slot in target.layout)

    def _source_of(self, slot: str, layout: dict[str, int], captures: set[str]) -> tuple[str, Any]:
        if slot == LEVEL:
            return "level", layout.get(LEVEL)
        if slot == f"#{self.edge.number}":
            return "introduced", None
        if slot == f"@{self.edge.number}":
            return "actor", None
        capture, _, field = slot.partition(".")
        if slot[0] not in "#@" and capture in captures and slot not in layout:
            return "field", FieldOf(field)
        return "kept", layout[slot]

    def holds(self, before: Key, event: Event, reading: Reading) -> bool:
        """Whether what the step asks of earlier captures is true."""
        return all(test(event, before) is True for test in (self._back_by_parent if reading.by_parent else self._back))

    def key(self, before: Key, event: Event, reading: Reading) -> Key:
        """The live key after this edge."""
        values: list[Hashable] = []
        for how, at in self.build:
            if how == "kept":
                values.append(before[at])
            elif how == "introduced":
                values.append(reading.introduced)
            elif how == "actor":
                values.append(reading.actor)
            elif how == "level":
                values.append((0 if at is None else before[at]) + self.edge.optional)
            else:
                values.append(at(event, reading))
        return tuple(values)
