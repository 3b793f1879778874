"""The lines of a test's body: events, files of events, and what is expected of the alerts.

    0s  open  Safari  pid=10            a time, a kind, a value, `field=value` pairs; a time alone lets time pass
    events "case.jsonl"                 the events of a file beside the chain
    expect drop: 5s, 6s                 see `_EXPECTS`

A test is a small language of its own inside a chain file: here line breaks matter. The body is kept verbatim; this only
splits it, `check` says what it means. Called by `builder` for the lines and by `parser` for what is wrong with them.
"""

import re

import msgspec

from .literal import DURATION, microseconds, unquote
from .nearest import nearest
from .source import Span
from .tree import Duration, Expect, Name, Number, TestField, TestLine, Text

_QUOTED = r"""(?:"(?:\\.|[^"\\])*"|'[^']*')"""
_END = r"(?=\s|#|$)"
_PIECE = re.compile(rf"(?:{_QUOTED}|[^\s\"'#{{}}]+){_END}")
_VALUE = rf"(?:{_QUOTED}|[^\s\"'#{{}},])+"
_PAIR = re.compile(
    rf"([A-Za-z_@][^\s=\"'#{{}}]*|[A-Za-z_][\w.]*\.\"[^\"]+\")=({_VALUE}(?:,{_VALUE})*|[^\s\"'#{{}}]+)?{_END}"
)
_ELEMENT = re.compile(rf"{_QUOTED}|[^\"',]*")
_KINDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\+[A-Za-z_][A-Za-z0-9_]*)*")
_RUN = re.compile(r"\S+")
ELIDED = {"…", "..."}  # as documentation writes a body that it does not show

# What may follow `expect`, each with its name or its events; in this order, since `at` could be a step too.
_NAME = r"[A-Za-z_0-9][A-Za-z0-9_]*"
_EXPECTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (what, re.compile(rf"expect\s+{pattern}"))
    for what, pattern in (
        ("step", rf"(?P<name>{_NAME})\s*:(?P<events>.*)"),
        ("at", r"at\s(?P<events>.*)"),
        ("severity", rf"severity\s+(?P<name>{_NAME})$"),
        ("flag", rf"flag\s+(?P<name>{_NAME})$"),
        ("no flag", rf"no\s+flag\s+(?P<name>{_NAME})$"),
        ("no step", rf"no\s+(?P<name>{_NAME})$"),
        ("stuck", rf"stuck\s+(?P<name>{_NAME})$"),
        ("except", rf"except\s+(?P<name>{_QUOTED})$"),
    )
)
_EXPECT_FORMS = "what follows is a step (`drop: 5s`), `no`, `at`, `severity`, `flag`, `stuck` or `except`"
_LINE_NUMBER = re.compile(r"line\s+([0-9]{1,9})")

Flaw = tuple[Span, str]


class Body(msgspec.Struct, frozen=True):
    """A body taken apart, and what is wrong with the rest of it."""

    lines: tuple[TestLine, ...] = ()
    files: tuple[Text, ...] = ()
    expects: tuple[Expect, ...] = ()
    flaws: tuple[Flaw, ...] = ()


class _FlawError(Exception):
    def __init__(self, span: Span, message: str) -> None:
        super().__init__(message)
        self.flaw: Flaw = (span, message)


def split(body: str, start: int) -> Body:
    """The lines of a body that begins at offset `start`."""
    lines: list[TestLine] = []
    files: list[Text] = []
    expects: list[Expect] = []
    flaws: list[Flaw] = []
    for row in re.finditer(r"[^\n]+", body):
        text = row[0].strip()
        if not text or text.startswith("#") or text in ELIDED:
            continue
        at = start + row.start() + (len(row[0]) - len(row[0].lstrip()))
        try:
            match _first_run(text):
                case "expect":
                    expects.append(_expect(text, at))
                case "events":
                    files.append(_file(text, at))
                case _:
                    lines.append(_line(text, at))
        except _FlawError as error:
            flaws.append(error.flaw)
    return Body(tuple(lines), tuple(files), tuple(expects), tuple(flaws))


# -- events ----------------------------------------


def _line(text: str, start: int) -> TestLine:
    time = DURATION.match(text)
    if time is None or text[time.end() : time.end() + 1].strip(" \t#"):
        message = "a line begins with its time, such as `5s`, with `expect` or with `events`"
        raise _FlawError(Span(start, start + len(_first_run(text))), message)
    kinds: tuple[Name, ...] = ()
    positional: Text | None = None
    fields: list[TestField] = []
    at = time.end()
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if at == len(text) or text[at] == "#":
            break
        here = Span(start + at, start + at + len(_first_run(text[at:])))
        if kinds and (pair := _PAIR.match(text, at)):
            fields.append(_field(pair, start, here))
            at = pair.end()
        elif piece := _PIECE.match(text, at):
            if not kinds:
                kinds = _kinds(piece[0], here)
            elif positional is None and not fields:
                if DURATION.fullmatch(piece[0]):
                    raise _FlawError(here, "a value that looks like a duration needs quotes")
                positional = Text(span=Span(here.start, start + piece.end()), text=_plain(piece[0]))
            else:
                raise _FlawError(here, "a value with white space needs quotes; all others are `field=value`")
            at = piece.end()
        else:
            raise _FlawError(here, "a value with white space, a brace, a quote or `#` needs quotes")
    shown = text[:at].rstrip()
    return TestLine(
        span=Span(start, start + len(shown)),
        at=microseconds(time[0]),
        kinds=kinds,
        positional=positional,
        fields=tuple(fields),
        text=shown,
    )


def _kinds(written: str, here: Span) -> tuple[Name, ...]:
    if not _KINDS.fullmatch(written):
        raise _FlawError(here, "after the time comes a kind, such as `spawn`")
    return tuple(
        Name(span=Span(here.start + m.start(), here.start + m.end()), text=m[0]) for m in re.finditer(r"[^+]+", written)
    )


def _field(pair: re.Match[str], start: int, here: Span) -> TestField:
    if pair[2] is None:
        raise _FlawError(here, 'no value after `=`; an empty one is `""`')
    span = Span(start + pair.start(), start + pair.end())
    name = Name(span=Span(start + pair.start(1), start + pair.end(1)), text=pair[1])
    if not re.search("[\"']", pair[2]):
        return TestField(span=span, name=name, values=tuple(pair[2].split(",")), is_bare=True)
    values = [m[0] for m in _ELEMENT.finditer(pair[2]) if m[0]]
    if ",".join(values) != pair[2]:
        raise _FlawError(here, "a quoted value stands between commas")
    return TestField(span=span, name=name, values=tuple(map(_plain, values)), is_bare=False)


def _file(text: str, start: int) -> Text:
    found = re.match(rf"events\s+({_QUOTED})\s*(?:#.*)?$", text)
    if found is None:
        raise _FlawError(Span(start, start + len(text)), '`events` takes the name of a file: `events "case.jsonl"`')
    return Text(span=Span(start + found.start(1), start + found.end(1)), text=_plain(found[1]))


# -- expectations ----------------------------------------


def _expect(text: str, start: int) -> Expect:
    text = _uncommented(text)
    span = Span(start, start + len(text))
    for what, pattern in _EXPECTS:
        found = pattern.match(text)
        if found is None:
            continue
        groups = found.groupdict()
        name: Name | Text | None = None
        if (written := groups.get("name")) is not None:
            place = Span(start + found.start("name"), start + found.end("name"))
            is_text = what == "except"
            name = Text(span=place, text=_plain(written)) if is_text else Name(span=place, text=written)
        events: tuple[Duration | Number, ...] = ()
        if (listed := groups.get("events")) is not None:
            events = _events(listed, start + found.start("events"), span)
        return Expect(span=span, what=what, name=name, events=events)
    after = re.match(r"expect\s*(\S*)", text)
    word = after[1] if after else ""
    meant = nearest(word, ("severity", "flag", "stuck", "except"))
    message = f"did you mean `{meant}`?" if meant and meant != word else _EXPECT_FORMS
    raise _FlawError(span, message)


def _events(written: str, start: int, whole: Span) -> tuple[Duration | Number, ...]:
    found: list[Duration | Number] = []
    for piece in re.finditer(r"[^,]+", written):
        text = piece[0].strip()
        at = start + piece.start() + (len(piece[0]) - len(piece[0].lstrip()))
        span = Span(at, at + max(len(text), 1))
        if DURATION.fullmatch(text):
            found.append(Duration(span=span, microseconds=microseconds(text), text=text))
        elif number := _LINE_NUMBER.fullmatch(text):
            found.append(Number(span=span, text=number[1]))
        else:
            raise _FlawError(span, "an event is named by its time, `5s`, or in a file of events by its line, `line 12`")
    if not found:
        raise _FlawError(whole, "which events? `5s, 6s`; where there are to be none, `expect no STEP`")
    return tuple(found)


def _uncommented(text: str) -> str:
    """The text before a comment; a `#` between quotes begins none."""
    found = re.match(rf"(?:{_QUOTED}|[^\"'#])*", text)
    return (found[0] if found else text).rstrip()


def _plain(written: str) -> str:
    return unquote(written)[0] if written[0] in "\"'" else written


def _first_run(text: str) -> str:
    run = _RUN.match(text)
    return run[0] if run else text
