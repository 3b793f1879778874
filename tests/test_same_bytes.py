"""The same bytes for the same telemetry: whatever blocks it is read in, however it comes, in whatever process.

One log of all samples, with lines that cannot be used, and every analytic that comes with the product, beside chains
that nearly every record is a step of. What is compared is what is written, positions included; the input's name apart,
which is another for a pipe.
"""

import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from chainrun.engine.chains import load_all
from chainrun.engine.intake import archive, follow, source
from chainrun.engine.report.jsonl import to_line
from chainrun.engine.run import Options, Run

from .command import COMMAND
from .fuzz.lines import LOOSE, ROOT, STORIES, loose
from .pipe import piped
from .test_invariance import placeless

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MINUTE = 60 * 1_000_000
DAY = 1440 * MINUTE

BLOCKS = [1, 4_096, 1 << 20]
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gz": gzip.compress,
    "gz of many members": lambda data: b"".join(gzip.compress(data[a : a + 9_999]) for a in range(0, len(data), 9_999)),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstd.compress(data),
}


@pytest.fixture(scope="module")
def timed() -> list[tuple[int, bytes]]:
    """The lines of all samples in the order of their events, each with its time; some say nothing."""
    lines = [line + b"\n" for story in STORIES for line in story]
    run = Run([], [], Options(whole=True, host="h"), stdin=io.BytesIO(b"".join(lines)))
    times = {event.origin.line: event.time for event in run.events()}
    at, found = 0, []
    for number, line in enumerate(lines, 1):
        at = times.get(number, at)
        found.append((at, line))
    found.sort(key=lambda pair: pair[0])
    return with_odd(found)


def with_odd(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """With lines that say nothing, and one that was there before."""
    for place, odd in ((10, b"{\n"), (50, b"\n"), (90, b'{"x": "\xff"}\r\n'), (140, found[139][1])):
        found.insert(place, (found[place][0], odd))
    return found


@pytest.fixture(scope="module")
def named(timed: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Without the records of containers: some of those name no host, and whose they are is told, of a file, by what
    comes later, too."""
    containers = {line + b"\n" for line in (ROOT / "examples" / "an1317" / "events.jsonl").read_bytes().splitlines()}
    return [(at, line) for at, line in timed if line not in containers]


@pytest.fixture(scope="module")
def log(timed: list[tuple[int, bytes]]) -> bytes:
    return b"".join(line for _, line in timed)


def written(inputs: list[str], stdin: int = 0, lateness: int | None = None) -> bytes:
    """Every alert as it is written, and the numbers of the run."""
    options = Options(host="h", lateness=lateness, updates=True, allow_unproven=True)
    run = Run([loose(), *load_all([ROOT / "analytics"])], inputs, options, stdin=stdin)
    alerts = b"".join(map(to_line, run))
    name = b'"input":"%s"' % inputs[0].encode()
    return alerts.replace(name, b'"input":"-"') + b"%d lines, %d bad" % (run.tally.lines, run.tally.bad_lines)


@pytest.fixture(scope="module")
def expected(log: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("whole") / "events.jsonl"
    file.write_bytes(log)
    found = written([str(file)])
    for analytic in ("loose", "AN0994", "AN1314", "AN1315", "AN1317", "AN1318"):
        assert b'"analytic":"%s"' % analytic.encode() in found
    return found


@pytest.fixture(params=BLOCKS)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The most that is read at once."""
    for module in (source, archive, follow):
        monkeypatch.setattr(module, "READ", request.param)
    assert isinstance(request.param, int)
    return request.param


@pytest.mark.parametrize("packing", PACKINGS)
def test_blocks_of_a_file_change_nothing(log: bytes, expected: bytes, packing: str, block: int, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(PACKINGS[packing](log))
    assert written([str(file)]) == expected


def test_blocks_of_a_pipe_change_nothing(named: list[tuple[int, bytes]], block: int, tmp_path: Path) -> None:
    data = b"".join(line for _, line in named)
    (tmp_path / "events.jsonl").write_bytes(data)
    with piped(data) as reader:
        assert written(["-"], stdin=reader, lateness=MINUTE) == written([str(tmp_path / "events.jsonl")])


@pytest.mark.parametrize("lateness", [MINUTE, 60 * MINUTE, DAY])
@pytest.mark.parametrize("seed", range(3))
def test_disorder_within_the_lateness_changes_no_alert(
    timed: list[tuple[int, bytes]], lateness: int, seed: int
) -> None:
    """Positions apart, and what nobody could tell: records of one moment keep their order."""
    r = random.Random(seed)
    delays = {at: r.randrange(lateness) for at, _ in timed}
    shuffled = sorted(timed, key=lambda pair: pair[0] + delays[pair[0]])
    assert shuffled != timed

    def alerts(lines: list[tuple[int, bytes]]) -> bytes:
        options = Options(host="h", lateness=lateness, updates=True, evidence=1_000)
        with piped(b"".join(line for _, line in lines)) as reader:
            run = Run([loose(), *load_all([ROOT / "analytics"])], ["-"], options, stdin=reader)
            found = [placeless(alert) for alert in run]
        assert not run.tally.late
        return b"\n".join(found)

    in_order = alerts(timed)
    assert b"loose" in in_order
    assert alerts(shuffled) == in_order


def test_no_process_has_an_order_of_its_own(log: bytes, tmp_path: Path) -> None:
    """Sets and hashes are in another order in every process."""
    (tmp_path / "loose.chain").write_text(LOOSE)
    (tmp_path / "events.jsonl").write_bytes(log)
    found = set()
    for seed in ("0", "1", "4294967295"):
        words = [*COMMAND, "loose.chain", str(ROOT / "analytics"), "events.jsonl", "--updates", "--stats", "stats.json"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=120)
        found.add((done.stdout, done.stderr, (tmp_path / "stats.json").read_bytes()))
    ((out, _, _),) = found
    assert out.count(b"\n") > 20
