"""Linux hosts as Tetragon tells of them, with policies for files and connections: AN1315's telemetry, and the hosts below
the containers of AN1317."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from .streams import Clock, Planted, Record, Stage, Story, Timed

Row = dict[str, Any]  # a process, as records hold it

SHELL, FILES, FIREFOX = "/usr/bin/gnome-shell", "/usr/bin/nautilus", "/usr/lib/firefox/firefox"
APPS = ("/usr/bin/file-roller", "/usr/bin/evince", FIREFOX)
CHILDREN = ("/usr/bin/bash", "/usr/bin/python3.12", "/usr/bin/dash")
DAEMONS = (
    "/usr/sbin/sshd",
    "/usr/bin/containerd",
    "/usr/lib/systemd/systemd-journald",
    "/usr/sbin/cron",
    "/usr/bin/dockerd",
)
TOOLS = ("/usr/sbin/modprobe", "/usr/bin/runc", "/usr/bin/grep", "/usr/lib/systemd/systemd-resolved", "/usr/bin/ls")
WRITE = 2  # the mask of a write, which Tetragon's file policy reports

SHARES = {"file": 52, "exec": 16, "exit": 15, "connect": 17}


class Fleet:
    """Hosts of one network. `shares`: how many of a hundred records are of which sort."""

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
        """An app saves or unpacks a file, starts a shell or an interpreter, and that, or its curl, calls home."""
        host, number = self.stage.next(), self.attacks
        self.attacks += 1
        app = host.process(at, APPS[number % 3], host.desktop)
        child = host.process(at + 7_000, CHILDREN[number % 3], app)
        records = [
            host.start(at, app),
            host.file(at + 5_000, app, f"/tmp/.x{number}/run.py"),
            host.start(at + 7_000, child),
        ]
        if number % 2:
            child = host.process(at + 8_000, "/usr/bin/curl", child)
            records.append(host.start(at + 8_000, child))
        records.append(host.connection(at + 9_000, child, "203.0.113.77"))
        return Story(records, Planted("lineage", host.name, records[-1][0]))

    def decoy(self, at: int) -> Story:
        """The same, with one thing off: the file comes too late, lies elsewhere, is another's, or time runs out."""
        host, number = self.stage.next(), self.decoys
        self.decoys += 1
        app = host.process(at, APPS[number % 3], host.desktop)
        child = host.process(at + 7_000, CHILDREN[number % 3], app)
        drop = f"/tmp/.d{number}/run.py"
        written = (
            host.file(at + 7_900, app, drop),
            host.file(at + 5_000, app, f"/srv/jobs/{number}.py"),
            host.file(at + 5_000, host.daemons[0], drop),
            host.file(at + 5_000, app, drop),
        )[number % 4]
        home = host.connection(at + (9_000 if number % 4 < 3 else 21 * 60_000), child, "203.0.113.77")
        records = [host.start(at, app), written, host.start(at + 7_000, child), home]
        return Story(sorted(records, key=lambda timed: timed[0]))


class Host:
    """One host: its processes, and the records of what they do."""

    def __init__(self, rng: Random, number: int) -> None:
        self.rng = rng
        self.name = f"lx{number:03d}"
        self.address = f"10.1.{number // 250}.{number % 250 + 1}"
        self.clock = Clock()
        self._pid = 800
        self.init = self.process(0, "/usr/lib/systemd/systemd", None)
        self.daemons = [self.process(0, path, self.init) for path in DAEMONS]
        self.desktop = self.process(0, SHELL, self.init)
        self.browser = self.process(0, FIREFOX, self.desktop)
        self.started: list[Row] = []

    def process(self, at: int, binary: str, parent: Row | None, arguments: str = "", **more: Any) -> Row:
        self._pid += self.rng.randint(1, 9)
        pid = self._pid if parent is not None else 1
        own = b64encode(f"{self.name}:{at * 1_000_000 + pid}:{pid}".encode()).decode()
        return {
            "exec_id": own,
            "pid": pid,
            "uid": 1000,
            "cwd": "/home/ann",
            "binary": binary,
            **({"arguments": arguments} if arguments else {}),
            "flags": "execve clone",
            "start_time": self.clock.text(at, "T") + "000000Z" if at else "2023-09-01T00:00:00.000000000Z",
            "auid": 1000,
            **more,
            "parent_exec_id": parent["exec_id"] if parent is not None else "",
            "refcnt": 1,
            "tid": pid,
            "parent": parent,
        }

    def life(self, at: int, sort: str) -> Record:
        rng = self.rng
        actor = rng.choice((*self.daemons, self.browser, *self.started))
        match sort:
            case "exec":
                tool = self.process(at, rng.choice(TOOLS), rng.choice(self.daemons), "--version")
                self.started = [*self.started[-5:], tool]
                return self.start(at, tool)[1]
            case "exit" if self.started:
                return self.end(at, self.started.pop(0))[1]
            case "connect":
                return self.connection(at, actor, f"198.51.100.{rng.randrange(1, 250)}")[1]
            case _:
                folder = (
                    "/home/ann/.cache/mozilla/firefox/k2/cache2/entries" if actor is self.browser else "/var/log/app"
                )
                return self.file(at, actor, f"{folder}/{rng.getrandbits(64):016X}")[1]

    # -- records ----------------------------------------

    def start(self, at: int, process: Row) -> Timed:
        return at, self._record(at, "process_exec", process)

    def end(self, at: int, process: Row) -> Timed:
        return at, self._record(at, "process_exit", process)

    def file(self, at: int, process: Row, path: str) -> Timed:
        given = [{"file_arg": {"path": path, "permission": "-rw-r--r--"}}, {"int_arg": WRITE}]
        return at, self._probe(at, process, "security_file_permission", given)

    def connection(self, at: int, process: Row, ip: str) -> Timed:
        socket = {
            "family": "AF_INET",
            "type": "SOCK_STREAM",
            "protocol": "IPPROTO_TCP",
            "saddr": self.address,
            "daddr": ip,
            "sport": self.rng.randint(32768, 60999),
            "dport": 443,
            "cookie": str(self.rng.getrandbits(60)),
            "state": "TCP_SYN_SENT",
        }
        return at, self._probe(at, process, "tcp_connect", [{"sock_arg": socket}])

    def _probe(self, at: int, process: Row, function: str, given: list[Row]) -> Record:
        said = {"action": "KPROBE_ACTION_POST", "policy_name": function, "return_action": "KPROBE_ACTION_POST"}
        return self._record(at, "process_kprobe", process, function_name=function, args=given, **said)

    def _record(self, at: int, sort: str, process: Row, **more: Any) -> Record:
        who = {"process": _alone(process)}
        if process["parent"] is not None:
            who["parent"] = _alone(process["parent"])
        return {sort: {**who, **more}, "node_name": self.name, "time": self.clock.text(at, "T") + "000000Z"}


def _alone(process: Row) -> Row:
    return {name: value for name, value in process.items() if name != "parent"}
