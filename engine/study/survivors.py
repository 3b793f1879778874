"""The mutants of a file that its tests miss: each is a clause without a test that would fail if it were wrong.

A mutant that does not check is no chain, and one that compiles to the same automaton is the same chain: such are left
out. Tests run once here, not again in other ways, which ask about the engine. Called by the project's own tests;
nothing is printed here.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic, Chain
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from msgspec.structs import replace

from ..match.compile import compile_chain
from . import expectations
from .mutants import Mutant, mutants
from .trial import tell, told

# How something was written, which an automaton keeps to be shown.
_WORDING = {"span", "title"}


def survivors(source: Source) -> Iterator[Mutant]:
    """The mutants of a file in which none of its tests fails, but those that fail without a change."""
    file = parse(source)
    original, _ = check(file, source)
    failing = set(failures(original))
    for mutant in mutants(file):
        try:
            analytic, _ = check(mutant.file, source)
        except ChainError:
            continue
        if all(title in failing for title in failures(analytic)) and not _same(analytic, original):
            yield mutant


def failures(analytic: Analytic) -> Iterator[str]:
    """The titles of the tests of an analytic's file that fail, each run once."""
    for test in analytic.tests:
        story = tell(analytic, test)
        if story.faults or any(expectations.differences(test, told(analytic, story))):
            yield test.title


def _same(one: Analytic, other: Analytic) -> bool:
    """Whether two analytics run alike."""
    return [_automaton(one, chain) for chain in one.chains] == [_automaton(other, chain) for chain in other.chains]


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
