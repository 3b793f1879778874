"""What takes long to make, and is decided by our own files alone, is kept from run to run: the parser's tables, the
telemetry formats.

It lies beside this package's compiled modules, or else in the user's cache, and is trusted as those are: where it is
ours or the system's, and nobody else may write it. What does not belong to exactly these sources, or is not whole, is
made anew; what cannot be written is not kept. Called by `parser`, and by the engine for its formats.
"""

import os
import pickle
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_DIGEST = 32  # bytes, of the sources and of what was made of them, before it
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def prepared(name: str, sources: Iterable[bytes], make: Callable[[], T]) -> T:
    """What `make` makes of the sources: what it made in an earlier run, where that is still there."""
    made_of = blake2b(digest_size=_DIGEST)
    for source in (sys.version.encode(), *sources):
        made_of.update(b"%d:" % len(source) + source)
    key, folders = made_of.digest(), list(places())
    file = f"{name}.{sys.implementation.cache_tag}.prepared"
    for folder in folders:
        data = _read(folder / file)
        whole = data[2 * _DIGEST :]
        if data[: 2 * _DIGEST] == key + _digest(whole):
            with suppress(Exception):  # nothing that lies there may stand in the way
                found: T = pickle.loads(whole)
                return found
    value = make()
    whole = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    _write([folder / file for folder in folders], key + _digest(whole) + whole)
    return value


def places() -> Iterator[Path]:
    """Where it may lie, the best first."""
    if not sys.dont_write_bytecode:
        yield Path(__file__).parent / "__pycache__"
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        if Path(os.environ.get(variable, "")).is_absolute():
            yield Path(os.environ[variable]) / "chainrun"
            return
    with suppress(RuntimeError):  # there may be no home
        yield Path.home() / ".cache" / "chainrun"


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST).digest()


def _read(path: Path) -> bytes:
    """A file that may be trusted; nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.read() if _is_ours(os.fstat(file.fileno())) else b""
    except OSError:
        return b""


def _is_ours(file: os.stat_result) -> bool:
    if not stat.S_ISREG(file.st_mode):
        return False
    # elsewhere the folder is the user's own
    return os.name != "posix" or (file.st_uid in (0, os.geteuid()) and not file.st_mode & _OTHERS)


def _write(paths: Iterable[Path], data: bytes) -> None:
    """Keep it at the first of these that can be written; whole, or not at all."""
    for path in paths:
        own = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with own.open("xb") as file:
                file.write(data)
            own.chmod(0o644)
            own.replace(path)
            return
        except OSError:
            with suppress(OSError):
                own.unlink()
