"""What each operator costs an event, with few and with many open matches: the medians of one run should lie close."""

from itertools import count
from typing import Any

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event

from .streams import MEGABYTES
from .test_groups import made

BATCH = 2_000
OPEN = [20, 2_000, *([100_000] if MEGABYTES >= 100 else [])]  # the last takes minutes to set up

CHAINS = {
    "absence between": "spawn({ word }) as app -> !write -> egress within 1h",
    "absence in the scope": "spawn({ word }) as app ~> !write ~> egress by app within 1h",
    "absence at the end": "spawn({ word }) -> !egress within 1h",
    "absence before": "!write -> egress within 1h",
    "without prior": "egress as e without prior write(user: e.user.name) in 1h",
    "until": "spawn({ word }) -> write -> egress until exit within 1h",
    "repetition": "spawn({ word }) -> write{3} -> egress within 1h",
    "count": "spawn({ word }) -> write{>= 1000 in 10m} -> egress within 1h",
    "count by a key": "write{>= 1000 in 10m by file.path}",
    "distinct": "spawn({ word }) -> write{distinct file.path >= 1000 in 10m} within 1h",
    "cadence": "egress{>= 100 every 1m +- 10s by process.name}",
    "new": "egress where new(process.name among write in 1h)",
}


@pytest.mark.parametrize("open", OPEN)
@pytest.mark.parametrize("operator", CHAINS)
def test_cost_of_an_operator(benchmark: Any, operator: str, open: int) -> None:
    source = Source("bench.chain", CHAINS[operator])
    engine = Engine([check(parse(source), source)[0]], raw=False, updates=False)
    orders = count()
    for pid in range(open):
        name = "word" if pid % 2 else f"app{pid}"
        engine.feed(made(next(orders), {"spawn"}, process_pid=pid + 10, process_name=name, process_parent_pid=5))
        engine.feed(made(next(orders), {"write"}, process_pid=pid + 10, file_path=f"/tmp/{pid}"))

    def setup() -> tuple[tuple[list[Event]], dict[str, Any]]:
        events = []
        for i in range(BATCH):
            pid = (i * 7919) % open + 10
            if i % 2:
                events.append(
                    made(next(orders), {"write"}, process_pid=pid, file_path=f"/tmp/{pid}", user_name=f"v{pid}")
                )
            else:
                events.append(
                    made(
                        next(orders),
                        {"connect", "egress"},
                        process_pid=pid,
                        destination_ip="192.0.2.1",
                        user_name=f"u{pid}",
                    )
                )
        return (events,), {}

    def run(events: list[Event]) -> None:
        for event in events:
            engine.feed(event)

    benchmark.pedantic(run, setup=setup, rounds=5, warmup_rounds=1)
    benchmark.extra_info["open"] = open
    benchmark.extra_info["microseconds an event"] = round(benchmark.stats.stats.median / BATCH * 1e6, 1)


pytestmark = pytest.mark.benchmark(group="operators")
