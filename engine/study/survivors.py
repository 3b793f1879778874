"""The changes of a file that its tests miss: each is a clause, or an event of a story, that no test would fail without.

    chain ─ mutants ─┐
                     ├─ tests ─ those that none notices ─ less those of which the file says why
    story ─ altered ─┘

Of the chain a mutant counts as noticed where a test fails that did not; one that does not check is no chain, and one
that compiles to the same automaton is the same chain: such are left out. Of a story an alteration counts as noticed
where its test fails; those of one step and one sort count together, since one test that notices is enough. Tests run
once here, not again in other ways, which ask about the engine. Called by `chainrun test --mutate`; nothing is printed.
"""

from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic, Chain, Test
from chainrun.dsl.overrides import Overrides
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.source import Source, Span
from chainrun.dsl.tree import File
from msgspec.structs import replace

from ..formats import Format
from ..match.compile import compile_chain
from . import expectations
from .accepted import acceptances
from .altered import Alteration, alterations
from .cases import cases
from .mutants import mutants
from .trial import Story, tell, told

# How something was written, which an automaton keeps to be shown.
_WORDING = {"span", "title"}


class Survivor(msgspec.Struct, frozen=True):
    """A change that no test of a file notices.

    what      the change, by the name that a reason gives
    changed   of the chain: the lines as they were, with a `-` before, and as they then are, with a `+`
    story     of a test's story: which event of which test, where it is otherwise and the test still passes
    accepted  the file's reason why nothing could notice it
    """

    file: str
    line: int
    what: str
    changed: tuple[str, ...] = ()
    story: str = ""
    accepted: str | None = None


class Stale(msgspec.Struct, frozen=True):
    """A reason for a change that the tests notice, or that there is not."""

    file: str
    line: int
    what: str


class Survey(msgspec.Struct, frozen=True):
    """How many changes of a file were tried, and what became of them. `tests`: how many tests there are to notice."""

    file: str
    tests: int
    tried: int
    survivors: tuple[Survivor, ...] = ()
    stale: tuple[Stale, ...] = ()

    @property
    def unexplained(self) -> tuple[Survivor, ...]:
        """The survivors that no reason is given for."""
        return tuple(s for s in self.survivors if s.accepted is None)


class _Found(msgspec.Struct, frozen=True):
    span: Span
    what: str
    changed: tuple[str, ...] = ()
    story: str = ""


def survey(source: Source, overrides: Overrides | None = None, formats: tuple[Format, ...] | None = None) -> Survey:
    """What the tests of a file would miss. Raises `ChainError` where the file does not check; `overrides` as in a
    run."""
    file = parse(source)
    trial = _Trial(source, overrides, formats)
    original = trial.checked(file)
    tests = trial.tests(original)
    if not tests:
        return Survey(source.name, 0, 0)
    found = [*_clauses(trial, file, original), *_stories(trial, original)]
    reasons = acceptances(source, file)
    survivors = []
    for one in sorted(found, key=lambda one: one.span.start):
        line = source.position(one.span.start)[0]
        why = next((reason for reason in reasons if reason.accepts(one.what, line)), None)
        if why is not None:
            reasons.remove(why)
        said = why.reason if why is not None else None
        survivors.append(Survivor(source.name, line, one.what, one.changed, one.story, said))
    stale = tuple(Stale(source.name, reason.line, reason.what) for reason in reasons)
    return Survey(source.name, len(tests), trial.tried, tuple(survivors), stale)


class _Trial:
    """A file's tests, to be asked about changes of it. Counts those that could be tried."""

    def __init__(self, source: Source, overrides: Overrides | None, formats: tuple[Format, ...] | None) -> None:
        self.source = source
        self.overrides = overrides
        self.formats = formats
        self.tried = 0

    def checked(self, file: File) -> Analytic:
        return check(file, self.source, self.overrides)[0]

    def tests(self, analytic: Analytic) -> list[Test]:
        """The tests in the file and the cases beside it, but those that cannot be run."""
        beside = (case.test for case in cases(analytic))
        return [*analytic.tests, *(test for test in beside if isinstance(test, Test))]

    def story(self, analytic: Analytic, test: Test) -> Story:
        return tell(analytic, test, self.formats)

    def passes(self, analytic: Analytic, test: Test, story: Story) -> bool:
        return not story.faults and not any(expectations.differences(test, told(analytic, story)))

    def verdicts(self, analytic: Analytic) -> Iterator[bool]:
        for test in self.tests(analytic):
            yield self.passes(analytic, test, self.story(analytic, test))


def _clauses(trial: _Trial, file: File, original: Analytic) -> Iterator[_Found]:
    """The mutants of a file in which no test fails but those that fail without a change."""
    passed = list(trial.verdicts(original))
    automata = [_automaton(original, chain) for chain in original.chains]
    for mutant in mutants(file):
        try:
            analytic = trial.checked(mutant.file)
        except ChainError:
            continue
        noticed = any(was and not now for was, now in zip(passed, trial.verdicts(analytic), strict=True))
        if not noticed and [_automaton(analytic, chain) for chain in analytic.chains] == automata:
            continue
        trial.tried += 1
        if not noticed:
            yield _Found(mutant.span, mutant.what, changed=_differing(file, mutant.file))


def _stories(trial: _Trial, original: Analytic) -> Iterator[_Found]:
    """The alterations of the tests' stories that no test notices, by step and sort."""
    missed: dict[tuple[str, int, str], tuple[Test, Alteration] | None] = {}
    for test in trial.tests(original):
        story = trial.story(original, test)
        if not trial.passes(original, test, story):
            continue
        for altered in alterations(original, test, story, told(original, story).alerts):
            sort = altered.chain, altered.step, altered.what
            if sort in missed and missed[sort] is None:
                continue
            noticed = not trial.passes(original, altered.test, altered.story)
            missed[sort] = None if noticed else missed.get(sort) or (test, altered)
    trial.tried += len(missed)
    spans = {(c.name, s.number): s.span for c in original.chains for p in c.positions for s in model.steps(p.element)}
    for (chain, step, what), found in missed.items():
        if found is not None:
            test, altered = found
            yield _Found(spans[chain, step], what, story=_story(test, altered))


def _story(test: Test, altered: Alteration) -> str:
    return f"step {altered.step}, line {altered.line} in “{test.title}”"


def _differing(before: File, after: File) -> tuple[str, ...]:
    """The lines that differ, as in a patch; comments do not."""
    one, other = (format_tree(replace(file, comments=(), blanks=())).split("\n") for file in (before, after))
    lines = unified_diff(one, other, n=0, lineterm="")
    return tuple(f"{line[0]} {line[1:].strip()}" for line in lines if not line.startswith(("---", "+++", "@")))


def _automaton(analytic: Analytic, chain: Chain) -> Any:
    automaton = compile_chain(analytic, chain)
    return _meaning(replace(automaton, chain=replace(chain, positions=(), text="")))


def _meaning(value: Any) -> Any:
    """A value without what is wording in it."""
    if isinstance(value, tuple):
        # links are the automaton's joins, but for `from host`
        return tuple(_meaning(v) for v in value if not isinstance(v, model.Link) or v.word == "from")
    if isinstance(value, msgspec.Struct) and not isinstance(value, model.Kind):
        return type(value), [_meaning(getattr(value, f)) for f in value.__struct_fields__ if f not in _WORDING]
    return value
