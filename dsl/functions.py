"""The functions of conditions: what each takes, gives and means, with its body beside it.

Pure functions over Python values; an unknown argument (None) makes the result unknown. The checker reads signatures,
the engine calls the bodies, `chainrun functions` and the documentation print the first lines. Every text comes from
telemetry and may be long or strange: each body is linear in it, or looks at a bounded beginning only.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from .nearest import edits
from .types import ValueType

TEXT, NUMBER, BOOLEAN, DURATION = ValueType.TEXT, ValueType.NUMBER, ValueType.BOOLEAN, ValueType.DURATION

COMPARED = 128  # characters that `similarity` looks at: it is quadratic
UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
EARTH_RADIUS_KM = 6371.0088  # the mean radius of the IUGG


class Function(msgspec.Struct, frozen=True):
    """A function of conditions. TEXT takes every textual type (programs, paths, …).

    takes     the types of its arguments; the last one repeats where `repeats`
    lists     whether a list may be passed (elsewhere a list is refused)
    greatest  where a set of words may be the second argument: makes of its words the function of the first, which
              gives the greatest result
    body      called with the arguments' values, None for unknown; None where the evaluator itself knows what to do,
              because the function asks about the unknown (`exists`, `at_least`)
    """

    name: str
    takes: tuple[ValueType, ...]
    gives: ValueType
    doc: str
    body: Callable[..., Any] | None = None
    names: tuple[str, ...] = ()
    repeats: bool = False
    lists: bool = False
    greatest: Callable[[tuple[str, ...]], Callable[[str], Any]] | None = None

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.names)}{', …' if self.repeats else ''})"


FUNCTIONS: dict[str, Function] = {}


def _function(
    gives: ValueType,
    *takes: ValueType,
    special: bool = False,
    repeats: bool = False,
    lists: bool = False,
    greatest: Callable[[tuple[str, ...]], Callable[[str], Any]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            return None if any(v is None for v in values) else body(*values)

        names = body.__code__.co_varnames[: body.__code__.co_argcount]
        name = body.__name__.rstrip("_")
        doc = " ".join((body.__doc__ or "").split())
        FUNCTIONS[name] = Function(name, takes, gives, doc, None if special else call, names, repeats, lists, greatest)
        return call

    return declare


@_function(NUMBER, TEXT, lists=True)
def length(text: Any) -> int:
    """How many characters a text has, or elements a list."""
    return len(text)


@_function(TEXT, TEXT)
def lower(text: str) -> str:
    """The text in lower case."""
    return text.lower()


@_function(TEXT, TEXT)
def upper(text: str) -> str:
    """The text in upper case."""
    return text.upper()


def _cut(path: str) -> int:
    """Where the last part of a path begins. A backslash separates only where the path is one of Windows: on Linux it
    may be part of a name."""
    windows = "/" not in path or path.startswith("\\\\") or path[1:3] in (":\\", ":/")
    return max(path.rfind("/"), path.rfind("\\") if windows else -1) + 1


@_function(TEXT, TEXT)
def basename(path: str) -> str:
    """The last part of a path: `basename("/tmp/a.sh")` is `a.sh`."""
    return path[_cut(path) :]


@_function(TEXT, TEXT)
def dirname(path: str) -> str:
    """The folder of a path: `dirname("/tmp/a.sh")` is `/tmp`."""
    cut = _cut(path)
    return path[: max(cut - 1, 0)] or path[:cut]


@_function(TEXT, TEXT)
def extension(path: str) -> str:
    """What follows the last dot of a path's last part, in lower case: `extension("a.tar.GZ")` is `gz`; else empty."""
    name = path[_cut(path) :]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if dot > 0 else ""


@_function(NUMBER, TEXT)
def entropy(text: str) -> float:
    """Shannon's entropy in bits a character: about 4 for words, above 5 for packed or random text."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def _most_similar(words: tuple[str, ...]) -> Callable[[str], float | None]:
    """Edits are counted only where the letters that two texts share leave room for more than was found already."""
    known = [(folded, Counter(folded)) for folded in (word[:COMPARED].casefold() for word in words)]

    def most(text: str) -> float | None:
        text = text[:COMPARED].casefold()
        own, best = Counter(text), None
        bounds = [
            ((own & letters).total() / max(len(text), len(word)) if text or word else 1.0, word)
            for word, letters in known
        ]
        for bound, word in sorted(bounds, reverse=True):
            if best is not None and bound <= best:
                break
            best = max(best or 0.0, similarity(text, word))
        return best

    return most


@_function(NUMBER, TEXT, TEXT, greatest=_most_similar)
def similarity(a: str, b: str) -> float:
    """How alike two texts are, from 0 to 1: 1 minus the edits between them over the longer one's length, case folded,
    over the first 128 characters. Where b is a set of words, the most alike counts."""
    a, b = a[:COMPARED].casefold(), b[:COMPARED].casefold()
    return 1 - edits(a, b) / max(len(a), len(b)) if a or b else 1.0


_RUN = re.compile(r"[A-Za-z0-9+/=_-]+")


@_function(NUMBER, TEXT)
def longest_run(text: str) -> int:
    """The longest stretch of letters, digits and `+ / = _ -`: what encoded payloads are made of."""
    return max((len(run.group()) for run in _RUN.finditer(text)), default=0)


@_function(DURATION, NUMBER, TEXT)
def duration(number: float, unit: str) -> int | None:
    """A number of `"us"`, `"ms"`, `"s"`, `"m"`, `"h"` or `"d"` as a duration: `duration(saml.seconds, "s") > 1h`."""
    return round(number * UNITS[unit]) if unit in UNITS and math.isfinite(number) else None


@_function(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float | None:
    """Kilometres between two places on earth, as the crow flies."""
    if not all(map(math.isfinite, (latitude, longitude, other_latitude, other_longitude))):
        return None
    a, b = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    # the haversine formula (Sinnott 1984): exact for near places, where the cosine rule loses its digits
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(max(0.0, h))))


@_function(BOOLEAN, NUMBER, BOOLEAN, special=True, repeats=True)
def at_least(n: Any, condition: Any) -> None:
    """Whether at least n of the conditions hold; those that are unknown do not count."""


@_function(BOOLEAN, TEXT, special=True, lists=True)
def exists(field: Any) -> None:
    """Whether the event has this field: the one way to ask, since a test of a missing field is unknown."""
