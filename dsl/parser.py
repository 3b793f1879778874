"""Text to tree: the only room that knows Lark.

A file is read in one go. Where it goes wrong, `hints` says what is wrong; where the mend is certain (`=` for `==`) the
parser is fed the mended words and goes on as if they had been written, else it goes on at the next declaration. So all
faults of a file are told at once, and one fault does not cause others. Called by `loader` and by tests.
"""

import pickle
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from io import BytesIO
from itertools import islice
from typing import Any, cast

import lark
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput
from lark.lexer import LexerState
from lark.parsers.lalr_analysis import Shift
from lark.parsers.lalr_interactive_parser import InteractiveParser
from lark.utils import TextSlice
from msgspec import structs

from . import tree
from .builder import Builder
from .diagnostic import ChainError, Diagnostic, Fix, Label
from .hints import explain
from .literal import flaws, microseconds
from .prepared import prepared
from .source import Source, Span
from .testbody import split
from .trouble import Trouble

MOST_CHARACTERS = 256 * 1024  # of a file; long lists of words stand in files of their own
MOST_FAULTS = 50
MOST_FLAWS = 5  # of one string, or one test
DEEPEST = 50  # parentheses in parentheses
MOST_OPERATORS = 200  # in one expression: what walks a tree may recurse without fear
MOST_ARROWS = 100  # in one chain

# What no chain file holds, even in strings and comments: what is not shown, or shows text in another order.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
_NEXT_DECLARATION = re.compile(
    r"""^[ \t]*(?: (?:analytic|param)[ \t]+[A-Za-z_] | (?:kind|chain)[ \t]+\w+[ \t]*:
                 | (?:except|test)[ \t]+(?:["']|when\b|on\b) | severity[ \t]+\w+[ \t]+when\b
                 | [A-Za-z_]\w*[ \t]*=(?!=) )
      | ^[A-Za-z_(!][^\n]*[-~]> | ^[A-Za-z_][^\n]*\n[ \t]*[-~]>""",
    re.M | re.X,
)
_COMMENT = re.compile(r"#[^\r\n]*")
_BLANK = re.compile(r"\n(?=[ \t\r]*\n)")
_OPERATORS = frozenset(
    {"OR", "AND", "NOT", "PLUS", "MINUS", "STAR", "SLASH", "QUESTION", "REPEATED", "AS", "WITHOUT", "BOTH", "EITHER"}
    | {"BY", "UNDER", "OF", "FROM"}
)
_AFRESH = frozenset(  # where the count of operators begins again
    {"ARROW", "ASSIGN", "WITHIN", "PER", "ONCE", "UNTIL", "ANALYTIC", "PARAM", "KIND", "CHAIN"}
    | {"SEVERITY", "EXCEPT", "TEST", "WHEN", "LABEL"}
)
_REPEATABLE = frozenset({"NAME", "RPAR", "RBRACE", "QUESTION", "REPEATED"})  # before the brace of a repetition
_OPENS = {"LBRACE": "RBRACE", "LPAR": "RPAR", "LSQB": "RSQB"}
_CLOSES = frozenset(_OPENS.values())


def parse(source: Source) -> tree.File:
    """The tree of a file; raises `ChainError` with all the faults that were found."""
    text = source.text
    if len(text) > MOST_CHARACTERS:
        raise ChainError(source, (_too_long(text),))
    faults = list(_hidden_characters(text))
    if faults:
        text = _HIDDEN.sub(lambda m: " " * len(m[0]), text)
    at: int | None = 0
    file: tree.File | None = None
    gaps: list[tuple[int, str]] = []
    while at is not None:
        reading = _Reading(text, at)
        file = reading.read()
        faults += reading.faults
        gaps += reading.gaps
        at = reading.resume
        if len(faults) >= MOST_FAULTS:
            file = None
            end = Span(reading.end, reading.end)
            faults.append(Diagnostic("C199", "too many faults; the rest of the file is not read", (Label(end),)))
            break
    if file is not None and reading.start == 0:
        faults += _out_of_place(file)
    if faults or file is None:
        raise ChainError(source, tuple(faults))
    comments, blanks = _between(text, gaps)
    return structs.replace(file, span=Span(0, len(text)), comments=comments, blanks=blanks)


def decode(name: str, data: bytes) -> Source:
    """The source in a file's bytes; raises `ChainError` where they are not UTF-8."""
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        source = Source(name, data.decode("utf-8", errors="replace"))
        at = len(data[: error.start].decode("utf-8"))
        number = data[error.start]
        message = f"byte 0x{number:02X} is not UTF-8"
        fault = Diagnostic("C102", message, (Label(Span(at, at + 1), "here"),), helps=("save the file as UTF-8",))
        raise ChainError(source, (fault,)) from None


@cache
def _lark() -> Lark:
    """The parser, made when the first text is parsed, once a process. Its tables are an eighth of a second's work."""
    grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    tables = prepared("grammar", (lark.__version__.encode(), grammar.encode()), lambda: _tables(grammar))
    # as Lark's generated parsers do: `load` gives no place to say what is built
    loaded: Lark = Lark._load_from_dict(tables["data"], tables["memo"], transformer=Builder())  # type: ignore[no-untyped-call]
    return loaded


def _tables(grammar: str) -> Any:
    parser = Lark(
        grammar, start="file", parser="lalr", lexer="contextual", keep_all_tokens=True, maybe_placeholders=False
    )
    saved = BytesIO()
    parser.save(saved)
    return pickle.loads(saved.getvalue())


class _Reading:
    """One pass from an offset until the text ends or a fault cannot be mended."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.start = start
        self.faults: list[Diagnostic] = []
        self.gaps: list[tuple[int, str]] = []  # what lies between tokens, where it is more than white space
        self.resume: int | None = None
        self._before: Token | None = None
        self.end = start  # of the last token
        self._stopped = False
        self._opened: list[Token] = []
        self._operators = 0
        self._arrows = 0

    def read(self) -> tree.File | None:
        """The file, or None where the pass ended early and `resume` is the next declaration."""
        parser = _lark().parse_interactive(TextSlice(self.text, self.start, len(self.text)))
        while (at := self._advance(parser)) is not None:
            if not self._mended(parser, at):
                return None
        if self._stopped:
            return None
        return cast(tree.File, parser.feed_eof())  # type: ignore[no-untyped-call]

    def _advance(self, parser: InteractiveParser) -> int | None:
        """Reads until a token does not fit, and says where; None at a proper end."""
        try:
            for token in _tokens(parser):
                start = cast(int, token.start_pos)
                if not _fits(parser, token.type):
                    return start
                self._check(token)
                parser.feed_token(token)
                self._gap(start)
                self.end = cast(int, token.end_pos)
                previous, self._before = self._before, token
                if self._count(token, previous.type if previous else ""):
                    self._stopped = True
                    self._skip(start)
                    return None
                if len(self.faults) >= MOST_FAULTS:
                    self._stopped = True
                    return None
        except UnexpectedInput as error:
            return cast(int, error.pos_in_stream)
        self._gap(len(self.text))
        return None if _fits(parser, "$END") else len(self.text)

    def _mended(self, parser: InteractiveParser, at: int) -> bool:
        """Reports the fault; True where the parser stands as if it had not happened."""
        ended = at == len(self.text)
        if ended:
            at = cast(int, self._before.end_pos) if self._before is not None else len(self.text.rstrip())
        trouble = Trouble(
            text=self.text,
            at=at,
            ended=ended,
            before=self._before,
            accepts=frozenset(parser.accepts()),  # type: ignore[no-untyped-call]
            stack=tuple(_flat(parser.parser_state.value_stack)),
            opened=tuple(self._opened),
        )
        hint = explain(trouble)
        self.faults.append(hint.diagnostic)
        if hint.feeds is None or ended or len(self.faults) >= MOST_FAULTS:
            if hint.afresh:
                self.resume = at
            else:
                self._skip(at)
            return False
        for type_, text in hint.feeds:
            if not _fits(parser, type_):
                self._skip(at)
                return False
            self._before = Token(type_, text, start_pos=at, end_pos=max(at, hint.resume))
            parser.feed_token(self._before)
        cast(LexerState, parser.lexer_thread.state).line_ctr.char_pos = hint.resume
        return True

    def _skip(self, at: int) -> None:
        line_end = self.text.find("\n", at)
        if line_end >= 0 and (found := _NEXT_DECLARATION.search(self.text, line_end + 1)):
            self.resume = found.start()

    def _gap(self, start: int) -> None:
        if start - self.end > 1:
            gap = self.text[self.end : start]
            if "#" in gap or gap.count("\n") > 1:
                self.gaps.append((self.end, gap))

    def _count(self, token: Token, previous: str) -> bool:
        """Follows brackets and operators; True where they go too deep."""
        kind = token.type
        if kind in _OPENS:
            self._opened.append(token)
        elif kind in _CLOSES and self._opened:
            self._opened.pop()
        elif kind in _AFRESH:
            self._operators = 0
            self._arrows = self._arrows + 1 if kind == "ARROW" else 0
        if kind in _OPERATORS or (kind == "LBRACE" and previous in _REPEATABLE):
            self._operators += 1
        if len(self._opened) > DEEPEST:
            fault = f"parentheses nested more than {DEEPEST} deep", "words to choose from form a set"
        elif self._operators > MOST_OPERATORS:
            fault = f"more than {MOST_OPERATORS} operators in one expression", "words to choose from form a set"
        elif self._arrows > MOST_ARROWS:
            fault = f"more than {MOST_ARROWS} arrows in one chain", "events of one kind are counted: `A{>= 20 in 5m}`"
        else:
            return False
        message, help_ = fault
        self.faults.append(Diagnostic("C107", message, (Label(_span(token), "one too many"),), helps=(help_,)))
        return True

    def _check(self, token: Token) -> None:
        """What can be wrong inside a token that is in its place."""
        start = cast(int, token.start_pos)
        if token.type in ("STRING", "QUOTEDPATH") and "\\" in token:
            quote = next(i for i, c in enumerate(token) if c in "\"'")
            for a, b, message in islice(flaws(token[quote:]), MOST_FLAWS):
                where = Span(start + quote + a, start + quote + b)
                self.faults.append(_bad_escape(self.text, where, message, token[quote:], start + quote))
        elif token.type == "DURATION" and microseconds(token) == 0:
            self.faults.append(
                Diagnostic("C105", "a duration of zero", (Label(_span(token), "durations are positive"),))
            )
        elif token.type == "RAISES":
            open_ = token.index("{") + 1
            for where, message in split(token[open_:-1], start + open_).flaws[:MOST_FLAWS]:
                self.faults.append(Diagnostic("C134", "a line of a test that cannot be read", (Label(where, message),)))


def _too_long(text: str) -> Diagnostic:
    more = Label(Span(MOST_CHARACTERS, MOST_CHARACTERS), "the file goes on after this")
    message = f"{len(text):,} characters, and a file has at most {MOST_CHARACTERS:,}"
    return Diagnostic("C198", message, (more,), helps=('a site file takes words from a file of words: `"@words.txt"`',))


def _tokens(parser: InteractiveParser) -> Iterator[Token]:
    return cast(Iterator[Token], parser.lexer_thread.lex(parser.parser_state))  # type: ignore[no-untyped-call]


def _fits(parser: InteractiveParser, type_: str) -> bool:
    """Whether the parser will take such a token.

    An LALR parser reduces before it notices that it cannot, and then no longer knows what else it would have accepted:
    so it is asked before it is fed. This walks the states alone, without building nodes.
    """
    state = parser.parser_state
    states = state.parse_conf.states
    entry = states[state.state_stack[-1]].get(type_)
    stack = state.state_stack
    while entry is not None and entry[0] is not Shift:
        rule = entry[1]
        stack = stack[: len(stack) - len(rule.expansion)]
        stack.append(states[stack[-1]][rule.origin.name][1])
        if stack[-1] == state.parse_conf.end_state:
            return True
        entry = states[stack[-1]].get(type_)
    return entry is not None


def _flat(values: list[Any]) -> Iterator[Any]:
    """Tokens and nodes; Lark keeps the children of inlined rules in a Tree until their parent is made."""
    for value in values if len(values) < 100 else (*values[:20], *values[-80:]):
        if isinstance(value, Tree):
            yield from _flat(value.children)
        else:
            yield value


def _span(token: Token) -> Span:
    return Span(cast(int, token.start_pos), cast(int, token.end_pos))


def _bad_escape(text: str, where: Span, message: str, written: str, start: int) -> Diagnostic:
    raw = written[1:-1]
    fix = None
    if "'" not in raw and '\\"' not in raw:
        fix = Fix(Span(start, start + len(written)), f"'{raw}'", "between single quotes a backslash is a backslash")
    shown = text[where.start : where.end]
    return Diagnostic("C106", f"`{shown}` in a double-quoted string", (Label(where, message),), fix=fix)


def _hidden_characters(text: str) -> Iterator[Diagnostic]:
    for count, m in enumerate(_HIDDEN.finditer(text)):
        if count == 10:
            return
        where = Label(Span(m.start(), m.start() + 1))
        number = ord(m[0][0])
        if number == 0xFEFF and m.start() == 0:
            helps = ("save the file as UTF-8 without a byte order mark",)
            yield Diagnostic("C101", "the file begins with a byte order mark", (where,), helps=helps)
        else:
            message = f"character U+{number:04X} cannot stand in a chain file"
            helps = (f"in a double-quoted string it is written `\\u{{{number:X}}}`",)
            yield Diagnostic("C101", message, (where,), helps=helps)


def _out_of_place(file: tree.File) -> Iterator[Diagnostic]:
    """What the grammar allows and the order of declarations does not."""
    chains = [i for i in file.items if isinstance(i, tree.Chain)]
    headers = [i for i in file.items if isinstance(i, tree.Header)]
    for second in headers[1:]:
        labels = (Label(second.id.span, "a second header"), Label(headers[0].id.span, "the first"))
        yield Diagnostic("C119", "a file has one `analytic` block", labels)
    if headers and chains and headers[0].span.start > chains[0].span.start:
        labels = (Label(headers[0].id.span, "comes after a chain"), Label(_head(chains[0]), "this chain"))
        yield Diagnostic("C119", "the `analytic` block stands before the chains", labels)
    unnamed = [c for c in chains if c.name is None]
    if unnamed and len(chains) > 1:
        named = next(c for c in chains if c.name is not None)
        labels = (Label(_head(unnamed[0]), "this chain has no name"), Label(_head(named), "... but this one has"))
        helps = ("give every chain a name: `chain name: ...`",)
        yield Diagnostic("C113", "chains with and without a name in one file", labels, helps=helps)


def _head(chain: tree.Chain) -> Span:
    return chain.name.span if chain.name else chain.positions[0].span


def _between(text: str, gaps: list[tuple[int, str]]) -> tuple[tuple[tree.Comment, ...], tuple[int, ...]]:
    """The comments and blank lines that lie between tokens."""
    comments: list[tree.Comment] = []
    blanks: list[int] = []
    for start, gap in gaps:
        for m in _COMMENT.finditer(gap):
            at = start + m.start()
            own_line = not text[text.rfind("\n", 0, at) + 1 : at].strip()
            written = m[0].rstrip()
            comments.append(tree.Comment(span=Span(at, at + len(written)), text=written, own_line=own_line))
        blanks += [start + m.start() + 1 for m in _BLANK.finditer(gap)]
    return tuple(comments), tuple(blanks)
