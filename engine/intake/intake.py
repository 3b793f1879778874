"""Intake: the way of the bytes to an ordered stream of canonical events.

    read ─ lines ─ normalise ─ whose host ─ true time ─ order ─ duplicates ─ occurrences ─ seconds ─ names ─ number

Files are read to their end first, so that every clock is measured and the order is exact. A pipe (or anything else that
is no regular file) is taken as it comes: with no lateness an event is out at once. Nothing that telemetry contains
raises here; what was odd is in the `tally`. Called by the engine's run.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import IO

from chainrun.engine.event import Event, Origin

from .address import Address
from .ahead import borne_out
from .clock import Hold, correct_all
from .finding import Finder
from .finish import finish
from .held import Held, Place, is_asked
from .inventory import Inventory
from .kept import Kept
from .lines import LONGEST, Splitter
from .normalising import Normalises
from .opening import Opening, Readable
from .order import Reorder
from .records import Records, only_tells_time
from .source import Input, find_inputs, wait
from .span import Span
from .tally import Tally
from .tolerance import Intolerable, Tolerance

STOP_CHECK = 0.5  # seconds: how often a silent pipe is left to see whether the run was asked to stop
DRAINED = 5.0  # seconds: for how long pipes are read to their end when a run is to end


class Intake:
    """The events of some inputs, in order, with `order` counted from 0. To be iterated once.

    inputs      files, folders, globs, "-"; none at all is standard input
    lateness    microseconds that a pipe's events may be out of order; files need none
    host        the host of records that name none; without it, the input's name
    inventory   who had which address, as the user knows it
    stream      take files as they come, too
    listen      addresses of this machine to which others send lines; with any, no names are no inputs
    follow      files grow, are rotated, and may come into being later; there is no end of them
    written     files that the run writes: they are never found to be followed
    idle        seconds for which the other pipes wait for a silent one
    wall        the clock on our wall, in microseconds since 1970: when a pipe's records arrive
    lasts       what it holds is laid aside, by whoever is called `on_wait`, and taken up again by another process
    on_progress called with the bytes read and the bytes there are (0 where a pipe makes that unknown)
    on_wait     called before a stream is waited for, again and again: all that came of what was read has been taken
    on_read     called with the input, the bytes that were read of a stream, and when, before anything comes of them
    span        the time that is asked about: what lies before it is `unasked`, what lies after it left out
    tolerance   how many bad lines are borne; with one more reading ends, and what has been read is finished
    on_bad      called with every line that cannot be used (None where it was too long to be held), and the cause
    """

    def __init__(
        self,
        inputs: Sequence[str],
        normaliser: Normalises,
        *,
        lateness: int | None = None,
        host: str | None = None,
        inventory: Inventory | None = None,
        stdin: IO[bytes] | int = 0,
        stream: bool = False,
        follow: bool = False,
        listen: Sequence[Address] = (),
        written: Sequence[str] = (),
        longest: int = LONGEST,
        idle: float = 2.0,
        wall: Callable[[], int] = lambda: time.time_ns() // 1000,
        lasts: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
        on_wait: Callable[[], None] | None = None,
        on_read: Callable[[Input, bytes, int | None], None] | None = None,
        span: Span | None = None,
        tolerance: Tolerance | None = None,
        on_bad: Callable[[bytes | None, Origin, str], None] | None = None,
    ) -> None:
        self.inputs, errors = find_inputs(inputs, stdin, follow) if inputs or not listen else ([], [])
        self.inputs += [Input(str(a), len(self.inputs) + at, None, address=a) for at, a in enumerate(listen)]
        self.finder = Finder(inputs if follow else (), self.inputs, written)
        self.is_stream = stream or bool(self.finder) or any(i.is_pipe or i.is_followed for i in self.inputs)
        lateness = max(lateness or 0, 0)
        self._waits = not self.is_stream or lateness > 0
        self.held = Held(
            self.inputs,
            lateness=lateness,
            longest=longest,
            inventory=inventory,
            live=self.is_stream,
            waits=self._waits,
            lasts=lasts,
        )
        self._errors, self.tally.errors = errors, list(errors)
        self._lasts = lasts
        self._records = Records(normaliser, self.held, self.is_stream, host, tolerance, on_bad)
        self.opening = Opening(self.inputs, stdin)
        self._longest = longest
        self._idle = idle
        self._wall = wall
        self._on_progress = on_progress
        self._on_wait = on_wait
        self._on_read = on_read
        self._span = span or Span()
        self._again: Iterator[tuple[int, bytes, int | None]] = iter(())
        self.is_behind = False  # something is to be read again that nobody else has
        self._stopped = False
        self._drained_from: float | None = None
        self._bytes_total = 0 if self.is_stream else sum(i.size or 0 for i in self.inputs)

    @property
    def read(self) -> Counter[str]:
        """How many records there were, by format."""
        return self._records.read

    @read.setter
    def read(self, counts: Counter[str]) -> None:
        self._records.earlier = counts

    def use(self, normaliser: Normalises) -> None:
        """Lines are normalised by this one from now on."""
        self._records.use(normaliser)

    @property
    def tally(self) -> Tally:
        """What became of every line and event."""
        return self.held.tally

    @property
    def is_laid_aside(self) -> bool:
        """Whether it was stopped, and what waits goes on waiting until it is taken up again."""
        return self._lasts and self._stopped

    def resume(self, again: Iterable[tuple[int, bytes, int | None]] = ()) -> None:
        """Made ready to go on where its state was taken, which has been put back. `again`: what was read of streams
        since, in order: the input's place, the bytes, and when they arrived."""
        self._again = iter(again)
        self.is_behind = True
        self.held.resume(self.inputs, self._errors)

    def stop(self) -> None:
        """Reads no further; what has been read is finished, or stays as it is if it lasts. May be called from a signal
        handler."""
        self._stopped = True

    def drain(self) -> None:
        """Reads what pipes still hold, till they are silent or a few seconds are over, then no further; a file waits to
        be read again. May be called from a signal handler."""
        if self.is_stream:
            self._drained_from = time.monotonic()
        else:
            self.stop()

    def __iter__(self) -> Iterator[Event]:
        ordered = self._as_it_comes() if self.is_stream else self._whole()
        try:
            merged = self._merged(ordered)
            settled = self._settled(merged) if self._waits else merged
            yield from finish(settled, self.held.names, self.tally, self._span)
        finally:
            if self.is_laid_aside and self.is_stream:
                self.tally.waiting = self.held.waiting()
            self.tally.by_format = self.read
            self.tally.offsets = self.held.clock.offsets()

    # -- files ----------------------------------------

    def _whole(self) -> Iterator[Event]:
        """The events of files, read to the end, then corrected and sorted."""
        kept = Kept()
        with suppress(Intolerable):
            self._read_all(kept)
        if self.is_laid_aside:  # a part of the files says nothing of the whole
            self.tally.waiting = sum(is_asked(event) for events in kept.runs() for event in events)
            return iter(())
        if kept.any_homeless:
            # whose address it was is a question of time: hosts' clocks are set right before flows are given to them
            for events in kept.runs():
                correct_all(self.held.clock, [event for event in events if event.host])
                self._learn(events)
        ordered = kept.in_order(self._put_right)
        return borne_out(ordered) if self._records.is_whole else ordered

    def _put_right(self, events: list[Event]) -> None:
        """Gives events of files their host and their true time, once all has been read."""
        for event in events:
            if not event.host:
                event.host = self._host_of(event)
        correct_all(self.held.clock, events)

    def _read_all(self, kept: Kept) -> None:
        left, chunk = len(self.inputs), None
        for input in self.inputs:
            if self._stopped:
                break
            reader = self._open(input)
            splitter = Splitter(self._longest)
            try:
                while not self._stopped and (chunk := self._read(reader)) != b"":
                    for events in self._records.of(splitter.take(chunk), input):
                        kept.add(events)
                if chunk == b"":  # else the last line is only the part of one that was read
                    left -= 1
                    for events in self._records.of(splitter.end(), input):
                        kept.add(events)
            finally:
                self._close(reader)
        self.tally.unread = max(self._bytes_total - self.tally.bytes, 1) if left else 0
        self._records.judge()

    # -- pipes ----------------------------------------

    def _as_it_comes(self) -> Iterator[Event]:
        """The events of pipes, as soon as the lateness and the other pipes allow."""
        hold, reorder = self.held.hold, self.held.reorder
        self.opening.listen()
        readers = {i.rank: self._open(i) for i in self.inputs}
        self._again = chain(self._again, self._anew(readers))
        while (readers or self.finder) and not self._stopped:
            taken = self._take(readers, reorder)
            if taken is not None:
                rank, chunk, arrived = taken
                try:
                    for events in self._records.of(self.held.splitters[rank].take(chunk), readers[rank].input):
                        # Each line on its own: two events of one chunk may be the first two of their alert.
                        yield from self._advance(events, arrived, hold, reorder)
                except Intolerable:
                    break
                if chunk == b"" and readers[rank].renew():
                    self.held.begin(readers[rank].input, readers[rank].file)
                elif chunk == b"":
                    self._close(readers.pop(rank))
                    reorder.end(rank)
            if readers:
                yield from reorder.release(self._settle)
        for rank, reader in readers.items():
            if not self.tally.is_intolerable:  # else lines were left unread
                reader.settle()
            self._close(reader)
            if not self.is_laid_aside:
                reorder.end(rank)
        if self.is_laid_aside:
            return
        self._records.judge()
        for event in hold.end():
            reorder.add(event)
        yield from borne_out(reorder.release(self._settle), reorder.pace)

    def _anew(self, readers: dict[int, Readable]) -> Iterator[tuple[int, bytes, int | None]]:
        """Behind what was read again: a line that an earlier pipe broke off in is over."""
        for rank, reader in readers.items():
            place = self.held.places[rank]
            if reader.input.is_pipe and reader.file != place.file and self.held.splitters[rank].is_torn:
                self._report(reader, b"\n", None)
                yield rank, b"\n", None

    def _take(self, readers: dict[int, Readable], reorder: Reorder) -> tuple[int, bytes | None, int | None] | None:
        """What is read next: of which input, and when it arrived, of a pipe; None where none has anything."""
        taken = next(self._again, None)
        if taken is not None:
            return taken
        self.is_behind = False
        reader = self._next(readers, reorder)
        if reader is None:
            return None
        input = reader.input
        chunk = self._read(reader)
        arrived = self._wall() if input.is_pipe else None
        if chunk:
            self._report(reader, chunk, arrived)
        return input.rank, chunk, arrived

    def _report(self, reader: Readable, chunk: bytes, arrived: int | None) -> None:
        """Takes note of what was read of a stream, before anything comes of it."""
        rank = reader.input.rank
        self.held.places[rank] = Place(self.held.places[rank].text + len(chunk), reader.file, reader.mark)
        if self._on_read is not None:
            self._on_read(reader.input, chunk, arrived)

    def _advance(self, events: list[Event], arrived: int | None, hold: Hold, reorder: Reorder) -> Iterator[Event]:
        for event in events:
            if not event.host and event.clock is not None:
                event.host = self._host_of(event)  # whose clock it is
            for ready in hold.take(event):
                if only_tells_time(ready):
                    reorder.hear(ready, arrived)
                else:
                    reorder.add(ready, arrived)
            yield from reorder.release(self._settle)

    def _next(self, readers: dict[int, Readable], reorder: Reorder) -> Readable | None:
        """The input to read from now: the one that the others wait for. One that stays silent is idle, until it speaks.

        The wall clock decides only for how long the others are held back.
        """
        slowest = reorder.slowest
        patience = STOP_CHECK
        silent = 0.0
        while not self._stopped:
            if slowest is not None and len(readers) > 1:
                patience = min(STOP_CHECK, self._idle - silent)
            if self._on_wait is not None:
                self._on_wait()
            for reader in readers.values():
                reader.settle()
            found = list(self.finder.found(readers, [reader.file for reader in readers.values()]))
            for input in found:
                self.held.add(input)
                readers[input.rank] = self._open(input)
            if found:
                return None
            ends = self._drained_from is not None
            candidates = [r for rank, r in readers.items() if ends or rank == slowest or reorder.is_idle(rank)]
            ready = wait(candidates, max(patience, 0.0))
            if self._is_drained(bool(ready)):
                self._stopped = True
            elif ready:
                chosen = min(ready, key=lambda r: (r.input.rank != slowest, r.input.rank))
                reorder.set_idle(chosen.input.rank, False)
                return chosen
            silent += patience
            if slowest is not None and len(readers) > 1 and silent >= self._idle:
                reorder.set_idle(slowest, True)
                return None
        return None

    def _is_drained(self, has_more: bool) -> bool:
        if self._drained_from is None:
            return False
        return time.monotonic() - self._drained_from > (DRAINED if has_more else STOP_CHECK)

    # -- both ----------------------------------------

    def _open(self, input: Input) -> Readable:
        reader = self.opening.open(input, self.held)
        if reader.error is None:
            self.tally.inputs += 1
        return reader

    def _read(self, reader: Readable) -> bytes | None:
        before = reader.consumed
        chunk = reader.read()
        self.tally.bytes += reader.consumed - before
        if self._on_progress is not None:
            self._on_progress(self.tally.bytes, self._bytes_total)
        return chunk

    def _close(self, reader: Readable) -> None:
        if reader.error is not None:
            self.tally.errors.append(reader.error)
        reader.close()

    def _settle(self, events: list[Event]) -> None:
        """Whose events of one moment are that leave in order: by what was told up to then, whenever it came."""
        self._learn(events)
        for event in events:
            event.host = event.host or self._host_of(event)

    def _learn(self, events: list[Event]) -> None:
        for event in events:
            self.held.addresses.learn(event)
            self.held.containers.learn(event)

    def _host_of(self, event: Event) -> str:
        """The host of a record that names none."""
        # a container's address is its host's own: every engine's first bridge is 172.17.0.0/16
        homes = self.held.containers if "container.id" in event.fields else self.held.addresses
        return homes.host_of(event) or self._records.default_host(event.origin.input)

    def _merged(self, ordered: Iterator[Event]) -> Iterator[Event]:
        """Each occurrence once."""
        duplicates, occurrences, tally = self.held.duplicates, self.held.occurrences, self.tally
        for event in ordered:
            if not event.unasked and duplicates.is_duplicate(event):
                tally.duplicates += 1
            else:
                yield from occurrences.take(event)
            tally.merged = occurrences.merged
        if not self.is_laid_aside:
            yield from occurrences.end()
            tally.merged = occurrences.merged

    def _settled(self, events: Iterator[Event]) -> Iterator[Event]:
        """Events written in whole seconds, behind the start of their process."""
        seconds = self.held.seconds
        for event in events:
            yield from seconds.take(event)
        if not self.is_laid_aside:
            yield from seconds.end()
