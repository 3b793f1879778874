"""Names: what an address was called. A connection gets the domain that its process, else its host, last resolved to
that address. Called by `intake`, once events are in order.
"""

from collections import OrderedDict

from chainrun.engine.event import Event

_Key = tuple[str, object, str]  # host, process or None, address


class Names:
    """The name last resolved to an address, by process and by host; the oldest answers are forgotten beyond `most`."""

    def __init__(self, most: int = 30_000) -> None:
        self._most = most
        self._names: OrderedDict[_Key, str] = OrderedDict()
        # of a host's pids, counted: a pid starts anew when reused
        self._starts: OrderedDict[tuple[str, object], int] = OrderedDict()
        self._started = 0

    def apply(self, event: Event) -> None:
        """Remembers the answers of a `resolve`; gives a `connect` without a domain the name of its address."""
        if "spawn" in event.kinds and (pid := event.fields.get("process.pid")) is not None:
            self._started += 1
            self._starts.pop((event.host, pid), None)
            self._starts[event.host, pid] = self._started
            if len(self._starts) > self._most:
                self._starts.popitem(last=False)
        if "resolve" in event.kinds:
            self._remember(event)
        if "connect" in event.kinds and event.fields.get("destination.domain") is None:
            name = self._name_of(event)
            if name is not None:
                event.fields["destination.domain"] = name

    def _remember(self, event: Event) -> None:
        name = event.fields.get("dns.question.name")
        answers = event.fields.get("dns.resolved_ip")
        if not isinstance(name, str) or not name or answers is None:
            return
        owners = (*self._owners(event), None)
        for address in answers if isinstance(answers, tuple) else (answers,):
            if not isinstance(address, str):
                continue
            for owner in owners:
                key = (event.host, owner, address)
                self._names.pop(key, None)  # so that it is the youngest
                self._names[key] = name
        while len(self._names) > self._most:
            self._names.popitem(last=False)

    def _name_of(self, event: Event) -> str | None:
        address = event.fields.get("destination.ip")
        if not isinstance(address, str):
            return None
        for owner in (*self._owners(event), None):
            name = self._names.get((event.host, owner, address))
            if name is not None:
                return name
        return None

    def _owners(self, event: Event) -> tuple[object, ...]:
        """A process by its id and by its pid: a host's sources do not all know both."""
        entity_id, pid = event.fields.get("process.entity_id"), event.fields.get("process.pid")
        if pid is not None:
            pid = (pid, self._starts.get((event.host, pid)))
        return tuple(owner for owner in (entity_id, pid) if owner is not None)
