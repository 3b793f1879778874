"""`kill -9` at every point of a run with `--state`: started again until it ends, it has written what an undisturbed run
writes, byte for byte. CHAINRUN_KILLS=200 kills as often over each input."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from .command import connection, start

KILLS = int(os.environ.get("CHAINRUN_KILLS", "6"))
POINTS = (
    "alert written",
    "alerts on the disk",
    "state taken",
    "checkpoint written",
    "checkpoint ready",
    "committed",
    "journal begun",
)

# All that a state must hold: partial matches, counts, absences, what is new, open alerts, second editions.
CHAINS = """
chain plain:
  spawn({ cmd.exe }) as a -> egress by a within 10m

chain often:
  spawn({ cmd.exe }) as a -> egress by a {>= 3 in 5m} within 10m

chain quiet:
  spawn({ powershell.exe }) as a -> egress by a -> !egress by a within 1m

chain first:
  egress where new(process.name, destination.port among egress in 30d) as e within 10m

chain both:
  spawn({ cmd.exe }) -> (read | egress)? -> egress within 5m
"""


def stream(seed: int) -> bytes:
    """Starts and connections of many processes, out of order within the lateness, some of them twice."""
    rng = random.Random(seed)
    lines: list[tuple[int, bytes]] = []
    for n in range(40):
        at, pid = rng.randrange(0, 1500), 100 + n
        lines.append((at, start(at, pid, rng.choice(["cmd.exe", "powershell.exe"]), 99 + n).encode()))
        for _ in range(rng.randrange(6)):
            then = at + rng.randrange(1, 400)
            lines.append((then, connection(then, pid, rng.choice([443, 80, 8080, n])).encode()))
    lines += rng.sample(lines, 10)
    return b"".join(line for _, line in sorted(lines, key=lambda one: one[0] + rng.randrange(4)))


class Bench:
    """A folder in which runs are killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chain = folder / "t.chain"
        self.chain.write_text(CHAINS)
        self.text = stream(seed)
        self.input = folder / "events.jsonl"
        self.input.write_bytes(self.text)

    def words(self, name: str, how: str, point: str, count: int) -> list[str]:
        state, output = self.folder / f"{name}.state", self.folder / f"{name}.jsonl"
        child = Path(__file__).with_name("killable.py")
        return [sys.executable, *map(str, (child, self.chain, state, output, count, point, how, self.input))]

    def run(self, name: str, how: str, point: str = "-", count: int = 1) -> int:
        """Runs until it ends or dies; the exit code."""
        done = subprocess.run(self.words(name, how, point, count), capture_output=True, timeout=120, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
        return done.returncode

    def killed_soon(self, name: str, how: str, after: float) -> int:
        """Runs, and is killed from outside after a time."""
        child = subprocess.Popen(self.words(name, how, "-", 1), stderr=subprocess.PIPE)
        time.sleep(after)
        child.kill()
        _, error = child.communicate()
        assert child.returncode in (0, -signal.SIGKILL), error.decode()
        return child.returncode

    def piped(self, name: str, kills: Sequence[tuple[str, int]]) -> bytes:
        """What is written of the input as it comes through a pipe, after these kills."""
        reader, writer = os.pipe()
        with os.fdopen(writer, "wb") as pipe:
            thread = threading.Thread(target=lambda: (pipe.write(self.text), pipe.close()))
            thread.start()
            for point, count in [*kills, ("-", 1)]:
                words = [*self.words(name, "stream", point, count)[:-1], "-"]
                done = subprocess.run(words, stdin=reader, capture_output=True, timeout=120, check=False)
                assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
            thread.join()
        os.close(reader)
        return self.alerts(name)

    def alerts(self, name: str) -> bytes:
        return (self.folder / f"{name}.jsonl").read_bytes()


@pytest.mark.parametrize("how", ["files", "stream"])
def test_killed_at_any_point_and_started_again_it_writes_the_same(how: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1)
    assert bench.run("whole", how) == 0
    expected = bench.alerts("whole")
    assert expected.count(b"\n") > 20
    rng = random.Random(7)
    for n in range(max(KILLS // len(POINTS), 1)):
        kills = 0
        for point in POINTS:
            kills += bench.run(f"killed{n}", how, point, rng.randrange(1, 6)) != 0
        assert kills >= len(POINTS) - 2
        assert bench.run(f"killed{n}", how) == 0
        assert bench.alerts(f"killed{n}") == expected


@pytest.mark.parametrize("how", ["files", "stream"])
def test_killed_at_random_it_writes_the_same(how: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, 2)
    begun = time.monotonic()
    assert bench.run("whole", how) == 0
    lasts = time.monotonic() - begun
    rng = random.Random(8)
    kills = runs = 0
    while kills < KILLS:
        if bench.killed_soon(f"killed{runs}", how, rng.uniform(0.3, 1.0) * lasts) != 0:
            kills += 1
        else:
            assert bench.alerts(f"killed{runs}") == bench.alerts("whole")
            runs += 1
    assert bench.run(f"killed{runs}", how) == 0
    assert bench.alerts(f"killed{runs}") == bench.alerts("whole")


def test_what_was_read_of_a_pipe_is_not_lost(tmp_path: Path) -> None:
    """The pipe outlives whoever reads it, so that nothing but what was read can be lost."""
    bench = Bench(tmp_path, 4)
    expected = bench.piped("whole", [])
    rng = random.Random(10)
    kills = [(rng.choice(("journal written", *POINTS)), rng.randrange(1, 8)) for _ in range(max(KILLS, 10))]
    assert bench.piped("killed", kills) == expected
    assert expected.count(b"\n") > 20


def test_a_followed_file_is_read_once_whatever_dies(tmp_path: Path) -> None:
    """While it grows, and is rotated: every alert once, and without a rotation the same bytes."""
    bench = Bench(tmp_path, 5)
    assert bench.run("whole", "follow") == 0
    expected = bench.alerts("whole")
    assert expected.count(b"\n") > 20
    for rotates in (False, True):
        name, rng = f"followed{rotates}", random.Random(11)
        lines = bench.text.splitlines(keepends=True)
        bench.input.unlink()
        old = 0
        while lines:
            part = rng.randrange(20, 60)
            if rotates and bench.input.exists() and rng.random() < 0.5:
                old += 1
                bench.input.rename(bench.input.with_name(f"events.jsonl.{old}"))
            with bench.input.open("ab") as file:
                file.write(b"".join(lines[:part]))
            del lines[:part]
            bench.run(name, "follow", rng.choice(POINTS), rng.randrange(1, 4))
        assert bench.run(name, "follow") == 0
        found = bench.alerts(name)
        assert found == expected if not rotates else editions(found) == editions(expected)


def editions(text: bytes) -> list[tuple[str, int]]:
    return [(alert["alert_id"], alert["revision"]) for alert in map(json.loads, text.splitlines())]


def test_a_file_that_grows_is_gone_on_with_where_it_was_left(tmp_path: Path) -> None:
    """Killed while it grows, too: in the end it was read once."""
    bench = Bench(tmp_path, 3)
    assert bench.run("whole", "stream") == 0
    lines = bench.text.splitlines(keepends=True)
    bench.input.write_bytes(b"")
    rng = random.Random(9)
    while lines:
        part = rng.randrange(1, 60)
        with bench.input.open("ab") as file:
            file.write(b"".join(lines[:part]))
        del lines[:part]
        bench.run("grown", "stream", rng.choice(POINTS), rng.randrange(1, 4))
    assert bench.run("grown", "stream") == 0
    assert bench.alerts("grown") == bench.alerts("whole")
