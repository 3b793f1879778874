"""A table of what was used lately: bounded, and what is forgotten is what nobody asked for longest.

    [used longest ago ... used last]        full: the first eighth goes at once

One at a time would cost a walk over the gaps that those before it left in the dictionary: 30 µs each, of 100,000.
"""

from collections.abc import Hashable
from itertools import islice
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(dict[K, V]):
    """A dictionary of at most `most` entries. An entry is used when it is set, and by `use`; not by being looked at."""

    __slots__ = ("_newest", "most")

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self._newest: K | None = None  # used last, as it mostly is once more

    def use(self, key: K) -> V | None:
        """The value, if there is one; it is the one used last from now on."""
        if key == self._newest:
            return self.get(key)
        value = self.pop(key, None)
        if value is not None:
            dict.__setitem__(self, key, value)
            self._newest = key
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        if len(self) >= self.most:
            for old in list(islice(self, self.most // 8 or 1)):
                del self[old]
        dict.__setitem__(self, key, value)
        self._newest = key
