"""Where an event happened: in which container, on which instance, by what it carries, by its process, by its address.

A record that carries an id is of that one, whatever its address. One that carries none is of the container that its
process is in, else of whoever had its source address then: a container's address counts on its own host, an instance's
within its account and network, and an interface is one instance's wherever it is. Called by `entities`.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from ..addresses import address, show
from ..event import Event
from ..intake.tenure import Tenures
from ..intake.whose import is_own
from ..process import Process
from . import keys
from .keys import EntityKey
from .lineage import ancestry
from .memo import Memo

# Records of these name the container that they are about; who acts is outside of it.
ABOUT_CONTAINERS = frozenset({"create", "start", "stop", "pull"})
OUTBOUND = frozenset({"connect", "egress"})
_INBOUND = ("ingress", "inbound")
_ANY = "*"  # stands for a record that names no network


def texts(value: Any) -> Iterable[str]:
    """The texts of a field that holds one or several."""
    return (v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, str) and v)


def _spelled(text: str) -> str | None:
    """An address in its shortest form; None where it is no address, or everybody's."""
    found = address(text)
    return show(found) if found is not None and is_own(show(found)) else None


_SPELLED = Memo(_spelled)


class Members:
    """Which entity a process is in: what its own records said, else where its nearest ancestor is."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._of: OrderedDict[Process, EntityKey] = OrderedDict()

    def join(self, process: Process | None, key: EntityKey | None) -> None:
        """Takes that a process is in an entity; without one, in its ancestor's."""
        if key is None and self._of:
            key = self.of(process)
        if process is None or key is None:
            return
        self._of.pop(process, None)
        self._of[process] = key
        if len(self._of) > self._most:
            self._of.popitem(last=False)

    def of(self, process: Process | None) -> EntityKey | None:
        if self._of:
            for one in ancestry(process):
                if (found := self._of.get(one)) is not None:
                    return found
        return None

    def forget(self, before: int) -> None:
        for process in [p for p in self._of if p.end is not None and p.end < before]:
            del self._of[process]

    def __len__(self) -> int:
        return len(self._of)


class Containers:
    """Containers by process and by address."""

    def __init__(self) -> None:
        self._members = Members()
        self._addresses = Tenures()

    def learn(self, event: Event) -> None:
        own = self.carried(event)
        # with `--network host` a container connects from its host's address, and so do all others: nobody's
        self._claim("host.ip", event.host, event)
        if "spawn" in event.kinds or (own is not None and event.kinds.isdisjoint(ABOUT_CONTAINERS)):
            self._members.join(event.process, own)
        if own is None:
            return
        self._claim("container.ip", own, event)
        if "connect" in event.kinds:
            self._claim("source.ip", own, event)
        if "stop" in event.kinds:
            self._addresses.release(own, event.time)

    def _claim(self, field: str, holder: EntityKey | str, event: Event) -> None:
        for text in texts(event.fields.get(field)):
            ip = _SPELLED[text]
            if ip is not None:
                self._addresses.claim((event.host, ip), holder, event.time)

    def carried(self, event: Event) -> EntityKey | None:
        """The container whose id the event carries."""
        text = event.fields.get("container.id")
        return keys.container(event, text) if isinstance(text, str) else None

    def causes(self, event: Event) -> tuple[EntityKey, ...]:
        """The containers that may have caused the event."""
        found = (self.carried(event), self._members.of(event.actor))
        if found == (None, None):
            found = (self.at(event, "source.ip"), None)
        return tuple(dict.fromkeys(key for key in found if key is not None))

    def source(self, event: Event) -> EntityKey | None:
        """The container that the event came from."""
        if not event.kinds.isdisjoint(OUTBOUND):
            found = self.carried(event) or self._members.of(event.process)
            if found is not None:
                return found
        return self.at(event, "source.ip")

    def concerned(self, event: Event) -> tuple[EntityKey, ...]:
        """The containers that the event is about."""
        found = self.carried(event) or self._members.of(event.process)
        either = (found,) if found is not None else (self.at(event, "source.ip"), self.at(event, "destination.ip"))
        return tuple(dict.fromkeys(key for key in either if key is not None))

    def at(self, event: Event, field: str) -> EntityKey | None:
        """The container that had an address of the event then."""
        text = event.fields.get(field)
        if not isinstance(text, str):
            return None
        found = self._addresses.holder((event.host, _SPELLED[text]), event.time)
        return found if isinstance(found, EntityKey) else None

    def forget(self, before: int) -> None:
        self._members.forget(before)
        self._addresses.forget(before)

    def __len__(self) -> int:
        return len(self._members) + len(self._addresses)


class Instances:
    """Cloud instances by interface and by address."""

    def __init__(self) -> None:
        self._interfaces = Tenures()
        self._addresses = Tenures()

    def learn(self, event: Event) -> None:
        own = self.carried(event)
        if own is None or event.fields.get("event.outcome") == "failure":
            return  # a launch that failed names what it would have had
        fields = event.fields
        account, network = _realm(event)
        for interface in texts(fields.get("cloud.interface.id")):
            self._interfaces.claim((account, interface), own, event.time)
        for field in ("cloud.instance.ip", "host.ip"):
            for text in texts(fields.get(field)):
                ip = _SPELLED[text]
                for realm in (network, _ANY) if ip is not None else ():
                    self._addresses.claim((account, realm, ip), own, event.time)

    def carried(self, event: Event) -> EntityKey | None:
        """The instance whose id the event carries."""
        text = event.fields.get("cloud.instance.id")
        return keys.instance(event, text) if isinstance(text, str) and text else None

    def causes(self, event: Event) -> tuple[EntityKey, ...]:
        """The instances that may have caused the event."""
        own = self.carried(event)
        if own is not None:
            return (own,)
        return () if event.fields.get("network.direction") in _INBOUND else self._seen_at(event)

    def source(self, event: Event) -> tuple[EntityKey, ...]:
        """The instances that the event came from."""
        if event.fields.get("network.direction") in _INBOUND:
            found = self.at(event, "source.ip")
            return (found,) if found is not None else ()
        own = self.carried(event)
        return (own,) if own is not None and not event.kinds.isdisjoint(OUTBOUND) else self._seen_at(event)

    def concerned(self, event: Event) -> tuple[EntityKey, ...]:
        """The instances that the event is about."""
        own = self.carried(event)
        if own is not None:
            return (own,)
        found = (*self._seen_at(event), self.at(event, "destination.ip"))
        return tuple(dict.fromkeys(key for key in found if key is not None))

    def _seen_at(self, event: Event) -> tuple[EntityKey, ...]:
        """The instances whose interface the event was seen at, else the one that had its source address."""
        account, _ = _realm(event)
        interfaces = tuple(texts(event.fields.get("cloud.interface.id")))
        holders = (self._interfaces.holder((account, one), event.time) for one in interfaces)
        found = tuple(dict.fromkeys(key for key in holders if isinstance(key, EntityKey)))
        if found:
            return found
        one = self.at(event, "source.ip")
        # private addresses are used over and over: where an instance's interfaces are known, another one is not its own
        return () if one is None or (interfaces and self._interfaces.has(one)) else (one,)

    def at(self, event: Event, field: str) -> EntityKey | None:
        """The instance that had an address of the event then, within its account and network."""
        text = event.fields.get(field)
        if not isinstance(text, str):
            return None
        account, network = _realm(event)
        for realm in (network, "") if network else (_ANY,):
            found = self._addresses.holder((account, realm, _SPELLED[text]), event.time)
            if isinstance(found, EntityKey):
                return found
        return None

    def forget(self, before: int) -> None:
        self._interfaces.forget(before)
        self._addresses.forget(before)

    def __len__(self) -> int:
        return len(self._interfaces) + len(self._addresses)


def _realm(event: Event) -> tuple[str, str]:
    """The account and the network of an event; empty where they are not named."""
    account, network = (event.fields.get(field) for field in ("cloud.account.id", "cloud.network.id"))
    return account if isinstance(account, str) else "", network if isinstance(network, str) else ""
