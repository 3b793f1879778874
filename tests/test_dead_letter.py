"""Lines that cannot be used: where they go, how many are borne, and how a run ends that bears no more."""

import base64
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.cli.exits import Exit
from chainrun.engine.event import Origin
from chainrun.engine.intake.tolerance import Tolerance
from chainrun.engine.report.dead_letters import KEPT, DeadLetters

from .command import EVENTS, Command, alerts, connection, process, start

HIT = EVENTS.encode()


def letters(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def letter(line: bytes | None, cause: str = "malformed JSON") -> dict[str, Any]:
    out = io.BytesIO()
    DeadLetters(out).take(line, Origin("a.jsonl", 7, 100), cause)
    found = out.getvalue()
    assert found.endswith(b"\n")
    assert all(b" "[0] <= byte < 0x7F or byte == b"\n"[0] or byte >= 0xC2 for byte in found)
    value = json.loads(found)
    assert isinstance(value, dict)
    return value


# -- dead letters ----------------------------------------


def test_every_bad_line_is_written_with_its_place_and_cause(here: Path, chainrun: Command) -> None:
    first, second = EVENTS.splitlines(keepends=True)
    bad = [b'{"a":', b"[1]", b'{"Event": {"System": {"Computer": "\xff"}}}', b'{"known": "to nobody"}']
    data = first.encode() + b"\n".join(bad) + b"\n\n" + second.encode()
    (here / "mixed.jsonl").write_bytes(data)
    code, out, _ = chainrun("t.chain", "mixed.jsonl", "--dead-letter", "dead.jsonl")
    assert (code, len(alerts(out))) == (Exit.OK, 1)
    found = letters(here / "dead.jsonl")
    assert [f["line"] for f in found] == [2, 3, 4, 5]
    assert [f["cause"] for f in found] == ["malformed JSON", "not an object", "invalid UTF-8", "unknown format"]
    for one, line in zip(found, bad, strict=True):
        assert one["input"] == "mixed.jsonl"
        assert one["length"] == len(line)
        assert data[one["offset"] :].startswith(line)
        kept = base64.b64decode(one["base64"]) if "base64" in one else one["text"].encode()
        assert kept == line


def test_of_a_long_line_the_beginning_is_kept() -> None:
    found = letter(b"x" * (KEPT - 1) + "é".encode() * 10)
    assert found["text"] == "x" * (KEPT - 1)  # a character is kept whole or not at all
    assert found["length"] == KEPT + 19
    assert base64.b64decode(letter(b"\xff" * 2 * KEPT)["base64"]) == b"\xff" * KEPT


def test_a_line_too_long_to_be_held_has_a_place_and_no_text() -> None:
    assert letter(None, "line too long") == {"cause": "line too long", "input": "a.jsonl", "line": 7, "offset": 100}


@pytest.mark.parametrize(
    "line", [b"\x1b[2J\x07\x00\x7f", "\u009b31m\u202e\u2028".encode(), b"\xed\xa0\x80", b"", b"\r"]
)
def test_no_byte_of_a_letter_steers_a_terminal(line: bytes) -> None:
    found = letter(line)
    assert (base64.b64decode(found["base64"]) if "base64" in found else found["text"].encode()) == line


def test_letters_are_appended_and_for_their_owner_alone(here: Path, chainrun: Command) -> None:
    (here / "bad.jsonl").write_text("{\n")
    for _ in range(2):
        assert chainrun("t.chain", "bad.jsonl", "--dead-letter", "dead.jsonl")[0] == Exit.OK
    assert len(letters(here / "dead.jsonl")) == 2
    assert stat.S_IMODE((here / "dead.jsonl").stat().st_mode) == 0o600


def test_a_full_file_takes_no_more_and_the_run_goes_on() -> None:
    out = io.BytesIO()
    dead = DeadLetters(out, left=250)
    for number in range(1, 6):
        dead.take(b"x" * (100 if number == 3 else 1), Origin("a", number, 0), "malformed JSON")
    assert [json.loads(line)["line"] for line in out.getvalue().splitlines()] == [1, 2]
    assert dead.untold == 3


def test_the_letters_are_never_written_over_what_is_read(here: Path, chainrun: Command) -> None:
    code, _, err = chainrun("t.chain", "hit.jsonl", "--dead-letter", "hit.jsonl")
    assert (code, "is read by this run" in err) == (Exit.USAGE, True)
    assert (here / "hit.jsonl").read_bytes() == HIT
    code, _, err = chainrun("t.chain", "hit.jsonl", "--dead-letter", "no/where.jsonl")
    assert (code, "no/where.jsonl` cannot be written" in err) == (Exit.USAGE, True)


# -- how many are borne ----------------------------------------


def test_strict_ends_at_the_first_bad_line(here: Path, chainrun: Command) -> None:
    (here / "bad.jsonl").write_text(EVENTS + "{\n" + start(20, 300, "powershell.exe") + connection(21, 300))
    code, out, err = chainrun("t.chain", "bad.jsonl", "--strict", "--dead-letter", "dead.jsonl")
    assert code == Exit.BAD_LINE == 6
    assert len(alerts(out)) == 1  # what came before is run, what comes after is not read
    assert "error: bad.jsonl:3: malformed JSON, and nothing after it was read (--strict)\n" in err
    assert "read     3 lines" in err
    assert len(letters(here / "dead.jsonl")) == 1
    assert chainrun("t.chain", "hit.jsonl", "--strict")[0] == Exit.OK


def test_a_number_of_bad_lines_is_borne(here: Path, chainrun: Command) -> None:
    (here / "bad.jsonl").write_text("{\n{\n" + EVENTS + "{\n" + start(20, 300, "powershell.exe") + connection(21, 300))
    code, out, err = chainrun("t.chain", "bad.jsonl", "--max-bad", "2")
    assert (code, len(alerts(out))) == (Exit.UNREADABLE, 1)
    assert (
        "error: 3 of 5 lines could not be used, more than --max-bad 2 bears; the last is bad.jsonl:5: malformed" in err
    )
    code, out, err = chainrun("t.chain", "bad.jsonl", "--max-bad", "3")
    assert (code, len(alerts(out))) == (Exit.OK, 2)
    assert "error" not in err


def test_a_share_is_judged_once_there_are_lines_enough(here: Path, chainrun: Command) -> None:
    share = Tolerance(share=0.01)
    assert share.bears(bad=10, lines=999)
    assert not share.bears(bad=10, lines=999, at_end=True)
    assert share.bears(bad=10, lines=1_000)
    assert not share.bears(bad=11, lines=1_000)
    # a short file is judged at its end
    (here / "bad.jsonl").write_text("{\n" + EVENTS)
    code, out, err = chainrun("t.chain", "bad.jsonl", "--max-bad", "0.1%")
    assert (code, len(alerts(out))) == (Exit.UNREADABLE, 1)
    assert "1 of 3 lines could not be used, more than --max-bad 0.1% bears" in err
    assert chainrun("t.chain", "bad.jsonl", "--max-bad", "50%")[0] == Exit.OK
    # a long one does not have to be read to its end
    (here / "long.jsonl").write_text("\n" * 1_500 + "{\n" * 20 + EVENTS)
    code, out, err = chainrun("t.chain", "long.jsonl", "--max-bad", "1%")
    assert (code, out) == (Exit.UNREADABLE, "")
    assert "16 of 1,516 lines" in err


@pytest.mark.parametrize("said", ["x", "-1", "1.5", "101%", "%", "1e3%", "nan%", "1.%", ".5%", "²", "9" * 30])
def test_what_is_no_number_of_lines_is_told(here: Path, chainrun: Command, said: str) -> None:
    code, _, err = chainrun("t.chain", "hit.jsonl", f"--max-bad={said}")
    assert code == Exit.USAGE
    assert f"`{said}` is no number of lines and no share of them" in err


def test_strict_leaves_nothing_to_bear(here: Path, chainrun: Command) -> None:
    assert chainrun("t.chain", "hit.jsonl", "--strict", "--max-bad", "3")[0] == Exit.USAGE


def test_what_goes_on_cannot_end_at_a_bad_line(here: Path, chainrun: Command) -> None:
    for option in ("--strict", "--max-bad=3"):
        code, _, err = chainrun("t.chain", "hit.jsonl", "--state", "state", option)
        assert (code, "leave lines unread" in err) == (Exit.USAGE, True)


def test_a_pipe_ends_at_the_same_line(here: Path) -> None:
    text = EVENTS + "{\n" + start(20, 300, "powershell.exe") + connection(21, 300)
    done = process(["t.chain", "-", "--strict"], text.encode(), cwd=here)
    assert (done.returncode, len(alerts(done.stdout.decode()))) == (Exit.BAD_LINE, 1)
    assert b"error: -:3: malformed JSON" in done.stderr
