"""Parameters changed without touching a file: `--set` on the command line, and site files.

    --set TimeWindow=10m   --set 'HighRiskChildren+={ wscript.exe }'   --set 'HighRiskChildren-={ cmd.exe }'

    [AN1316]                                  # site.toml: a table an analytic, and [all]
    TimeWindow = "10m"
    "EgressAllowList+" = ["*.corp.example"]   # the same three forms: the key is what stands left of the `=`
    [[AN1316.except]]
    reason = "Jamf enrols machines"
    when   = 'child.process.name == "jamf"'
    on     = "child"                          # owner and until may follow, as in a chain

Here the texts become settings: name, operator, value as a tree. What a setting means for a parameter is decided in
`check.parameters`; opening the site file is `loader`'s.
"""

import datetime
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from . import tree
from .diagnostic import ChainError, Diagnostic, Label
from .literal import quoted
from .model import Analytic
from .nearest import nearest
from .parser import parse
from .source import Source, Span

ALL = "all"
COMMAND_LINE = "--set"
_SETTING = re.compile(r"\s*([A-Za-z_]\w*)\s*(\+=|-=|=)(?!=)")
_KEY = re.compile(r"([A-Za-z_]\w*)([+-]?)")
_PLAIN_WORD = re.compile(r"""(?!\.\.\.)[^\s,{}"'#]+""")
_EXCEPT_KEYS = ("reason", "when", "on", "owner", "until")


class Setting(msgspec.Struct, frozen=True):
    """One change of a parameter. `table`: the analytic that it is for; None: every one that has the parameter."""

    name: str
    operator: str  # =, += or -=
    value: tree.Expression | tree.Pattern | tree.MapValue
    span: Span
    source: Source
    origin: str
    table: str | None = None
    text: str | None = None  # a TOML string as it is: what a parameter that holds a text is given


class SiteException(msgspec.Struct, frozen=True):
    """An `except` of a site file, as a tree, with the source that its spans point into."""

    exception: tree.Except
    source: Source
    table: str | None = None


class Table(msgspec.Struct, frozen=True):
    """A table of a site file: its name, and where it stands."""

    name: str
    span: Span
    source: Source


class Overrides(msgspec.Struct, frozen=True):
    """All changes, lowest precedence first: a site file's [all], its tables, the command line."""

    settings: tuple[Setting, ...] = ()
    exceptions: tuple[SiteException, ...] = ()
    tables: tuple[Table, ...] = ()

    def settings_of(self, analytic: str) -> tuple[Setting, ...]:
        """The settings that an analytic has to follow, in the order in which they take effect."""
        return tuple(s for s in self.settings if s.table in (None, analytic))

    def exceptions_of(self, analytic: str) -> tuple[SiteException, ...]:
        return tuple(e for e in self.exceptions if e.table in (None, analytic))

    def __add__(self, other: "Overrides") -> "Overrides":
        """Both; what stands right takes precedence."""
        return Overrides(
            self.settings + other.settings, self.exceptions + other.exceptions, self.tables + other.tables
        )


def command_line(settings: Sequence[str]) -> Overrides:
    """The settings of `--set` options; raises `ChainError` with all that is wrong in them.

    They are one source, a line each, so that a diagnostic shows the one that it means.
    """
    source = Source(COMMAND_LINE, "\n".join(s.replace("\n", " ") for s in settings))
    faults: list[Diagnostic] = []
    found: list[Setting] = []
    at = 0
    for line in source.text.split("\n") if settings else ():
        match = _SETTING.match(line)
        if match is None:
            label = Label(Span(at, at + len(line)), "this is not `Name=value`")
            helps = ("`Name=value`, `Name+={ word }` or `Name-={ word }`",)
            faults.append(Diagnostic("C505", "a setting names a parameter and a value", (label,), helps=helps))
        else:
            # padded, so that spans are right where the setting stands among the others
            head, value = line[: match.start(2)], line[match.end(2) :]
            operator = match[2]
            text = " " * at + head + "=".rjust(len(operator)) + value
            parsed, wrong = _declaration(text, source)
            faults.extend(wrong)
            if parsed is not None:
                span = Span(at, at + len(line))
                found.append(Setting(match[1], operator, parsed.value, span, source, COMMAND_LINE))
        at += len(line) + 1
    if faults:
        raise ChainError(source, tuple(faults))
    return Overrides(tuple(found))


def _declaration(text: str, shown: Source) -> tuple[tree.Parameter | None, tuple[Diagnostic, ...]]:
    """The one parameter that a text declares, faults pointing into the text that is shown."""
    try:
        items = parse(Source(shown.name, text)).items
    except ChainError as error:
        end = len(shown.text)
        return None, tuple(_clamped(d, end) for d in error.diagnostics)
    if len(items) == 1 and isinstance(items[0], tree.Parameter) and items[0].description is None:
        return items[0], ()
    extra = items[1].span if len(items) > 1 else items[0].span
    return None, (Diagnostic("C505", "one value follows the name", (Label(extra, "this is more than a value"),)),)


def _clamped(diagnostic: Diagnostic, end: int) -> Diagnostic:
    labels = tuple(
        Label(Span(min(x.span.start, end), min(x.span.end, end)), x.message) for x in diagnostic.labels
    )
    return msgspec.structs.replace(diagnostic, labels=labels)


# -- site files ----------------------------------------


def site(source: Source) -> Overrides:
    """The overrides of a site file; raises `ChainError` with all that is wrong in it."""
    try:
        tables = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise ChainError(source, (_not_toml(source, error),)) from None
    faults: list[Diagnostic] = []
    general: list[Setting] = []
    special: list[Setting] = []
    exceptions: list[SiteException] = []
    headers: list[Table] = []
    for name, entries in tables.items():
        place = _find(source, rf"^\s*\[\[?\s*[\"']?({re.escape(name)})\b", Span(0, 0))
        if not isinstance(entries, dict):
            key = _find(source, rf"^\s*({re.escape(name)})\s*=", place)
            helps = (f"put it under a table: [{ALL}], or the name of an analytic",)
            faults.append(Diagnostic("C507", f"`{name}` stands outside of a table", (Label(key),), helps=helps))
            continue
        table = None if name == ALL else name
        if table is not None:
            headers.append(Table(name, place, source))
        for key, value in entries.items():
            if key == "except":
                found = list(_exceptions(value, table, source, place, faults))
                exceptions.extend(found)
                continue
            setting = _setting(key, value, table, source, place, faults)
            if setting is not None:
                (general if table is None else special).append(setting)
    if faults:
        raise ChainError(source, tuple(faults))
    return Overrides(tuple(general + special), tuple(exceptions), tuple(headers))


def _not_toml(source: Source, error: tomllib.TOMLDecodeError) -> Diagnostic:
    found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    at = len(source.text)
    if found:
        lines = source.text.splitlines(keepends=True)
        at = sum(map(len, lines[: int(found[1]) - 1])) + int(found[2]) - 1
    reason = str(error).split(" (at ")[0]
    reason = reason[:1].lower() + reason[1:]
    return Diagnostic("C507", "this is not TOML", (Label(Span(at, min(at + 1, len(source.text))), reason),))


def _find(source: Source, pattern: str, otherwise: Span, after: int = 0) -> Span:
    """Where something stands in the TOML text, which its reader does not say; the first place after an offset."""
    found = re.compile(pattern, re.M).search(source.text, after)
    return Span(*found.span(1)) if found else otherwise


def _setting(
    key: str, value: Any, table: str | None, source: Source, place: Span, faults: list[Diagnostic]
) -> Setting | None:
    bare = re.escape(key)
    span = _find(source, rf"^\s*[\"']?({bare})[\"']?\s*=", place, place.end)
    name = _KEY.fullmatch(key)
    written = _written(value)
    if name is None:
        helps = ('`Name`, `"Name+"` or `"Name-"`',)
        faults.append(Diagnostic("C507", f"`{key}` is not the name of a parameter", (Label(span),), helps=helps))
        return None
    if written is None:
        helps = ('a text in the language, `"10m"`, or a list of words, `["curl", "wget"]`',)
        faults.append(Diagnostic("C507", f"`{key}` has a value of no use here", (Label(span),), helps=helps))
        return None
    parsed, wrong = _declaration(f"X = {written}", Source(source.name, f"X = {written}"))
    if parsed is None and isinstance(value, str):
        # a text that is no value of the language is meant as a text: a schedule, a regular expression
        parsed, again = _declaration(f"X = {quoted(value)}", Source(source.name, f"X = {quoted(value)}"))
        wrong = wrong if again else ()
    if parsed is None:
        faults.extend(Diagnostic(d.code, d.message, (Label(span, d.labels[0].message),), helps=d.helps) for d in wrong)
        return None
    where = f"{source.name} [{table or ALL}]"
    return Setting(name[1], (name[2] or "") + "=", _moved(parsed.value, span), span, source, where, table,
                   value if isinstance(value, str) else None)  # fmt: skip


def _written(value: Any) -> str | None:
    """A TOML value in the language."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return value
        case list() if all(isinstance(v, str | int) and not isinstance(v, bool) for v in value):
            return f"{{ {', '.join(_word(str(v)) for v in value)} }}" if value else "{}"
        case dict() if value and all(isinstance(v, list) for v in value.values()):
            return f"{{ {', '.join(f'{_word(k)}: {_written(v)}' for k, v in value.items())} }}"
        case _:
            return None


def _word(text: str) -> str:
    """A word of a set. TOML has taken its own quotes away: backslashes and wildcards are those of a bare word."""
    return text if _PLAIN_WORD.fullmatch(text) else quoted(text, "'")


def _moved(value: Any, span: Span) -> Any:
    """The tree with every span at the place in the TOML file where the value stands."""
    if isinstance(value, tree.Node):
        fields = {f: _moved(getattr(value, f), span) for f in value.__struct_fields__ if f != "span"}
        return type(value)(span=span, **fields)
    return tuple(_moved(v, span) for v in value) if isinstance(value, tuple) else value


def _exceptions(
    entries: Any, table: str | None, source: Source, place: Span, faults: list[Diagnostic]
) -> Iterator[SiteException]:
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        helps = (f"[[{table or ALL}.except]]",)
        faults.append(Diagnostic("C508", "exceptions are a list of tables", (Label(place),), helps=helps))
        return
    after = 0
    for entry in entries:
        header = _find(source, rf"^\s*\[\[\s*[\"']?({re.escape(table or ALL)}[\"']?\.except)", place, after)
        after = header.end if header is not place else after
        span = _find(source, r"^\s*when\s*=\s*(.*\S)", header, header.end)
        wrong = [k for k in entry if k not in _EXCEPT_KEYS]
        for key in wrong:
            meant = nearest(key, _EXCEPT_KEYS)
            mark = f"did you mean `{meant}`?" if meant else f"it has: {', '.join(_EXCEPT_KEYS)}"
            at = _find(source, rf"^\s*({re.escape(key)})\s*=", header, header.end)
            faults.append(Diagnostic("C508", f"an exception has no `{key}`", (Label(at, mark),)))
        texts = {k: v for k, v in entry.items() if k != "until"}
        if "reason" not in entry or "when" not in entry or not all(isinstance(v, str) for v in texts.values()):
            label = Label(header, "`reason` and `when` are texts, and have to be there")
            faults.append(Diagnostic("C508", "an exception says why and when", (label,)))
        elif not wrong:
            found = _exception(entry, source, span, faults)
            if found is not None:
                yield SiteException(found, source, table)


def _exception(entry: dict[str, Any], source: Source, span: Span, faults: list[Diagnostic]) -> tree.Except | None:
    until = entry.get("until")
    day = until.isoformat() if isinstance(until, datetime.date) else until
    text = f"except {quoted(entry['reason'])}"
    text += f" on {entry['on']}" if "on" in entry else ""
    text += f" when {entry['when']}"
    text += f" owner {quoted(entry['owner'])}" if "owner" in entry else ""
    text += f" until {day}" if day is not None else ""
    try:
        items = parse(Source(source.name, text)).items
    except ChainError as error:
        faults.extend(
            Diagnostic(d.code, d.message, (Label(span, d.labels[0].message),), helps=d.helps)
            for d in error.diagnostics
        )
        return None
    if len(items) != 1 or not isinstance(items[0], tree.Except):
        faults.append(Diagnostic("C508", "`when` holds one condition", (Label(span),)))
        return None
    moved: tree.Except = _moved(items[0], span)
    return moved


# -- names that nothing has ----------------------------------------


def refuse_unknown(overrides: Overrides, analytics: Iterable[Analytic]) -> None:
    """Raise `ChainError` for settings of parameters, and tables of analytics, that none of the loaded files has.

    A site file speaks of more analytics than one run loads: its table of another, and what [all] sets for others, are
    no faults unless they look like a slip. The command line speaks of this run, and has to be right.
    """
    names = {a.id: [p.name for p in a.parameters] for a in analytics}
    faults: dict[Source, list[Diagnostic]] = {}
    for table in overrides.tables:
        # AN1314 and AN1315 are two analytics, however near
        alike = [n for n in names if _digits(n) == _digits(table.name)]
        meant = nearest(table.name, alike) if table.name not in names else None
        if meant is not None:
            label = Label(table.span, f"did you mean `{meant}`?")
            found = Diagnostic("C503", f"no analytic is called `{table.name}`", (label,))
            faults.setdefault(table.source, []).append(found)
    for setting in overrides.settings:
        if setting.table is not None and setting.table not in names:
            continue
        known = {n for a in names if setting.table in (None, a) for n in names[a]}
        meant = nearest(setting.name, known)
        of_all = setting.table is None and setting.origin != COMMAND_LINE
        if setting.name in known or (of_all and meant is None):
            continue
        at = setting.span.start + (len(setting.name) if setting.origin == COMMAND_LINE else 0)
        span = Span(setting.span.start, at) if at > setting.span.start else setting.span
        found = Diagnostic(
            "C502",
            f"no parameter is called `{setting.name}`",
            (Label(span, f"did you mean `{meant}`?" if meant else ""),),
            notes=(f"parameters that can be set: {', '.join(sorted(known))}",) if 0 < len(known) <= 30 else (),
        )
        faults.setdefault(setting.source, []).append(found)
    for source, diagnostics in faults.items():
        raise ChainError(source, tuple(diagnostics))


def _digits(name: str) -> str:
    return "".join(c for c in name if c.isdigit())
