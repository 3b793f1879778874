"""A bar on standard error while files are read: only for people, only for files, and gone before the first alert."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Bar:
    """`advance` is what `Run` calls with the bytes read and the bytes there are; None where no bar is wanted."""

    def __init__(self, wanted: bool) -> None:
        self._progress: Any = None
        self._task: Any = None
        if wanted and sys.stderr.isatty():
            # rich is loaded for people at a terminal only: it takes as long as a short run.
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._progress.add_task("reading", total=None)

    @property
    def advance(self) -> Callable[[int, int], None] | None:
        return self._advance if self._progress is not None else None

    def _advance(self, done: int, total: int) -> None:
        if self._progress is not None and total:
            description = "matching" if done >= total else "reading"
            self._progress.update(self._task, completed=done, total=total, description=description)

    def close(self) -> None:
        """Takes the bar away; may be called twice."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __enter__(self) -> "Bar":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
