"""Posts: lines of JSON that others send by HTTP to a port of this machine, and that are answered for.

    sender ── POST ──> a thread of its own ── queue ──> read ── lines matched ── settle
           <── 200 ─────────────────────────────────────────────────────────────┘

A post is answered with 200 once all that came of its lines has been dealt with; whoever gets anything else sends it
again, and repeated records are recognised. Where much waits already the answer is 429, with a time to come back; where
the run ends, or takes too long, 503. Called by `opening`.
"""

import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .address import Address
from .archive import Archive, find_kind
from .hearing import Hearing, ListenError
from .source import Input

LARGEST = 16 << 20  # bytes of a body, as sent
UNPACKED = 64 << 20  # and as lines
WAITING = 8  # posts that may wait; with more, whoever sends is asked to wait
SENDERS = 64
SLOW = 30.0  # seconds for a body to arrive, and for its lines to be dealt with
SENT = 5.0  # and for the last answers to be sent, when the run ends

STATUS = HTTPStatus


class _Post:
    """The lines of one post, and the answer to it."""

    __slots__ = ("answer", "answered", "lines")

    def __init__(self, lines: bytes) -> None:
        self.lines = lines
        self.answer = STATUS.SERVICE_UNAVAILABLE
        self.answered = threading.Event()

    def settle(self, answer: HTTPStatus) -> None:
        self.answer = answer
        self.answered.set()


class PostListener(Hearing):
    """What is posted to one address, as a `source.Reader` gives what is in a file; raises ListenError."""

    def __init__(self, input: Input, address: Address) -> None:
        super().__init__(input)
        self.posts: queue.Queue[_Post] = queue.Queue(WAITING)
        self._read: list[_Post] = []  # given on, and not answered yet
        self._gate = threading.Condition()  # no post comes in while it is closed
        self._is_open = True
        self._under_way = 0  # answers that are waited for or being sent
        try:
            self._server = _Server(address, self)
        except OSError as problem:
            raise ListenError(address, problem) from problem
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._rope, False)
        os.set_blocking(self._bell, False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name=input.name, daemon=True)
        self._thread.start()

    def fileno(self) -> int | None:
        return self._bell

    def read(self) -> bytes | None:
        """The lines of a post; None where there is none."""
        try:
            os.read(self._bell, 1)  # rung once for each
            post = self.posts.get_nowait()
        except (BlockingIOError, queue.Empty):
            return None
        self._read.append(post)
        self.consumed += len(post.lines)
        return post.lines

    def settle(self) -> None:
        """All that came of what was read has been dealt with: whoever sent it is told."""
        for post in self._read:
            post.settle(STATUS.OK)
        self._read.clear()

    @contextmanager
    def posted(self, lines: bytes) -> Iterator[HTTPStatus]:
        """The answer to these lines, when there is one. Called by the thread of a sender, to whom it is sent meanwhile:
        `close` waits for that."""
        post = _Post(lines)
        with self._gate:
            self._under_way += 1
            refused = self._refused(post)
        try:
            if refused is None:
                post.answered.wait(SLOW)
            yield refused or post.answer
        finally:
            with self._gate:
                self._under_way -= 1
                self._gate.notify_all()

    def _refused(self, post: _Post) -> HTTPStatus | None:
        """Lets a post wait for being read; else the answer to it."""
        if not self._is_open:
            return STATUS.SERVICE_UNAVAILABLE
        try:
            self.posts.put_nowait(post)
        except queue.Full:
            return STATUS.TOO_MANY_REQUESTS
        os.write(self._rope, b"!")
        return None

    def close(self) -> None:
        """Answers everybody, and listens no more; returns when the answers have been sent."""
        with self._gate:
            self._is_open = False
            while not self.posts.empty():
                self._read.append(self.posts.get_nowait())
            for post in self._read:
                post.settle(STATUS.SERVICE_UNAVAILABLE)
        self._server.shutdown()
        self._server.server_close()
        with self._gate:
            self._gate.wait_for(lambda: not self._under_way, SENT)
            os.close(self._bell)
            os.close(self._rope)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = SENDERS
    block_on_close = False

    def __init__(self, address: Address, listener: PostListener) -> None:
        self.listener = listener
        self.address_family = socket.AF_INET6 if ":" in address.place else socket.AF_INET
        self._senders = threading.BoundedSemaphore(SENDERS)
        super().__init__((address.place, address.port), _Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)  # not `HTTPServer`'s, which asks the network for the machine's name

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._senders.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._senders.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that goes in the middle is its own affair: it had no answer, and sends again."""


class _Refused(Exception):
    """Why a post is not taken."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "chainrun"
    sys_version = ""
    timeout = SLOW

    def do_POST(self) -> None:
        try:
            if "Origin" in self.headers:  # a page that somebody here looks at must not make up telemetry
                raise _Refused(STATUS.FORBIDDEN, "not from a browser")
            lines = _unpacked(self._body())
            if not lines:
                self._answer(STATUS.OK)
                return
            with self.server.listener.posted(lines if lines.endswith(b"\n") else lines + b"\n") as answer:
                self._answer(answer)
        except _Refused as refused:
            self.close_connection = True
            self._answer(refused.status, str(refused))

    do_PUT = do_POST

    def do_GET(self) -> None:
        self._answer(STATUS.OK, "POST lines of JSON here")

    do_HEAD = do_GET

    def _answer(self, status: HTTPStatus, message: str = "") -> None:
        body = f"{message}\n".encode() if message else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status in (STATUS.TOO_MANY_REQUESTS, STATUS.SERVICE_UNAVAILABLE):
            self.send_header("Retry-After", "1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        self._until = time.monotonic() + SLOW
        if self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
            return self._chunked()
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise _Refused(STATUS.LENGTH_REQUIRED, "how long is it?")
        return self._exactly(int(length[:19]))

    def _chunked(self) -> bytes:
        body = b""
        while True:
            size = self.rfile.readline(66).split(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise _Refused(STATUS.BAD_REQUEST, "no chunk begins like this") from None
            if length < 0:
                raise _Refused(STATUS.BAD_REQUEST, "no chunk is so short")
            body += self._exactly(length, len(body))
            end = self.rfile.readline(8_193)
            while not length and end.strip():  # what may follow the last chunk
                end = self.rfile.readline(8_193)
            if not length:
                return body

    def _exactly(self, length: int, before: int = 0) -> bytes:
        if before + length > LARGEST:
            raise _Refused(STATUS.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST >> 20} MB; send less at a time")
        parts = []
        while length:
            part = self.rfile.read1(min(length, 1 << 16))
            if not part:
                raise ConnectionError
            if time.monotonic() > self._until:
                raise _Refused(STATUS.REQUEST_TIMEOUT, "too slow")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what is wrong is in the answer."""


def _unpacked(body: bytes) -> bytes:
    """The lines of a body, which may be an archive, whatever its header says."""
    kind = find_kind(body)
    if kind is None:
        return body
    wrong: list[str] = []
    archive = Archive(kind, body, lambda: b"", wrong.append)
    parts, size = [], 0
    while part := archive.read():
        parts.append(part)
        size += len(part)
        if size > UNPACKED:
            raise _Refused(STATUS.REQUEST_ENTITY_TOO_LARGE, f"unpacks to more than {UNPACKED >> 20} MB")
    if wrong:
        raise _Refused(STATUS.BAD_REQUEST, f"the body {wrong[0]}")
    return b"".join(parts)
