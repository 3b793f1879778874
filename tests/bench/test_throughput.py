"""Events and megabytes a second, end to end: from the bytes of a file to alerts.

On the largest host log of the real telemetry, where it is present, and on a generated stream of real-shaped Sysmon.
"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chainrun
import pytest

from . import hosts

ROOT = Path(__file__).parent.parent.parent
AN1314 = ROOT / "analytics" / "an1314.chain"


def measure(benchmark: Any, file: Path) -> list[Any]:
    size = file.stat().st_size
    with file.open("rb") as lines:
        events = sum(1 for _ in lines)

    def run() -> list[Any]:
        return list(chainrun.run([AN1314], [file]))

    alerts: list[Any] = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["lines"] = events
    benchmark.extra_info["MB"] = round(size / 1e6)
    benchmark.extra_info["events/s"] = round(events / seconds)
    benchmark.extra_info["MB/s"] = round(size / seconds / 1e6, 1)
    return alerts


def test_largest_real_host_log(benchmark: Callable[..., Any], shared_data: Path, tmp_path: Path) -> None:
    packed = max((shared_data / "windows").glob("*.gz"), key=unpacked_size)
    file = tmp_path / packed.stem
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    measure(benchmark, file)


def unpacked_size(file: Path) -> int:
    return int.from_bytes(file.read_bytes()[-4:], "little")


def test_generated_stream(benchmark: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "generated.jsonl"
    planted = hosts.write(file, lines=100_000, hosts=20, seed=1)
    alerts = measure(benchmark, file)
    assert len(alerts) == planted


pytestmark = pytest.mark.benchmark
