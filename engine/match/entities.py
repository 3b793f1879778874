"""Everything but processes that a step can introduce, act by, be caused by or be joined on.

One `Entities` an engine, beside `Lineage`, and after it: an event must have its process. `learn` takes every event in
order, before it is matched; the questions may then be asked of that event:

    key(event, entity, field)       which entity is that at this field             what a step introduces
    keys(event, entity, field)      all of them, where the field is a list         what an argument tests
    actor(event, "user")            who acts                                       `actor` of a kind
    causes(event, entity)           who of this type may have caused it            `->`, `under`
    concerns(event, entity, field)  which of this type it is about                 `of box`
    source(event, entity)           whose the source address was; None: the host's `from box`, `from host`

An entity is a `Process`, a file's (host, path key), or an `EntityKey`; equal means the same. What is remembered is
bounded by count, and `forget` drops what has ended.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

from chainrun.dsl.types import Entity

from ..event import Event
from ..intake.inventory import Inventory
from ..intake.whose import HostAddresses
from . import keys
from .files import FileKeys
from .keys import EntityKey
from .lineage import ancestry
from .places import OUTBOUND, Containers, Instances, Members, texts
from .sessions import Sessions

# The canonical fields that are read to know the entities of a type, and the kinds of event that must be seen for them.
READS: dict[Entity, frozenset[str]] = {
    Entity.CONTAINER: frozenset({"container.id", "container.ip", "source.ip", "destination.ip", "host.ip"}),
    Entity.INSTANCE: frozenset(
        {
            "cloud.instance.id",
            "cloud.instance.ip",
            "cloud.interface.id",
            "cloud.network.id",
            "cloud.account.id",
            "network.direction",
            "event.outcome",
            "source.ip",
            "destination.ip",
            "host.ip",
        }
    ),
    Entity.IDENTITY: frozenset(
        {
            "user.id",
            "user.name",
            "user.domain",
            "user.email",
            "aws.cloudtrail.user_identity.arn",
            "session.id",
            "session.parent.id",
            "event.outcome",
        }
    ),
}
READS[Entity.SESSION] = READS[Entity.IDENTITY]
READS[Entity.FILE] = frozenset({"file.path", "file.previous_path"})
NEEDS: dict[Entity, frozenset[str]] = {
    Entity.FILE: frozenset({"rename"}),
    Entity.CONTAINER: frozenset({"start", "stop", "connect"}),
    Entity.INSTANCE: frozenset({"launch"}),
    Entity.IDENTITY: frozenset({"signin", "signoff", "call"}),
    Entity.SESSION: frozenset({"signin", "signoff", "call"}),
}

# The fields at which an event is about a thing that cannot act.
_ABOUT: dict[Entity, tuple[str, ...]] = {
    Entity.FILE: ("file.path", "file.previous_path", "exec.path", "open.path"),
    Entity.VOLUME: ("file.path", "aws.ec2.volume_id"),
    Entity.IMAGE: ("container.image.name", "cloud.image.id"),
    Entity.MESSAGE: ("email.message_id",),
}


# Types of which nothing is learnt here: they are told by `lineage` and `files`, or by the event alone.
_TOLD = frozenset({Entity.PROCESS, Entity.FILE, Entity.VOLUME, Entity.IMAGE, Entity.MESSAGE})


class Cause(NamedTuple):
    """One that may have caused an event. `unlinked`: the record says so only by its identity, which has it open."""

    entity: Hashable
    unlinked: bool = False


class Entities:
    """The entities of one run.

    types      those that are asked for: of no others anything is learnt; None stands among them for hosts' addresses
    aliases    spellings of users that are one, and the name to call that one (from the site file)
    inventory  what the user knows of hosts' addresses
    """

    def __init__(
        self,
        files: FileKeys,
        types: Iterable[Entity | None] = (*Entity, None),
        *,
        aliases: Mapping[str, str] | None = None,
        inventory: Inventory | None = None,
    ) -> None:
        self.types = frozenset(types)
        self.files = files
        self.aliases = {spelling.casefold(): name for spelling, name in (aliases or {}).items()}
        self.hosts = HostAddresses(inventory)
        self.containers = Containers()
        self.instances = Instances()
        self.sessions = Sessions()
        self.logons = Members()

    # -- what is remembered ----------------------------------------

    def learn(self, event: Event) -> None:
        """Takes what an event shows of addresses, sessions and of where its process is."""
        types = self.types
        if types <= _TOLD:
            return
        if None in types:
            self.hosts.learn(event)
        if Entity.CONTAINER in types:
            self.containers.learn(event)
        if Entity.INSTANCE in types:
            self.instances.learn(event)
        if Entity.SESSION in types or Entity.IDENTITY in types:
            self._learn_session(event)

    def _learn_session(self, event: Event) -> None:
        if event.fields.get("event.outcome") == "failure":
            return
        kinds = event.kinds
        session, parent = self._session(event, "session.id"), self._session(event, "session.parent.id")
        if "spawn" in kinds:
            self.logons.join(event.process, session)
        if "signin" in kinds:
            opened = self.key(event, Entity.SESSION, "session.id")
            if isinstance(opened, EntityKey):
                self.sessions.open(opened, self.identity(event), parent, event.time)
        elif "signoff" in kinds:
            self.sessions.end(session, self.identity(event), event.host, event.time)
        elif session is not None and parent is not None:
            self.sessions.assume(session, self.identity(event), parent, event.time)
        elif session is not None:
            self.sessions.use(session, event.time)

    def forget(self, before: int) -> None:
        """Drop what ended before a moment, when no window can ask for it any more."""
        for memory in (self.hosts, self.containers, self.instances, self.sessions, self.logons):
            memory.forget(before)

    @property
    def held(self) -> int:
        """How much `forget` looks at."""
        places = len(self.hosts) + len(self.containers) + len(self.instances)
        return places + len(self.sessions) + len(self.logons)

    # -- what an event names ----------------------------------------

    def identity(self, event: Event) -> EntityKey | None:
        """The canonical user of an event."""
        return keys.identity(event, self.aliases)

    def actor(self, event: Event, field_set: str) -> Hashable | None:
        """Who acts, by the field set that a kind's `actor` names."""
        if field_set == "user":
            return self.identity(event)
        return event.actor if field_set.startswith("process") else None

    def key(self, event: Event, entity: Entity, field: str) -> Hashable | None:
        """The entity at a field of the event; None where there is none."""
        found = next(iter(self.keys(event, entity, field)), None)
        if found is None and entity is Entity.SESSION and "signin" in event.kinds:
            # a sign-in whose record does not number the session: it is this identity's from then on
            identity = self.identity(event)
            if identity is not None and event.fields.get("event.outcome") != "failure":
                return EntityKey.of(Entity.SESSION, f"{identity.name}@{event.time}", identity.host)
        return found

    def keys(self, event: Event, entity: Entity, field: str) -> tuple[Hashable, ...]:
        """The entities at a field of the event, which may be a list."""
        match entity:
            case Entity.PROCESS:
                row = {"process": event.process, "process.parent": event.parent, "process.target": event.target}
                process = row.get(field)
                return (process,) if process is not None else ()
            case Entity.IDENTITY:
                identity = self.identity(event)
                return (identity,) if identity is not None else ()
        value = event.fields.get(field)
        if entity is Entity.FILE or field in ("file.path", "exec.path"):  # a mounted volume is where it is mounted
            return tuple(self.files.keys(event, value))
        make = _MAKE.get(entity, keys.image if field == "container.image.name" else None)
        found = (EntityKey.of(entity, text) if make is None else make(event, text) for text in texts(value))
        return tuple(key for key in found if key is not None)

    def _session(self, event: Event, field: str) -> EntityKey | None:
        text = event.fields.get(field)
        return keys.session(event, text) if isinstance(text, str) and text else None

    # -- what an event hangs on ----------------------------------------

    def causes(self, event: Event, entity: Entity) -> tuple[Cause, ...]:
        """All of this type that may have caused the event; none where the type cannot act."""
        match entity:
            case Entity.PROCESS:
                return tuple(Cause(process) for process in ancestry(event.actor))
            case Entity.CONTAINER:
                return tuple(map(Cause, self.containers.causes(event)))
            case Entity.INSTANCE:
                return tuple(map(Cause, self.instances.causes(event)))
            case Entity.SESSION | Entity.IDENTITY:
                own, unlinked = self._acting_sessions(event)
                sessions = [Cause(one, unlinked or perhaps) for one, perhaps in self.sessions.up(own).items()]
                if entity is Entity.SESSION:
                    return tuple(sessions)
                return self._identities(event, sessions)
        return ()

    def _acting_sessions(self, event: Event) -> tuple[list[EntityKey], bool]:
        """The sessions that the event or its process names; else those that its identity has open, and True."""
        named = [self._session(event, "session.id"), self._session(event, "session.parent.id")]
        if named[0] is None or "spawn" in event.kinds:  # who starts a process may be of another session than the child
            named.append(self.logons.of(event.actor))
        found = [session for session in named if session is not None]
        if found:
            return found, False
        identity = self.identity(event)
        return (list(self.sessions.open_of(identity, event.host)) if identity is not None else []), True

    def _identities(self, event: Event, sessions: list[Cause]) -> tuple[Cause, ...]:
        """Who acts, and who opened the sessions."""
        found: dict[Hashable, bool] = {}
        identity = self.identity(event)
        if identity is not None:
            found[identity] = False
        for session, unlinked in sessions:
            assert isinstance(session, EntityKey)
            for opener in self.sessions.openers(session):
                found[opener] = found.get(opener, True) and unlinked
        return tuple(Cause(key, unlinked) for key, unlinked in found.items())

    def concerns(self, event: Event, entity: Entity, field: str = "") -> tuple[Hashable, ...]:
        """Those of this type that the event is about. `field`: where the step that introduced it has it, besides."""
        match entity:
            case Entity.CONTAINER:
                return self.containers.concerned(event)
            case Entity.INSTANCE:
                return self.instances.concerned(event)
            case Entity.PROCESS:
                return tuple(dict.fromkeys(p for p in (event.process, event.target) if p is not None))
            case Entity.IDENTITY:
                return self.keys(event, entity, field)
            case Entity.SESSION:
                named = (self._session(event, "session.id"), self._session(event, "session.parent.id"))
                return tuple(session for session in named if session is not None)
        fields = dict.fromkeys((field, *_ABOUT[entity]) if field else _ABOUT[entity])
        return tuple(dict.fromkeys(key for name in fields for key in self.keys(event, entity, name)))

    def source(self, event: Event, entity: Entity | None) -> tuple[Hashable, ...]:
        """Those of this type, or (None) the hosts, that had the event's source address at its time."""
        match entity:
            case Entity.CONTAINER:
                found: Hashable | None = self.containers.source(event)
            case Entity.INSTANCE:
                return self.instances.source(event)
            case None:
                # an outbound connection comes from where it was recorded
                is_own = not event.kinds.isdisjoint(OUTBOUND)
                found = event.host if is_own else self.hosts.host_of(event)
            case _:
                return ()
        return (found,) if found is not None else ()


_MAKE = {
    Entity.CONTAINER: keys.container,
    Entity.INSTANCE: keys.instance,
    Entity.SESSION: keys.session,
    Entity.MESSAGE: keys.message,
}
