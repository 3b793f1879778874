"""Followed files: what is appended to a file is read as it comes, through whatever rotates it.

    app.log   1 2 3 4 5 │          renamed to app.log.1, a new app.log: the old one is read to its end, then the new
    app.log   1 2 3 │ 1 2          copied and truncated: from its beginning again
    (nothing) │ app.log 1 2        waited for

A `Follower` gives bytes as a `source.Reader` does; where another file takes a file's place, it says so, and lines are
counted anew. It never waits for the system to tell of changes: it looks, four times a second, which works on every file
system. Called by `intake`.
"""

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

from .archive import READ, find_kind
from .source import FOREIGN, Input, InputError, reason

# A file that was renamed is still written to until its writer opens the new one; then it must be silent for so long.
SETTLED = 2.0  # seconds
GONE = 60.0  # and one that was found, and has been deleted, for so long: then it is over, and the system has its room
TAIL = 1_024  # bytes before the place reached: as long as they are there, it is the same file
ROTATED = r"[.-]\d[\dT:._-]*"  # what rotation puts behind a name, or before its ending: .1, -20260301, .2026-03-01


class _State:
    """What is so or not, as one finds whenever one looks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None

    def end(self) -> None:
        self._since = None

    def lasts(self, is_so: bool) -> float:
        """For how many seconds it has been so, now that it is or is not."""
        if not is_so:
            self.end()
            return 0.0
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since


class Follower:
    """The bytes of one file, and of those that come after it. Reading never blocks.

    `file`: which file is read, by device and number. `mark`: the last bytes that were read of it.
    """

    def __init__(self, input: Input, clock: Callable[[], float] = time.monotonic) -> None:
        self.input = input
        self.consumed = 0
        self.error: InputError | None = None
        self.file: tuple[int, int] | None = None
        self.mark = b""
        self._path = Path(input.name)
        self._descriptor: int | None = None
        self._position = 0
        self._looked: tuple[int, int] | None = None  # size and time of change, when it was last read
        self._silent = _State(clock)  # while its successor is there
        self._deleted = _State(clock)  # and silent
        self._is_over = False
        self._is_cut = False  # truncated: what is over is only what it held
        self._open(self._path)

    # -- as a reader ----------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether there is anything for `read`."""
        if self.error is not None:
            return True
        if self._descriptor is None:
            self._open(self._path)
            return self._descriptor is not None or self.input.is_found
        status = os.fstat(self._descriptor)
        if status.st_size > self._position or (status.st_size, status.st_mtime_ns) != self._looked:
            return True
        return self._is_settled() or self._is_gone()

    def fileno(self) -> None:
        """Nothing that could be waited on."""

    def read(self) -> bytes | None:
        """As `source.Reader.read`; b"" also where a file is over and another begins."""
        if self.error is not None:
            return b""
        if self._descriptor is None:
            return b"" if self.input.is_found else None  # if it comes again it is found again
        try:
            status = os.fstat(self._descriptor)
            # with what was read before: truncated and written anew, it would be other bytes
            found = os.pread(self._descriptor, len(self.mark) + READ, self._position - len(self.mark))
        except OSError as problem:
            self._fail(reason(problem))
            return b""
        if not found.startswith(self.mark):
            self._is_over = self._is_cut = True
            return b""
        data = found[len(self.mark) :]
        self._looked = status.st_size, status.st_mtime_ns
        if data:
            self._silent.end()
            self._deleted.end()
            if not self._position and self._is_foreign(data):
                return b""
            self._position += len(data)
            self.consumed += len(data)
            self.mark = found[-TAIL:]
            return data
        if self._is_settled():
            self._is_over = True
            return b""
        if self._is_gone():
            self.close()
            return b""
        return None

    def renew(self) -> bool:
        """Goes on with what took the place of the file that is over; False where nothing did."""
        if not self._is_over or self.error is not None:
            return False
        if not self._is_cut:
            after = self._successor() or self._path
            self.close()
            self._open(after)
        self._is_over = self._is_cut = False
        self._position, self.mark, self._looked = 0, b"", None
        self._silent.end()
        return True

    def settle(self) -> None:
        """Nobody waits for an answer."""

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def skip(self, text: int, file: tuple[int, int] | None, mark: bytes = b"") -> bool:
        """Goes on behind so many bytes that were read of a file before, `mark` the last of them, by whatever name it
        goes by now; False where it is gone, or has lost them, and reading begins at the beginning."""
        for path in (self._path, *self._rotated()):
            if _identity(path) != file or file is None:
                continue
            self.close()
            self._open(path)
            if self._descriptor is None or os.fstat(self._descriptor).st_size < text:
                break
            if os.pread(self._descriptor, len(mark), text - len(mark)) != mark:
                break  # another file, of the same number
            self._position, self.mark = text, mark
            return True
        self.close()
        self._open(self._path)
        return False

    # -- files ----------------------------------------

    def _open(self, path: Path) -> None:
        """Opens a file, if it is there by now."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError) as problem:
            self._fail(reason(problem))
            return
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            self._fail("is no file, and only files can be followed")
            return
        self._descriptor = descriptor
        self.file = status.st_dev, status.st_ino

    def _is_settled(self) -> bool:
        """Whether another file has taken its place, and nobody has written to this one for a while."""
        return self._silent.lasts(_identity(self._path) != self.file and self._successor() is not None) >= SETTLED

    def _is_gone(self) -> bool:
        """Whether it was found, has been deleted, and nobody has written to it for long."""
        return self._deleted.lasts(self.input.is_found and _identity(self._path) is None) >= GONE

    def _successor(self) -> Path | None:
        """The file that came after this one, once something has been written to it: the one that has the name now, but
        where files were rotated faster than they were read, the first of those."""
        assert self._descriptor is not None
        until = os.fstat(self._descriptor).st_mtime_ns
        later: list[tuple[float, Path]] = []
        for path in (self._path, *self._rotated()):
            try:
                status = path.stat()
            except OSError:  # between two files, or deleted: what is open can still be written to
                continue
            is_other = (status.st_dev, status.st_ino) != self.file and status.st_size > 0
            if is_other and path == self._path:
                later.append((inf, path))
            elif is_other and status.st_mtime_ns > until:
                later.append((status.st_mtime_ns, path))
        return min(later)[1] if later else None

    def _rotated(self) -> Iterator[Path]:
        """The files beside it that were rotated away, going by their names."""
        pattern = rotations(Path(self._path.name))
        try:
            yield from sorted(p for p in self._path.parent.iterdir() if re.fullmatch(pattern, p.name))
        except OSError:
            return

    def _is_foreign(self, head: bytes) -> bool:
        kind = find_kind(head)
        if kind is not None:
            self._fail(f"is a {kind.name} archive, and such cannot be followed")
        for magic, message in FOREIGN:
            if head.startswith(magic):
                self._fail(message.format(name=self.input.name))
        return self.error is not None

    def _fail(self, message: str) -> None:
        if self.error is None:
            self.error = InputError(self.input.name, message)


def rotations(path: Path) -> str:
    """The pattern of the names that rotation gives to a file."""
    whole, ending = re.escape(str(path)), re.escape(path.suffix)
    return f"{whole}{ROTATED}|{re.escape(str(path).removesuffix(path.suffix))}{ROTATED}{ending}"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
