"""The cost of an event does not grow with the number of open groups.

Compare the medians of one run: 10, 1,000 and 100,000 open groups should lie close together.
"""

from itertools import count
from typing import Any

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin

CHAIN = "open(word) as app -> write by app -> spawn(sh) by app -> egress within 1h"
CHAIN = CHAIN.replace("(word)", "({ word })").replace("(sh)", "({ sh })")
BATCH = 2_000
BEGIN = 1_700_000_000_000_000


def made(order: int, kinds: set[str], **fields: Any) -> Event:
    names = {name.replace("_", "."): value for name, value in fields.items()}
    event = Event(BEGIN + order, frozenset(kinds), names, host="h", os="linux", origin=Origin("bench", order, 0))
    event.order = order
    return event


@pytest.mark.parametrize("groups", [10, 1_000, 100_000])
def test_cost_of_an_event(benchmark: Any, groups: int) -> None:
    source = Source("bench.chain", CHAIN)
    engine = Engine([check(parse(source), source)[0]], raw=False)
    orders = count()
    for pid in range(groups):
        # the app opens and writes: two groups, of which the second waits for a child
        engine.feed(made(next(orders), {"open"}, process_pid=pid + 10, process_name="word"))
        engine.feed(made(next(orders), {"write"}, process_pid=pid + 10, file_path=f"/tmp/{pid}"))

    def setup() -> tuple[tuple[list[Event]], dict[str, Any]]:
        # writes that join their app's groups, and connections of apps that started no child
        events = []
        for i in range(BATCH):
            pid = (i * 7919) % groups + 10
            if i % 2:
                events.append(made(next(orders), {"write"}, process_pid=pid, file_path="/tmp/x"))
            else:
                events.append(made(next(orders), {"connect", "egress"}, process_pid=pid, destination_ip="192.0.2.1"))
        return (events,), {}

    def run(events: list[Event]) -> None:
        for event in events:
            engine.feed(event)

    benchmark.pedantic(run, setup=setup, rounds=15, warmup_rounds=2)
    benchmark.extra_info["open groups"] = engine.running[0].matcher.open_groups
    benchmark.extra_info["microseconds an event"] = round(benchmark.stats.stats.median / BATCH * 1e6, 1)
