"""From the grammar's productions to nodes: one method a rule, named as in grammar.lark.

Lark calls a method with the rule's children, tokens and nodes alike, from the leaves up. The builder holds no state and
reports no faults (a fault in a token is found by `parser`), so that one serves every parse of the process.
"""

from itertools import pairwise
from typing import Any, cast

from lark import Token
from msgspec import structs

from . import tree
from .literal import microseconds, unquote
from .source import Span
from .testbody import split

Children = list[Any]


def span(children: Children) -> Span:
    """From the first to the last child; rules are never empty, but for a file."""
    return Span(_of(children[0]).start, _of(children[-1]).end)


def _of(child: Any) -> Span:
    if isinstance(child, Token):
        return Span(cast(int, child.start_pos), cast(int, child.end_pos))
    return cast(Span, child.span)


def _nodes(children: Children, *types: type) -> Children:
    return [c for c in children if isinstance(c, types)]


def _name(token: Token) -> tree.Name:
    return tree.Name(span=_of(token), text=str(token))


def _names(children: Children, type_: str = "NAME") -> list[tree.Name]:
    return [_name(c) for c in children if isinstance(c, Token) and c.type == type_]


def _text(token: Token) -> tree.Text:
    text, quote = unquote(token)
    return tree.Text(span=_of(token), text=text, quote=quote)


def _words(children: Children) -> list[str]:
    """The texts of the tokens."""
    return [str(c) for c in children if isinstance(c, Token)]


def _positions(body: Children) -> tuple[tree.Position, ...]:
    found: list[tree.Position] = []
    hop: tree.Hop | None = None
    for child in body:
        if isinstance(child, tree.Hop):
            hop = child
        else:
            found.append(tree.Position(span=hop.span.to(child.span) if hop else child.span, hop=hop, element=child))
    return tuple(found)


class Builder:
    """The methods that Lark calls."""

    # -- the file and its declarations ----------------------------------------

    def file(self, children: Children) -> tree.File:
        items: list[Any] = []
        chain: tree.Chain | None = None
        belonging: dict[type, list[Any]] = {tree.Severity: [], tree.Except: [], tree.Test: []}

        def close() -> None:
            if chain is not None:
                severities, exceptions, tests = (tuple(b) for b in belonging.values())
                items[place] = tree.Chain(
                    span=span([chain, *severities, *exceptions, *tests]),
                    name=chain.name,
                    positions=chain.positions,
                    clauses=chain.clauses,
                    severities=severities,
                    exceptions=exceptions,
                    tests=tests,
                )
                for gathered in belonging.values():
                    gathered.clear()

        place = 0
        for child in children:
            if isinstance(child, tree.Chain):
                close()
                chain, place = child, len(items)
                items.append(child)
            elif chain is not None and type(child) in belonging:
                belonging[type(child)].append(child)
            else:
                items.append(child)
        close()
        return tree.File(span=span(items) if items else Span(0, 0), items=tuple(items))

    def header(self, c: Children) -> tree.Header:
        title = next((_text(t) for t in c if isinstance(t, Token) and t.type == "STRING"), None)
        return tree.Header(span=span(c), id=_name(c[1]), title=title, entries=tuple(_nodes(c, tree.Entry)))

    def entry(self, c: Children) -> tree.Entry:
        return tree.Entry(span=span(c), key=_name(c[0]), values=tuple(_nodes(c, tree.Word)))

    def value(self, c: Children) -> tree.Word:
        return self.word(c)

    def parameter(self, c: Children) -> tree.Parameter:
        keyword = c[0].type == "PARAM"
        rest = c[1:] if keyword else c
        description = _text(rest[3]) if len(rest) > 3 else None
        return tree.Parameter(
            span=span(c), name=_name(rest[0]), value=rest[2], description=description, keyword=keyword
        )

    def kind(self, c: Children) -> tree.KindDeclaration:
        entries = tuple(_nodes(c, tree.Introduces))
        return tree.KindDeclaration(span=span(c), name=_name(c[1]), step=c[3], entries=entries)

    def introduces(self, c: Children) -> tree.Introduces:
        entity = next(iter(_names(c, "ASSIGN")), None)
        return tree.Introduces(span=span(c), key=_name(c[0]), entity=entity, field=c[-1])

    def chain(self, c: Children) -> tree.Chain:
        return self._chain(c, _name(c[1]), c[3:])

    def unnamed(self, c: Children) -> tree.Chain:
        return self._chain(c, None, c)

    def _chain(self, c: Children, name: tree.Name | None, body: Children) -> tree.Chain:
        clauses = tuple(_nodes(body, tree.Within, tree.Per, tree.OncePer, tree.Until))
        positions = _positions(body[: len(body) - len(clauses)])
        return tree.Chain(span=span(c), name=name, positions=positions, clauses=clauses)

    def severity(self, c: Children) -> tree.Severity:
        return tree.Severity(span=span(c), level=_name(c[1]), when=c[3])

    def exception(self, c: Children) -> tree.Except:
        on = next(iter(_names(c)), None)
        owner: tree.Text | None = None
        until: tree.Text | None = None
        when: Any = None
        for before, child in pairwise(c):
            match getattr(before, "type", None):
                case "WHEN":
                    when = child
                case "OWNER":
                    owner = _text(child)
                case "UNTIL":
                    until = tree.Text(span=_of(child), text=str(child), quote="")
        return tree.Except(span=span(c), reason=_text(c[1]), on=on, when=when, owner=owner, until=until)

    def test(self, c: Children) -> tree.Test:
        raises = c[2]
        head, _, rest = str(raises).partition("{")
        words = head.split()
        start = _of(raises).start
        name: tree.Name | None = None
        if len(words) == 3:
            at = start + head.rindex(words[2])
            name = tree.Name(span=Span(at, at + len(words[2])), text=words[2])
        body = rest[:-1]
        said = split(body, start + len(head) + 1)
        return tree.Test(
            span=span(c),
            title=_text(c[1]),
            raises=int(words[1]),
            chain=name,
            body=body.replace("\r\n", "\n"),
            lines=said.lines,
            files=said.files,
            expects=said.expects,
        )

    # -- chains ----------------------------------------

    def hop(self, c: Children) -> tree.Hop:
        limits: list[Any] = [x for x in c if not isinstance(x, Token)]
        least, most = None, None
        match limits:
            case [least, most]:
                pass
            case [one] if ".." in _words(c):
                least = one
            case [one]:
                most = one
        return tree.Hop(span=span(c), arrow=str(c[0]), least=least, most=most)

    def either(self, c: Children) -> tree.Either:
        return tree.Either(span=span(c), members=self._members(c))

    def all(self, c: Children) -> tree.All:
        return tree.All(span=span(c), members=self._members(c))

    def member(self, c: Children) -> tree.Member:
        return tree.Member(span=span(c), arrow=c[0] if len(c) == 2 else None, element=c[-1])

    def _members(self, c: Children) -> tuple[tree.Member, ...]:
        nodes = [x for x in c if not isinstance(x, Token)]
        return tuple(x if isinstance(x, tree.Member) else self.member([x]) for x in nodes)

    def absent(self, c: Children) -> tree.Absent:
        return tree.Absent(span=span(c), element=c[1])

    def captured(self, c: Children) -> tree.Captured:
        return tree.Captured(span=span(c), element=c[0], name=_name(c[2]))

    def optional(self, c: Children) -> tree.Optional:
        return tree.Optional(span=span(c), element=c[0])

    def plus(self, c: Children) -> tree.Repeat:
        one = tree.Number(span=_of(c[1]), text="1")
        return tree.Repeat(span=span(c), element=c[0], least=one, most=None, plus=True)

    def repeat(self, c: Children) -> tree.Repeat:
        bounds = [x for x in c[1:] if not isinstance(x, Token)]
        exact = "," not in _words(c)
        most = bounds[1] if len(bounds) == 2 else bounds[0] if exact else None
        return tree.Repeat(span=span(c), element=c[0], least=bounds[0], most=most, exact=exact)

    def counted(self, c: Children) -> tree.Counted:
        within = next((n for t, n in pairwise(c) if isinstance(t, Token) and t.type == "IN"), None)
        words = _words(c)
        by = c[c.index("by") :] if "by" in words else []
        return tree.Counted(
            span=span(c),
            element=c[0],
            measures=tuple(_nodes(c, tree.Measure)),
            within=within,
            cadence=next(iter(_nodes(c, tree.Cadence)), None),
            by=tuple(_nodes(by, tree.Path)),
        )

    def measure(self, c: Children) -> tree.Measure:
        function = str(c[0]) if c[0].type in ("COUNT", "SHARE", "DISTINCT", "SUM") else "count"
        subject = next((x for x in c[:-1] if not isinstance(x, Token)), None)
        return tree.Measure(span=span(c), function=function, subject=subject, op=str(c[-2]), bound=c[-1])

    def cadence(self, c: Children) -> tree.Cadence:
        if c[2].type == "PLUSMINUS":
            return tree.Cadence(span=span(c), every=c[1], tolerance=c[3])
        return tree.Cadence(span=span(c), every=c[1], longest=c[3])

    def without_prior(self, c: Children) -> tree.WithoutPrior:
        return tree.WithoutPrior(span=span(c), element=c[0], prior=c[3], look_back=c[5])

    def group(self, c: Children) -> tree.Group:
        return tree.Group(span=span(c), element=c[1])

    def step(self, c: Children) -> tree.Step:
        where = c[-1] if len(c) > 1 and isinstance(c[-2], Token) and c[-2].type == "WHERE" else None
        return tree.Step(span=span(c), parts=tuple(_nodes(c, tree.Part)), where=where)

    def part(self, c: Children) -> tree.Part:
        arguments = tuple(_nodes(c, tree.Argument)) if c[0].type == "CALL" else None
        return tree.Part(span=span(c), kind=_name(c[0]), arguments=arguments, links=tuple(_nodes(c, tree.Link)))

    def link(self, c: Children) -> tree.Link:
        return tree.Link(span=span(c), word=str(c[0]), capture=_name(c[1]))

    def argument(self, c: Children) -> tree.Argument:
        name = _name(c[0]) if isinstance(c[0], Token) and c[0].type == "LABEL" else None
        return tree.Argument(span=span(c), name=name, value=next(x for x in c if not isinstance(x, Token)))

    def within(self, c: Children) -> tree.Within:
        return tree.Within(span=span(c), value=c[1])

    def per(self, c: Children) -> tree.Per:
        return tree.Per(span=span(c), fields=tuple(_nodes(c, tree.Path)), every=len(c) == 2 and isinstance(c[1], Token))

    def once(self, c: Children) -> tree.OncePer:
        timed = isinstance(c[-2], Token) and c[-2].type == "IN"
        fields = tuple(_nodes(c[:-1] if timed else c, tree.Path))
        return tree.OncePer(span=span(c), fields=fields, within=c[-1] if timed else None)

    def until(self, c: Children) -> tree.Until:
        return tree.Until(span=span(c), step=c[1])

    # -- patterns ----------------------------------------

    def set_not(self, c: Children) -> tree.SetNot:
        return tree.SetNot(span=span(c), operand=c[1])

    def union(self, c: Children) -> tree.SetUnion:
        return tree.SetUnion(span=span(c), left=c[0], right=c[2])

    def difference(self, c: Children) -> tree.SetDifference:
        return tree.SetDifference(span=span(c), left=c[0], right=c[2])

    def nested(self, c: Children) -> tree.Node:
        """What stands in parentheses, marked with them; the printer puts back those that are needed."""
        return cast(tree.Node, structs.replace(c[1], span=span(c)))

    def negative(self, c: Children) -> tree.Number:
        number = c[1]
        return tree.Number(span=span(c), text=number.text, unit=number.unit, negative=True)

    def set(self, c: Children) -> tree.WordSet:
        return tree.WordSet(span=span(c), items=tuple(_nodes(c, tree.Word, tree.Include)))

    def word(self, c: Children) -> tree.Word:
        if c[0].type == "STRING":
            text, quote = unquote(c[0])
            return tree.Word(span=span(c), text=text, quote=quote)
        return tree.Word(span=span(c), text=str(c[0]))

    def include(self, c: Children) -> tree.Include:
        whole = span(c)
        name = tree.Name(span=Span(whole.start + 3, whole.end), text=str(c[0])[3:])
        return tree.Include(span=whole, name=name)

    def map(self, c: Children) -> tree.MapValue:
        return tree.MapValue(span=span(c), entries=tuple(_nodes(c, tree.MapEntry)))

    def map_entry(self, c: Children) -> tree.MapEntry:
        return tree.MapEntry(span=span(c), key=c[0], value=c[2])

    def map_key(self, c: Children) -> tree.Word:
        return self.word(c)

    # -- conditions ----------------------------------------

    def binary(self, c: Children) -> tree.Binary:
        return tree.Binary(span=span(c), op=" ".join(c[1:-1]), left=c[0], right=c[-1])

    def unary(self, c: Children) -> tree.Unary | tree.Number:
        operand = c[1]
        if c[0].type == "MINUS" and isinstance(operand, tree.Number) and not operand.negative:
            return self.negative([c[0], operand])
        return tree.Unary(span=span(c), op=str(c[0]), operand=operand)

    def call(self, c: Children) -> tree.Call:
        return tree.Call(span=span(c), name=_name(c[0]), arguments=tuple(x for x in c if not isinstance(x, Token)))

    def new(self, c: Children) -> tree.New:
        fields = tuple(_nodes(c[:-2], tree.Path))
        return tree.New(span=span(c), fields=fields, kind=_names(c)[0], look_back=c[-2])

    def lookup(self, c: Children) -> tree.Lookup:
        return tree.Lookup(span=span(c), map=_name(c[0]), key=c[2])

    # -- leaves ----------------------------------------

    def path(self, c: Children) -> tree.Path:
        written = str(c[0])
        if c[0].type != "QUOTEDPATH":
            return tree.Path(span=span(c), parts=tuple(written.split(".")))
        cut = min(i for i in (written.find('"'), written.find("'")) if i >= 0)
        return tree.Path(span=span(c), parts=(*written[: cut - 1].split("."), unquote(written[cut:])[0]), quoted=True)

    def number(self, c: Children) -> tree.Number:
        written = str(c[0])
        digits = written.rstrip("%KMGB")
        return tree.Number(span=span(c), text=digits, unit=written[len(digits) :])

    def duration(self, c: Children) -> tree.Duration:
        return tree.Duration(span=span(c), microseconds=microseconds(c[0]), text=str(c[0]))

    def text(self, c: Children) -> tree.Text:
        return _text(c[0])

    def truth(self, c: Children) -> tree.Truth:
        return tree.Truth(span=span(c), value={"true": True, "false": False, "null": None}[str(c[0])])
