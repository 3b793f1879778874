"""A run that does not end: what it does on SIGTERM and SIGHUP, where it says what, and what systemd is told."""

import gc
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.chains import Library
from chainrun.engine.cli.begin import begin
from chainrun.engine.cli.chains import load
from chainrun.engine.cli.exits import Exit
from chainrun.engine.cli.notify import Notifier
from chainrun.engine.cli.service import Service
from chainrun.engine.run import Options

from .command import CHAIN, COMMAND, EVENTS, QUIET, connection, process, start

SHELL, OUT = EVENTS.splitlines(keepends=True)


class Running:
    """chainrun at the end of a pipe."""

    def __init__(self, folder: Path, *words: str, **options: Any) -> None:
        self.folder = folder
        self.child = subprocess.Popen(
            [*COMMAND, *words], cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )

    def send(self, text: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def hang_up(self, said: str) -> str:
        """Sends SIGHUP and waits until it has said this."""
        self.child.send_signal(signal.SIGHUP)
        return self.hear(said)

    def hear(self, said: str) -> str:
        assert self.child.stderr is not None
        heard = ""
        while said not in heard:
            line = self.child.stderr.readline().decode()
            assert line, f"it ended, and said only: {heard}"
            heard += line
        return heard

    def alerts(self, count: int, name: str = "alerts.jsonl") -> list[dict[str, Any]]:
        """The alerts of a file, as soon as there are so many."""
        file = self.folder / name
        wait_for(lambda: file.exists() and file.read_bytes().count(b"\n") >= count)
        found = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(found) == count
        return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.child.send_signal(number)
        _, err = self.child.communicate(timeout=60)
        return self.child.returncode, err.decode()


def wait_for(is_so: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def run(here: Path) -> Iterator[Callable[..., Running]]:
    """Starts runs whose alerts go to a file, and sees that none outlives the test."""
    started: list[Running] = []

    def begin(*words: str, ready: bool = True, **options: Any) -> Running:
        running = Running(here, *words, "-o", "alerts.jsonl", **options)
        started.append(running)
        if ready:  # an alert of no interest shows that it reads
            running.send(start(0, 9, "powershell.exe", 8) + connection(1, 9))
            running.alerts(1)
        return running

    yield begin
    for running in started:
        running.child.kill()
        running.child.communicate()


# -- SIGTERM ----------------------------------------


def test_what_is_in_the_pipe_when_it_is_told_to_end_is_not_lost(here: Path, run: Callable[..., Running]) -> None:
    running = run("t.chain")
    running.child.send_signal(signal.SIGSTOP)  # nothing more is read for now
    running.send("".join(start(n, 100 + n, "notepad.exe") for n in range(40)) + EVENTS)
    running.child.send_signal(signal.SIGTERM)
    running.child.send_signal(signal.SIGCONT)
    began = time.monotonic()
    assert running.child.wait(timeout=30) == Exit.OK  # though its standard input is open still
    assert time.monotonic() - began < 4
    running.alerts(2)


def test_a_pipe_that_never_falls_silent_does_not_keep_it_from_ending(here: Path, run: Callable[..., Running]) -> None:
    running = run("t.chain")
    running.child.send_signal(signal.SIGTERM)
    began = time.monotonic()
    while running.child.poll() is None:
        try:
            running.send(QUIET)
        except BrokenPipeError:
            break
        time.sleep(0.05)
        assert time.monotonic() - began < 30
    assert running.child.wait(timeout=30) == Exit.OK
    assert time.monotonic() - began > 4


# -- SIGHUP ----------------------------------------


def test_chains_are_taken_in_anew_and_one_that_did_not_change_goes_on(here: Path, run: Callable[..., Running]) -> None:
    (here / "chains").mkdir()
    (here / "chains" / "one.chain").write_text(CHAIN)
    running = run("chains")
    running.send(SHELL)
    (here / "chains" / "two.chain").write_text("egress where destination.port == 4444 within 5m\n")
    said = running.hang_up("reloaded")
    assert said.endswith("reloaded: 2 chains, of which begin now: two/main\n")
    running.send(OUT + connection(20, 300, port=4444))
    assert [alert["analytic"] for alert in running.alerts(3)] == ["one", "one", "two"]
    assert running.hang_up("reloaded").endswith("reloaded: 2 chains, as before\n")
    (here / "chains" / "one.chain").unlink()
    assert running.hang_up("reloaded").endswith("reloaded: 1 chain, as before\n")
    code, said = running.end()
    assert (code, "one/main" in said) == (Exit.OK, False)


@pytest.mark.parametrize("how", ["wrong", "gone", "empty"])
def test_with_chains_that_are_wrong_now_those_from_before_go_on(
    here: Path, run: Callable[..., Running], how: str
) -> None:
    chain = here / "chains" / "one.chain"
    chain.parent.mkdir()
    chain.write_text(CHAIN)
    running = run("chains" if how == "empty" else "chains/one.chain", "--quiet")
    running.send(SHELL)
    if how == "wrong":
        chain.write_text("spwn -> egress within 10m\n")
    else:
        chain.unlink()
    said = running.hang_up("not reloaded")
    assert said.startswith("error[C")
    assert said.endswith("error: not reloaded; the chains from before stay in force\n")
    running.send(OUT)
    running.alerts(2)
    chain.write_text(CHAIN.replace("10m", "11m"))
    running.child.send_signal(signal.SIGHUP)
    running.send(start(30, 500, "cmd.exe") + connection(31, 500))
    running.alerts(3)
    assert running.end() == (Exit.OK, "")


def test_site_file_and_words_are_taken_in_anew(here: Path, run: Callable[..., Running]) -> None:
    (here / "shells.txt").write_text("powershell.exe\n")
    (here / "chainrun.toml").write_text('[all]\nShells = "@shells.txt"\n')
    running = run("t.chain")
    running.send(start(2, 20, "wscript.exe") + connection(3, 20))
    (here / "shells.txt").write_text("wscript.exe\n")
    assert "reloaded: 1 chain, of which begin now: t/main" in running.hang_up("reloaded")
    running.send(start(4, 21, "wscript.exe") + connection(5, 21))
    running.alerts(2)
    (here / "chainrun.toml").write_text("[\n")
    assert "chainrun.toml" in running.hang_up("not reloaded")


def test_a_named_site_file_that_is_gone_is_no_reason_to_end(here: Path, run: Callable[..., Running]) -> None:
    (here / "site.toml").write_text("")
    running = run("t.chain", "--site", "site.toml")
    (here / "site.toml").unlink()
    assert "error: there is no site file `site.toml`\n" in running.hang_up("not reloaded")
    running.send(EVENTS)
    running.alerts(2)


def test_what_a_reload_replaced_is_let_go_of(here: Path) -> None:
    def library() -> Library | None:
        return load([str(here / "t.chain")], None, None, quiet=True)

    begun = library()
    assert begun is not None
    run = begin(begun, ["-"], Options(), None)
    service = Service(None, library, quiet=True)
    gc.disable()
    try:
        with service.serving(run):
            replaced = weakref.ref(run._intake._records._normaliser._decoder._type)
            service._hang_up()
            service.attend()
            assert replaced() is None
    finally:
        gc.enable()


def test_rotated_alerts_go_on_in_a_new_file(here: Path, run: Callable[..., Running]) -> None:
    running = run("t.chain")
    (here / "alerts.jsonl").rename(here / "alerts.1")
    running.hang_up("reloaded")
    running.send(EVENTS)
    assert [len(running.alerts(1, name)) for name in ("alerts.jsonl", "alerts.1")] == [1, 1]
    running.hang_up("reloaded")  # without a rotation: what is there stays there
    running.send(start(30, 500, "powershell.exe") + connection(31, 500))
    running.alerts(2)


def test_killed_after_a_reload_it_goes_on_with_the_new_chains(here: Path, run: Callable[..., Running]) -> None:
    running = run("t.chain", "--state", "kept")
    (here / "t.chain").write_text(CHAIN.replace("10m", "11m"))
    (here / "alerts.jsonl").rename(here / "alerts.1")
    running.hang_up("reloaded")
    running.send(SHELL + start(30, 500, "powershell.exe") + connection(31, 500))
    running.alerts(1)
    running.child.kill()
    running.child.wait()
    running = run("t.chain", "--state", "kept", ready=False)
    running.send(OUT)
    assert len({alert["alert_id"] for alert in running.alerts(2)}) == 2
    assert running.end()[0] == Exit.OK


def test_when_its_terminal_is_gone_a_hangup_ends_it(here: Path) -> None:
    ours, theirs = pty.openpty()
    words = [*COMMAND, "t.chain", "-o", "alerts.jsonl"]
    child = subprocess.Popen(words, cwd=here, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert child.stdin is not None
    child.stdin.write(EVENTS.encode())
    child.stdin.flush()
    wait_for(lambda: (here / "alerts.jsonl").exists() and (here / "alerts.jsonl").read_bytes() != b"")
    os.close(ours)
    child.send_signal(signal.SIGHUP)
    assert child.wait(timeout=30) == Exit.OK
    child.stdin.close()


# -- what is said, and where ----------------------------------------

STAMPED = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ .*\n")


def test_what_would_be_said_on_standard_error_is_in_the_log(here: Path) -> None:
    for words, said in (
        (["t.chain", "hit.jsonl"], "t/main  1 alert"),
        (["t.chain", "absent.jsonl"], "absent.jsonl does not exist"),
        (["bad.chain", "hit.jsonl"], "error[C"),
        (["t.chain", "hit.jsonl", "--lateness", "soon"], "error: `soon` is not a duration"),
    ):
        (here / "bad.chain").write_text("opn -> write within 5m\n")
        log = here / "log"
        before = log.read_text() if log.exists() else ""
        done = process([*words, "--log-file", "log"], cwd=here)
        assert done.stderr == b""
        text = log.read_text()
        assert text.startswith(before)
        assert said in text.removeprefix(before)
        assert all(map(STAMPED.fullmatch, text.splitlines(keepends=True)))


def test_the_log_may_be_rotated(here: Path, run: Callable[..., Running]) -> None:
    running = run("t.chain", "--log-file", "log")
    (here / "log").rename(here / "log.1")
    running.child.send_signal(signal.SIGHUP)
    wait_for(lambda: (here / "log").exists() and "reloaded" in (here / "log").read_text())
    assert running.end() == (Exit.OK, "")
    assert "t/main  1 alert" in (here / "log").read_text()
    assert "reloaded" not in (here / "log.1").read_text()


def test_a_log_that_cannot_be_written_is_refused(here: Path) -> None:
    done = process(["t.chain", "hit.jsonl", "--log-file", "no/log"], cwd=here)
    assert (done.returncode, done.stdout) == (Exit.USAGE, b"")
    assert done.stderr == b"error: `no/log` cannot be written: no such file or directory\n"
    done = process(["t.chain", "hit.jsonl", "--log-file", "hit.jsonl"], cwd=here)
    assert (done.returncode, (here / "hit.jsonl").read_text().startswith(EVENTS)) == (Exit.USAGE, True)


# -- systemd ----------------------------------------


def listen(address: str) -> socket.socket:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(address)
    heard.settimeout(30)
    return heard


def test_systemd_is_told_of_beginning_reload_and_end(here: Path, run: Callable[..., Running]) -> None:
    with listen(str(here / "notify")) as systemd:
        env = {**os.environ, "NOTIFY_SOCKET": str(here / "notify"), "WATCHDOG_USEC": "200000"}
        running = run("t.chain", env=env)
        assert systemd.recv(1000) == b"READY=1"
        assert systemd.recv(1000) == b"WATCHDOG=1"
        running.hang_up("reloaded")
        told = []
        while (word := systemd.recv(1000)) != b"READY=1":
            told.append(word)
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", told[-1])
        assert set(told[:-1]) <= {b"WATCHDOG=1"}
        assert running.end()[0] == Exit.OK
        while (word := systemd.recv(1000)) != b"STOPPING=1":
            assert word == b"WATCHDOG=1"


def test_signs_of_life_are_given_in_half_the_time_and_a_status_now_and_then() -> None:
    address = f"chainrun-test-{os.getpid()}"
    environment = {"NOTIFY_SOCKET": f"@{address}", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}
    for pid, expected in (
        (os.getpid(), [(1.0, b"WATCHDOG=1"), (2.1, b"WATCHDOG=1"), (4.9, b"WATCHDOG=1"), (5.0, b"STATUS=busy")]),
        (1, [(5.0, b"STATUS=busy")]),  # another process is watched
    ):
        times = [0.0]
        with listen(f"\0{address}") as systemd:
            systemd.setblocking(False)
            notifier = Notifier({**environment, "WATCHDOG_PID": str(pid)}, lambda times=times: times[-1])  # type: ignore[misc]
            told = []
            for now in (0.1, 0.9, 1.0, 1.5, 2.1, 4.9, 5.0):
                times.append(now)
                notifier.alive(lambda: "busy")
                with suppress(BlockingIOError):
                    while True:
                        told.append((now, systemd.recv(1000)))
        assert told == expected


def test_without_systemd_nothing_is_told() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive(lambda: pytest.fail("nobody asks"))
