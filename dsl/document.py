"""Texts that know where they may break: the layout algebra of `printer`.

A document is a string, a sequence of documents, or one of the nodes below. `lay_out` puts as much on a line as fits:
a `Group` is laid flat if it can be, else its own `Line`s become line breaks (Oppen 1980, Wadler 1997; the loop is
Lindig's, which needs no laziness). A fill is a row of small groups, each with the break before its item.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A break; `flat` stands in its place where its group is laid flat."""

    flat: str = " "


class Nest(msgspec.Struct, frozen=True):
    """Breaks inside are indented by so much more."""

    indent: int
    body: "Document"


class Group(msgspec.Struct, frozen=True):
    """Laid flat if it fits, else broken at its own lines."""

    body: "Document"


Document: TypeAlias = "str | Line | Nest | Group | Sequence[Document]"
FLAT = 1 << 30  # wider than anything


def joined(separator: Document, items: Iterable[Document]) -> Document:
    """The items with the separator between them."""
    out: list[Document] = []
    for item in items:
        if out:
            out.append(separator)
        out.append(item)
    return out


def filled(items: Sequence[Document]) -> Document:
    """The items with commas, as many on a line as fit."""
    last = len(items) - 1
    rows: list[Document] = [[item, "," if i < last else ""] for i, item in enumerate(items)]
    return [rows[0], *(Group([Line(), row]) for row in rows[1:])] if rows else ""


def lay_out(document: Document, width: int = FLAT, indent: int = 0, column: int = 0) -> str:
    """The text of a document that begins at a column and indents its breaks."""
    out: list[str] = []
    todo: list[tuple[int, bool, Document]] = [(indent, False, document)]
    while todo:
        level, flat, piece = todo.pop()
        match piece:
            case str():
                out.append(piece)
                column += len(piece)
            case Line():
                if flat or width == FLAT:
                    out.append(piece.flat)
                    column += len(piece.flat)
                else:
                    out.append("\n" + " " * level)
                    column = level
            case Nest():
                todo.append((level + piece.indent, flat, piece.body))
            case Group():
                todo.append((level, flat or _fits(piece.body, width - column, todo), piece.body))
            case _:
                todo.extend((level, flat, part) for part in reversed(piece))
    return "".join(out)


def _fits(document: Document, room: int, following: list[tuple[int, bool, Document]]) -> bool:
    """Whether the document, and what follows it up to the next possible break, has room on the line."""
    todo: list[tuple[bool, Document]] = [(True, document)]
    rest = len(following)
    while room >= 0:
        if not todo:
            if rest == 0:
                return True
            rest -= 1
            todo.append((following[rest][1], following[rest][2]))
        flat, piece = todo.pop()
        match piece:
            case str():
                room -= len(piece)
            case Line():
                if not flat:
                    return True
                room -= len(piece.flat)
            case Nest():
                todo.append((flat, piece.body))
            case Group():
                todo.append((flat, piece.body))
            case _:
                todo.extend((flat, part) for part in reversed(piece))
    return False
