"""The real log shippers, as tests run them: each with a folder of its own, as whoever runs the tests.

`make shippers` unpacks Debian's packages; without them a system's own are taken, and without those the tests are
skipped.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
UNPACKED = ROOT / ".venv" / "shippers"


def program(name: str) -> Path:
    """The daemon of this name."""
    unpacked = UNPACKED / "usr" / "sbin" / name
    found = unpacked if unpacked.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"no {name} here; where there is apt-get, `make shippers` unpacks Debian's")
    return Path(found)


def modules(of: Path, pattern: str) -> list[Path]:
    """Where a daemon's modules lie, if it was unpacked; else it knows."""
    return sorted(UNPACKED.glob(pattern)) if UNPACKED in of.parents else []


@contextmanager
def running(words: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon in the foreground; at the end it is stopped as an init system would."""
    libraries = [str(path) for path in (*UNPACKED.glob("**/*-linux-gnu"), *UNPACKED.glob("usr/lib/syslog-ng"))]
    path = ":".join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(":")
    with (folder / "daemon.log").open("wb") as log:
        child = subprocess.Popen(words, cwd=folder, env={**os.environ, "LD_LIBRARY_PATH": path}, stdout=log, stderr=log)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def children(parent: int) -> list[int]:
    """The processes that a process has started, from whichever of its threads."""
    listed = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for file in listed for pid in file.read_text().split()]


def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until it is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so after {seconds} seconds"
        time.sleep(0.02)
