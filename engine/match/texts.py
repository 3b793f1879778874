"""Words of everything that has no rules of its own: text with wildcards, numbers, sizes, truths. Called by `words`."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from chainrun.dsl.model import Word

from .equality import is_number, same_id
from .globs import any_of, anything, is_wild, plain, spelled
from .memo import Memo


class Texts:
    """A set of text words; `holds[text]` is whether a text is one of them. Case counts unless `folded` (`like`)."""

    def __init__(self, words: Iterable[Word], *, folded: bool = False) -> None:
        texts = [spelled(w).casefold() if folded else spelled(w) for w in words]
        self._fold = folded
        self._exact = frozenset(plain(t) for t in texts if not is_wild(t))
        self._is_wild = any_of(anything(t) for t in texts if is_wild(t))
        self.holds: Memo[bool] = Memo(self._holds)

    def _holds(self, text: str) -> bool:
        if self._fold:
            text = text.casefold()
        return text in self._exact or self._is_wild(text)


def ids(words: Iterable[Word]) -> Memo[bool]:
    """A set of entities' ids, of which a short one is the long one that begins so."""
    known = [plain(spelled(w)) for w in words]
    return Memo(lambda text: any(same_id(text, k) for k in known))


_UNITS = {
    "": 1, "%": 0.01, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30,
    "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
}  # fmt: skip
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(%|[KMG]B|ms|[smhd])?")


def number(text: str) -> int | float | None:
    """The number that a word writes, in bytes or microseconds where it has a unit."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > 40:
        return None
    value = float(found[1]) if "." in found[1] else int(found[1])
    return value * _UNITS[found[2] or ""]


def numbers(words: Iterable[Word]) -> Callable[[Any], bool | None]:
    """Whether a value is one of these numbers; unknown of what is no number."""
    known = frozenset(n for w in words if (n := number(w.text)) is not None)
    return lambda value: value in known if is_number(value) else None


def truths(words: Iterable[Word]) -> Callable[[Any], bool | None]:
    """Whether a value is one of `true` and `false`; unknown of what is neither."""
    known = frozenset(w.text.casefold() == "true" for w in words if w.text.casefold() in ("true", "false"))
    return lambda value: value in known if isinstance(value, bool) else None
