"""Trials of a chain: the events of its `test` blocks, made from compact lines, and what they raise.

A line is a time, a kind, the kind's positional value and `field=value` pairs; the rest is filled in here: names of
processes from earlier lines, what an event also is, the host. Used by the project's own scripts.
"""

import ipaddress
from typing import Any

from chainrun.dsl import tree
from chainrun.dsl.model import Analytic
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import vocabulary

from ..engine import Engine
from ..event import Event, Origin
from ..intake.kinds import is_open_start
from ..report.alert import Alert

# The first moment of every trial; its date means nothing.
BEGIN = 1_767_225_600_000_000

SHORT = {
    "pid": "process.pid",
    "ppid": "process.parent.pid",
    "name": "process.name",
    "parent": "process.parent.name",
    "user": "user.name",
    "path": "file.path",
    "port": "destination.port",
}

# What a line of one kind also is, besides what the vocabulary derives from it.
ALSO = {
    "spawn": ("exec",),
    "exec": ("spawn",),
    "egress": ("connect",),
    "connect": ("egress",),
    "resolve": ("egress",),
    "crash": ("open",),
}


def raised(analytic: Analytic, test: tree.Test, os: str | None = None) -> list[Alert]:
    """The alerts that a test block's events raise, in order."""
    engine = Engine([analytic], evidence=1_000_000, raw=False)
    platform = os or next((p for p in analytic.platforms if p in ("windows", "linux", "macos")), "linux")
    return list(engine.run(events(test.lines, platform)))


def events(lines: tuple[tree.TestLine, ...], os: str) -> list[Event]:
    """The events of a test's lines, ordered by time; lines with a time alone make none."""
    names: dict[tuple[str, int], str] = {}
    made = [_event(number, line, os, names) for number, line in enumerate(lines, 1) if line.kind is not None]
    made.sort(key=lambda e: e.time)
    for order, event in enumerate(made):
        event.order = order
    return made


def _event(number: int, line: tree.TestLine, os: str, names: dict[tuple[str, int], str]) -> Event:
    assert line.kind is not None
    kinds = set(line.kind.split("+"))
    for kind in tuple(kinds):
        kinds.update(ALSO.get(kind, ()))
    fields: dict[str, Any] = {}
    host = "host"
    for name, value in line.pairs:
        if name == "host":
            host = value
        else:
            field = SHORT.get(name, name)
            fields[field] = _typed(field, value)
    if line.positional is not None:
        _positional(fields, line.kind.split("+")[0], line.positional, os)
    _name_processes(fields, kinds, host, names)
    if "exec" in kinds and "exec.path" not in fields:
        paths = [fields.get("file.path"), fields.get("process.executable")]
        fields["exec.path"] = tuple(p for p in paths if p is not None)
    event = Event(BEGIN + line.at, frozenset(kinds), fields, host=host, os=os, origin=Origin("test", number, 0))
    event.raw = line.text.encode()
    return event


def _positional(fields: dict[str, Any], kind: str, value: str, os: str) -> None:
    target = vocabulary().kinds[kind].tests
    assert target is not None, f"`{kind}` takes no value"
    if target.type is ValueType.PROGRAM:
        separator = "\\" if os == "windows" else "/"
        fields[f"{target.field}.name"] = value.rsplit(separator, 1)[-1]
        if separator in value:
            fields[f"{target.field}.executable"] = value
    elif target.type is ValueType.DESTINATION:
        address, port = _destination(value)
        if port is not None:
            fields[f"{target.field}.port"] = port
        try:
            fields[f"{target.field}.ip"] = str(ipaddress.ip_address(address))
        except ValueError:
            fields[f"{target.field}.domain"] = address
    elif target.field == "exec.path":
        fields["exec.path"] = (value,)
    else:
        fields[target.field] = _typed(target.field, value)


def _destination(value: str) -> tuple[str, int | None]:
    """`203.0.113.9:443` or `evil.example`; an address of version 6 stands alone."""
    host, _, port = value.rpartition(":")
    return (host, int(port)) if host and port.isdecimal() and ":" not in host else (value, None)


def _name_processes(fields: dict[str, Any], kinds: set[str], host: str, names: dict[tuple[str, int], str]) -> None:
    """A process keeps the name that an earlier line gave its pid."""
    pid, parent = fields.get("process.pid"), fields.get("process.parent.pid")
    if pid is not None:
        if "process.name" in fields:
            names[host, pid] = fields["process.name"]
        elif (host, pid) in names:
            fields["process.name"] = names[host, pid]
    if parent is not None and "process.parent.name" not in fields and (host, parent) in names:
        fields["process.parent.name"] = names[host, parent]
    if "spawn" in kinds and is_open_start(fields.get("process.name"), fields.get("process.parent.name")):
        kinds.add("open")


def _typed(field: str, value: str) -> Any:
    known = vocabulary().fields.get(field)
    if known is None:
        return value
    single: Any = value
    if known.type in (ValueType.NUMBER, ValueType.BYTES):
        single = int(value)
    elif known.type is ValueType.BOOLEAN:
        single = value == "true"
    return (single,) if known.many else single
