"""Sliding aggregates: what a counted step measures, one value in and one value out at a time, exactly.

`count`, `distinct`, `sum` and `share` of docs/language.md. What is unknown never helps: a missing value is not counted,
and a share that must stay low takes it for a hit.
"""

from collections import Counter
from fractions import Fraction
from typing import Any, Protocol

from chainrun.dsl.model import Measure

from .equality import is_number


class Aggregate(Protocol):
    def add(self, value: Any) -> None: ...
    def drop(self, value: Any) -> None: ...
    @property
    def value(self) -> Any: ...


def aggregate(measure: Measure) -> Aggregate:
    """A new aggregate, of nothing."""
    match measure.function:
        case "distinct":
            return _Distinct()
        case "sum":
            return _Sum()
        case "share":
            return _Share(unknown=measure.op in ("<", "<="))
        case _:
            return _Count()


class _Count:
    """How many are true: of a plain count, all."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, value: Any) -> None:
        self.value += value is True

    def drop(self, value: Any) -> None:
        self.value -= value is True


class _Distinct:
    def __init__(self) -> None:
        self.held: Counter[Any] = Counter()

    def add(self, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                self.held[one] += 1

    def drop(self, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                self.held[one] -= 1
                if not self.held[one]:
                    del self.held[one]

    @property
    def value(self) -> int:
        return len(self.held)


class _Sum:
    """Whole numbers add up as they are, others as fractions: what goes in comes out without a rest."""

    def __init__(self) -> None:
        self.value: int | Fraction = 0

    def add(self, value: Any) -> None:
        self.value += _exact(value)

    def drop(self, value: Any) -> None:
        self.value -= _exact(value)


def _exact(value: Any) -> int | Fraction:
    if not is_number(value) or value in (float("inf"), float("-inf")):
        return 0
    return value if isinstance(value, int) else Fraction(value)


class _Share:
    def __init__(self, unknown: bool) -> None:
        self.unknown = unknown
        self.hits = 0
        self.all = 0

    def is_hit(self, value: Any) -> bool:
        return value is True or (self.unknown and value is None)

    def add(self, value: Any) -> None:
        self.hits += self.is_hit(value)
        self.all += 1

    def drop(self, value: Any) -> None:
        self.hits -= self.is_hit(value)
        self.all -= 1

    @property
    def value(self) -> float:
        return self.hits / self.all if self.all else 0.0
