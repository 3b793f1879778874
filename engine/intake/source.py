"""Inputs: what the user named, as readable streams of uncompressed bytes.

Files, folders, globs and standard input become `Input`s in a settled order; a `Reader` gives their bytes, archives
undone.
What cannot be read, or ends too early, is an `InputError`: a value, shown at the end, while the run goes on with the
rest. Not here: lines (`lines`) and their meaning (`normalise`). Called by `intake`.
"""

import glob
import io
import os
import select
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Protocol, TypeVar

import msgspec

from .address import Address
from .archive import KINDS, READ, Archive, find_kind

STANDARD_INPUT = "-"
SUFFIXES = (".json", ".jsonl", ".ndjson", ".log")
LOOK = 0.25  # seconds between two looks at what cannot be waited on
PACKED = (".gz", ".bz2", ".xz", ".zst")

# Beginnings of files that hold no lines of UTF-8, and what to do about them.
FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
    (b"ElfFile\x00", "is a binary Windows event log; convert it first: evtx_dump -o jsonl {name}"),
    (b"\xff\xfe", "is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8 {name}"),
    (b"\xfe\xff", "is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8 {name}"),
)
_MAGICS = (*(magic for kind in KINDS for magic in kind.magics), *(magic for magic, _ in FOREIGN))
_HEAD = max(map(len, _MAGICS))


class Input(msgspec.Struct, frozen=True):
    """One file or pipe, or one address that others send to. `name` as the user typed it, `rank` its place in the order
    given, `size` None for what has no end yet; `is_found`: by a glob or in a folder, where others may follow it."""

    name: str
    rank: int
    size: int | None
    is_followed: bool = False
    address: Address | None = None
    is_found: bool = False

    @property
    def is_pipe(self) -> bool:
        return self.size is None and not self.is_followed


class InputError(msgspec.Struct, frozen=True):
    """Why an input was not read, or not to its end. `message` continues the sentence that the name begins."""

    input: str
    message: str

    def __str__(self) -> str:
        return f"{self.input} {self.message}"


def find_inputs(
    names: Sequence[str], stdin: IO[bytes] | int = 0, follow: bool = False
) -> tuple[list[Input], list[InputError]]:
    """The inputs that the names stand for, in the order given, each file once; no names at all is standard input. With
    `follow` files grow, and may come into being later."""
    inputs: list[Input] = []
    errors: list[InputError] = []
    seen: set[tuple[int, int] | str] = set()
    for name in names or (STANDARD_INPUT,):
        paths, faults = ([name], []) if name == STANDARD_INPUT else expand(name)
        if not follow or paths or not (glob.has_magic(name) or Path(name).is_dir()):  # else they may come
            errors += faults
        for path in paths:
            if not is_utf8(path):
                shown = os.fsencode(path).decode("utf-8", "backslashreplace")
                errors.append(InputError(shown, "has a name that is not UTF-8, and alerts could not tell of it"))
                continue
            status: os.stat_result | None
            try:
                status = os.fstat(_descriptor(stdin)) if path == STANDARD_INPUT else Path(path).stat()
            except io.UnsupportedOperation:  # standard input that is no file at all: a buffer passed in
                status = None
            except (OSError, ValueError) as problem:
                if not follow or not isinstance(problem, FileNotFoundError):
                    errors.append(InputError(path, reason(problem)))
                    continue
                status = None
            identity = (status.st_dev, status.st_ino) if status is not None else path
            if identity in seen:
                continue
            seen.add(identity)
            is_file = stat.S_ISREG(status.st_mode) if status is not None else path != STANDARD_INPUT
            is_followed = follow and is_file and path != STANDARD_INPUT
            size = status.st_size if status is not None and is_file and not is_followed else None
            inputs.append(Input(path, len(inputs), size, is_followed, is_found=is_followed and path != name))
    return inputs, errors


def is_telemetry(file: str) -> bool:
    """Whether a file of a folder is read, going by its name: hidden ones are left out."""
    if file.startswith("."):
        return False
    name = file.lower()
    packing = next(filter(name.endswith, PACKED), "")
    return name.removesuffix(packing).endswith(SUFFIXES)


def is_utf8(name: str) -> bool:
    """Whether an alert, which is JSON, can hold a name as the system gives it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def expand(name: str) -> tuple[list[str], list[InputError]]:
    """The files that a name stands for, and what is wrong with it."""
    nothing = f"holds no .json, .jsonl, .ndjson or .log, nor an archive of one ({', '.join(PACKED)})"
    try:
        if Path(name).is_dir():
            matches = [name]
        elif Path(name).exists() or not glob.has_magic(name):
            return [name], []
        else:
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207  (keeps the name as typed)
            nothing = "matches no file"
    except (OSError, ValueError) as problem:
        return [], [InputError(name, reason(problem))]
    found: list[str] = []
    errors: list[InputError] = []
    for match in matches:
        if Path(match).is_dir():
            inside, faults = _files_in(match)
            found += inside
            errors += faults
        else:
            found.append(match)
    return found, errors if found or errors else [InputError(name, nothing)]


def _files_in(folder: str) -> tuple[list[str], list[InputError]]:
    """Telemetry files of a folder and the folders below it, sorted; hidden ones are left out. What cannot be listed."""
    found: list[str] = []
    errors: list[InputError] = []

    def fail(problem: OSError) -> None:
        errors.append(InputError(str(problem.filename or folder), reason(problem)))

    for where, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [path for file in files if is_telemetry(file) and not _is_special(path := str(Path(where) / file))]
    return sorted(found), errors


def _is_special(path: str) -> bool:
    """Whether it is a pipe, a socket or a device: nobody who names a folder asks for them."""
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False  # told of as a file that cannot be read


def _descriptor(stdin: IO[bytes] | int) -> int:
    return stdin if isinstance(stdin, int) else stdin.fileno()


def reason(problem: Exception) -> str:
    """Why something cannot be read, to go on behind its name."""
    if isinstance(problem, FileNotFoundError):
        return "does not exist"
    if isinstance(problem, PermissionError):
        return "cannot be read: permission denied"
    strerror = getattr(problem, "strerror", None)
    return f"cannot be read: {strerror or problem}".lower()


class Reader:
    """The uncompressed bytes of one input.

    `read` returns what is there, at most about `READ` bytes, without waiting for a block to fill; None where there is
    nothing yet, and b"" at the end. It never raises, and takes from the descriptor once at most: after `wait`, it does
    not block. `error` is set when the input could not be read to its end. `consumed` counts bytes as stored.
    `file`: which file or pipe it is, by device and number; None of what is neither.
    """

    def __init__(self, input: Input, stdin: IO[bytes] | int = 0) -> None:
        self.input = input
        self.consumed = 0
        self.mark = b""  # a file that does not grow is not told by its last bytes
        self.error: InputError | None = None
        self.file: tuple[int, int] | None = None
        self._descriptor: int | None = None
        self._is_special = False  # opened here, and no regular file
        self._stream: IO[bytes] | None = None
        self._head = b""
        self._again = b""  # read already, and to be given once more
        self._decode: Callable[[], bytes | None] | None = None
        self._archive: Archive | None = None
        try:
            if input.name != STANDARD_INPUT:
                # else opening a named pipe would wait for its writer, deaf to every signal
                self._descriptor = os.open(input.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                self._is_special = not stat.S_ISREG(os.fstat(self._descriptor).st_mode)
                if self._is_special and not input.is_pipe:  # whoever reads files to their end does not `wait`
                    self._fail("is no longer the file that it was")
            elif isinstance(stdin, int):
                self._descriptor = stdin
            else:
                self._stream = stdin
            if self._descriptor is not None:
                status = os.fstat(self._descriptor)
                self.file = status.st_dev, status.st_ino
        except (OSError, ValueError) as problem:
            self._fail(reason(problem))

    def read(self) -> bytes | None:
        if self.error is not None:
            return b""
        if self._again:
            again, self._again = self._again, b""
            return again
        return self._begin() if self._decode is None else self._decode()

    def skip(self, text: int, file: tuple[int, int] | None, mark: bytes = b"") -> bool:
        """Goes on behind so many bytes of text that were read of a file before; False where it is another, or has lost
        some of them, and is read from its beginning."""
        if file is None or file != self.file or self._descriptor is None:
            return False
        passed = 0
        while passed < text and (chunk := self.read()) != b"":
            passed += len(chunk or b"")
            if chunk and self._archive is None:  # what is not packed need not be read again
                size = os.fstat(self._descriptor).st_size
                passed = text if text <= size else 0
                self.consumed = os.lseek(self._descriptor, passed, os.SEEK_SET)
                return passed == text
            if passed > text:
                self._again = (chunk or b"")[text - passed :]
        return passed >= text

    def fileno(self) -> int | None:
        """The descriptor to wait on, or None where reading never blocks."""
        if self._stream is None:
            return self._descriptor
        try:
            return self._stream.fileno()
        except io.UnsupportedOperation:
            return None

    @property
    def is_ready(self) -> bool:
        """Whether `read` does not block, whatever the descriptor says: it has an error to tell, or bytes that have
        already left the descriptor, or there is none."""
        has_buffered = bool(self._again) or (self._archive is not None and self._archive.has_pending)
        return has_buffered or self.error is not None or self.fileno() is None

    def renew(self) -> bool:
        """Whether another file took the place of the one that has been read."""
        return False

    def settle(self) -> None:
        """Nobody waits for an answer."""

    def close(self) -> None:
        if self._descriptor is not None and self.input.name != STANDARD_INPUT:
            os.close(self._descriptor)
        self._descriptor = None

    def _begin(self) -> bytes | None:
        """Settles what the first bytes are; holds them only as long as they could still become a magic number."""
        more = self._raw()
        if more is None:
            return None
        head = self._head = self._head + more
        if more and len(head) < _HEAD and any(len(head) < len(m) and m.startswith(head) for m in _MAGICS):
            return None
        kind = find_kind(head)
        if kind is not None:
            self._archive = Archive(kind, head, self._raw, self._fail)
            self._decode = self._archive.read
            return self._decode()
        for magic, message in FOREIGN:
            if head.startswith(magic):
                self._fail(message.format(name=self.input.name))
                return b""
        self._decode = self._raw
        return head

    def _raw(self) -> bytes | None:
        """One block as stored; None where there is nothing yet."""
        try:
            if self._descriptor is not None:
                # A named pipe that had no writer yet reads as if at its end; only `poll` knows better.
                if self._is_special and not _is_ready(self._descriptor):
                    return None
                data = os.read(self._descriptor, READ)
            elif self._stream is not None:
                # A raw or text-less buffer without `read1` is a test's or a library user's own.
                data = getattr(self._stream, "read1", self._stream.read)(READ)
            else:
                data = b""
        except BlockingIOError:
            return None
        except (OSError, ValueError) as problem:
            self._fail(reason(problem))
            return b""
        if data is None:  # a raw stream's way to say so
            return None
        self.consumed += len(data)
        return data

    def _fail(self, message: str) -> None:
        if self.error is None:
            self.error = InputError(self.input.name, message)


class Waited(Protocol):
    """What can be waited for: by its descriptor, or, where it has none, by asking it again and again."""

    @property
    def is_ready(self) -> bool: ...
    def fileno(self) -> int | None: ...


W = TypeVar("W", bound=Waited)


def wait(readers: Sequence[W], seconds: float) -> list[W]:
    """The readers whose next `read` will not block; waits for one, at most so long."""
    until = time.monotonic() + seconds
    poll = select.poll()
    by_descriptor = {}
    for reader in readers:
        descriptor = reader.fileno()
        if descriptor is not None:
            poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
            by_descriptor[descriptor] = reader
    while True:
        ready = [r for r in readers if r.is_ready]
        if ready:
            return ready
        left = max(until - time.monotonic(), 0.0)
        patience = left if len(by_descriptor) == len(readers) else min(left, LOOK)
        ready = [by_descriptor[descriptor] for descriptor, _ in poll.poll(patience * 1_000)]
        if ready or patience == left:
            return ready


def _is_ready(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
