"""Small random worlds: chains in the language's own text, and streams that nearly fit them.

Few hosts, programs, paths and pids, times with many ties: so that joins, windows and orders are often met exactly, and
often missed by one. Everything comes from one seed.
"""

from random import Random
from typing import Any

from chainrun.engine.event import Event, Origin

SECOND = 1_000_000
PROGRAMS = ("a", "b", "c")
PATHS = ("/x", "/y")
SITES = ("s1", "s2")
USERS = ("u1", "u2")


def stream(rng: Random, length: int) -> list[Event]:
    """Events in order. Some processes are seen starting, some only acting; some fields are missing."""
    hosts = ["h1"] * 3 + ["h2"] * (rng.random() < 0.4)
    names: dict[tuple[str, int], str] = {}
    started: set[tuple[str, int]] = set()
    spread = rng.choice((2, 5, 12))
    at = 1000 * SECOND
    events: list[Event] = []
    while len(events) < length:
        at += rng.choice((0, 0, 1, 1, 2, spread)) * SECOND
        host = rng.choice(hosts)
        alive = [pid for h, pid in names if h == host] or [1]
        pid = rng.choice(alive) if rng.random() < 0.85 else rng.randint(1, 2)
        name = names.setdefault((host, pid), rng.choice(PROGRAMS))
        draw = rng.random()
        fields: dict[str, Any] = {}
        if draw < 0.3 and len([1 for h, _ in names if h == host]) < 9:
            child = 10 + len([1 for h, _ in names if h == host])
            child_name = rng.choice(PROGRAMS)
            names[host, child] = child_name
            started.add((host, child))
            fields |= {
                "process.pid": child,
                "process.name": child_name,
                "process.parent.pid": pid,
                "process.parent.name": name,
                "exec.path": (rng.choice(PATHS),),
            }
            kinds = {"spawn", "exec"} | ({"open"} if child_name != name else set())
        else:
            fields |= {"process.pid": pid, "process.name": name}
            if draw < 0.55:
                kinds = {"write"}
                fields["file.path"] = rng.choice(PATHS)
                if rng.random() < 0.8:
                    fields["file.size"] = rng.randint(1, 3)
            elif draw < 0.8:
                kinds = {"connect", "egress"}
                fields["destination.domain"] = rng.choice(SITES)
                if rng.random() < 0.3:
                    kinds = {"resolve", "egress"}
            elif draw < 0.9:
                kinds = {"open"}
            else:
                kinds = {"event"}
        if rng.random() < 0.8:
            fields["user.name"] = rng.choice(USERS)
        events.append(event(len(events), at, kinds, fields, host))
    return events


def event(order: int, at: int, kinds: set[str], fields: dict[str, Any], host: str = "h1") -> Event:
    made = Event(at, frozenset(kinds), fields, host=host, os="linux", origin=Origin("stream", order, 0))
    made.order = order
    made.raw = b'{"n":%d}' % order
    return made


class Chains:
    """Random chain texts. `features` limits what they draw on."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.captures: list[tuple[str, str]] = []  # (name, kind) that later steps may use
        self.count = 0
        self.optional: str | None = None  # the name of an optional step, for exceptions only

    def chain(self) -> str:
        rng = self.rng
        length = rng.choice((1, 2, 2, 3, 3, 3, 4))
        parts = []
        for i in range(length):
            element = self.element(first=i == 0, last=i == length - 1)
            parts.append(element if i == 0 else f" {self.arrow()} {element}")
        text = "".join(parts)
        text += f" within {rng.choice((3, 6, 10, 20, 60, 60))}s"
        if rng.random() < 0.15:
            text += rng.choice((" per user.name", " per host, user.name"))
        used = [name for name, _ in self.captures] + ([self.optional] * 2 if self.optional else [])
        if used and rng.random() < 0.2:
            name = rng.choice(used)
            text += f'\nexcept "known" when {name}.user.name == "u1"'
        return text

    def arrow(self) -> str:
        rng = self.rng
        arrow = rng.choice(("->", "->", "->", "~>"))
        draw = rng.random()
        if draw < 0.12:
            arrow += f"[{rng.choice((1, 3, 8))}s]"
        elif draw < 0.2:
            low = rng.choice((1, 2))
            arrow += f"[{low}s..{low + rng.choice((0, 3, 8))}s]"
        return arrow

    def element(self, first: bool, last: bool) -> str:
        rng = self.rng
        draw = rng.random()
        if draw < 0.12:
            kept = list(self.captures)
            members = [self.step(first, bare=True) for _ in range(rng.choice((2, 2, 3)))]
            if rng.random() < 0.3:
                members[-1] = f"({members[-1]} | {self.step(first, bare=True)})"
            self.captures = kept
            if rng.random() < 0.4:
                # two members that compare each other's captures, one way round or the other
                self.count += 1
                name = f"x{self.count}"
                field = rng.choice(("user.name", "process.pid"))
                one, other = (0, 1) if rng.random() < 0.5 else (1, 0)
                members = [m for m in members if "|" not in m] + [self.step(first, bare=True) for _ in range(2)]
                joined = " and " if " where " in members[other] else " where "
                members[other] += f"{joined}{field} == {name}.{field}"
                members[one] += f" as {name}"
                self.captures.append((name, "event"))
            return "(" + " & ".join(members) + ")"
        if draw < 0.24:
            kind = rng.choice(("spawn", "write", "egress"))
            members = [self.step(first, bare=True, kind=kind) for _ in range(2)]
            name = ""
            if rng.random() < 0.3:
                self.count += 1
                name = f" as x{self.count}"
                self.captures.append((name[4:], kind))
            return "(" + " | ".join(members) + ")" + name
        if draw < 0.36 and not first:
            if rng.random() < 0.3:
                self.optional = f"y{self.count}"
                return f"({self.step(first, bare=True)} as {self.optional})?"
            return self.step(first, bare=True) + "?"
        return self.step(first)

    def step(self, first: bool, bare: bool = False, kind: str | None = None) -> str:
        rng = self.rng
        kind = kind or rng.choice(("open", "open", "write", "write", "spawn", "spawn", "egress", "egress", "exec"))
        argument = ""
        files = [n for n, k in self.captures if k == "write"]
        processes = [n for n, k in self.captures if k in ("open", "spawn")]
        if kind == "exec":
            argument = f"({rng.choice(files)})" if files and rng.random() < 0.8 else "({" + rng.choice(PATHS) + "})"
        elif rng.random() < 0.4:
            words = {
                "open": PROGRAMS,
                "spawn": PROGRAMS,
                "write": PATHS,
                "egress": SITES,
            }[kind]
            chosen = ", ".join(rng.sample(words, rng.choice((1, 2))))
            negated = "not " if rng.random() < 0.2 else ""
            argument = f"({negated}{{{chosen}}})"
        text = kind + argument
        if processes and not first and rng.random() < 0.35:
            text += f" {rng.choice(('by', 'under'))} {rng.choice(processes)}"
        if kind == "spawn" and files and rng.random() < 0.3:
            text += f" and exec({rng.choice(files)})"
        draw = rng.random()
        if draw < 0.06:
            text += ' where user.name == "u1"'
        elif draw < 0.12:
            text += ' where not user.name == "u2" or user.name == "u2"'
        elif self.captures and draw < 0.24:
            name, _ = rng.choice(self.captures)
            text += f" where user.name {rng.choice(('==', '!='))} {name}.user.name"
        elif kind == "write" and files and draw < 0.4:
            text += f" where file.size {rng.choice(('<', '>='))} {rng.choice(files)}.file.size"
        if not bare and rng.random() < 0.5:
            self.count += 1
            name = f"x{self.count}"
            text += f" as {name}"
            self.captures.append((name, kind))
        return text


def again(events: list[Event]) -> list[Event]:
    """The same stream in new events: the engine marks those that it is fed."""
    return [event(e.order, e.time, set(e.kinds), dict(e.fields), e.host) for e in events]
