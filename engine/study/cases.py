"""The cases beside an analytic: real telemetry, each with what it is to raise.

    an1314.chain
    an1314.cases/
      macro.jsonl      the events; also macro.sysmon.jsonl.gz, macro.zeek.log: all files of that name together
      macro.expect     `raises 1 lolbin`, and below it lines as in a test's body

Called by `trial`.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from chainrun.dsl.check.cases import case
from chainrun.dsl.diagnostic import ChainError, Diagnostic, Label
from chainrun.dsl.loader import read
from chainrun.dsl.model import Analytic, Test
from chainrun.dsl.source import Source, Span

from ..intake.source import is_telemetry

EXPECT = ".expect"


class Case(msgspec.Struct, frozen=True):
    """A case by its name, the file that says what it raises, and the test that it is, or what is wrong with it."""

    title: str
    file: str
    test: Test | ChainError


def cases(analytic: Analytic) -> Iterator[Case]:
    """The cases of an analytic, by name."""
    folder = Path(analytic.file).with_suffix(".cases")
    if not folder.is_dir():
        return
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    told = [name.removesuffix(EXPECT) for name in names if name.endswith(EXPECT)]
    events = [name for name in names if is_telemetry(name)]
    for title in told:
        file = str(folder / f"{title}{EXPECT}")
        own = [name for name in events if _is_of(name, title, told)]
        try:
            if not own:
                raise _fault(file, f"there are no events beside it: {title}.jsonl")
            found: Test | ChainError = case(
                read(file), title, [str(Path(folder.name) / name) for name in own], analytic
            )
        except ChainError as error:
            found = error
        yield Case(title, file, found)
    for name in events:
        if not any(_is_of(name, title, told) for title in told):
            file = str(folder / name)
            title = name.partition(".")[0]
            yield Case(title, file, _fault(file, f"nothing says what it raises: write {title}{EXPECT} beside it"))


def _is_of(name: str, title: str, titles: list[str]) -> bool:
    """Whether a file's events are a case's: of two whose names begin it, those of the longer."""
    return title == max((t for t in titles if name.startswith(f"{t}.")), key=len, default=None)


def _fault(file: str, message: str) -> ChainError:
    return ChainError(Source(file, ""), (Diagnostic("C622", message, (Label(Span(0, 0)),)),))
