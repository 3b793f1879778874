"""What stands for a long text in a key that outlives its event: its digest.

A look-back of thirty days remembers values, not events; of a command line of a megabyte it needs to know only whether
it comes again. Two texts have one digest exactly if they are equal, as far as anybody can bring about, and no digest
equals a text. Whatever is compared with words or shown is still the text: that stands in the event.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

# Longer texts are digested. Real paths, names and addresses are shorter; what is not is mostly a command line.
LONGEST = 1024


class Digest(msgspec.Struct, frozen=True):
    """Sixteen bytes for a text."""

    blake2b: bytes

    def __str__(self) -> str:
        return f"blake2b:{self.blake2b.hex()}"


def digested(value: Any) -> Any:
    """A value as it may stand in a key for long: of a long text, also of one in a list, the digest."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else _digest(value)
    return tuple(map(digested, value)) if type(value) is tuple else value


@lru_cache(4)  # one event's long texts are asked for again by every chain: 1 MB takes a millisecond
def _digest(text: str) -> Digest:
    return Digest(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
