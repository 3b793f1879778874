"""What was written: frozen nodes with spans, no meaning yet.

Made by `parser`, printed by `printer`, given meaning by `check`. Every node is a value; equality ignores the spans
(`same`), so that `same(parse(print(t)), t)` can be asked.
"""

from typing import Any

import msgspec

from .source import Span


class Node(msgspec.Struct, frozen=True, kw_only=True):
    span: Span


# -- words and values ----------------------------------------


class Name(Node, frozen=True, kw_only=True):
    """A name where one stands alone: a parameter, kind, capture, key."""

    text: str


class Word(Node, frozen=True, kw_only=True):
    """One word of a set. `quote` is '"', "'" or '' (bare); `text` is unescaped for '"', as written otherwise."""

    text: str
    quote: str = ""


class Include(Node, frozen=True, kw_only=True):
    """`...Name` inside braces."""

    name: Name


class WordSet(Node, frozen=True, kw_only=True):
    items: tuple[Word | Include, ...]


class MapEntry(Node, frozen=True, kw_only=True):
    key: Word
    value: WordSet


class MapValue(Node, frozen=True, kw_only=True):
    entries: tuple[MapEntry, ...]


class Text(Node, frozen=True, kw_only=True):
    """A quoted string: '"' with escapes resolved, "'" raw."""

    text: str
    quote: str = '"'


class Duration(Node, frozen=True, kw_only=True):
    """A positive duration; `text` as written (`1h30m`)."""

    microseconds: int
    text: str


class Number(Node, frozen=True, kw_only=True):
    """A number; `unit` is '', '%', 'KB', 'MB' or 'GB'; `text` as written, without a leading minus."""

    text: str
    unit: str = ""
    negative: bool = False


class Truth(Node, frozen=True, kw_only=True):
    """`true`, `false` or `null`."""

    value: bool | None


class Path(Node, frozen=True, kw_only=True):
    """A name with dots: a field, a capture's field, a parameter. `labels."my-field"` and `raw."A.B"` keep the quoted
    part as one element of `parts`, with `quoted` True."""

    parts: tuple[str, ...]
    quoted: bool = False


# -- patterns: what arguments are made of ----------------------------------------
# An argument is a tree of SetUnion, SetDifference, SetNot over WordSet | Text | Path | Number | Truth | Duration.


class SetUnion(Node, frozen=True, kw_only=True):
    left: "Pattern"
    right: "Pattern"


class SetDifference(Node, frozen=True, kw_only=True):
    left: "Pattern"
    right: "Pattern"


class SetNot(Node, frozen=True, kw_only=True):
    operand: "Pattern"


Pattern = SetUnion | SetDifference | SetNot | WordSet | Text | Path | Number | Truth | Duration


# -- conditions ----------------------------------------


class Binary(Node, frozen=True, kw_only=True):
    """`op` is one of: or and == != < <= > >= in, not in, like, not like, matches, not matches, contains, not contains,
    outside, + - * / (as written, with one space)."""

    op: str
    left: "Expression"
    right: "Expression"


class Unary(Node, frozen=True, kw_only=True):
    """`op` is 'not' or '-'."""

    op: str
    operand: "Expression"


class Call(Node, frozen=True, kw_only=True):
    """A function of conditions; `new` has its own node."""

    name: Name
    arguments: tuple["Expression", ...]


class New(Node, frozen=True, kw_only=True):
    """`new(user.name, source.ip among signin in 30d)`."""

    fields: tuple[Path, ...]
    kind: Name
    look_back: "Expression"


class Lookup(Node, frozen=True, kw_only=True):
    """`Map[field]`."""

    map: Name
    key: Path


Expression = Binary | Unary | Call | New | Lookup | Path | Text | Number | Duration | Truth | WordSet | Word


# -- steps ----------------------------------------


class Argument(Node, frozen=True, kw_only=True):
    """A positional argument has no `name`."""

    name: Name | None
    value: Pattern


class Link(Node, frozen=True, kw_only=True):
    """`by app`, `under app`, `of box`, `from host`."""

    word: str
    capture: Name


class Part(Node, frozen=True, kw_only=True):
    """A kind with its arguments and links; a step is one or more of them joined by `and`."""

    kind: Name
    arguments: tuple[Argument, ...] | None = None  # None where no parentheses were written
    links: tuple[Link, ...] = ()


class Step(Node, frozen=True, kw_only=True):
    parts: tuple[Part, ...]
    where: Expression | None = None


class Captured(Node, frozen=True, kw_only=True):
    """`ELEMENT as name`."""

    element: "Element"
    name: Name


class Optional(Node, frozen=True, kw_only=True):
    """`ELEMENT?`."""

    element: "Element"


class Repeat(Node, frozen=True, kw_only=True):
    """`ELEMENT+`, `{n}`, `{n,}`, `{n,m}`; bounds are numbers or parameters. `most` None: no upper bound."""

    element: "Element"
    least: "Expression"
    most: "Expression | None"
    exact: bool = False  # written `{n}`
    plus: bool = False  # written `+`


class Measure(Node, frozen=True, kw_only=True):
    """One aggregate: `function` is count, distinct, sum or share (count without a condition is `>= 20`)."""

    function: str
    subject: "Expression | None"
    op: str
    bound: "Expression"


class Cadence(Node, frozen=True, kw_only=True):
    """`{>= 6 every 10m +- 1m}` (tolerance) or `{>= 6 every 5m..1h}` (longest)."""

    every: "Expression"
    tolerance: "Expression | None" = None
    longest: "Expression | None" = None


class Counted(Node, frozen=True, kw_only=True):
    """`ELEMENT{>= 20, distinct x >= 3 in 5m by source.ip}`."""

    element: "Element"
    measures: tuple[Measure, ...]
    within: "Expression | None"
    cadence: Cadence | None
    by: tuple[Path, ...]


class WithoutPrior(Node, frozen=True, kw_only=True):
    """`ELEMENT without prior STEP in 24h`."""

    element: "Element"
    prior: Step
    look_back: "Expression"


class Absent(Node, frozen=True, kw_only=True):
    """`!ELEMENT`."""

    element: "Element"


class Group(Node, frozen=True, kw_only=True):
    """Parentheses, kept so that the printer can give them back."""

    element: "Element"


class Hop(Node, frozen=True, kw_only=True):
    """An arrow `->`, `->?` or `~>`, with its limits: `[30s]` is most alone, `[1h..]` least alone."""

    arrow: str
    least: "Expression | None" = None
    most: "Expression | None" = None


class Member(Node, frozen=True, kw_only=True):
    """A member of `&` or `|`, with its own arrow where one was written."""

    arrow: Hop | None
    element: "Element"


class All(Node, frozen=True, kw_only=True):
    """`A & B`."""

    members: tuple[Member, ...]


class Either(Node, frozen=True, kw_only=True):
    """`A | B`."""

    members: tuple[Member, ...]


Element = Step | Captured | Optional | Repeat | Counted | WithoutPrior | Absent | Group | All | Either


class Position(Node, frozen=True, kw_only=True):
    """One position of a chain's expression: the hop that leads to it (None for the first) and what stands there."""

    hop: Hop | None
    element: Element


# -- clauses and declarations ----------------------------------------


class Within(Node, frozen=True, kw_only=True):
    value: Expression


class Per(Node, frozen=True, kw_only=True):
    """`per all` has `every` True and no fields."""

    fields: tuple[Path, ...]
    every: bool = False


class OncePer(Node, frozen=True, kw_only=True):
    fields: tuple[Path, ...]
    within: Expression | None = None


class Until(Node, frozen=True, kw_only=True):
    step: Step


Clause = Within | Per | OncePer | Until


class Severity(Node, frozen=True, kw_only=True):
    level: Name
    when: Expression


class Except(Node, frozen=True, kw_only=True):
    reason: Text
    on: Name | None
    when: Expression
    owner: Text | None = None
    until: Text | None = None  # the date as written, 2027-01-31, with `quote` ""


class TestField(Node, frozen=True, kw_only=True):
    """`field=value`, `field=a,"b c"`: a value for each comma outside of quotes. `is_bare`: there are no quotes."""

    name: Name
    values: tuple[str, ...]
    is_bare: bool


class TestLine(Node, frozen=True, kw_only=True):
    """One event of a test: its offset in microseconds, and the rest as written (no kinds: time passes)."""

    at: int
    kinds: tuple[Name, ...] = ()  # `write+exec` is one event of two kinds
    positional: Text | None = None
    fields: tuple[TestField, ...] = ()
    text: str = ""  # the line as written, trimmed


class Expect(Node, frozen=True, kw_only=True):
    """`expect drop: 5s, line 6` and its like: events by their times, or by lines (numbers) of a file of events. `what`
    is step, no step, at, severity, flag, no flag, stuck or except."""

    what: str
    name: Name | Text | None = None
    events: tuple[Duration | Number, ...] = ()


class Test(Node, frozen=True, kw_only=True):
    title: Text
    raises: int
    chain: Name | None
    body: str  # between the braces, verbatim but for line ends
    lines: tuple[TestLine, ...] = ()
    files: tuple[Text, ...] = ()  # `events "case.jsonl"`
    expects: tuple[Expect, ...] = ()


class Chain(Node, frozen=True, kw_only=True):
    """`name` is None for the file's single unnamed chain."""

    name: Name | None
    positions: tuple[Position, ...]
    clauses: tuple[Clause, ...] = ()
    severities: tuple[Severity, ...] = ()
    exceptions: tuple[Except, ...] = ()
    tests: tuple[Test, ...] = ()


class Entry(Node, frozen=True, kw_only=True):
    """`key: value, value` of the analytic block; values are words or quoted strings."""

    key: Name
    values: tuple[Word, ...]


class Header(Node, frozen=True, kw_only=True):
    """`analytic AN1316 "Title" { … }`."""

    id: Name
    title: Text | None
    entries: tuple[Entry, ...]


class Parameter(Node, frozen=True, kw_only=True):
    """`param Name = value "description"`; `keyword` tells whether `param` was written."""

    name: Name
    value: Expression | Pattern | MapValue
    description: Text | None
    keyword: bool


class Introduces(Node, frozen=True, kw_only=True):
    """`{ introduces: volume = aws.ec2.volume_id  tests: field  size: field }` of a kind declaration."""

    key: Name
    entity: Name | None
    field: Path


class KindDeclaration(Node, frozen=True, kw_only=True):
    name: Name
    step: Step
    entries: tuple[Introduces, ...] = ()


class Comment(Node, frozen=True, kw_only=True):
    """A `#` comment; `own_line` when nothing stands before it on its line."""

    text: str
    own_line: bool


Item = Header | Parameter | KindDeclaration | Chain | Except | Severity | Test


class File(Node, frozen=True, kw_only=True):
    """A whole file. `items` in the order written; `exceptions`, `severities` and `tests` before the first chain stand
    among the items, those after a chain inside it. `comments` are all of the file's comments, in order (but those of
    test bodies, which are kept verbatim); `blanks` where its blank lines begin, for the printer."""

    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = ()
    blanks: tuple[int, ...] = ()


LAYOUT = frozenset({"span", "own_line", "blanks"})  # where something stands; not part of what it says


def same(a: Any, b: Any) -> bool:
    """Whether two trees say the same: equal but for where things stand."""
    if isinstance(a, Node) and isinstance(b, Node):
        return type(a) is type(b) and all(
            same(getattr(a, f), getattr(b, f)) for f in a.__struct_fields__ if f not in LAYOUT
        )
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
