"""What `chainrun explain` says: every implied link, in words that are the automaton's own."""

from pathlib import Path

import networkx as nx
import pytest
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.chains import load_all, read_library
from chainrun.engine.match.compile import compile_chain
from chainrun.engine.study.drawing import START, to_dot, to_graph
from chainrun.engine.study.explain import explain
from chainrun.engine.study.prose import condition_text
from chainrun.engine.study.sentences import VERBS


def analytic(text: str) -> Analytic:
    source = Source("t.chain", text)
    return check(parse(source), source)[0]


def sentences(text: str) -> list[str]:
    """The numbered lines of an explanation, without their numbers."""
    lines = explain(analytic(text)).splitlines()
    return [line[6:] for line in lines if line[:4].strip().isdigit()]


SETS = "Paths = { /tmp }\nShells = { bash, zsh }\nAllowed = { *.apple.com }\n"


def test_the_smallest_file_reads_as_it_is_meant() -> None:
    assert sentences(SETS + "open as app -> write(Paths) -> spawn(Shells) by app as child -> egress within 15m") == [
        "A user-facing app is open: started, opened or clicked something, recorded a download or crashed. "
        "Call it `app`.",
        "Then `app` or a descendant of it writes a file at or beneath `Paths`.",
        "Then `app` itself starts a process that is one of `Shells` (as `by app` says). Call it `child`.",
        "Then, within 15 minutes of the open, `child` or a descendant of it connects to, or asks for the name of, "
        "a destination.",
    ]


@pytest.mark.parametrize(
    ("chain", "number", "said"),
    [
        # the subject: introduced, acting, or nobody
        ("spawn -> egress within 5m", 2, "the process of step 1 or a descendant of it connects"),
        ("write -> egress within 5m", 2, "the acting process of step 1 or a descendant of it connects"),
        ("write ~> egress within 5m", 2, "a process, whichever, connects"),
        # links that are written
        ("open as a -> spawn -> egress under a within 5m", 3, "`a` or a descendant of it"),
        ("open as a -> spawn -> egress under a within 5m", 3, "(as `under a` says)"),
        ("write as f ~> exec(f) within 5m", 2, "runs, as image, script or library, the file of `f`"),
        # what is tested
        ("write(not { /tmp })", 1, "writes a file outside of /tmp"),
        ("spawn({ a, b, c })", 1, "starts a process that is a, b or c"),
        ("egress(not { 10.0.0.0/8 })", 1, "a destination outside of 10.0.0.0/8"),
        ("spawn({ a }, parent: { b, c })", 1, "that is a, whose `parent` is b or c"),
        ("exit({ a })", 1, "is a and ends"),
        ("kind drop: write({ /tmp })\ndrop", 1, "writes a file at or beneath /tmp (this is `drop`)"),
        (
            "spawn where process.pid == 4 or not process.name in { a }",
            1,
            "where process.pid == 4 or not process.name in { a }",
        ),
        # hops
        (
            "open ->[30s] write within 5m",
            2,
            "Then, within 5 minutes of the open, within 30 seconds of the step before,",
        ),
        ("open ->[10s..1m] write -> read within 5m", 2, "Then, 10 seconds to 1 minute after the step before,"),
        # groups
        ("open -> write & read -> egress within 5m", 2, "in any order with step 3"),
        ("open -> (write | read) -> egress within 5m", 2, "or step 3 instead"),
        ("open -> write? -> egress within 5m", 2, "If it is there: then"),
    ],
)
def test_a_step_says(chain: str, number: int, said: str) -> None:
    assert said in sentences(chain)[number - 1]


def test_what_need_not_be_related_is_said() -> None:
    text = explain(analytic("open as a -> write as f -> spawn by a -> egress within 5m"))
    assert "The file of `f` and what comes after it need not be related." in text
    text = explain(analytic("open as a -> write as f -> exec(f) -> egress within 5m"))
    assert "need not be related" not in text


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("open as a -> spawn by a as c -> egress within 5m", "One alert for each host and `c`."),
        ("open as a -> spawn -> egress by a within 5m", "One alert for each host and `a`."),
        ("write as f ~> delete(f) within 5m", "One alert for each host and the file of `f`."),
        ("open ~> write within 5m per user.name", "One alert for each user.name and the acting process of step 2."),
        ("write ~> read within 5m per all", "One alert for each value of the acting process of step 2."),
    ],
)
def test_the_identity_of_an_alert_is_said(chain: str, said: str) -> None:
    assert said in explain(analytic(chain))


def test_exceptions_and_their_owners_are_said() -> None:
    text = explain(analytic('open as a -> egress within 5m\nexcept "lab" when a.process.name == "x" owner "it"'))
    assert 'No alert where a.process.name == "x" (“lab”, says it).' in text


def test_parameters_are_listed_with_their_origin(tmp_path: Path) -> None:
    (tmp_path / "t.chain").write_text('param Win = 5m "How long."\nopen -> egress within Win\n')
    [loaded] = load_all([tmp_path / "t.chain"], settings=["Win=7m"])
    text = explain(loaded)
    assert "  Win  duration     7m  from --set; by default 5m\n" in text
    assert "How long." in text
    assert "within 7 minutes of the open" in text


def test_a_chain_that_cannot_run_yet_is_shown_as_written(tmp_path: Path) -> None:
    (tmp_path / "t.chain").write_text("open -> !write -> egress within 5m\n")
    library = read_library([tmp_path / "t.chain"], runnable=False)
    assert library.errors == ()
    assert "!write" in explain(library.analytics[0])


def test_every_kind_of_the_vocabulary_has_a_verb() -> None:
    from chainrun.dsl.vocabulary import vocabulary

    assert set(VERBS) == set(vocabulary().kinds)


@pytest.mark.parametrize(
    "condition",
    [
        "process.pid == 4",
        "process.pid == 4 and (file.size > 3MB or not exists(user.name))",
        "not (process.pid == 4 or process.pid == 5)",
        'process.name in { a, b } and process.command_line like "*-enc*"',
        "(process.pid + 1) * 2 >= 4 - process.exit_code",
        "process.pid - (process.exit_code - 1) == 4",
        'raw."A.B" == "x"',
        "process.name not in { a }",
        'duration(process.pid, "s") > 1h30m',
    ],
)
def test_a_condition_is_printed_so_that_it_means_the_same(condition: str) -> None:
    """Printed, read again and printed, it is the same text."""
    first = where(f"event where {condition}")
    assert where(f"event where {first}") == first


def where(text: str) -> str:
    [step] = model.steps(analytic(text).chains[0].positions[0].element)
    expression = step.where if step.where is not None else step.parts[0].where
    assert expression is not None
    return condition_text(expression)


def test_the_graph_is_the_automaton() -> None:
    found = analytic("open as a -> (write | read)? -> egress within 5m")
    automaton = compile_chain(found, found.chains[0])
    graph = to_graph(automaton)
    assert set(graph) == {START, *(s.number for s in automaton.states)}
    assert graph.number_of_edges() == sum(len(s.edges) for s in automaton.states)
    assert nx.is_directed_acyclic_graph(graph)
    for state in automaton.states:
        assert nx.has_path(graph, START, state.number)


def test_dot_quotes_what_a_chain_holds() -> None:
    found = analytic('spawn where process.command_line contains "a\\"b"')
    dot = to_dot(compile_chain(found, found.chains[0]))
    assert '\\"a\\\\\\"b\\"' in dot
    assert dot.count("{") == dot.count("}")
