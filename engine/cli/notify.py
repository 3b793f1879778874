"""Tells systemd how a service is: sd_notify(3), a few words to a socket. Says nothing where nobody asked to be told.

Our own: the libraries for it (`sdnotify`, `systemd-python`) come without wheels.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from socket import AF_UNIX, SOCK_DGRAM, socket

STATUS_EVERY = 5.0  # seconds


class Notifier:
    """systemd, as the environment says where it listens."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._clock = clock
        self._patience = 0.0  # seconds without a sign of life that it bears; 0: it does not ask for any
        if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            with suppress(ValueError):
                self._patience = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
        self._alive = self._told = clock()

    def ready(self) -> None:
        self._tell("READY=1")

    def reloading(self) -> None:
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def alive(self, status: Callable[[], str]) -> None:
        """A sign of life where one is due, which is at half of the time, and now and then what it is doing."""
        if not self._address:
            return
        now = self._clock()
        if self._patience and now - self._alive >= self._patience / 2:
            self._alive = now
            self._tell("WATCHDOG=1")
        if now - self._told >= STATUS_EVERY:
            self._told = now
            self._tell(f"STATUS={status()}")

    def _tell(self, *words: str) -> None:
        if self._address:
            with suppress(OSError), socket(AF_UNIX, SOCK_DGRAM) as out:
                out.sendto("\n".join(words).encode(), self._address)
