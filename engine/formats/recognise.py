"""Finds the format of a record: the first that fits, in the order of `load_formats`.

Streams may mix formats line by line, but mostly go on as they began, so the last answer is tried first, and stands
unless an earlier format that is not plainly another fits too: the answer never depends on what came before. Used by
`intake.normalise`.
"""

from collections.abc import Callable
from typing import Any

from .format import Condition, Format, Recognition

Matches = Callable[[Any], bool]


class Recogniser:
    """Formats with a test each; knows the last answer."""

    def __init__(self, formats: tuple[Format, ...], tests: tuple[Matches, ...]) -> None:
        self._tests = tests
        # For each format the earlier ones that may fit the same record.
        self._rivals = tuple(
            tuple(tests[e] for e in range(at) if not excludes(formats[e].recognise, formats[at].recognise))
            for at in range(len(formats))
        )
        self._last = 0

    def find(self, record: Any) -> int | None:
        """The place of the format of a record, None where none fits."""
        last = self._last
        if self._tests and self._tests[last](record):
            for rival in self._rivals[last]:
                if rival(record):
                    break
            else:
                return last
        for at, test in enumerate(self._tests):
            if test(record):
                self._last = at
                return at
        return None


def excludes(one: Recognition, other: Recognition) -> bool:
    """Whether no record can fit both, as far as what they ask for tells."""
    return _lacks(one, other) or _lacks(other, one) or _differs(one.conditions, other.conditions)


def _lacks(one: Recognition, other: Recognition) -> bool:
    lacks = set(one.lacks)
    return any(lacks.issuperset(group) for group in other.has)


def _differs(one: tuple[Condition, ...], other: tuple[Condition, ...]) -> bool:
    return any(
        a.readings == b.readings
        and a.values is not None
        and b.values is not None
        and not (a.negated or b.negated)
        and a.values.isdisjoint(b.values)
        for a in one
        for b in other
    )
