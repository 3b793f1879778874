"""What of a stream can matter to loaded chains: the demand that intake sieves by.

A matcher is fed whatever comes, and takes what it can use; here is said beforehand what that can be. It may only be too
much. Called by `engine`.
"""

from collections.abc import Iterator, Sequence

from chainrun.dsl.types import ValueType

from ..intake.decode import MADE
from ..intake.demand import Demand, IsOfApp
from .entities import NEEDS
from .kleene import every_of
from .matcher import Matcher
from .needs import reads, step_requires
from .novelty import Novelty
from .readings import StepTest
from .wanted import asked
from .words import compile_pattern

# What lineage and the names of addresses must see of every host, whatever the chains ask for.
LIVES = frozenset({"spawn", "fork", "exit", "resolve"})

# Where a step of an `open` says which app: who is opened, or who acts, which of an app that is open is the same.
_WHO = frozenset({"process", "<actor>"})

_OPEN = frozenset({"open"})


def demand(matchers: Sequence[Matcher], novelty: Novelty) -> Demand:
    """What these matchers, and the questions for what is new, can use."""
    every = [test for m in matchers for test in (*m.tests.values(), *(watch.test for watch in m.watches))]
    apps = [_app(test) for test in every if test.kinds == _OPEN]
    fields = {step_requires(test.step) for m in matchers for test in m.tests.values() if not test.kinds}
    if (
        None in apps
        or not all(some - MADE for some in fields)  # anything may be it
        or not all(watch.test.kinds for m in matchers for watch in m.watches)
        or "event" in novelty.kinds
        or any(m.deadlines.watches for m in matchers)  # that a deadline has passed, any event tells
    ):
        return Demand()
    learnt = (NEEDS.get(entity, frozenset()) for entity in asked(m.automaton for m in matchers) if entity is not None)
    kinds = {frozenset({kind}) for kind in LIVES.union(novelty.kinds, *learnt)}
    # what is of all other kinds of a step can be an app that is open besides
    kinds.update(test.kinds - _OPEN or _OPEN for test in every if test.kinds)
    # whether a source was there, to show that something did not happen, any of its records tells
    proofs = [watch.test.kinds for m in matchers for watch in m.watches if not watch.certain]
    proofs += [frozenset({kind}) for kind in sorted(novelty.kinds)]
    return Demand(
        kinds=frozenset(kinds),
        fields=frozenset(some - MADE for some in fields),
        apps=tuple(app for app in apps if app is not None),
        proofs=tuple(dict.fromkeys(proofs)),
    )


def _app(test: StepTest) -> IsOfApp | None:
    """What a step says of the app that is open; None where any is."""
    tests = tuple(_programs(test))
    return every_of(tests) if tests else None


def _programs(test: StepTest) -> Iterator[IsOfApp]:
    for part in test.step.parts:
        for argument in part.arguments:
            target = argument.target
            if target.type is ValueType.PROGRAM and target.field in _WHO and not reads(argument.pattern):
                yield compile_pattern(argument.pattern, target, actor=part.kind.actor)
