"""Listening: lines of JSON that others send to a socket of this machine, whoever connects.

Many senders are one input. Each has its own half of a line, so only whole lines are given on; the last one of a sender
that goes ends there. Whoever sends faster than is read waits, since what nobody reads stays in its socket. Called by
`opening`.
"""

import errno
import os
import selectors
import socket
import stat
from contextlib import suppress
from pathlib import Path

from .address import Address
from .hearing import Hearing, ListenError
from .source import Input

MOST = 64  # senders at once; further ones wait to be let in
HELD = 64 << 20  # bytes of lines that have not ended, of all senders together
BLOCK = 1 << 18


class Listener(Hearing):
    """What comes to one address, as a `source.Reader` gives what is in a file; raises ListenError."""

    def __init__(self, input: Input, address: Address) -> None:
        super().__init__(input)
        self._address = address
        self._halves: dict[socket.socket, bytearray] = {}  # by sender: the line that has not ended
        self._held = 0
        try:
            self._server = bound(address)
        except OSError as problem:
            raise ListenError(address, problem) from problem
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._server, selectors.EVENT_READ)

    def fileno(self) -> int | None:
        return self._ready.fileno()

    def read(self) -> bytes | None:
        """The lines that have ended; None where there are none."""
        found = []
        for key, _ in self._ready.select(0)[:1]:  # the next time another is first
            peer = key.fileobj
            assert isinstance(peer, socket.socket)
            if peer is self._server:
                self._let_in()
            else:
                found.append(self._lines(peer))
        return b"".join(found) or None

    def close(self) -> None:
        for sender in list(self._halves):
            sender.close()
        self._halves.clear()
        self._ready.close()
        self._server.close()
        if self._address.way == "unix":
            Path(self._address.place).unlink(missing_ok=True)

    def _let_in(self) -> None:
        try:
            sender, _ = self._server.accept()
        except OSError:  # gone again, or no descriptor is left: others go on
            return
        sender.setblocking(False)
        self._halves[sender] = bytearray()
        self._ready.register(sender, selectors.EVENT_READ)
        if len(self._halves) >= MOST:
            self._ready.unregister(self._server)

    def _lines(self, sender: socket.socket) -> bytes:
        half = self._halves[sender]
        try:
            data = sender.recv(BLOCK)
        except BlockingIOError:
            return b""
        except OSError:  # it was cut off
            data = b""
        self.consumed += len(data)
        whole, end, rest = data.rpartition(b"\n")
        if end:
            lines = bytes(half) + whole + end
            self._held += len(rest) - len(half)
            self._halves[sender] = bytearray(rest)
            return lines
        half += rest
        self._held += len(rest)
        if data and self._held <= HELD:
            return b""
        # the last line of one that went; or all that is held is too much, and nobody but a flood sends so much
        self._held -= len(half)
        self._let_out(sender)
        return bytes(half) + b"\n" if half else b""

    def _let_out(self, sender: socket.socket) -> None:
        if len(self._halves) >= MOST:
            self._ready.register(self._server, selectors.EVENT_READ)
        del self._halves[sender]
        self._ready.unregister(sender)
        sender.close()


def bound(address: Address) -> socket.socket:
    """A socket that listens; raises OSError. One with a file is for its owner alone, and takes a dead one's place."""
    if address.way == "unix":
        path = Path(address.place)
        _remove_dead(path)
        server = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            server.bind(str(path))
        except OSError:
            server.close()
            raise
        finally:
            os.umask(before)
    else:
        server = socket.socket(socket.AF_INET6 if ":" in address.place else socket.AF_INET)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((address.place, address.port))
        except OSError:
            server.close()
            raise
    server.listen(MOST)
    server.setblocking(False)
    return server


def _remove_dead(path: Path) -> None:
    """Removes the socket of a run that was killed; of one that lives nothing. Raises OSError of what is no socket."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OSError(errno.EEXIST, "a file that is no socket has this name")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
