"""Every assignment of events to steps that the order, links, conditions, absences and windows allow: enumerated.

Part of the oracle (`tests/oracle.py`). One thing spares the worst: assignments that nothing later can tell apart
(`Partial`) are kept as one, with the evidence of all and the tightest witness (`Trace`).
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Hop, Step
from chainrun.engine.event import Event

from .oracle_conditions import RELATIONS, Bound, Proc, Taken, Truth, captured, elements, told
from .oracle_steps import CAUSAL, Name, Steps, Subject, Way, actor_field, acts, bind, name_of, ways

Scope = tuple[Any, ...]
Place = tuple[int, int]  # the number of a step, the order of an event
NOBODY = Subject()


@dataclass(frozen=True)
class Partial:
    """All that anything later can ask of an assignment so far. `waiting`: positions of absences that are not yet over."""

    scope: Scope = ()
    start: int = 0
    last: Taken | None = None
    subject: Subject = NOBODY
    bound: Bound = ()
    identity: tuple[Hashable, ...] = ()
    level: int = 0
    waiting: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trace:
    """What assignments are made of: the events of all, and the witness, which is the tightest: of a repetition its last.
    `unlinked`: the tightest rests on a `->?` between two of which one is not known."""

    evidence: frozenset[Place] = frozenset()
    witness: tuple[Place, ...] = ()
    unlinked: bool = False

    def __add__(self, other: "Trace") -> "Trace":
        return Trace(
            self.evidence | other.evidence,
            self.witness + other.witness,
            self.unlinked or other.unlinked,
        )

    def tightness(self) -> tuple[Any, ...]:
        """The latest events win, one a step, looked at from the last one back. What is still equal is a matter of taste:
        the step written first."""
        orders, numbers = backwards(self.witness)
        return orders, numbers, not self.unlinked


def backwards(places: tuple[Place, ...]) -> tuple[list[int], list[int]]:
    """The orders of events from the last one back, and their steps' numbers, less for later ones."""
    found = sorted(((order, i, -number) for i, (number, order) in enumerate(places)), reverse=True)
    return [order for order, _, _ in found], [number for _, _, number in found]


Member = tuple[Taken, Way, Trace]  # of a group: its event, and what that is made of
Grown = Iterator[tuple[Partial, Trace]]


def either(one: Trace | None, other: Trace) -> Trace:
    """The trace of two assignments that are the same to whatever comes later."""
    if one is None:
        return other
    tightest = max(one, other, key=Trace.tightness)
    return replace(tightest, evidence=one.evidence | other.evidence)


class Matches:
    """All assignments of one stream to one chain."""

    def __init__(self, chain: Chain, events: list[Event]) -> None:
        self.chain = chain
        self.steps = Steps(chain, events)
        self.positions = list(chain.positions)
        while len(self.positions) > 1 and isinstance(self.positions[-1].element, model.Optional):
            self.positions.pop()
        self.scoped: dict[Scope, list[Event]] = {}
        for event in events:
            values = [event.host if f == "host" else event.fields.get(f) for f in chain.scope]
            if None not in values:
                scope = tuple(map(told, values))
                self.scoped.setdefault(scope, []).append(event)

    # -- one step after another -----------------------------------------------

    def candidates(self, way: Way, before: Partial) -> Iterator[tuple[Partial, Taken]]:
        """Each event that may be this step after `before`, by order and window; of a first step, with the scope and
        start that it gives."""
        for scope in [before.scope] if before.last is not None else self.scoped:
            for event in self.scoped[scope]:
                for taken in self.steps.readings(way.step, event):
                    begun = before if before.last is not None else replace(before, scope=scope, start=event.time)
                    if self.is_later(taken, begun) and self.is_within(taken, begun):
                        yield begun, taken

    @staticmethod
    def is_later(taken: Taken, before: Partial) -> bool:
        """After the last event, or that same event, where it was an implicit open."""
        last = before.last
        if last is None or taken.event.order > last.event.order:
            return True
        return taken.event.order == last.event.order and last.implicit and not taken.implicit

    def is_within(self, taken: Taken, before: Partial) -> bool:
        return self.chain.within is None or taken.event.time - before.start <= self.chain.within

    @staticmethod
    def keeps(hop: Hop | None, before: Partial, event: Event) -> bool:
        """Whether an event lies within an arrow's limits."""
        if hop is None or before.last is None:
            return True
        gap = event.time - before.last.event.time
        return (hop.least is None or gap >= hop.least) and (hop.most is None or gap <= hop.most)

    def is_open_to(self, before: Partial, first: Taken) -> bool:
        """Whether the chain may go on with `first`: nothing that must be absent happened, and `until` did not end it."""
        events = self.scoped[before.scope]
        if before.last is not None:
            between = [e for e in events if before.last.event.order < e.order < first.event.order]
            absent = [self.positions[n] for n in before.waiting]
            return not self.steps.ended(before.subject, before.bound, between) and not any(
                self.steps.happened(p.element, p.hop, before.subject, before.bound, between) for p in absent
            )
        for number in before.waiting:
            hop = self.positions[number + 1].hop
            back = hop.most if hop is not None and hop.most is not None else self.chain.within
            assert back is not None
            earlier = [e for e in events if e.order < first.event.order and e.time >= first.event.time - back]
            if self.steps.could_cause(self.positions[number].element, hop, first, earlier):
                return False
        return True

    def after(self, taken: Taken, before: Partial, way: Way, by: tuple[Hashable, ...] | None = None) -> Partial:
        """With an event in its place. `by`: the key of a counted step."""
        return replace(
            before,
            last=taken,
            subject=self.subject_after(taken, before.subject, way),
            bound=(*before.bound, *bind(taken, way.names)),
            identity=self.hangs_on(taken, before, way, by),
            waiting=(),
        )

    @staticmethod
    def subject_after(taken: Taken, subject: Subject, way: Way) -> Subject:
        if acts(taken.step) and not way.repeated:
            return Subject("introduced", taken.introduced)
        right_after = way.hop is not None and way.hop.arrow == "~>"
        if actor_field(taken.step) is not None and (subject.brought != "introduced" or right_after):
            return Subject("acting", taken.actor)
        return subject

    def hangs_on(
        self, taken: Taken, before: Partial, way: Way, by: tuple[Hashable, ...] | None
    ) -> tuple[Hashable, ...]:
        """The identity of an alert whose last required step this is."""
        step = taken.step
        names = [link.capture for part in step.parts for link in part.links]
        names += [
            a.pattern.capture for p in step.parts for a in p.arguments if isinstance(a.pattern, model.FromCapture)
        ]
        hung: tuple[Hashable, ...] = ()
        causal = way.hop is not None and way.hop.arrow in CAUSAL and before.subject.brought
        if names:
            entities = [c.entity for n in dict.fromkeys(names) if (c := captured(before.bound, n)) is not None]
            hung = tuple(dict.fromkeys(entities))
        elif causal and not self.steps.is_unlinked(taken, way.hop, before.subject):
            hung = (before.subject.entity,)
        elif by is None and actor_field(step) is not None:
            hung = (taken.actor,)
        return hung if by is None else (*by, *hung)

    def trace(self, taken: Taken, before: Partial, way: Way) -> Trace:
        place = taken.step.number, taken.event.order
        return Trace(frozenset({place}), (place,), self.steps.is_unlinked(taken, way.hop, before.subject))

    # -- elements -------------------------------------------------------------

    def grow(self, element: Element, before: Partial, hop: Hop | None, names: tuple[Name, ...] = ()) -> Grown:
        """Each way in which an element can follow, with the events that it takes."""
        match element:
            case Step():
                yield from self.step(Way(element, hop, names + name_of(element)), before)
            case model.Either():
                for own, member in element.members:
                    yield from self.grow(member, before, own or hop, names + name_of(element))
            case model.Optional():
                yield before, Trace()
                for after, trace in self.grow(element.element, before, hop, names):
                    yield replace(after, identity=before.identity, level=after.level + 1), trace
            case model.WithoutPrior():
                for after, trace in self.grow(element.element, before, hop, names):
                    assert after.last is not None
                    if not self.is_preceded(element, after.last, after.scope, after.bound):
                        yield after, trace
            case model.All():
                yield from self.group(element, before, hop)
            case model.Repeat():
                yield from self.repeat(element, before, hop)
            case model.Counted():
                yield from self.counted(element, before, hop)
            case _:
                raise AssertionError(element)

    def step(self, way: Way, before: Partial) -> Grown:
        for begun, taken in self.candidates(way, before):
            if (
                self.keeps(way.hop, begun, taken.event)
                and self.steps.fits(taken, way, begun.subject, begun.bound) is True
                and self.is_open_to(begun, taken)
            ):
                yield self.after(taken, begun, way), self.trace(taken, begun, way)

    def is_preceded(self, element: model.WithoutPrior, taken: Taken, scope: Scope, bound: Bound) -> bool:
        now = taken.event
        earlier = [e for e in self.scoped[scope] if e.order < now.order and e.time >= now.time - element.look_back]
        return self.steps.prior(element.prior, bound, earlier)

    # -- groups ---------------------------------------------------------------

    def group(self, group: model.All, before: Partial, hop: Hop | None) -> Grown:
        """Each member takes another event after what stands before the group; the first within the hop."""
        members = [(own or hop, own, self.bare(member), member) for own, member in group.members]

        def taken_by(bare: Element, link: Hop | None) -> Iterator[tuple[Partial, Taken, Way, Trace]]:
            if isinstance(bare, model.Counted):
                yield from self.moments(bare, before, link)
                return
            for way in ways(bare, link):
                for alone, taken in self.candidates(way, before):
                    yield alone, taken, way, self.trace(taken, before, way)

        def choose(i: int, begun: Partial, chosen: list[Member]) -> Grown:
            if i == len(members):
                yield from self.grouped(group, hop, begun, chosen)
                return
            link, own, bare, _ = members[i]
            for alone, taken, way, trace in taken_by(bare, link):
                # a member's own arrow has its own limits; the group's are those of the first event
                limits = way.hop if own is not None or way.hop is not link else None
                if before.last is None and chosen:
                    if alone.scope != begun.scope:
                        continue
                    alone = replace(alone, start=min(alone.start, begun.start))
                # what another member has to tell is unknown yet
                if (
                    all(taken.event is not t.event for t, _, _ in chosen)
                    and self.keeps(limits, before, taken.event)
                    and self.steps.fits(taken, way, before.subject, before.bound) is not False
                ):
                    yield from choose(i + 1, alone, [*chosen, (taken, way, trace)])

        yield from choose(0, before, [])

    @staticmethod
    def bare(member: Element) -> Element:
        while isinstance(member, model.WithoutPrior):
            member = member.element
        return member

    def grouped(self, group: model.All, hop: Hop | None, before: Partial, chosen: list[Member]) -> Grown:
        """What a group leaves behind, if the events chosen for its members are right together."""
        in_order = sorted(chosen, key=lambda c: c[0].event.order)
        first, last = in_order[0][0], in_order[-1][0]
        own = tuple(c for taken, way, _ in chosen for c in bind(taken, way.names))
        among = (*before.bound, *own)  # members may compare each other's captures, whichever came first
        if not (
            self.keeps(hop, before, first.event)
            and self.is_within(last, before)
            and all(self.steps.fits(taken, way, before.subject, among) is True for taken, way, _ in chosen)
            and self.is_open_to(before, first)
        ):
            return
        for (taken, _, _), (_, member) in zip(chosen, group.members, strict=True):
            while isinstance(member, model.WithoutPrior):
                if self.is_preceded(member, taken, before.scope, among):
                    return
                member = member.element
        bound = before.bound
        for (one, way, _), (other, _, _) in pairwise(in_order):
            bound = (*bound, *bind(one, way.names))
            if self.steps.ended(before.subject, bound, self.between(before.scope, one, other)):
                return
        subject, trace = before.subject, Trace()
        for (taken, _, own_trace), (_, member) in zip(chosen, group.members, strict=True):
            if acts(taken.step) and not isinstance(member, model.Counted):
                subject = Subject("introduced", taken.introduced)
            elif not before.subject.brought and subject.brought != "introduced" and actor_field(taken.step):
                subject = Subject("acting", taken.actor)
            trace += own_trace
        taken, way, _ = chosen[-1]
        member = group.members[-1][1]
        by = self.key(member, taken) if isinstance(member, model.Counted) else None
        identity = self.hangs_on(taken, replace(before, bound=among), way, by)
        yield replace(before, last=last, subject=subject, bound=among, identity=identity, waiting=()), trace

    def between(self, scope: Scope, one: Taken, other: Taken) -> list[Event]:
        return [e for e in self.scoped[scope] if one.event.order < e.order < other.event.order]

    # -- repetition -----------------------------------------------------------

    def repeat(self, repeat: model.Repeat, before: Partial, hop: Hop | None) -> Grown:
        """Different events in order, each linked to what stands before the repetition; the hop is the last one's."""
        way_of: dict[Taken, Way] = {}
        fitting: list[tuple[Partial, Taken]] = []
        for way in self.repeated(repeat, hop):
            for begun, taken in self.candidates(way, before):
                if self.steps.fits(taken, way, begun.subject, begun.bound) is True:
                    way_of[taken] = way
                    fitting.append((begun, taken))
        for begun, first in fitting:
            if not self.is_open_to(begun, first):
                continue
            # what all runs of one length that begin with `first` are made of, by their last event
            runs = {first: self.trace(first, begun, way_of[first])}
            length = 1
            while runs and (repeat.most is None or length <= repeat.most):
                for last, trace in runs.items():
                    way = way_of[last]
                    if length >= repeat.least and self.keeps(way.hop, begun, last.event):
                        yield self.after(last, begun, way), trace
                longer: dict[Taken, Trace] = {}
                for last, trace in runs.items():
                    for other, taken in fitting:
                        if (
                            taken.event.order > last.event.order
                            and (before.last is not None or other.scope == begun.scope)
                            and self.is_within(taken, begun)
                            and not self.steps.ended(begun.subject, begun.bound, self.between(begun.scope, last, taken))
                        ):
                            own = self.trace(taken, begun, way_of[taken])
                            more = replace(trace + own, witness=own.witness)  # the last stands for all
                            longer[taken] = either(longer.get(taken), more)
                runs = longer
                length += 1

    def repeated(self, element: model.Repeat | model.Counted, hop: Hop | None) -> list[Way]:
        """The steps inside: what they introduce is not one thing, so their captures stand for who acted."""
        own = () if element.capture is None else (Name(element.capture, False),)
        return [
            Way(w.step, w.hop, own + tuple(Name(n.text, False) for n in w.names), repeated=True)
            for w in ways(element.element, hop)
        ]

    # -- counting -------------------------------------------------------------

    def counted(self, counted: model.Counted, before: Partial, hop: Hop | None) -> Grown:
        """Each moment at which the measures hold, if it may follow."""
        for begun, moment, way, trace in self.moments(counted, before, hop):
            if self.keeps(way.hop, begun, moment.event) and self.is_open_to(begun, moment):
                yield self.after(moment, begun, way, by=self.key(counted, moment)), trace

    def moments(
        self, counted: model.Counted, before: Partial, hop: Hop | None
    ) -> Iterator[tuple[Partial, Taken, Way, Trace]]:
        """Each moment after `before` at which the measures hold over the events that look back from it; its trace has
        those, and is unlinked if one of them is."""
        for scope in [before.scope] if before.last is not None else list(self.scoped):
            fitting = [
                (taken, way)
                for way in self.repeated(counted, hop)
                for event in self.scoped[scope]
                for taken in self.steps.readings(way.step, event)
                if self.steps.is_shown(taken) and self.steps.fits(taken, way, before.subject, before.bound) is True
            ]
            for moment, way in fitting:
                begun = before if before.last is not None else replace(before, scope=scope, start=moment.event.time)
                key = self.key(counted, moment)
                if None in key or not self.is_later(moment, begun) or not self.is_within(moment, begun):
                    continue
                same = [c for c in fitting if c[0].event.order <= moment.event.order and self.key(counted, c[0]) == key]
                reached = self.reached(counted, [t for t, _ in same], moment, begun.bound)
                if reached:
                    own = self.trace(moment, begun, way)
                    each = [self.trace(t, begun, w) for t, w in same if t.event.order in reached]
                    evidence = frozenset().union(*(t.evidence for t in each))
                    yield begun, moment, way, Trace(evidence, own.witness, any(t.unlinked for t in each))

    @staticmethod
    def key(counted: model.Counted, taken: Taken) -> tuple[Any, ...]:
        acting = taken.actor if isinstance(taken.actor, Proc) else None
        whole = {"process": acting, "user": taken.fields.get("user.name"), "host": taken.event.host}
        fields = taken.fields
        return tuple(
            whole[f.name] if f.type == "entity" else None if fields.get(f.name) is None else told(fields[f.name])
            for f in counted.by
        )

    def reached(self, counted: model.Counted, same: list[Taken], moment: Taken, bound: Bound) -> set[int]:
        """The orders of the events that reach the threshold at this moment; none where it is not reached."""
        by_event = {t.event.order: t for t in reversed(same)} | {moment.event.order: moment}
        events = [by_event[order] for order in sorted(by_event)]
        if counted.every is not None:
            return self.cadence(counted, events, moment, bound)
        assert counted.within is not None
        since = moment.event.time - counted.within
        inside = [t for t in events if t.event.time > since]
        holds = all(self.holds(measure, inside, moment, bound) for measure in counted.measures)
        return {t.event.order for t in inside} if holds else set()

    def holds(self, measure: model.Measure, counted: list[Taken], moment: Taken, bound: Bound) -> bool:
        limit = self.steps.value(measure.bound, moment, bound)
        if limit is None:
            return False
        subject, found = measure.subject, 0.0
        truths: list[Truth] = []
        if measure.function in ("count", "share") and subject is not None:
            truths = [self.steps.truth(subject, t, bound) for t in counted]
        values = [] if subject is None or truths else [self.steps.value(subject, t, bound) for t in counted]
        match measure.function:
            case "count":
                found = len(counted) if subject is None else truths.count(True)
            case "distinct":
                found = len({told(one) for value in values if value is not None for one in elements(value)})
            case "sum":
                found = sum(v for v in values if isinstance(v, int | float) and not isinstance(v, bool))
            case "share":
                unknown = truths.count(None) if measure.op in ("<", "<=") else 0
                found = (truths.count(True) + unknown) / len(counted)
            case _:
                raise AssertionError(measure)
        return RELATIONS[measure.op](found, limit)

    def cadence(self, counted: model.Counted, events: list[Taken], moment: Taken, bound: Bound) -> set[int]:
        """The events of all runs of so many that end in the moment, each so long after the one before."""
        assert counted.every is not None
        (measure,) = counted.measures
        limit = self.steps.value(measure.bound, moment, bound)
        if limit is None:
            return set()
        number = max(1, math.floor(limit) + 1 if measure.op == ">" else math.ceil(limit))
        low, high = counted.every, counted.longest
        if counted.tolerance is not None:
            low, high = counted.every - counted.tolerance, counted.every + counted.tolerance
        assert high is not None

        def runs(last: Taken, more: int) -> set[int]:
            if more == 0:
                return {last.event.order}
            found: set[int] = set()
            for t in events:
                if t.event.order < last.event.order and low <= last.event.time - t.event.time <= high:
                    found |= runs(t, more - 1)
            return found | {last.event.order} if found else set()

        return runs(moment, number - 1)

    # -- the whole chain ------------------------------------------------------

    def all(self) -> dict[Partial, Trace]:
        partials = {Partial(): Trace()}
        for number, position in enumerate(self.positions):
            grown: dict[Partial, Trace] = {}
            for before, trace in partials.items():
                if isinstance(position.element, model.Absent):
                    pending = replace(before, waiting=(*before.waiting, number))
                    grown[pending] = either(grown.get(pending), trace)
                    continue
                for after, more in self.grow(position.element, before, position.hop):
                    grown[after] = either(grown.get(after), trace + more)
            partials = grown
        return {p: t for p, t in partials.items() if p.last is not None}
