"""Files to analytics: the only room of `dsl` that opens what the user named.

A file that is absent, a folder, or not UTF-8 is a diagnostic like any other.
"""

from pathlib import Path

from .check import check
from .diagnostic import ChainError, Diagnostic, Label
from .model import Analytic
from .overrides import Overrides, refuse_unknown
from .parser import decode, parse
from .site import site
from .source import Source, Span


def read(path: str | Path) -> Source:
    """The text of a file under the name that the user typed; raises `ChainError` where it cannot be read."""
    name = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        fault = Diagnostic("C601", f"cannot read `{name}`: {reason}", (Label(Span(0, 0)),))
        raise ChainError(Source(name, ""), (fault,)) from None
    return decode(name, data)


def load(path: str | Path, overrides: Overrides | None = None) -> Analytic:
    """The checked analytic of a file, with overrides in force that it, or no file, has to know."""
    overrides = overrides or Overrides()
    analytic, _ = load_with_warnings(path, overrides)
    refuse_unknown(overrides, (analytic,))
    return analytic


def load_with_warnings(path: str | Path, overrides: Overrides | None = None) -> tuple[Analytic, tuple[Diagnostic, ...]]:
    """The checked analytic and the warnings about it. Of several files loaded together, one may have a parameter that
    another lacks: `overrides.refuse_unknown` is to be asked about all of them."""
    source = read(path)
    return check(parse(source), source, overrides)


def load_site(path: str | Path) -> Overrides:
    """The overrides of a site file."""
    return site(read(path))
