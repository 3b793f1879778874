"""Restart: a run's state is laid aside as it goes, and the next run of the same chains goes on from there.

    files    read to their end, sorted, matched      nothing of it is kept: read again they give the same alerts, and
                                                     it is enough to know how many are out
    streams  taken as they come                      the state of matching and intake, how far each input was read, and
                                                     the journal of what nobody can read again

A checkpoint is one transaction that says besides how long the file of alerts was. The next run cuts the file back to
that length and writes the rest once more, byte for byte; what reads alerts by any other way may see some twice, with
equal ids. Taken where nothing is under way, so a run loses nothing wherever it is killed. Used by `run`.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import msgspec
from chainrun.dsl.model import Analytic

from .checkpoint.file import KEPT, About, Output, Source, StateError, StateFile
from .checkpoint.flat import LayoutError, dump, load
from .checkpoint.journal import MOST, Journal
from .checkpoint.stamp import Stamp, differences, digest
from .engine import Engine
from .formats import Format
from .intake.intake import Intake
from .intake.source import Input
from .report.alert import Alert
from .state import Holder, put, take
from .version import VERSION

EVERY = 10.0  # seconds from one checkpoint to the next
SHARE = 20  # of the time, one part at most is spent on them: a large state is written less often
HEAD = 1 << 16  # bytes of a file that tell it from another

TOLD = 3  # differences of settings
NOT_WITH_THESE = "go on with what it was written with, or begin anew in another directory"
RESET = "with --reset-changed the chains that say something else begin anew, and the others go on"


class Sink(Protocol):
    """Where alerts go, if that is a file."""

    def __call__(self) -> Output:
        """All that was written is on the disk: which file, and how long."""


class Keeper:
    """Keeps the state of one run in a directory.

    every  seconds from one checkpoint to the next, at least
    share  and as many times as long as the last one took
    reset  of a stream, chains that have changed since begin anew, and the others go on
    at     called with the name of each point that is passed: for tests that kill there
    """

    def __init__(
        self,
        directory: Path,
        stamp: Stamp,
        *,
        every: float = EVERY,
        share: float = SHARE,
        reset: bool = False,
        clock: Callable[[], float] = time.monotonic,
        at: Callable[[str], None] = lambda point: None,
    ) -> None:
        self.sink: Sink | None = None
        self.output: Output | None = None  # what was written by then
        self.notes: list[str] = []  # what is to be said of how it went on
        self.stamp = stamp
        self._every = every
        self._share = share
        self._reset = reset
        self._clock = clock
        self._at = at
        self._file = StateFile(directory)
        self._journal = Journal(directory)
        self._number = 0
        self._alerts = 0  # that are out
        self._passed = 0  # of those, how many a run over files comes upon once more
        self._due = clock() + every
        self._files: tuple[Source, ...] = ()
        self._laid: tuple[Sequence[Analytic], bytes] = (), b""
        self._file.lock()
        try:
            self._found = self._file.newest()
        except BaseException:
            self.close()
            raise

    def beginning(self, analytics: Sequence[Analytic]) -> Sequence[Analytic]:
        """The analytics to begin with: those of the state, if these are to take their places later."""
        about = self._found.about if self._found is not None else None
        if about is None or not self._reset or not about.is_stream or about.stamp.chains == self.stamp.chains:
            return analytics
        try:
            before: Sequence[Analytic] = load(about.analytics)
        except Exception as error:  # of pickle, whatever its bytes say
            self.close()
            raise self._of_another(about, error) from error
        self.stamp = msgspec.structs.replace(self.stamp, chains=about.stamp.chains)
        return before

    def resume(self, engine: Engine, intake: Intake, holders: Sequence[Holder]) -> None:
        """Puts back what the last run laid aside, if there was one. Raises StateError where it cannot be used."""
        try:
            self._resume(engine, intake, holders)
        except BaseException:
            self.close()
            raise

    def _resume(self, engine: Engine, intake: Intake, holders: Sequence[Holder]) -> None:
        self._engine, self._intake = engine, intake
        self._holders = (*holders, (intake, ("read",)), *intake.held.holders())
        if not intake.is_stream:  # as they are before they are read: what changes meanwhile is another file afterwards
            self._files = tuple(Source(input.name, mark=_mark(input.name)) for input in intake.inputs)
        found, self._found = self._found, None
        if found is not None:
            about = found.about
            self._number = max((about.number, *found.passed))
            if found.passed:
                self.notes.append(f"checkpoint {self._number} is damaged; going on from {about.number}")
            self._compare(about)
            self._alerts, self.output = about.alerts, about.output
            if about.is_stream:
                try:
                    put(engine, found.state, self._holders)
                except (LayoutError, ValueError, TypeError) as error:
                    raise self._of_another(about, error) from error
                intake.resume(list(self._journal.since(about.number)))
            else:
                self._passed = about.alerts
        if intake.is_stream:
            self._journal.begin(self._number, self._number)
            if found is None:  # a journal goes on from a checkpoint: one is written before anything is read
                self._due = self._clock()

    def _of_another(self, about: About, error: Exception) -> StateError:
        wrote = f"chainrun {about.version} wrote it, and this is {VERSION}"
        return StateError(f"{self._file.path}: {wrote}: {error}", NOT_WITH_THESE)

    def _compare(self, about: About) -> None:
        """Refuses what was laid aside of another run than this."""
        intake, path = self._intake, self._file.path
        if others := differences(about.stamp, self.stamp):
            told = "; ".join(others[:TOLD]) + (f"; and {len(others) - TOLD} more" if len(others) > TOLD else "")
            is_mendable = about.is_stream and intake.is_stream and bool(about.analytics)
            mended = is_mendable and not differences(msgspec.structs.replace(about.stamp, chains={}), self._chainless())
            help = f"{NOT_WITH_THESE}; {RESET}" if mended else NOT_WITH_THESE
            raise StateError(f"{path}: it was written with other settings: {told}", help)
        if about.is_stream != intake.is_stream:
            were, are = ("a stream", "files") if about.is_stream else ("files", "a stream")
            raise StateError(f"{path}: what was read then was {were}, and these inputs are {are}", NOT_WITH_THESE)
        if about.is_stream:
            intake.finder.adopt([(source.name, source.is_found) for source in about.sources])
        now = self._sources()
        if not about.is_stream:
            for before, after in zip(about.sources, now, strict=False):
                if before != after:
                    raise StateError(f"{path}: `{before.name}` is another file now, or has changed", NOT_WITH_THESE)
        names, known = [s.name for s in now], [s.name for s in about.sources]
        if known != (names[: len(known)] if about.is_stream else names):
            were = ", ".join(f"`{s.name}`" for s in about.sources)
            raise StateError(f"{path}: the inputs were {were}, and are others now", NOT_WITH_THESE)

    def _chainless(self) -> Stamp:
        return msgspec.structs.replace(self.stamp, chains={})

    # -- while it runs ----------------------------------------

    def read(self, input: Input, data: bytes, arrived: int | None) -> None:
        """Takes what was read of a stream, before anything comes of it."""
        if input.is_pipe:
            self._journal.append(input.rank, data, arrived)
            self._at("journal written")

    def kept(self, alerts: Iterable[Alert]) -> Iterator[Alert]:
        """The alerts that are not out yet, counted as they go; and a last checkpoint, once all are."""
        try:
            for alert in alerts:
                if self._passed:
                    self._passed -= 1
                    continue
                yield alert
                self._alerts += 1
                self._at("alert written")
                if not self._intake.is_stream:
                    self.settle()
            if not self._intake.is_behind:  # else it is all as it was, and the next run begins where this one did
                self.commit(is_over=not self._intake.is_laid_aside)
        finally:
            self.close()

    def settle(self) -> None:
        """Writes a checkpoint, if it is time to. Nothing may be under way."""
        if self._clock() >= self._due or self._journal.size > MOST:
            self.commit()

    def commit(self, is_over: bool = False) -> None:
        """Writes a checkpoint. Nothing may be under way."""
        begun = self._clock()
        engine, intake = self._engine, self._intake
        output = self.sink() if self.sink is not None else None
        self._at("alerts on the disk")
        state = take(engine, self._holders) if intake.is_stream else b""
        about = About(
            number=self._number + 1,
            version=VERSION,
            stamp=self.stamp,
            is_stream=intake.is_stream,
            is_over=is_over,
            sources=self._sources(),
            output=output,
            alerts=self._alerts,
            lines=intake.tally.lines,
            at=engine.now,
            analytics=self._analytics(),
            open={f"{r.analytic.id}/{r.automaton.chain.name}": r.matcher.open_groups for r in engine.running if state},
        )
        self._at("state taken")
        self._file.write(about, state, self._at)
        self._at("committed")
        self._number += 1
        if intake.is_stream:
            self._journal.begin(self._number, self._number + 1 - KEPT)
        self._at("journal begun")
        ended = self._clock()
        self._due = ended + max(self._every, self._share * (ended - begun))

    def _analytics(self) -> bytes:
        """The analytics that are loaded, laid flat, without what a state does not rest on."""
        loaded = self._engine.analytics
        if self._laid[0] is not loaded:
            self._laid = loaded, dump(tuple(msgspec.structs.replace(a, tests=()) for a in loaded), model=True)
        return self._laid[1]

    def close(self) -> None:
        """Lets go of the directory."""
        self._journal.close()
        self._file.unlock()

    def _sources(self) -> tuple[Source, ...]:
        if not self._intake.is_stream:
            return self._files
        places = self._intake.held.places
        return tuple(
            Source(i.name, places[i.rank].text if i.rank in places else 0, is_found=i.is_found)
            for i in self._intake.inputs
        )


def _mark(name: str) -> str:
    """What tells a file from what it would be after a change."""
    try:
        with Path(name).open("rb") as file:
            status = os.fstat(file.fileno())
            return f"{status.st_size}.{status.st_mtime_ns}.{blake2b(file.read(HEAD), digest_size=8).hexdigest()}"
    except (OSError, ValueError):
        return ""


def stamp(analytics: Sequence[Analytic], formats: Sequence[Format], options: dict[str, object]) -> Stamp:
    """What the state of such a run rests on. Of files that options name the content counts."""
    return Stamp(
        chains={a.id: digest(a, ("span", "tests", "file")) for a in analytics},
        formats={f.name: digest(f) for f in formats},
        options={name: _said(value) for name, value in options.items() if value not in (None, False, ())},
    )


def _said(value: object) -> str:
    if isinstance(value, Path):
        try:
            return blake2b(value.read_bytes(), digest_size=8).hexdigest()
        except OSError:
            return ""
    if isinstance(value, tuple):
        return ", ".join(map(_said, value))
    return "yes" if value is True else str(value)
