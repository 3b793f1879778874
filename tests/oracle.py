"""The slow, obvious matcher: enumerates every assignment of events to steps, straight from the language's definitions.

Shares nothing with the engine but the model and the event. It knows a small world (exact words, no paths to normalise),
which `tests/worlds.py` generates. What it says of a stream is the truth that the engine is compared with.

What holds of one event is in `oracle_conditions`, what an event is to a step in `oracle_steps`, all assignments in
`oracle_matches`; here, which of them complete, when, and what they are reported as.
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from chainrun.dsl import model
from chainrun.dsl.model import Chain
from chainrun.engine.event import Event

from .oracle_conditions import Proc, captured, told
from .oracle_matches import Matches, Partial, Trace

HOUR = 3_600_000_000
LEVELS = ("informational", "low", "medium", "high", "critical")


@dataclass(frozen=True)
class Found:
    """An alert as the oracle sees it. `at`: the time of the event that completes it, or the deadline, which has no
    `order`; evidence and witness are orders of events by step number."""

    at: int
    order: int | None
    evidence: dict[int, tuple[int, ...]]
    witness: dict[int, int]
    severity: str = "medium"
    unlinked: bool = False


def alerts(chain: Chain, events: list[Event], severity: str = "medium") -> list[Found]:
    """Every alert of a stream, in order. `severity`: the analytic's own."""
    return Oracle(chain, events).run(severity)


@dataclass(frozen=True)
class Completed:
    at: int
    order: int | None
    partial: Partial
    trace: Trace


class Oracle:
    def __init__(self, chain: Chain, events: list[Event]) -> None:
        self.chain = chain
        self.matches = Matches(chain, events)
        self.steps = self.matches.steps
        self.now = max((e.time for e in events), default=0)

    def completed(self) -> Iterator[Completed]:
        for partial, trace in self.matches.all().items():
            assert partial.last is not None
            at, order = partial.last.event.time, partial.last.event.order
            if not partial.waiting:
                done = Completed(at, order, partial, trace)
            elif (deadline := self.deadline(partial)) is not None:
                done = Completed(deadline, None, partial, trace)
            else:
                continue
            if not any(
                self.steps.truth(e.when, partial.last, partial.bound) is True
                for e in self.chain.exceptions
                if e.until is None or done.at <= e.until
            ):
                yield done

    def deadline(self, partial: Partial) -> int | None:
        """When the absences at the end are over, if nothing of them happened and time has passed it."""
        assert partial.last is not None
        last = partial.last.event
        later = [e for e in self.matches.scoped[partial.scope] if e.order > last.order]
        ends = []
        for number in partial.waiting:
            position = self.matches.positions[number]
            hop, limits = position.hop, []
            if hop is not None and hop.most is not None:
                limits.append(last.time + hop.most)
            if self.chain.within is not None:
                limits.append(partial.start + self.chain.within)
            ends.append(min(limits))
            inside = [e for e in later if e.time <= ends[-1]]
            if self.steps.happened(position.element, hop, partial.subject, partial.bound, inside):
                return None
        end = max(ends)
        if self.steps.ended(partial.subject, partial.bound, [e for e in later if e.time <= end]):
            return None
        return end if self.now > end else None

    def run(self, severity: str) -> list[Found]:
        moments: dict[tuple[int, float], list[Completed]] = {}
        for done in self.completed():
            # a deadline comes after all events of its time
            moments.setdefault((done.at, math.inf if done.order is None else done.order), []).append(done)
        window = self.chain.once_within or self.chain.within or HOUR
        until: dict[Hashable, int] = {}
        found = []
        for (at, _), completed in sorted(moments.items()):
            places: dict[tuple[Hashable, ...], list[Completed]] = {}
            for done in completed:
                places.setdefault(self.identity(done.partial), []).append(done)
            # of several completions at one moment the outermost counts
            for place in sorted(places, key=lambda p: len(self.above(p))):
                if any(until.get(p, at - 1) >= at for p in self.above(place)):
                    continue
                until[place] = at + window
                found.append(self.alert(places[place], severity))
        return found

    def identity(self, partial: Partial) -> tuple[Hashable, ...]:
        if self.chain.once_per is None:
            return (partial.scope, partial.identity)
        assert partial.last is not None
        values: list[Hashable] = []
        for name in self.chain.once_per:
            head, _, field = name.partition(".")
            named = captured(partial.bound, head)
            if named is not None:
                values.append(told(named.taken.fields.get(field)) if field else named.entity)
            elif name == "host":
                values.append(partial.last.event.host)
            else:
                values.append(told(partial.last.event.fields.get(name)))
        return tuple(values)

    def above(self, place: tuple[Hashable, ...]) -> list[tuple[Hashable, ...]]:
        """The identities whose open alert takes this one in: its own, and those of the processes above it."""
        if self.chain.once_per is None:
            scope, identity = place
            assert isinstance(identity, tuple)
            if len(identity) == 1 and isinstance(identity[0], Proc):
                return [(scope, (p,)) for p in self.steps.line(identity[0])]
        return [place]

    def alert(self, completed: list[Completed], severity: str) -> Found:
        level = max(c.partial.level for c in completed)
        best = [c for c in completed if c.partial.level == level]
        evidence: dict[int, set[int]] = {}
        for number, order in frozenset().union(*(c.trace.evidence for c in best)):
            evidence.setdefault(number, set()).add(order)
        tightest = max(best, key=lambda c: (c.partial.start, c.trace.tightness()))
        levels = [r.level for r in self.chain.severities if any(self.rises(r, c.partial) for c in best)]
        return Found(
            tightest.at,
            tightest.order,
            {n: tuple(sorted(orders)) for n, orders in sorted(evidence.items())},
            dict(sorted(tightest.trace.witness)),
            max(levels, key=LEVELS.index, default=severity),
            tightest.trace.unlinked,
        )

    def rises(self, rule: model.SeverityRule, partial: Partial) -> bool:
        assert partial.last is not None
        if isinstance(rule.when, str):
            return captured(partial.bound, rule.when) is not None
        return self.steps.truth(rule.when, partial.last, partial.bound) is True
