"""A test's events with others mixed in that must change nothing: of nobody on its hosts, and its own story elsewhere.

    open  write  spawn          open · open' write · write' spawn · spawn'

The story of another host has the same processes, pids and files, all at the same times. Called by `again`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from chainrun.dsl.model import Chain, New, Part, Value, steps

from ..event import Event, Origin
from .lines import TESTED

ELSEWHERE = "elsewhere"
_HOSTS = frozenset({"host", "host.id", "host.name"})


def mixed(events: list[Event], chains: tuple[Chain, ...]) -> Iterator[Event]:
    """The events, each between others that no chain of these may heed."""
    listens = any(part.base == "event" for chain in chains for part in _parts(chain))  # anything is an `event`
    apart = all(not _HOSTS.isdisjoint(chain.scope) for chain in chains) and not any(_holds(c, New) for c in chains)
    # whose an address is, is asked of all hosts
    apart = apart and not any(link.word == "from" for chain in chains for part in _parts(chain) for link in part.links)
    for number, event in enumerate(events, 1):
        if not listens:
            yield _inert(event.time, event.host, number)
        yield event
        if apart:
            yield _elsewhere(event)
        elif not listens:
            yield _inert(event.time, ELSEWHERE, number)


def is_elsewhere(scope: dict[str, Any]) -> bool:
    """Whether an alert's scope is of the other story."""
    return any(isinstance(value, str) and value.startswith(ELSEWHERE) for value in scope.values())


def _inert(at: int, host: str, number: int) -> Event:
    return Event(at, frozenset(), {}, host=host, origin=Origin("noise", number, 0), format=TESTED)


def _elsewhere(event: Event) -> Event:
    host = f"{ELSEWHERE}-{event.host}"
    fields = {name: value for name, value in event.fields.items() if name not in _HOSTS}
    return Event(
        event.time,
        event.kinds,
        {**fields, "host.name": host, "host.id": host},
        host=host,
        os=event.os,
        origin=Origin("noise", event.origin.line, 0),
        format=event.format,
        raw=event.raw,
    )


def _parts(chain: Chain) -> Iterator[Part]:
    for position in chain.positions:
        for step in steps(position.element):
            yield from step.parts
    if chain.until is not None:
        yield from chain.until.parts


def _holds(value: object, type_: type[Value]) -> bool:
    """Whether a part of the model holds a node of some type."""
    if isinstance(value, type_):
        return True
    if isinstance(value, tuple):
        return any(_holds(v, type_) for v in value)
    if isinstance(value, msgspec.Struct):
        return any(_holds(getattr(value, name), type_) for name in value.__struct_fields__)
    return False
