"""What an event is counted by, or told from others by: a field, or an entity as a whole.

    by source.ip, process       the field's value; the acting process, exactly that one

`process` is who acts (of a start, who starts), `user` the canonical user, `host` the event's host. Called by `counting`
and `ways`, which must agree: an alert's identity is what its count was kept by. Only whether they are equal is ever
asked of these values, so of a long text there is the digest.
"""

from collections.abc import Callable, Hashable

from ..event import Event
from ..process import Process
from .digests import digested
from .entities import Entities
from .fields import OPAQUE
from .readings import FieldOf, Reading

KeyOf = Callable[[Event, Reading], Hashable]


def key_of(name: str, entities: Entities) -> KeyOf:
    """The function that reads it; of what the event does not say it gives None."""
    match name:
        case "process":
            return _acting
        case "user":
            return lambda event, reading: entities.identity(event)
        case "host":
            return lambda event, reading: event.host
        case _:
            read = FieldOf(name)
            return lambda event, reading: None if (value := read(event, reading)) is OPAQUE else digested(value)


def _acting(event: Event, reading: Reading) -> Process | None:
    return reading.actor if isinstance(reading.actor, Process) else event.actor
