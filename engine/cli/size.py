"""A size of memory as people write one: `256MiB`, `2G`, `500kB`; a number alone is bytes."""

import re
from typing import Annotated

import typer

from ..report.escape import excerpt
from .exits import UsageError

MaxStateOption = Annotated[
    str | None,
    typer.Option("--max-state", metavar="SIZE", help="How much memory partial matches may take, of all hosts."),
]

_SIZE = re.compile(r"([0-9]{1,15})\s*(?:([kmgt])(i?b?))?b?", re.I)
_POWERS = "kmgt"
LEAST = 1 << 20


def size(text: str | None) -> int | None:
    """Bytes. `k`, `M`, `G` and `T` are of 1024, unless a `B` alone follows (`MB`), which makes them of 1000."""
    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"`{excerpt(text, 50)}` is not a size", "write it with its unit: `256MiB`, `2GiB`")
    number, unit, rest = found.groups()
    thousand = 1000 if rest is not None and rest.lower() == "b" else 1024
    bytes = int(number) * (thousand ** (_POWERS.index(unit.lower()) + 1) if unit else 1)
    if bytes < LEAST:
        raise UsageError(f"`--max-state {excerpt(text, 50)}` leaves no room for anything", "give it 1MiB or more")
    return bytes
