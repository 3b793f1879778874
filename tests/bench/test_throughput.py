"""Lines and megabytes a second, end to end: from the bytes of a file to alerts, which are those planted and no others.

On a stream for each shipped analytic, and on the largest host log of the real telemetry, where it is present.
"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import WORLDS
from .measuring import ANALYTICS, found, measure
from .streams import Stream

CHAINS = {
    "Linux": ["an1315"],
    "macOS": ["an1316", "an0994"],
    "containers": ["an1317"],
    "cloud": ["an1318"],
}


@pytest.mark.parametrize("world", WORLDS)
def test_a_stream(benchmark: Any, stream: Callable[[str], Stream], world: str) -> None:
    chains = [ANALYTICS / f"{name}.chain" for name in CHAINS.get(world, ["an1314"])]
    assert found(measure(benchmark, chains, stream(world))) == stream(world).planted


def test_the_largest_real_host_log(benchmark: Any, shared_data: Path, tmp_path: Path) -> None:
    packed = max((shared_data / "windows").glob("*.gz"), key=unpacked_size)
    text = gzip.decompress(packed.read_bytes())
    file = tmp_path / packed.stem
    file.write_bytes(text)
    alerts = measure(benchmark, [ANALYTICS / "an1314.chain"], Stream(file, text.count(b"\n"), len(text), frozenset()))
    assert len(alerts) == 1


def unpacked_size(file: Path) -> int:
    return int.from_bytes(file.read_bytes()[-4:], "little")


pytestmark = pytest.mark.benchmark(group="throughput")
