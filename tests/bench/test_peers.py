"""How far from the floor: the same stream through `cat`, a scan for one pattern, a decoder, DuckDB and this engine.

One benchmark beside the other in one run: what counts are the ratios, in parentheses. Hyperscan and DuckDB come with
`make bench`, where there are wheels of them.
"""

from collections.abc import Callable
from datetime import UTC
from typing import Any

import chainrun
import pytest

from . import peers
from .measuring import ANALYTICS, found
from .streams import Planted, Stream

WORLDS = ("Windows, everything", "Windows, tuned")
Streams = Callable[[str], Stream]


def noted(benchmark: Any, stream: Stream, name: str, run: Callable[[], Any]) -> Any:
    benchmark.group = name
    result = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    benchmark.extra_info["MB/s"] = round(stream.size / benchmark.stats.stats.median / 1e6)
    return result


@pytest.mark.parametrize("world", WORLDS)
def test_chainrun(benchmark: Any, stream: Streams, world: str) -> None:
    analytic = chainrun.load(ANALYTICS / "an1314.chain")
    made = stream(world)
    alerts = noted(benchmark, made, world, lambda: list(chainrun.run(analytic, made.file)))
    assert found(alerts) == made.planted


@pytest.mark.parametrize("world", WORLDS)
def test_cat(benchmark: Any, stream: Streams, world: str) -> None:
    made = stream(world)
    assert noted(benchmark, made, world, lambda: peers.cat(made.file)) == made.size


@pytest.mark.parametrize("world", WORLDS)
def test_hyperscan(benchmark: Any, stream: Streams, world: str) -> None:
    pytest.importorskip("hyperscan")
    made = stream(world)
    scan = peers.hyperscan_one_pattern()
    assert noted(benchmark, made, world, lambda: scan(made.file)) == peers.msgspec_every_line(made.file)


@pytest.mark.parametrize("world", WORLDS)
def test_msgspec(benchmark: Any, stream: Streams, world: str) -> None:
    made = stream(world)
    assert 0 < noted(benchmark, made, world, lambda: peers.msgspec_every_line(made.file)) < made.lines


@pytest.mark.parametrize("world", WORLDS)
def test_duckdb(benchmark: Any, stream: Streams, world: str) -> None:
    pytest.importorskip("duckdb")
    made = stream(world)
    find = peers.duckdb_sql()
    rows = noted(benchmark, made, world, lambda: find(made.file))
    told = {Planted(chain, host.partition(".")[0].lower(), milliseconds(at)) for chain, host, at in rows}
    assert told == made.planted


def milliseconds(at: Any) -> int:
    return round(at.replace(tzinfo=UTC).timestamp() * 1000)
