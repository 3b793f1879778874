"""The canonical event: the only thing that matching sees.

A format's record becomes one `Event`; `match.lineage` adds whose event it is. Times are microseconds since 1970, UTC.
Both are structs that the garbage collector leaves alone, since there are as many as records, and nothing that they
refer to refers to them: made in a fifth of the time, and a long stream is not walked over and over.
"""

from typing import Any

import msgspec

from .process import Process


class Origin(msgspec.Struct, eq=False, gc=False):
    """Where a record was read: the input's name as given, the 1-based line of the uncompressed text, and the offset of
    its first byte. `rank`: the place of its input in the order given."""

    input: str
    line: int
    offset: int
    rank: int = 0

    def __repr__(self) -> str:
        return f"{self.input}:{self.line}"


class Event(msgspec.Struct, eq=False, gc=False):
    """One occurrence. Equal to itself alone.

    kinds     the vocabulary's kinds that it is, e.g. {"spawn", "exec", "open"}
    fields    canonical field name -> str, int, float, bool, or a tuple of those; absent where unknown
    host      the key of its host (never None once it has left `intake`)
    os        "windows", "linux", "macos" or "" where the format does not say
    sequence  the source's own record number or audit serial, where it has one
    clock     None where `time` is trustworthy; else the record's time as written, which `time` then is too until the
              host's offset has been measured: local time that the record passes off as UTC
    measures  of a record with both: its trustworthy time less its local one, in microseconds
    finer     beside `clock`: a time that is finer, and right if it agrees with the corrected one
    also      other records of the same occurrence
    order     its place among all events of the run
    unasked   of no kind that any chain asks for: it tells of a process or a place, and moves nobody's time
    doubted   far ahead of all others, and only one host's: nobody else's time goes by it
    novel     what was new at it, by question: set for an event that will be asked again later
    process   whose record it is; parent: who started it (of a start); actor: who acts; target: in whom; set by lineage
    """

    time: int
    kinds: frozenset[str]
    fields: dict[str, Any]
    origin: Origin
    host: str = ""
    os: str = ""
    format: str = ""
    sequence: int | None = None
    raw: bytes = b""
    flags: tuple[str, ...] = ()
    clock: int | None = None
    measures: int | None = None
    finer: int | None = None
    also: tuple[Origin, ...] = ()
    order: int = 0
    unasked: bool = False
    doubted: bool = False
    novel: tuple[bool | None, ...] | None = None
    process: Process | None = None
    parent: Process | None = None
    actor: Process | None = None
    target: Process | None = None

    def __repr__(self) -> str:
        return f"Event({self.time}, {'|'.join(sorted(self.kinds))}, {self.origin!r})"
