"""Whose near misses are asked for: `pid=4312`, `name=winword.exe`, `path=C:\\Users\\jane\\Downloads\\a.js`.

An event fits if its process, who acted in it, who it was done to, or the file that it is about is so. Called by `why`.
"""

from enum import StrEnum

import msgspec

from ..event import Event
from ..process import Process
from ..report.phrase import base_name

_PROCESSES = ("process", "process.parent", "process.target")


class Attribute(StrEnum):
    PID = "pid"
    NAME = "name"
    PATH = "path"


class EntityFilter(msgspec.Struct, frozen=True):
    """One entity. Names and paths are compared without regard to case."""

    attribute: Attribute
    value: str

    def fits(self, event: Event, process: Process | None) -> bool:
        """Whether the event, which a step takes to be about a process, has to do with it."""
        rows = [row for row in (process, event.process, event.actor, event.target) if row is not None]
        match self.attribute:
            case Attribute.PID:
                fields = [event.fields.get(f"{name}.pid") for name in _PROCESSES]
                return self.value in map(str, (*fields, *(row.pid for row in rows)))
            case Attribute.NAME:
                found = [event.fields.get(f"{name}.{part}") for name in _PROCESSES for part in ("name", "executable")]
                names = {base_name(str(name)).casefold() for name in (*found, *(row.name for row in rows)) if name}
                return self.value.casefold() in names
            case Attribute.PATH:
                paths = [event.fields.get(name) for name in ("file.path", "file.previous_path", "exec.path")]
                paths += [event.fields.get(f"{name}.executable") for name in _PROCESSES]
                flat = [one for path in paths for one in (path if isinstance(path, tuple) else (path,))]
                return self.value.casefold() in {str(path).casefold() for path in flat if path}
