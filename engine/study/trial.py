"""Trials of an analytic: the `test` blocks of its file, and the cases beside it, run and judged.

    events of lines and files ─ engine ─ alerts ─ what was expected ─ the same again in other ways

Called by the command line and by the project's own scripts; nothing is printed here.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic, Test

from ..event import Event
from ..formats import Format, load_formats
from ..report.alert import Alert
from ..report.funnel import funnels
from . import again, expectations
from .cases import cases
from .lines import BEGIN, numbered, read_lines
from .records import read_records

# How many things that are wrong with one test are told.
MOST_FAULTS = 10


class Result(msgspec.Struct, frozen=True):
    """How a test went: what is otherwise than expected, nothing where it passed. A fault may have several lines."""

    title: str
    file: str
    line: int
    faults: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.faults


class Story(msgspec.Struct, frozen=True):
    """The events of a test, in order. `begin`: what its times count from; `faults`: what could not be made of it."""

    events: list[Event]
    begin: int
    faults: tuple[str, ...] = ()


def trials(analytic: Analytic, formats: tuple[Format, ...] | None = None) -> Iterator[Result]:
    """The results of an analytic's tests and cases, one after another. `formats`: those that files may be in."""
    known = formats if formats is not None else load_formats()
    for test in analytic.tests:
        yield tried(analytic, test, known)
    for case in cases(analytic):
        if isinstance(case.test, ChainError):
            what = [f"{d.message}: {d.labels[0].message}".rstrip(": ") for d in case.test.diagnostics]
            line = case.test.source.position(case.test.diagnostics[0].span.start)[0]
            yield Result(case.title, case.file, line, tuple(what))
        else:
            yield tried(analytic, case.test, known, case.file)


def tried(analytic: Analytic, test: Test, formats: tuple[Format, ...], file: str | None = None) -> Result:
    """The result of one test. `file`: where it stands, if not in the analytic's own file."""
    story = tell(analytic, test, formats)
    faults = list(story.faults)
    if not faults:
        outcome = told(analytic, story)
        faults += expectations.differences(test, outcome)
        faults += again.differences(analytic, story.events, list(outcome.alerts))
    return Result(test.title, file or analytic.file, test.line, tuple(faults[:MOST_FAULTS]))


def told(analytic: Analytic, story: Story) -> expectations.Outcome:
    """What comes of a story, run once."""
    engine = again.new_engine(analytic)
    alerts = tuple(engine.run(again.fresh(story.events)))
    raised = Counter((alert.analytic, alert.chain) for alert in alerts)
    return expectations.Outcome(alerts, funnels(engine, raised), analytic.chains, story.begin)


def tell(analytic: Analytic, test: Test, formats: tuple[Format, ...] | None = None) -> Story:
    """The events of a test: those of its files, and its lines', whose times count from the first event of the files."""
    begin, recorded = BEGIN, []
    if test.files:
        folder = Path(analytic.file).parent
        records = read_records([str(folder / file) for file in test.files], formats or load_formats())
        if records.bad or not records.events:
            return Story([], BEGIN, records.bad or ("no event can be read from the files",))
        begin, recorded = records.events[0].time, records.events
    lines = read_lines(test.lines, analytic, begin)
    faults = tuple(f"line {number}: {what}" for number, what in lines.faults)
    return Story(numbered(sorted([*recorded, *lines.events], key=lambda event: event.time)), begin, faults)


def raised(analytic: Analytic, test: Test) -> list[Alert]:
    """The alerts that a test's events raise, in order."""
    return again.straight(analytic, tell(analytic, test).events)
