"""A table of what was used lately: bounded, and what is forgotten is what nobody asked for longest.

    [used longest ago ... used last]        full: the first eighth goes at once

One at a time would cost a walk over the gaps that those before it left in the dictionary: 30 µs each, of 100,000. And
to move each to the end that is used would write the table anew over and over; so it is noted, and spared when its turn
has come.
"""

from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(dict[K, V]):
    """A dictionary of at most `most` entries. An entry is used when it is set, and by `use`; not by being looked at."""

    __slots__ = ("_used", "most")

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self._used: set[K] = set()  # since their turn came last

    def use(self, key: K) -> V | None:
        """The value, if there is one, which is used by that."""
        value = self.get(key)
        if value is not None:
            self._used.add(key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        if key in self:
            self._used.add(key)
        elif len(self) >= self.most:
            self._forget(self.most // 8 or 1)
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: K) -> None:
        dict.__delitem__(self, key)
        self._used.discard(key)

    def _is_needed(self, value: V) -> bool:
        """Whether a value is spared though it was not used."""
        return False

    def _forget(self, count: int) -> None:
        """Let so many go, the oldest of those that were not used; what was used is the youngest from now on."""
        used = self._used
        for old in list(self):
            if not count:
                break
            value = self.pop(old)
            if old in used or self._is_needed(value):
                used.discard(old)
                dict.__setitem__(self, old, value)
            else:
                count -= 1
