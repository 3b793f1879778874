"""Lines that others send: sockets, posts, and what hostile or hasty senders can do."""

import gzip
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.checkpoint.file import StateFile
from chainrun.engine.cli.exits import Exit
from chainrun.engine.event import Event
from chainrun.engine.intake.address import Address, AddressError, parse_address
from chainrun.engine.intake.hearing import ListenError
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.listen import MOST, Listener
from chainrun.engine.intake.post import LARGEST, WAITING, PostListener
from chainrun.engine.intake.source import Input, wait

from .command import COMMAND, EVENTS, Command, connection, start
from .test_intake import Small, lines

Opened = Callable[..., Any]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


# -- addresses ----------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("unix:/run/a b.sock", Address("unix", "/run/a b.sock")),
        ("tcp:5514", Address("tcp", "127.0.0.1", 5514)),
        ("tcp:localhost:5514", Address("tcp", "127.0.0.1", 5514)),
        ("tcp:127.0.0.9:1", Address("tcp", "127.0.0.9", 1)),
        ("http:[::1]:8514", Address("http", "::1", 8514)),
    ],
)
def test_an_address_is_what_it_says(said: str, meant: Address) -> None:
    assert parse_address(said) == meant
    assert parse_address(str(meant)) == meant


@pytest.mark.parametrize(
    "said",
    ["", "unix:", "tcp", "tcp:", "tcp:x", "tcp:0", "tcp:65536", "tcp:99999999999", "udp:514", "http:0.0.0.0:80", "http:[::]:80",
     "tcp:10.0.0.1:80", "tcp:example.org:80", "http://127.0.0.1:80", "/run/x", "unix:" + "x" * 200, "tcp:²"],
)  # fmt: skip
def test_what_is_no_address_of_this_machine_is_refused(said: str, here: Path, chainrun: Command) -> None:
    with pytest.raises(AddressError):
        parse_address(said)
    code, _, err = chainrun("t.chain", "--listen", said)
    assert code == Exit.USAGE, err


# -- sockets ----------------------------------------


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    if request.param == "unix":
        return Address("unix", str(tmp_path / "c.sock"))
    return Address("tcp", "127.0.0.1", free_port())


@pytest.fixture
def listener(address: Address) -> Iterator[Listener]:
    listener = Listener(Input(str(address), 0, None, address=address), address)
    yield listener
    listener.close()


def connect(address: Address) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX if address.way == "unix" else socket.AF_INET)
    peer.connect(address.place if address.way == "unix" else (address.place, address.port))
    return peer


def take(listener: Listener | PostListener) -> bytes:
    """All that is there by now."""
    data = b""
    while wait([listener], 0.2):
        data += listener.read() or b""
    return data


def test_senders_do_not_cut_into_each_others_lines(listener: Listener, address: Address) -> None:
    with connect(address) as a, connect(address) as b:
        a.sendall(b"a1\na")
        b.sendall(b"b1\nb2\nb")
        assert sorted(take(listener).split()) == [b"a1", b"b1", b"b2"]
        b.sendall(b"3\n")
        a.sendall(b"2\n")
        assert sorted(take(listener).split()) == [b"a2", b"b3"]
        a.sendall(b"the last, without an end")
    assert take(listener) == b"the last, without an end\n"


def test_senders_beyond_the_number_that_is_let_in_wait(listener: Listener, address: Address) -> None:
    first = [connect(address) for _ in range(MOST)]
    assert take(listener) == b""
    with connect(address) as late:
        late.sendall(b"late\n")
        assert take(listener) == b""
        first.pop().close()
        assert take(listener) == b"late\n"
    for peer in first:
        peer.close()


def test_lines_that_never_end_are_not_held(
    listener: Listener, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrun.engine.intake.listen.HELD", 1 << 20)
    done = threading.Event()

    def flood() -> None:
        with connect(address) as peer:
            try:
                for _ in range(100):
                    peer.sendall(b"x" * (1 << 16))
            except OSError:
                pass
            finally:
                done.set()

    thread = threading.Thread(target=flood)
    thread.start()
    with connect(address) as honest:
        data = b""
        while not done.is_set():
            data += take(listener)
        honest.sendall(b"honest\n")
        data += take(listener)
    thread.join()
    assert data.endswith(b"honest\n")
    assert all(len(line) < 2 << 20 for line in data.split(b"\n"))


def test_a_socket_is_for_its_owner_and_goes_with_the_run(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    address = Address("unix", str(path))
    first = Listener(Input(str(address), 0, None), address)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ListenError, match="in use"):  # one that lives is not taken away
        Listener(Input(str(address), 0, None), address)
    first.close()
    assert not path.exists()


def test_the_socket_of_a_run_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    address = Address("unix", str(path))
    Listener(Input(str(address), 0, None), address).close()
    path.write_text("somebody's file")
    with pytest.raises(ListenError, match="no socket"):
        Listener(Input(str(address), 0, None), address)
    assert path.read_text() == "somebody's file"


def test_what_comes_through_a_socket_is_matched(address: Address) -> None:
    intake = Intake([], Small(), listen=[address], idle=0.1)
    sent = lines(*({"t": t, "k": "write", "h": "a"} for t in range(500)))

    def send() -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                peer = connect(address)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        with peer:
            for at in range(0, len(sent), 97):
                peer.sendall(sent[at : at + 97])

    thread = threading.Thread(target=send)
    thread.start()
    found: list[Event] = []
    for event in intake:
        found.append(event)
        if len(found) == 500:
            intake.stop()
    thread.join()
    assert [event.time // 10**6 for event in found] == list(range(500))
    assert {event.origin.input for event in found} == {str(address)}


# -- posts ----------------------------------------


@contextmanager
def posting() -> Iterator[tuple[PostListener, Callable[..., http.client.HTTPResponse]]]:
    port = free_port()
    address = Address("http", "127.0.0.1", port)
    listener = PostListener(Input(str(address), 0, None, address=address), address)

    def send(body: Any = b"", method: str = "POST", **headers: str) -> http.client.HTTPResponse:
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        peer.request(method, "/", body, {name.replace("_", "-"): value for name, value in headers.items()},
                     encode_chunked=headers.get("Transfer_Encoding") == "chunked")  # fmt: skip
        answer = peer.getresponse()
        answer.read()
        peer.close()
        return answer

    try:
        yield listener, send
    finally:
        listener.close()


class Sending(threading.Thread):
    """Sends in the background; `answer` is its code."""

    def __init__(self, send: Callable[..., http.client.HTTPResponse], body: Any, **headers: str) -> None:
        super().__init__()
        self._send = lambda: send(body, **headers)
        self.answer: int | None = None
        self.start()

    def run(self) -> None:
        self.answer = self._send().status


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"one\ntwo\n", {}),
        (b"one\ntwo", {}),
        (gzip.compress(b"one\ntwo\n"), {"Content_Encoding": "gzip"}),
        (iter([b"one\nt", b"wo\n"]), {"Transfer_Encoding": "chunked"}),
    ],
)
def test_a_post_is_answered_once_its_lines_have_been_dealt_with(body: Any, headers: dict[str, str]) -> None:
    with posting() as (listener, send):
        sending = Sending(send, body, **headers)
        assert take(listener) == b"one\ntwo\n"
        time.sleep(0.2)
        assert sending.answer is None
        listener.settle()
        sending.join(10)
        assert sending.answer == 200


def test_whoever_sends_too_much_at_once_is_asked_to_wait() -> None:
    with posting() as (listener, send):
        waiting = [Sending(send, b"%d\n" % n) for n in range(WAITING)]
        deadline = time.monotonic() + 10
        while not listener.posts.full() and time.monotonic() < deadline:
            time.sleep(0.01)
        answer = send(b"more\n")
        assert (answer.status, answer.getheader("Retry-After")) == (429, "1")
        assert sorted(take(listener).split()) == [b"%d" % n for n in range(WAITING)]
        listener.settle()
        for sending in waiting:
            sending.join(10)
            assert sending.answer == 200


def test_what_was_not_dealt_with_when_the_run_ends_is_to_be_sent_again() -> None:
    with posting() as (listener, send):
        read, unread = Sending(send, b"one\n"), None
        assert take(listener) == b"one\n"
        unread = Sending(send, b"two\n")
        while listener.posts.empty():
            time.sleep(0.01)
        listener.close()
        for sending in (read, unread):
            sending.join(10)
            assert sending.answer == 503
        listener.close = lambda: None  # type: ignore[method-assign]


def test_answers_are_out_when_it_listens_no_more() -> None:
    """However slow a sender is to take them: none is written after what it speaks of has been closed, and none is lost
    with the process."""
    with posting() as (listener, _):
        sent: list[int] = []

        def answer_slowly(lines: bytes) -> None:
            with listener.posted(lines) as answer:
                time.sleep(0.5)
                sent.append(answer)

        first = threading.Thread(target=answer_slowly, args=(b"one\n",))
        first.start()
        assert take(listener) == b"one\n"
        second = threading.Thread(target=answer_slowly, args=(b"two\n",))
        second.start()
        while listener.posts.empty():
            time.sleep(0.001)
        listener.settle()
        listener.close()
        assert sorted(sent) == [200, 503]
        listener.close = lambda: None  # type: ignore[method-assign]


def test_a_post_that_comes_while_it_closes_has_an_answer() -> None:
    with posting() as (listener, _):
        answers: list[int] = []

        def post() -> None:
            while not answers or answers[-1] != 503:
                with listener.posted(b"one\n") as answer:
                    answers.append(answer)

        senders = [threading.Thread(target=post, daemon=True) for _ in range(WAITING)]
        for sender in senders:
            sender.start()
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            listener.read()
            listener.settle()
        listener.close()
        for sender in senders:
            sender.join(5)
        assert not any(sender.is_alive() for sender in senders)
        listener.close = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("GET", None, {}, 200),
        ("HEAD", None, {}, 200),
        ("DELETE", None, {}, 501),
        ("POST", b"", {}, 200),
        ("POST", b"{}\n", {"Origin": "http://evil.example"}, 403),
        ("POST", b"{}\n", {"Content_Length": "-1"}, 411),
        ("POST", b"", {"Content_Length": str(LARGEST + 1)}, 413),
        ("POST", b"", {"Content_Length": "9" * 30}, 413),
        ("POST", gzip.compress(b"\0" * (65 << 20)), {}, 400),
        ("POST", gzip.compress(b"one\n")[:-4], {}, 400),
        ("POST", b"zz\r\n", {"Transfer_Encoding": "chunked"}, 200),
    ],
)
def test_every_request_has_its_answer(method: str, body: bytes | None, headers: dict[str, str], status: int) -> None:
    with posting() as (listener, send):
        if headers.get("Transfer_Encoding"):
            sending = Sending(send, iter([body]), **headers)
            take(listener)
            listener.settle()
            sending.join(10)
            assert sending.answer == status
        else:
            assert send(body, method, **headers).status == status
        assert take(listener) == b""


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-5\r\nabc", b"fffffffff\r\n", b"\r\n"])
def test_chunks_that_are_none_are_refused(chunks: bytes) -> None:
    with posting() as (listener, _):
        assert listener.input.address is not None
        with socket.create_connection(("127.0.0.1", listener.input.address.port), timeout=10) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
            assert peer.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 413")
        assert take(listener) == b""


def test_a_sender_that_goes_in_the_middle_leaves_nothing_behind() -> None:
    with posting() as (listener, send):
        assert listener.input.address is not None
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", listener.input.address.port), timeout=10) as peer:
                peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        sending = Sending(send, b"one\n")
        data = b""
        deadline = time.monotonic() + 10
        while not data and time.monotonic() < deadline:
            data += take(listener)
        listener.settle()
        sending.join(10)
        assert (data, sending.answer) == (b"one\n", 200)


@pytest.mark.parametrize("way", ["tcp", "http"])
def test_an_address_that_is_taken_is_told_before_anything_is_read_or_written(
    here: Path, chainrun: Command, way: str
) -> None:
    (here / "out.jsonl").write_text("alerts of the run that listens there\n")
    os.mkfifo(here / "fifo")  # which would be waited for
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"{way}:{taken.getsockname()[1]}"
        words = ("t.chain", "fifo", "--listen", "unix:c.sock", "--listen", address, "-o", "out.jsonl", "--state", "s")
        code, out, err = chainrun(*words)
    assert (code, out) == (Exit.UNREADABLE, "")  # as a failed input, which a supervisor tries again
    assert err == (
        f"error: {way}:127.0.0.1:{address.partition(':')[2]} cannot be listened at: address already in use\n"
        "  = help: somebody listens there already: end that run, or name another address\n"
    )
    assert (here / "out.jsonl").read_text() == "alerts of the run that listens there\n"
    assert not (here / "c.sock").exists()
    StateFile(here / "s").lock()  # nobody holds it any more


@pytest.mark.parametrize(
    ("address", "mend"), [("unix:no/c.sock", "make its folder first"), ("unix:t.chain", "name another file")]
)
def test_what_cannot_be_listened_at_is_told_with_the_mend(
    here: Path, chainrun: Command, address: str, mend: str
) -> None:
    code, _, err = chainrun("t.chain", "hit.jsonl", "--listen", address)
    assert (code, len(err.splitlines())) == (Exit.UNREADABLE, 2)
    assert mend in err


# -- the command ----------------------------------------


def test_alerts_come_of_posts_and_sockets_together(here: Path) -> None:
    port = free_port()
    words = [*COMMAND, "t.chain", "--listen", f"http:{port}", "--listen", "unix:c.sock"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=here) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + 20
        while not (here / "c.sock").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.chdir(here)
        with connect(Address("unix", "c.sock")) as peer:
            peer.sendall(EVENTS.encode())
            first = json.loads(process.stdout.readline())
        assert first["steps"][1]["witness"]["input"] == "unix:c.sock"
        post = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for text in (start(20, 300, "powershell.exe"), connection(21, 300)):  # by one connection, kept open
            post.request("POST", "/", text)
            answer = post.getresponse()
            answer.read()
            assert answer.status == 200
        second = json.loads(process.stdout.readline())
        assert second["steps"][1]["witness"]["input"] == f"http:127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"")
    assert b"read     4 lines of 2 inputs" in err
    assert not (here / "c.sock").exists()
