"""Tree to canonical text, comments kept: this is `chainrun fmt`, and how a step is shown as written.

A file is a row of entries (a declaration, a chain, a line of a chain); an entry is a row of units, each ending its
line. Comments are woven between units by their place in the text, so that none is lost: one that stood at a line's
end stays at a line's end, any other gets a line of its own. Where an entry holds a comment it is laid out in its
long form.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from . import shape, tree
from .document import FLAT, Document, Group, Line, Nest, lay_out
from .literal import quoted
from .source import Span

WIDTH = 120
WIDTH_OF_CHAINS = 100  # a chain reads better down than across


def format_tree(file: tree.File) -> str:
    """The canonical text of a file; parsing it gives the same tree, formatting it again the same text."""
    rows = list(_rows(file))
    breaks = _breaks(rows, file.blanks)
    lines: list[str] = []
    heads = _columns(rows, breaks)
    columns = zip(heads, _value_columns(rows, breaks, heads), strict=True)
    for row, after_blank, column in zip(rows, breaks, columns, strict=True):
        if after_blank:
            lines.append("")
        if isinstance(row, tree.Comment):
            lines.append(row.text)
        else:
            lines += _lines(row.entry, row.comments, column)
    return "\n".join(lines) + "\n" if lines else ""


def print_step(step: tree.Step) -> str:
    """A step on one line."""
    return lay_out(shape.step(step))


def print_element(element: tree.Element) -> str:
    """What stands at one position of a chain, on one line."""
    return lay_out(shape.element(element))


def print_expression(expression: tree.Expression | tree.Pattern | tree.MapValue) -> str:
    """A condition, a pattern or a parameter's value, on one line."""
    return lay_out(shape.expression(expression))


def print_chain(chain: tree.Chain) -> str:
    """A chain's expression and clauses in canonical form, without its name and lines."""
    return "\n".join(u.text for u in _chain(chain, "", False))


# -- rows: entries and the comments between them ----------------------------------------

Entry = tree.Item


class Unit(msgspec.Struct, frozen=True):
    """Text that ends its line, and where it was written."""

    span: Span
    text: str
    indent: int = 0


class Row(msgspec.Struct, frozen=True):
    """An entry and the comments that stand in it or at its end."""

    entry: Entry
    span: Span
    comments: tuple[tree.Comment, ...] = ()


def _entries(file: tree.File) -> list[tuple[Entry, Span]]:
    found: list[tuple[Entry, Span]] = []
    for item in file.items:
        if isinstance(item, tree.Chain):
            last = (item.clauses or item.positions)[-1].span
            found.append((item, Span(item.span.start, max(last.end, item.span.start))))
            belonging: tuple[Entry, ...] = (*item.severities, *item.exceptions, *item.tests)
            found += [(node, node.span) for node in belonging]
        else:
            found.append((item, item.span))
    return sorted(found, key=lambda e: e[1].start)  # a tree that was not parsed has no places and keeps its order


def _rows(file: tree.File) -> Iterator[Row | tree.Comment]:
    entries = _entries(file)
    starts = [s.start for _, s in entries]
    comments = deque(file.comments)
    for entry, span in entries:
        while comments and comments[0].span.start < span.start and comments[0].span != Span(0, 0):
            yield comments.popleft()
        own: list[tree.Comment] = []
        while comments and (
            span.start < comments[0].span.start < span.end
            or (not comments[0].own_line and span.end <= comments[0].span.start < _next(starts, span.start))
        ):
            own.append(comments.popleft())
        yield Row(entry, span, tuple(own))
    yield from comments


def _next(starts: Sequence[int], start: int) -> int:
    at = bisect_left(starts, start + 1)
    return starts[at] if at < len(starts) else 1 << 60


def _breaks(rows: Sequence[Row | tree.Comment], blanks: tuple[int, ...]) -> list[bool]:
    """Which rows have a blank line before them: where one was written, and between entries of different sorts."""
    out = [False] * len(rows)
    for i in range(1, len(rows)):
        start = bisect_left(blanks, _end(rows[i - 1]))
        out[i] = start < len(blanks) and blanks[start] < rows[i].span.start
    entries = [i for i, row in enumerate(rows) if isinstance(row, Row)]
    for a, b in pairwise(entries):
        if _sort(rows[a]) != _sort(rows[b]) and not any(out[a + 1 : b + 1]):
            out[a + 1] = True
    return out


def _end(row: Row | tree.Comment) -> int:
    return max(row.span.end, row.comments[-1].span.end) if isinstance(row, Row) and row.comments else row.span.end


def _sort(row: Row | tree.Comment) -> object:
    match row:
        case Row(entry=tree.Chain()):
            return row.span, id(row)
        case Row(entry=tree.Severity() | tree.Except()):
            return tree.Except
        case Row():
            return type(row.entry)
    return None


def _columns(rows: Sequence[Row | tree.Comment], breaks: Sequence[bool]) -> list[int]:
    """For each row how wide the heads of its block are: parameters, or kinds, without a blank line between them."""
    widths: list[int] = []  # of each block
    blocks: list[int] = []  # of each row
    sort: object = None
    for row, after_blank in zip(rows, breaks, strict=True):
        if not widths or after_blank or _sort(row) not in (sort, None):
            widths.append(0)
        sort = _sort(row) or (None if after_blank else sort)
        if isinstance(row, Row) and isinstance(row.entry, tree.Parameter | tree.KindDeclaration):
            widths[-1] = max(widths[-1], len(_head(row.entry)))
        blocks.append(len(widths) - 1)
    return [widths[block] for block in blocks]


def _value_columns(rows: Sequence[Row | tree.Comment], breaks: Sequence[bool], heads: Sequence[int]) -> list[int]:
    """For each row how wide the values are of the numbers and durations, described on their line, that it is among."""
    widths: list[int] = []  # of each run
    runs: list[int] = []  # of each row
    in_run = False
    for row, after_blank, head in zip(rows, breaks, heads, strict=True):
        width = _width_of_value(row, head)
        if after_blank or not width or not in_run:
            widths.append(0)
        in_run = width > 0
        widths[-1] = max(widths[-1], width)
        runs.append(len(widths) - 1)
    return [widths[run] for run in runs]


def _width_of_value(row: Row | tree.Comment, head: int) -> int:
    match row:
        case Row(entry=tree.Parameter(value=tree.Duration() | tree.Number() | tree.Truth() as value, description=text)):
            width = len(print_expression(value))
            return width if text and head + width + len(f" =   {quoted(text.text, text.quote)}") <= WIDTH else 0
    return 0


def _head(entry: tree.Parameter | tree.KindDeclaration) -> str:
    if isinstance(entry, tree.KindDeclaration):
        return f"kind {entry.name.text}:"
    return f"param {entry.name.text}" if entry.keyword else entry.name.text


# -- lines of an entry ----------------------------------------


def _lines(entry: Entry, comments: Sequence[tree.Comment], column: tuple[int, int]) -> list[str]:
    units = list(_units(entry, column, inner=bool(comments)))
    held = _hold(units, comments)
    if comments and not _any_inside(held):
        units = list(_units(entry, column, inner=False))
        held = _hold(units, comments)
    lines: list[str] = []
    for unit, here in zip(units, held, strict=True):
        tail = here.pop() if _ends(here) else None
        lines += [" " * unit.indent + c.text for c in here]
        text = " " * unit.indent + unit.text
        lines += (f"{text}  {tail.text}" if tail else text).split("\n")
    return lines


def _hold(units: Sequence[Unit], comments: Sequence[tree.Comment]) -> list[list[tree.Comment]]:
    """Each unit's comments: those before it, and last the one at its end."""
    held: list[list[tree.Comment]] = [[] for _ in units]
    starts = [unit.span.start for unit in units]
    at = 0
    for comment in comments:
        at = max(at, _holder(units, starts, comment))  # comments keep their order
        held[at].append(comment)
    return held


def _any_inside(held: Sequence[Sequence[tree.Comment]]) -> bool:
    """Whether a comment stands anywhere but before the whole entry or at its end."""
    if len(held) == 1:
        return False
    return any(held[1:-1]) or _ends(held[0]) or len(held[-1]) > 1 or any(c.own_line for c in held[-1])


def _ends(comments: Sequence[tree.Comment]) -> bool:
    return bool(comments) and not comments[-1].own_line


def _holder(units: Sequence[Unit], starts: Sequence[int], comment: tree.Comment) -> int:
    """The unit at whose end, or before which, a comment goes."""
    last = max(bisect_left(starts, comment.span.start) - 1, 0)
    beyond = comment.span.start >= units[last].span.end
    return last + 1 if comment.own_line and beyond and last + 1 < len(units) else last


def _units(entry: Entry, column: tuple[int, int], inner: bool) -> Iterator[Unit]:
    """The units of an entry. `column`: how wide the heads, and the single values, of its block are."""
    match entry:
        case tree.Header():
            yield from _header(entry)
        case tree.Parameter():
            yield from _parameter(entry, *column, inner)
        case tree.KindDeclaration():
            yield Unit(entry.span, _kind(entry, column[0]))
        case tree.Chain():
            yield from _chain(entry, f"chain {entry.name.text}: " if entry.name else "", inner)
        case tree.Severity():
            yield Unit(entry.span, lay_out(shape.severity(entry), WIDTH))
        case tree.Except():
            yield Unit(entry.span, lay_out(shape.exception(entry), WIDTH))
        case tree.Test():
            yield Unit(entry.span, f"{shape.test_head(entry)} {{{entry.body}}}")


def _header(node: tree.Header) -> Iterator[Unit]:
    title = f" {quoted(node.title.text, node.title.quote)}" if node.title else ""
    head = f"analytic {node.id.text}{title} {{"
    first = Span(node.span.start, (node.title or node.id).span.end)
    if not node.entries:
        yield Unit(first, head + "}")
        return
    yield Unit(first, head)
    width = max(len(e.key.text) for e in node.entries) + 2
    for entry in node.entries:
        key = f"{entry.key.text}:".ljust(width)
        yield Unit(entry.span, key + ", ".join(map(shape.word, entry.values)), 2)
    yield Unit(_last_character(node.span), "}")


def _parameter(node: tree.Parameter, column: int, width: int, inner: bool) -> Iterator[Unit]:
    head = f"{_head(node).ljust(column)} = "
    description = quoted(node.description.text, node.description.quote) if node.description else ""
    if inner and isinstance(node.value, tree.WordSet | tree.MapValue):
        rows: list[tuple[Span, Document]] = []
        if isinstance(node.value, tree.WordSet):
            rows = [(i.span, shape.words(tree.WordSet(span=i.span, items=(i,)))) for i in node.value.items]
            rows = [(span, lay_out(row)[2:-2]) for span, row in rows]
        else:
            rows = [(e.span, shape.map_entry(e)) for e in node.value.entries]
        yield Unit(Span(node.span.start, node.value.span.start + 1), head + "{")
        for span, row in rows:
            yield Unit(span, lay_out([row, ","], WIDTH, 2, 2), 2)
        end = Span(node.value.span.end - 1, node.span.end)
        yield Unit(end, f"}}  {description}" if description else "}")
        return
    value = lay_out(shape.expression(node.value), WIDTH, 0, len(head))
    if not description:
        yield Unit(node.span, head + value)
        return
    text = f"{head}{value.ljust(width)}  {description}"
    if len(text.rsplit("\n", 1)[-1]) > WIDTH:
        indent = 2 if "\n" in value else len(head) + 2
        text = f"{head}{value}\n{' ' * indent}{description}"
    yield Unit(node.span, text)


def _kind(node: tree.KindDeclaration, column: int) -> str:
    head = _head(node).ljust(column) + " "
    entries: Document = ""
    if node.entries:
        rows: list[Document] = [[Line("  " if i else " "), shape.introduces(e)] for i, e in enumerate(node.entries)]
        entries = Group([" {", Nest(2, rows), Line(), "}"])
    return head + lay_out([shape.step(node.step), entries], WIDTH, 0, len(head))


def _chain(node: tree.Chain, head: str, inner: bool) -> Iterator[Unit]:
    last = (node.clauses or node.positions)[-1].span
    flat = [_position(p, FLAT) for p in node.positions] + [lay_out(shape.clause(c)) for c in node.clauses]
    line = head + " ".join(flat)
    if not inner and len(line) <= WIDTH_OF_CHAINS:
        yield Unit(Span(node.span.start, last.end), line)
        return
    for i, position in enumerate(node.positions):
        lead, indent = (head, 0) if i == 0 else ("", 2)
        # what a step breaks into stands deeper than the arrows and clauses below it
        deeper = 0 if len(node.positions) + len(node.clauses) == 1 else 2
        text = lead + _position(position, WIDTH_OF_CHAINS, deeper + indent, len(lead) + indent)
        start = node.span.start if i == 0 else position.span.start
        yield Unit(Span(start, position.span.end), text, indent)
    for clause in node.clauses:
        yield Unit(clause.span, lay_out(shape.clause(clause), WIDTH_OF_CHAINS, 4, 2), 2)


def _position(node: tree.Position, width: int, indent: int = 0, column: int = 0) -> str:
    element = shape.element(node.element)
    return lay_out([shape.hop(node.hop), " ", element] if node.hop else element, width, indent, column)


def _last_character(span: Span) -> Span:
    return Span(max(span.start, span.end - 1), span.end)
