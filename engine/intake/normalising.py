"""Normalising: what `intake` asks of whoever makes events of lines, as `normalise.Normaliser` does."""

from collections import Counter
from typing import Any, Protocol

from chainrun.engine.event import Event, Origin


class Refusal(Protocol):
    """What a normaliser returns for a line that it cannot use."""

    @property
    def cause(self) -> str: ...


class Normalises(Protocol):
    """One line to its events; never raises.

    Lines are sifted first: `sift` passes over those that have no events, and says what it found of the first other, for
    `take`. Events without kinds and fields go no further than here: they tell what time it is, and how far off their
    host's clock.

    ticks     whether records of no interest tell the time; set here
    is_whole  whether every record is of interest
    read      how many records there were, by format
    """

    ticks: bool
    is_whole: bool

    @property
    def read(self) -> Counter[str]: ...

    def sift(self, lines: list[bytes], at: int) -> tuple[int, Any]: ...

    def take(self, line: bytes, origin: Origin, looked: Any) -> list[Event] | Refusal: ...
