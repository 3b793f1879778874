"""Who started whom: one process table a host.

A process's identity is the telemetry's own stable id (ProcessGuid, entity id) or, without one, its pid between its
start and its end or the pid's reuse. Sources that name one process differently meet in one row. `place` says whose
event an event is; ancestors are walked on look-up and never copied down, so that a fork bomb or a late start costs
nothing.

A process that starts another program in its own place (exec without fork) stays the same process: what it did before
and does after is one subject's doing, though some sources give it another id.
"""

from collections.abc import Hashable, Iterator
from typing import TypeVar

from ..event import Event
from ..intake.kinds import is_open_start
from ..process import Process
from .recent import Recent

K = TypeVar("K", bound=Hashable)

TARGETED = frozenset({"inject", "access"})
STARTS = frozenset({"spawn", "fork", "start-again"})
SECOND = 1_000_000

# Two records of one start may differ by this much: one source may write whole seconds.
SAME_START = 2 * SECOND

# A host that was silent for longer than this, and than any window, is gone or has been started anew.
SILENT = 7 * 86_400 * SECOND

# Names are easily forged: of more hosts, and of more processes of one, those that were not heard of for longest go.
MOST_HOSTS = 100_000
MOST_ROWS = 50_000

# A walk up stops here; real ancestries are below a hundred, a forged one must not cost more than this.
DEPTH_LIMIT = 4096


def ancestry(process: Process | None) -> Iterator[Process]:
    """The process itself, its parent, and so on up."""
    for _ in range(DEPTH_LIMIT):
        if process is None:
            return
        yield process
        process = process.parent


def line(process: Process | None) -> list[Process]:
    """The same as a list (a third of the time that a generator takes)."""
    found: list[Process] = []
    while process is not None and len(found) < DEPTH_LIMIT:
        found.append(process)
        process = process.parent
    return found


class Lineage:
    """The process tables of all hosts. Printable: `str(lineage)` draws every host's forest."""

    def __init__(self) -> None:
        self.hosts: Recent[str, _Host] = Recent(MOST_HOSTS)
        self.count = 0

    def place(self, event: Event) -> None:
        """Set the event's `process`, `parent` and `actor`, creating and filling rows as needed."""
        host = self.hosts.use(event.host)
        if host is None:
            host = self.hosts[event.host] = _Host(self, event.host)
        host.last = event.time
        host.place(event)

    def forget(self, before: int) -> None:
        """Drop the rows of processes that ended before a moment, when no window can ask for them any more. What still
        refers to one, a child or a partial match, keeps it. Of hosts that are gone nothing is left."""
        for name, host in list(self.hosts.items()):
            host.forget(before)
            if not (host.by_id or host.by_pid) or host.last < before - SILENT:
                del self.hosts[name]

    @property
    def held(self) -> int:
        """How much `forget` looks at."""
        return sum(1 + len(host.by_id) + len(host.by_pid) + len(host.by_name) for host in self.hosts.values())

    def __str__(self) -> str:
        lines = []
        for name, host in sorted(self.hosts.items()):
            lines.append(name)
            for row in host.rows():
                depth = sum(1 for _ in ancestry(row.parent))
                lines.append(f"{'  ' * (depth + 1)}{row.name} pid={row.pid} id={row.entity_id}")
        return "\n".join(lines)


class _Rows(Recent[K, Process]):
    """Rows of one host. Those that a match beyond its first step may ask for are spared, as far as half of the table:
    a host that starts processes by the thousand must not be able to make itself forgotten."""

    __slots__ = ("host", "spared")

    def __init__(self, host: "_Host") -> None:
        super().__init__(MOST_ROWS)
        self.host = host
        self.spared = 0

    def _forget(self, count: int) -> None:
        self.spared = self.most // 2
        super()._forget(count)

    def _is_needed(self, value: Process) -> bool:
        if value.needed < self.host.last or not self.spared:
            return False
        self.spared -= 1
        return True


class _Host:
    __slots__ = ("by_id", "by_name", "by_pid", "last", "lineage", "name")

    def __init__(self, lineage: Lineage, name: str) -> None:
        self.lineage = lineage
        self.name = name
        self.last = 0  # when it was heard of last
        self.by_id: _Rows[str] = _Rows(self)
        self.by_pid: _Rows[int] = _Rows(self)
        self.by_name: _Rows[str] = _Rows(self)  # the last to start under a name, in small letters

    def rows(self) -> list[Process]:
        return sorted({*self.by_id.values(), *self.by_pid.values()}, key=lambda p: p.number)

    def forget(self, before: int) -> None:
        for table in (self.by_id, self.by_pid, self.by_name):
            for key in [k for k, row in table.items() if row.end is not None and row.end < before]:
                del table[key]  # type: ignore[arg-type]

    def place(self, event: Event) -> None:
        fields, kinds = event.fields, event.kinds
        if not kinds.isdisjoint(STARTS):
            self.start(event)
            return
        process = self.acting(
            fields.get("process.entity_id"),
            fields.get("process.pid"),
            fields.get("process.name"),
            fields.get("process.executable"),
            event.time,
        )
        if process is None and "open" in kinds:
            process = self.opened(fields.get("process.name"), event.time)
        event.process = event.actor = process
        if not kinds.isdisjoint(TARGETED):
            event.target = self.acting(
                fields.get("process.target.entity_id"),
                fields.get("process.target.pid"),
                fields.get("process.target.name"),
                fields.get("process.target.executable"),
                event.time,
            )
        if process is not None:
            if process.parent is None:
                self.learn_parent(process, event)
            event.parent = process.parent
            if "exit" in kinds:
                process.end = event.time

    def opened(self, name: str | None, at: int) -> Process | None:
        """The process of an app that a record of its opening only names, as macOS's log does: the last to start so."""
        row = self.by_name.get(name.casefold()) if name is not None else None
        return row if row is not None and _alive(row, at) else None

    def learn_parent(self, process: Process, event: Event) -> None:
        """Some records name the parent of whoever acts: the only way to know it of a process older than the input."""
        fields = event.fields
        if "process.parent.entity_id" not in fields and "process.parent.pid" not in fields:
            return
        _adopt(process, self.parent(event))

    def parent(self, event: Event) -> Process | None:
        """The process that a record names as the parent."""
        fields = event.fields
        return self.acting(
            fields.get("process.parent.entity_id"),
            fields.get("process.parent.pid"),
            fields.get("process.parent.name"),
            fields.get("process.parent.executable"),
            event.time,
        )

    def start(self, event: Event) -> None:
        fields = event.fields
        parent = self.parent(event)
        if parent is not None and parent.command_line is None:
            parent.command_line = fields.get("process.parent.command_line")
        process = self.started(event, parent)
        event.process = process
        event.parent = event.actor = parent
        if process is None:
            return
        if process.name is not None and "spawn" in event.kinds:
            self.by_name[process.name.casefold()] = process
        if process.start is None or event.time < process.start:
            process.start = event.time
        if process.command_line is None:
            process.command_line = fields.get("process.command_line")
        if process.parent is None:
            _adopt(process, parent)
        # some telemetry names only the parent's pid: whether the start is an `open` is known only here
        if (
            "spawn" in event.kinds
            and "open" not in event.kinds
            and "process.parent.name" not in fields
            and is_open_start(process.name, _started_by(parent, event.os))
        ):
            event.kinds = event.kinds | {"open"}

    def started(self, event: Event, parent: Process | None) -> Process | None:
        """The row of a process that an event shows starting: one already seen, or a new one."""
        fields = event.fields
        entity_id = fields.get("process.entity_id")
        pid = fields.get("process.pid")
        name = fields.get("process.name")
        executable = fields.get("process.executable")
        row = self.by_id.get(entity_id) if entity_id is not None else None
        before = row if row is not None else self.by_id.get(fields.get("process.previous.entity_id", ""))
        if before is not None and before.pid == pid and (row is None or not _agree(row.name, name)):
            row = self.becomes(before, event)
        if row is None and pid is not None:
            known = self.by_pid.get(pid)
            if known is not None and self.is_same_start(known, event, entity_id, name):
                row = known
            elif known is not None and entity_id is None and self.is_exec(known, parent):
                row = self.becomes(known, event)
        if row is None:
            if entity_id is None and pid is None:
                return self.row(None, None, name, executable)
            row = self.row(entity_id, pid, name, executable)
            if pid is not None:
                self.by_pid[pid] = row
        self.fill(row, entity_id, pid, name, executable)
        return row

    def becomes(self, row: Process, event: Event) -> Process:
        """The row of a process that goes on as another program. A record that is out of order changes nothing."""
        entity_id = event.fields.get("process.entity_id")
        if row.start is None or event.time >= row.start:
            row.entity_id = entity_id
            row.name = row.executable = row.command_line = None
            row.start = event.time
            if row.pid is not None:
                self.by_pid[row.pid] = row
        if entity_id is not None:
            self.by_id[entity_id] = row
        return row

    @staticmethod
    def is_exec(known: Process, parent: Process | None) -> bool:
        """Whether a start on this pid, by this parent, is the process itself that goes on as another program: where
        records give it no other name than the pid, another parent is what tells the pid's reuse."""
        return known.entity_id is None and known.end is None and parent is not None and known.parent is parent

    @staticmethod
    def is_same_start(known: Process, event: Event, entity_id: str | None, name: str | None) -> bool:
        """Whether a start on this pid is that of the row already there, rather than the pid's reuse."""
        if known.entity_id is not None and entity_id is not None:
            return False
        if not _agree(known.name, name):
            return False
        if known.start is None:
            # seen acting before its start was read: one process, if its records are not in order
            return known.end is None and known.seen >= event.time - SAME_START
        return abs(known.start - event.time) <= SAME_START

    def acting(
        self, entity_id: str | None, pid: int | None, name: str | None, executable: str | None, at: int
    ) -> Process | None:
        """The row of a process that acts, or is named as a parent, at a time."""
        row: Process | None = None
        if entity_id is not None:
            row = self.by_id.get(entity_id)
            if row is None and pid is not None:
                known = self.by_pid.get(pid)
                if known is not None and known.entity_id is None and _alive(known, at) and _agree(known.name, name):
                    row = known
        elif pid is not None:
            known = self.by_pid.get(pid)
            if known is not None and _agree(known.name, name) and (_alive(known, at) or name is not None):
                row = known
        if row is None:
            if entity_id is None and (pid is None or pid == 0):
                return None  # pid 0 is the idle process: nothing descends from it
            row = self.row(entity_id, pid, name, executable)
            row.seen = at
            if pid is not None:
                current = self.by_pid.get(pid)
                if current is None or not _alive(current, at) or not _agree(current.name, name):
                    self.by_pid[pid] = row
        self.fill(row, entity_id, pid, name, executable)
        return row

    def row(self, entity_id: str | None, pid: int | None, name: str | None, executable: str | None) -> Process:
        self.lineage.count += 1
        row = Process(self.lineage.count, self.name)
        if entity_id is not None:
            self.by_id[entity_id] = row
        self.fill(row, entity_id, pid, name, executable)
        return row

    def fill(
        self, row: Process, entity_id: str | None, pid: int | None, name: str | None, executable: str | None
    ) -> None:
        """Complete what the row does not know yet; it is the one used last."""
        if row.entity_id is not None:
            self.by_id.use(row.entity_id)
        elif entity_id is not None:
            row.entity_id = entity_id
            self.by_id[entity_id] = row
        if row.pid is not None:
            self.by_pid.use(row.pid)
        elif pid is not None:
            row.pid = pid
            if pid not in self.by_pid:
                self.by_pid[pid] = row
        if row.name is None:
            row.name = name
        if row.executable is None:
            row.executable = executable


def _adopt(process: Process, parent: Process | None) -> None:
    """Give a process its parent, but for one that descends from it."""
    if parent is not None and all(p is not process for p in ancestry(parent)):
        process.parent = parent


def _started_by(parent: Process | None, os: str) -> str | None:
    """The name of who started a process. The first process of a Unix is no app, whatever it is called."""
    if parent is None or parent.name is not None:
        return parent.name if parent else None
    return "init" if parent.pid == 1 and os in ("linux", "macos") else None


def _alive(row: Process, at: int) -> bool:
    return (row.end is None or at <= row.end) and (row.start is None or row.start - SAME_START <= at)


def _agree(a: str | None, b: str | None) -> bool:
    """Whether two names can be of one process: one process is `Explorer.EXE` here and `explorer.exe` there."""
    return a is None or b is None or a.casefold() == b.casefold()
