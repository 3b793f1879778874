"""Small random worlds: a chain in the language's own text, and a stream that nearly fits it.

Few hosts, programs, paths and pids, times with many ties, records that lack what others have: so that joins, windows,
counts and orders are often met exactly, and often missed by one. Everything comes from one seed.
"""

from random import Random
from typing import Any

from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.event import Event, Origin

from .world_chains import PATHS, PROGRAMS, SITES, USERS, Chains

SECOND = 1_000_000
ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
MIDNIGHT = 86_400  # the end of 1970-01-01, where exceptions of that day end


World = tuple[str, Analytic, list[Event]]


def world(rng: Random) -> World:
    """A chain that checks, and a stream that may complete it."""
    while True:
        text = Chains(rng).chain()
        try:
            analytic = checked(text)
        except ChainError:
            continue
        return text, analytic, stream(rng, rng.choice((10, 16, 24)), text)


def checked(text: str) -> Analytic:
    source = Source("random.chain", text)
    return check(parse(source), source)[0]


# -- streams ----------------------------------------


# How often each kind of record comes; starts are spawn, exec and, of another program, open.
RECORDS = {"spawn": 5, "write": 3, "read": 1, "delete": 1, "egress": 4, "open": 2, "exit": 1, "signin": 2, "event": 1}


def stream(rng: Random, length: int, chain: str = "") -> list[Event]:
    """Events in order, more of the kinds that the chain names. Some processes are seen starting, some only acting, some
    ending; some records name nobody."""
    hosts = ["h1"] * 3 + ["h2"] * (rng.random() < 0.3)
    named = [kind for kind in RECORDS if kind in chain or (kind == "spawn" and "exec" in chain)]
    names: dict[tuple[str, int], str] = {}
    ended: set[tuple[str, int]] = set()
    spread = rng.choice((2, 2, 5, 12))
    at = (1000 if rng.random() < 0.7 else MIDNIGHT - length) * SECOND
    events: list[Event] = []
    while len(events) < length:
        at += rng.choice((0, 0, 1, 1, 2, spread)) * SECOND
        host = rng.choice(hosts)
        alive = [pid for h, pid in names if h == host and (h, pid) not in ended]
        roots = [pid for pid in range(1, 100) if (host, pid) not in ended][:2]
        pid = rng.choice(alive) if alive and rng.random() < 0.85 else rng.choice(roots)
        name = names.setdefault((host, pid), rng.choice(PROGRAMS))
        (kind,) = rng.choices(list(RECORDS), list(RECORDS.values()))
        if named and rng.random() < 0.7:
            kind = rng.choice(named)
        kinds = {kind}
        fields: dict[str, Any] = {"process.pid": pid, "process.name": name}
        match kind:
            case "spawn":
                child = 100 + sum(h == host for h, _ in names)
                child_name = names[host, child] = rng.choice(PROGRAMS)
                parent = {"process.parent.pid": pid, "process.parent.name": name} if rng.random() < 0.93 else {}
                fields = {"process.pid": child, "process.name": child_name, "exec.path": (rng.choice(PATHS),), **parent}
                if rng.random() < 0.7:
                    fields["process.args"] = tuple(rng.sample(("-e", "-x", "y"), rng.choice((1, 2))))
                kinds |= {"exec"} | ({"open"} if parent and child_name != name else set())
            case "write" | "read" | "delete":
                fields |= {"file.path": rng.choice(PATHS)} if rng.random() < 0.93 else {}
                fields |= {"file.size": rng.randint(1, 3)} if rng.random() < 0.8 else {}
            case "egress":
                kinds |= {rng.choice(("connect", "connect", "resolve"))}
                fields |= {"destination.domain": rng.choice(SITES)} if rng.random() < 0.93 else {}
                fields |= {"destination.bytes": rng.randint(1, 3)} if rng.random() < 0.8 else {}
            case "exit":
                ended.add((host, pid))
            case "signin":
                fields = {"source.ip": rng.choice(ADDRESSES), "event.outcome": rng.choice(("success", "failure"))}
        if kind in ("write", "egress", "event") and rng.random() < 0.1:
            del fields["process.pid"], fields["process.name"]
        if rng.random() < 0.8:
            fields["user.name"] = rng.choice(USERS)
        events.append(event(len(events), at, kinds, fields, host))
    return events


def event(order: int, at: int, kinds: set[str], fields: dict[str, Any], host: str = "h1") -> Event:
    made = Event(at, frozenset(kinds), fields, host=host, os="linux", origin=Origin("stream", order, 0))
    made.order = order
    made.raw = b'{"n":%d}' % order
    return made


def again(events: list[Event]) -> list[Event]:
    """The same stream in new events: the engine marks those that it is fed."""
    return [event(e.order, e.time, set(e.kinds), dict(e.fields), e.host) for e in events]
