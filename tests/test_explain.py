"""What `chainrun explain` says: every implied link, in words that are the automaton's own."""

from pathlib import Path
from random import Random

import networkx as nx
import pytest
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.chains import load_all
from chainrun.engine.match.compile import compile_chain
from chainrun.engine.study.drawing import START, to_dot, to_graph
from chainrun.engine.study.explain import explain
from chainrun.engine.study.prose import condition_text
from chainrun.engine.study.sentences import VERBS

from .worlds import world


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
        ("open -> egress -> write? within 5m", 3, "a file; at the end, it is not waited for."),
        (
            "open -> ( ->[5s] write & ~>[1m] mount ) within 5m",
            3,
            "within 1 minute of step 1, a process, whichever, mounts",
        ),
        ("open -> read? ->[9s] egress within 5m", 3, "the open, within 9 seconds of the last of steps 1 and 2, the"),
        ("open ->[9s] write & read within 5m", 2, "within 9 seconds of step 1, if it is the first of the group,"),
        ("open -> write & read ->[9s] egress within 5m", 4, "within 9 seconds of the last of steps 2 and 3,"),
        ("open -> ((write & read) | mount) within 5m", 3, "in any order with step 2; or step 4 instead"),
        # repeated and counted
        ("open -> write{3,} within 5m", 2, "writes a file, at least 3 times, by different events."),
        ("open -> write+ within 5m", 2, "writes a file, once or more."),
        ("open ->[9s] write{3} within 5m", 2, "the last of them within 9 seconds of the step before,"),
        ("egress{>= 20 in 1m}", 1, "a destination, and in the minute up to it there are at least 20 such events."),
        ("egress{> 20 in 90s}", 1, "in the 1 minute 30 seconds up to it there are more than 20 such events."),
        (
            "egress{distinct destination.ip >= 5, share(destination.port == 443) < 10% in 1h by process.name, user.name}",
            1,
            "there are such events with at least 5 different `destination.ip`, less than 10% of them where "
            "destination.port == 443, for each `process.name` and `user.name` on its own.",
        ),
        ("egress{sum destination.bytes > 500MB in 1h}", 1, "with more than 500MB of `destination.bytes` in sum."),
        ("egress{count(destination.port == 22) >= 3 in 1h}", 1, "at least 3 of them where destination.port == 22."),
        (
            "egress{>= 6 every 10m +- 1m}",
            1,
            "and it ends a row of at least 6 such events, each 9 minutes to 11 minutes after the one before.",
        ),
        ("egress{>= 6 every 5m..1h}", 1, "each 5 minutes to 1 hour after the one before."),
        # links that are not for certain, and links to other than processes
        ("open ->? egress within 5m", 2, "Where the record names nobody: merely on the same host, and the alert is"),
        ("open ->? egress within 5m per user.name", 2, "names nobody: merely with the same user.name, and"),
        (
            "start as box -> egress within 5m",
            2,
            "whatever runs in the container of `box`, carries its id or comes from",
        ),
        ("launch as box -> egress within 5m", 2, "whatever carries the id of the instance of `box`, or comes from"),
        ("signin as s -> call within 5m", 2, "the session of `s`, or a session that it assumed, calls an API"),
        ("signin as s -> call within 5m", 2, "A record without a session is taken for its identity's open one"),
        ("call as c -> call by c within 5m", 2, "the identity of `c` itself calls an API"),
        ("start as box ~> stop of box within 5m", 2, "stops a container of an image, about the container of `box`"),
        ("launch as box ~> accept from box within 5m", 2, "an address, from an address of the instance of `box`"),
        ("egress from host", 1, "from an address of the host itself (as `from host` says)"),
        # what must not happen
        (
            "open as a -> !write -> egress within 5m",
            2,
            "Between step 1 and step 3 there is no event in which `a` or a descendant of it writes a file.",
        ),
        ("open as a ~> !write by a -> egress within 5m", 2, "in which `a` itself writes a file (as `by a` says)."),
        ("open ~> !write -> egress within 5m", 2, "in which a process writes a file."),
        ("open -> mount? -> !write -> egress within 5m", 3, "Between the last of steps 1 and 2 and step 4 there"),
        ("open -> !write -> read? -> egress within 5m", 2, "and the first of steps 3 and 4 there is no event"),
        ("open -> !write -> read{2} within 5m", 2, "Between step 1 and the first event of step 3 there"),
        ("open -> !(write | read) -> egress within 5m", 3, "Between step 1 and step 4 there is no event"),
        ("open as a ->[5m] !exit within 1h", 2, "And then, for 5 minutes, there is no event in which `a` or a desc"),
        ("open -> !exit within 1h", 2, "And then, to the end of the window, 1 hour after the open, there is no event"),
        (
            "!write -> open within 1h",
            1,
            "In the hour before step 2 there is no event in which a process that then acts, or is above who acts, writes",
        ),
        ("!spawn -> open within 1h", 1, "starts a process, which then acts, or is above who acts."),
        ("!write ~>[2h] open within 1h", 1, "In the 2 hours before step 2 there is no event in which a process writes"),
        (
            "open as a -> spawn as b without prior spawn(b) in 30d within 1h",
            3,
            "In the 30 days before step 2 there is no event in which a process starts the process of `b`.",
        ),
        (
            "open as a -> spawn as b -> egress within 1h until exit",
            4,
            "Until `a` itself, or `b` itself ends: that ends a match that is not complete; what may only be so does not.",
        ),
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


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("open -> !write -> egress within 5m", "Of what must not happen, what is not known counts as happened."),
        (
            "open -> !write within 5m",
            "The alert comes once event time has passed the end of that time; where the input ends before, none.",
        ),
        (
            "!write -> open within 5m",
            "A look back beyond the first record of its source is unknown: no alert without `--baseline` or "
            "`--allow-unproven`.",
        ),
        (
            "signin where new(user.name, source.ip among signin in 30d)",
            "`new(user.name, source.ip among signin in 30d)`: no earlier `signin`, on any host, had the same user.name and "
            "source.ip in the 30 days before.",
        ),
        ("open as a -> egress within 5m once per a, host in 2h", "One alert for each host and `a`."),
        (
            "open as a -> egress within 5m once per a, host in 2h",
            "Further completions within 2 hours are counted with that alert.",
        ),
        ("signin as s -> call within 5m once per s.source.ip", "One alert for each host and `s.source.ip`."),
        ("signin{> 5 in 1m by source.ip}", "One alert for each host and `source.ip`."),
        ("open as a -> (write | (spawn by a as b))  within 5m", "One alert for each host and `a`."),
        ("open as a ~> (write | egress by a) within 5m", "and the acting process of step 2, or host and `a`."),
        (
            'open as a -> egress within 5m\nexcept "lab" on a when process.name == "x" owner "it" until 2027-01-31',
            'Step 1 takes no event where process.name == "x" (“lab”, says it, until 2027-01-31).',
        ),
        (
            "open -> (write as w)? -> egress within 5m\nseverity high when w\nseverity critical when w.file.size > 1MB",
            "Where several severities hold, the highest.",
        ),
    ],
)
def test_what_holds_for_the_whole_chain_is_said(chain: str, said: str) -> None:
    assert said in explain(analytic(chain))


def test_every_chain_can_be_explained_and_drawn() -> None:
    """Chains of every form, as the random worlds have them."""
    for seed in range(60):
        _, found, _ = world(Random(seed))
        [chain] = found.chains
        numbered = [line for line in explain(found).splitlines() if line[:4].strip().isdigit()]
        automaton = compile_chain(found, chain)
        assert len(numbered) == len(automaton.steps)
        assert to_dot(automaton).count(" -> ") >= sum(len(s.edges) for s in automaton.states)


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
        'time outside "mon-fri 08:00-18:00"',
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


@pytest.mark.parametrize(
    ("chain", "label"),
    [
        ("open -> !write -> egress within 5m", "no write (caused #1)"),
        ("open ->[2m] !write within 5m", "then no write (caused #1) for 2m"),
        ("!write ~> open within 5m", "no write in 5m before"),
        ("open -> spawn without prior write in 1d within 5m", "no write in 1d before"),
        ("open -> spawn within 5m until exit", "until exit (actor #1)"),
        (
            "egress{>= 5, distinct destination.ip > 2 in 1m by user.name}",
            "count >= 5, distinct destination.ip > 2 in 1m by",
        ),
        ("egress{>= 6 every 10m +- 1m}", "count >= 6 every 9m..11m"),
        ("open ->[9s] write{3} within 5m", "at most 9s after the start"),
        ("open ->? egress within 5m", "style=dotted"),
    ],
)
def test_what_an_edge_asks_is_drawn(chain: str, label: str) -> None:
    found = analytic(chain)
    assert label in to_dot(compile_chain(found, found.chains[0]))


def test_a_repetition_without_end_is_drawn_as_a_loop() -> None:
    found = analytic("open -> write{2,} -> spawn within 5m until exit")
    graph = to_graph(compile_chain(found, found.chains[0]))
    assert any(source == target for source, target in graph.edges())
    assert to_dot(compile_chain(found, found.chains[0])).startswith("digraph")


def test_dot_quotes_what_a_chain_holds() -> None:
    found = analytic('spawn where process.command_line contains "a\\"b"')
    dot = to_dot(compile_chain(found, found.chains[0]))
    assert '\\"a\\\\\\"b\\"' in dot
    assert dot.count("{") == dot.count("}")
