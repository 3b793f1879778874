"""The standard streams made fit for every run: there, able to write any text, and standard error never in the way.

Called by `main`, which alone owns the process's streams; streams that a test or a library user put in their place keep
their ways.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Unheeded(io.FileIO):
    """A descriptor that takes what nobody can read any more: a message that is lost must not end a run."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def fit_streams() -> Iterator[None]:
    """Puts streams in place of closed ones, and one that never fails in place of standard error, for a while."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # Each takes the lowest free descriptor: its own. Standard input too is opened for writing: one that was
            # closed cannot be read, which is not the same as an empty one.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a locale cannot say
    before, original = sys.stderr, sys.__stderr__
    if original is not None and before is original:
        raw = _Unheeded(original.fileno(), "w", closefd=False)
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding=original.encoding, errors="backslashreplace", line_buffering=True
        )
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
