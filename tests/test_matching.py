"""Matching where a script cannot say it: odd values, deep nests, what is refused."""

import msgspec
import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event

from .test_oracle import checked
from .worlds import SECOND, event


def test_an_exception_on_an_optional_capture_knows_nothing_without_it() -> None:
    chain = 'chain m: open({ word }) -> (write as w)? -> egress within 1m\nexcept "known" when w.user.name == "ann"'
    word = {"process.pid": 1, "process.name": "word"}
    opened, egress = event(0, 0, {"open"}, word), event(2, 2, {"connect", "egress"}, word)
    wrote = event(1, 1, {"write"}, word | {"file.path": "/x", "user.name": "ann"})
    assert len(list(Engine([checked(chain)]).run([opened, egress]))) == 1
    engine = Engine([checked(chain)])
    assert len(list(engine.run([opened, wrote, egress]))) == 1  # the match without the write stands
    assert engine.running[0].matcher.excepted == {"known": 1}


def test_a_captured_object_of_the_record_is_equal_to_nothing() -> None:
    engine = Engine([checked('write as w ~> egress where w.raw."user" == raw."user" within 1m')])
    wrote = event(0, 0, {"write"}, {"process.pid": 1, "file.path": "/x"})
    egress = event(1, 1, {"connect", "egress"}, {"process.pid": 1})
    for made in (wrote, egress):
        made.raw = msgspec.json.encode({"user": {"name": "ann"}, "order": made.order})
    assert not list(engine.run([wrote, egress]))


def test_what_an_alternative_captures_is_decoded() -> None:
    (automaton,) = Engine(
        [checked("(write | delete) as x ~> write where user.name == x.file.hash.sha256 within 1m")]
    ).automata
    assert "file.hash.sha256" in automaton.fields


def test_the_scope_is_decoded() -> None:
    (automaton,) = Engine([checked("open -> write within 1m per user")]).automata
    assert "user.name" in automaton.fields


def test_the_identity_of_a_group_is_that_of_the_alternative_that_matched() -> None:
    chain = "open({ a }) as o ~> (egress & (spawn({ b }) by o | exec({ /y }))) within 1h"
    stream = [
        event(0, 0, {"open"}, {"process.pid": 1, "process.name": "a"}),
        event(1, 1, {"connect", "egress"}, {"process.pid": 1, "process.name": "a"}),
        event(2, 2, {"spawn", "exec"}, spawned(10, "b", 1)),
        event(3, 3, {"spawn", "exec"}, spawned(11, "c", 5) | {"exec.path": ("/y",)}),
    ]
    assert len(list(Engine([checked(chain)]).run(stream))) == 2


def spawned(pid: int, name: str, parent: int) -> dict[str, object]:
    return {"process.pid": pid, "process.name": name, "process.parent.pid": parent, "exec.path": ()}


def test_a_nest_of_processes_costs_no_square() -> None:
    """A thousand generations, each of which the chain starts with: one alert, of the outermost."""
    engine = Engine([checked("spawn -> egress within 1h")], evidence=5)
    depth = 1000
    stream = [event(n, n, {"spawn", "exec"}, spawned(n + 2, f"p{n}", n + 1)) for n in range(depth)]
    stream += [
        event(depth + n, depth + n, {"connect", "egress"}, {"process.pid": depth + 1, "destination.ip": "192.0.2.1"})
        for n in range(50)
    ]
    (alert,) = engine.run(stream)
    assert alert.steps[0].witness and alert.steps[0].witness.line == 0
    assert engine.running[0].identities.later == 49 * depth


def test_ended_processes_are_forgotten_after_the_longest_window() -> None:
    engine = Engine([checked("spawn({ never }) -> egress within 1s")])
    for n in range(0, 2000, 2):
        engine.feed(event(n, n * SECOND, {"spawn", "exec"}, spawned(n + 10, "x", 1)))
        engine.feed(event(n + 1, n * SECOND + 1, {"exit"}, {"process.pid": n + 10}))
    assert len(engine.lineage.hosts["h1"].by_pid) < 20


# -- whose clock it is ----------------------------------------


def stream(*told: tuple[float, str, dict[str, object]], host: str = "h1") -> list[Event]:
    """Events of one process, in the order in which they come; `host` is that of those that name none."""
    made = []
    for order, (at, kinds, fields) in enumerate(told):
        known = {"process.pid": 1, "process.name": "word", **fields}
        made.append(event(order, int(at * SECOND), set(kinds.split()), known, host=str(known.pop("host", host))))
    return made


@pytest.mark.parametrize(
    ("chain", "between"),
    [
        ("read -> !write -> egress within 5m", "write"),
        ("read ->[5m] !write within 5m", "write"),
        ("read -> egress within 5m until exit", "exit"),
        ("egress as e without prior write in 1h", "write"),
        ("!write ~> egress within 1h", "write"),
    ],
)
def test_no_host_is_late_for_what_the_clock_of_another_says(chain: str, between: str) -> None:
    """What must not happen did, behind the time of another host: it is in order on its own."""
    story = (0, "read", {}), (200, between, {"host": "h2"}), (2, between, {}), (3, "connect egress", {})
    assert not list(Engine([checked(chain)]).run(stream(*story, (900, "event", {}))))


def test_late_on_its_own_host_it_proves_nothing() -> None:
    """The write may have been before the read: only what comes in order counts as having happened."""
    engine = Engine([checked("read -> !write -> egress within 5m")])
    story = (0, "read", {}), (4, "write", {"process.pid": 2}), (2, "write", {}), (5, "connect egress", {})
    assert len(list(engine.run(stream(*story)))) == 1


# -- how long an alert is open, and how long a chain remembers ----------------------------------------


def test_once_per_does_not_shorten_lineage() -> None:
    """A connection that is recorded a minute after its process has ended."""
    started = event(0, 0, {"spawn", "exec"}, spawned(7, "word", 5) | {"process.entity_id": "A"})
    ended = event(1, 5 * SECOND, {"exit"}, {"process.pid": 7, "process.entity_id": "A"})
    others = [event(n, n * SECOND, {"event"}, {"process.pid": 9}) for n in range(6, 66)]
    last = event(70, 70 * SECOND, {"connect", "egress"}, {"process.pid": 7, "process.entity_id": "A"})
    for once in ("", " once per host in 1h", " once per host in 10s"):
        engine = Engine([checked("spawn({ word }) -> egress within 1h" + once)])
        assert len(list(engine.run([started, ended, *others, last]))) == 1, once


def test_once_per_does_not_shorten_the_evidence() -> None:
    story = (0, "write", {}), (30, "write", {}), (60, "connect egress", {})
    for once in ("", " once per host in 10s"):
        (alert,) = Engine([checked("write -> egress within 1h" + once)]).run(stream(*story))
        assert alert.steps[0].count == 2, once


def test_once_per_does_not_lengthen_what_is_remembered() -> None:
    for once in ("", " once per host in 30d"):
        engine = Engine([checked("spawn({ word }) -> write within 1m" + once)])
        for n in range(1000):
            engine.feed(event(n, n * SECOND, {"spawn", "exec"}, spawned(10 + n, "word", 5)))
        assert engine.running[0].matcher.open_groups < 100, once


def test_an_event_that_comes_late_follows_nothing_that_is_forgotten() -> None:
    one = {"process.pid": 1, "file.path": "/x"}
    times = [
        (0, "write"),
        (7, "write"),
        (7.5, "read"),
        (7.6, "delete"),
        (7.65, "egress"),
        (10, "event"),
        (11.5, "event"),
    ]
    times += [(7.7, "delete"), (12.5, "event"), (20, "event")]
    stream = [event(n, int(at * SECOND), {kind}, one) for n, (at, kind) in enumerate(times)]
    (alert,) = Engine([checked("write -> read -> delete -> !egress within 8s")]).run(stream)
    assert [step.witness.line for step in alert.steps if step.witness] == [1, 2, 7]


def test_of_deadlines_that_pass_at_once_each_adds_to_the_alert_of_its_time() -> None:
    one = {"process.pid": 1, "file.path": "/x"}
    times = [(0, "write"), (1, "write"), (4, "write"), (5, "read"), (60, "event")]
    stream = [event(n, at * SECOND, {kind}, one) for n, (at, kind) in enumerate(times)]
    engine = Engine([checked("write -> read -> !egress within 10s once per host in 2s")], updates=True)
    alerts = list(engine.run(stream))
    assert [(a.revision, [e.line for e in a.steps[0].evidence or ()]) for a in alerts] == [
        (0, [0]),
        (1, [0, 1]),
        (0, [2]),
    ]
