"""Signals while something reads: SIGINT and SIGTERM end it, and what was read is finished; SIGHUP is told of."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from .exits import Exit


class Reading(Protocol):
    """What can be told to read no further: a run, an intake."""

    def stop(self) -> None: ...

    def drain(self) -> None: ...


class Interrupted:
    """Whether the reading was ended by somebody at the keyboard."""

    def __init__(self) -> None:
        self.told = False

    def __bool__(self) -> bool:
        return self.told

    def code(self, unread: int) -> Exit | None:
        """The exit code, where a signal ended the reading and so much was left of files; of a stream nothing is."""
        if self.told:
            return Exit.INTERRUPTED
        return Exit.TERMINATED if unread else None


@contextmanager
def drained(reading: Reading, on_hangup: Callable[[], None] | None = None) -> Iterator[Interrupted]:
    """SIGINT and SIGTERM end the reading, SIGTERM when pipes have given what they hold; what was read is finished. A
    second SIGINT ends everything at once. SIGHUP is `on_hangup`'s, but where it says that the terminal has gone."""
    interrupted = Interrupted()
    is_at_terminal = sys.stderr.isatty()

    def stop(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            reading.drain()
            return
        if interrupted:
            raise KeyboardInterrupt
        interrupted.told = True
        reading.stop()

    def hang_up(number: int, frame: FrameType | None) -> None:
        if is_at_terminal and not sys.stderr.isatty():
            reading.drain()
        elif on_hangup is not None:
            on_hangup()

    if threading.current_thread() is not threading.main_thread():  # a library user's thread has no signals
        yield interrupted
        return
    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if on_hangup is not None:
        handlers[signal.SIGHUP] = hang_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
