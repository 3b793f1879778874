"""`--max-state`: what all partial matches may take together, and whose go first when that is spent.

CHAINRUN_FLOOD=1000000 opens as many partial matches as `test_a_flood_…` in full."""

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from chainrun.engine.cli.exits import UsageError
from chainrun.engine.cli.size import size
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.match import lineage
from chainrun.engine.match.budget import most_each
from chainrun.engine.report.alert import Alert
from chainrun.engine.state import put, take

from .test_oracle import checked
from .worlds import SECOND, event

MB = 1 << 20
FLOOD = int(os.environ.get("CHAINRUN_FLOOD", "20000"))

CHAIN = checked("spawn({ word }) -> write -> egress within 1h")


def began(n: int, host: str, pid: int) -> Event:
    """The first step of a chain."""
    fields = {"process.pid": pid, "process.name": "word", "process.command_line": f"word {pid} {'x' * 200}"}
    made = event(n, n * 1000, {"spawn"}, fields, host=host)
    made.raw = b"{%d}" % n + b" " * 500
    return made


def wrote(n: int, host: str, pid: int) -> Event:
    return event(n, n * 1000, {"write"}, {"process.pid": pid, "file.path": f"/{n}"}, host=host)


def ended(n: int, host: str, pid: int) -> Event:
    return event(n, n * 1000, {"connect", "egress"}, {"process.pid": pid, "destination.ip": "192.0.2.1"}, host=host)


def flood(count: int, hosts: list[str]) -> Iterator[Event]:
    for n in range(count):
        yield began(1000 + n, hosts[n % len(hosts)], 10_000 + n)


def fed(engine: Engine, events: Iterator[Event] | list[Event]) -> list[Alert]:
    return [alert for one in events for alert in engine.feed(one)]


def split(alerts: list[Alert]) -> tuple[list[Alert], list[Alert]]:
    """Those of chains, and those of pressure."""
    return [a for a in alerts if a.analytic != "chainrun"], [a for a in alerts if a.analytic == "chainrun"]


def test_a_flood_costs_no_other_host_anything_and_of_its_own_the_lowest_steps() -> None:
    engine = Engine([CHAIN], raw=False, budget=8 * MB)
    fed(engine, [began(1, "quiet", 1), began(2, "noisy", 2), began(3, "noisy", 3), wrote(4, "noisy", 3)])
    _, pressure = split(fed(engine, flood(FLOOD, ["noisy"])))
    assert engine.budget is not None and engine.budget.size <= 8 * MB
    n = 2000 + FLOOD
    found, _ = split(fed(engine, [wrote(n, "quiet", 1), ended(n + 1, "quiet", 1), ended(n + 2, "noisy", 3)]))
    assert [(a.scope["host.name"], "state_evicted" in a.flags) for a in found] == [("quiet", False), ("noisy", True)]
    # what began first has gone, and what came last has not
    assert not fed(engine, [wrote(n + 3, "noisy", 2), ended(n + 4, "noisy", 2)])
    assert fed(engine, [wrote(n + 5, "noisy", 9_999 + FLOOD), ended(n + 6, "noisy", 9_999 + FLOOD)])
    assert pressure
    for alert in pressure:
        assert (alert.chain, alert.severity, alert.scope) == ("state-pressure", "medium", {"host.name": "noisy"})
        assert alert.parameters["given_up"].keys() == {"random/main"}
    told = sum(engine.pressure.given_up.values())
    assert told + engine.running[0].matcher.open_groups > FLOOD - 10


def test_pressure_is_told_once_in_five_minutes_and_with_ids_of_its_own() -> None:
    engine = Engine([CHAIN], raw=False, budget=2 * MB)
    _, pressure = split(fed(engine, (began(n, "noisy", n) for n in range(1, 20_000, 1))))
    assert len(pressure) == 1
    _, later = split(fed(engine, (began(n, "noisy", n) for n in range(400_000, 420_000))))
    assert len(later) == 1 and later[0].alert_id != pressure[0].alert_id


def test_within_the_budget_nothing_changes() -> None:
    stream = [*flood(500, ["a", "b"]), *(ended(9000, "a", 1) for _ in range(2))]
    stream += [wrote(9001, "a", 10_000), ended(9002, "a", 10_000)]
    free, bound = Engine([CHAIN], raw=False), Engine([CHAIN], raw=False, budget=64 * MB)
    assert fed(free, stream) == fed(bound, stream)
    assert not bound.pressure.given_up


def test_the_newest_is_never_refused() -> None:
    """However many came before it on its host: it completes its chain."""
    engine = Engine([CHAIN], raw=False, budget=MB)
    for n in range(3000):
        pid = 10 + n
        fed(engine, [began(3 * n, "h", pid), wrote(3 * n + 1, "h", pid)])
        if n % 500 == 0:
            assert split(fed(engine, [ended(3 * n + 2, "h", pid)]))[0], n


def test_what_waits_for_a_deadline_is_given_up_last() -> None:
    chain = checked("spawn({ word }) -> write -> !egress within 1h")
    engine = Engine([chain], raw=False, budget=2 * MB)
    fed(engine, [began(1, "h", 1), wrote(2, "h", 1)])
    fed(engine, flood(20_000, ["h"]))
    late = event(10**6, 2 * 3600 * SECOND, {"event"}, {}, host="h")
    found, _ = split(engine.feed(late))
    assert len(found) == 1 and "state_evicted" in found[0].flags


def test_a_flood_of_what_waits_is_bounded_too() -> None:
    chain = checked("spawn({ word }) -> !egress within 1h")
    engine = Engine([chain], raw=False, budget=2 * MB)
    _, pressure = split(fed(engine, flood(20_000, ["h"])))
    assert pressure
    assert len(engine.running[0].matcher.deadlines) < 2000
    late = event(10**6, 2 * 3600 * SECOND, {"event"}, {}, host="h")
    found, _ = split(engine.feed(late))
    assert 0 < len(found) < 2000


def test_the_log_of_a_flood_of_equals_is_cut_before_anything_is_lost() -> None:
    engine = Engine([CHAIN], raw=False, budget=2 * MB)
    fed(engine, [began(1, "h", 1)])
    _, pressure = split(fed(engine, (wrote(n, "h", 1) for n in range(2, 9000))))
    assert not engine.pressure.given_up and not pressure
    (alert,) = fed(engine, [ended(9001, "h", 1)])
    assert isinstance(alert.steps[1].count_at_least, int)
    assert engine.budget is not None and engine.budget.size <= 2 * MB


def test_evidence_of_later_steps_counts_as_theirs() -> None:
    """Giving up a first step frees nothing while a second one holds it as its evidence."""
    engine = Engine([CHAIN], raw=False, budget=4 * MB)
    for n in range(5000):
        fed(engine, [began(3 * n, "h", 10 + n), wrote(3 * n + 1, "h", 10 + n)])
    gc.collect()
    store = engine.running[0].matcher.store
    assert len(store) < 2500
    assert engine.budget is not None
    engine.budget.size = 0
    engine.budget.limit = 100 * MB
    engine.budget.make_room(0)
    assert engine.budget.size <= 4 * MB  # counted anew


@pytest.mark.parametrize(
    ("sizes", "target", "level"),
    [([10, 4, 2], 100, 10), ([10, 4, 2], 12, 6), ([10, 4, 2], 9, 3), ([5, 5, 5], 9, 3), ([7], 3, 3), ([], 3, 0)],
)
def test_whoever_holds_less_than_the_others_keeps_it(sizes: list[int], target: int, level: int) -> None:
    assert most_each(sizes, target) == level
    if sum(sizes) > target:
        assert sum(min(size, level) for size in sizes) <= target


def test_a_state_goes_on_with_what_its_hosts_have_lost() -> None:
    one = Engine([CHAIN], raw=False, budget=2 * MB)
    fed(one, [began(3, "h", 3), wrote(4, "h", 3)])
    fed(one, flood(5000, ["h"]))
    other = Engine([CHAIN], raw=False, budget=2 * MB)
    put(other, take(one))
    stream = [*flood(5000, ["h"]), ended(9000, "h", 3)]
    expected = fed(one, stream)
    assert fed(other, stream) == expected
    assert "state_evicted" in expected[-1].flags


def test_sizes_are_near_what_is_taken() -> None:
    """Neither so low that the memory outgrows the budget, nor so high that half of it stays unused."""
    tracemalloc.start()
    engine = Engine([CHAIN], raw=False, budget=1 << 40)
    fed(engine, flood(100, ["h"]))
    gc.collect()
    before, taken = engine.budget.size if engine.budget else 0, tracemalloc.get_traced_memory()[0]
    fed(engine, flood(4000, ["h"]))
    gc.collect()
    after, held = engine.budget.size if engine.budget else 0, tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    ratio = (after - before) / (held - taken)
    assert 0.8 < ratio < 2, ratio


def test_whoever_starts_processes_by_the_thousand_is_not_forgotten_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its first step a match keeps its processes in the table; and no more than half of it is kept so."""
    monkeypatch.setattr(lineage, "MOST_ROWS", 400)
    engine = Engine([CHAIN], raw=False)
    fed(engine, [began(3, "h", 3), wrote(4, "h", 3)])
    fed(engine, flood(3000, ["h"]))
    assert len(fed(engine, [ended(9000, "h", 3)])) == 1
    for n in range(2000):
        fed(engine, [began(9001 + n, "h", 10**6 + n), wrote(9001 + n, "h", 10**6 + n)])
    host = engine.lineage.hosts["h"]
    assert len(host.by_pid) <= 400
    assert 10**6 + 1999 in host.by_pid


FLOODED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from chainrun.engine.cli.collector import relax
from tests.test_budget import *
engine = Engine([CHAIN], raw=False, budget=256 * MB)
relax()
fed(engine, [began(1, "quiet", 1), began(2, "noisy", 2), began(3, "noisy", 3), wrote(4, "noisy", 3)])
pressure = 0
for one in flood(FLOOD, ["noisy"]):
    pressure += len(engine.feed(one))
n = 2000 + FLOOD
found = fed(engine, [wrote(n, "quiet", 1), ended(n + 1, "quiet", 1), ended(n + 2, "noisy", 3)])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, pressure, [a.scope["host.name"] for a in found if a.steps])
print(sum(engine.pressure.given_up.values()), engine.running[0].matcher.open_groups, engine.budget.size)
"""


@pytest.mark.skipif(FLOOD < 500_000, reason="CHAINRUN_FLOOD=1000000 runs it")
def test_memory_stays_within_the_budget() -> None:
    words = [sys.executable, "-c", FLOODED, str(Path(__file__).parent.parent)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    megabytes, pressure, found = done.stdout.splitlines()[0].split(" ", 2)
    assert int(megabytes) < 512 and int(pressure) > 0 and found == "['quiet', 'noisy']"


@pytest.mark.parametrize(
    ("text", "bytes"),
    [
        ("256MiB", 256 * MB),
        ("1G", 1024 * MB),
        ("2MB", 2_000_000),
        ("1048576", MB),
        ("1.5G", None),
        ("lots", None),
        ("9", None),
    ],
)
def test_a_size_is_written_as_people_do(text: str, bytes: int | None) -> None:
    if bytes is None:
        with pytest.raises(UsageError):
            size(text)
    else:
        assert size(text) == bytes
