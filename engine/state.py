"""The state of a running engine as one value, taken and put back: an engine of the same chains goes on from there.

State lies with its owners; `holders` lists them all, with the attributes that change as events come. What is compiled
stays where it is. Called by `study.again` and, for a run, by `restart`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from .checkpoint.flat import dump, load
from .engine import Engine
from .match.groups import INTERIOR, PLAIN

Holder = tuple[object, tuple[str, ...]]  # whoever owns state, and the attributes that are


def holders(engine: Engine) -> Iterator[Holder]:
    """Everything in an engine that changes as events come, in an order that only the chains decide."""
    yield engine, ("lineage", "alerts", "now", "timer", "sweep")
    if engine.budget is not None:
        yield engine.budget, ("size", "lost")
        yield engine.pressure, ("given_up", "forgotten", "told")
    yield engine.files, ("short", "moved", "moves")
    yield engine.sources, ("on_hosts", "anywhere")
    yield engine.entities, ("containers", "instances", "sessions", "logons")
    yield engine.entities.hosts, ("tenures",)
    yield engine.novelty, ("learnt",)
    for running in engine.running:
        yield running, ("sweep", "forget", "open", "closing", "suppressed", "at_once")
        yield running.identities, ("until", "later")
        matcher = running.matcher
        yield matcher, ("newest", "suppressed")
        yield matcher.progress, ("steps",)
        yield matcher.store, ("groups", "indices", "created", "expired", "evicted")
        yield matcher.deadlines, ("queue", "count", "begun", "completed", "killed", "evicted")
        for test in matcher.tests.values():
            yield test, ("excepted", "unknown")
        for watch in matcher.watches:
            yield watch, ("marks", "log", "sweep", "begun")
        for counter in matcher.counters:
            yield counter, ("ledgers", "sweep")
        for way in matcher.each_way():
            yield way, ("excepted", "excepted_at")


def lasting(engine: Engine) -> list[object]:
    """What state refers to and every engine of the same chains has of its own, in the same order."""
    found: list[object] = [PLAIN, INTERIOR]
    for running in engine.running:
        automaton = running.automaton
        found += [*automaton.steps, *automaton.states, *automaton.chain.exceptions]
        found += [thing for state in automaton.states for edge in state.edges for thing in (edge.step, edge.count)]
        found += [way.count for way in running.matcher.each_way()]
    return [thing for thing in found if thing is not None]


def take(engine: Engine, others: Iterable[Holder] = ()) -> bytes:
    """The engine's state, and that of other holders that share things with it."""
    held = [{name: getattr(owner, name) for name in names} for owner, names in (*holders(engine), *others)]
    return dump(held, lasting(engine))


def put(engine: Engine, state: bytes, others: Iterable[Holder] = ()) -> None:
    """Lets an engine of the same chains, and others, go on from a state."""
    held: list[dict[str, Any]] = load(state, lasting(engine))
    for (owner, names), values in zip((*holders(engine), *others), held, strict=True):
        for name in names:
            setattr(owner, name, values[name])
