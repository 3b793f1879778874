"""Site files: what an organisation changes of the analytics that it runs, in TOML.

    [AN1316]                                  # a table an analytic, and [all]
    TimeWindow = "10m"
    "EgressAllowList+" = ["*.corp.example"]   # the forms of `--set`: the key is what stands left of the `=`
    "Children+" = ["curl.exe", "@tools.txt"]  # `@` takes in a file of words, from this file's folder
    [[AN1316.except]]
    reason = "Jamf enrols machines"
    when   = 'child.process.name == "jamf"'
    on     = "child"                          # owner and until may follow, as in a chain
    [all.users]                               # names of one account: each, and the one that stands for it
    'CORP\\ada' = "ada@corp.example"

A text is a value of the language, except where the parameter is a text itself; `@@` begins one with a single
`@`. The file is opened by `loader`. TOML's
reader does not say where things stand, so places are found again in the text.
"""

import datetime
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

from . import tree
from .diagnostic import ChainError, Diagnostic, Label
from .literal import quoted
from .nearest import nearest
from .overrides import ALL, Overrides, Setting, SiteException, Table, declaration
from .parser import MOST_CHARACTERS, parse
from .source import Source, Span
from .wordfile import PLAIN_WORD, words

_KEY = re.compile(r"([A-Za-z_]\w*)([+-]?)")
MOST_SETTINGS = 2_000
USERS = "users"
_EXCEPT_KEYS = ("reason", "when", "on", "owner", "until")

Reader = Callable[[str], Source]  # a file that the site file names, to its text


def site(source: Source, read: Reader | None = None) -> Overrides:
    """The overrides of a site file; raises `ChainError` with all that is wrong in it, or in a file that it takes in."""
    if len(source.text) > MOST_CHARACTERS:
        label = Label(Span(MOST_CHARACTERS, MOST_CHARACTERS), "the file goes on after this")
        helps = ('long lists stand in files of words: `"@words.txt"`',)
        raise ChainError(source, (Diagnostic("C198", "a site file that is too long", (label,), helps=helps),))
    try:
        tables = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise ChainError(source, (_not_toml(source, error),)) from None
    except RecursionError:
        raise ChainError(source, (Diagnostic("C507", "nested too deeply", (Label(Span(0, 0)),)),)) from None
    if sum(len(entries) for entries in tables.values() if isinstance(entries, dict)) > MOST_SETTINGS:
        label = Label(Span(0, 0))
        raise ChainError(source, (Diagnostic("C507", f"more than {MOST_SETTINGS:,} settings", (label,)),))
    faults: list[Diagnostic] = []
    general: list[Setting] = []
    special: list[Setting] = []
    exceptions: list[SiteException] = []
    headers: list[Table] = []
    aliases: dict[str, str] = {}
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
            if key == USERS and isinstance(value, dict):
                aliases = _aliases(value, table, source, place, faults)
                continue
            inline, taken = _apart(value) if read is not None else (value, [])
            setting = _setting(key, inline, table, source, place, faults)
            if setting is not None:
                settings = [setting, *(_taken(setting, name, read, faults) for name in taken if read is not None)]
                (general if table is None else special).extend(s for s in settings if s is not None)
    if faults:
        raise ChainError(source, tuple(faults))
    return Overrides(tuple(general + special), tuple(exceptions), tuple(headers), aliases)


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


# -- files of words ----------------------------------------


def _apart(value: Any) -> tuple[Any, list[str]]:
    """A value without the files that it takes in, and their names."""
    match value:
        case str() if _is_file(value):
            return [], [value[1:]]
        case list():
            return [_literal(v) for v in value if not _is_file(v)], [v[1:] for v in value if _is_file(v)]
        case _:
            return _literal(value), []


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value[:1] == "@" and value[1:2] not in ("", "@")


def _literal(value: Any) -> Any:
    return value[1:] if isinstance(value, str) and value.startswith("@@") else value


def _taken(setting: Setting, name: str, read: Reader, faults: list[Diagnostic]) -> Setting | None:
    """The setting that a file of words adds to the one that takes it in; it points into that file."""
    try:
        source = read(name)
    except ChainError as error:
        found = error.diagnostics[0]
        if found.code != "C601":
            raise
        label = Label(setting.span, "it is looked for from the folder of this file")
        faults.append(Diagnostic("C601", found.message, (label,)))
        return None
    whole = Span(0, len(source.text))
    value = tree.WordSet(span=whole, items=words(source))
    operator = "+=" if setting.operator == "=" else setting.operator
    return Setting(
        setting.name, operator, value, Span(0, 0), source, f"{setting.origin} @{name}", setting.table, is_taken=True
    )


# -- accounts ----------------------------------------


def _aliases(
    entries: dict[str, Any], table: str | None, source: Source, place: Span, faults: list[Diagnostic]
) -> dict[str, str]:
    """Each name of an account and the one that stands for it, however many steps lead there."""
    if table is not None:
        header = source.text.rfind("\n", 0, place.start) + 1
        label = Label(_find(source, rf"^\s*\[?\s*(?:[\w\"'-]+\.)?({USERS})\b", place, header))
        helps = (f"[{ALL}.{USERS}]",)
        faults.append(Diagnostic("C507", "accounts are the same for every analytic", (label,), helps=helps))
        return {}
    found: dict[str, str] = {}
    for name, same in entries.items():
        seen = [name]
        while isinstance(same, str) and same in entries and same not in seen:
            seen.append(same)
            same = entries[same]
        key = re.escape(name)
        at = _find(
            source, rf"^\s*[\"']?({key}|{re.escape(name.replace(chr(92), chr(92) * 2))})[\"']?\s*=", place, place.end
        )
        if not isinstance(same, str) or not same.strip() or not name.strip():
            faults.append(Diagnostic("C507", f"`{name}` needs the name of its account", (Label(at, "as a text"),)))
        elif same in seen:
            faults.append(
                Diagnostic("C507", f"`{name}` leads back to itself", (Label(at, "which one stands for it?"),))
            )
        else:
            found[name] = same
    return found


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
    return text if PLAIN_WORD.fullmatch(text) else quoted(text, "'")


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
