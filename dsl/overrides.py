"""Parameters changed without touching a file: settings, their precedence, and `--set`.

    --set TimeWindow=10m   --set 'HighRiskChildren+={ wscript.exe }'   --set 'HighRiskChildren-={ cmd.exe }'

Here texts become settings: name, operator, value as a tree. `site` makes them of site files; what a setting means for a
parameter is decided in `check.parameters`.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from . import tree
from .diagnostic import ChainError, Diagnostic, Label
from .model import Analytic
from .nearest import nearest
from .parser import parse
from .source import Source, Span

ALL = "all"
COMMAND_LINE = "--set"
_SETTING = re.compile(r"\s*([A-Za-z_]\w*)\s*(\+=|-=|=)(?!=)")


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
    is_taken: bool = False  # its words stand in a file of words that another setting names


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
    """All changes, lowest precedence first: a site file's [all], its tables, the command line. `aliases`: names of
    accounts, each with the one that stands for all names of its account."""

    settings: tuple[Setting, ...] = ()
    exceptions: tuple[SiteException, ...] = ()
    tables: tuple[Table, ...] = ()
    aliases: dict[str, str] = {}

    def settings_of(self, analytic: str) -> tuple[Setting, ...]:
        """The settings that an analytic has to follow, in the order in which they take effect."""
        return tuple(s for s in self.settings if s.table in (None, analytic))

    def exceptions_of(self, analytic: str) -> tuple[SiteException, ...]:
        return tuple(e for e in self.exceptions if e.table in (None, analytic))

    def __add__(self, other: "Overrides") -> "Overrides":
        """Both; what stands right takes precedence."""
        return Overrides(
            self.settings + other.settings,
            self.exceptions + other.exceptions,
            self.tables + other.tables,
            self.aliases | other.aliases,
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
            parsed, wrong = declaration(text, source)
            faults.extend(wrong)
            if parsed is not None:
                span = Span(at, at + len(line))
                found.append(Setting(match[1], operator, parsed.value, span, source, COMMAND_LINE))
        at += len(line) + 1
    if faults:
        raise ChainError(source, tuple(faults))
    return Overrides(tuple(found))


def declaration(text: str, shown: Source) -> tuple[tree.Parameter | None, tuple[Diagnostic, ...]]:
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
    labels = tuple(Label(Span(min(x.span.start, end), min(x.span.end, end)), x.message) for x in diagnostic.labels)
    return msgspec.structs.replace(diagnostic, labels=labels)


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
        if setting.is_taken or (setting.table is not None and setting.table not in names):
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


def untuned(analytic: Analytic) -> tuple[Diagnostic, ...]:
    """One fault that names all the analytic's own parameters which nobody set, where there are any."""
    left = [p for p in analytic.parameters if p.origin == "default"]
    if not left:
        return ()
    count, verb = ("1 parameter", "was") if len(left) == 1 else (f"{len(left)} parameters", "were")
    return (
        Diagnostic(
            "C510",
            f"{count} of `{analytic.id}` {verb} never set for this site",
            tuple(Label(p.span) for p in left),
            notes=("what ships is a guess about your machines; with `--require-tuned` nobody runs on guesses",),
            helps=(
                f"in the site file, under [{analytic.id}]: {', '.join(p.name for p in left)}",
                "a default that is right is confirmed by setting it to the same",
            ),
        ),
    )


def _digits(name: str) -> str:
    return "".join(c for c in name if c.isdigit())
