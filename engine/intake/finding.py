"""New files: what comes to fit a glob, or to lie in a folder, while files are followed.

    app-*.log    app-2026-11-22.log, then app-2026-11-23.log too      read from its beginning, once it is there
    *.log        app.log, then app-20261123.log too                   not that: it was app.log, and is read as such

So logs that are rotated by their names lose nothing. It looks every two seconds, as `follow` looks at files, which is
right for every file system. Called by `intake`.
"""

import glob
import os
import re
import stat
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from .follow import rotations
from .source import PACKED, Input, expand, is_utf8

EVERY = 2.0  # seconds

Identity = tuple[int, int]


def is_open(name: str) -> bool:
    """Whether what a name stands for can become more: a folder, a glob."""
    try:
        return Path(name).is_dir() or (glob.has_magic(name) and not Path(name).exists())
    except (OSError, ValueError):
        return False


class Finder:
    """Looks for files that names have come to stand for. `inputs`: the run's, to which they are added. `written`: files
    that the run writes, and must never come to read."""

    def __init__(
        self,
        names: Sequence[str],
        inputs: list[Input],
        written: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = [name for name in names if is_open(name)]
        self._inputs = inputs
        self._written = written
        self._clock = clock
        self._due = clock() + EVERY

    def __bool__(self) -> bool:
        """Whether anything can be found."""
        return bool(self._names)

    def found(self, read: Collection[int], files: Collection[Identity | None]) -> Iterator[Input]:
        """What is to be read besides, if it is time to look. `read`: the ranks of what is; `files`: which those are."""
        if not self._names or self._clock() < self._due:
            return
        self._due = self._clock() + EVERY
        known = {input.name: input for input in self._inputs}
        taken = {*files, *map(_identity, self._written)}
        rotated = re.compile("|".join(rotations(Path(name)) for name in known) or r"(?!)")
        for path in (path for name in self._names for path in expand(name)[0]):
            input, file = known.get(path), _identity(path)
            if file is None or file in taken or (input is not None and input.rank in read):
                continue
            if input is None:
                if path.endswith(PACKED) or not is_utf8(path) or rotated.fullmatch(path):
                    continue
                input = known[path] = Input(path, len(self._inputs), None, is_followed=True, is_found=True)
                self._inputs.append(input)
            taken.add(file)
            yield input

    def adopt(self, earlier: Sequence[tuple[str, bool]]) -> None:
        """Puts the inputs first that an earlier run had, in its order: each name, and whether it was found. One that
        was and is gone keeps its place."""
        left = {input.name: input for input in self._inputs}
        ordered: list[Input] = []
        for name, is_found in earlier:
            input = left.pop(name, None)
            if input is None and is_found and self._names:
                input = Input(name, 0, None, is_followed=True, is_found=True)
            if input is None:
                break
            ordered.append(input)
        both = enumerate((*ordered, *left.values()))
        self._inputs[:] = [msgspec.structs.replace(input, rank=rank) for rank, input in both]


def _identity(path: str) -> Identity | None:
    """Which file it is; None of what is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  (half the time, of many files)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
