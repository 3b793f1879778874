"""Site files: what an organisation changes of the analytics that it runs, in TOML.

    [AN1316]                                  # a table an analytic, and [all]
    TimeWindow = "10m"
    "EgressAllowList+" = ["*.corp.example"]   # the forms of `--set`: the key is what stands left of the `=`
    [[AN1316.except]]
    reason = "Jamf enrols machines"
    when   = 'child.process.name == "jamf"'
    on     = "child"                          # owner and until may follow, as in a chain

A text is a value of the language, except where the parameter is a text itself. The file is opened by `loader`. TOML's
reader does not say where things stand, so places are found again in the text.
"""

import datetime
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from . import tree
from .diagnostic import ChainError, Diagnostic, Label
from .literal import quoted
from .nearest import nearest
from .overrides import ALL, Overrides, Setting, SiteException, Table, declaration
from .parser import parse
from .source import Source, Span

_KEY = re.compile(r"([A-Za-z_]\w*)([+-]?)")
_PLAIN_WORD = re.compile(r"""(?!\.\.\.)[^\s,{}"'#]+""")
_EXCEPT_KEYS = ("reason", "when", "on", "owner", "until")


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
    parsed, wrong = declaration(f"X = {written}", Source(source.name, f"X = {written}"))
    if parsed is None and isinstance(value, str):
        # a text that is no value of the language is meant as a text: a schedule, a regular expression
        parsed, again = declaration(f"X = {quoted(value)}", Source(source.name, f"X = {quoted(value)}"))
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
            Diagnostic(d.code, d.message, (Label(span, d.labels[0].message),), helps=d.helps) for d in error.diagnostics
        )
        return None
    if len(items) != 1 or not isinstance(items[0], tree.Except):
        faults.append(Diagnostic("C508", "`when` holds one condition", (Label(span),)))
        return None
    moved: tree.Except = _moved(items[0], span)
    return moved
