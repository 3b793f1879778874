"""`--max-state` over what is remembered beside partial matches: counted events, absences, and what has been seen."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.report.alert import Alert
from chainrun.engine.state import put, take

from .test_budget import fed, split
from .test_oracle import checked
from .worlds import event

MB = 1 << 20
FLOOD = 20_000

CHAINS = {
    "count": "write{>= 50 in 1h by file.path}",
    "count of a process": "open({ word }) as a -> write by a {>= 50 in 1h} within 1h",
    "pile": "read as r -> write{count(file.size > r.file.size) >= 50 in 1h} within 1h",
    "absence": "egress as e without prior write(e.file.path) in 30d",
    "looked through": "read as r -> !(write where file.size > r.file.size) -> egress within 1h",
    "new": "egress where new(file.path, process.name among write in 30d) within 1h",
}


def wrote(n: int, host: str, path: str = "", pid: int = 1) -> Event:
    fields = {"process.pid": pid, "process.name": "word", "file.path": path or f"/tmp/{n}", "file.size": 5}
    return event(n, n * 1000, {"write"}, fields, host=host)


def flood(begin: int = 1000, count: int = FLOOD, host: str = "noisy") -> Iterator[Event]:
    return (wrote(n, host, pid=n % 97) for n in range(begin, begin + count))


def small(chain: str) -> int:
    """A budget that the flood spends: of a value that was seen little is remembered."""
    return MB if "new(" in chain else 4 * MB


@pytest.mark.parametrize("chain", CHAINS.values(), ids=list(CHAINS))
def test_a_flood_of_what_is_remembered_stays_within_the_budget_and_is_told(chain: str) -> None:
    """As much again as partial matches may take, and what comes between two looks. Without a budget it is 3 MB of `new`,
    else 20 to 38."""
    gc.collect()
    tracemalloc.start()
    try:
        engine = Engine([checked(chain)], raw=False, budget=small(chain))
        before = tracemalloc.get_traced_memory()[0]
        _, pressure = split(fed(engine, flood()))
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < (2.5 * MB if "new(" in chain else 12 * MB)
    alert = next(alert for alert in pressure if "forgotten" in alert.parameters)
    assert (alert.chain, alert.flags) == ("state-pressure", ["state_evicted"])
    assert "remembered events were forgotten for lack of room (--max-state)" in alert.title
    assert alert.scope == {"host.name": "*" if "new(" in chain else "noisy"}
    assert sum(alert.parameters["forgotten"].values()) > 0


def counting(budget: int | None = None) -> Engine:
    return Engine([checked(CHAINS["count"])], raw=False, budget=budget)


def told(engine: Engine, events: Iterator[Event] | list[Event]) -> list[Alert]:
    return split(fed(engine, events))[0]


def test_one_hosts_flood_costs_no_other_its_counts() -> None:
    engine = counting(4 * MB)
    assert not told(engine, [wrote(n, "quiet", "/x") for n in range(49)])
    assert not told(engine, flood())
    (alert,) = told(engine, [wrote(FLOOD + 2000, "quiet", "/x")])
    assert alert.scope == {"host.name": "quiet"} and not alert.flags


def test_of_a_hosts_own_the_oldest_is_forgotten_and_its_alerts_say_so() -> None:
    engine = counting(4 * MB)
    told(engine, [wrote(n, "noisy", "/x") for n in range(49)])
    told(engine, flood())
    assert not told(engine, [wrote(FLOOD + 2000, "noisy", "/x")])  # the first 49 are forgotten
    (alert,) = told(engine, [wrote(FLOOD + 2001 + n, "noisy", "/y") for n in range(50)])
    assert "state_evicted" in alert.flags


@pytest.mark.parametrize("name", ["absence", "new"])
def test_what_was_forgotten_counts_as_not_having_happened(name: str) -> None:
    """One alert too many, never one too few; and it says so."""
    for budget, alerts in ((None, 0), (small(CHAINS[name]), 1)):
        engine = Engine([checked(CHAINS[name])], raw=False, budget=budget)
        told(engine, [wrote(0, "noisy", "/x")])
        told(engine, flood())
        fields = {"process.pid": 1, "process.name": "word", "file.path": "/x"}
        last = [event(FLOOD + 2000, (FLOOD + 2000) * 1000, {"connect", "egress"}, fields, host="noisy")]
        found = told(engine, last)
        assert len(found) == alerts
        assert all("state_evicted" in alert.flags for alert in found)


def test_a_budget_that_is_not_spent_changes_nothing() -> None:
    stream = [wrote(n, "h", f"/{n % 40}") for n in range(9000)]
    free, bound = counting(), counting(64 * MB)
    assert len(told(free, list(stream))) == len(told(bound, list(stream))) > 0
    assert not bound.pressure.forgotten


def test_what_was_forgotten_is_part_of_the_state() -> None:
    first, second = counting(4 * MB), counting(4 * MB)
    told(first, flood())
    put(second, take(first))
    assert second.pressure.forgotten == first.pressure.forgotten and second.pressure.forgotten
    late = FLOOD + 3000
    assert len(told(second, [wrote(late + n, "noisy", "/z") for n in range(50)])) == 1
