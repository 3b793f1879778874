"""Macs as Elastic Defend tells of them, in the Elastic Common Schema: the telemetry of AN1316 and AN0994."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from .streams import Clock, Planted, Record, Stage, Story, Timed

Row = dict[str, Any]  # a process, as records hold it

LAUNCHD = "/sbin/launchd"
SAFARI = "/Applications/Safari.app/Contents/MacOS/Safari"
WORD = "/Applications/Microsoft Word.app/Contents/MacOS/Microsoft Word"
ARCHIVES = "/System/Library/CoreServices/Applications/Archive Utility.app/Contents/MacOS/Archive Utility"
DAEMONS = ("mds", "apsd", "cfprefsd", "nsurlsessiond", "trustd", "bird")
SHARES = {"file": 55, "start": 14, "end": 13, "network": 18}
_CATEGORIES = {"file": "file", "start": "process", "end": "process", "network": "network"}


class Fleet:
    """Macs of one network. `shares`: how many of a hundred records are of which sort."""

    def __init__(self, seed: int, hosts: int = 200, shares: Mapping[str, float] = SHARES) -> None:
        self.rng = Random(seed)
        self.hosts = [Host(Random(f"{seed}/{n}"), n) for n in range(hosts)]
        self.stage = Stage(self.hosts)
        self.sorts, self.weights = list(shares), list(shares.values())
        self.attacks = self.decoys = 0

    def life(self, at: int) -> Iterator[Record]:
        (sort,) = self.rng.choices(self.sorts, self.weights)
        yield self.rng.choice(self.hosts).life(at, sort)

    def attack(self, at: int) -> Story:
        """An app drops a script, its shell runs it and calls home; or a browser starts a script host."""
        host, number = self.stage.next(), self.attacks
        self.attacks += 1
        if number % 4 == 3:
            child = host.process("/usr/bin/osascript", host.browser)
            started = host.record(at, "start", child)
            return Story([(at, started)], Planted("interpreter", host.name, at))
        app = host.process((WORD, ARCHIVES)[number % 2], host.launchd)
        child = host.process("/bin/zsh", app)
        records = [
            (at, host.record(at, "start", app)),
            host.file(at + 5_000, app, f"/Users/ann/Downloads/u{number}/run.command"),
            (at + 8_000, host.record(at + 8_000, "start", child)),
            host.connection(at + 9_000, child, "203.0.113.77"),
        ]
        return Story(records, Planted("child", host.name, records[-1][0]))

    def decoy(self, at: int) -> Story:
        """The same, with one thing off: the file comes too late, lies elsewhere, or home is Apple's."""
        host, number = self.stage.next(), self.decoys
        self.decoys += 1
        app = host.process((WORD, ARCHIVES)[number % 2], host.launchd)
        child = host.process("/bin/zsh", app)
        drop = f"/Users/ann/Downloads/d{number}/run.command"
        written = (
            host.file(at + 8_500, app, drop),
            host.file(at + 5_000, app, f"/Users/ann/Documents/{number}.docx"),
            host.file(at + 5_000, app, drop),
        )[number % 3]
        home = "17.57.144.86" if number % 3 == 2 else "203.0.113.77"
        records = [
            (at, host.record(at, "start", app)),
            written,
            (at + 8_000, host.record(at + 8_000, "start", child)),
            host.connection(at + 9_000, child, home),
        ]
        return Story(sorted(records, key=lambda timed: timed[0]))


class Host:
    """One Mac: its processes, and the records of what they do."""

    def __init__(self, rng: Random, number: int) -> None:
        self.rng = rng
        self.name = f"mac{number:03d}"
        self.address = f"10.2.{number // 250}.{number % 250 + 1}"
        self.clock = Clock()
        self._pid = 300
        self._count = 1_000
        self.launchd = self.process(LAUNCHD, None)
        self.daemons = [self.process(f"/usr/libexec/{name}", self.launchd) for name in DAEMONS]
        self.browser = self.process(SAFARI, self.launchd)
        self.started: list[Row] = []

    def process(self, path: str, parent: Row | None) -> Row:
        self._pid += self.rng.randint(1, 5)
        pid = self._pid if parent is not None else 1
        name = path.rpartition("/")[2]
        process: Row = {
            "Ext": {"ancestry": []},
            "entity_id": b64encode(f"{self.name}-{pid}-13385642400.200000047".encode()).decode(),
            "executable": path,
            "name": name,
            "pid": pid,
            "args": [path],
            "args_count": 1,
            "command_line": path,
            "hash": {"sha256": f"{Random(path).getrandbits(256):064x}"},
            "code_signature": {
                "exists": True,
                "trusted": True,
                "status": "No error.",
                "signing_id": f"com.example.{name}",
            },
        }
        if parent is not None:
            process["parent"] = {key: parent[key] for key in ("entity_id", "executable", "name", "pid", "command_line")}
        return process

    def life(self, at: int, sort: str) -> Record:
        rng = self.rng
        actor = rng.choice((*self.daemons, self.browser, *self.started))
        match sort:
            case "start":
                worker = self.process("/usr/libexec/xpcproxy", self.launchd)
                self.started = [*self.started[-5:], worker]
                return self.record(at, "start", worker)
            case "end" if self.started:
                return self.record(at, "end", self.started.pop(0))
            case "network":
                return self.connection(at, actor, f"198.51.100.{rng.randrange(1, 250)}")[1]
            case _:
                is_browser = actor is self.browser
                folder = "/Users/ann/Library/Cookies" if is_browser else "/private/var/db/diagnostics"
                return self.file(at, actor, f"{folder}/{rng.getrandbits(64):016X}.db")[1]

    def file(self, at: int, process: Row, path: str) -> Timed:
        name = path.rpartition("/")[2]
        said = {
            "path": path,
            "name": name,
            "extension": name.rpartition(".")[2],
            "size": 18_231,
            "Ext": {"entropy": 4.9},
        }
        return at, self.record(at, "file", process, file=said)

    def connection(self, at: int, process: Row, ip: str) -> Timed:
        ends = {
            "destination": {"address": ip, "ip": ip, "port": 443},
            "source": {"address": self.address, "ip": self.address, "port": self.rng.randint(49152, 65535)},
            "network": {"transport": "tcp", "type": "ipv4", "direction": "egress"},
        }
        return at, self.record(at, "network", process, **ends)

    def record(self, at: int, sort: str, process: Row, **more: Any) -> Record:
        self._count += 1
        category = _CATEGORIES[sort]
        when = self.clock.text(at, "T") + "0000Z"
        action = {"file": "creation", "start": "exec", "end": "end", "network": "connection_attempted"}[sort]
        kind = {"file": "creation", "start": "start", "end": "end", "network": "start"}[sort]
        return {
            "@timestamp": when,
            "agent": {"id": f"703fdc4d-{self.name}", "type": "endpoint", "version": "8.14.0"},
            "data_stream": {"namespace": "default", "type": "logs", "dataset": f"endpoint.events.{category}"},
            "ecs": {"version": "8.10.0"},
            "event": {
                "sequence": self._count,
                "created": when,
                "kind": "event",
                "module": "endpoint",
                "action": action,
                "id": f"N{self._count:x}+++++{self.name}",
                "category": [category],
                "type": [kind],
                "dataset": f"endpoint.events.{category}",
                "outcome": "unknown",
            },
            "host": {
                "hostname": self.name,
                "name": self.name,
                "id": f"4c64976d-{self.name}",
                "ip": [self.address, "127.0.0.1"],
                "architecture": "arm64",
                "os": {"name": "macOS", "family": "macos", "type": "macos", "version": "14.5", "platform": "macos"},
            },
            "message": f"Endpoint {category} event",
            "user": {"Ext": {"real": {"id": 501, "name": "ann"}}, "id": "501", "name": "ann"},
            "process": process,
            **more,
        }
