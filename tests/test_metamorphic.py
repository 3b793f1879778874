"""What a change of the stream, or of the chain, must do to the alerts, whatever they are: relations over random worlds.

Unlike the oracle they know nothing of what a chain means, and so cannot share a misreading of it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from chainrun.dsl import model
from chainrun.dsl.model import Analytic
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.report.alert import encode
from msgspec.structs import replace

from . import oracle, worlds
from .test_oracle import found, in_order, pair
from .worlds import SECOND, World

SEEDS = 300
DAY = 86_400 * SECOND
STRANGERS = 1000  # the first line of events that are added to a stream


def pairs(*without: str) -> Iterator[World]:
    """Random worlds whose chains have none of these words."""
    for seed in range(1, SEEDS):
        text, analytic, events = pair(seed)
        if not any(word in text for word in without):
            yield text, analytic, events


def copy(event: Event, line: int, *, by: int = 0, host: str | None = None, pids: int = 0) -> Event:
    """The event in another line, at another time, on another host, of other processes."""
    fields = {n: v + pids if n in ("process.pid", "process.parent.pid") else v for n, v in event.fields.items()}
    return worlds.event(line, event.time + by, set(event.kinds), fields, host or event.host)


def fed(events: list[Event]) -> list[Event]:
    """New events for the engine, in the order of the list; each of its own line still."""
    again = [copy(e, e.origin.line) for e in events]
    for order, event in enumerate(again):
        event.order = order
    return again


def raised(analytic: Analytic, events: list[Event]) -> list[oracle.Found]:
    return found(analytic, fed(events))


def inserted(events: list[Event], others: list[Event], rng: Random) -> list[Event]:
    """Both: the others by their times, and anywhere among events of the same time."""
    both = list(events)
    for other in others:
        before = [i for i, e in enumerate(both) if e.time < other.time]
        until = [i for i, e in enumerate(both) if e.time <= other.time]
        both.insert(rng.randint(len(before), len(until)), other)
    return both


def test_the_beginning_of_a_stream_raises_the_first_alerts() -> None:
    for text, analytic, events in pairs():
        whole = raised(analytic, events)
        for cut in (len(events) // 3, len(events) // 2, len(events) - 1):
            now = events[cut - 1].time
            so_far = [f for f in whole if (f.at < now if f.order is None else f.order < cut)]
            assert raised(analytic, events[:cut]) == so_far, text


def test_events_that_no_step_takes_change_nothing() -> None:
    for text, analytic, events in pairs("event"):
        rng = Random(len(text))
        times = sorted(rng.choice(events).time for _ in range(6))
        others = [worlds.event(STRANGERS + i, at, {"detect"}, {"rule.name": "x"}) for i, at in enumerate(times)]
        assert raised(analytic, inserted(events, others, rng)) == raised(analytic, events), text


def test_events_of_another_host_change_nothing() -> None:
    for text, analytic, events in pairs("new(", "per "):
        rng = Random(len(text))
        elsewhere = worlds.stream(rng, 12, text)
        by = events[0].time - elsewhere[0].time
        others = [copy(e, STRANGERS + i, by=by, host="h9") for i, e in enumerate(elsewhere)]
        others = [e for e in others if e.time <= events[-1].time]
        ours = [f for f in raised(analytic, inserted(events, others, rng)) if max(f.witness.values()) < STRANGERS]
        assert ours == raised(analytic, events), text


def test_other_names_raise_the_same() -> None:
    names = {"u1": "ann", "u2": "bob", "s1": "one", "s2": "two", "/x": "/v", "/y": "/w"}
    for text, analytic, events in pairs():
        renamed = [copy(e, e.order, host=f"{e.host}.example", pids=50) for e in events]
        for event in renamed:
            for name, value in event.fields.items():
                many = isinstance(value, tuple)
                event.fields[name] = tuple(names.get(v, v) for v in value) if many else names.get(value, value)
        other = worlds.checked(re.sub(r"\b[us][12]\b|/[xy]\b", lambda m: names[m.group()], text))
        assert raised(other, renamed) == raised(analytic, events), text


def test_another_day_raises_the_same_on_that_day() -> None:
    for text, analytic, events in pairs("1970"):
        later = raised(analytic, [copy(e, e.order, by=DAY) for e in events])
        assert [(f.at - DAY, f.evidence, f.witness) for f in later] == [
            (f.at, f.evidence, f.witness) for f in raised(analytic, events)
        ], text


def test_two_streams_far_apart_raise_what_each_does() -> None:
    for text, analytic, events in pairs("1970"):
        # the last event of each is behind all its deadlines
        one = [*events, worlds.event(len(events), events[-1].time + DAY, {"detect"}, {})]
        other = [copy(e, STRANGERS + e.order, by=3 * DAY, pids=1000) for e in one]
        apart = raised(analytic, one) + raised(analytic, other)
        assert raised(analytic, one + other) == in_order(apart), text


def test_chains_that_run_together_raise_what_each_does() -> None:
    for (_, one, events), (text, other, _) in pairwise(pairs()):
        apart = printed([one], events) + printed([other], events)
        assert printed([one, other], events) == sorted(apart), text


def printed(analytics: list[Analytic], events: list[Event]) -> list[bytes]:
    return sorted(encode(alert) for alert in Engine(analytics).run(fed(events)))


def test_an_event_that_no_alert_rests_on_can_go() -> None:
    for text, analytic, events in pairs("!", "prior", "until", "new(", "share"):
        alerts = raised(analytic, events)
        needed = {line for f in alerts for lines in f.evidence.values() for line in lines}
        left = [e for e in events if e.order in needed or "spawn" in e.kinds]
        assert raised(analytic, left) == alerts, text


def test_a_longer_window_does_not_silence_a_chain() -> None:
    for text, analytic, events in pairs("!", "until", "open"):
        if raised(analytic, events):
            wider = worlds.checked(re.sub(r"within (\d+)s", lambda m: f"within {int(m.group(1)) * 3}s", text))
            assert raised(wider, events), text


def test_a_chain_without_its_absences_is_not_silent_where_it_spoke() -> None:
    for text, analytic, events in pairs("1970"):
        if raised(analytic, events):
            assert raised(without_absences(analytic), events), text


def without_absences(analytic: Analytic) -> Analytic:
    (chain,) = analytic.chains
    first, *rest = [p for p in chain.positions if not isinstance(p.element, model.Absent)]
    positions = (replace(first, hop=None), *rest)
    return replace(analytic, chains=(replace(chain, positions=positions),))
