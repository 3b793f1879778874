"""What a run that does not end does besides reading: it answers whoever sends, tells systemd how it is, and on SIGHUP
opens its files anew and takes in chains, site file and words as they are now.

`attend` is called again and again while a stream is read, whenever all that came of what was read has been written.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from ..chains import Library
from ..report.escape import escape, excerpt
from ..run import Run
from .ack import Rsyslog
from .collector import let_go
from .exits import UsageError
from .notify import Notifier
from .signals import Interrupted, drained

T = TypeVar("T")

_NAMED = 8  # chains that a message names


class Reopened(Protocol):
    """A file that may be rotated: it is opened again by its name."""

    def reopen(self) -> None: ...


class Service:
    """A run's surroundings.

    sender  whoever waits for its lines to be dealt with
    load    the chains as they are now; None where something is wrong with them, which has been said
    quiet   only what goes wrong is said
    """

    def __init__(self, sender: Rsyslog | None, load: Callable[[], Library | None], *, quiet: bool) -> None:
        self._sender = sender
        self._load = load
        self._quiet = quiet
        self._systemd = Notifier(os.environ)
        self._is_hung_up = False

    @contextmanager
    def serving(self, run: Run, *files: Reopened | None) -> Iterator[Interrupted]:
        """While a run is read: signals are heard, and whoever asked is told of its beginning and its end."""
        self._run = run
        self._files = [file for file in files if file is not None]
        with drained(run, self._hang_up if run.is_stream else None) as interrupted:
            self._systemd.ready()
            try:
                yield interrupted
            finally:
                self._systemd.stopping()
            if self._sender is not None:
                self._sender.settle()

    def attend(self) -> None:
        """Does what is due."""
        if self._sender is not None:
            self._sender.settle()
        if self._is_hung_up:
            self._is_hung_up = False
            self._systemd.reloading()
            self._begin_anew()
            self._systemd.ready()
        self._systemd.alive(self._status)

    def _hang_up(self) -> None:
        self._is_hung_up = True

    def _begin_anew(self) -> None:
        for file in self._files:
            self._try(file.reopen)
        library = self._try(self._load)
        if library is None:
            sys.stderr.write("error: not reloaded; the chains from before stay in force\n")
            self._run.lay_aside()  # which file alerts go to is part of the state
            return
        begun = self._run.load(library.analytics)
        let_go()
        if not self._quiet:
            count = sum(len(analytic.chains) for analytic in library.analytics)
            what = f"of which begin now: {_named(begun)}" if begun else "as before"
            sys.stderr.write(f"reloaded: {count} chain{'' if count == 1 else 's'}, {what}\n")

    def _try(self, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except UsageError as error:
            sys.stderr.write(f"error: {excerpt(error, 300)}\n")
            return None

    def _status(self) -> str:
        tally, alerts = self._run.tally, self._run.alerts
        return f"{tally.lines:,} lines read, {tally.bad_lines:,} of them bad; {alerts:,} alerts"


def tell_resumed(run: Run, *, quiet: bool) -> None:
    """Says how a run went on from its state: what was wrong with that, and which chains could not."""
    for note in run.keeper.notes if run.keeper is not None else ():
        sys.stderr.write(f"warning: {escape(note)}\n")
    if run.begun and not quiet:
        sys.stderr.write(f"going on, but for chains that begin now: {_named(run.begun)}\n")


def _named(chains: Sequence[str]) -> str:
    return ", ".join(escape(name) for name in chains[:_NAMED]) + (", …" if len(chains) > _NAMED else "")
