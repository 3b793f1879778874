"""Whose record it is that names no host: the host that had its source address then, or that has its container.

A network sensor names no host. What is known of addresses comes from an inventory (`--inventory`), which decides where
it speaks, else from what hosts show to be theirs: `host.ip`, and the source of their own outbound connections. A
container engine's events name no host either, but a container, which the host's own sensor names too. Called by
`intake` for records without a host, and by matching for `from host`.
"""

import re
from collections import OrderedDict
from ipaddress import ip_address

from chainrun.engine.event import Event
from chainrun.engine.formats.values import Known

from .inventory import Inventory
from .tenure import Tenures


class HostAddresses:
    """Which host had which address, when."""

    def __init__(self, inventory: Inventory | None = None, most: int = 100_000) -> None:
        self._inventory = inventory
        self.tenures = Tenures(most)
        self._is_own = Known(is_own)

    def learn(self, event: Event) -> None:
        """Takes the addresses that an event shows its host to have."""
        if not event.host:
            return
        fields = event.fields
        # The source of an outbound connection is this host; of an inbound one, or of a sign-in, somebody else; of a
        # container's connection, the container.
        if (
            "connect" in event.kinds
            and (source := fields.get("source.ip")) is not None
            and "container.id" not in fields
        ):
            self._claim(source, event)
        if (own := fields.get("host.ip")) is not None:
            for address in own if isinstance(own, tuple) else (own,):
                self._claim(address, event)

    def host_of(self, event: Event) -> str | None:
        """The host that had the event's source address at its time."""
        source = event.fields.get("source.ip")
        if not isinstance(source, str):
            return None
        return self.holder(source, event.time, event.fields.get("cloud.account.id"))

    def holder(self, address: str, at: int, account: object = None) -> str | None:
        """The host that had an address at a moment."""
        if self._inventory is not None:
            host = self._inventory.host_at(address, at, account)
            if host is not None:
                return host
        found = self.tenures.holder(address, at)
        return found if isinstance(found, str) else None

    def forget(self, before: int) -> None:
        """Drop what was known of the time before a moment."""
        self.tenures.forget(before)

    def __len__(self) -> int:
        return len(self.tenures)

    def _claim(self, address: object, event: Event) -> None:
        if isinstance(address, str) and self._is_own[address]:
            self.tenures.claim(address, event.host, event.time)


_ID = re.compile("[0-9a-f]{12,64}")


class ContainerHosts:
    """Which host has which container, as the records show that name both. Of more than `most` containers the one named
    first is forgotten; one that two hosts claim is nobody's."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._hosts: OrderedDict[str, str | None] = OrderedDict()

    def learn(self, event: Event) -> None:
        """Takes the container that an event of a known host names."""
        id = _short(event)
        if id is None or not event.host:
            return
        known = self._hosts.setdefault(id, event.host)
        if known != event.host:
            self._hosts[id] = None
        if len(self._hosts) > self._most:
            self._hosts.popitem(last=False)

    def host_of(self, event: Event) -> str | None:
        """The host of the container that an event names."""
        id = _short(event)
        return None if id is None else self._hosts.get(id)


def _short(event: Event) -> str | None:
    """What all spellings of a container's id begin with: they have from 12 to 64 digits."""
    id = event.fields.get("container.id")
    return id[:12] if isinstance(id, str) and _ID.fullmatch(id) else None


def is_own(address: str) -> bool:
    """Whether an address tells one from another: loopback and link-local ones are everybody's."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast)


def is_told_by_others(event: Event) -> bool:
    """Whether other records may tell whose it is: one of a container, or a network sensor's, which names no process."""
    fields = event.fields
    if "container.id" in fields:
        return True
    return "source.ip" in fields and not any(
        field in fields for field in ("process.entity_id", "process.pid", "process.name", "process.executable")
    )
