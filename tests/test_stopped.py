"""A run over files that is stopped before it has read them: the summary, the numbers and the exit code say so."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from chainrun.engine.cli.exits import Exit

from .command import COMMAND, EVENTS, process, start

LARGE = 24  # MB


def is_begun(process: int, file: Path) -> bool:
    """Whether a process has read something of a file."""
    try:
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            if descriptor.readlink() == file.resolve():
                told = Path(f"/proc/{process}/fdinfo/{descriptor.name}").read_text()
                return not told.startswith("pos:\t0\n")
    except OSError:  # closed meanwhile
        pass
    return False


@pytest.mark.parametrize("words", [["t.chain", "--no-sieve", "--stats", "stats.json"], ["normalise"]])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, Exit.TERMINATED), (signal.SIGINT, Exit.INTERRUPTED)])
def test_files_that_were_not_read_to_their_end_are_told_of(
    here: Path, words: list[str], number: signal.Signals, code: Exit
) -> None:
    """What was read is finished all the same."""
    line = start(20, 300, "notepad.exe")
    (here / "large.jsonl").write_text(line * (LARGE * (1 << 20) // len(line)))
    with (here / "out").open("wb") as out:
        command = [*COMMAND, *words, "hit.jsonl", "large.jsonl"]
        child = subprocess.Popen(command, cwd=here, stdout=out, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not is_begun(child.pid, here / "large.jsonl"):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert (here / "out").read_bytes().count(b"\n") >= 1
    assert re.search(rb"^stopped  when .+ of (23|24) MB were read$", err, re.MULTILINE), err
    if "--stats" in words:
        inputs = json.loads((here / "stats.json").read_text())["inputs"]
        whole = (here / "large.jsonl").stat().st_size + len(EVENTS)
        assert inputs["unread"] > 0 and inputs["bytes"] + inputs["unread"] == whole


def test_files_that_were_read_to_their_end_leave_nothing_to_tell(here: Path) -> None:
    done = process(["t.chain", "hit.jsonl", "--stats", "stats.json"], cwd=here)
    assert (done.returncode, b"stopped" in done.stderr) == (Exit.OK, False)
    assert json.loads((here / "stats.json").read_text())["inputs"]["unread"] == 0
