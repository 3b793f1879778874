"""`chainrun test --mutate`: every clause of a shipped analytic, and every event of its tests, is one that a test would miss.

What no stream of events shows to be otherwise is said in the chain file, with the reason.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from chainrun.dsl import tree
from chainrun.dsl.loader import read
from chainrun.dsl.overrides import command_line
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.source import Source
from chainrun.engine import cli
from chainrun.engine.cli.exits import Exit
from chainrun.engine.study.mutants import mutants
from chainrun.engine.study.survivors import Survey, survey
from chainrun.engine.study.survivors_text import to_text

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "analytics").glob("*.chain"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_clause_and_event_has_a_test_that_would_miss_it(file: Path) -> None:
    found = survey(read(file))
    assert found.tried
    assert not found.unexplained and not found.stale, to_text(found)


# -- the mutants themselves ----------------------------------------

CHAIN = """\
param Window = 5m
kind js: write where file.extension == "js"
open({ a, b }) as app
  -> js(not { /tmp }) by app where file.size > 1 and file.owner != "x" as drop
  ->[10s] (spawn({ sh }) | load)? as child
  ~> connect{>= 3 in 1m by destination.ip}
  within Window
  per host, user.name
except "r" when child.process.name == "c"
"""


def changed(what: str, chain: str = CHAIN) -> list[str]:
    """The lines of the mutants made in this way that are otherwise than the chain's."""
    before = format_tree(parse(Source("t.chain", chain))).split("\n")
    found = [format_tree(m.file).split("\n") for m in mutants(parse(Source("t.chain", chain))) if m.what == what]
    return ["\n".join(line.strip() for line in after if line not in before) for after in found]


@pytest.mark.parametrize(
    ("what", "lines"),
    [
        ("with no words", ["open({}) as app", '-> js(not {}) by app where file.size > 1 and file.owner != "x" as drop', "->[10s] (spawn({}) | load)? as child"]),
        ("without `not`", ['-> js({ /tmp }) by app where file.size > 1 and file.owner != "x" as drop']),
        ("without a link", ['-> js(not { /tmp }) where file.size > 1 and file.owner != "x" as drop']),
        ("`under` for `by`", ['-> js(not { /tmp }) under app where file.size > 1 and file.owner != "x" as drop']),
        ("without one side of `and`", ['-> js(not { /tmp }) by app where file.owner != "x" as drop', "-> js(not { /tmp }) by app where file.size > 1 as drop"]),
        ("without the condition", ["kind js: write", "-> js(not { /tmp }) by app as drop"]),
        ("without the limit", ["-> (spawn({ sh }) | load)? as child"]),
        ("without a branch", ["->[10s] (load)? as child", "->[10s] (spawn({ sh }))? as child"]),
        ("no longer optional", ["->[10s] (spawn({ sh }) | load) as child"]),
        ("not counted", ["~> connect"]),
        ("without a key", ["~> connect{>= 3 in 1m}"]),
        ("without a field", ["per user.name", "per host"]),
        ("without the clause", ["", ""]),
        ("in no scope", ["per all"]),
        ("1000 times as long", ["->[2h46m40s] (spawn({ sh }) | load)? as child", "~> connect{>= 3 in 16h40m by destination.ip}", "within 3d11h20m"]),
        ("`->` for `~>`", ["-> connect{>= 3 in 1m by destination.ip}"]),
    ],
)  # fmt: skip
def test_a_mutant_has_one_clause_less_or_one_that_asks_for_less(what: str, lines: list[str]) -> None:
    assert changed(what) == lines


def test_steps_change_places_or_come_in_any_order() -> None:
    chain = "open -> write -> egress within 5m\n"
    assert changed("without the step", chain) == [
        "write -> egress within 5m",
        "open -> egress within 5m",
        "open -> write within 5m",
    ]
    assert changed("the other way round", chain) == [
        "write -> open -> egress within 5m",
        "open -> egress -> write within 5m",
    ]
    assert changed("in any order", chain) == [
        "(open & write) -> egress within 5m",
        "open -> (write & -> egress) within 5m",
    ]


def test_a_mutant_is_printed_as_what_it_is() -> None:
    for mutant in mutants(parse(Source("t.chain", CHAIN))):
        assert (
            tree.same(parse(Source("t.chain", format_tree(mutant.file))), mutant.file)
            or mutant.what == "without a branch"
        )


# -- what the tests miss ----------------------------------------

OPENS = "open({ word }) as app -> egress within 5m\n"
TEST = """\
test "t" raises 1 {
  0s open word pid=1
  1s egress a.example pid=1
}
test "u" raises 0 {
  0s open edit pid=1
  1s egress a.example pid=1
}
"""


def surveyed(text: str) -> Survey:
    return survey(Source("t.chain", text))


def missed(text: str) -> list[str]:
    return [s.what for s in surveyed(text).survivors if s.changed]


def stories(text: str) -> list[tuple[str, str]]:
    return [(s.what, s.story) for s in surveyed(text).survivors if s.story]


def test_a_clause_that_no_test_asks_for_survives() -> None:
    assert missed(OPENS + TEST) == ["in any order", "`~>` for `->`", "without the step", "1000 times as long"]


def test_a_survivor_shows_what_is_otherwise_as_a_patch() -> None:
    found = next(s for s in surveyed(OPENS + TEST).survivors if s.what == "1000 times as long")
    assert found.changed == (
        "- open({ word }) as app -> egress within 5m",
        "+ open({ word }) as app -> egress within 3d11h20m",
    )


# An app whose start nobody saw is open at each of its events, so nothing else tells that the first line counts.
def test_an_event_that_the_test_passes_without_survives() -> None:
    assert stories(OPENS + TEST) == [
        ("an event lost", "step 1, line 3 in “t”"),
        ("an event too late", "step 1, line 3 in “t”"),
        ("an event after that of the next step", "step 1, line 3 in “t”"),
        ("an event of another host", "step 1, line 3 in “t”"),
        ("an event too late", "step 2, line 4 in “t”"),
        ("an event of another host", "step 2, line 4 in “t”"),
        ("an event of another process", "step 2, line 4 in “t”"),
    ]


def test_what_a_test_expects_of_the_evidence_makes_it_notice() -> None:
    assert (
        stories(
            OPENS
            + TEST.replace("  1s egress a.example pid=1\n}", "  1s egress a.example pid=1\n  expect app: 0s, 1s\n}", 1)
        )
        == []
    )


def test_one_test_that_notices_is_enough() -> None:
    twice = 'write{>= 2 in 5m}\ntest "three" raises 1 {\n  0s write /a\n  1s write /b\n  2s write /c\n}\n'
    assert ("an event lost", "step 1, line 3 in “three”") in stories(twice)
    both = twice + 'test "two" raises 1 {\n  0s write /a\n  1s write /b\n}\n'
    assert not any(what == "an event lost" for what, _ in stories(both))


def test_the_times_that_a_test_expects_go_with_their_events() -> None:
    """Else every test that says `expect app: 0s` would notice any delay, whether the chain has a window or not."""
    chain = "write as a ~> read as b within 1h per all\n"
    test = 'test "t" raises 1 {\n  0s write /a pid=1\n  5s read /b pid=2\n  expect a: 0s\n}\n'
    assert stories(chain + test) == []
    loose = chain.replace("~> read as b", "& read as b")
    assert all(what != "an event after that of the next step" for what, _ in stories(loose + test))


@pytest.mark.parametrize(
    ("chain", "first", "second", "what"),
    [
        ("write as a ~> exec(a) within 5m", "write /tmp/x.sh pid=1", "exec /tmp/x.sh pid=2", "file"),
        ("write as a ~> read where user.name == a.user.name within 5m", "write /x user.name=ada", "read /y user.name=ada", "user.name"),
        ("signin ~> call within 5m per user", "signin ada", "call ListBuckets user.name=ada", "user"),
        ("start as box -> egress within 5m", "start nginx container=aaaaaaaaaaaa", "egress a.example container=aaaaaaaaaaaa", "container"),
    ],
)  # fmt: skip
def test_events_are_made_another_s_by_what_links_them(chain: str, first: str, second: str, what: str) -> None:
    """All of these are noticed by a chain that asks for the link; without the link there is nothing to alter."""
    test = f'test "t" raises 1 {{\n  0s {first}\n  5s {second}\n}}\n'
    asked = surveyed(f"{chain}\n{test}")
    assert f"an event of another {what}" not in [s.what for s in asked.survivors]
    assert asked.tried > surveyed(f"{chain.split(' ~> ')[0].split(' -> ')[0]}\n{test}").tried


def test_a_test_that_fails_anyway_notices_nothing() -> None:
    failing = TEST.replace("raises 0", "raises 1")
    assert len(surveyed(OPENS + failing).survivors) > len(surveyed(OPENS + TEST).survivors)


def test_a_file_without_tests_has_nothing_to_ask() -> None:
    assert surveyed(OPENS) == Survey("t.chain", 0, 0)


def test_the_tests_are_asked_with_the_parameters_in_force() -> None:
    chain = Source("t.chain", "param Apps = { word }\n" + OPENS.replace("{ word }", "Apps") + TEST)
    assert "without an argument" not in [s.what for s in survey(chain).survivors]
    failing = survey(chain, command_line(["Apps={ edit }"])).survivors  # so that no test is left that could notice
    assert "without an argument" in [s.what for s in failing] and not any(s.story for s in failing)


# -- reasons ----------------------------------------


def reasoned(*comments: str) -> Survey:
    return surveyed("".join(f"# {comment}\n" for comment in comments) + OPENS + TEST)


def test_a_comment_gives_the_reason_of_one_survivor() -> None:
    found = reasoned('survives "in any order": both come at once', 'survives "an event lost": it is open anyway')
    assert {s.what: s.accepted for s in found.survivors if s.accepted} == {
        "in any order": "both come at once",
        "an event lost": "it is open anyway",
    }
    assert found.stale == ()
    hosts = [
        s.accepted
        for s in reasoned('survives "an event of another host": why').survivors
        if s.what.endswith("another host")
    ]
    assert hosts == ["why", None]


@pytest.mark.parametrize("what", ["without an argument", "no such change"])
def test_a_reason_for_what_the_tests_notice_is_stale(what: str) -> None:
    assert [(s.line, s.what) for s in reasoned(f'survives "{what}": once it was so').stale] == [(1, what)]


def test_a_reason_counts_for_the_chain_that_it_stands_over_alone() -> None:
    two = (
        "chain a: "
        + OPENS
        + '# survives "in any order": why\nchain b: '
        + OPENS
        + TEST.replace("raises 1", "raises 1 a").replace("raises 0", "raises 0 a")
    )
    assert [(s.line, s.accepted) for s in surveyed(two).survivors if s.what == "in any order"] == [
        (1, None),
        (3, "why"),
    ]


@pytest.mark.parametrize("comment", ["survives a reboot", 'survives "in any order"', 'survives "in any order": '])
def test_what_is_no_reason_accepts_nothing(comment: str) -> None:
    found = reasoned(comment)
    assert found.stale == () and all(s.accepted is None for s in found.survivors)


# -- the command ----------------------------------------

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chainrun(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["test", *words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


GOOD = """\
write where file.size > 5
test "t" raises 1 {
  0s write /a file.size=6
}
test "u" raises 0 {
  0s write /a file.size=5
}
"""


def test_the_command_ends_well_where_nothing_is_missed(chainrun: Command) -> None:
    Path("good.chain").write_text(GOOD)
    assert chainrun("--mutate", "good.chain") == (
        Exit.OK,
        "",
        "2 tests in 1 file: all passed\n2 changes tried: none unnoticed\n",
    )


def test_the_command_shows_what_is_missed_and_ends_with_1(chainrun: Command) -> None:
    Path("t.chain").write_text(GOOD.partition('test "u"')[0])
    code, out, err = chainrun("--mutate", "t.chain")
    assert (code, out) == (
        Exit.FOUND,
        "MISSED  t.chain:1  without the condition\n        - write where file.size > 5\n        + write\n",
    )
    assert err.endswith("2 changes tried: 1 unnoticed\n")


def test_a_reason_makes_it_end_well_and_a_stale_one_does_not(chainrun: Command) -> None:
    Path("t.chain").write_text(
        '# survives "without the condition": nothing is smaller\n' + GOOD.partition('test "u"')[0]
    )
    code, out, err = chainrun("--mutate", "t.chain")
    assert (code, out) == (Exit.OK, "") and err.endswith("2 changes tried: none unnoticed, 1 more with a reason\n")
    Path("t.chain").write_text('# survives "without the condition": nothing is smaller\n' + GOOD)
    code, out, err = chainrun("--mutate", "t.chain")
    assert code == Exit.FOUND and out.startswith("STALE   t.chain:1  ")
    assert err.endswith("1 reason for nothing\n")


def test_the_command_writes_json(chainrun: Command) -> None:
    Path("t.chain").write_text('# survives "nothing": why\n' + GOOD.partition('test "u"')[0])
    _, out, _ = chainrun("--mutate", "--format", "json", "t.chain")
    assert [msgspec.json.decode(line) for line in out.splitlines()] == [
        {
            "file": "t.chain",
            "line": 2,
            "survives": "without the condition",
            "changed": ["- write where file.size > 5", "+ write"],
            "story": "",
            "accepted": None,
        },
        {"file": "t.chain", "line": 1, "stale": "nothing"},
    ]
    _, out, _ = chainrun("--format", "json", "t.chain")
    assert msgspec.json.decode(out) == {"file": "t.chain", "line": 3, "test": "t", "passed": True, "faults": []}


def test_cases_beside_a_chain_notice_too(chainrun: Command) -> None:
    Path("t.chain").write_text(GOOD.partition('test "u"')[0])
    Path("t.cases").mkdir()
    Path("t.cases/small.expect").write_text("raises 0 main\n")
    record = {"event": {"kind": "event", "category": ["file"], "type": ["creation"]}, "file": {"path": "/a", "size": 5}}
    Path("t.cases/small.jsonl").write_bytes(msgspec.json.encode({"@timestamp": "2026-01-01T00:00:00Z", **record}))
    assert chainrun("--mutate", "t.chain")[:2] == (Exit.OK, "")
