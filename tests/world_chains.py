"""Random chain texts that draw on every operator of the language, in the small world of `tests/worlds.py`.

Each text asks for a few operators (`FEATURES`), so that they meet in twos and threes, or fills in one of the forms of
`tests/world_forms.py`. Some texts do not check.
"""

from random import Random

from .world_forms import form

PROGRAMS = ("a", "b", "c")
PATHS = ("/x", "/y")
SITES = ("s1", "s2")
USERS = ("u1", "u2")

# What a chain can ask for, beside the plain steps and arrows that all have.
FEATURES = (
    "between", "between", "trailing", "trailing", "leading", "leading", "several",
    "repeat", "repeat", "count", "count", "distinct", "sum", "share", "count of", "measures", "by", "by", "cadence", "bound",
    "prior", "prior", "new", "new", "->?", "->?", "of", "group", "members", "either", "forms", "optional", "optional",
    "until", "until", "once", "once", "severity", "severity", "except", "except", "dates", "per",
    "limit", "time", "arithmetic", "in", "list", "exists", "at_least", "captured", "captured",
)  # fmt: skip
NAMING = {"of", "bound", "until", "once", "severity", "except", "dates", "time", "captured"}

WORDS = {
    "open": PROGRAMS, "spawn": PROGRAMS, "exit": PROGRAMS, "exec": PATHS, "write": PATHS, "read": PATHS, "delete": PATHS,
    "egress": SITES, "signin": USERS,
}  # fmt: skip
DISTINCT = {"write": "file.path", "spawn": "process.name", "egress": "destination.domain", "signin": "source.ip"}
SUMMED = {"write": "file.size", "egress": "destination.bytes"}
ACTING = ("open", "open", "spawn", "spawn", "spawn", "write", "write", "egress", "egress", "exec", "delete")


class Chains:
    """Random chain texts; some do not check."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.wanted: set[str] = set()
        self.captures: list[tuple[str, str]] = []  # (name, kind) that later steps may use
        self.optional: list[str] = []  # captures that may not be bound, for exceptions and severities only
        self.count = 0
        self.within = 0
        self.loose = False  # what stands before has no one process as its subject

    def on(self, feature: str, otherwise: float = 0.0) -> bool:
        """Whether to use a feature here."""
        return self.rng.random() < (0.7 if feature in self.wanted else otherwise)

    def one(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def name(self) -> str:
        self.count += 1
        return f"x{self.count}"

    # -- the whole ------------------------------------------------------------

    def chain(self) -> str:
        rng = self.rng
        if rng.random() < 0.45:
            return self.form()
        self.wanted = {rng.choice(FEATURES) for _ in range(rng.choice((1, 2, 2, 3, 3, 4)))}
        self.within = rng.choice((3, 6, 10, 10, 20, 60))
        length = rng.choice((1, 2, 2, 2, 3, 3))
        parts: list[str] = []
        arrow = ""
        if self.on("leading"):
            for _ in range(1 + self.on("several", 0.1)):
                absent = self.absent(first=True)
                parts.append(f"{arrow} {absent}")
                arrow = self.arrow(limits=True) if "signin" not in absent else "~>"
        for i in range(length):
            if i:
                arrow = self.arrow(limits=True)
                if self.on("between"):
                    for _ in range(1 + self.on("several", 0.15)):
                        parts.append(f"{self.arrow(limits=False)} {self.absent()}")
            parts.append(f"{arrow} {self.element(first=i == 0, arrow=arrow)}")
        if self.on("trailing"):
            self.within = min(self.within, 10)
            for _ in range(1 + self.on("several", 0.15)):
                limit = f"[{rng.randint(1, self.within)}s]" if self.on("limit", 0.4) else ""
                parts.append(f"{self.arrow(limits=False)}{limit} {self.absent()}")
        clauses = [f"within {self.within}s"]
        per = self.one("user.name", "host, user.name", "all") if self.on("per", 0.08) else ""
        if per:
            clauses.append(f"per {per}")
        if self.on("until"):
            clauses.append(f"until {self.until()}")
        if self.on("once"):
            clauses.append(self.once(per))
        rng.shuffle(clauses)
        return " ".join([*(p.strip() for p in parts), *clauses]) + "".join(f"\n{line}" for line in self.lines())

    def form(self) -> str:
        rng = self.rng
        text, *lines = form(rng).split("\n")
        clauses = [text, f"within {rng.choice((8, 10, 10, 20, 60))}s"]
        if rng.random() < 0.1:
            clauses.append(self.one("per user.name", "per all"))
        if " until " not in text and rng.random() < 0.1:
            clauses.append(self.one("until exit", "until delete", 'until write where user.name == "u2"'))
        return "\n".join([" ".join(clauses), *lines])

    def arrow(self, limits: bool) -> str:
        rng = self.rng
        arrow = "~>" if self.loose else self.one("->", "->", "->", "~>")
        if not self.loose and self.on("->?", 0.02):
            arrow = "->?"
        if limits and self.on("limit", 0.12):
            most = rng.randint(1, min(self.within, 8))
            arrow += f"[{rng.randint(1, most)}s..{most}s]" if rng.random() < 0.4 else f"[{most}s]"
        return arrow

    def until(self) -> str:
        actors = [n for n, k in self.captures if k in ("open", "spawn", "exec", "egress")]
        files = [n for n, k in self.captures if k in ("write", "read", "delete")]
        choices = [
            "exit",
            "exit",
            "exit({ a, b })",
            "delete",
            "write({ /x })",
            "spawn",
            'event where user.name == "u2"',
        ]
        choices += ["signin", 'signin where event.outcome == "success"']
        if actors:
            choices += [f"{self.one('exit', 'delete', 'spawn')} {self.one('by', 'under')} {self.one(*actors)}"] * 3
        if files:
            choices += [f"{self.one('delete', 'write', 'read')} of {self.one(*files)}"] * 2
        return self.one(*choices)

    def once(self, per: str) -> str:
        choices = ["host"] + (["user.name"] if "user" in per else [])
        for name, kind in self.captures:
            choices += [f"{name}.user.name", f"host, {name}.user.name"] + (
                [name] if kind not in ("signin", "event") else []
            )
        return f"once per {self.one(*choices)}" + (
            f" in {self.one('2', '5', '20')}s" if self.rng.random() < 0.5 else ""
        )

    def lines(self) -> list[str]:
        rng, found = self.rng, []
        used = [n for n, _ in self.captures] + self.optional * 2
        if not used:
            return []
        until = " until 1970-01-01" if self.on("dates", 0.1) else ""
        if self.on("dates") or self.on("per", 0.06):
            name = self.one(*used)
            found.append(f'except "known" when {name}.user.name {self.one("==", "==", "!=")} "u1"{until}')
        if self.on("except"):
            name = self.one(*used)
            other = self.one(*used)
            condition = self.one(
                'user.name == "u1"', f'{name}.user.name == "u2"', f"user.name == {other}.user.name", "file.size > 1",
                'process.name == "a"', 'destination.domain == "s1"',
            )  # fmt: skip
            found.append(f'except "mine" on {name} when {condition}{until}')
        if self.on("severity"):
            for level in rng.sample(("low", "high", "critical"), rng.choice((1, 2))):
                if self.optional and rng.random() < 0.6:
                    found.append(f"severity {level} when {self.one(*self.optional)}")
                else:
                    found.append(f'severity {level} when {self.one(*used)}.user.name {self.one("==", "!=")} "u1"')
        return found

    # -- elements -------------------------------------------------------------

    def absent(self, first: bool = False) -> str:
        """`!A` or `!(A | B)`."""
        kinds = ("write", "egress", "spawn", "delete", "exit") + (() if first else ("exec",))
        kinds += ("signin", "event") if first or self.loose else ("event",)
        steps = [self.step(first, self.one(*kinds), inside=True) for _ in range(1 + (self.rng.random() < 0.2))]
        return f"!{steps[0]}" if len(steps) == 1 else f"!({' | '.join(steps)})"

    def element(self, first: bool, arrow: str) -> str:
        """One position; says with `loose` whether a process is the subject after it."""
        rng = self.rng
        kinds = (*ACTING, "signin", "read") if first or arrow.startswith("~>") else ACTING
        counts = {"count", "distinct", "sum", "share", "count of", "measures", "by", "cadence", "bound"} & self.wanted
        optional = not first and self.on("optional", 0.08)
        kept = len(self.captures)
        if self.on("group", 0.06) or self.on("members"):
            text = self.group(first)
            optional = False
        elif self.on("forms"):
            text = self.forms(first)
        elif self.on("either", 0.08):
            text = self.either(first, self.one("spawn", "write", "egress", "open"))
        elif self.on("repeat", 0.03):
            text = self.repeat(first, self.one(*kinds))
        elif counts and rng.random() < 0.65:
            text = self.counted(first, self.one("write", "egress", *(k for k in kinds if k in ("spawn", "signin"))))
        else:
            kind = self.one(*kinds, "event")
            prior = self.on("prior", 0.02)
            text = self.step(first, kind, name=prior or rng.random() < (0.85 if self.wanted & NAMING else 0.5))
            if prior:
                text += self.prior(kind)
            elif not optional and kind not in ("event", "signin"):
                self.loose = False
        if "signin" in text:
            self.loose = True
        if optional:
            self.optional += [name for name, _ in self.captures[kept:]]
            del self.captures[kept:]
            return f"({text})?"
        return text

    def group(self, first: bool) -> str:
        rng = self.rng
        kept = list(self.captures)
        members = [self.step(first, self.one(*ACTING)) for _ in range(rng.choice((2, 2, 2, 3)))]
        if rng.random() < 0.3:
            # branches that introduce the same, or nobody who acts
            alike = self.one("spawn open exec", "write egress delete").split()
            members[-1] = f"({self.step(first, self.one(*alike))} | {self.step(first, self.one(*alike))})"
        if not first and self.on("members"):
            for i in range(len(members)):
                if rng.random() < 0.7:
                    limit = f"[{rng.randint(1, min(self.within, 6))}s]" if rng.random() < 0.6 else ""
                    members[i] = f"{self.arrow(limits=False)}{limit} {members[i]}"
        self.captures = kept
        if rng.random() < 0.4:
            # two members that compare each other's captures, one way round or the other
            name, field = self.name(), self.one("user.name", "process.pid")
            one, other = (0, 1) if rng.random() < 0.5 else (1, 0)
            members = [m for m in members if "|" not in m] + [self.step(first, self.one(*ACTING)) for _ in range(2)]
            members = members[:3]
            joined = " and " if " where " in members[other] else " where "
            members[other] += f"{joined}{field} == {name}.{field}"
            members[one] += f" as {name}"
            self.captures.append((name, "event"))
        elif self.on("prior", 0.02):
            members[0] += f" without prior {self.step(first, 'write', inside=True, bare=True)} in 5s"
        return "(" + " & ".join(members) + ")"

    def either(self, first: bool, kind: str) -> str:
        members = [self.step(first, kind, inside=True) for _ in range(2)]
        text = "(" + " | ".join(members) + ")"
        if self.on("captured", 0.3):
            name = self.name()
            self.captures.append((name, kind))
            text += f" as {name}"
        return text

    def forms(self, first: bool) -> str:
        """Alternatives of which one is a group, a repetition or a count."""
        kept = list(self.captures)
        which = self.rng.choice((0, 1, 2))
        if which == 0:
            form = f"({self.step(first, 'write', inside=True)} & {self.step(first, 'egress', inside=True)})"
        elif which == 1:
            form = self.repeat(first, self.one("write", "egress", "spawn"))
        else:
            form = self.counted(first, self.one("write", "egress", "spawn"))
        self.captures = kept
        self.loose = True
        return f"({self.step(first, self.one('spawn', 'delete', 'egress'), inside=True)} | {form})"

    def repeat(self, first: bool, kind: str) -> str:
        inner = self.step(first, kind, inside=True)
        if self.on("either", 0.1) and kind != "signin":
            inner += f" | {self.step(first, kind, inside=True)}"
        text = f"({inner})" + self.one("{2}", "{2}", "{3}", "{1,2}", "{2,3}", "{2,}", "+", "{3,}")
        return self.captured(text, kind) + (self.prior(kind, named=False) if self.on("prior", 0.03) else "")

    def captured(self, text: str, kind: str) -> str:
        if not self.on("captured", 0.3):
            return text
        self.captures.append((self.name(), kind))
        return f"{text} as {self.captures[-1][0]}"

    def counted(self, first: bool, kind: str) -> str:
        rng = self.rng
        inner = self.step(first, kind, inside=True)
        if self.on("either", 0.1):
            inner += f" | {self.step(first, kind, inside=True)}"
        by = ""
        if self.on("by", 0.15):
            own = {"signin": "source.ip", "egress": "destination.domain", "write": "file.path", "spawn": "process.name"}
            by = " by " + self.one(
                "user.name",
                own[kind],
                f"user.name, {own[kind]}",
                *(("process.pid", "process") * (kind != "signin")),
                *("user", f"user, {own[kind]}", "host"),
            )
        if self.on("cadence"):
            spread = self.one("2s +- 1s", "1s..3s", "1s..2s", "3s +- 1s", "5s +- 2s")
            text = f"({inner}){{{self.one('>= 2', '>= 2', '>= 3', '> 1')} every {spread}{by}}}"
        else:
            measures = [self.measure(kind) for _ in range(1 + self.on("measures", 0.1))]
            text = f"({inner}){{{', '.join(measures)} in {rng.choice((2, 3, 5, 10))}s{by}}}"
        return self.captured(text, kind) + (self.prior(kind, named=False) if self.on("prior", 0.03) else "")

    def measure(self, kind: str) -> str:
        """One measure; of those that the chain asks for, where it asks for one."""
        asked = [m for m in ("count", "distinct", "sum", "share", "count of") if m in self.wanted]
        function = self.one(*(asked or ("count", "count", "distinct", "sum", "share", "count of")))
        if function == "sum" and kind not in SUMMED:
            function = "count"
        bound = self.one("2", "2", "2", "3")
        sizes = [f"{n}.file.size" for n, k in self.captures if k == "write"]
        if self.on("bound", 0.05) and (sizes or kind in SUMMED):
            bound = self.one(*sizes, *sizes, SUMMED.get(kind, "2")) + self.one("", " + 1", " * 2", " - 1")
        condition = self.one('user.name == "u1"', 'user.name != "u2"', "exists(user.name)", self.test(kind, False))
        match function:
            case "count":
                return f"{self.one('>=', '>=', '>')} {bound}"
            case "distinct":
                return f"distinct {self.one(DISTINCT[kind], 'user.name')} {self.one('>=', '>=', '>')} {self.one(bound, '2')}"
            case "sum":
                return f"sum {SUMMED[kind]} {self.one('>=', '>')} {self.one(bound, '4')}"
            case "share":
                return f"share({condition}) {self.one('>', '>=', '<', '<=')} {self.one('40', '50', '50', '60')}%"
        return f"count({condition}) {self.one('>=', '>')} {self.one('1', bound)}"

    def prior(self, kind: str, named: bool = True) -> str:
        """` without prior …`, which reads the step's own capture where it has one."""
        own = self.captures[-1][0] if named and self.captures else None
        other = self.one(kind, "egress", "write", "spawn", "signin", "delete")
        if other == "event":
            other = "write"
        argument, link = self.one("", self.argument(other)), ""
        if own is not None:
            draw = self.rng.random()
            if draw < 0.3:
                argument = f"(user: {own}.user.name)"
            elif draw < 0.5 and kind == other == "write":
                argument = f"({own})"
            elif draw < 0.7 and kind in ("open", "egress") and other != "signin":
                link = f" {self.one('by', 'under')} {own}"
        return f" without prior {other}{argument}{link} in {self.one('2', '5', '20')}s"

    # -- steps ----------------------------------------------------------------

    def step(self, first: bool, kind: str, *, inside: bool = False, bare: bool = False, name: bool = False) -> str:
        """A step. `inside`: of a form that may not capture; `bare`: without a condition."""
        rng = self.rng
        files = [n for n, k in self.captures if k == "write"]
        actors = [n for n, k in self.captures if k in ("open", "spawn", "exec", "egress")]
        text = kind
        if kind == "exec" and files and rng.random() < 0.8:
            text += f"({self.one(*files)})"
        elif kind != "event" and rng.random() < (0.15 if inside else 0.3):
            text += self.argument(kind)
        if kind in ("write", "delete", "read") and files and self.on("of", 0.05):
            text += f" of {self.one(*files)}"
        elif actors and kind != "signin" and self.on("of" if kind == "exit" else "link", 0.25):
            words = ("of",) if kind == "exit" and "of" in self.wanted else ("by", "under")
            text += f" {self.one(*words)} {self.one(*actors)}"
        elif kind == "spawn" and files and rng.random() < 0.3:
            text += f" and exec({self.one(*files)})"
        tests = {"new", "time", "arithmetic", "in", "list", "exists", "at_least"} & self.wanted
        if not bare and rng.random() < (0.5 if tests else 0.15):
            text += f" where {self.test(kind)}"
        if name and not inside:
            self.captures.append((self.name(), kind))
            text += f" as {self.captures[-1][0]}"
        return text

    def argument(self, kind: str) -> str:
        chosen = ", ".join(self.rng.sample(WORDS.get(kind, USERS), self.rng.choice((1, 1, 2))))
        words = f"{{ {chosen} }}"
        if self.rng.random() < 0.2:
            words = f"not {words}"
        if kind not in WORDS or self.rng.random() < 0.1:
            words = f"user: {self.one('', 'not ')}{{ {self.one(*USERS)} }}"
        return f"({words})"

    def test(self, kind: str, captures: bool = True) -> str:
        """A condition, of the sorts that the chain asks for where it asks for any."""
        names = [n for n, _ in self.captures] if captures else []
        files = [n for n, k in self.captures if k == "write"] if captures else []
        user = self.one(*USERS)
        look_back = f"in {self.one('3', '10', '40')}s"
        number = {"egress": "destination.bytes"}.get(kind, "file.size")
        sorts: dict[str, list[str]] = {
            "": [f'user.name == "{user}"', 'not user.name == "u2" or user.name == "u2"', f'user.name != "{user}"'],
            "in": [f"user.name in {{ {user} }}", f"user.name not in {{ {user} }}"],
            "arithmetic": [f"{number} * 2 >= 4", f"{number} + 1 > 2", f"{number} - 1 < 2", f"-{number} < -1"],
            "exists": [f"exists({number})", "exists(user.name)", "not exists(user.name)", "exists(process.pid)"],
            "at_least": [f'at_least(1, user.name == "{user}", {number} > 1)', f"at_least(2, exists(user.name), {number} >= 2)"],
            "list": ['"-e" in process.args', 'process.args == "-e"', 'process.args != "-e"', "length(process.args) > 1"],
            "new": [f"new(user.name among {self.one('egress', 'write', 'signin', 'spawn')} {look_back})"]
            + [f"new(user.name, {field} among {kind} {look_back})" for k, field in DISTINCT.items() if k == kind],
        }  # fmt: skip
        if names:
            name = self.one(*names)
            sorts[""] += [f"user.name {self.one('==', '!=')} {name}.user.name"] * 2
            sorts["time"] = [
                f"time - {name}.time {self.one('<', '<=', '>', '>=')} {self.one('1', '2', '3')}s",
                f"{name}.time + 2s {self.one('<', '>=')} time",
            ]
        if files and kind in ("write", "read", "delete"):
            sorts["arithmetic"] += [f"file.size {self.one('<', '>=')} {self.one(*files)}.file.size"] * 3
        asked = [s for s in sorts if s in self.wanted]
        one = self.one(*sorts[self.one(*(asked or sorts))])
        if self.rng.random() < 0.1:
            one = f"not ({one})" if self.rng.random() < 0.5 else f'({one} {self.one("and", "or")} user.name == "u1")'
        return one
