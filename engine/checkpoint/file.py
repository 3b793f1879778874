"""The file of a state directory: the last two checkpoints, each written in one transaction, and read if it is sound.

    DIR/state.sqlite    checkpoint   number, what it is (JSON), size and digest of its state
                        piece        the state, in pieces
    DIR/lock            held by the run that writes
    DIR/journal-N       what was read of pipes since checkpoint N (`journal`)

SQLite sees to it that a checkpoint is there whole or not at all, after a kill and after a loss of power: a transaction
is on the disk before it is over (synchronous=EXTRA). What SQLite cannot see, a page that has rotted, the digest shows;
then the checkpoint before counts. Not here: what a state holds (`flat`) and when it is taken (`engine.restart`).
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .stamp import Stamp

if TYPE_CHECKING:
    import sqlite3

FORMAT = 1  # of the file: raised when an older version of the product could not read it
KEPT = 2  # checkpoints
PIECE = 8 << 20  # SQLite holds a gigabyte in one value at most
NAME = "state.sqlite"

_SCHEMA = """
create table checkpoint (number integer primary key, about blob not null, size integer not null, digest blob not null);
create table piece (checkpoint integer not null, place integer not null, bytes blob not null,
                    primary key (checkpoint, place));
"""


class StateError(Exception):
    """A state that cannot be used: why, and what to do."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class Output(msgspec.Struct, frozen=True):
    """The file that alerts went to, and its length then. `file`: device and number."""

    path: str
    length: int
    file: tuple[int, int]


class Source(msgspec.Struct, frozen=True):
    """An input: of a stream how far it was read, and whether a glob or a folder led to it; of a whole file what it was:
    `mark` tells whether it has changed."""

    name: str
    read: int = 0
    mark: str = ""
    is_found: bool = False


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is, for whoever goes on from it and for `chainrun state show`.

    is_stream  inputs were taken as they came, and the state is that of matching; else files are read from their
               beginning again, and it is enough to know what is out already
    is_over    the inputs had ended
    alerts     how many were out
    at         the time of the newest event, in microseconds since 1970
    open       chain -> its partial matches
    analytics  those that were loaded, laid flat
    """

    number: int
    version: str
    stamp: Stamp
    is_stream: bool
    is_over: bool
    sources: tuple[Source, ...]
    output: Output | None
    alerts: int
    lines: int
    at: int | None = None
    open: dict[str, int] = {}
    analytics: bytes = b""


class Checkpoint(msgspec.Struct, frozen=True):
    """One checkpoint as it was read. `passed`: numbers of newer ones that were not sound."""

    about: About
    state: bytes
    passed: tuple[int, ...] = ()


class StateFile:
    """The checkpoints of one directory. Whoever writes must `lock` it first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / NAME
        self._lock: int | None = None

    def lock(self) -> None:
        """The directory, made if need be, is this run's alone. The system lets go of it when the run ends, however."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{self.directory}: cannot be used: {(error.strerror or str(error)).lower()}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.unlock()
            raise StateError(
                f"{self.directory}: another run keeps its state here",
                "end that one first, or give this one another directory",
            ) from error

    def unlock(self) -> None:
        """Lets others have the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, about: About, state: bytes, at: Callable[[str], None] = lambda point: None) -> None:
        """Adds a checkpoint, and lets go of the oldest, in one transaction that is on the disk when this returns."""
        digest = blake2b(state, digest_size=16).digest()
        with self._opened() as db:
            db.execute("begin immediate")
            db.execute(
                "insert into checkpoint values (?, ?, ?, ?)",
                (about.number, msgspec.json.encode(about), len(state), digest),
            )
            for place in range(0, len(state), PIECE):
                row = about.number, place, memoryview(state)[place : place + PIECE]
                db.execute("insert into piece values (?, ?, ?)", row)
            at("checkpoint written")
            db.execute("delete from piece where checkpoint <= ?", (about.number - KEPT,))
            db.execute("delete from checkpoint where number <= ?", (about.number - KEPT,))
            at("checkpoint ready")
            db.execute("commit")

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is sound; None where there never was one. Raises StateError where all are
        damaged, or a newer version of the product wrote them."""
        passed: list[int] = []
        for number, checkpoint in self.all():
            if checkpoint is not None:
                return msgspec.structs.replace(checkpoint, passed=tuple(passed))
            passed.append(number)
        if passed:
            raise StateError(f"{self.path}: every checkpoint in it is damaged", BEGIN_ANEW)
        return None

    def all(self) -> list[tuple[int, Checkpoint | None]]:
        """Every checkpoint by its number, the newest first; None of one that is damaged."""
        if not self.path.exists():
            return []
        with self._opened() as db:
            rows = db.execute("select number, about, size, digest from checkpoint order by number desc").fetchall()
            return [(number, _read(db, number, *row)) for number, *row in rows]

    @contextmanager
    def _opened(self) -> Iterator["sqlite3.Connection"]:
        import sqlite3  # 10 ms, which no run without a state has to wait for

        try:
            db = sqlite3.connect(self.path, isolation_level=None, timeout=30)
            try:
                db.execute("pragma synchronous = extra")
                self._begin(db)
                yield db
            finally:
                db.close()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk, a file that may not be written
                raise OSError(errno.EIO, str(error), str(self.path)) from error
            raise StateError(f"{self.path}: cannot be read: {error}", BEGIN_ANEW) from error

    def _begin(self, db: "sqlite3.Connection") -> None:
        (format,) = db.execute("pragma user_version").fetchone()
        if format > FORMAT:
            raise StateError(
                f"{self.path}: a newer chainrun wrote it (format {format}; this one knows {FORMAT})",
                "go on with that version, or begin anew in another directory",
            )
        if format == 0 and db.execute("select 1 from sqlite_master").fetchone() is not None:
            raise StateError(f"{self.path}: is no state of chainrun", BEGIN_ANEW)
        if format == 0:
            self.path.chmod(0o600)
            db.executescript(f"begin; {_SCHEMA} pragma user_version = {FORMAT}; commit;")


BEGIN_ANEW = "begin anew: give another directory, or remove this one"


def _read(db: "sqlite3.Connection", number: int, about: bytes, size: int, digest: bytes) -> Checkpoint | None:
    try:
        pieces: Any = db.execute("select bytes from piece where checkpoint = ? order by place", (number,))
        state = b"".join(row[0] for row in pieces)
        if len(state) != size or blake2b(state, digest_size=16).digest() != digest:
            return None
        return Checkpoint(msgspec.json.decode(about, type=About), state)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None
    except Exception as error:  # of SQLite: a page that is not what it was
        if type(error).__module__ != "sqlite3":
            raise
        return None
