"""Operators that seldom meet by chance, met on purpose: chain texts with blanks, for `tests/world_chains.py`.

A form's `{a}` is a step, `{k}` one that may be absent, `{->}` an arrow, `{n}` a number, `{d}` and `{D}` seconds.
"""

from random import Random

FORMS = (
    "write as x ~>[{D}s] (write){{sum file.size {op} x.file.size * {n} in {D}s}}",
    "write as x {->} (write){{{op} x.file.size in {D}s}} as y",
    "{a} {->} (egress){{sum destination.bytes {op} {n}, {op} destination.bytes in {D}s}}",
    "write as x {->} (spawn | write){{count(user.name == x.user.name) >= {n} in {D}s}}",
    "{a} {->} (write){{{op} {n} every {d}s..{D}s}} as x",
    "({a}){{>= 2 every {D}s +- {d}s by user.name}}",
    "(egress){{>= {n} every 2s +- 1s}} {->} {a}",
    "{a} {->}[{D}s] ({a}){{{n}}} {->} {a}",
    "{a} {->}[{d}s..{D}s] ({a}){{2,3}}",
    "{a} {->}[{D}s] ({a}){{{op} {n} in {D}s}} as x {->}[{D}s] {a}",
    "{a} {->}[{D}s] ({a} & {a}) {->}[{D}s] {a}",
    "{a} {->} ({->} {a} & {->} {a})",
    "({a} & ({a}){{{op} {n} in {D}s}}) {->} {a}",
    "{a} {->}[{D}s] (({a}){{{op} {n} in {D}s by user.name}} & {a})",
    "{a} {->} (({a}){{>= {n} in {D}s}} & (egress){{count(destination.bytes >= 2) {op} {n} in {D}s by user.name}})",
    "{a} {->} ({->}[{D}s] ({a}){{>= 2 every {d}s..{D}s}} as x & {a}) {->} {a} where user.name == x.user.name",
    "{a} {->} ({->}[{D}s] {a} & {->}[{d}s..{D}s] {a})",
    "{a} {->} (({a} & {a}) | {a}) ~> {a}",
    "{a} {->} (({a}){{2}} | {a}) ~> {a}",
    "{a} {->} (({a}){{{op} {n} in {D}s}} | {a} as y)",
    "{a} {->} (({a}){{{n}}})? {->} {a}",
    "{a} {->} (({a}){{{op} {n} in {D}s}})? {->} {a}",
    "{a} {->} ({a} | {a})? {->} {a}",
    "{a} {->} ({a} as x without prior {k} in {D}s)? {->} {a}",
    "({a} | {a}){{{n}}} {->} {a}",
    "({a} | {a}){{{op} {n} in {D}s}} {->} {a}",
    "{a} {->} ({a} as y)? {->} {a}\nseverity critical when y",
    "{a} {->} ({a} as y)? {->} {a} as z\nseverity {L} when y\nseverity {L} when z.user.name == y.user.name",
    "{a} {->} (({a}){{2}} as y)? {->} {a}\nseverity {L} when y",
    "{a} {->} !{k} {->} ({a})? {->} {a}",
    "{a} {->} !{k} {->} ({a}){{2,3}}",
    "{a} {->} !{k} {->} ({a}){{{op} {n} in {D}s}}",
    "{a} {->} !{k} {->} ({a} & {a})",
    "{a} {->} !({k} | {k}) {->} {a}",
    "{a} {->} !{k} {->} !{k} {->} {a}",
    "{a} {->} ({a}){{{n}}} {->} !{k}",
    "{a} {->} ({a} & {a}) {->}[{d}s] !{k} {->}[{D}s] !{k}",
    "{a} {->} ({a}){{{op} {n} in {D}s by user.name}} {->}[{D}s] !{k}",
    '{a} {->}[{D}s] !{k} where user.name == "u1"',
    "open as x {->} !{k} by x {->} {a}",
    "spawn as x {->} {a} {->} !{k} under x",
    "write as x {->} !delete of x {->} {a}",
    "!{k} {->}[{D}s] ({a}){{{n}}} {->} {a}",
    "!{k} {->} ({a} & {a})",
    "!{k} {->}[{D}s] ({a}){{{op} {n} in {D}s}}",
    "!{k} ->[{d}s] !{k} {->} {a} {->} {a}",
    "{a} {->} ({a}){{{n}}} as x without prior {k}(user: x.user.name) in {D}s",
    "({a}){{{op} {n} in {D}s}} as x without prior {k} in {D}s {->} {a}",
    "{a} {->} ({a} as x without prior {k}(user: x.user.name) in {D}s & {a})",
    "open as x without prior {k} by x in {D}s {->} {a}",
    "egress as x without prior {k} under x in {D}s",
    "write as x without prior write(x) in {D}s {->} {a}",
    "open as x {->} {a} {->} {a} until exit by x",
    "spawn as x {->} ({a}){{{n}}} until {k} under x",
    "write as x {->} {a} {->} {a} until delete of x",
    "{a} {->} {a} {->} !{k} until exit",
    "{a} {->} ({a} & {a}) {->} {a} until exit",
    '{a} {->} ({a}){{2,}} until {k} where user.name == "u2"',
    '{a} {->} {a} until event where user.name == "u2" and exists(file.path)',
    "write as x ~> exec(x) {->} {a}",
    "write as x ~> spawn and exec(x) as y {->} {a}",
    "write as x ~> read of x {->} {a}",
    "write as x ~> (write of x){{{n}}}",
    "spawn as x {->} {a} ~> exit of x",
    "write(not {{ /y }}) as x ~> exec(not x)",
    "{a} as x {->} {a} once per x",
    "{a} as x {->} {a} as y once per host, y in {D}s",
    "{a} ~> {a} as y once per y.user.name, host in {D}s",
    "(open | spawn) as x {->} {a} by x",
    '{a} as x {->} {a} as y\nexcept "r" on y when user.name == x.user.name until 1970-01-01',
    '{a} as x {->} ({a}){{{n}}} as y\nexcept "r" on y when y.user.name == "u1"',
    '{a} as x {->} ({a} | {a}) as y\nexcept "r" on y when user.name == x.user.name\nexcept "m" when x.user.name == "u2" until 1970-01-01',
    '{a} {->} ({a}){{{op} {n} in {D}s}} as y\nexcept "r" on y when user.name == "u2"',
    "signin as x ~> {a} where user.name == x.user.name",
    "(signin){{{op} {n} in {D}s by user.name}} as x ~> {a} where user.name == x.user.name",
    "(signin){{distinct source.ip {op} {n} in {D}s by user.name}} as x once per x.user.name in {D}s",
    '({a}){{share(user.name == "u1") {lt} 60% in {D}s}} {->} {a}',
    "{a} {->} (egress){{share(destination.bytes > 1) {lt} 70%, >= {n} in {D}s}}",
    "(egress){{count(destination.bytes >= 2) {op} {n} in {D}s}} {->} {a}",
    '{a} {->} ({a}){{count(user.name == "u1") >= 2 in {D}s}} as x {->} {a}',
    "({a}){{>= 2 every {d}s..{D}s}} {->} {a}",
    "({a}){{>= {n} every {d}s..{D}s by user.name}}",
    "(write){{>= file.size in {D}s}} {->} {a}",
    "(egress){{sum destination.bytes > destination.bytes * 2 in {D}s}}",
    "{a} {->} ({a} as x without prior {k} in {D}s & {a}) {->} {a}",
    "({a} without prior {k} in {d}s & {a})",
    "{a} {->} ({a}){{{n}}} without prior {k} in {d}s",
    "({a}){{>= {n} in {D}s}} as x without prior {k}(user: x.user.name) in {D}s",
    'spawn where "-e" in process.args {->} {a}',
    "spawn where length(process.args) > 1 ~> {a}",
    "{a} ~>[{D}s] ({a} & {a})",
    "({a} & {a}) {->}[{D}s] {a}",
    "({a} & {a}) ~>[{D}s] {a} {->} {a}",
    "{a} ~> (~>[{D}s] {a} & ~>[{D}s] {a})",
    "{a} {->}[{D}s] ({a}){{{n}}}",
    "{a} ->? !{k} {->} {a}",
    "{a} ->? {a} ->? !{k}",
    "{a} {->} {a} {->} !{k} {->} ({a})? {->} {a}",
    "{a} ~> !{k} ~> ({a} & {a})",
    "{a} ~> !{k} ~> ({a}){{>= {n} in {D}s}}",
    "{a} ~> (({a} & {a}) | {a})",
    "{a} ~> !{k} ~> ({a}){{2}} {->} {a}",
    "{a} ~> !{k} ~> ({a} | {a}){{2,3}}",
    "{a} ~> (egress){{distinct destination.domain >= 2 in {D}s}} {->} {a}",
    "(write){{distinct file.path {op} 1 in {D}s by user.name}} {->} {a}",
    "spawn as x {->} {a} as y without prior {k} by x in {D}s",
    '{a} as x {->} {a} as y\nexcept "r" on x when user.name == "u1" until 1970-01-01',
    '({a}){{{n}}} as x {->} {a} as y\nexcept "r" on x when x.user.name == "u2" until 1970-01-01',
)
BLANKS = {
    "a": ("open", "spawn", "spawn", "write", "egress", "egress", "delete", "exec", "event", "read"),
    "k": ("spawn", "write", "egress", "delete", "event", "exit"),
    "->": ("->", "->", "->", "~>", "~>", "->?"),
    "op": (">=", ">=", ">"), "n": ("2", "2", "3"), "d": ("1", "2"), "D": ("3", "5", "8"), "L": ("low", "high", "critical"), "lt": ("<", "<="),
}  # fmt: skip


def form(rng: Random) -> str:
    """One of the forms, its blanks filled."""
    return rng.choice(FORMS).format_map(_Blanks(rng))


class _Blanks(dict[str, str]):
    """Fills the blanks of a form, each anew."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.rng = rng

    def __missing__(self, key: str) -> str:
        return self.rng.choice(BLANKS[key])
