"""Archives: gzip, bzip2, xz and Zstandard undone as they are read, known by how they begin.

One block of each side is held at most, however well an archive is packed. Members joined end to end are one text, as
for the tools of their trade. What is cut short or damaged ends with a sentence, and what came before it has been given.
Called by `source`.
"""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

READ = 1 << 20
MEMORY = 128 << 20  # what an archive may have us keep to look back at
# What unpacks to so many times what it is, beyond a size that no harm comes of, is made to harm: gzip can do a
# thousandfold, Zstandard thirty-thousandfold; telemetry comes to fifty.
RATIO = 200
HARMLESS = 16 << 20


class Member(Protocol):
    """One member of an archive, as the standard library undoes them."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Kind(NamedTuple):
    """One kind of archive: its name, how its members may begin, and what undoes one; what that raises at damage."""

    name: str
    magics: tuple[bytes, ...]
    begin: Callable[[], Member]
    damage: tuple[type[Exception], ...]


class Damaged(Exception):
    """Damage, and what was found before it."""

    def __init__(self, found: bytes, problem: Exception) -> None:
        super().__init__(str(problem))
        self.found = found


class _Gzip:
    """A member of a gzip archive, with the ways of the other three."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._pending = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int = READ, /) -> bytes:
        packed = self._pending + data
        before = self._member.copy()
        try:
            found = self._member.decompress(packed, max_length)
        except zlib.error as problem:
            raise Damaged(_until_damage(before, packed), problem) from problem
        self._pending = self._member.unconsumed_tail
        self.needs_input = not self._pending and len(found) < max_length
        return found


def _until_damage(member: "zlib._Decompress", packed: bytes) -> bytes:
    """What a damaged block holds before its damage: zlib keeps the output of the call that fails to itself."""
    found = []
    with suppress(zlib.error):
        for place in range(len(packed)):
            found.append(member.decompress(packed[place : place + 1]))
    return b"".join(found)


def _zstandard() -> Member:
    # what other libraries make of a frame that is cut short is the beginning of the text, and no word of it
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    member: Member = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})
    return member


KINDS = (
    Kind("gzip", (b"\x1f\x8b",), _Gzip, (Damaged,)),
    Kind("bzip2", (b"BZh",), bz2.BZ2Decompressor, (OSError, ValueError)),
    Kind("xz", (b"\xfd7zXZ\x00",), lambda: lzma.LZMADecompressor(memlimit=MEMORY), (lzma.LZMAError,)),
    Kind(
        "Zstandard",
        # a frame, or one that is skipped, as parallel packers put before each
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))),
        _zstandard,
        (Exception,),  # its own, which need not be imported to be named
    ),
)


def find_kind(head: bytes) -> Kind | None:
    """The kind of archive that begins like this."""
    return next((kind for kind in KINDS if head.startswith(kind.magics)), None)


class Archive:
    """One archive. `raw` gives blocks as stored (None: nothing yet, b"": the end), `fail` is told what is wrong."""

    def __init__(self, kind: Kind, head: bytes, raw: Callable[[], bytes | None], fail: Callable[[str], None]) -> None:
        self._kind = kind
        self._pending = head
        self._raw = raw
        self._fail = fail
        self._member = kind.begin()
        self._ended = False
        self._is_hungry = False  # nothing more comes out of what is held
        self._taken = len(head)
        self._given = 0

    @property
    def has_pending(self) -> bool:
        """Whether `read` can give anything that was taken already."""
        return not self._ended and not self._is_hungry

    def read(self) -> bytes | None:
        """As `source.Reader.read`."""
        if self._is_hungry and not self._ended:
            more = self._raw()
            if more is None:
                return None
            if more:
                self._pending += more
                self._taken += len(more)
                self._is_hungry = False
            else:
                self._end_of_file()
        while self.has_pending:
            if self._member.eof:
                self._next_member()
                continue
            try:
                data = self._member.decompress(self._pending, READ)
            except self._kind.damage as problem:
                detail = str(problem).rpartition(": ")[2].rstrip(".").lower()
                self._end(f"is damaged ({detail}); what came before the damage was read")
                return problem.found if isinstance(problem, Damaged) else b""
            self._pending = self._member.unused_data if self._member.eof else b""
            self._is_hungry = not self._member.eof and self._member.needs_input
            self._given += len(data)
            if self._given > HARMLESS and self._given > RATIO * self._taken:
                self._end(
                    f"unpacks to more than {RATIO} times its size, as only a bomb does, and was read no further; "
                    "if it is none, unpack it first"
                )
            if data:
                return data
        return b"" if self._ended else None

    def _next_member(self) -> None:
        """Archives may be joined end to end, and padded with zeros."""
        self._pending = self._pending.lstrip(b"\0")
        if self._pending.startswith(self._kind.magics):
            self._member = self._kind.begin()
        elif any(magic.startswith(self._pending) for magic in self._kind.magics):
            self._is_hungry = True
        else:
            self._end_in_strange_bytes()

    def _end_of_file(self) -> None:
        if not self._member.eof:
            self._end(f"ends in the middle of a {self._kind.name} archive; what it holds until there was read")
        elif self._pending:
            self._end_in_strange_bytes()
        else:
            self._end(None)

    def _end_in_strange_bytes(self) -> None:
        self._end(f"has bytes after its {self._kind.name} archive that are no archive; they were not read")

    def _end(self, message: str | None) -> None:
        self._ended = True
        self._pending = b""
        if message is not None:
            self._fail(message)
