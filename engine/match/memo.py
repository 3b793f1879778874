"""Answers about texts, remembered: telemetry repeats its programs, paths and names.

A look-up of a known text is one dictionary access; it is not a cache of events, and it forgets all at once when full.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# Of 170,000 real Sysmon records (12 attack data sets) 99.8 of 100 look-ups of a program hit, 94 of a destination, 32 of
# a written file's path, and with an eighth of the entries hardly fewer. An answer costs 2 to 6 µs, remembered 0.1 µs.
ENTRIES = 4096
LONGEST = 1024  # a longer text is answered and not kept, so that a hostile one costs time and not memory


class Memo(dict[str, T], Generic[T]):
    """`memo[text]` is `answer(text)`, computed once while it is remembered."""

    def __init__(self, answer: Callable[[str], T]) -> None:
        self._answer = answer

    def __missing__(self, text: str) -> T:
        found = self._answer(text)
        if len(text) <= LONGEST:
            if len(self) >= ENTRIES:
                self.clear()
            self[text] = found
        return found


def is_short(value: Any) -> bool:
    """Whether a value of telemetry may be part of a key: a text that is not too long, or none."""
    return value is None or (isinstance(value, str) and len(value) <= LONGEST)
