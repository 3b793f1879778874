r"""From a test's lines to events: what a line says, and what it leaves to be understood.

    0s  open   Safari            pid=10
    8s  spawn  /bin/zsh          pid=11 ppid=10     the parent is called Safari; the start is an exec of /bin/zsh too
    9s  egress 203.0.113.9:443   pid=11             the process is called zsh

What is filled in is what a record of that kind would say too: names of processes from earlier lines, the parts of a
path, what an event also is; `~` and `%TEMP%` are a user's folders on the analytic's platform. It is never more than
that, so that a test of what telemetry lacks can be written. Called by `trial`.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from chainrun.dsl.model import Analytic, TestLine
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import vocabulary

from .. import paths
from ..event import Event, Origin
from ..formats.command_line import split
from ..intake.code_files import code_files, documents
from ..intake.kinds import complete
from ..intake.names import Names
from ..match.locations import places
from .samples import fill, unmet

BEGIN = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC, a Thursday
HOST = "host"
ACCOUNT = "account"
TESTED = "test"  # the format of every event of a test: a source that is known since ever

# What a record of one kind also shows, besides what `intake` finds in its fields.
_ALSO = {"spawn": ("exec",), "exec": ("spawn",), "egress": ("connect",)}
_OUTCOMES = frozenset({"call", "signin"})  # kinds that take both outcomes, and whose records say which
_TIMES = frozenset(name for name, field in vocabulary().fields.items() if field.type is ValueType.TIME)
_PROCESSES = ("process", "process.parent", "process.target")


class Lines(msgspec.Struct, frozen=True):
    """The events of some lines, in order, and what is wrong with lines, by their numbers."""

    events: list[Event]
    faults: tuple[tuple[int, str], ...] = ()


def read_lines(lines: tuple[TestLine, ...], analytic: Analytic, begin: int = BEGIN) -> Lines:
    """The events of lines whose times count from `begin`; a line with a time alone is an event that is nothing."""
    os = next((p for p in analytic.platforms if p in paths.PLATFORMS), "linux")
    hostless = bool(analytic.platforms) and all(p in vocabulary().scopes for p in analytic.platforms)
    filled = _Filled(os, begin, ACCOUNT if hostless else None)
    names = Names()
    events: list[Event] = []
    faults: list[tuple[int, str]] = []
    for line in sorted(lines, key=lambda line: line.at):
        if not line.parts:
            events.append(tick(begin + line.at))
            continue
        event = filled.event(line)
        for part in line.parts:
            faults += ((line.line, f"this is no `{part.kind.name}`, in which {so}") for so in unmet(part, event))
        names.apply(event)
        events.append(event)
    return Lines(numbered(events), tuple(faults))


def tick(at: int) -> Event:
    """An event that is nothing, of nobody: with it time has come so far."""
    return Event(at, frozenset(), {}, host="clock", origin=Origin(TESTED, 0, 0), format=TESTED)


def numbered(events: list[Event]) -> list[Event]:
    """The events, each knowing its place in the order."""
    for order, event in enumerate(events):
        event.order = order
    return events


class _Filled:
    """Lines filled in, one after another; processes keep the names that lines gave their pids."""

    def __init__(self, os: str, begin: int, account: str | None) -> None:
        self.os = os
        self.begin = begin
        self.account = account
        self.names: dict[tuple[str, Any], str] = {}

    def event(self, line: TestLine) -> Event:
        fields: dict[str, Any] = dict(line.fields)
        os = fields.get("host.os.type", self.os)
        os = os if isinstance(os, str) else self.os
        host = line.host or HOST
        kinds = frozenset(part.base for part in line.parts)
        kinds |= {also for kind in kinds for also in _ALSO.get(kind, ())}
        for name in fields.keys() & _TIMES:
            fields[name] += self.begin
        self._settle(fields, os)
        for part in line.parts:
            fill(part, fields)
        self._settle(fields, os)  # what was filled in has its own parts
        if "resolve" in kinds and "destination.domain" in fields:
            fields.setdefault("dns.question.name", fields["destination.domain"])
        self._name(fields, host)
        fields.setdefault("host.name", host)
        if self.account is not None:
            fields.setdefault("cloud.account.id", self.account)
        if not kinds.isdisjoint(_OUTCOMES):
            fields.setdefault("event.outcome", "success")
        kinds = complete(kinds, fields, host, host)
        if not kinds.isdisjoint({"exec", "open"}):
            _code(fields, kinds, os)
        return Event(
            self.begin + line.at,
            kinds,
            fields,
            host=host,
            os=os,
            origin=Origin(TESTED, line.line, 0),
            format=TESTED,
            raw=msgspec.json.encode(dict(line.record)) if line.record else line.text.encode(),
        )

    def _settle(self, fields: dict[str, Any], os: str) -> None:
        """Places as records have them, and the fields that are parts of others."""
        known = vocabulary()
        user = str(fields.get("user.name", "user")).rpartition("\\")[2]
        for name, value in list(fields.items()):
            type_ = known.fields[name].type if name in known.fields else ValueType.TEXT
            if type_ in (ValueType.PATH, ValueType.PROGRAM):
                many = isinstance(value, tuple)
                placed = tuple(_placed(v, os, user) for v in (value if many else (value,)))
                fields[name] = placed if many else placed[0]
        for name, value in _parts(fields, os):
            fields.setdefault(name, value)

    def _name(self, fields: dict[str, Any], host: str) -> None:
        for who in _PROCESSES:
            pid, name = fields.get(f"{who}.pid"), fields.get(f"{who}.name")
            if pid is None:
                continue
            if name is not None:
                self.names[host, pid] = name
            elif (host, pid) in self.names:
                fields[f"{who}.name"] = self.names[host, pid]


def _placed(value: str, os: str, user: str) -> str:
    r"""`~/Downloads/a` as the user's: /home/user/Downloads/a, C:\Users\user\Downloads\a."""
    found = places(value, os)
    if not found or found[0] == value:
        return value
    place = found[0].replace("?:", "C:", 1).replace("*", user, 1)
    return place.replace("/", "\\") if os == "windows" else place


def _parts(fields: dict[str, Any], os: str) -> Iterator[tuple[str, Any]]:
    """What fields say besides, as `intake` reads it off a record's."""
    for who in _PROCESSES:
        if (executable := fields.get(f"{who}.executable")) is not None:
            yield f"{who}.name", paths.name(executable, os)
        if (command_line := fields.get(f"{who}.command_line")) is not None:
            yield f"{who}.args", split(command_line, os)
    if (path := fields.get("file.path")) is not None:
        name = paths.name(path, os)
        yield "file.name", name
        yield "file.directory", path[: len(path) - len(name)].rstrip("\\/") or path[:1]
        stem, _, extension = name.rpartition(".")
        if stem and extension:
            yield "file.extension", extension if os == "linux" else extension.lower()
    if (url := fields.get("url.full")) is not None:
        site = urlsplit(url)
        if site.hostname:
            yield "url.domain", site.hostname
        if site.path:
            yield "url.path", site.path


def _code(fields: dict[str, Any], kinds: frozenset[str], os: str) -> None:
    """The files that a start runs, what the line names, its image, its interpreter's script; and those it was given."""
    if "load" in kinds and (library := fields.get("file.path")) is not None:
        fields.setdefault("exec.path", (library,))
    image = fields.get("process.executable")
    words = fields.get("process.args") or ()
    found = code_files((image or fields.get("process.name") or "", *words[1:]), os, None)
    files = (fields.get("file.path"), image, *found) if "spawn" in kinds else ()
    known = tuple(dict.fromkeys(f for f in files if f is not None))
    if known:
        fields.setdefault("exec.path", known)
    if not kinds.isdisjoint({"spawn", "open"}) and (opened := documents(words, os, None)):
        fields.setdefault("open.path", opened)
