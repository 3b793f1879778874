"""`--state DIR` on the command line: what a run goes on from, what it refuses, and what is told of it."""

import io
import json
import os
import sqlite3
import subprocess
from pathlib import Path

import msgspec
import pytest
from chainrun.engine.chains import load
from chainrun.engine.checkpoint.file import StateFile
from chainrun.engine.checkpoint.journal import Journal
from chainrun.engine.cli.exits import Exit
from chainrun.engine.engine import Engine
from chainrun.engine.restart import Keeper
from chainrun.engine.run import Run
from chainrun.engine.state import put, take

from .command import CHAIN, COMMAND, EVENTS, Command, Shown, connection, start, sysmon
from .test_oracle import checked
from .worlds import SECOND, event


def piped(text: str, *words: str) -> Shown:
    done = subprocess.run([*COMMAND, *words], input=text.encode(), capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def ids(text: str) -> list[str]:
    return [json.loads(line)["alert_id"] for line in text.splitlines()]


# -- going on ----------------------------------------


def test_a_chain_that_began_in_one_run_ends_in_the_next(here: Path) -> None:
    first = piped(start(0, 100, "powershell.exe"), "t.chain", "-", "--state", "s")
    assert (first[0], first[1]) == (0, "")
    assert piped(connection(9, 100), "t.chain", "-")[1] == ""  # without the state nothing is known of it
    _, out, err = piped(connection(9, 100), "t.chain", "-", "--state", "s")
    assert len(ids(out)) == 1
    assert "read     2 lines" in err  # of both runs


def test_the_file_of_alerts_is_added_to(here: Path) -> None:
    for n in range(3):
        text = start(n * 10, 100 + n, "powershell.exe") + connection(n * 10 + 5, 100 + n)
        assert piped(text, "t.chain", "-", "--state", "s", "-o", "out.jsonl")[0] == 0
        assert len(ids((here / "out.jsonl").read_text())) == n + 1


def test_what_was_written_after_the_last_checkpoint_is_written_once(here: Path, chainrun: Command) -> None:
    chainrun("t.chain", "hit.jsonl", "--state", "s", "-o", "out.jsonl")
    whole = (here / "out.jsonl").read_bytes()
    with (here / "out.jsonl").open("ab") as file:
        file.write(whole[:50])  # torn, and no checkpoint knows of it
    assert chainrun("t.chain", "hit.jsonl", "--state", "s", "-o", "out.jsonl")[0] == 0
    assert (here / "out.jsonl").read_bytes() == whole


def test_a_file_of_alerts_that_was_moved_away_is_begun_anew(here: Path) -> None:
    for n in range(2):
        text = start(n * 10, 100 + n, "powershell.exe") + connection(n * 10 + 5, 100 + n)
        piped(text, "t.chain", "-", "--state", "s", "-o", "out.jsonl")
        (here / "out.jsonl").rename(here / f"out.{n}")
    assert [len(ids((here / f"out.{n}").read_text())) for n in range(2)] == [1, 1]


def test_what_cannot_be_read_is_told_of_in_every_run(here: Path) -> None:
    for n in (1, 2):
        code, _, err = piped(sysmon(5, n), "t.chain", "-", "absent.jsonl", "--state", "s")
        assert (code, "absent.jsonl does not exist" in err) == (Exit.UNREADABLE, True)


def test_who_is_stopped_before_all_was_read_again_loses_nothing(here: Path) -> None:
    """Of a pipe nobody else has it: it is read again once more, from where the last run had begun."""
    words = [*COMMAND, "t.chain", "-", "--state", "s", "--checkpoint-every", "1h"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdin is not None and run.stdout is not None
        for n in range(3):
            run.stdin.write((start(n * 10, 100 + n, "powershell.exe") + connection(n * 10 + 5, 100 + n)).encode())
            run.stdin.flush()
            assert json.loads(run.stdout.readline())["analytic"] == "t"
        run.kill()

    def again() -> Run:
        return Run([load("t.chain")], ["-"], stdin=io.BytesIO(), keep=lambda stamp: Keeper(Path("s"), stamp))

    stopped = again()
    assert [stopped.stop() for _ in stopped] == [None]
    assert len(list(again())) == 3
    assert not list(again())


def test_a_record_that_was_sent_again_is_known(here: Path) -> None:
    once = piped(EVENTS, "t.chain", "-", "--state", "s")
    again = piped(EVENTS, "t.chain", "-", "--state", "s")
    assert len(ids(once[1])) == 1 and again[1] == ""
    assert "2 used, 2 duplicate" in again[2]


def test_a_line_that_a_pipe_broke_off_in_is_one_bad_line(here: Path) -> None:
    """Its shipper sends it whole next time, and what is whole must not be joined to what is torn."""
    (here / "s").mkdir()
    journal = Journal(here / "s")
    journal.begin(0, 0)
    journal.append(0, (EVENTS + EVENTS[:40]).encode(), None)
    journal.close()
    assert piped("", "t.chain", "-", "--state", "s")[0] == 0  # a journal without its state is nothing
    number = StateFile(here / "s").all()[0][0]
    journal.begin(number, 0)
    journal.append(0, (start(20, 300, "cmd.exe") + EVENTS[:40]).encode(), None)
    journal.close()
    _, out, err = piped(connection(25, 300), "t.chain", "-", "--state", "s")
    assert len(ids(out)) == 1
    assert "malformed" in err


def test_the_end_of_a_torn_journal_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(0, 0)
    journal.append(0, b"one", 5)
    journal.append(1, b"two", None)
    journal.close()
    path = tmp_path / "journal-0"
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        found = list(journal.since(0))
        assert found == [(0, b"one", 5), (1, b"two", None)][: len(found)]
        journal.begin(0, 0)
        journal.append(2, b"three", None)
        journal.close()
        assert list(journal.since(0)) == [*found, (2, b"three", None)]
    path.write_bytes(whole[:20] + b"X" + whole[21:])
    assert list(journal.since(0)) == []


def test_what_was_acknowledged_is_known_after_a_kill(here: Path) -> None:
    """The line began a chain, and no checkpoint was written yet."""
    words = [
        *COMMAND,
        "t.chain",
        "-q",
        "--ack",
        "rsyslog",
        "--state",
        "s",
        "-o",
        "out.jsonl",
        "--checkpoint-every",
        "1h",
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdin is not None and run.stdout is not None
        run.stdin.write(start(0, 100, "powershell.exe").encode())
        run.stdin.flush()
        assert [run.stdout.readline() for _ in range(2)] == [b"OK\n", b"OK\n"]
        run.kill()
    again = start(0, 100, "powershell.exe") + connection(9, 100)  # as if the answer had been lost on the way
    done = subprocess.run(words, input=again.encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(ids((here / "out.jsonl").read_text())) == 1


def test_a_state_of_chains_that_were_reloaded_goes_on() -> None:
    """With what the next run loads: the memory of a chain that is gone is left out."""
    one, other = (
        checked("spawn as a -> egress within 1h"),
        checked("spawn where new(process.name among spawn in 30d) within 1h"),
    )
    one, other = msgspec.structs.replace(one, id="one"), msgspec.structs.replace(other, id="other")
    first = Engine([one, other], raw=False)
    first.feed(event(0, 0, {"spawn"}, {"process.pid": 1, "process.name": "a"}))
    first.load([one])
    first.feed(event(1, SECOND, {"spawn"}, {"process.pid": 2, "process.name": "b"}))
    second = Engine([one], raw=False)
    put(second, take(first))
    for n in (1, 2):
        assert len(second.feed(event(2, 2 * SECOND, {"egress"}, {"process.pid": n, "process.name": "xab"[n]}))) == 1


def two_chains(here: Path, window: str = "10m") -> None:
    (here / "t.chain").write_text(CHAIN)
    (here / "u.chain").write_text(f"Shells = {{ powershell.exe }}\n\nspawn(Shells) -> egress within {window}\n")


def test_chains_that_changed_begin_anew_where_that_is_wanted(here: Path) -> None:
    """The others go on, and so does what all share; of what they ask of the time before, nothing is known."""
    two_chains(here)
    words = ("t.chain", "u.chain", "-", "--state", "s", "-o", "out.jsonl")
    assert piped(start(0, 100, "powershell.exe"), *words)[0] == 0
    two_chains(here, "20m")
    code, _, err = piped(connection(9, 100), *words)
    assert code == Exit.USAGE
    assert "analytic `u` says something else now" in err and "with --reset-changed the chains that say" in err
    code, _, err = piped(connection(9, 100), *words, "--reset-changed")
    assert code == 0 and "going on, but for chains that begin now: u/main\n" in err
    assert [json.loads(line)["analytic"] for line in (here / "out.jsonl").read_text().splitlines()] == ["t"]
    more = start(20, 300, "powershell.exe") + connection(21, 300)
    assert piped(more, *words)[0] == 0  # it is a state of the new chains by now
    assert [json.loads(line)["analytic"] for line in (here / "out.jsonl").read_text().splitlines()] == ["t", "t", "u"]


def test_chains_may_be_added_and_left_out_where_that_is_wanted(here: Path) -> None:
    two_chains(here)
    assert piped(start(0, 100, "powershell.exe"), "t.chain", "-", "--state", "s")[0] == 0
    code, out, err = piped(connection(9, 100), "t.chain", "u.chain", "-", "--state", "s", "--reset-changed")
    assert (code, len(ids(out)), "begin now: u/main" in err) == (0, 1, True)
    code, out, _ = piped(start(20, 300, "powershell.exe"), "u.chain", "-", "--state", "s", "--reset-changed")
    assert (code, out) == (0, "")
    code, out, err = piped(connection(21, 300), "u.chain", "-", "--state", "s", "--reset-changed")
    assert (code, len(ids(out)), "begin now" in err) == (0, 1, False)


def test_what_a_new_chain_asks_of_the_time_before_is_unknown(here: Path) -> None:
    (here / "n.chain").write_text("egress where new(destination.ip among egress in 10m) within 1h\n")
    words = ("t.chain", "-", "--state", "s")
    assert piped(start(0, 100, "powershell.exe") + connection(1, 100), *words)[0] == 0
    _, out, _ = piped(connection(9, 100), "n.chain", *words, "--reset-changed", "-q")
    assert "n" not in {json.loads(line)["analytic"] for line in out.splitlines()}


@pytest.mark.parametrize("words", [["--reset-changed"], ["--reset-changed", "--state", "s", "--lateness", "9s"]])
def test_chains_alone_can_be_reset(here: Path, words: list[str]) -> None:
    two_chains(here)
    assert piped(EVENTS, "t.chain", "-", "--state", "s")[0] == 0
    two_chains(here, "20m")
    code, _, err = piped(EVENTS, "t.chain", "u.chain", "-", *words)
    assert code == Exit.USAGE
    assert ("is for --state" if len(words) == 1 else "`--lateness` was not given, and is `9s` now") in err


def test_of_files_nothing_can_be_reset(here: Path, chainrun: Command) -> None:
    """They are read again, and the alerts that are out were of the chains as they were."""
    chainrun("t.chain", "hit.jsonl", "--state", "s")
    words = ("t.chain", "hit.jsonl", "--state", "s", "--set", "TimeWindow=5m")
    for more in ((), ("--reset-changed",)):
        code, _, err = chainrun(*words, *more)
        assert code == Exit.USAGE and "says something else now" in err and "with --reset" not in err


# -- what is refused ----------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--set", "TimeWindow=5m"], "analytic `t` says something else now"),
        (["--lateness", "5s"], "`--lateness` was not given, and is `5s` now"),
        (["--telemetry", "evtx"], "`--telemetry` was not given, and is `evtx` now"),
        (["--updates"], "`--updates` was not given, and is `yes` now"),
    ],
)
def test_a_state_of_other_settings_is_refused(here: Path, chainrun: Command, change: list[str], told: str) -> None:
    chainrun("t.chain", "hit.jsonl", "--state", "s")
    code, _, err = chainrun("t.chain", "hit.jsonl", "--state", "s", *change)
    assert code == Exit.USAGE
    assert told in err and "begin anew in another directory" in err


def test_where_a_chain_is_written_is_no_matter(here: Path, chainrun: Command) -> None:
    chainrun("t.chain", "hit.jsonl", "--state", "s")
    (here / "t.chain").write_text("# a comment\n" + CHAIN)
    assert chainrun("t.chain", "hit.jsonl", "--state", "s")[0] == 0


def test_files_that_have_changed_are_refused(here: Path, chainrun: Command) -> None:
    chainrun("t.chain", "hit.jsonl", "--state", "s")
    with (here / "hit.jsonl").open("a") as file:
        file.write(connection(20, 100))
    code, _, err = chainrun("t.chain", "hit.jsonl", "--state", "s")
    assert code == Exit.USAGE and "`hit.jsonl` is another file now, or has changed" in err


def test_other_inputs_are_refused(here: Path, chainrun: Command) -> None:
    (here / "more.jsonl").write_text(EVENTS)
    chainrun("t.chain", "hit.jsonl", "--state", "s")
    code, _, err = chainrun("t.chain", "hit.jsonl", "more.jsonl", "--state", "s")
    assert code == Exit.USAGE and "the inputs were `hit.jsonl`, and are others now" in err
    code, _, err = piped(EVENTS, "t.chain", "-", "--state", "s")
    assert code == Exit.USAGE and "what was read then was files, and these inputs are a stream" in err


def test_a_directory_is_of_one_run(here: Path, chainrun: Command) -> None:
    other = StateFile(here / "s")
    other.lock()
    code, _, err = chainrun("t.chain", "hit.jsonl", "--state", "s")
    assert code == Exit.USAGE and "another run keeps its state here" in err
    other.unlock()
    assert chainrun("t.chain", "hit.jsonl", "--state", "s")[0] == 0


def test_a_newer_state_is_refused(here: Path, chainrun: Command) -> None:
    chainrun("t.chain", "hit.jsonl", "--state", "s")
    with sqlite3.connect(here / "s" / "state.sqlite") as db:
        db.execute("pragma user_version = 99")
    for words in (("t.chain", "hit.jsonl", "--state", "s"), ("state", "show", "s")):
        code, _, err = chainrun(*words)
        assert code == Exit.USAGE and "a newer chainrun wrote it" in err


def test_what_is_no_state_is_refused(here: Path, chainrun: Command) -> None:
    (here / "s").mkdir()
    (here / "s" / "state.sqlite").write_bytes(b"no database, and longer than a header of one would be" * 100)
    code, _, err = chainrun("t.chain", "hit.jsonl", "--state", "s")
    assert code == Exit.USAGE and "cannot be read" in err and "begin anew" in err
    (here / "file").write_text("")
    assert "cannot be used" in chainrun("t.chain", "hit.jsonl", "--state", "file")[2]


def test_a_state_may_not_be_written(here: Path, chainrun: Command) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (here / "s").mkdir(mode=0o500)
    assert "cannot be used" in chainrun("t.chain", "hit.jsonl", "--state", "s")[2]


# -- damage ----------------------------------------


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(here: Path) -> None:
    """What the pipe brought since is in the journal still."""
    piped(start(0, 100, "powershell.exe"), "t.chain", "-", "--state", "s")
    piped(start(5, 200, "powershell.exe"), "t.chain", "-", "--state", "s")
    with sqlite3.connect(here / "s" / "state.sqlite") as db:
        db.execute("update piece set bytes = zeroblob(length(bytes)) where checkpoint = 3")
    code, out, err = piped(connection(9, 100) + connection(10, 200), "t.chain", "-", "--state", "s")
    assert code == 0 and len(ids(out)) == 2
    assert "warning: checkpoint 3 is damaged; going on from 2" in err


def test_where_every_checkpoint_is_damaged_it_is_told(here: Path, chainrun: Command) -> None:
    piped(EVENTS, "t.chain", "-", "--state", "s")
    with sqlite3.connect(here / "s" / "state.sqlite") as db:
        db.execute("delete from piece")
    code, _, err = piped(EVENTS, "t.chain", "-", "--state", "s")
    assert code == Exit.USAGE and "every checkpoint in it is damaged" in err and "begin anew" in err
    code, out, _ = chainrun("state", "verify", "s")
    assert code == Exit.UNREADABLE and out == "checkpoint 2 is damaged\ncheckpoint 1 is damaged\n"


# -- what is told ----------------------------------------


def test_a_state_is_shown_and_verified(here: Path, chainrun: Command) -> None:
    piped(start(0, 100, "powershell.exe"), "t.chain", "-", "--state", "s", "-o", "out.jsonl")
    code, out, _ = chainrun("state", "show", "s")
    assert code == 0
    for told in (
        "checkpoint 2 is sound",  # the first was written before anything was read
        "of a stream, read to the end: 1 lines read, 0 alerts out",
        "t/main: 1 partial",
    ):
        assert told in out
    assert "2026-03-01T10:00:00" in out and "out.jsonl, 0 bytes" in out
    assert chainrun("state", "verify", "s")[0] == 0
    code, _, err = chainrun("state", "show", "nowhere")
    assert code == Exit.USAGE and "holds no state" in err


def test_what_is_kept_is_for_its_owner(here: Path, chainrun: Command) -> None:
    piped(EVENTS, "t.chain", "-", "--state", "s")
    assert (here / "s").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in (here / "s").iterdir())
