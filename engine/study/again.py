"""The same test in other ways, which must all give the same alerts, byte for byte.

A test shows what one stream raises; run again it shows besides that nothing rests on accidents: on an engine that is
never stopped, on an empty world around the story, on the order of arrival, on what else is loaded. Called by `trial`,
for every test, unasked.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from random import Random

import msgspec
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic

from ..chains import load
from ..engine import Engine
from ..event import Event, Origin
from ..intake.order import Reorder
from ..report.alert import Alert, encode
from ..state import put, take
from .lines import numbered
from .noise import is_elsewhere, mixed

MOST_SNAPSHOTS = 40  # of a longer story, at places evenly spread over it
EVERYTHING = 1_000_000  # events of a step that an alert lists: all

Way = Callable[[Analytic, list[Event]], list[Alert]]


def straight(analytic: Analytic, events: list[Event]) -> list[Alert]:
    """The alerts of events in order, as a run gives them."""
    return list(new_engine(analytic).run(fresh(events)))


def differences(analytic: Analytic, events: list[Event], alerts: list[Alert]) -> Iterator[str]:
    """The ways in which the events give other alerts than these, each as a sentence."""
    expected = [encode(alert) for alert in alerts]
    for how, way in WAYS:
        came = [encode(alert) for alert in way(analytic, events)]
        if came != expected:
            yield f"{how} it raises {_other(expected, came)}"


def new_engine(*analytics: Analytic) -> Engine:
    return Engine(analytics, evidence=EVERYTHING, raw=False)


def fresh(events: list[Event]) -> list[Event]:
    """The same events anew, in this order: an engine marks those that it is fed."""
    return numbered([_copy(event) for event in events])


def _copy(event: Event) -> Event:
    made = Event(
        event.time,
        event.kinds,
        dict(event.fields),
        host=event.host,
        os=event.os,
        origin=event.origin,
        format=event.format,
        raw=event.raw,
        flags=event.flags,
    )
    made.also = event.also
    return made


# -- the ways ----------------------------------------


def _restored(analytic: Analytic, events: list[Event]) -> list[Alert]:
    """The engine is laid aside and taken up again between any two events."""
    engine = new_engine(analytic)
    alerts: list[Alert] = []
    every = max(1, len(events) // MOST_SNAPSHOTS)
    for number, event in enumerate(fresh(events)):
        if number % every == 0:
            state = take(engine)
            engine = new_engine(analytic)
            put(engine, state)
        alerts += engine.feed(event)
    return alerts


def _with_noise(analytic: Analytic, events: list[Event]) -> list[Alert]:
    found = straight(analytic, list(mixed(events, analytic.chains)))
    return [alert for alert in found if not is_elsewhere(alert.scope)]


def _shuffled(analytic: Analytic, events: list[Event]) -> list[Alert]:
    """The events arrive in another order, those of one moment in theirs; the lateness covers it."""
    if not events:
        return []
    waiting: dict[int, deque[Event]] = defaultdict(deque)
    for event in events:
        waiting[event.time].append(_copy(event))
    times = [event.time for event in events]
    Random(1).shuffle(times)
    reorder = Reorder([0], lateness=max(times) - min(times) + 1)
    ordered: list[Event] = []
    for at in times:
        event = waiting[at].popleft()
        origin = event.origin
        event.origin = Origin(origin.input, origin.line, origin.offset)  # one input, whose ties go by arrival
        reorder.add(event)
        ordered += reorder.release()
    reorder.end(0)
    ordered += reorder.release()
    return list(new_engine(analytic).run(numbered(ordered)))


def _beside_others(analytic: Analytic, events: list[Event]) -> list[Alert]:
    """All chains that come with the product are loaded too."""
    others = [other for other in shipped() if other.id != analytic.id]
    found = new_engine(*others, analytic).run(fresh(events))
    return [alert for alert in found if alert.analytic == analytic.id]


def _each_alone(analytic: Analytic, events: list[Event]) -> list[Alert]:
    """Every chain of the file has an engine of its own; the alerts are put together as one engine writes them."""
    if len(analytic.chains) == 1:
        return straight(analytic, events)
    found: list[tuple[int, str, int, Alert]] = []
    for chain in analytic.chains:
        engine = new_engine(msgspec.structs.replace(analytic, chains=(chain,)))
        for event in fresh(events):
            found += ((event.order, chain.name, n, alert) for n, alert in enumerate(engine.feed(event)))
    return [alert for *_, alert in sorted(found, key=lambda row: row[:3])]


WAYS: tuple[tuple[str, Way], ...] = (
    ("with a snapshot and restore between events", _restored),
    ("with unrelated events mixed in", _with_noise),
    ("with its events shuffled within the lateness", _shuffled),
    ("with other chains loaded beside", _beside_others),
    ("with each of its chains alone", _each_alone),
)


@cache
def shipped() -> tuple[Analytic, ...]:
    """The analytics that come with the product, those that run."""
    found: list[Analytic] = []
    for file in sorted(files("chainrun.analytics").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".chain"):
            try:
                found.append(load(str(file)))
            except ChainError:  # one's own test does not hang on it
                continue
    return tuple(found)


def _other(expected: list[bytes], came: list[bytes]) -> str:
    """What is other, in words: how many alerts, or which parts of the first that differs."""
    if len(expected) != len(came):
        return f"{len(came) or 'no'} alert{'' if len(came) == 1 else 's'}, not {len(expected)}"
    one, other = next((a, b) for a, b in zip(expected, came, strict=True) if a != b)
    before, after = msgspec.json.decode(one), msgspec.json.decode(other)
    parts = [f"`{name}`" for name in before if before[name] != after.get(name)]
    return f"an alert with other {', '.join(parts)}"
