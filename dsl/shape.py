"""From nodes to documents: how each node of the tree is written, and where it may break.

Parentheses of conditions and patterns are put where precedence asks for them, those of chains where they stood.
Used by `printer` only.
"""

import re
from collections.abc import Sequence

from . import tree
from .document import Document, Group, Line, Nest, filled, joined
from .literal import quoted

_BARE = re.compile(r"""(?!\.\.\.)[^\s,{}"'#]+""")
_STRENGTH = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "*": 6, "/": 6}
_COMPARISON = 4
_UNARY = 7
_ATOM = 8


def word(node: tree.Word) -> str:
    if not node.quote and _BARE.fullmatch(node.text):
        return node.text
    return quoted(node.text, node.quote or '"')


def number(node: tree.Number) -> str:
    return f"{'-' if node.negative else ''}{node.text}{node.unit}"


def path(node: tree.Path) -> str:
    if not node.quoted:
        return ".".join(node.parts)
    return ".".join((*node.parts[:-1], quoted(node.parts[-1])))


def paths(nodes: tuple[tree.Path, ...]) -> str:
    return ", ".join(map(path, nodes))


def words(node: tree.WordSet) -> Document:
    items = [word(i) if isinstance(i, tree.Word) else f"...{i.name.text}" for i in node.items]
    return braced(filled(items)) if items else "{}"


def map_entry(node: tree.MapEntry) -> Document:
    return [word(node.key), ": ", words(node.value)]


def braced(body: Document) -> Document:
    return Group(["{", Nest(2, [Line(), body]), Line(), "}"])


# -- conditions and patterns ----------------------------------------


def expression(node: tree.Expression | tree.Pattern | tree.MapValue, strength: int = 0) -> Document:
    """A condition, a pattern or a value; in parentheses where it binds more loosely than `strength` asks for."""
    match node:
        case tree.Binary() | tree.Unary() | tree.SetUnion() | tree.SetDifference() | tree.SetNot():
            own = _strength(node)
            body = _operation(node, own)
            return ["(", Nest(1, body), ")"] if own < strength else body
        case tree.Path():
            return path(node)
        case tree.Text():
            return quoted(node.text, node.quote)
        case tree.Number():
            return number(node)
        case tree.Duration():
            return node.text
        case tree.Truth():
            return {True: "true", False: "false", None: "null"}[node.value]
        case tree.WordSet():
            return words(node)
        case tree.Word():
            return word(node)
        case tree.MapValue():
            return braced(joined([",", Line()], map(map_entry, node.entries)))
        case tree.Call():
            return [node.name.text, "(", _arguments([expression(a) for a in node.arguments]), ")"]
        case tree.New():
            within = expression(node.look_back)
            return ["new(", paths(node.fields), " among ", node.kind.text, " in ", within, ")"]
        case tree.Lookup():
            return f"{node.map.text}[{path(node.key)}]"


def _strength(node: tree.Expression | tree.Pattern) -> int:
    match node:
        case tree.Binary():
            return _STRENGTH.get(node.op, _COMPARISON)
        case tree.Unary():
            return 3 if node.op == "not" else _UNARY
        case tree.SetUnion() | tree.SetDifference():
            return 5
        case tree.SetNot():
            return 0
        case _:
            return _ATOM


def _operation(node: tree.Binary | tree.Unary | tree.SetUnion | tree.SetDifference | tree.SetNot, own: int) -> Document:
    match node:
        case tree.SetNot():
            return ["not ", expression(node.operand, 5)]
        case tree.Unary():
            return [node.op, " " if node.op == "not" else "", expression(node.operand, own)]
        case tree.Binary(op="==" | "!=" | "<" | "<=" | ">" | ">="):
            return Group([expression(node.left, 5), Nest(2, [Line(), node.op, " ", expression(node.right, 5)])])
        case tree.Binary() if own == _COMPARISON:
            return [expression(node.left, 5), f" {node.op} ", expression(node.right, 5)]
    # operators of one strength hang to the left: a row, not a staircase; sums and sets fill their lines
    rows: list[Document] = []
    while isinstance(node, tree.Binary | tree.SetUnion | tree.SetDifference) and _strength(node) == own:
        op = node.op if isinstance(node, tree.Binary) else "+" if isinstance(node, tree.SetUnion) else "-"
        row: Document = [Line(), op, " ", expression(node.right, own + 1)]
        rows.append(row if own < _COMPARISON else Group(row))
        node = node.left  # type: ignore[assignment]
    return Group([expression(node, own), *reversed(rows)])


def _arguments(items: Sequence[Document]) -> Document:
    return Nest(2, filled(items))


# -- steps ----------------------------------------


def step(node: tree.Step) -> Document:
    parts = joined([Line(), "and "], [_part(p) for p in node.parts])
    if node.where is None:
        return Group(Nest(2, parts))
    return Group(Nest(2, [parts, Line(), "where ", Nest(2, expression(node.where))]))


def _part(node: tree.Part) -> Document:
    links = [f" {link.word} {link.capture.text}" for link in node.links]
    if node.arguments is None:
        return [node.kind.text, *links]
    return [node.kind.text, "(", _arguments([_argument(a) for a in node.arguments]), ")", *links]


def _argument(node: tree.Argument) -> Document:
    return [f"{node.name.text}: " if node.name else "", expression(node.value)]


def element(node: tree.Element) -> Document:
    """What stands at one position of a chain."""
    match node:
        case tree.Step():
            return step(node)
        case tree.Captured():
            return [element(node.element), " as ", node.name.text]
        case tree.Optional():
            return [element(node.element), "?"]
        case tree.Repeat():
            return [element(node.element), _bounds(node)]
        case tree.Counted():
            return Group([element(node.element), Nest(2, [Line(""), _count(node)])])
        case tree.WithoutPrior():
            prior: Document = ["without prior ", step(node.prior), " in ", expression(node.look_back)]
            return Group([element(node.element), Nest(2, [Line(), prior])])
        case tree.Absent():
            return ["!", element(node.element)]
        case tree.Group():
            return _group(node.element)
        case tree.All():
            return _members(node.members, "& ")
        case tree.Either():
            return _members(node.members, "| ")


def _group(inside: tree.Element) -> Document:
    first = inside
    while isinstance(first, tree.Either | tree.All):
        if first.members[0].arrow is not None:
            return ["( ", Nest(2, element(inside)), " )"]
        first = first.members[0].element
    return ["(", Nest(1, element(inside)), ")"]


def _members(members: tuple[tree.Member, ...], sign: str) -> Document:
    rows: list[Document] = [[hop(m.arrow), " ", element(m.element)] if m.arrow else element(m.element) for m in members]
    return Group(joined([Line(), sign], rows))


def _bounds(node: tree.Repeat) -> Document:
    if node.plus:
        return "+"
    if node.exact:
        return ["{", expression(node.least), "}"]
    return ["{", expression(node.least), ",", expression(node.most) if node.most is not None else "", "}"]


def _count(node: tree.Counted) -> Document:
    """The braces of a count: on one line, or one measure a line and below them what holds of all."""
    measures: list[Document] = [_measure(m) for m in node.measures]
    rest: list[Document] = []
    if node.within is not None:
        rest += ["in ", expression(node.within)]
    if node.cadence is not None:
        rest += ["every ", expression(node.cadence.every)]
        if node.cadence.tolerance is not None:
            rest += [" +- ", expression(node.cadence.tolerance)]
        if node.cadence.longest is not None:
            rest += ["..", expression(node.cadence.longest)]
    if node.by:
        rest += [" by ", Nest(2, filled([path(field) for field in node.by]))]
    return Group(["{", Nest(1, [joined([",", Line()], measures), Line(), rest]), "}"])


def _measure(node: tree.Measure) -> Document:
    bound: Document = [node.op, " ", Nest(2, expression(node.bound, 5))]
    if node.subject is None:
        return bound
    if node.function in ("count", "share"):
        return [node.function, "(", Nest(2, expression(node.subject)), ") ", bound]
    return [node.function, " ", expression(node.subject), " ", bound]


def hop(node: tree.Hop) -> Document:
    if node.least is None and node.most is None:
        return node.arrow
    least = [expression(node.least), ".."] if node.least is not None else ""
    return [node.arrow, "[", least, expression(node.most) if node.most is not None else "", "]"]


# -- clauses and lines ----------------------------------------


def clause(node: tree.Clause) -> Document:
    match node:
        case tree.Within():
            return ["within ", expression(node.value)]
        case tree.Per():
            return "per all" if node.every else f"per {paths(node.fields)}"
        case tree.OncePer():
            within = [" in ", expression(node.within)] if node.within is not None else ""
            return ["once per ", paths(node.fields), within]
        case tree.Until():
            return ["until ", step(node.step)]


def severity(node: tree.Severity) -> Document:
    return Group(["severity ", node.level.text, Nest(2, [Line(), "when ", Nest(2, expression(node.when))])])


def exception(node: tree.Except) -> Document:
    rest: list[Document] = [Line(), "when ", Nest(2, expression(node.when))]
    if node.owner is not None:
        rest += [Line(), "owner ", quoted(node.owner.text, node.owner.quote)]
    if node.until is not None:
        rest += [Line(), "until ", node.until.text]
    on = f" on {node.on.text}" if node.on else ""
    return Group(["except ", quoted(node.reason.text, node.reason.quote), on, Nest(2, rest)])


def test_head(node: tree.Test) -> str:
    chain = f" {node.chain.text}" if node.chain else ""
    return f"test {quoted(node.title.text, node.title.quote)} raises {node.raises}{chain}"


def introduces(node: tree.Introduces) -> str:
    entity = f"{node.entity.text} = " if node.entity else ""
    return f"{node.key.text}: {entity}{path(node.field)}"
