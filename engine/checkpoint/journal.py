"""The journal: what was read of pipes since the last checkpoint, since nobody can read it again.

One file a checkpoint (`journal-N` holds what came after checkpoint N), appended to before anything comes of what it
holds, and let go with the checkpoint. A kill loses nothing of it; after a loss of power its end may be missing, since
it is not forced to the disk line by line: that is what checkpoints are for. An entry that was torn ends it.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

Entry = tuple[int, bytes, int | None]  # the place of the input, what was read, when it arrived

_HEAD = struct.Struct("<IIIq")  # sum of the rest, bytes, place of the input, when it arrived
_NEVER = -(1 << 63)
MOST = 64 << 20  # bytes, after which a checkpoint is due


class Journal:
    """The journal of one directory while a run writes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None
        self.size = 0

    def begin(self, number: int, kept: int) -> None:
        """What is read from now on came after this checkpoint; what came before `kept` is let go."""
        self.close()
        path = self._path(number)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = _whole(path)
        os.ftruncate(self._descriptor, self.size)  # behind a torn entry nobody would look
        for old in self._directory.glob("journal-*"):
            text = old.name.removeprefix("journal-")
            if text.isdigit() and int(text) < kept:
                old.unlink(missing_ok=True)

    def append(self, place: int, data: bytes, arrived: int | None) -> None:
        """Takes what was read, in one write."""
        assert self._descriptor is not None
        rest = struct.pack("<IIq", len(data), place, _NEVER if arrived is None else arrived)
        entry = memoryview(b"".join((struct.pack("<I", crc32(data, crc32(rest))), rest, data)))
        self.size += len(entry)
        while entry:
            entry = entry[os.write(self._descriptor, entry) :]

    def since(self, number: int) -> Iterator[Entry]:
        """What came after a checkpoint, in order, as far as it is whole."""
        while (path := self._path(number)).exists():
            yield from _entries(path.read_bytes())
            number += 1

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _path(self, number: int) -> Path:
        return self._directory / f"journal-{number}"


def _whole(path: Path) -> int:
    """The bytes of a journal that are whole entries."""
    return sum(_HEAD.size + len(data) for _, data, _ in _entries(path.read_bytes()))


def _entries(text: bytes) -> Iterator[Entry]:
    at = 0
    while at + _HEAD.size <= len(text):
        total, size, place, arrived = _HEAD.unpack_from(text, at)
        end = at + _HEAD.size + size
        if end > len(text) or crc32(text[at + 4 : end]) != total:
            return
        yield place, text[at + _HEAD.size : end], None if arrived == _NEVER else arrived
        at = end
