"""The canonical event: the only thing that matching sees.

A format's record becomes one `Event`; `match.lineage` adds whose event it is. Times are microseconds since 1970, UTC.
"""

from typing import Any

from .process import Process


class Origin:
    """Where a record was read: the input's name as given, the 1-based line of the uncompressed text, and the offset of
    its first byte."""

    __slots__ = ("input", "line", "offset", "rank")

    def __init__(self, input: str, line: int, offset: int, rank: int = 0) -> None:
        self.input = input
        self.line = line
        self.offset = offset
        self.rank = rank  # the place of its input in the order given

    def __repr__(self) -> str:
        return f"{self.input}:{self.line}"


class Event:
    """One occurrence.

    kinds     the vocabulary's kinds that it is, e.g. {"spawn", "exec", "open"}
    fields    canonical field name -> str, int, float, bool, or a tuple of those; absent where unknown
    host      the key of its host (never None once it has left `intake`)
    os        "windows", "linux", "macos" or "" where the format does not say
    sequence  the source's own record number or audit serial, where it has one
    also      other records of the same occurrence
    process   whose record it is; parent: who started it (of a start); actor: who acts; target: in whom; set by lineage
    novel     what was new at it, by question: set for an event that will be asked again later
    clock     None where `time` is trustworthy; else the record's time as written, which `time` then is too until the
              host's offset has been measured: local time that the record passes off as UTC
    measures  of a record with both: its trustworthy time less its local one, in microseconds
    finer     beside `clock`: a time that is finer, and right if it agrees with the corrected one
    doubted   far ahead of all others, and only one host's: nobody else's time goes by it
    """

    __slots__ = (
        "actor",
        "also",
        "clock",
        "doubted",
        "fields",
        "finer",
        "flags",
        "format",
        "host",
        "kinds",
        "measures",
        "novel",
        "order",
        "origin",
        "os",
        "parent",
        "process",
        "raw",
        "sequence",
        "target",
        "time",
    )

    def __init__(
        self,
        time: int,
        kinds: frozenset[str],
        fields: dict[str, Any],
        *,
        host: str = "",
        os: str = "",
        origin: Origin,
        format: str = "",
        sequence: int | None = None,
        raw: bytes = b"",
        flags: tuple[str, ...] = (),
        clock: int | None = None,
        measures: int | None = None,
        finer: int | None = None,
    ) -> None:
        self.time = time
        self.kinds = kinds
        self.fields = fields
        self.host = host
        self.os = os
        self.origin = origin
        self.format = format
        self.sequence = sequence
        self.raw = raw
        self.flags = flags
        self.clock = clock
        self.measures = measures
        self.finer = finer
        self.also: tuple[Origin, ...] = ()
        self.order = 0
        self.doubted = False
        self.novel: tuple[bool | None, ...] | None = None
        self.process: Process | None = None
        self.parent: Process | None = None
        self.actor: Process | None = None
        self.target: Process | None = None

    def __repr__(self) -> str:
        return f"Event({self.time}, {'|'.join(sorted(self.kinds))}, {self.origin!r})"
