"""The files that a run writes: each its own, none that is read, none that is no file; and when there is no room, which."""

import os
from pathlib import Path

import pytest
from chainrun.engine.cli.exits import Exit

from .command import EVENTS, Command, alerts, process

WRITTEN = ["--output", "--dead-letter", "--log-file", "--stats", "--metrics-file"]


@pytest.mark.parametrize("first", WRITTEN)
@pytest.mark.parametrize("second", WRITTEN)
def test_two_options_never_write_one_file(here: Path, chainrun: Command, first: str, second: str) -> None:
    (here / "link").symlink_to("a")
    code, _, err = chainrun("t.chain", "hit.jsonl", "-q", first, "a", second, "link")
    if first == second:
        assert (code, err) == (Exit.OK, "")  # the last one counts
        return
    assert code == Exit.USAGE
    assert "cannot be written by both --" in err
    assert not (here / "a").exists()


@pytest.mark.parametrize("option", WRITTEN)
def test_nothing_is_written_over_the_state(here: Path, chainrun: Command, option: str) -> None:
    for name in ("state.sqlite", "lock"):
        code, _, err = chainrun("t.chain", "hit.jsonl", "-q", "--state", "st", option, f"./st/{name}")
        assert (code, f"cannot be written by {option}: --state has files of such names" in err) == (Exit.USAGE, True)
    assert chainrun("t.chain", "hit.jsonl", "-q", "--state", "st", "-o", "st/alerts.jsonl")[0] == Exit.OK


def test_what_holds_nothing_may_be_named_twice(here: Path, chainrun: Command) -> None:
    assert chainrun("t.chain", "hit.jsonl", "-q", "-o", os.devnull, "--stats", os.devnull)[0] == Exit.OK


def test_a_log_is_refused_before_it_is_written(here: Path, chainrun: Command) -> None:
    """Else the refusal itself would stand in the telemetry, and nowhere else."""
    (here / "day").mkdir()
    (here / "day" / "hit.jsonl").write_text(EVENTS)
    for read, log in (("hit.jsonl", "hit.jsonl"), ("day", "day/hit.jsonl"), ("hit.jsonl", "t.chain")):
        before = (here / log).read_text()
        code, _, err = chainrun("t.chain", read, "--log-file", log)
        assert (code, "is read by this run" in err) == (Exit.USAGE, True)
        assert (here / log).read_text() == before


def test_numbers_that_cannot_be_written_are_refused_before_the_run(here: Path, chainrun: Command) -> None:
    for path, said in (("no/where", "no such file or directory"), (".", "is a directory")):
        code, out, err = chainrun("t.chain", "hit.jsonl", "-q", "--stats", path)
        assert (code, out) == (Exit.USAGE, "")
        assert err == f"error: `{path}` cannot be written: {said}\n"


def test_what_is_no_file_is_never_replaced(here: Path, chainrun: Command) -> None:
    os.mkfifo(here / "pipe")
    code, _, err = chainrun("t.chain", "hit.jsonl", "--metrics-file", "pipe")
    assert (code, "`pipe` is no regular file" in err) == (Exit.USAGE, True)
    assert (here / "pipe").is_fifo()


@pytest.mark.parametrize("option", ["--output", "--stats", "--dead-letter"])
def test_without_room_it_is_said_for_which_file(here: Path, option: str) -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("no /dev/full on this system")
    (here / "hit.jsonl").write_text(EVENTS + "{\n")
    done = process(["t.chain", "hit.jsonl", "-q", option, str(full)], cwd=here)
    assert (done.returncode, done.stderr) == (Exit.UNREADABLE, b"error: /dev/full: no space left on device\n")


def test_what_a_log_has_no_room_for_is_said_on_standard_error(here: Path) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full on this system")
    done = process(["t.chain", "hit.jsonl", "no.jsonl", "-q", "--log-file", "/dev/full"], cwd=here)
    assert (done.returncode, done.stderr) == (Exit.UNREADABLE, b"error: no.jsonl does not exist\n")
    assert len(alerts(done.stdout.decode())) == 1


def test_a_socket_takes_no_files_place(here: Path, chainrun: Command) -> None:
    code, _, err = chainrun("t.chain", "hit.jsonl", "-q", "--listen", "unix:t.chain")
    assert code == Exit.UNREADABLE
    assert "unix:t.chain cannot be listened at: a file that is no socket has this name\n" in err
    assert (here / "t.chain").is_file()
