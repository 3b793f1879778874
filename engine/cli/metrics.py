"""What a run tells of itself while it goes on: a file in Prometheus' format every few seconds, and an endpoint.

    run (this thread) ── counts ──┐
    every 5 s (a thread) ─ reads ─┴─ file, atomically; what the endpoint gives

Both have the same numbers, read from outside: a run that waits for a silent pipe, or sorts for a minute, is told of
too.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ..report.escape import excerpt
from ..report.metrics import Family, families, to_text
from ..report.stats import stats
from ..run import Run
from ..version import VERSION
from .exits import UsageError
from .outputs import unwritable

EVERY = 5.0  # seconds

MetricsFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keep a file of numbers for Prometheus, written every 5 seconds.")
]
MetricsOption = Annotated[
    str | None, typer.Option(metavar="PORT", help="Give Prometheus these numbers on a port of 127.0.0.1.")
]


@contextmanager
def measured(run: Run, file: Path | None, port: str | None, every: float = EVERY) -> Iterator[None]:
    """Tells of the run for as long as it goes on, and once more at its end."""
    if file is None and port is None:
        yield
        return
    board = _Board(run, file)
    close = _serve(board, port) if port is not None else None
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(every):
            board.renew()

    thread = threading.Thread(target=tick, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        board.renew()
        if close is not None:
            close()


class _Board:
    """The numbers as they last were, and the file that has them."""

    def __init__(self, run: Run, file: Path | None) -> None:
        self._run = run
        self._file = file
        self._has_failed = False
        self.families: list[Family] = []
        if file is not None and file.exists() and not file.is_file():  # what root replaces so is gone, a device too
            raise UsageError(f"`{excerpt(file, 200)}` is no regular file, and --metrics-file replaces what it writes")
        try:
            self._write()
        except OSError as error:
            raise unwritable(file or Path(), error) from error

    def renew(self) -> None:
        try:
            self._write()
        except OSError as error:  # a full disk now may have room again later; alerts matter more
            if not self._has_failed:
                sys.stderr.write(f"warning: {unwritable(self._file or Path(), error)}\n")
            self._has_failed = True

    def _write(self) -> None:
        for _ in range(10):
            # the run goes on meanwhile: a table that grew while it was walked is walked again
            with suppress(RuntimeError):
                told = stats(self._run.tally, self._run.funnels, VERSION)
                self.families = list(families(told, self._run.engine.now))
                break
        if self._file is not None:
            beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
            try:
                beside.write_text(to_text(self.families), encoding="utf-8")
                beside.replace(self._file)
            except OSError:
                beside.unlink(missing_ok=True)
                raise


def _serve(board: _Board, port: str) -> Callable[[], None]:
    """Answers on a port of this machine, and nowhere else; returns what ends that."""
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise UsageError(f"`{excerpt(port, 50)}` is no port", "`--metrics 9464`")
    try:
        # an extra: most runs end before anybody could ask
        from prometheus_client import CollectorRegistry, Metric, start_http_server
    except ImportError as error:
        raise UsageError("--metrics needs a library", "pip install 'chainrun[metrics]'") from error

    class Collector:
        def collect(self) -> Iterator[Any]:
            for family in board.families:
                metric = Metric(family.name, family.help, family.kind)
                suffix = "_total" if family.kind == "counter" else ""
                for labels, value in family.samples:
                    metric.add_sample(family.name + suffix, dict(labels), value)
                yield metric

    registry = CollectorRegistry()
    registry.register(Collector())
    try:
        server, _ = start_http_server(int(port), "127.0.0.1", registry)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"port {port} cannot be listened on: {reason}") from error

    def close() -> None:
        server.shutdown()
        server.server_close()

    return close
