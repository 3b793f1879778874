"""Chains as options and arguments name them: loaded, with their faults shown on standard error."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from chainrun.dsl.render import to_text

from ..chains import Library, nearest_site, read_library
from ..report.escape import excerpt
from ..report.paint import is_wanted
from .exits import UsageError

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter (also NAME+=… and NAME-=…); may be repeated."),
]
SiteOption = Annotated[
    str | None, typer.Option("--site", metavar="FILE", help="The site file; without it, the nearest chainrun.toml.")
]
TunedOption = Annotated[
    bool,
    typer.Option("--require-tuned", help="Refuse analytics of whose parameters some were never set for this site."),
]


def load(
    paths: Sequence[str],
    settings: Sequence[str] | None,
    site: str | Sequence[str] | None,
    *,
    quiet: bool,
    tuned: bool = False,
) -> Library | None:
    """The chains, or None where something is wrong with them; what is, has been shown.

    Advice is counted on one line, since `check` gives it in full, and left out where `quiet`.
    """
    library = open_library(paths, settings, site, tuned=tuned)
    for faults in library.errors:
        sys.stderr.write(to_text(faults.diagnostics, faults.source, is_wanted(sys.stderr)) + "\n")
    if library.errors:
        return None
    count = sum(len(faults.diagnostics) for faults in library.warnings)
    if count and not quiet:
        named = " ".join(faults.source.name for faults in library.warnings[:3])
        noun = "warning" if count == 1 else "warnings"
        sys.stderr.write(f"{count} {noun}: `chainrun check {excerpt(named, 200)}` shows them\n")
    return library


def open_library(
    paths: Sequence[str],
    settings: Sequence[str] | None,
    site: str | Sequence[str] | None,
    *,
    tuned: bool = False,
    at: int | None = None,
) -> Library:
    """The chains as the options want them, the nearest site file in force where none is named."""
    named = [site] if isinstance(site, str) else site or ()
    for name in named:
        if not Path(name).is_file():
            raise UsageError(f"there is no site file `{excerpt(name, 200)}`")
    found = named or nearest_site(Path.cwd())
    return read_library(paths, settings or (), found, tuned=tuned, at=at)
