"""What is known at a place of a chain while it is compiled: the subject, the captures, what an alert hangs on.

The rules of docs/language.md, "The subject" and "What is reported", and nothing else; `compile` walks with them.
"""

from collections.abc import Iterator

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Element, Hop, Step
from chainrun.dsl.types import ACTORS, Entity
from chainrun.dsl.vocabulary import ACTOR_ENTITIES

CAUSAL = frozenset({"->", "->?"})

# What `from host` names: no capture, but the host itself.
HOST = "host"


class Acted(msgspec.Struct, frozen=True, order=True):
    """A member of `&` that has matched: its place, the slot of what it introduced or of who acted, its identity."""

    member: int
    subject: str | None
    identity: tuple[str, ...]


class Known(msgspec.Struct, frozen=True):
    """What is known of a partial match at one place of the chain.

    subject     the slot of what acts now, or None
    introduced  whether the subject was introduced (else it is an actor, and a later actor takes its place)
    captures    capture -> the number of the step or alternative that it names
    identity    slots that tell one alert from another, of the last required step written so far
    group       inside `&`: the members that have matched
    """

    subject: str | None = None
    introduced: bool = False
    captures: tuple[tuple[str, int], ...] = ()
    identity: tuple[str, ...] = ()
    group: tuple[Acted, ...] = ()


class Pending(msgspec.Struct, frozen=True):
    """An absence written after the last event: what follows it is held to it."""

    hop: Hop | None
    absent: model.Absent


class Exit(msgspec.Struct, frozen=True):
    """A place from which the chain goes on: a state (None: the start), what is known there, the absences written since,
    and the slot of the last event's moment."""

    state: int | None
    known: Known
    pending: tuple[Pending, ...] = ()
    moment: str | None = None


class Leaf(msgspec.Struct, frozen=True):
    """One step of an element, with the arrow, the names and the priors that were written around it."""

    step: Step
    hop: Hop | None = None
    names: tuple[str, ...] = ()
    priors: tuple[model.WithoutPrior, ...] = ()


def leaves(element: Element, hop: Hop | None = None) -> Iterator[Leaf] | None:
    """The steps of a step or of (nested) alternatives of steps, each as one leaf; None for any other element."""
    match element:
        case Step():
            return iter([Leaf(element, hop, (element.capture,) if element.capture else ())])
        case model.Either():
            found = [leaves(member, own or hop) for own, member in element.members]
            if any(f is None for f in found):
                return None
            named = (element.capture,) if element.capture else ()
            return iter(
                [msgspec.structs.replace(x, names=(*x.names, *named)) for f in found if f is not None for x in f]
            )
        case model.WithoutPrior():
            inner = leaves(element.element, hop)
            if inner is None:
                return None
            return iter([msgspec.structs.replace(x, priors=(*x.priors, element)) for x in inner])
        case _:
            return None


def names(element: Element) -> Iterator[str]:
    """All captures in an element."""
    match element:
        case Step():
            yield from (element.capture,) if element.capture else ()
        case model.All() | model.Either():
            if isinstance(element, model.Either) and element.capture:
                yield element.capture
            for _, member in element.members:
                yield from names(member)
        case model.Repeat() | model.Counted():
            if element.capture:
                yield element.capture
            yield from names(element.element)
        case _:
            yield from names(element.element)


def introduces_actor(step: Step) -> bool:
    return step.introduces is not None and step.introduces.entity in ACTORS


def actor_entity(step: Step) -> Entity | None:
    """What kind of entity acts in a step."""
    return ACTOR_ENTITIES.get(step.parts[0].kind.actor or "")


def has_actor(step: Step) -> bool:
    return step.parts[0].kind.actor is not None


def named(step: Step) -> list[str]:
    """The captures that a step's links and whole arguments name: what it hangs on, if there are any."""
    names = [link.capture for part in step.parts for link in part.links if link.capture != HOST]
    for part in step.parts:
        for argument in part.arguments:
            if isinstance(argument.pattern, model.FromCapture):
                names.append(argument.pattern.capture)
    return list(dict.fromkeys(names))


class Book:
    """All steps of a chain by number, and which of them are repeated."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = {step.number: step for step in steps}
        self.repeated: set[int] = set()

    def entity_slot(self, number: int) -> str:
        """The slot of what a capture of this step stands for: what it introduced, else its actor."""
        introduces = number not in self.repeated and self.steps[number].introduces is not None
        return f"#{number}" if introduces else f"@{number}"

    def entity(self, slot: str) -> Entity | None:
        """What kind of entity a slot holds."""
        step = self.steps[int(slot[1:])]
        if slot[0] == "#":
            return step.introduces.entity if step.introduces is not None else None
        return actor_entity(step)

    def field(self, slot: str) -> str:
        """Where the event of a slot's step has the entity that it introduced."""
        introduced = self.steps[int(slot[1:])].introduces
        return introduced.field if slot[0] == "#" and introduced is not None else ""

    def after(self, leaf: Leaf, number: int, known: Known, hop: Hop | None, adrift: bool = False) -> Known:
        """What is known once a step has matched. `adrift`: in the scope merely, linked to nothing."""
        step = leaf.step
        subject, introduced = known.subject, known.introduced
        if introduces_actor(step) and number not in self.repeated:
            subject, introduced = f"#{number}", True
        elif has_actor(step) and (not introduced or (hop is not None and hop.arrow == "~>")):
            subject, introduced = f"@{number}", False
        captures = (*known.captures, *((name, number) for name in leaf.names))
        # what a last required step hangs on: captures in its links or arguments; else the subject; else its actor
        identity = self.linked(step, known, None if adrift else hop)
        return Known(subject, introduced, captures, identity or ((f"@{number}",) if has_actor(step) else ()))

    def linked(self, step: Step, known: Known, hop: Hop | None) -> tuple[str, ...]:
        """What a step is linked to: captures in its links or arguments, else the subject of its arrow."""
        names = named(step)
        if names:
            captures = dict(known.captures)
            return tuple(dict.fromkeys(self.entity_slot(captures[name]) for name in names if name in captures))
        if hop is not None and hop.arrow in CAUSAL and known.subject is not None:
            return (known.subject,)
        return ()
