"""Files that come while others are followed: of a glob and in a folder, found, read once, and let go when they are gone.

CHAINRUN_KILLS=200 kills as often."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chainrun.engine.cli.exits import Exit
from chainrun.engine.event import Event
from chainrun.engine.intake import finding, follow
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.source import Input

from .command import COMMAND, EVENTS, connection, kill, start
from .test_follow import Clock, append, events, take
from .test_intake import Small


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "EVERY", 0.1)


def line(n: int) -> str:
    return f'{{"t": {n}, "k": "write", "h": "a", "label": {n}}}\n'


def labels(found: Iterator[Event]) -> Iterator[tuple[str, object]]:
    return ((Path(event.origin.input).name, event.fields["rule.name"]) for event in found)


@pytest.mark.parametrize("name", ["*.log", "", "**/*.log"])
@pytest.mark.parametrize("is_empty", [True, False])
def test_what_comes_to_fit_a_name_is_read_from_its_beginning(tmp_path: Path, name: str, is_empty: bool) -> None:
    """Also where there is nothing at first."""
    begin = 0 if is_empty else 1
    if not is_empty:
        (tmp_path / "app-2026-11-22.log").write_text(line(0))
    intake = Intake([f"{tmp_path}/{name}"], Small(), follow=True, idle=0.1)

    def write() -> None:
        for n in range(begin, 4):
            time.sleep(0.6)
            (tmp_path / f"app-2026-11-{22 + n}.log").write_text(line(n))
            (tmp_path / f"app-2026-11-{22 + n}.log.gz").write_bytes(b"\x1f\x8b")  # what rotation packs was read before
            (tmp_path / f".hidden-{n}").write_text(line(99))

    writer = threading.Thread(target=write)
    writer.start()
    found = list(labels(events(intake, 4)))
    writer.join()
    assert found == [(f"app-2026-11-{22 + n}.log", n) for n in range(4)]
    assert [input.rank for input in intake.inputs] == list(range(4))
    assert not intake.tally.errors


def test_what_rotation_renames_is_not_read_again(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(line(0))
    intake = Intake([str(tmp_path / "*.log")], Small(), follow=True, idle=0.1)

    def write() -> None:
        for n in range(1, 4):
            time.sleep(0.6)
            log.rename(tmp_path / f"app-2026112{n}.log")
            log.write_text(line(n))
        time.sleep(4)
        append(log, line(4))

    writer = threading.Thread(target=write)
    writer.start()
    found = list(labels(events(intake, 5)))
    writer.join()
    assert found == [("app.log", n) for n in range(5)]


def test_a_second_name_of_a_file_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(line(0))
    intake = Intake([str(tmp_path / "*.log")], Small(), follow=True, idle=0.1)

    def write() -> None:
        (tmp_path / "b.log").hardlink_to(tmp_path / "a.log")
        (tmp_path / "c.log").symlink_to(tmp_path / "a.log")
        time.sleep(1)
        append(tmp_path / "a.log", line(1))

    writer = threading.Thread(target=write)
    writer.start()
    assert list(labels(events(intake, 2))) == [("a.log", 0), ("a.log", 1)]
    writer.join()


def test_one_that_was_deleted_is_let_go_and_its_name_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "GONE", 0.3)
    log = tmp_path / "a.log"
    log.write_text(line(0))
    intake = Intake([str(tmp_path / "*.log")], Small(), follow=True, idle=0.1)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    open_then: list[int] = []

    def write() -> None:
        time.sleep(0.5)
        log.unlink()
        time.sleep(1.5)
        open_then.append(len(list(Path("/proc/self/fd").iterdir())))
        log.write_text(line(1))

    writer = threading.Thread(target=write)
    writer.start()
    assert list(labels(events(intake, 2))) == [("a.log", 0), ("a.log", 1)]
    writer.join()
    assert open_then == [open_before]
    assert len(intake.inputs) == 1


def test_what_is_still_written_to_a_deleted_file_is_read(tmp_path: Path) -> None:
    clock, log = Clock(), tmp_path / "a.log"
    log.write_text("one\n")
    follower = follow.Follower(Input(str(log), 0, None, True, is_found=True), clock)
    with log.open("a") as writer:
        assert take(follower) == ["one\n"]
        log.unlink()
        clock.now += follow.GONE - 1
        assert not follower.is_ready  # since when it has been gone is known from here
        clock.now += follow.GONE - 1
        writer.write("two\n")
        writer.flush()
        assert take(follower) == ["two\n"]
        clock.now += follow.GONE - 1
        assert not follower.is_ready
    clock.now += 1
    assert follower.is_ready and follower.read() == b"" and not follower.renew()


# -- the command ----------------------------------------


def test_what_the_run_writes_it_does_not_come_to_read(here: Path) -> None:
    """Its alerts, and its bad lines, of which each would be another."""
    logs = here / "logs"
    logs.mkdir()
    (logs / "a.jsonl").write_text("no record\n" + EVENTS)
    words = [*COMMAND, "t.chain", "--follow", "logs", "-o", "logs/out.jsonl", "--dead-letter", "logs/dead.jsonl"]
    with subprocess.Popen([*words, "--stats", "stats.json"], cwd=here, stderr=subprocess.DEVNULL) as process:
        time.sleep(6)
        (logs / "b.jsonl").write_text(start(20, 300, "powershell.exe") + connection(21, 300))
        deadline = time.monotonic() + 20
        while (logs / "out.jsonl").read_bytes().count(b"\n") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == Exit.OK
    assert json.loads((here / "stats.json").read_text())["lines"]["read"] == 5
    assert (logs / "dead.jsonl").read_bytes().count(b"\n") == 1


def test_killed_again_and_again_each_days_file_is_read_once(here: Path) -> None:
    """With `--state`, while new files come: byte for byte what an undisturbed run writes."""
    kills = int(os.environ.get("CHAINRUN_KILLS", "5"))
    (here / "logs").mkdir()
    chance, done = random.Random(7), threading.Event()

    def write() -> None:
        n = 0
        while not done.is_set() or n % 30:
            log = here / "logs" / f"app-{n // 30:04}.log"
            append(log, start(n, 100 + n, "powershell.exe") + connection(n + 1, 100 + n))
            n += 1
            time.sleep(0.03 if n % 30 else 3)  # the next is found once all of the last has been read

    def begin(name: str) -> subprocess.Popen[bytes]:
        words = [*COMMAND, "t.chain", "-q", "--follow", "logs/*.log", "--state", f"{name}.state", "-o", f"{name}.jsonl"]
        return subprocess.Popen([*words, "--checkpoint-every", "100ms"], cwd=here)

    writer = threading.Thread(target=write)
    writer.start()
    undisturbed = begin("undisturbed")
    for _ in range(kills):
        kill(begin("killed"), after=chance.uniform(1.0, 4.0))
    done.set()
    killed = begin("killed")
    writer.join()
    logs = list((here / "logs").iterdir())
    count = sum(log.read_bytes().count(b"\n") for log in logs) // 2
    deadline = time.monotonic() + 60 + 5 * len(logs)  # each is waited for once it is silent
    while any((here / f"{name}.jsonl").read_bytes().count(b"\n") < count for name in ("undisturbed", "killed")):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    for process in (undisturbed, killed):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (here / "killed.jsonl").read_bytes() == (here / "undisturbed.jsonl").read_bytes()
    assert len(logs) > 1
