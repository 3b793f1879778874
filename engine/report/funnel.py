"""How far each chain got, step by step: how many events satisfied a step alone, and how many of them also followed on
what the chain asks before it. The step at which the second number falls to nothing is the one to look at.

Read off a finished engine; shown by `summary`.
"""

import msgspec

from ..engine import Engine


class StepCount(msgspec.Struct, frozen=True):
    """One step: `alone` events satisfied it by themselves, `followed` of them continued a match."""

    number: int
    title: str
    optional: bool
    alone: int
    followed: int


class Funnel(msgspec.Struct, frozen=True):
    """One chain. `later` counts completions that belonged to an alert already raised, `excepted` suppressed matches by
    reason, `open` the partial matches still waited on at the end."""

    analytic: str
    chain: str
    alerts: int
    later: int
    excepted: tuple[tuple[str, int], ...]
    open: int
    steps: tuple[StepCount, ...]


def funnels(engine: Engine, alerts: dict[tuple[str, str], int]) -> tuple[Funnel, ...]:
    """The funnel of every chain, in the order loaded. `alerts`: how many each (analytic, chain) raised."""
    found = []
    for running in engine.running:
        automaton, matcher = running.automaton, running.matcher
        name = automaton.chain.name
        found.append(
            Funnel(
                analytic=automaton.analytic,
                chain=name,
                alerts=alerts.get((automaton.analytic, name), 0),
                later=running.identities.later,
                excepted=tuple(sorted(matcher.excepted.items())),
                open=matcher.open_groups,
                steps=tuple(
                    StepCount(
                        step.number,
                        step.title or step.kind,
                        step.number in automaton.optional,
                        matcher.counts[step.number].satisfied,
                        matcher.counts[step.number].linked,
                    )
                    for step in automaton.steps
                ),
            )
        )
    return tuple(found)
