"""How far a chain got: what an event was for its steps, and where it led to nothing, what stood in its way.

Counted by `matcher` in every run: for an event that finds its place nothing is noted, and for one that does not, the
furthest that it came. What no stop is noted for found nothing that it could follow. Read off by `report.funnel`.
"""

from collections.abc import Collection
from enum import IntEnum


class Stop(IntEnum):
    """What kept an event that is a step by itself from its place in a match, the nearest to a match last."""

    UNKNOWN = 0  # it does not say what the step is joined by
    CONDITION = 1  # it compares otherwise with what was captured
    LIMIT = 2  # too early or too late for its arrow
    WINDOW = 3  # past the chain's window
    KILLED = 4  # what must not lie between did
    PRIOR = 5  # what must not have happened before did, or may have
    COUNT = 6  # too few of them
    EXCEPTED = 7  # an exception on the step


class Counts:
    """One step: how many events satisfied it alone, how many found a predecessor too, what stopped the others; and how
    many groups of partial matches ended there and were given up when their window had passed."""

    __slots__ = ("expired", "linked", "satisfied", "stopped")

    def __init__(self) -> None:
        self.satisfied = 0
        self.linked = 0
        self.stopped = [0] * len(Stop)
        self.expired = 0


class Progress:
    """The counts of all steps of a chain. `at_event`: what stopped the event at hand at each step, so far."""

    __slots__ = ("at_event", "steps")

    def __init__(self, steps: Collection[int]) -> None:
        self.steps = {number: Counts() for number in steps}
        self.at_event: dict[int, Stop] = {}

    def stop(self, number: int, what: Stop) -> None:
        """Note what stopped the event at a step, on one of its ways there."""
        if what >= self.at_event.get(number, what):
            self.at_event[number] = what

    def settle(self, linked: Collection[int]) -> None:
        """Count what stopped the event, at the steps that it did not come to on any way."""
        for number, what in self.at_event.items():
            if number not in linked:
                self.steps[number].stopped[what] += 1
        self.at_event.clear()
