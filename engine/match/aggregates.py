"""Sliding aggregates: what a counted step measures, one value in and one value out at a time, exactly.

`count`, `distinct`, `sum` and `share` of docs/language.md. What is unknown never helps: a missing value is not counted,
and a share that must stay low takes it for a hit. Each says what it comes to alone, or together with another of its
kind, of other events.
"""

from fractions import Fraction
from typing import Any, Protocol

from chainrun.dsl.model import Measure

from .equality import is_number


class Aggregate(Protocol):
    def add(self, value: Any) -> None: ...
    def drop(self, value: Any) -> None: ...
    def value(self, other: Any = None) -> Any: ...


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

    __slots__ = ("true",)

    def __init__(self) -> None:
        self.true = 0

    def add(self, value: Any) -> None:
        self.true += value is True

    def drop(self, value: Any) -> None:
        self.true -= value is True

    def value(self, other: "_Count | None" = None) -> int:
        return self.true + (other.true if other is not None else 0)


class _Distinct:
    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: dict[Any, int] = {}  # how often each value is there

    def add(self, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                self.held[one] = self.held.get(one, 0) + 1

    def drop(self, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                self.held[one] -= 1
                if not self.held[one]:
                    del self.held[one]

    def value(self, other: "_Distinct | None" = None) -> int:
        if other is None:
            return len(self.held)
        few, many = sorted((self.held, other.held), key=len)
        return len(many) + sum(value not in many for value in few)


class _Sum:
    """Whole numbers add up as they are, others as fractions: what goes in comes out without a rest."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total: int | Fraction = 0

    def add(self, value: Any) -> None:
        self.total += _exact(value)

    def drop(self, value: Any) -> None:
        self.total -= _exact(value)

    def value(self, other: "_Sum | None" = None) -> int | Fraction:
        return self.total + (other.total if other is not None else 0)


def _exact(value: Any) -> int | Fraction:
    if not is_number(value) or value in (float("inf"), float("-inf")):
        return 0
    return value if isinstance(value, int) else Fraction(value)


class _Share:
    __slots__ = ("all", "hits", "unknown")

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

    def value(self, other: "_Share | None" = None) -> float:
        hits, all = (self.hits, self.all) if other is None else (self.hits + other.hits, self.all + other.all)
        return hits / all if all else 0.0
