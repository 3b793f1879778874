"""Destination words: addresses, networks and names by whole labels. Called by `words`.

`example.com` is that name, `*.example.com` any name below it and not the name itself; elsewhere a star stays within a
label. A name is never compared by substring: `notexample.com` ends in `example.com`.
"""

from collections.abc import Iterable

from chainrun.dsl.model import Word

from ..addresses import Networks, address, domain
from .globs import any_of, is_wild, plain, segments, spelled
from .memo import Memo


class Destinations:
    """A set of destination words; `holds[text]` is whether an address or name is in it, None where it is neither."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._networks = Networks()
        self._names: set[str] = set()
        self._above: set[str] = set()  # example.com of *.example.com
        wild: list[str] = []
        self._is_everything = False
        for word in words:
            text = spelled(word).removesuffix(".")
            below = text[2:] if text.startswith("*.") else ""
            if text == "*":
                self._is_everything = True
            elif not is_wild(text):
                if not self._networks.add(text):
                    self._names.add(domain(plain(text)) or "")
            elif below and not is_wild(below):
                self._above.add(domain(plain(below)) or "")
            elif below:
                wild.append(r"(?:[^.]+\.)+" + segments(below.casefold(), "."))
            else:
                wild.append(segments(text.casefold(), "."))
        self._names.discard("")
        self._above.discard("")
        self._is_wild_name = any_of(wild)
        self.holds: Memo[bool | None] = Memo(self._holds)

    def _holds(self, text: str) -> bool | None:
        found = address(text)
        if found is not None:
            return self._is_everything or found in self._networks
        name = domain(text)
        if name is None:
            return None
        if self._is_everything or name in self._names:
            return True
        dot = name.find(".")
        while dot >= 0:
            if name[dot + 1 :] in self._above:
                return True
            dot = name.find(".", dot + 1)
        return self._is_wild_name(name)
