"""The state of a running engine as one value, taken and put back: an engine of the same chains goes on from there.

State lies with its owners; `holders` lists them all, with the attributes that change as events come. What is compiled
stays where it is. Called by `study.again`.
"""

import copy
from collections.abc import Iterator
from typing import Any

from .engine import Engine

State = list[dict[str, Any]]


def holders(engine: Engine) -> Iterator[tuple[object, tuple[str, ...]]]:
    """Everything in an engine that changes as events come, in an order that only the chains decide."""
    yield engine, ("lineage", "alerts", "now", "timer", "sweep")
    yield engine.files, ("short", "moved", "moves")
    yield engine.sources, ("on_hosts", "anywhere")
    yield engine.entities, ("hosts", "containers", "instances", "sessions", "logons")
    for _, history in sorted(engine.novelty.histories.items()):
        yield history, ("last", "begun")
    for running in engine.running:
        yield running, ("sweep", "forget", "open", "closing", "suppressed")
        yield running.identities, ("until", "later")
        matcher = running.matcher
        yield matcher, ("newest", "suppressed", "counts")
        yield matcher.store, ("groups", "indices")
        yield matcher.deadlines, ("queue", "count")
        for test in matcher.tests.values():
            yield test, ("excepted",)
        for watch in matcher.watches:
            yield watch, ("marks", "log", "sweep", "begun")
        for counter in matcher.counters:
            yield counter, ("ledgers", "sweep")
        for way in matcher.each_way():
            yield way, ("excepted", "excepted_at")


def take(engine: Engine) -> State:
    """A copy of the engine's state, sharing with it only what never changes."""
    lasting: list[object] = [step for automaton in engine.automata for step in automaton.steps]
    lasting += [state for automaton in engine.automata for state in automaton.states]
    lasting += [edge.step for automaton in engine.automata for state in automaton.states for edge in state.edges]
    lasting += [way.count for running in engine.running for way in running.matcher.each_way()]
    held = [{name: getattr(owner, name) for name in names} for owner, names in holders(engine)]
    return copy.deepcopy(held, {id(value): value for value in lasting})


def put(engine: Engine, state: State) -> None:
    """Lets an engine of the same chains go on from a state, which is its own from then on."""
    for (owner, names), values in zip(holders(engine), state, strict=True):
        for name in names:
            setattr(owner, name, values[name])
