"""Other chains in the middle of a stream: `Engine.load` again. What says the same goes on where it was."""

from random import Random

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.report.alert import encode

from . import worlds
from .test_unproven import HOUR, SEES, fresh
from .test_unproven import event as seen
from .worlds import checked

CHAIN = "spawn({ word }) -> egress within 1h"


def other(text: str) -> Analytic:
    """An analytic of another name."""
    source = Source("other.chain", text)
    return check(parse(source), source)[0]


def ids(engine: Engine, events: list[Event]) -> list[str]:
    return [alert.analytic for event in events for alert in engine.feed(event)]


def story() -> tuple[list[Event], list[Event]]:
    """Word is started and starts a shell; then that connects."""
    spawned = [(2, 1, "word"), (3, 2, "sh")]
    events = [
        worlds.event(n, n, {"spawn"}, {"process.pid": pid, "process.parent.pid": parent, "process.name": name})
        for n, (pid, parent, name) in enumerate(spawned)
    ]
    return events, [worlds.event(2, 2, {"connect", "egress"}, {"process.pid": 3, "destination.ip": "192.0.2.1"})]


@pytest.mark.parametrize("updates", [False, True])
def test_the_same_chains_loaded_before_any_event_change_nothing(updates: bool) -> None:
    for seed in range(1, 150):
        text, analytic, events = worlds.world(Random(seed))
        expected = list(map(encode, Engine([analytic], updates=updates).run(worlds.again(events))))
        engine = Engine([analytic], updates=updates)
        found = []
        for event in worlds.again(events):
            assert engine.load([checked(text)]) == ()
            found += map(encode, engine.feed(event))
        found += map(encode, engine.end())
        assert found == expected, f"seed {seed}\n{text}"


def test_whatever_is_loaded_and_unloaded_beside_a_chain_it_raises_the_same() -> None:
    for seed in range(1, 150):
        text, analytic, events = worlds.world(Random(seed))
        expected = list(map(encode, Engine([analytic]).run(worlds.again(events))))
        beside = [other(worlds.world(Random(seed + n))[0]) for n in (1000, 2000)]
        engine = Engine([analytic])
        found = []
        for n, event in enumerate(worlds.again(events)):
            assert len(engine.load([analytic, beside[n // 2 % 2]] if n % 3 else [analytic])) <= 1
            found += [encode(alert) for alert in engine.feed(event) if alert.analytic == "random"]
        found += [encode(alert) for alert in engine.end() if alert.analytic == "random"]
        assert found == expected, f"seed {seed}\n{text}"


def test_a_comment_a_title_and_a_severity_leave_a_half_finished_match_alone() -> None:
    before, after = story()
    engine = Engine([checked(CHAIN)])
    ids(engine, before)
    changed = checked(f"# why\n{CHAIN}\n")
    assert engine.load([changed]) == ()
    severe = checked(f"analytic random {{\n  severity: critical\n}}\n{CHAIN}\n")
    assert engine.load([severe]) == ()
    ((alert,),) = [engine.feed(event) for event in after]
    assert alert.severity == "critical"


def test_a_changed_chain_begins_anew_and_knows_who_started_whom() -> None:
    before, after = story()
    engine = Engine([checked(CHAIN)])
    ids(engine, before)
    (begun,) = engine.load([checked(CHAIN.replace("1h", "2h"))])
    assert begun.automaton.chain.name == "main"
    assert ids(engine, after) == []
    before, after = story()
    engine = Engine([checked(CHAIN)])
    ids(engine, before)
    engine.load([checked("egress within 1h"), other(CHAIN)])
    (alert,) = [alert for event in after for alert in engine.feed(event)]
    assert [process["name"] for process in alert.lineage[-2:]] == ["word", "sh"]


PRIOR = "connect without prior write in 1h"
NEW = "connect where new(process.pid among connect in 1h)"


@pytest.mark.parametrize("chain", [PRIOR, NEW])
def test_what_a_new_chain_looks_back_at_is_unknown_before_it_was_loaded(chain: str) -> None:
    """A source that was there all the time proves nothing of what nobody took note of."""
    kinds = "write" if chain is PRIOR else "connect"
    stream = fresh([seen(0, "read"), seen(1.9 * HOUR, kinds), seen(2 * HOUR, "connect"), seen(4 * HOUR, "connect")])
    straight = Engine([checked(chain)], sees=SEES)
    ids(straight, stream[:2])
    assert ids(straight, stream[2:3]) == []
    assert ids(straight, stream[3:]) == ["random"]
    engine = Engine([checked(CHAIN)], sees=SEES)
    stream = fresh(stream)
    ids(engine, stream[:2])
    engine.load([checked(chain)])
    assert ids(engine, stream[2:3]) == []
    assert ids(engine, stream[3:]) == ["random"]
    allowed = Engine([checked(CHAIN)], sees=SEES, allow_unproven=True)
    stream = fresh(stream)
    ids(allowed, stream[:2])
    allowed.load([checked(chain)])
    assert ids(allowed, stream[2:3]) == ["random"]


def test_reloads_without_end_leave_nothing_behind() -> None:
    engine = Engine([checked(NEW)])
    texts = [
        f"connect where new(process.pid among connect in 1h) and process.pid > {n % 2} within 1h" for n in range(50)
    ]
    for text in texts:
        engine.load([checked(text), other(PRIOR)])
    assert len(engine.novelty._tests) == 1
    assert len(engine._tests._tests) == 2
