"""Whom or what a step of a match is about, in canonical fields: what its witness introduced, else who acted.

Called by `alert` for `entity` and `entities`, and for the lineage.
"""

from typing import Any

from chainrun.dsl.model import Field, Step
from chainrun.dsl.types import Entity, ValueType

from ..event import Event
from ..process import Process

# The fields that name an entity; the first is what tells one from another where the event has it.
NAMES: dict[Entity, tuple[str, ...]] = {
    Entity.CONTAINER: ("container.id", "container.name", "container.image.name"),
    Entity.INSTANCE: ("cloud.instance.id", "cloud.image.id", "cloud.account.id"),
    Entity.SESSION: ("session.id", "user.name", "user.domain", "user.email", "user.id"),
    Entity.IDENTITY: ("user.name", "user.domain", "user.email", "user.id"),
}


def about(step: Step, event: Event, process: Process | None, *, introduces: bool = True) -> dict[str, Any]:
    """The entity; empty where the event names none. `process`: the one that the step is about. `introduces`: False of a
    step that is repeated or counted, which is about who acts."""
    introduced = step.introduces if introduces else None
    if introduced is not None and introduced.entity is not Entity.PROCESS:
        named = _named(event, NAMES.get(introduced.entity, (introduced.field,)))
        if introduced.entity is Entity.SESSION or introduced.field in named:  # a sign-in need not number its session
            return named
    if process is not None:
        return _process(process)
    # what acts may be known by less than a process, or be none
    acting = [Entity.IDENTITY] if step.parts[0].kind.actor == "user" else [Entity.CONTAINER, Entity.INSTANCE]
    return next((named for entity in acting if (named := _named(event, NAMES[entity]))), {})


def key(field: Field, event: Event, acting: Process | None) -> dict[str, Any]:
    """What a step was counted by: a field's value, or what names the whole entity."""
    match field:
        case Field(type=ValueType.ENTITY, name="host"):
            return {"host.name": event.fields.get("host.name", event.host)}
        case Field(type=ValueType.ENTITY, name="user"):
            return _named(event, NAMES[Entity.IDENTITY])
        case Field(type=ValueType.ENTITY):
            return _process(acting) if acting is not None else {}
        case _:
            return _named(event, (field.name,))


def row(process: Process) -> dict[str, Any]:
    """A process as a row of the lineage."""
    found: dict[str, Any] = {}
    if process.pid is not None:
        found["pid"] = process.pid
    found["name"] = process.name
    if process.executable is not None:
        found["executable"] = process.executable
    return found


def _named(event: Event, names: tuple[str, ...]) -> dict[str, Any]:
    fields = event.fields
    return {name: plain(fields[name]) for name in names if fields.get(name) not in (None, "")}


def _process(process: Process) -> dict[str, Any]:
    pairs = {
        "process.entity_id": process.entity_id,
        "process.pid": process.pid,
        "process.name": process.name,
        "process.executable": process.executable,
    }
    return {name: value for name, value in pairs.items() if value is not None}


def plain(value: Any) -> Any:
    """A field's value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value
