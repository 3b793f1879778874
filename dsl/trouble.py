"""A place where a text goes wrong, and an answer to it: what `parser` asks and `hints` says.

No sentence for the user is made here; `slips` and `hints` have those.
"""

import re
from typing import Any

import msgspec
from lark import Token

from . import tree
from .diagnostic import Diagnostic, Fix, Label
from .source import Span

Feeds = tuple[tuple[str, str], ...]

RESERVED = frozenset(
    {
        "analytic", "param", "kind", "chain", "except", "when", "on", "owner", "test", "raises", "as", "by",
        "under", "from", "of", "not", "and", "or", "in", "like", "matches", "contains", "where", "within",
        "per", "once", "until", "without", "prior", "severity", "true", "false", "null",
    }
)  # fmt: skip
DECLARATIONS = ("analytic", "param", "kind", "chain", "except", "severity", "test")
CLAUSES = frozenset({"within", "per", "once", "until"})
_CAME = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_@][A-Za-z0-9_@]*)*)
      | (?P<number>[0-9][A-Za-z0-9_.:/%]*(?:-[0-9]{2}-[0-9]{2})?
          (?:[ \t]+(?:%|(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|[kKmMgG][bB]|bytes)\b))?)
      | (?P<operator>[-=~]+>\??|===|!==|<>|=~|&&|\|\||>>|:=|==|=>|!=|<=|>=|\+-|\.\.+)
      | (?P<path>(?:[/~\\%]|\*\.?\w|\.\.?[\\/]|::)[^\s,(){}"'#]*)
      | (?P<string>["'][^\r\n]*)
      | (?P<other>.)""",
    re.X | re.S,
)


class Trouble(msgspec.Struct, frozen=True):
    """A place where the text goes wrong."""

    text: str
    at: int
    ended: bool
    before: Token | None
    accepts: frozenset[str]
    stack: tuple[Any, ...]  # what the parser has read and not yet put together: tokens and nodes
    opened: tuple[Token, ...]  # brackets that wait for their partner

    @property
    def came(self) -> str:
        """The word, number, operator or character at the place; nothing at the end."""
        match = _CAME.match(self.text, self.at)
        return "" if self.ended or match is None else match[0][:200]

    @property
    def sort(self) -> str:
        """What `came` is: name, number, operator, path, string, other, or end."""
        match = _CAME.match(self.text, self.at)
        return "end" if self.ended or match is None else str(match.lastgroup)

    @property
    def here(self) -> Span:
        return Span(self.at, self.at + len(self.came))

    @property
    def last(self) -> Span:
        """The token before."""
        if self.before is None:
            return Span(self.at, self.at)
        return Span(self.before.start_pos or 0, self.before.end_pos or 0)

    @property
    def after(self) -> str:
        """The rest of the text's line behind `came`."""
        end = self.text.find("\n", self.here.end)
        return self.text[self.here.end : end if end >= 0 else len(self.text)][:200]

    @property
    def new_line(self) -> bool:
        return "\n" in self.text[self.last.end : self.at]

    @property
    def declaration(self) -> str:
        """The terminal that began the declaration which is being read, or nothing in an unnamed chain."""
        for value in reversed(self.stack):
            if isinstance(value, Token) and (value.type == "ASSIGN" or value.type.lower() in DECLARATIONS):
                return value.type
        return ""

    @property
    def inside(self) -> str:
        """What the innermost bracket holds: set, map, repeat, header, kind, hop, lookup, group, arguments, call."""
        if not self.opened:
            return ""
        bracket = self.opened[-1]
        place = max((i for i, v in enumerate(self.stack) if v is bracket), default=0)
        before = self.stack[place - 1] if place else None
        kind = before.type if isinstance(before, Token) else ""
        if bracket.type == "LSQB":
            return "hop" if kind == "ARROW" else "lookup"
        if bracket.type == "LPAR":
            condition = any(isinstance(v, Token) and v.type in ("WHERE", "WHEN") for v in self.stack[:place])
            return ("call" if condition else "arguments") if kind == "CALL" else "condition" if condition else "group"
        if self.declaration == "ANALYTIC":
            return "header"
        if isinstance(before, tree.Element):
            return "kind" if self.declaration == "KIND" else "repeat"
        return "map" if any(isinstance(v, tree.MapEntry) for v in self.stack[place:]) else "set"

    def is_before(self, *types: str) -> bool:
        return self.before is not None and self.before.type in types

    @property
    def is_arrow(self) -> bool:
        return re.fullmatch(r"->\??|~>", self.came) is not None

    @property
    def bracket(self) -> Span:
        """The innermost bracket that is open."""
        start = self.opened[-1].start_pos or 0
        return Span(start, start + 1)


class Hint(msgspec.Struct, frozen=True):
    """An answer: the diagnostic, and how to read on."""

    diagnostic: Diagnostic
    feeds: Feeds | None = None  # the terminals that were meant; None: go on at the next declaration
    resume: int = 0  # where to read on after them
    afresh: bool = False  # a declaration begins at the place itself


def answer(
    code: str,
    message: str,
    *labels: Label | Span,
    helps: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    fix: Fix | None = None,
    feeds: Feeds | None = None,
    resume: int = 0,
    afresh: bool = False,
) -> Hint:
    """A hint from the parts of its diagnostic."""
    marks = tuple(x if isinstance(x, Label) else Label(x) for x in labels)
    diagnostic = Diagnostic(code, message, marks, helps=helps, notes=notes, fix=fix)
    return Hint(diagnostic, feeds, resume, afresh)


def short(text: str, width: int = 40) -> str:
    """The beginning of a text, for a message."""
    first = text.split("\n", 1)[0]
    return first if len(first) <= width and first == text else first[: width - 3] + "..."
