"""What counts keep, and what they hold apart: events once, and for each process above them a few numbers."""

import tracemalloc
from itertools import product
from typing import Any

import pytest
from chainrun.dsl.model import Analytic
from chainrun.engine import baseline
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.match import ledger
from chainrun.engine.match.counting import Counter
from chainrun.engine.match.ledger import Ledger
from chainrun.engine.match.tallies import Pile

from . import oracle, worlds
from .test_oracle import checked, found, in_order
from .worlds import SECOND, event

ROOT = 10  # the pid of the outermost process


def nest(depth: int) -> list[Event]:
    """Processes that start one another, each of which writes a file."""
    stream: list[Event] = []
    for pid in range(ROOT, ROOT + depth):
        own: dict[str, Any] = {"process.pid": pid, "process.name": "sh"}
        parent = {"process.parent.pid": pid - 1} if pid > ROOT else {}
        stream.append(event(len(stream), len(stream), {"spawn"}, own | parent))
        stream.append(event(len(stream), len(stream), {"write"}, own | {"file.path": f"/{pid}"}))
    return stream


def writes(times: range, pid: int = ROOT, **fields: Any) -> list[Event]:
    own = {"process.pid": pid, "process.name": "sh", "file.path": "/x"} | {
        k.replace("_", "."): v for k, v in fields.items()
    }
    return [event(at, at * SECOND, {"write"}, own) for at in times]


def fed(text: str, events: list[Event]) -> Counter:
    engine = Engine([checked(text)], raw=False)
    for e in events:
        engine.feed(e)
    (counter,) = engine.running[0].matcher.counters
    return counter


def only(counter: Counter) -> Ledger:
    (found,) = counter.ledgers.values()
    return found


# -- memory ----------------------------------------


@pytest.mark.parametrize(
    "count",
    ["{>= 1000 in 10m}", "{sum file.size > 5 in 10m}", "{share(file.size > 5) > 50% in 10m}", "{>= 900 every 1s..1h}"],
)
def test_a_nest_of_processes_keeps_each_event_once(count: str) -> None:
    depth = 400
    held = only(fed(f"spawn as w -> write{count} within 1h", nest(depth)))
    assert len(held.entries) == len(held.window) == len(held.tallies) == depth
    lines = {id(line) for _, _, line in held.window}
    above = {id(line.rest) for _, _, line in held.window if line.rest is not None}
    assert above <= lines  # what the outer ones have in common is not kept again


def test_a_nest_of_processes_costs_little_memory() -> None:
    """Four hundred processes above one another: 80,000 pairs of an event and whom it is counted for."""
    stream = nest(400)
    engine = Engine([checked("spawn as w -> write{>= 1000 in 10m} within 1h")], raw=False)
    tracemalloc.start()
    try:
        for e in stream:
            engine.feed(e)
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 3_000_000  # it is 1 MB; a hundred bytes for each pair would be 8 MB


def test_what_has_left_the_window_is_in_no_tally() -> None:
    held = only(fed("spawn as w -> write{>= 1000 in 10s} within 1h", [*nest(3), *writes(range(100, 200))]))
    assert sum(tally.size for tally in held.tallies.values()) == 10
    assert len(held.window) - held.begin == 10
    assert len(held.entries) == 103  # as evidence of the moments of an hour


def test_events_that_must_be_gathered_are_kept_for_the_window_and_with_their_like() -> None:
    text = "spawn as w -> (write where file.size > w.process.pid){>= 1000 in 10s} within 1h"
    strangers = [e for at in range(100, 200) for e in writes(range(at, at + 1), pid=77)]
    mine = [event(1000 + e.order, e.time, set(e.kinds), e.fields) for e in writes(range(100, 200))]
    counter = fed(text, [*nest(1), *sorted([*strangers, *mine], key=lambda e: e.time)])
    held = only(counter)
    assert not counter.count.shared
    assert all(isinstance(tally, Pile) and len(tally.held) == 10 for tally in held.tallies.values())
    assert len(held.tallies) == 2  # of the one and of the stranger


@pytest.mark.parametrize(
    ("count", "shared"),
    [
        ("write{>= 3 in 10s}", True),
        ("write{sum file.size > w.process.pid in 10s}", True),
        ("write(user: w.user.name){>= 3 in 10s}", True),
        ("(write where user.name == w.user.name){>= 3 in 10s}", True),
        ("(write | delete){>= 3 in 10s}", True),
        ("(write where user.name != w.user.name){>= 3 in 10s}", False),
        ("write{count(user.name == w.user.name) >= 3 in 10s}", False),
    ],
)
def test_one_count_serves_all_matches_that_are_joined_alike(count: str, shared: bool) -> None:
    assert fed(f"spawn as w -> {count} within 1h", []).count.shared is shared


def test_a_loose_arrow_asks_for_two_counts_and_gathers_nothing() -> None:
    nobodys = [event(100 + n, (100 + n) * SECOND, {"write"}, {"file.path": "/x"}) for n in range(50)]
    counter = fed("spawn as w ->? write{distinct file.path >= 100 in 10m} within 1h", [*nest(2), *nobodys])
    assert counter.count.shared
    sizes = sorted(tally.size for tally in only(counter).tallies.values())
    # those of the inner one, and of both; nobody's; all, for a subject that is not known
    assert sizes == [1, 2, 50, 52]


# -- evidence in a flood ----------------------------------------


def test_the_flood_of_one_process_costs_no_other_its_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "EVIDENCE_LIMIT", 20)
    start = {"process.pid": 5, "process.parent.pid": 1, "process.name": "word"}
    flood = [event(0, 0, {"spawn"}, start), event(1, 1, {"spawn"}, start | {"process.pid": 6, "process.name": "excel"})]
    for n in range(2, 1000):
        quiet = n in (10, 500, 999)
        flood.append(event(n, n, {"write"}, {"process.pid": 5 if quiet else 6, "file.path": "/x"}))
    text = "spawn({{ {} }}) -> write{{>= 3 in 10m}} within 1h"
    (alert,) = Engine([checked(text.format("word"))], raw=False).run(worlds.again(flood))
    assert alert.steps[1].count == 3
    many = Engine([checked(text.format("excel").replace(">= 3", ">= 900"))], raw=False)
    (alert,) = many.run(worlds.again(flood))
    assert isinstance(alert.steps[1].count_at_least, int) and 20 <= alert.steps[1].count_at_least < 900


# -- late events ----------------------------------------


def test_a_late_event_is_counted_in_its_place() -> None:
    stream = [event(n, at * SECOND, {"write"}, {"process.pid": 1}) for n, at in enumerate((10, 20, 15, 24))]
    held = only(fed("write{>= 9 in 10s}", stream))
    assert [at // SECOND for at, _, _ in held.window[held.begin :]] == [15, 20, 24]
    assert [tally.size for tally in held.tallies.values()] == [3]


def test_a_stamp_from_the_future_ends_no_count() -> None:
    stream = [event(n, at * SECOND, {"write"}, {"process.pid": 1}) for n, at in enumerate((1, 10**9, 2, 3, 4))]
    assert len(list(Engine([checked("write{>= 4 in 10s}")], raw=False).run(stream))) == 1


# -- equal values ----------------------------------------

VALUES = (1, 1.0, True, 0, False)


@pytest.mark.parametrize(
    "text",
    [
        "write{distinct labels.a >= 2 in 1m}",
        "write{>= 2 in 1m by labels.a}",
        "write as x ~> write where labels.a == x.labels.a within 1m",
        "write as x ~> write where labels.a != x.labels.a within 1m",
        "write as x ~> (write where labels.a == x.labels.a){>= 2 in 1m} within 1m",
        "write as x ~> write where x.labels.a == true within 1m",
        "write where new(labels.a among write in 1h)",
        "write ~> write within 1m per labels.a",
        "write ~> write as y once per y.labels.a within 1m",
        "write as x ~> !write where labels.a == x.labels.a ~> write within 1m",
        "write as x ~> write{2} until write where labels.a == x.labels.a within 1m",
    ],
)
def test_true_is_not_one_and_one_is_one_point_nought(text: str) -> None:
    analytic: Analytic = checked(text)
    for values in product(VALUES, repeat=3):
        stream = [event(n, n * SECOND, {"write"}, {"labels.a": value}) for n, value in enumerate(values)]
        expected = in_order(oracle.alerts(analytic.chains[0], stream, analytic.severity))
        assert found(analytic, worlds.again(stream)) == expected, values


def test_a_baseline_tells_true_from_one() -> None:
    analytic = checked("write where new(labels.a among write in 1h)")
    old, one, truth = (event(0, n * SECOND, {"write"}, {"labels.a": v}) for n, v in enumerate((True, 1, True)))
    learned = baseline.learn(Engine([analytic]), [old])
    assert learned is not None
    assert b"true" in baseline.encode(learned)
    alerts = []
    for made in (one, truth):
        engine = Engine([analytic], raw=False)
        learned.put(engine)
        alerts.append(len(list(engine.run([made]))))
    assert alerts == [1, 0]
