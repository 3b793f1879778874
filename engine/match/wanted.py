"""What a chain asks of events and of the memories beside them, so that no more is decoded or kept."""

from collections.abc import Iterable

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Step
from chainrun.dsl.types import Entity
from chainrun.dsl.vocabulary import ACTOR_ENTITIES

from ..intake.decode import LINEAGE
from .automaton import SCOPES, Automaton
from .known import HOST
from .needs import needs, step_needs


def wanted(chain: Chain, steps: tuple[Step, ...]) -> frozenset[str]:
    """The fields that a chain's steps, counts and scope read; those read of captures are not among them."""
    fields = {*LINEAGE, *_told({*chain.scope, *(chain.once_per or ())})}
    for step in steps:
        fields |= step_needs(step)
        for part in step.parts:
            if part.kind.introduces is not None and not part.kind.introduces.field.startswith("process"):
                fields.add(part.kind.introduces.field)
        for exclusion in step.exceptions:
            fields |= needs(exclusion.when)
    for position in chain.positions:
        for count in _counts(position.element):
            fields |= _told({field.name for field in count.by})
            for measure in count.measures:
                fields |= needs(measure.bound)
                if measure.subject is not None:
                    fields |= needs(measure.subject)
    return frozenset(fields)


def _told(names: set[str]) -> set[str]:
    """The fields that tell one host, user or process from another, or that are named themselves."""
    return {field for name in names - {"host", "process"} for field in SCOPES.get(name, (name,))}


def _counts(element: Element) -> list[model.Counted]:
    match element:
        case model.Counted():
            return [element]
        case model.All() | model.Either():
            return [c for _, m in element.members for c in _counts(m)]
        case model.Step():
            return []
        case _:
            return _counts(element.element)


def asked(automata: Iterable[Automaton]) -> frozenset[Entity | None]:
    """The types of entity that must be known of; None among them stands for hosts by their addresses."""
    found: set[Entity | None] = set()
    for automaton in automata:
        for step in automaton.steps:
            if step.introduces is not None:
                found.add(step.introduces.entity)
            for part in step.parts:
                found |= {ACTOR_ENTITIES.get(part.kind.actor or "", Entity.PROCESS)}
                found |= {None for link in part.links if link.word == "from" and link.capture == HOST}
    return frozenset(found)
