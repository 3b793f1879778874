"""Finds the format of a record: the first that fits, in the order of `load_formats`.

Streams may mix formats line by line, but mostly go on as they began, so the last answer is tried first, and stands
unless an earlier format that is not plainly another fits too: the answer never depends on what came before. Of fifty
formats nearly all miss their outermost key, so those keys are read in one go, and the few that are there decide who is
asked (for Windows events 8 µs a record less than asking them all). Used by `intake.normalise`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .format import Condition, Format, Recognition

Matches = Callable[[Any], bool]
Heads = Callable[[tuple[str, ...]], Callable[[Any], tuple[Any, ...]]]


class Recogniser:
    """Formats with a test each; knows the last answer. `heads` gives the function that reads outermost keys."""

    def __init__(self, formats: tuple[Format, ...], tests: tuple[Matches, ...], heads: Heads) -> None:
        counts = Counter(key for format in formats for keys in _outermost(format) for key in set(keys))
        # Of each some outermost keys, of which it has one, and the fewest others have any; none where it needs none.
        self._heads = tuple(
            min(_outermost(f), key=lambda keys: (len(keys), sum(counts[key] for key in keys)), default=())
            for f in formats
        )
        self._tests = tests
        # For each format the earlier ones that may fit the same record.
        self._rivals = tuple(
            self._one_of([e for e in range(at) if not excludes(formats[e].recognise, formats[at].recognise)], heads)
            for at in range(len(formats))
        )
        self._any = self._one_of(range(len(formats)), heads)
        self._last = 0

    def find(self, record: Any) -> int | None:
        """The place of the format of a record, None where none fits."""
        last = self._last
        if self._tests and self._tests[last](record):
            earlier = self._rivals[last](record)
            if earlier is None:
                return last
            self._last = earlier
            return earlier
        found = self._any(record)
        if found is not None:
            self._last = found
        return found

    def _one_of(self, places: Iterable[int], heads: Heads) -> Callable[[Any], int | None]:
        """The function that finds the first of some formats that fits."""
        headless, headed, tests = [], defaultdict(list), self._tests
        for at in places:
            if not self._heads[at]:
                headless.append(at)
            for key in self._heads[at]:
                headed[key].append(at)
        read, owners = heads(tuple(headed)), tuple(headed.values())
        nothing = (None,) * len(owners)

        def find(record: Any) -> int | None:
            values = read(record)
            asked = headless
            if values != nothing:
                there = (at for ats, value in zip(owners, values, strict=True) if value is not None for at in ats)
                asked = sorted({*there, *headless})
            for at in asked:
                if tests[at](record):
                    return at
            return None

        return find


def _outermost(format: Format) -> list[tuple[str, ...]]:
    """For each thing that every record of a format has, the outermost keys at which that may stand."""
    return [tuple(dict.fromkeys(path[0] for path in group)) for group in format.recognise.has]


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
