"""`--ack rsyslog`: what rsyslog's omprog sends and expects, line by line, and what a killed run leaves behind."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chainrun.engine.cli.ack import Rsyslog
from chainrun.engine.cli.exits import Exit

from .command import COMMAND, EVENTS, process

SHELL, OUT = EVENTS.encode().splitlines(keepends=True)


class Consumer:
    """chainrun as omprog runs it."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [*COMMAND, "t.chain", "--ack", "rsyslog", "-o", "alerts.jsonl", "--quiet", *words]
        self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.alerts = folder / "alerts.jsonl"

    def send(self, data: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def answer(self) -> bytes:
        assert self.child.stdout is not None
        return self.child.stdout.readline()

    def ask(self, line: bytes) -> bytes:
        self.send(line)
        return self.answer()

    def end(self) -> tuple[int, bytes]:
        out, _ = self.child.communicate(timeout=60)
        return self.child.returncode, out

    def close(self) -> None:
        self.child.kill()
        for stream in (self.child.stdin, self.child.stdout):
            assert stream is not None
            stream.close()
        self.child.wait()


@pytest.fixture
def consumer(here: Path) -> Iterator[Consumer]:
    consumer = Consumer(here)
    yield consumer
    consumer.close()


def test_every_line_is_answered_once_and_its_alert_is_out_by_then(consumer: Consumer) -> None:
    assert consumer.answer() == b"OK\n"  # ready
    for line in (SHELL, b"\n", b"no record\n", b"{}\n", b"x" * 20_000_000 + b"\n"):
        assert consumer.ask(line) == b"OK\n"
        assert consumer.alerts.read_bytes() == b""
    assert consumer.ask(OUT) == b"OK\n"
    assert json.loads(consumer.alerts.read_bytes())["analytic"] == "t"
    assert consumer.end() == (Exit.OK, b"")


def test_in_a_transaction_lines_are_deferred_and_marks_are_no_lines(consumer: Consumer) -> None:
    assert consumer.answer() == b"OK\n"
    assert consumer.ask(b"BEGIN TRANSACTION\n") == b"OK\n"
    assert consumer.ask(SHELL) == b"DEFER_COMMIT\n"
    assert consumer.ask(OUT) == b"DEFER_COMMIT\n"
    assert consumer.ask(b"COMMIT TRANSACTION\n") == b"OK\n"
    alert = json.loads(consumer.alerts.read_bytes())
    assert [step["witness"]["line"] for step in alert["steps"]] == [1, 2]
    assert consumer.ask(SHELL) == b"OK\n"
    assert consumer.end() == (Exit.OK, b"")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_however_the_stream_is_cut_marks_are_taken_out_and_nothing_else_is(size: int) -> None:
    lines = [
        b"BEGIN TRANSACTION",
        b"a",
        b"",
        b"BEGIN",
        b" COMMIT TRANSACTION",
        b"BEGIN TRANSACTION!",
        b"COMMIT TRANSACTION",
    ]
    source, answers = os.pipe(), os.pipe()
    stream = Rsyslog(source[0], answers[1])
    stream.settle()
    os.write(source[1], b"\n".join([*lines, b"b", b"COMMIT TRANS"]))
    os.close(source[1])
    given = b""
    while (block := stream.read(size)) != b"":
        given += block or b""
        stream.settle()
    assert given == b"a\n\nBEGIN\n COMMIT TRANSACTION\nBEGIN TRANSACTION!\nb\nCOMMIT TRANS"
    assert os.read(answers[0], 1000) == b"OK\n" * 2 + b"DEFER_COMMIT\n" * 5 + b"OK\n" * 2
    for descriptor in (source[0], *answers):
        os.close(descriptor)


def test_when_nobody_listens_for_answers_the_lines_are_dealt_with_all_the_same(consumer: Consumer) -> None:
    assert consumer.child.stdout is not None
    consumer.answer()
    consumer.child.stdout.close()
    consumer.send(SHELL)
    consumer.send(OUT)
    assert consumer.child.stdin is not None
    consumer.child.stdin.close()
    assert consumer.child.wait(timeout=60) == Exit.OK
    assert json.loads(consumer.alerts.read_bytes())["analytic"] == "t"


def test_a_run_that_is_begun_again_adds_to_the_alerts_behind_the_last_whole_one(here: Path) -> None:
    alerts = here / "alerts.jsonl"
    words = ["t.chain", "--ack", "rsyslog", "-o", "alerts.jsonl", "-q"]
    assert process(words, EVENTS.encode(), cwd=here).stdout == b"OK\n" * 3
    first = alerts.read_bytes()
    alerts.write_bytes(first + first[:200])  # what kill -9 in the middle of a write leaves
    assert process(words, EVENTS.encode(), cwd=here).returncode == Exit.OK
    assert alerts.read_bytes() == first * 2


def test_with_state_what_was_acknowledged_is_kept_from_the_first_line_on(here: Path) -> None:
    for line, alerts in ((SHELL, 0), (SHELL, 0), (OUT, 1), (OUT, 1)):  # each sent again: its answer did not arrive
        consumer = Consumer(here, "--state", "kept")
        assert consumer.answer() == b"OK\n"
        assert consumer.ask(line) == b"OK\n"
        consumer.close()  # a kill, before any checkpoint is due
        assert consumer.alerts.read_bytes().count(b"\n") == alerts


def test_append_is_for_every_run_and_for_text_too(here: Path) -> None:
    words = ["t.chain", "hit.jsonl", "-q", "--append", "-o"]
    for name, form in (("alerts.jsonl", "jsonl"), ("alerts.txt", "text")):
        assert process([*words, name, "-f", form], cwd=here).returncode == Exit.OK
        first = (here / name).read_bytes()
        assert process([*words, name, "-f", form], cwd=here).returncode == Exit.OK
        assert (here / name).read_bytes() == first * 2


def test_a_regular_file_on_standard_input_is_answered_for_too(here: Path) -> None:
    with (here / "hit.jsonl").open("rb") as file:
        words = [*COMMAND, "t.chain", "--ack", "rsyslog", "-o", "alerts.jsonl", "-q"]
        done = subprocess.run(words, cwd=here, stdin=file, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (Exit.OK, b"OK\n" * 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["t.chain"], "error: with `--ack`, standard output is for the acknowledgements\n  = help: alerts: `-o alerts.jsonl`\n"),
        (["t.chain", "-", "hit.jsonl", "-o", "a"], "error: `--ack` answers for standard input, and `hit.jsonl` is read besides\n"),
        (["t.chain", "-o", "no/a"], "error: `no/a` cannot be written: no such file or directory\n"),
    ],
)  # fmt: skip
def test_what_leaves_no_room_for_answers_is_refused_without_one(here: Path, words: list[str], said: str) -> None:
    done = process([*words, "--ack", "rsyslog", "-q"], cwd=here)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (Exit.USAGE, b"", said)


def test_a_wrong_chain_is_never_ready(here: Path) -> None:
    (here / "bad.chain").write_text("opn -> write within 5m\n")
    done = process(["bad.chain", "--ack", "rsyslog", "-o", "a"], cwd=here)
    assert (done.returncode, done.stdout) == (Exit.WRONG_CHAIN, b"")
