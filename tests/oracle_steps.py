"""What one event is to a step: its readings, the links it has, and whether it happened, came before, or ends a match.

Part of the oracle (`tests/oracle.py`). A positive step needs every test and link to be True; an absent one is unsafe as
soon as none of them is False.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Hop, Step
from chainrun.engine.event import Event

from .oracle_conditions import Bound, Captured, Conditions, Proc, Taken, Truth, captured, every

CAUSAL = ("->", "->?")
ACTORS = ("process", "container", "instance", "identity", "session")  # of which this world knows processes alone


class Subject(NamedTuple):
    """Who can cause what follows. `brought`: "introduced" or "acting"; "" where nobody was named so far. The entity is
    None where telemetry does not say."""

    brought: str = ""
    entity: Hashable = None


class Name(NamedTuple):
    """A capture that a step gives a value to; `introduces`: it stands for what the step introduces."""

    text: str
    introduces: bool


class Way(NamedTuple):
    """One step of alternatives: the arrow that leads to it and the captures it binds. A repeated one introduces nothing."""

    step: Step
    hop: Hop | None
    names: tuple[Name, ...]
    repeated: bool = False


def introduces(element: Element) -> model.Introduced | None:
    """What an element introduces: one thing in all branches, or nothing; a repetition nothing."""
    match element:
        case Step():
            return element.introduces
        case model.Either():
            found = {introduces(member) for _, member in element.members}
            return found.pop() if len(found) == 1 else None
        case model.Optional() | model.WithoutPrior():
            return introduces(element.element)
    return None


def name_of(element: Any) -> tuple[Name, ...]:
    """The element's own capture."""
    return () if element.capture is None else (Name(element.capture, introduces(element) is not None),)


def ways(element: Element, hop: Hop | None, names: tuple[Name, ...] = ()) -> Iterator[Way]:
    """The steps of a step or of alternatives of steps."""
    match element:
        case Step():
            yield Way(element, hop, names + name_of(element))
        case model.Either():
            for own, member in element.members:
                yield from ways(member, own or hop, names + name_of(element))
        case model.Absent():
            yield from ways(element.element, hop, names)
        case _:
            raise AssertionError(element)


def bind(taken: Taken, names: tuple[Name, ...]) -> Bound:
    return tuple(Captured(n.text, taken, taken.introduced if n.introduces else taken.actor) for n in names)


def acts(step: Step) -> bool:
    """Whether the step introduces somebody who can act."""
    return step.introduces is not None and step.introduces.entity in ACTORS


def actor_field(step: Step) -> str | None:
    return next((p.kind.actor for p in step.parts if p.kind.actor is not None), None)


class Steps(Conditions):
    """The events of one stream as steps of one chain."""

    def __init__(self, chain: Chain, events: list[Event]) -> None:
        super().__init__(events)
        self.chain = chain
        self.parents: dict[Hashable, Proc] = {}
        self.starts: dict[Hashable, int] = {}
        for event in events:
            if "spawn" in event.kinds:
                child, parent = self.process(event, "process"), self.process(event, "process.parent")
                assert child is not None
                self.starts[child] = event.time
                if parent is not None:
                    self.parents[child] = parent
        self.read: dict[tuple[int, int], tuple[Taken, ...]] = {}
        self.known: dict[Hashable, Truth] = {}  # what `fits` found

    @staticmethod
    def process(event: Event, field: str) -> Proc | None:
        pid = event.fields.get(f"{field}.pid")
        return None if pid is None else Proc(event.host, pid)

    def line(self, actor: Hashable) -> list[Hashable]:
        """The process and all above it; of any other actor, itself."""
        found = []
        while actor is not None:
            found.append(actor)
            actor = self.parents.get(actor)
        return found

    # -- what an event can be -------------------------------------------------

    def readings(self, step: Step, event: Event) -> tuple[Taken, ...]:
        key = step.number, event.order
        if key not in self.read:
            self.read[key] = tuple(self.all_readings(step, event))
        return self.read[key]

    def all_readings(self, step: Step, event: Event) -> Iterator[Taken]:
        kinds = {part.base for part in step.parts} - {"event"}  # which takes anything
        own = event.fields
        process = self.process(event, "process")
        is_start = "spawn" in event.kinds
        acting = self.process(event, "process.parent") if is_start else process
        if "open" not in kinds:
            if kinds <= event.kinds:
                actor: Hashable = acting
                if actor_field(step) == "user":
                    actor = own.get("user.name")
                introduced: Hashable = None
                if step.introduces is not None and step.introduces.entity == "process":
                    introduced = process
                elif step.introduces is not None and step.introduces.entity == "file" and "file.path" in own:
                    introduced = event.host, own["file.path"]
                yield Taken(step, event, own, introduced, actor, False)
            return
        if not kinds - {"open"} <= event.kinds:
            return
        if "open" in event.kinds:
            yield Taken(step, event, own, process, process, self.open_before(process, event))
            if acting == process:
                return
        if self.open_before(acting, event):
            seen = dict(own)
            if is_start:
                seen = {k: v for k, v in own.items() if not k.startswith("process.")}
                seen |= {f"process.{k[15:]}": v for k, v in own.items() if k.startswith("process.parent.")}
            yield Taken(step, event, seen, acting, acting, True)

    def open_before(self, process: Proc | None, event: Event) -> bool:
        """Whether the process is open at each of its events: its start is not shown, or lies before the window."""
        if process is None:
            return False
        start = self.starts.get(process)
        return start is None or (self.chain.within is not None and event.time - start > self.chain.within)

    def is_shown(self, taken: Taken) -> bool:
        """Whether the event is one of the step's own kind, and not any event of an app that is open: what is counted."""
        is_open = any(part.base == "open" for part in taken.step.parts)
        explicit = "open" in taken.event.kinds and taken.introduced == self.process(taken.event, "process")
        return explicit or not is_open

    # -- tests and links ------------------------------------------------------

    def tests(self, taken: Taken, bound: Bound, names: tuple[Name, ...] = ()) -> Truth:
        """Arguments, conditions and the step's exceptions; kinds and links aside."""
        step = taken.step

        def each() -> Iterator[Truth]:
            for part in step.parts:
                for argument in part.arguments:
                    yield self.passes(argument.pattern, argument.target, taken, bound)
                if part.where is not None:
                    yield self.truth(part.where, taken, bound)
            if step.where is not None:
                yield self.truth(step.where, taken, bound)
            with_own = (*bound, *bind(taken, names))
            for exclusion in step.exceptions:
                if exclusion.until is None or taken.event.time <= exclusion.until:
                    yield self.truth(exclusion.when, taken, with_own) is not True

        return every(each())

    def explicit(self, taken: Taken, bound: Bound) -> list[Truth]:
        """The links that the step itself names."""
        return [self.link(link, taken, bound) for part in taken.step.parts for link in part.links]

    def link(self, link: model.Link, taken: Taken, bound: Bound) -> Truth:
        other = captured(bound, link.capture)
        if other is None or other.entity is None:
            return None
        if link.word == "of":
            field = "process" if isinstance(other.entity, Proc) else "file.path"
            mine = self.entities(field, taken)
            return None if mine is None else other.entity in mine
        if taken.actor is None:
            return None
        return taken.actor == other.entity if link.word == "by" else other.entity in self.line(taken.actor)

    def is_unlinked(self, taken: Taken, hop: Hop | None, subject: Subject) -> bool:
        """Whether the step rests on `->?` between two of which one is not known."""
        asks = hop is not None and hop.arrow == "->?" and bool(subject.brought)
        named = any(part.links for part in taken.step.parts)
        return asks and not named and (taken.actor is None or subject.entity is None)

    def linked(self, taken: Taken, hop: Hop | None, subject: Subject, bound: Bound) -> Truth:
        """Explicit links replace the arrow's own."""
        explicit = self.explicit(taken, bound)
        if explicit:
            return every(explicit)
        if hop is None or hop.arrow not in CAUSAL or not subject.brought:
            return True
        if taken.actor is None or subject.entity is None:
            return True if hop.arrow == "->?" else None
        return subject.entity in self.line(taken.actor)

    def fits(self, taken: Taken, way: Way, subject: Subject, bound: Bound) -> Truth:
        key = taken, way.hop and way.hop.arrow, subject, bound
        if key not in self.known:
            self.known[key] = every((self.tests(taken, bound, way.names), self.linked(taken, way.hop, subject, bound)))
        return self.known[key]

    # -- what did not happen --------------------------------------------------

    @staticmethod
    def may_be(step: Step, tested: Truth, linked: Truth) -> bool:
        """Whether an event may be one that must not be: the unknown counts. Only what is of no kind but `event` must
        have what it is tested for."""
        if all(part.base == "event" for part in step.parts):
            return tested is True and linked is not False
        return every((tested, linked)) is not False

    def happened(
        self, absent: Element, hop: Hop | None, subject: Subject, bound: Bound, events: Iterable[Event]
    ) -> bool:
        """Whether an absent step may be among these events, linked as written."""
        return any(
            self.may_be(way.step, self.tests(taken, bound, way.names), self.linked(taken, way.hop, subject, bound))
            for way in ways(absent, hop)
            for event in events
            for taken in self.readings(way.step, event)
        )

    def could_cause(self, absent: Element, hop: Hop | None, first: Taken, events: Iterable[Event]) -> bool:
        """Whether a step that must not come before `first` may be among these events, and the cause of it."""
        for way in ways(absent, None):
            for event in events:
                for taken in self.readings(way.step, event):
                    cause: Truth = True
                    if hop is not None and hop.arrow in CAUSAL and (acts(way.step) or actor_field(way.step)):
                        source = taken.introduced if acts(way.step) else taken.actor
                        known = source is not None and first.actor is not None
                        cause = source in self.line(first.actor) if known else None
                        if actor_field(first.step) == "user" and actor_field(way.step) != "user":
                            cause = False  # a process makes nobody sign in
                    if self.may_be(way.step, self.tests(taken, (), way.names), cause):
                        return True
        return False

    def prior(self, step: Step, bound: Bound, events: Iterable[Event]) -> bool:
        """Whether the step of a `without prior` may be among these events."""
        return any(
            self.may_be(step, self.tests(taken, bound), every(self.explicit(taken, bound)))
            for event in events
            for taken in self.readings(step, event)
        )

    def ended(self, subject: Subject, bound: Bound, events: Iterable[Event]) -> bool:
        """Whether `until` ends a match that has this subject, by one of these events."""
        step = self.chain.until
        if step is None:
            return False
        for event in events:
            for taken in self.readings(step, event):
                explicit = self.explicit(taken, bound)
                if explicit:
                    linked = every(explicit)
                elif actor_field(step) is not None:
                    linked = subject.entity is not None and taken.actor == subject.entity
                else:
                    linked = True
                if every((linked, self.tests(taken, bound))) is True:
                    return True
        return False
