"""Files to analytics: the only room of `dsl` that opens what the user named.

A file that is absent, a folder, too long or not UTF-8 is a diagnostic like any other.
"""

from pathlib import Path

from .check import check
from .diagnostic import ChainError, Diagnostic, Label
from .model import Analytic
from .overrides import Overrides, refuse_unknown
from .parser import decode, parse
from .site import site
from .source import Source, Span

MOST_BYTES = 4 * 1024 * 1024  # of any file: what a device or a wrong name could fill memory with


def read(path: str | Path) -> Source:
    """The text of a file under the name that the user typed; raises `ChainError` where it cannot be read."""
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        fault = Diagnostic("C601", f"cannot read `{name}`: {reason}", (Label(Span(0, 0)),))
        raise ChainError(Source(name, ""), (fault,)) from None
    if len(data) > MOST_BYTES:
        message = f"`{name}` is longer than {MOST_BYTES // 1024**2} MB"
        raise ChainError(Source(name, ""), (Diagnostic("C198", message, (Label(Span(0, 0)),)),))
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
    """The overrides of a site file; files of words are found from its folder."""
    return site(read(path), lambda name: read(Path(path).parent / Path(name).expanduser()))
