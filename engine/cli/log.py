"""`--log-file`: what is said on standard error, in a file instead, each line with its time; the file may be rotated."""

import io
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, cast

from .outputs import open_text


def begin_log(path: Path | None) -> "LogFile | None":
    """Lets the file of this name take the place of standard error; `main` puts that back."""
    if path is None:
        return None
    log = LogFile(path)
    sys.stderr = cast(TextIO, log)
    return log


class LogFile(io.TextIOBase):
    """Takes the place of standard error, which has what this has no room for. Like that, it never fails: a message that
    is lost must not end a run."""

    def __init__(self, path: Path) -> None:
        self._before = sys.stderr
        self._path = path
        self._file = open_text(path, append=True)
        self._is_in_line = False

    def write(self, text: str, /) -> int:
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ ")
        lines = text.splitlines(keepends=True)
        stamped = "".join(line if self._is_in_line and not at else time + line for at, line in enumerate(lines))
        if lines:
            self._is_in_line = not lines[-1].endswith("\n")
        try:
            self._file.write(stamped)
            self._file.flush()
        except OSError:
            self._before.write(text)
        return len(text)

    def reopen(self) -> None:
        """Goes on in the file that has the name now."""
        before = self._file
        self._file = open_text(self._path, append=True)
        before.close()

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
        super().close()
