"""What a partial match takes: nothing but its node, its key and its place in a table, while it is one event."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.match.groups import Group, Interval, Node

from .test_oracle import checked
from .worlds import SECOND, event

MANY = 2_000
CHAIN = "open({ word }) as app -> write by app -> spawn({ sh }) by app -> egress within 1h"


def opened(engine: Engine, count: int) -> list[Event]:
    """As many apps as that, which the engine knows, and what opens them: an event that it has not seen as a step."""
    opens = []
    for pid in range(count):
        one = event(pid, pid, {"open"}, {"process.pid": pid + 10, "process.name": "word"})
        engine.meet(one)
        opens.append(one)
    return opens


def feed(engine: Engine, opens: list[Event]) -> None:
    (running,) = engine.running
    for one in opens:
        for _, readings in engine.dispatch.concerned(one).items():
            list(running.feed(one, readings))


@pytest.fixture
def traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_a_group_of_one_event_takes_no_more_than_200_bytes() -> None:
    engine = Engine([checked(CHAIN)], raw=False)
    opens = opened(engine, MANY)
    feed(engine, opens[:100])  # what is made once
    before, _ = tracemalloc.get_traced_memory()
    feed(engine, opens[100:])
    after, _ = tracemalloc.get_traced_memory()
    assert engine.running[0].matcher.open_groups == MANY
    assert (after - before) / (MANY - 100) <= 200


def test_the_garbage_collector_looks_at_no_node() -> None:
    engine = Engine([checked(CHAIN)], raw=False)
    feed(engine, opened(engine, 10))
    groups = engine.running[0].matcher.store.groups[0]
    nodes = [held for each in groups.values() for held in each.values()]
    assert len(nodes) == 10 and all(isinstance(node, Node) for node in nodes)
    assert not any(gc.is_tracked(node) for node in nodes)


@pytest.mark.parametrize("last", ["read", "!egress"])
def test_what_is_over_is_freed(last: str) -> None:
    """In an endless repetition nodes and the group that holds them refer to each other, and no collector finds that."""
    engine = Engine([checked(f"write -> delete{{2,}} -> {last} until exit within 5m")], raw=False)
    loops = [s.number for s in engine.automata[0].states for edge in s.edges if edge.source == s.number]
    gc.collect()
    before = sum(isinstance(one, Group) for one in gc.get_objects())
    for n in range(200):
        kind = "delete" if n % 5 else "write"
        engine.feed(event(n, n * SECOND, {kind}, {"process.pid": 1, "file.path": "/x"}))
    assert loops and all(engine.running[0].matcher.store.groups[number] for number in loops)
    for n in range(200, 203):
        engine.feed(event(n, n * 600 * SECOND, {"rename"}, {"process.pid": 2, "file.path": "/y"}))
    gc.collect()
    assert engine.running[0].matcher.open_groups == 0
    assert sum(isinstance(one, Group) for one in gc.get_objects()) == before


def test_a_group_of_one_node_is_followed_as_a_group_is() -> None:
    """Whatever is asked of an interval, a node alone has the answer of a group that has this node."""
    step = Engine([checked("write")]).automata[0].steps[0]
    for at in range(5):
        for most in (None, 0, 1, 2):
            for least in (None, 0, 1, 2):
                for after in (None, 0, 1, 2):
                    node = Node(event(1, 2, {"write"}, {}), step, None, 2)
                    group = Group(0)
                    group.append(node)
                    alone, among = node.interval(at, least, most, 0, after), group.interval(at, least, most, 0, after)
                    assert (alone is None) == (among is None), (at, least, most, after)
                    if alone is not None and among is not None:
                        assert isinstance(alone[0], Interval) and alone[0].only is alone[1] is among[1] is node
