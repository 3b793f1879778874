"""`chainrun baseline --propose`: what could be excepted of a benign period, tried before it is proposed."""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.model import Analytic
from chainrun.dsl.overrides import Overrides
from chainrun.engine import cli
from chainrun.engine.chains import load
from chainrun.engine.cli.exits import Exit
from chainrun.engine.engine import Engine
from chainrun.engine.report.alert import Alert, Witness, encode
from chainrun.engine.study.again import fresh
from chainrun.engine.study.homes import at_home, folder_of
from chainrun.engine.study.lines import read_lines
from chainrun.engine.study.proposals import Addition, Group, proposals
from chainrun.engine.study.proposals_site import entries
from chainrun.engine.study.proposals_text import page
from chainrun.engine.study.proposing import Proposed, propose
from msgspec.structs import replace

ROOT = Path(__file__).parent.parent
AN1314 = str(ROOT / "analytics" / "an1314.chain")
EVENTS = str(ROOT / "examples" / "01-first-chain" / "events.jsonl")

CHAIN = """\
analytic B1 "Saved, run, connected" {
  platform: linux
}
param Allow = { 10.0.0.0/8 }

write as drop ~> exec(drop) as run -> egress(not Allow) within 10m
"""


class World:
    """A chain file, and the stories that happen over and over in a benign period."""

    def __init__(self, folder: Path, chain: str = CHAIN) -> None:
        self.file = folder / "b1.chain"
        self.file.write_text(chain)
        self.lines: list[str] = []
        self.runs = 0

    def happens(
        self,
        path: str = "~/bin/a.sh",
        by: str = "/usr/bin/curl",
        to: str = "203.0.113.9",
        host: str = "h1",
        user: str = "ada",
    ) -> None:
        number = len(self.lines) + 1
        at, who = number * 3600, f"host={host} user.name={user}"
        self.lines += [
            f'{at}s write "{path}" pid={number} name={by} {who}',
            f'{at + 1}s exec "{path}" pid={number + 1} name="{path}" {who}',
            f"{at + 2}s egress {to} pid={number + 1} {who}",
        ]

    def alerts(self, analytics: Sequence[Analytic] | None = None) -> list[Alert]:
        """What the stories raise, in an engine of its own."""
        self.runs += 1
        analytics = analytics or (self.analytic,)
        body = "".join(f"  {line}\n" for line in self.lines)
        test = load_text(self.file, f'{self.file.read_text()}\ntest "t" raises 0 {{\n{body}}}\n').tests[0]
        found = read_lines(test.lines, analytics[0])
        assert not found.faults
        return list(Engine(analytics, evidence=1, raw=False).run(fresh(found.events)))

    @property
    def analytic(self) -> Analytic:
        return load(self.file)

    def proposed(self, **options: Any) -> Proposed:
        return propose([self.analytic], Overrides(), self.alerts, **options)

    def site(self, **options: Any) -> dict[str, Any]:
        """What is proposed, as TOML has it."""
        found = tomllib.loads(page(self.proposed(**options), "2026-06-30"))
        for entry in found.get("B1", {}).get("except", ()):
            entry["when"] = " ".join(entry["when"].split())
        return found


def load_text(beside: Path, text: str) -> Analytic:
    file = beside.with_name("story.chain")
    file.write_text(text)
    return load(file)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- exceptions ----------------------------------------


def test_what_is_alike_is_one_exception_that_asks_for_all_of_it(world: World) -> None:
    world.happens(host="h1")
    world.happens(host="h2", user="bob")
    assert world.site() == {
        "B1": {
            "except": [
                {
                    "reason": "main: curl, ~/bin, a.sh",
                    "when": 'drop.process.executable == "/usr/bin/curl" and drop.file.directory == "~/bin"'
                    ' and drop.file.name == "a.sh" and run.process.executable == "~/bin/a.sh"'
                    ' and drop.user.name in { "ada", "bob" } and drop.host.name in { "h1", "h2" }',
                    "owner": "",
                    "until": tomllib.loads("x = 2026-06-30")["x"],
                }
            ]
        }
    }


def test_with_what_is_proposed_nothing_is_left(world: World) -> None:
    for host in ("h1", "h2"):
        world.happens(host=host)
        world.happens("~/bin/b.sh", host=host)
    found = world.proposed()
    assert (found.before, found.after, len(found.proposals)) == (
        4,
        0,
        1,
    )  # both go to one place, so a list's word will do


def test_how_often_on_which_hosts_and_of_whom_stands_beside_it(world: World) -> None:
    for host in ("h1", "h2", "h3", "h4"):
        world.happens(host=host)
    text = page(world.proposed(), "2026-06-30")
    assert text.startswith(
        "# Proposed by `chainrun baseline --propose` for 4 alerts, 2026-01-01 to 2026-01-01. With all of it\n# 0 alerts would be left."
    )
    assert "# 4 alerts on 4 hosts (h1, h2, h3, …), of ada; the first is " in text


def test_many_hosts_and_users_are_none_in_particular(world: World) -> None:
    for host in ("h1", "h2", "h3", "h4"):
        world.happens(host=host)
    (entry,) = world.site()["B1"]["except"]
    assert "host.name" not in entry["when"] and entry["when"].endswith('drop.user.name == "ada"')


def test_what_is_rare_is_not_proposed_for(world: World) -> None:
    world.happens()
    assert world.site() == {} and world.proposed().after == 1
    assert len(world.proposed(least=1).proposals) == 1


def test_one_field_off_is_raised_all_the_same(world: World) -> None:
    """The narrowest exception: another folder, name, program, user or host is another matter."""
    world.happens(), world.happens()
    usual = world.proposed().proposals
    assert world.proposed().after == 0
    for other in (
        {"path": "~/other/a.sh"},
        {"path": "~/bin/b.sh"},
        {"by": "/usr/bin/wget"},
        {"user": "eve"},
        {"host": "h9"},
    ):
        strange = World(world.file.parent)
        strange.happens(**other)
        (alert,) = strange.alerts()
        assert not any(proposal.matches(alert, world.analytic) for proposal in usual), other


def test_a_file_of_any_name_is_one_matter_where_folder_and_extension_are_the_same(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN.replace("exec(drop) as run", "exec(drop)"))
    world.happens("~/bin/a1.sh"), world.happens("~/bin/a2.sh")
    (entry,) = world.site()["B1"]["except"]
    assert "file.name" not in entry["when"] and 'drop.file.extension == "sh"' in entry["when"]


def test_a_program_alone_is_no_ground_for_an_exception(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        CHAIN.replace("write as drop ~> exec(drop) as run", "write ~> exec as run").replace(
            "not Allow", "not { 10.0.0.0/8 }"
        ),
    )
    world.happens(), world.happens()
    assert world.alerts() and world.proposed(least=1).proposals == ()


def test_the_name_of_an_input_that_stands_for_a_host_is_none(world: World) -> None:
    world.happens(), world.happens()
    alerts = [
        replace(alert, scope={"host.name": "test"}) for alert in world.alerts()
    ]  # the input that all lines are of
    for alert in alerts:
        for step in alert.steps:
            assert isinstance(step.witness, Witness)
            step.witness.fields.pop("host.name", None)
    (group,) = proposals(alerts, [world.analytic], 2, lambda p: True)
    assert isinstance(group, Group) and [name for name, _ in group.narrows] == ["drop.user.name"]


def test_an_optional_step_is_no_ground_for_an_exception(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN.replace("write as drop ~> exec(drop) as run ->", "read? as more ~> write as run ~>"))
    world.happens(), world.happens()
    assert "more." not in world.site()["B1"]["except"][0]["when"]


# -- allow-lists ----------------------------------------


def test_one_destination_of_several_sorts_is_a_word_for_the_list(world: World) -> None:
    world.happens("~/bin/a.sh", to="cdn.example"), world.happens("~/opt/b.sh", to="cdn.example")
    assert world.site() == {"B1": {"Allow+": ["cdn.example"]}}
    assert "  'cdn.example',  # 2 alerts of 2 sorts; the first is " in page(world.proposed(), "2026-06-30")


def test_where_nothing_is_captured_only_a_list_can_be_longer(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN.replace("write as drop ~> exec(drop) as run", "exec"))
    world.happens(), world.happens()
    assert world.site() == {"B1": {"Allow+": ["203.0.113.9"]}}


def test_what_the_list_lets_pass_may_raise_by_its_next_connection(tmp_path: Path) -> None:
    """So the events are run again with what is proposed, and what then raises is proposed too."""
    world = World(tmp_path, CHAIN.replace("write as drop ~> exec(drop) as run", "exec"))
    for _ in range(2):
        world.happens()
        world.lines.append(world.lines[-1].replace("203.0.113.9", "203.0.113.10").replace("s egress", "500ms egress"))
    found = world.proposed()
    assert [p.word for p in found.proposals if isinstance(p, Addition)] == ["203.0.113.9", "203.0.113.10"]
    assert (found.before, found.after) == (2, 0)


# -- what must stay ----------------------------------------


def test_what_would_take_an_alert_that_must_stay_is_withheld(world: World) -> None:
    world.happens(), world.happens()
    found = world.proposed(must_keep=world.alerts()[:1])
    assert (found.proposals, found.after, len(found.withheld)) == ((), 2, 1)
    assert "# Withheld: main: curl, ~/bin, a.sh would take " in page(found, None)


def test_where_a_word_is_withheld_an_exception_may_do(world: World) -> None:
    world.happens("~/bin/a.sh", to="cdn.example"), world.happens("~/bin/a.sh", to="cdn.example")
    world.happens("~/opt/b.sh", to="cdn.example"), world.happens("~/opt/b.sh", to="cdn.example")
    kept = [alert for alert in world.alerts() if "opt" in alert.entities["drop"]["file.path"]]
    found = world.proposed(must_keep=kept)
    assert [type(w.proposal) for w in found.withheld] == [Addition, Group]
    assert [type(p) for p in found.proposals] == [Group] and found.after == 2


def test_an_alert_that_does_not_tell_is_not_risked(world: World) -> None:
    world.happens(), world.happens()
    (alert, _) = world.alerts()
    for step in alert.steps:
        assert isinstance(step.witness, Witness)
        step.witness.fields.pop("user.name", None)
    assert world.proposed(must_keep=[alert]).proposals == ()


def test_a_folder_below_an_excepted_one_counts_as_in_it(world: World) -> None:
    world.happens(), world.happens()
    (group,) = [p for p in world.proposed().proposals if isinstance(p, Group)]
    below = Group(group.analytic, group.chain, (("drop.file.directory", "~"),), group.alerts, (), (), ())
    assert below.matches(world.alerts()[0], world.analytic)


# -- hostile telemetry ----------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "a'b.sh",
        'a\\"b.sh',
        "a' or true or drop.file.name == 'x.sh",
        "a'\\nowner = 'x'\\n[all]\\n.sh",
        "]] # .sh",
        "a\\u{202e}b.sh",
        "*.sh",
        "?.sh",
        "a}, .sh",
    ],
)
def test_no_name_of_a_file_says_more_than_itself(world: World, name: str) -> None:
    """What is proposed is TOML, checks, and takes these alerts and no other; or nothing is proposed of the name."""
    path = f"~/bin/{name}"
    for _ in range(2):
        number = len(world.lines)
        world.lines += [
            f'{number * 9}s write "{path}" pid={number + 1} name=/usr/bin/curl user.name=ada',
            f'{number * 9 + 1}s exec "{path}" pid={number + 2} name=/bin/sh user.name=ada',
            f"{number * 9 + 2}s egress 203.0.113.{number + 1} pid={number + 2} user.name=ada",
        ]
    found_any = False
    for found in world.proposed().proposals:
        assert isinstance(found, Group)
        found_any = True
        site = tomllib.loads(entries([found], "2026-06-30"))
        assert list(site) == ["B1"] and list(site["B1"]) == ["except"] and len(site["B1"]["except"]) == 1
        assert list(site["B1"]["except"][0]) == ["reason", "when", "owner", "until"]
        strange = World(world.file.parent)
        strange.happens("~/bin/other.sh", by="/usr/bin/curl", to="203.0.113.77")
        assert strange.alerts() and not found.matches(strange.alerts()[0], world.analytic)
    assert found_any or name in ("*.sh", "?.sh"), "a file of an ordinary, if odd, name can be spoken of"


# -- where files lie ----------------------------------------


@pytest.mark.parametrize(
    ("path", "home", "folder"),
    [
        (r"C:\Users\ada\Downloads\a.exe", r"~\Downloads\a.exe", r"C:\Users\ada\Downloads"),
        ("/home/ada/a.sh", "~/a.sh", "/home/ada"),
        ("/Users/ada", "~", "/Users"),
        ("/root/x/y", "~/x/y", "/root/x"),
        ("/rootkit/x", "/rootkit/x", "/rootkit"),
        ("/a", "/a", "/"),
    ],
)
def test_a_user_s_folder_is_any_user_s(path: str, home: str, folder: str) -> None:
    assert (at_home(path), folder_of(path)) == (home, folder)


def test_the_same_alerts_give_the_same_proposals_in_any_order(world: World) -> None:
    for host in ("h2", "h1", "h1"):
        world.happens(host=host), world.happens("~/opt/b.sh", host=host)
    alerts = world.alerts()
    one, other = (
        [entries([p]).split("; the first")[0] for p in proposals(order, [world.analytic], 2, lambda p: True)]
        for order in (alerts, alerts[::-1])
    )
    assert one == other and one


# -- the command ----------------------------------------

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def baseline(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(["baseline", *words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


def test_the_command_writes_a_site_file_that_checks(baseline: Command) -> None:
    code, out, err = baseline("--propose", "--least", "1", "--expires", "10d", AN1314, EVENTS, "-o", "site.toml")
    assert (code, out) == (Exit.OK, "") and "\nproposed  2 for 3 alerts, of which 0 would be left\n" in err
    assert str(tomllib.loads(Path("site.toml").read_text())["AN1314"]["except"][0]["until"]) == "2026-03-12"
    assert load(AN1314, site="site.toml").chains[1].exceptions


def test_what_must_stay_is_named_on_standard_error(baseline: Command, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.happens()
    Path("keep.jsonl").write_bytes(b"\n".join(map(encode, world.alerts())))
    code, _, err = baseline("--propose", "--must-keep", "keep.jsonl", AN1314, EVENTS)
    assert code == Exit.OK and "withheld" not in err  # it is of another analytic


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--propose", AN1314, "-"), Exit.USAGE, "events are read more than once"),
        (("--propose", EVENTS), Exit.USAGE, "no chain is named"),
        (("--propose", AN1314, EVENTS, "--expires", "10"), Exit.USAGE, "`10` is not a duration"),
        (("--propose", AN1314, EVENTS, "--must-keep", "absent"), Exit.USAGE, "absent: cannot be read"),
        (("--propose", AN1314, EVENTS, "-o", EVENTS), Exit.USAGE, "is read by this run, and would be overwritten"),
        (
            ("--propose", AN1314, EVENTS, "--set", "TimWindow=1m"),
            Exit.WRONG_CHAIN,
            "no parameter is called `TimWindow`",
        ),
        (("--propose", AN1314, EVENTS, "absent.jsonl"), Exit.UNREADABLE, "absent.jsonl does not exist"),
        ((AN1314, EVENTS, "--must-keep", "a.jsonl"), Exit.USAGE, "`--must-keep` is for what `--propose` proposes"),
        ((AN1314, EVENTS), Exit.USAGE, "`chainrun baseline --propose` proposes exceptions for what alerts"),
    ],
)
def test_what_cannot_be_proposed_for_is_told(baseline: Command, words: tuple[str, ...], code: Exit, told: str) -> None:
    found, _, err = baseline(*words)
    assert found == code and told in err


def test_no_alert_is_nothing_to_propose(baseline: Command) -> None:
    Path("none.jsonl").write_text("")
    code, out, _ = baseline("--propose", AN1314, "none.jsonl")
    assert (code, out) == (Exit.OK, "# Proposed by `chainrun baseline --propose`: nothing, since there was no alert.\n")
