"""Signals while something reads: SIGINT and SIGTERM end the reading, and what was read is finished."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Reading(Protocol):
    """What can be told to read no further: a run, an intake."""

    def stop(self) -> None: ...


class Interrupted:
    """Whether the reading was ended by somebody at the keyboard."""

    def __init__(self) -> None:
        self.told = False

    def __bool__(self) -> bool:
        return self.told


@contextmanager
def drained(reading: Reading) -> Iterator[Interrupted]:
    """SIGINT and SIGTERM end the reading; what was read is finished. A second SIGINT ends everything at once."""
    interrupted = Interrupted()

    def stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if interrupted:
                raise KeyboardInterrupt
            interrupted.told = True
        reading.stop()

    if threading.current_thread() is not threading.main_thread():  # a library user's thread has no signals
        yield interrupted
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
