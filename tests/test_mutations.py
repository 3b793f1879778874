"""Every clause of a shipped analytic has a test beside it that fails if the clause is left out, or asks for less.

A mutant that survives names a clause without such a test. `SAME` says of those that cannot be told why: no stream of
events shows a difference. `python tests/test_mutations.py FILE …` tells the survivors of other files.
"""

import sys
from difflib import unified_diff
from pathlib import Path

import pytest
from chainrun.dsl import tree
from chainrun.dsl.loader import read
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.source import Source
from chainrun.engine.study.mutants import Mutant, mutants
from chainrun.engine.study.survivors import survivors

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "analytics").glob("*.chain"))

# (file, line as it is written, what was changed): why no test can tell the difference.
SAME: dict[tuple[str, str, str], str] = {
    (
        "an0994.chain",
        "chain dropped: (write(MonitoredDirectories, actor: Browsers)",
        "in no scope",
    ): "a file has a host",
    ("an1315.chain", "chain handover: open(UserApps) as saver", "in no scope"): "who saves, and which file, has a host",
    ("an1316.chain", "chain unmarked: open(UserApps) as app", "in no scope"): "a process and a file have a host",
    (
        "an1318.chain",
        "and (not cloud.image.id not in ApprovedImages",
        "without one side of `or`",
    ): "no image is approved by its id until a site says so",
}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_clause_has_a_test_that_would_miss_it(file: Path) -> None:
    source = read(file)
    found = list(survivors(source))
    missed = [m for m in found if _place(source, m) not in SAME]
    assert not missed, "\n".join(["no test would tell from the original:", *(_told(source, m) for m in missed)])
    assert {place for place in SAME if place[0] == file.name} == {_place(source, m) for m in found}


def _place(source: Source, mutant: Mutant) -> tuple[str, str, str]:
    line = source.text.split("\n")[source.position(mutant.span.start)[0] - 1]
    return Path(source.name).name, line.strip(), mutant.what


def _told(source: Source, mutant: Mutant) -> str:
    """Where a mutant differs from the file, and its text."""
    before, after = (format_tree(file).split("\n") for file in (parse(source), mutant.file))
    changed = [
        line for line in unified_diff(before, after, n=0, lineterm="") if not line.startswith(("---", "+++", "@"))
    ]
    line = source.position(mutant.span.start)[0]
    return "\n    ".join([f"{source.name}:{line}: {mutant.what}", *changed])


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


def test_a_clause_that_no_test_asks_for_survives() -> None:
    test = 'test "t" raises 1 {\n  0s open word pid=1\n  1s egress a.example pid=1\n}\ntest "u" raises 0 {\n  0s open edit pid=1\n  1s egress a.example pid=1\n}\n'
    source = Source("t.chain", "open({ word }) -> egress within 5m\n" + test)
    assert [m.what for m in survivors(source)] == [
        "in any order",
        "`~>` for `->`",
        "without the step",
        "1000 times as long",
    ]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        asked = read(name)
        print(*(_told(asked, mutant) for mutant in survivors(asked)), sep="\n")
