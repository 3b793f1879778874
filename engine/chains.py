"""A library of chains: files and folders loaded together, with overrides, and everything that is wrong with them.

What the checker accepts and the engine cannot run yet is refused here, so that no chain runs as something else than it
says. Called by the command line and by `import chainrun`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from chainrun.dsl.check import check
from chainrun.dsl.check.lines import exceptions_of, expired
from chainrun.dsl.diagnostic import ChainError, Diagnostic, Label
from chainrun.dsl.loader import load_site, read
from chainrun.dsl.model import Analytic
from chainrun.dsl.overrides import Overrides, command_line, refuse_unknown, untuned
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source, Span

from .intake.source import STANDARD_INPUT

SITE_FILE = "chainrun.toml"


class Faults(msgspec.Struct, frozen=True):
    """What is wrong with one text, or to be said about it."""

    source: Source
    diagnostics: tuple[Diagnostic, ...]


class Library(msgspec.Struct, frozen=True):
    """Chains loaded together. Where there are `errors`, `analytics` are those that check. `files` counts all;
    `words` are the files of words that the site file takes in, `overrides` what it and `--set` change."""

    analytics: tuple[Analytic, ...]
    errors: tuple[Faults, ...] = ()
    warnings: tuple[Faults, ...] = ()
    files: int = 0
    words: tuple[str, ...] = ()
    overrides: Overrides = Overrides()


def read_library(
    paths: Sequence[str | Path],
    settings: Sequence[str] = (),
    site: str | Path | Sequence[str | Path] | None = None,
    *,
    tuned: bool = False,
    at: int | None = None,
) -> Library:
    """The analytics of chain files, and of all `*.chain` files in and below folders; never raises for what they hold.

    settings  `Name=value`, `Name+={ … }`, `Name-={ … }`, as after `--set`
    site      a site file, or several, of which the later ones take precedence
    tuned     refuse analytics of whose parameters some were never set
    at        warn of exceptions that no longer apply at this time, in microseconds since 1970
    """
    errors: list[Faults] = []
    overrides = Overrides()
    try:
        overrides = _of_sites(site) + command_line(settings)
    except ChainError as error:
        errors.append(Faults(error.source, error.diagnostics))
    is_site_known = not errors
    files, absent = chain_files(paths)
    errors.extend(absent)
    analytics: list[Analytic] = []
    warnings: list[Faults] = []
    sources: dict[str, Source] = {}
    for file in files:
        try:
            source = read(file)
            written = parse(source)
            analytic, advice = check(written, source, overrides)
        except ChainError as error:
            errors.append(Faults(error.source, error.diagnostics))
            continue
        if tuned and is_site_known and (never := untuned(analytic)):
            errors.append(Faults(source, never))
        if at is not None:
            advice += expired(exceptions_of(written), at)
        if advice:
            warnings.append(Faults(source, advice))
        if analytic.id in sources:
            errors.append(_same_id(analytic, source, sources[analytic.id]))
        sources.setdefault(analytic.id, source)
        analytics.append(analytic)
    if not errors:
        try:
            refuse_unknown(overrides, analytics)
        except ChainError as error:
            errors.append(Faults(error.source, error.diagnostics))
    if at is not None:
        for text in dict.fromkeys(e.source for e in overrides.exceptions):
            mine = (e.exception for e in overrides.exceptions if e.source is text and e.table in (None, *sources))
            if past := expired(mine, at):
                warnings.append(Faults(text, past))
    words = tuple(dict.fromkeys(s.source.name for s in overrides.settings if s.is_taken))
    return Library(tuple(analytics), _distinct(errors), tuple(warnings), len(files), words, overrides)


def _of_sites(site: str | Path | Sequence[str | Path] | None) -> Overrides:
    """What site files say together; what one of them says of all analytics stands below what any says of one."""
    overrides = Overrides()
    for file in [site] if isinstance(site, str | Path) else site or ():
        overrides += load_site(file)
    settings = sorted(overrides.settings, key=lambda setting: setting.table is not None)
    return msgspec.structs.replace(overrides, settings=tuple(settings))


def load(path: str | Path, *, settings: Sequence[str] = (), site: str | Path | None = None) -> Analytic:
    """The analytic of one chain file, ready to run; raises `ChainError` with what is wrong in the first text."""
    return load_all([path], settings=settings, site=site)[0]


def load_all(
    paths: Sequence[str | Path], *, settings: Sequence[str] = (), site: str | Path | None = None
) -> tuple[Analytic, ...]:
    """The analytics of several files and folders, ready to run; raises `ChainError` likewise."""
    library = read_library(paths, settings, site)
    for faults in library.errors:
        raise ChainError(faults.source, faults.diagnostics)
    return library.analytics


def chain_files(paths: Iterable[str | Path]) -> tuple[list[str], list[Faults]]:
    """The chain files that paths stand for, each once, in the order given (a folder's by name); and folders without."""
    found: dict[str, None] = {}
    faults: list[Faults] = []
    for path in paths:
        name = str(path)
        if name != STANDARD_INPUT and Path(name).is_dir():
            inside = sorted(str(p) for p in Path(name).rglob("*.chain") if p.is_file())
            found.update(dict.fromkeys(inside))
            if not inside:
                faults.append(_fault(Source(name, ""), "C601", f"`{name}` is a folder without chain files"))
        else:
            found[name] = None
    return list(found), faults


def nearest_site(folder: Path) -> Path | None:
    """The site file of a folder, or of the nearest one above it."""
    return next((f for above in (folder, *folder.parents) if (f := above / SITE_FILE).is_file()), None)


def _same_id(analytic: Analytic, source: Source, other: Source) -> Faults:
    # Alerts and site files tell analytics apart by their ids.
    message = f"`{analytic.id}` is the analytic of `{other.name}` too; give one of them another id, or load one of them"
    return _fault(source, "C602", message)


def _fault(source: Source, code: str, message: str) -> Faults:
    return Faults(source, (Diagnostic(code, message, (Label(Span(0, 0)),)),))


def _distinct(errors: Iterable[Faults]) -> tuple[Faults, ...]:
    """Faults of overrides come up once for each file that they are for."""
    seen: dict[tuple[str, tuple[Diagnostic, ...]], Faults] = {}
    for faults in errors:
        seen.setdefault((faults.source.name, faults.diagnostics), faults)
    return tuple(seen.values())
