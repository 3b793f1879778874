"""The same alerts, however a stream arrives: archived, piped, split, shuffled.

Positions (input, line, offset) aside, and with them the order of records that name no order of their own, the bytes are
the same.
"""

import gzip
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import command_line
from chainrun.engine.report.alert import Alert, encode
from chainrun.engine.run import Options, Run

from .pipe import piped
from .test_an1314 import ALL_WRITES, ANALYTIC

SAMPLE = Path(__file__).parent.parent / "examples" / "01-first-chain" / "events.jsonl"
HALF_HOUR = 30 * 60 * 1_000_000

# Those with alerts, and one of each shape besides: without a host, without a record time, in an envelope.
LOGS = [
    "otrf_lsass01_logonpasswords.jsonl.gz",
    "otrf_lsass03_comsvcs.jsonl.gz",
    "otrf_empire_dcom_shellwindows.jsonl.gz",
    "eqllib_sysmon_rta.jsonl.gz",
    "otrf_enable_rdp_2019.jsonl.gz",
    "sbous_flash_update.jsonl",
]


@pytest.fixture(scope="module", params=["sample", *LOGS])
def log(request: pytest.FixtureRequest, shared_data: Path) -> bytes:
    """The uncompressed text of a log."""
    file = SAMPLE if request.param == "sample" else shared_data / "windows" / request.param
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


@pytest.fixture(scope="module")
def plain(log: bytes, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What the log raises from one plain file."""
    return run([write(tmp_path_factory.mktemp("plain") / "events.jsonl", log)])


def write(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    return str(file)


def run(inputs: list[str], stdin: int = 0, lateness: int | None = None) -> list[bytes]:
    options = Options(evidence=1_000_000, host="the-host", lateness=lateness)
    analytics = [load(ANALYTIC, command_line(ALL_WRITES))]
    return [placeless(alert) for alert in Run(analytics, inputs, options, stdin=stdin)]


def placeless(alert: Alert) -> bytes:
    record: Any = msgspec.json.decode(encode(alert))
    for step in record["steps"]:
        for place in [step.get("witness", {}), *step.get("evidence", ())]:
            for found in [place, *place.get("also", ())]:
                for key in ("input", "line", "offset"):
                    found.pop(key, None)
    return msgspec.json.encode(record)


def raised_piped(data: bytes, lateness: int) -> list[bytes]:
    """What the log raises when it comes through a pipe."""
    with piped(data) as reader:
        return run(["-"], stdin=reader, lateness=lateness)


def shuffled(data: bytes) -> bytes:
    """The lines in another order; those of one moment keep theirs, since nothing else tells it."""
    lines = data.splitlines(keepends=True)
    if not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    Random(1).shuffle(lines)
    return b"".join(lines)


def test_from_an_archive(log: bytes, plain: list[bytes], tmp_path: Path) -> None:
    assert run([write(tmp_path / "events.jsonl.gz", gzip.compress(log, 1))]) == plain


def test_split_in_two_inputs(log: bytes, plain: list[bytes], tmp_path: Path) -> None:
    lines = log.splitlines(keepends=True)
    half = len(lines) // 2
    first = write(tmp_path / "a.jsonl", b"".join(lines[:half]))
    second = write(tmp_path / "b.jsonl", b"".join(lines[half:]))
    assert run([first, second]) == plain


def test_through_a_pipe(log: bytes, plain: list[bytes]) -> None:
    assert raised_piped(log, HALF_HOUR) == plain


def test_shuffled(log: bytes, plain: list[bytes], tmp_path: Path) -> None:
    assert run([write(tmp_path / "events.jsonl", shuffled(log))]) == plain


def test_shuffled_through_a_pipe(log: bytes, plain: list[bytes]) -> None:
    assert raised_piped(shuffled(log), HALF_HOUR) == plain
