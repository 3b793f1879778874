"""Kept: the events of files, until the last line has been read; on disk, what does not fit into memory.

    read ─ in runs of about `MOST` bytes ─ put right ─ each run sorted ─ merged

Files are sorted exactly, and the last record may set a host's clock right for all before it, or tell whose address one
was: so every event that anybody asks for is kept until all have been read. Runs are written to a temporary file without
a name, which is gone with the process; one in which all times are right is sorted before. Where the disk takes no more,
they stay in memory. Called by `intake`.
"""

import os
import pickle
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from chainrun.engine.event import Event

from .order import arranged, by_time

MOST = 16 << 20  # bytes of records in one run; as events they take up about three times as much
_CHUNK = 64  # events that are read back at a time
_OVERHEAD = 1_000  # bytes of an event beside its record


class Kept:
    """Events as they come. `most`: bytes of records that are held in memory; `any_homeless`: one names no host."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.any_homeless = False
        self._size = 0
        self._now: list[Event] = []
        self._runs: list[tuple[list[Event] | _Stored, bool]] = []  # and whether each is sorted
        self._file: IO[bytes] | None = None

    def add(self, events: list[Event]) -> None:
        self._now += events
        for event in events:
            self._size += len(event.raw) + _OVERHEAD
            if not event.host:
                self.any_homeless = True
        if self._size > self._most:
            run = self._now
            is_timed = all(event.clock is None for event in run)
            if is_timed:
                run.sort(key=by_time)
            self._runs.append((self._stored(run), is_timed))
            self._now, self._size = [], 0

    def runs(self) -> Iterator[list[Event]]:
        """All events, a run at a time. What is done to those on disk is lost."""
        for run in (*(run for run, _ in self._runs), self._now):
            yield run if isinstance(run, list) else list(run)

    def in_order(self, put_right: Callable[[list[Event]], None]) -> Iterator[Event]:
        """All events, put right and ordered; to be called once."""
        runs: list[Iterator[Event | _Begins]] = []
        for run, is_sorted in self._runs:
            if not is_sorted:
                runs.append(_waiting(self._stored(self._sorted(list(run), put_right))))
            else:
                runs.append(_waiting(run, put_right if self.any_homeless else None))
        self._runs.clear()
        runs.append(_waiting(self._sorted(self._now, put_right)))
        # of one time the earlier run's come first
        return arranged(event for event in merge(*runs, key=by_time) if isinstance(event, Event))

    @staticmethod
    def _sorted(events: list[Event], put_right: Callable[[list[Event]], None]) -> list[Event]:
        put_right(events)
        events.sort(key=by_time)
        return events

    def _stored(self, events: list[Event]) -> "list[Event] | _Stored":
        try:
            if self._file is None:
                self._file = TemporaryFile(buffering=0)  # noqa: SIM115  (closed with the last that reads it)
            return _Stored(self._file, events)
        except OSError:
            return events


class _Begins(NamedTuple):
    """Stands before a run in the merge, so that this is read when its time has come: of records that are in order
    nearly all runs follow one another."""

    time: int


def _waiting(
    run: "list[Event] | _Stored", put_right: Callable[[list[Event]], None] | None = None
) -> Iterator[Event | _Begins]:
    """The events of a run that is sorted, put right as they are read."""
    if (first := run.first if isinstance(run, _Stored) else run[0].time if run else None) is None:
        return
    yield _Begins(first)
    for events in [run] if isinstance(run, list) else run.chunks():
        if put_right is not None:
            put_right(events)
        yield from events


class _Stored:
    """Events on disk, read back a few at a time. `first`: the time of the first."""

    def __init__(self, file: IO[bytes], events: list[Event]) -> None:
        self.first = events[0].time
        self._file = file
        self._chunks: list[tuple[int, int]] = []
        offset = file.seek(0, os.SEEK_END)
        for at in range(0, len(events), _CHUNK):
            data = pickle.dumps(events[at : at + _CHUNK], pickle.HIGHEST_PROTOCOL)
            if file.write(data) != len(data):
                raise OSError("the disk is full")
            self._chunks.append((offset, len(data)))
            offset += len(data)

    def chunks(self) -> Iterator[list[Event]]:
        for offset, size in self._chunks:
            # what this process wrote, and nobody else can
            yield pickle.loads(os.pread(self._file.fileno(), size, offset))

    def __iter__(self) -> Iterator[Event]:
        return chain.from_iterable(self.chunks())
