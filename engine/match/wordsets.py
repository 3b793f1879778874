"""Compiled sets of words, one for each set and platform however many chains use it.

Called by `words` and `subjects`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

from chainrun.dsl.model import Word

from .destinations import Destinations
from .images import Images
from .locations import Locations
from .programs import Programs
from .texts import Texts

T = TypeVar("T")

_shared = lru_cache(maxsize=1024)  # a thousand chains share their sets, and so what is remembered of telemetry's texts


@_shared
def programs(words: tuple[Word, ...], os: str) -> Programs:
    return Programs(words, os)


@_shared
def locations(words: tuple[Word, ...], os: str) -> Locations:
    return Locations(words, os)


@_shared
def destinations(words: tuple[Word, ...]) -> Destinations:
    return Destinations(words)


@_shared
def images(words: tuple[Word, ...]) -> Images:
    return Images(words)


@_shared
def texts(words: tuple[Word, ...], folded: bool = False) -> Texts:
    return Texts(words, folded=folded)


class ByPlatform(dict[str, T], Generic[T]):
    """`sets[os]` is the set for a platform (`paths.platform_of`), built when the first event of that platform comes."""

    def __init__(self, build: Callable[[str], T]) -> None:
        self._build = build

    def __missing__(self, os: str) -> T:
        built = self[os] = self._build(os)
        return built
