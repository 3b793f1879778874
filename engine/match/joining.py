"""What an event offers to a join: the values that the slot may have, or None where that is not known.

The run-time half of `linking`. An event without an actor could be anybody's: it joins nothing, and proves no absence.
"""

from collections.abc import Callable, Hashable, Iterable

from chainrun.dsl.types import Entity

from ..event import Event
from ..process import Process
from .automaton import Join
from .entities import Entities
from .lineage import line
from .readings import FieldOf, Reading

Offer = Callable[[Event, Reading], list[Hashable] | None]


def offer(join: Join, entities: Entities) -> Offer:
    """What an event, as a step reads it, offers to a join."""
    entity, field = join.entity, join.field
    match join.how:
        case "caused":
            return causes(entity, entities)
        case "actor":
            return _actor(entity, entities)
        case "value":
            read = FieldOf(field)
            return lambda event, reading: _known([read(event, reading)])
        case "unknown":
            return lambda event, reading: [None]
        case "open":
            assert entity is not None
            return lambda event, reading: _known(c.entity for c in entities.causes(event, entity) if c.unlinked)
        case "leads":
            # what could lead to a later event: what this one introduced, if that can act, else who acted
            return lambda event, reading: _known([reading.introduced if field == "#" else reading.actor])
        case "concerns":
            assert entity is not None
            return lambda event, reading: _known(entities.concerns(event, entity, field))
        case "source":
            return lambda event, reading: _known(entities.source(event, entity))
        case "entity":
            return _entity(join, entities)
        case _:
            raise AssertionError(join.how)


def causes(entity: Entity | None, entities: Entities) -> Offer:
    """Who of this type may have caused an event."""
    if entity is None or entity is Entity.PROCESS:
        return _lineage
    return lambda event, reading: _known(c.entity for c in entities.causes(event, entity) if not c.unlinked)


def _known(values: Iterable[Hashable]) -> list[Hashable] | None:
    """The values that there are, each once; None where there is none."""
    return list(dict.fromkeys(value for value in values if value is not None)) or None


def _lineage(event: Event, reading: Reading) -> list[Hashable] | None:
    actor = reading.actor if isinstance(reading.actor, Process) else event.actor
    return [*line(actor)] or None


def _actor(entity: Entity | None, entities: Entities) -> Offer:
    if entity in (Entity.SESSION, Entity.CONTAINER, Entity.INSTANCE):
        # whose the event is, and not merely of one that it assumed or opened
        return lambda event, reading: _known(entities.concerns(event, entity))
    return lambda event, reading: _known([reading.actor])


def _entity(join: Join, entities: Entities) -> Offer:
    """The entities that an event is about at a field: a process, the files that it names, or others."""
    field, entity = join.field, join.entity
    if field == "process":
        return lambda event, reading: _known([event.process])
    if field == "process.target":
        return lambda event, reading: _known([event.target])
    if field == "process.parent":
        return lambda event, reading: _known([event.parent])
    if field == "<actor>":
        return lambda event, reading: _known([reading.actor])
    if field == "<ancestor>":
        return lambda event, reading: _known(line(event.process or event.actor)[1:])
    if entity is Entity.FILE:
        read = FieldOf(field)
        return lambda event, reading: _known(entities.files.keys(event, read(event, reading)))
    if entity is Entity.VOLUME and field == "file.path":
        return lambda event, reading: _known(entities.files.above(event, event.fields.get(field)))
    assert entity is not None
    return lambda event, reading: _known(entities.keys(event, entity, field))
