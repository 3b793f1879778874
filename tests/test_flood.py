"""A flood cuts the log of a group, never a detection: its evidence is then a lower bound, and says so."""

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.match import groups, starts

from . import oracle, worlds
from .test_oracle import checked, in_order, pair
from .worlds import event

SECOND = worlds.SECOND


@pytest.mark.parametrize("limit", [2, 5])
def test_with_cut_logs_the_same_alerts_at_the_same_events(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(groups, "LOG_LIMIT", limit)
    for seed in range(1, 400):
        text, analytic, events = pair(seed)
        expected = in_order(oracle.alerts(analytic.chains[0], events))
        alerts = list(Engine([analytic], evidence=1_000_000, raw=False).run(worlds.again(events)))
        found = sorted([s.witness.line for s in a.steps if s.matched and s.witness] for a in alerts)
        assert found == sorted(list(f.witness.values()) for f in expected), f"seed {seed}\n{text}"


def test_a_pile_of_writes_is_counted_as_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "LOG_LIMIT", 100)
    analytic = checked("open({ word }) -> write -> egress within 1h")
    engine = Engine([analytic], raw=False)
    stream = [event(0, 0, {"open"}, {"process.pid": 1, "process.name": "word"})]
    stream += [event(n, n, {"write"}, {"process.pid": 1, "file.path": f"/{n}"}) for n in range(1, 1001)]
    stream += [event(1001, 1001, {"connect", "egress"}, {"process.pid": 1, "destination.ip": "192.0.2.1"})]
    (alert,) = engine.run(stream)
    write = alert.steps[1]
    assert write.witness and write.witness.line == 1000
    assert not isinstance(write.count, int)
    assert isinstance(write.count_at_least, int) and 50 <= write.count_at_least <= 1000


def test_after_its_window_a_chain_remembers_nothing() -> None:
    for seed in range(1, 200):
        _, analytic, events = pair(seed)
        engine = Engine([analytic], raw=False)
        list(engine.run(worlds.again(events)))
        running, matcher = engine.running[0], engine.running[0].matcher
        late = events[-1].time + 24 * 3600 * SECOND
        list(matcher.due(late))
        matcher.expire(late)
        running.identities.expire(late)
        assert matcher.open_groups == 0 or analytic.chains[0].within is None
        assert not any(watch.marks or watch.log for watch in matcher.watches)
        assert not any(counter.ledgers for counter in matcher.counters)
        assert not running.identities.until


def test_one_stamp_from_the_future_expires_nobody() -> None:
    engine = Engine([checked("open({ word }) -> write within 5m")], raw=False)
    stream = [
        event(0, 0, {"open"}, {"process.pid": 1, "process.name": "word"}),
        event(1, 10**15, {"open"}, {"process.pid": 9, "process.name": "word"}, host="h2"),
        event(2, SECOND, {"write"}, {"process.pid": 1, "file.path": "/x"}),
    ]
    assert len(list(engine.run(stream))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "write -> read -> !egress within 1h",
        "write ->[50m] read{3} -> !egress within 1h",
        "write ->[50m] read{3} -> egress within 1h",
        "write -> ( ->[50m] read & ->[40m] delete ) -> egress within 1h",
    ],
)
def test_however_many_ways_a_match_can_have_begun_it_is_one_partial_match(text: str) -> None:
    one = {"process.pid": 1, "file.path": "/x"}
    kinds = ["write"] * 300 + ["read"] * 300 + ["delete"]
    engine = Engine([checked(text)], raw=False)
    for n, kind in enumerate(kinds):
        assert not engine.feed(event(n, n, {kind}, one))
    matcher = engine.running[0].matcher
    assert len(matcher.store) < 20
    # of the many that end in one event, one waits for its deadline at a time
    assert len(matcher.deadlines) <= 600


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("(write & read) -> delete -> !egress within 1h", ["write", "read"] * 500 + ["delete"] * 500),
        ("mount -> (write & read) -> delete -> !egress within 1h", ["mount", "write", "read"] * 400 + ["delete"] * 500),
        ("write{2,} -> !egress within 1h until exit", ["write"] * 1000),
    ],
)
def test_what_waits_for_a_deadline_looks_at_no_event_twice(
    monkeypatch: pytest.MonkeyPatch, text: str, kinds: list[str]
) -> None:
    """Groups whose starts stand in no order: one look at a node that was not looked at before, not at all of them."""
    asked = 0

    def counted(node: groups.Node, horizon: int) -> int:
        nonlocal asked
        asked += 1
        return earliest(node, horizon)

    earliest = starts.earliest
    monkeypatch.setattr(starts, "earliest", counted)
    engine = Engine([checked(text)], raw=False)
    for n, kind in enumerate(kinds):
        assert not engine.feed(event(n, n, {kind}, {"process.pid": 1, "file.path": "/x"}))
    assert asked < 10 * len(kinds)
    assert len(engine.feed(event(len(kinds), 7200 * SECOND, {"event"}, {}))) == 1
