"""Files that grow and are rotated: every line once, in its order, whatever is done to the file."""

import gzip
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
from chainrun.engine.intake.follow import SETTLED, Follower
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.source import Input

from .command import COMMAND, EVENTS, Command, connection, kill, start
from .test_intake import Small


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def follow(log: Path, clock: Clock) -> Follower:
    return Follower(Input(str(log), 0, None, True), clock)


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def take(follower: Follower, clock: Clock | None = None) -> list[str]:
    """What is there by now, file by file."""
    files = [""]
    for _ in range(100):
        if not follower.is_ready:
            if clock is None:
                break
            clock.now, clock = clock.now + SETTLED, None
            continue
        data = follower.read()
        if data == b"":
            assert follower.error is None, follower.error
            assert follower.renew()
            files.append("")
        files[-1] += (data or b"").decode()
    assert not follower.is_ready
    return files


# -- what may be done to a file ----------------------------------------


def test_what_is_appended_is_read_once(log: Path, clock: Clock) -> None:
    log.write_text("one\n")
    follower = follow(log, clock)
    assert take(follower) == ["one\n"]
    assert take(follower) == [""]
    append(log, "tw")
    append(log, "o\nthree\n")
    assert take(follower) == ["two\nthree\n"]


def test_a_file_larger_than_a_block_is_read_to_its_end(
    log: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nothing changes in it while it is read."""
    monkeypatch.setattr("chainrun.engine.intake.follow.READ", 10)
    append(log, "0123456789" * 5)
    assert take(follow(log, clock)) == ["0123456789" * 5]


def test_a_file_that_does_not_exist_yet_is_waited_for(tmp_path: Path, clock: Clock) -> None:
    log = tmp_path / "not" / "yet" / "app.log"
    follower = follow(log, clock)
    assert not follower.is_ready
    log.parent.mkdir(parents=True)
    assert not follower.is_ready
    append(log, "one\n")
    assert take(follower) == ["one\n"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(log: Path, clock: Clock) -> None:
    log.write_text("one\n")
    follower = follow(log, clock)
    take(follower)
    append(log, "two\n")
    writer = log.open("a")
    log.rename(log.with_name("app.log.1"))
    writer.write("three\n")  # whoever writes has not opened the new one yet
    writer.flush()
    assert take(follower, clock) == ["two\nthree\n"]
    append(log, "")
    assert take(follower, clock) == [""]  # an empty new file says nothing of whether the old one is done with
    writer.write("four\n")
    writer.close()
    append(log, "five\n")
    assert take(follower) == ["four\n"]
    assert take(follower, clock) == ["", "five\n"]


def test_a_writer_that_is_late_to_notice_loses_nothing(log: Path, clock: Clock) -> None:
    log.write_text("one\n")
    follower = follow(log, clock)
    take(follower)
    with log.open("a") as late:
        log.rename(log.with_name("app.log.1"))
        append(log, "three\n")
        assert take(follower) == [""]
        clock.now += SETTLED * 0.9
        late.write("two\n")
        late.flush()
        clock.now += SETTLED * 0.9
        assert take(follower) == ["two\n"]
        clock.now += SETTLED * 0.9
        assert take(follower) == [""]
        clock.now += SETTLED * 0.2
        assert take(follower) == ["", "three\n"]


def test_a_truncated_file_is_read_from_its_beginning(log: Path, clock: Clock) -> None:
    log.write_text("one\ntwo\n")
    follower = follow(log, clock)
    take(follower)
    os.truncate(log, 0)
    assert take(follower) == ["", ""]
    append(log, "three\n")
    assert take(follower) == ["three\n"]


@pytest.mark.parametrize("again", ["x\n", "abcd\nefg\n", "abcdefghijk\nabcdefghijk\n"])
def test_truncation_is_noticed_however_much_has_been_written_since(log: Path, clock: Clock, again: str) -> None:
    """Shorter, exactly as long as before, longer: what was read is no longer there."""
    log.write_text("one\ntwo.\n")
    follower = follow(log, clock)
    assert take(follower) == ["one\ntwo.\n"]
    os.truncate(log, 0)
    append(log, again)
    os.utime(log, ns=(1, 1))  # a clock too coarse to have seen it would not be noticed by the size alone
    assert take(follower) == ["", again]


def test_a_file_that_was_deleted_is_read_on_until_there_is_another(log: Path, clock: Clock) -> None:
    log.write_text("one\n")
    follower = follow(log, clock)
    take(follower)
    writer = log.open("a")
    log.unlink()
    writer.write("two\n")
    writer.close()
    assert take(follower, clock) == ["two\n"]
    append(log, "three\n")
    assert take(follower, clock) == ["", "three\n"]


def test_a_number_that_is_used_again_is_another_file(log: Path, clock: Clock) -> None:
    """As long as a file is held open its number is its own; after that its last bytes tell."""
    log.write_text("one\ntwo\n")
    follower = follow(log, clock)
    take(follower)
    number, mark = follower.file, follower.mark
    follower.close()
    os.truncate(log, 0)  # the same number, another file
    append(log, "three\nfour\n")
    again = follow(log, clock)
    assert not again.skip(8, number, mark)
    assert take(again) == ["three\nfour\n"]


def test_files_rotated_faster_than_they_are_read_are_all_read(log: Path, clock: Clock) -> None:
    log.write_text("one\n")
    os.utime(log, ns=(10**9, 10**9))
    follower = follow(log, clock)
    take(follower)
    (log.parent / "app.log.2").write_text("long ago\n")
    os.utime(log.parent / "app.log.2", ns=(5, 5))
    (log.parent / "app.log.bak").write_text("somebody's copy\n")
    log.rename(log.with_name("app.log.4"))
    for number, text in ((3, "two\n"), (1, "three\n")):
        log.write_text(text)
        os.utime(log, ns=((10 - number) * 10**9, (10 - number) * 10**9))
        log.rename(log.with_name(f"app.log.{number}"))
    log.write_text("four\n")
    found = []
    for _ in range(4):
        clock.now += SETTLED
        found += take(follower, clock)
    assert [text for text in found if text] == ["two\n", "three\n", "four\n"]


@pytest.mark.parametrize(
    "name", ["app.log.1", "app.log-20260301", "app.log.2026-03-01", "app-20260301.log", "app.1.log"]
)
def test_a_place_is_found_again_under_whatever_name_the_file_has_now(log: Path, clock: Clock, name: str) -> None:
    log.write_text("one\n")
    follower = follow(log, clock)
    take(follower)
    place = (4, follower.file, follower.mark)
    follower.close()
    append(log, "two\n")
    log.rename(log.with_name(name))
    log.write_text("three\n")
    again = follow(log, clock)
    assert again.skip(*place)
    assert take(again, clock) == ["two\n", "three\n"]


def test_what_cannot_be_followed_is_told(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"{}\n"))
    (tmp_path / "b.evtx").write_bytes(b"ElfFile\x00\x00")
    for name, message in (
        ("a.gz", "is a gzip archive"),
        ("b.evtx", "is a binary Windows event log"),
        (".", "is no file"),
    ):
        follower = follow(tmp_path / name, clock)
        assert follower.read() == b""
        assert not follower.renew()
        assert follower.error is not None and follower.error.message.startswith(message)
        follower.close()


# -- the whole way ----------------------------------------


def events(intake: Intake, count: int) -> Iterator[Event]:
    """So many events of what has no end."""
    for event in intake:
        yield event
        count -= 1
        if not count:
            intake.stop()


def test_lines_are_numbered_file_by_file(log: Path) -> None:
    log.write_text('{"t": 1, "k": "write", "h": "a"}\n{"t": 2, "k": "write", "h": "a"}\n')
    intake = Intake([str(log)], Small(), follow=True)
    found = []
    for event in events(intake, 4):
        found.append((event.time // 10**6, event.origin.line, event.origin.offset))
        if len(found) == 2:
            log.rename(log.with_name("app.log.1"))
            log.write_text('{"t": 3, "k": "write", "h": "a"}\n{"t": 4, "k": "write", "h": "a"}\n')
    assert found == [(1, 1, 0), (2, 2, 33), (3, 1, 0), (4, 2, 33)]


@pytest.mark.parametrize("how", ["rename", "copytruncate"])
def test_nothing_is_lost_and_nothing_comes_twice_through_many_rotations(log: Path, how: str) -> None:
    """A writer that writes lines in odd pieces, and a rotation every so often while it does."""
    count = 3_000
    log.write_text("")
    intake = Intake([str(log)], Small(), follow=True)

    def write() -> None:
        chance = random.Random(how)
        out = os.open(log, os.O_WRONLY | os.O_APPEND)
        for number in range(count):
            line = b'{"t": %d, "k": "write", "h": "a", "label": %d}\n' % (number, number)
            cut = chance.randrange(len(line))
            os.write(out, line[:cut])
            os.write(out, line[cut:])
            if number % 500 == 499:
                time.sleep(0.6)  # who truncates loses what nobody has read by then, whoever reads
                if how == "rename":
                    log.rename(log.with_name(f"app.log.{count - number}"))
                    os.write(out, b"\n")  # it is not at once that the writer opens the new one
                    os.close(out)
                    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                else:
                    os.truncate(log, 0)
        os.close(out)

    writer = threading.Thread(target=write)
    writer.start()
    labels = [event.fields["rule.name"] for event in events(intake, count)]
    writer.join()
    assert labels == list(range(count))
    assert intake.tally.bad_lines == 0


def test_two_files_are_followed_at_once(tmp_path: Path) -> None:
    a, b = tmp_path / "a.log", tmp_path / "b.log"
    a.write_text('{"t": 1, "k": "write", "h": "a", "label": "a1"}\n')
    intake = Intake([str(a), str(b)], Small(), follow=True, idle=0.1)
    found = []
    for event in events(intake, 3):
        found.append(event.fields["rule.name"])
        if len(found) == 1:
            append(b, '{"t": 2, "k": "write", "h": "b", "label": "b1"}\n')
        elif len(found) == 2:
            append(a, '{"t": 3, "k": "write", "h": "a", "label": "a2"}\n')
    assert found == ["a1", "b1", "a2"]


# -- the command ----------------------------------------


def test_alerts_come_as_the_file_grows_and_sigterm_ends_it(here: Path) -> None:
    log = here / "grows.jsonl"
    words = [*COMMAND, "t.chain", "--follow", "grows.jsonl"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=here) as process:
        assert process.stdout is not None and process.stderr is not None
        log.write_text(EVENTS)
        assert b'"line":2' in process.stdout.readline()
        log.rename(here / "grows.jsonl.1")
        log.write_text(start(20, 300, "powershell.exe"))
        append(log, connection(21, 300)[:50])
        append(log, connection(21, 300)[50:])
        before = time.monotonic()
        assert b'"line":2' in process.stdout.readline()
        assert time.monotonic() - before < 10
        append(log, connection(22, 300)[:50])  # the half of a line is none
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"")
    assert b"read     4 lines of 1 input" in err
    assert b"bad" not in err


def test_what_is_wrong_with_a_followed_file_is_said_at_once(here: Path) -> None:
    words = [*COMMAND, "t.chain", "--follow", "-q", "hit.jsonl", "no\x01where/x.jsonl"]
    (here / "no\x01where").touch()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=here) as process:
        assert process.stderr is not None and process.stdout is not None
        assert process.stdout.readline()
        assert process.stderr.readline() == b"error: no\\x01where/x.jsonl cannot be read: not a directory\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == Exit.UNREADABLE


def test_following_nothing_is_refused(here: Path, chainrun: Command) -> None:
    code, _, err = chainrun("t.chain", "--follow")
    assert (code, "no file is named that could be followed" in err) == (Exit.USAGE, True)


def test_killed_again_and_again_it_writes_what_an_undisturbed_run_writes(here: Path) -> None:
    """With `--state`, while the file grows and is rotated: byte for byte. CHAINRUN_KILLS=200 kills as often."""
    kills = int(os.environ.get("CHAINRUN_KILLS", "6"))
    log, chance = here / "app.log", random.Random(7)
    log.write_text(start(0, 1, "notepad.exe"))
    done = threading.Event()

    def write() -> None:
        n = 0
        while not done.is_set() or n % 90:
            text = start(n, 100 + n, "powershell.exe") + connection(n + 1, 100 + n)
            for part in (text[:700], text[700:]):
                append(log, part)
            n += 1
            time.sleep(0.02)
            if n % 90 == 0:
                log.rename(here / f"app.log.{10_000 - n}")
                log.write_text("")
        append(log, start(n + 60, 99, "notepad.exe"))

    def begin(name: str) -> subprocess.Popen[bytes]:
        words = [*COMMAND, "t.chain", "-q", "--follow", "app.log", "--lateness", "2s", "--state", f"{name}.state"]
        return subprocess.Popen([*words, "--checkpoint-every", "100ms", "-o", f"{name}.jsonl"], cwd=here)

    undisturbed, killed = begin("undisturbed"), begin("killed")
    deadline = time.monotonic() + 60  # before the first checkpoint nothing is known of the file but its name
    while not all((here / f"{name}.state" / "journal-1").exists() for name in ("undisturbed", "killed")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    kill(killed)
    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(kills):
        kill(begin("killed"), after=chance.uniform(0.5, 2.5))
    done.set()
    writer.join()
    killed = begin("killed")
    deadline, quiet = time.monotonic() + 300, 0
    sizes = (-1, -2)
    while time.monotonic() < deadline and quiet < 10:  # until both have come as far, or nothing more comes for long
        time.sleep(4)
        now = tuple((here / f"{name}.jsonl").stat().st_size for name in ("undisturbed", "killed"))
        quiet = 0 if now != sizes else quiet + 1 if now[0] != now[1] else 10
        sizes = now
    for process in (undisturbed, killed):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    alerts = (here / "undisturbed.jsonl").read_bytes()
    assert alerts.count(b"\n") >= 90
    assert (here / "killed.jsonl").read_bytes() == alerts
