"""The cost of an event does not grow with the number of open groups: the medians of one run should lie close together."""

from itertools import count
from typing import Any

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin

from .streams import MEGABYTES

CHAIN = "open({ word }) as app -> write by app -> spawn({ sh }) by app -> egress within 1h"
BATCH = 2_000
HOSTS = 100
BEGIN = 1_700_000_000_000_000
OPEN = [10, 10_000, 100_000, *([1_000_000] if MEGABYTES >= 1_000 else [])]  # the last takes a minute and 3 GB


def made(order: int, kinds: set[str], *, host: str = "h", **fields: Any) -> Event:
    names = {name.replace("_", "."): value for name, value in fields.items()}
    event = Event(BEGIN + order, frozenset(kinds), names, host=host, os="linux", origin=Origin("bench", order, 0))
    event.order = order
    return event


@pytest.mark.parametrize("groups", OPEN)
def test_an_event(benchmark: Any, groups: int) -> None:
    source = Source("bench.chain", CHAIN)
    engine = Engine([check(parse(source), source)[0]], raw=False)
    orders = count()
    for pid in range(groups):
        # the app opens and writes: two groups, of which the second waits for a child
        at = f"h{pid % HOSTS}"
        engine.feed(made(next(orders), {"open"}, host=at, process_pid=pid + 10, process_name="word"))
        engine.feed(made(next(orders), {"write"}, host=at, process_pid=pid + 10, file_path=f"/tmp/{pid}"))

    def setup() -> tuple[tuple[list[Event]], dict[str, Any]]:
        # writes that join their app's groups, and connections of apps that started no child
        events = []
        for i in range(BATCH):
            pid = (i * 7919) % groups
            at = f"h{pid % HOSTS}"
            if i % 2:
                events.append(made(next(orders), {"write"}, host=at, process_pid=pid + 10, file_path="/tmp/x"))
            else:
                kinds = {"connect", "egress"}
                events.append(made(next(orders), kinds, host=at, process_pid=pid + 10, destination_ip="192.0.2.1"))
        return (events,), {}

    def run(events: list[Event]) -> int:
        return sum(len(engine.feed(event)) for event in events)

    assert benchmark.pedantic(run, setup=setup, rounds=15, warmup_rounds=2) == 0
    assert engine.running[0].matcher.open_groups == 2 * groups
    benchmark.extra_info["open groups"] = engine.running[0].matcher.open_groups
    benchmark.extra_info["microseconds an event"] = round(benchmark.stats.stats.median / BATCH * 1e6, 1)


pytestmark = pytest.mark.benchmark(group="groups")
