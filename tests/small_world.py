"""Which chains and streams the oracle can judge: those of its small world, where everything has one spelling.

Words are exact and mean one value: no wildcards, no folders with files beneath, no addresses. A process is its host and pid,
known from its start on or never seen starting, and of one name in all its events. What acts is a process or a user.
"""

from collections.abc import Iterator

import msgspec
from chainrun.dsl import model
from chainrun.engine.event import Event

FUNCTIONS = {"exists", "at_least", "length"}
OPERATORS = {"and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "+", "-", "*", "/"}
PROCESSES = ("process", "process.parent")


def is_small_world(chain: model.Chain, events: list[Event]) -> bool:
    """Whether the oracle's answer is that of the language."""
    return (
        all(_is_plain(node, events) for node in _nodes(chain))
        and all(_has_a_process(event) for event in events if "spawn" in event.kinds)
        and not any("rename" in event.kinds for event in events)
        and _are_plain_processes(events)
    )


def _nodes(value: object) -> Iterator[object]:
    yield value
    parts: tuple[object, ...] = ()
    if isinstance(value, tuple):
        parts = value
    elif isinstance(value, msgspec.Struct) and not isinstance(value, model.Kind):
        parts = tuple(getattr(value, name) for name in value.__struct_fields__)
    for part in parts:
        yield from _nodes(part)


def _is_plain(node: object, events: list[Event]) -> bool:
    match node:
        case model.Word():
            beneath = node.text.rstrip("/") + "/"
            paths = [p for e in events for p in (e.fields.get("file.path"), *e.fields.get("exec.path", ()))]
            inside = any(p is not None and p.startswith(beneath) for p in paths)
            return not set(node.text) & set("*?~%\\ :") and not node.text[:1].isdigit() and not inside
        case model.Argument():
            domains = all("destination.domain" in e.fields for e in events if "egress" in e.kinds)
            asks = node.target.field in ("destination", "source", "destination.ip", "source.ip")
            return node.target.field[:1] != "<" and (not asks or (node.target.field == "destination" and domains))
        case model.Link():
            return node.word != "from"
        case model.Part():
            introduces = node.kind.introduces
            known = introduces is None or introduces.field in ("process", "file.path")
            return known and node.kind.actor in (None, "user", *PROCESSES)
        case model.Field() | model.CaptureField():
            return not node.name.startswith("labels.")  # of whatever type
        case model.Call():
            return node.function in FUNCTIONS
        case model.Binary():
            return node.op in OPERATORS
        case model.RawField() | model.Lookup():
            return False
    return True


def _has_a_process(event: Event) -> bool:
    return "process.pid" in event.fields and "process.parent.pid" in event.fields


def _are_plain_processes(events: list[Event]) -> bool:
    """Whether pids are processes: none reused, none seen before its start, all named always or never."""
    names: dict[tuple[str, int], set[str | None]] = {}
    ended: set[tuple[str, int]] = set()
    for event in events:
        if "process.entity_id" in event.fields:
            return False
        for who in PROCESSES:
            pid = event.fields.get(f"{who}.pid")
            if pid is None:
                continue
            process = event.host, pid
            starts = who == "process" and "spawn" in event.kinds
            if process in ended or (starts and process in names):
                return False
            names.setdefault(process, set()).add(event.fields.get(f"{who}.name"))
        if "exit" in event.kinds and "process.pid" in event.fields:
            ended.add((event.host, event.fields["process.pid"]))
    return all(len(known) == 1 for known in names.values())
