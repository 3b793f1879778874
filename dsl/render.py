"""Diagnostics to what people and programs read: the terminal's text, and plain data for JSON.

The text shows the source line with the faulty characters marked, a second mark where the cause is, and the mend in
place. Everything that comes from the source is untrusted: what a terminal would obey is shown as `\\u{1B}`. The data is
one flat dict a diagnostic; `sarif` makes SARIF.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

from .diagnostic import Diagnostic, Fix, Label
from .source import Source, Span
from .visible import is_visible

LONGEST = 1_000  # characters of a sentence
WIDEST = 160  # columns of a source line that are shown
_COLOURS = {"error": "1;31", "warning": "1;33", "gutter": "1;34", "second": "1;34", "added": "32", "strong": "1"}


def to_text(diagnostics: Iterable[Diagnostic], source: Source, color: bool = False) -> str:
    """All diagnostics for a terminal, in order of place, a blank line between them."""
    ordered = sorted(diagnostics, key=lambda d: (d.span, d.code))
    return "\n".join(_Page(source, d, color).text() for d in ordered)


def to_data(diagnostics: Iterable[Diagnostic], source: Source) -> list[dict[str, Any]]:
    """All diagnostics as JSON knows them; lines and columns count from 1, columns in characters, ends excluded."""
    ordered = sorted(diagnostics, key=lambda d: (d.span, d.code))
    return [
        {
            "code": d.code,
            "severity": d.severity,
            "message": short(d.message),
            "file": source.name,
            **_place(source, d.span),
            "labels": [{**_place(source, label.span), "message": short(label.message)} for label in d.labels],
            "notes": [short(text) for text in d.notes],
            "helps": [short(text) for text in d.helps],
            "fix": {**_place(source, d.fix.span), "text": d.fix.text, "message": d.fix.message} if d.fix else None,
        }
        for d in ordered
    ]


def _place(source: Source, span: Span) -> dict[str, Any]:
    line, column = source.position(span.start)
    end_line, end_column = source.position(span.end)
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}


def shown(text: str) -> str:
    """The text with everything that a terminal would obey made visible; tabs become four spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("    " if c == "\t" else c if is_visible(c) else f"\\u{{{ord(c):X}}}" for c in text)


def width(text: str) -> int:
    """The columns that a text takes on a terminal, once `shown`."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(_columns(c) for c in shown(text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


class _Page:
    """One diagnostic, line by line."""

    def __init__(self, source: Source, diagnostic: Diagnostic, color: bool) -> None:
        self.source = source
        self.diagnostic = diagnostic
        self.color = color
        last = max(label.span.start for label in diagnostic.labels)
        if diagnostic.fix:
            last = max(last, diagnostic.fix.span.start)
        self.digits = len(str(source.position(last)[0]))

    def text(self) -> str:
        d = self.diagnostic
        line, column = self.source.position(d.span.start)
        head = self._paint(f"{d.severity}[{d.code}]", d.severity)
        rows = [f"{head}{self._paint(': ' + _plain(d.message), 'strong')}"]
        arrow = self._paint(" " * (self.digits + 1) + "-->", "gutter")
        rows.append(f"{arrow} {shown(self.source.name)}:{line}:{column}")
        rows.append(self._gutter())
        rows += self._marked()
        rows.append(self._gutter())
        rows += [self._remark("note", note) for note in d.notes]
        rows += [self._remark("help", text) for text in (*d.helps, f"`chainrun help {d.code}`")]
        if d.fix and len(d.fix.text) < WIDEST and not self._is_said(d.fix):
            rows += self._mend(d.fix)
        return "\n".join(row.rstrip() for row in rows) + "\n"

    def _is_said(self, fix: Fix) -> bool:
        """Whether a mark names the mend already: did you mean `within`?"""
        return any(f"`{fix.text.strip()}`" in label.message for label in self.diagnostic.labels)

    # -- the marked lines ----------------------------------------

    def _marked(self) -> list[str]:
        by_line: dict[int, list[tuple[Label, str]]] = {}
        for i, label in enumerate(self.diagnostic.labels):
            line, _ = self.source.position(label.span.start)
            by_line.setdefault(line, []).append((label, "^" if i == 0 else "-"))
        rows: list[str] = []
        before: int | None = None
        for line in sorted(by_line):
            if before is not None and line == before + 2:
                rows.append(self._line(before + 1, _window(self.source.line(before + 1), 0)[0]))
            elif before is not None and line > before + 1:
                rows.append(self._gutter("."))
            rows += self._with_marks(line, by_line[line])
            before = line
        return rows

    def _with_marks(self, number: int, labels: list[tuple[Label, str]]) -> list[str]:
        text = self.source.line(number)
        at = min(self.source.position(label.span.start)[1] - 1 for label, _ in labels)
        window, cut = _window(text, at)
        rows = [self._line(number, window)]
        for label, sign in sorted(labels, key=lambda entry: entry[0].span):
            start = self.source.position(label.span.start)[1] - 1
            length = min(label.span.end - label.span.start, max(len(text) - start, 0))
            lead = width(window[: max(start - cut, 0)])
            marks = sign * max(width(window[max(start - cut, 0) : max(start - cut, 0) + length]), 1)
            style = self.diagnostic.severity if sign == "^" else "second"
            message = f" {_plain(label.message)}" if label.message else ""
            rows.append(f"{self._gutter()} {' ' * lead}{self._paint(marks + message, style)}")
        return rows

    # -- the mend ----------------------------------------

    def _mend(self, fix: Fix) -> list[str]:
        start_line, start_column = self.source.position(fix.span.start)
        end_line, end_column = self.source.position(fix.span.end)
        lead = self.source.line(start_line)[: start_column - 1]
        tail = self.source.line(end_line)[end_column - 1 :]
        if len(lead) + len(fix.text) + len(tail) > WIDEST:
            lead, tail = ("..." + lead[-WIDEST // 2 :] if len(lead) > WIDEST // 2 else lead), tail[: WIDEST // 4]
        rows = [f"{self._paint('help', 'strong')}: {_plain(fix.message)}", self._gutter()]
        pieces = fix.text.split("\n")
        for i, piece in enumerate(pieces):
            first = lead if i == 0 else ""
            line = first + piece + (tail if i == len(pieces) - 1 else "")
            rows.append(self._line(start_line + i, line))
            if piece.strip():
                blank = len(piece) - len(piece.lstrip())
                marks = "+" * width(piece.strip())
                rows.append(f"{self._gutter()} {' ' * (width(first) + blank)}{self._paint(marks, 'added')}")
        return rows

    # -- pieces ----------------------------------------

    def _line(self, number: int, text: str) -> str:
        gutter = self._paint(f" {str(number).rjust(self.digits)} |", "gutter")
        return f"{gutter} {shown(text)}"

    def _gutter(self, sign: str = "|") -> str:
        return self._paint(" " * (self.digits + 2) + sign, "gutter")

    def _remark(self, kind: str, text: str) -> str:
        gutter = self._paint(" " * (self.digits + 2) + "=", "gutter")
        return f"{gutter} {self._paint(kind, 'strong')}: {_plain(text)}"

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if self.color else text


def short(text: str) -> str:
    """A sentence that quotes something endless, without its middle."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 100]} ... {text[-80:]}"


def _plain(text: str) -> str:
    return shown(short(text).replace("\n", " "))


def _window(text: str, at: int) -> tuple[str, int]:
    """The part of a long line that is shown around a place, and how many characters are cut off before it."""
    if len(text) <= WIDEST:
        return text, 0
    start = max(0, min(at - WIDEST // 4, len(text) - WIDEST))
    part = text[start : start + WIDEST]
    before = "..." if start else ""
    after = "..." if start + WIDEST < len(text) else ""
    return before + part + after, start - len(before)
