"""What happened, in words: one event's canonical fields as a sentence that an analyst would write.

A table of templates a kind, the first whose places are all known is taken; a place is a field or a field set (`process`
is its name and pid). Everything that is put in has been escaped and shortened. Called by `text`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .escape import excerpt

Fields = Mapping[str, Any]

NAME_LIMIT = 60
PATH_LIMIT = 100

# `{process.parent}` and its like are entities (below), every other place a canonical field.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "open": (
        "{process} was open, started by {process.parent}",
        "{process} was open, at {file.path}",
        "{process} was open",
    ),
    "crash": ("{process} crashed",),
    "write": ("{process} wrote {file.path}", "{file.path} was written"),
    "read": ("{process} read {file.path}", "{file.path} was read"),
    "delete": ("{process} deleted {file.path}", "{file.path} was deleted"),
    "rename": (
        "{process} renamed {file.previous_path} to {file.path}",
        "{process} renamed {file.path}",
        "{file.path} was renamed",
    ),
    "mount": ("{process} mounted {file.path}", "{file.path} was mounted"),
    "spawn": ("{process.parent} started {process}", "{process} was started"),
    "fork": ("{process.parent} split in two", "{process} was split off"),
    "exec": (
        "{process.parent} started {process}, which ran {file.path}",
        "{process} ran {file.path}",
        "{file.path} was run",
        "{process} was started",
    ),
    "load": ("{process} loaded {file.path}", "{file.path} was loaded"),
    "egress": (
        "{process} asked for the name {dns.question.name}",
        "{process} connected to {destination}",
        "{source} connected to {destination}",
        "a connection went to {destination}",
        "the name {dns.question.name} was asked for",
    ),
    "accept": ("{process} accepted a connection from {source}", "a connection came from {source}"),
    "visit": ("{process} fetched {url.full}", "{user} fetched {url.full}", "{url.full} was fetched"),
    "download": (
        "{process} fetched {file.path} from {url.full}",
        "{process} fetched {file.path}",
        "{user} fetched {file.path}",
        "{process} fetched {url.full}",
        "{file.path} was fetched",
    ),
    "mail": (
        "{email.from.address} sent “{email.subject}” to {user}",
        "{email.from.address} sent “{email.subject}”",
        "{email.from.address} sent a message",
    ),
    "access": ("{process} opened {process.target}",),
    "inject": ("{process} ran code in {process.target}",),
    "registry": (
        "{process} set {registry.path} to {registry.data.strings}",
        "{process} set {registry.path}",
        "{registry.path} was set",
    ),
    "gatekeeper": (
        "{event.action}: {file.path} of {process}",
        "{event.action}: {file.path}",
        "{event.action}: {process}",
        "{event.action}",
    ),
    "detect": (
        "“{rule.name}” was detected in {process}",
        "“{rule.name}” was detected in {file.path}",
        "“{rule.name}” was detected",
    ),
    "pull": (
        "{process} pulled {container.image.name}",
        "{user} pulled {container.image.name}",
        "{container.image.name} was pulled",
    ),
    "create": ("{process} created {container}", "{user} created {container}", "{container} was created"),
    "start": ("{process} started {container}", "{user} started {container}", "{container} was started"),
    "stop": ("{process} stopped {container}", "{user} stopped {container}", "{container} was stopped"),
    "launch": (
        "{user} launched {cloud.instance.id} from {cloud.image.id}",
        "{user} launched {cloud.instance.id}",
        "{cloud.instance.id} was launched",
    ),
    "makeimage": ("{user} made the image {cloud.image.id}", "the image {cloud.image.id} was made"),
    "call": (
        "{user} called {event.action}: {event.outcome}",
        "{user} called {event.action}",
        "{event.action} was called",
    ),
    "command": ("{user} entered {process.command_line}", "{process.command_line} was entered"),
    "signin": (
        "{user} signed in from {source}: {event.outcome}",
        "{user} signed in from {source}",
        "{user} signed in: {event.outcome}",
        "{user} signed in",
    ),
    "signoff": ("{user} signed off",),
    "consent": ("{user} gave consent",),
    "exit": ("{process} ended with {process.exit_code}", "{process} ended"),
}
TEMPLATES["connect"] = TEMPLATES["resolve"] = TEMPLATES["egress"]

# Kinds that a chain file declares, `event`, and records that lack what their kind should have.
ANY = (
    "{process.parent} started {process}",
    "{process}: {file.path}",
    "{process}: {registry.path}",
    "{process}: {destination}",
    "{user}: {event.action}",
    "{process}: {event.action}",
    "{process}",
    "{container}",
    "{user}",
    "{destination}",
    "{file.path}",
    "{event.action}",
    "{event.code}",
)

# Kinds whose command line says more than their sentence does.
_RUNS = frozenset({"spawn", "exec", "open", "event"})

_PLACE = re.compile(r"\{([a-z_.]+)\}")


def phrase(kind: str, fields: Fields) -> str:
    """The event as a sentence without a full stop."""
    for template in (*TEMPLATES.get(kind, ()), *ANY):
        values = {place: _value(place, fields) for place in _PLACE.findall(template)}
        if all(values.values()):
            return _PLACE.sub(lambda m, values=values: values[m.group(1)], template)  # type: ignore[misc]
    return "something happened"


def command_line(kind: str, fields: Fields, limit: int) -> str | None:
    """The command line of a step that ran something, shortened to `limit` characters; None where there is none."""
    line = fields.get("process.command_line")
    if line is None or (kind in TEMPLATES and kind not in _RUNS):
        return None
    return excerpt(line, limit)


def _value(place: str, fields: Fields) -> str:
    """What stands at a place of a template; empty where the event does not say."""
    if place in _ENTITIES:
        return _ENTITIES[place](fields)
    value = fields.get(place)
    if value is None or value == "" or value == []:
        return ""
    text = ", ".join(map(str, value[:5])) if isinstance(value, list | tuple) else value
    return excerpt(text, PATH_LIMIT)


def _process(field_set: str) -> Callable[[Fields], str]:
    def show(fields: Fields) -> str:
        name = fields.get(f"{field_set}.name") or base_name(str(fields.get(f"{field_set}.executable") or ""))
        pid = fields.get(f"{field_set}.pid")
        if not name:
            return f"process {excerpt(pid, NAME_LIMIT)}" if pid is not None else ""
        return excerpt(name, NAME_LIMIT) + (f" ({excerpt(pid, 20)})" if pid is not None else "")

    return show


def _endpoint(field_set: str) -> Callable[[Fields], str]:
    def show(fields: Fields) -> str:
        name, address, port = (fields.get(f"{field_set}.{part}") for part in ("domain", "ip", "port"))
        if not name and not address:
            return ""
        shown = excerpt(address, NAME_LIMIT) if address else excerpt(name, NAME_LIMIT)
        if port is not None:
            shown = f"[{shown}]:{port}" if ":" in shown else f"{shown}:{excerpt(port, 20)}"
        return f"{excerpt(name, NAME_LIMIT)} ({shown})" if name and address else shown

    return show


def _user(fields: Fields) -> str:
    name = fields.get("user.name") or fields.get("user.email") or fields.get("user.id")
    domain = fields.get("user.domain")
    shown = excerpt(name or "", NAME_LIMIT)
    return f"{excerpt(domain, NAME_LIMIT)}\\{shown}" if shown and domain and "\\" not in shown else shown


def _container(fields: Fields) -> str:
    name = fields.get("container.name") or str(fields.get("container.id") or "")[:12]
    image = fields.get("container.image.name")
    if not name:
        return f"a container of {excerpt(image, NAME_LIMIT)}" if image else ""
    return f"container {excerpt(name, NAME_LIMIT)}" + (f" of {excerpt(image, NAME_LIMIT)}" if image else "")


def base_name(path: str) -> str:
    """The last part of a path of any platform."""
    return path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]


_ENTITIES: dict[str, Callable[[Fields], str]] = {
    "process": _process("process"),
    "process.parent": _process("process.parent"),
    "process.target": _process("process.target"),
    "destination": _endpoint("destination"),
    "source": _endpoint("source"),
    "user": _user,
    "container": _container,
}


def _fields() -> frozenset[str]:
    """The fields behind every place of every template."""
    of = {
        "destination": ("domain", "ip", "port"),
        "source": ("domain", "ip", "port"),
        "user": ("name", "email", "id", "domain"),
        "container": ("name", "id", "image.name"),
    }
    process = ("name", "executable", "pid")
    places = {p for row in (*TEMPLATES.values(), ANY) for t in row for p in _PLACE.findall(t)}
    found = {"process.command_line"}
    for place in places:
        parts = of.get(place, process) if place in _ENTITIES else ()
        found |= {f"{place}.{part}" for part in parts} or {place}
    return frozenset(found)


# The canonical fields that a phrase may show: a run has them decoded, whatever its chains ask for.
FIELDS = _fields()
