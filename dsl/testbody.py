"""The lines of a test's body: a time, a kind, a value, `field=value` pairs.

A test is a small language of its own inside a chain file: here line breaks matter. The body is kept verbatim; this only
splits it, for whoever runs the test. Called by `builder` for the lines and by `parser` for what is wrong with them.
"""

import re

from .literal import DURATION, microseconds, unquote
from .source import Span
from .tree import TestLine

_WORD = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'#{}]+)"""
_PAIR = re.compile(rf"([A-Za-z_@][^\s=\"'#{{}}]*|[A-Za-z_][\w.]*\.\"[^\"]+\")=({_WORD})?(?=\s|#|$)")
_PIECE = re.compile(rf"{_WORD}(?=\s|#|$)")
_RUN = re.compile(r"\S+")
ELIDED = {"…", "..."}  # as documentation writes a body that it does not show

Flaw = tuple[Span, str]


def split(body: str, start: int) -> tuple[tuple[TestLine, ...], tuple[Flaw, ...]]:
    """The event lines of a body that begins at offset `start`, and what is wrong with the rest."""
    lines: list[TestLine] = []
    flaws: list[Flaw] = []
    for row in re.finditer(r"[^\n]+", body):
        text = row[0].strip()
        if not text or text.startswith("#") or text in ELIDED:
            continue
        at = start + row.start() + (len(row[0]) - len(row[0].lstrip()))
        result = _line(text, at)
        if isinstance(result, TestLine):
            lines.append(result)
        else:
            flaws.append(result)
    return tuple(lines), tuple(flaws)


def _line(text: str, start: int) -> TestLine | Flaw:
    time = DURATION.match(text)
    if time is None or text[time.end() : time.end() + 1].strip(" \t#"):
        return Span(start, start + len(_first_run(text))), "a line begins with its time, such as `5s`"
    kind: str | None = None
    positional: str | None = None
    pairs: list[tuple[str, str]] = []
    at = time.end()
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if at == len(text) or text[at] == "#":
            break
        here = Span(start + at, start + at + len(_first_run(text[at:])))
        if kind is not None and (pair := _PAIR.match(text, at)):
            if pair[2] is None:
                return here, 'no value after `=`; an empty one is `""`'
            pairs.append((pair[1], _plain(pair[2])))
            at = pair.end()
        elif piece := _PIECE.match(text, at):
            if kind is None:
                if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", piece[0]):
                    return here, "after the time comes a kind, such as `spawn`"
                kind = piece[0]
            elif positional is None and not pairs:
                if DURATION.fullmatch(piece[0]):
                    return here, "a value that looks like a duration needs quotes"
                positional = _plain(piece[0])
            else:
                return here, "a value with white space needs quotes; all others are `field=value`"
            at = piece.end()
        else:
            return here, "a value with white space, a brace, a quote or `#` needs quotes"
    end = start + at
    shown = text[:at].rstrip()
    return TestLine(
        span=Span(start, end),
        at=microseconds(time[0]),
        kind=kind,
        positional=positional,
        pairs=tuple(pairs),
        text=shown,
    )


def _plain(written: str) -> str:
    return unquote(written)[0] if written[0] in "\"'" else written


def _first_run(text: str) -> str:
    run = _RUN.match(text)
    return run[0] if run else text
