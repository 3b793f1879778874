"""Runs of the product under the clock, and what they found."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import chainrun
from chainrun.engine.cli.collector import relax

from .streams import Planted, Stream

ROOT = Path(__file__).parent.parent.parent
ANALYTICS = ROOT / "analytics"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def measure(benchmark: Any, chains: Sequence[Path], stream: Stream, rounds: int = 3) -> list[Any]:
    """Run chains, once they are loaded, over a stream some times, and note its pace; gives the alerts."""
    analytics = [chainrun.load(chain) for chain in chains]
    relax()  # as the command does

    def run() -> list[Any]:
        return list(chainrun.run(analytics, stream.file))

    alerts: list[Any] = benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["lines"] = stream.lines
    benchmark.extra_info["MB"] = round(stream.size / 1e6)
    benchmark.extra_info["lines/s"] = round(stream.lines / seconds)
    benchmark.extra_info["MB/s"] = round(stream.size / seconds / 1e6, 1)
    benchmark.extra_info["microseconds a line"] = round(seconds / stream.lines * 1e6, 1)
    return alerts


def found(alerts: Iterable[Any]) -> frozenset[Planted]:
    """What alerts tell of, as what was planted is told. Each thing once: of two that are alike one is an error."""
    each = [
        Planted(a.chain, a.scope.get("host.name", ""), (datetime.fromisoformat(a.last_time) - _EPOCH) // _MILLISECOND)
        for a in alerts
    ]
    assert len(set(each)) == len(each)
    return frozenset(each)


_MILLISECOND = timedelta(milliseconds=1)
