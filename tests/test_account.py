"""`chainrun explain --alert`: why an alert came, told from the alert and the chain that raised it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from chainrun.engine.chains import load
from chainrun.engine.cli.exits import Exit
from chainrun.engine.report.alert import Alert, encode
from chainrun.engine.study.account import account
from chainrun.engine.study.account_text import to_text
from chainrun.engine.study.trial import raised
from msgspec.structs import replace

SHIPPED = sorted((Path(__file__).parent.parent / "analytics").glob("*.chain"))

CHAIN = """\
analytic X1 "Saved, run, connected" {
  platform: linux
}
param Window = 10m
param Shells = { bash, sh }
param Drops  = { /tmp }

write(Drops) where file.size > 5 and file.extension == "sh" as drop
  -> spawn(Shells, parent: { python* }) where user.name == drop.user.name as child
  -> !delete
  -> load(Drops)? as more
  -> connect where destination.port in { 443, 8443 }
  within Window
except "the updater" when child.process.command_line contains "update"

test "t" raises 1 {
  0s  write    /tmp/a.sh        pid=7 name=python3 user.name=ada file.size=9
  5s  spawn    /bin/bash        pid=8 ppid=7 user.name=ada process.command_line="bash \\u{1b}[2J"
  9s  connect  203.0.113.9:443  pid=8
}
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("x1.chain").write_text(CHAIN)
    Path("alerts.jsonl").write_bytes(b"\n".join(map(encode, alerts("x1.chain"))))
    return tmp_path


def alerts(chain: str) -> list[Alert]:
    """What the tests of a chain file raise."""
    analytic = load(chain)
    return [alert for test in analytic.tests for alert in raised(analytic, test)]


def why(out: str) -> list[str]:
    """What is said below the alert, without its parameters."""
    text = out.partition("\nwhy\n")[2].partition("\nparameters\n")[0]
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_event_says_why_it_was_taken(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("explain", "--alert", "", "alerts.jsonl", "x1.chain")
    assert (code, err) == (Exit.OK, "")
    assert why(out) == [
        '1 write(Drops) where file.size > 5 and file.extension == "sh"',
        "taken `Drops`: file.path /tmp/a.sh, by `/tmp` of `Drops`",
        "taken file.size > 5: file.size 9",
        'taken file.extension == "sh": file.extension sh',
        "2 spawn(Shells, parent: { python* }) where user.name == drop.user.name",
        "taken `Shells`: process.name bash, process.executable /bin/bash, by `bash` of `Shells`",
        "taken parent: python*: process.parent.name python3, by `python*`",
        "taken user.name == drop.user.name: user.name ada, drop.user.name ada",
        "joined `user.name` is the same as `drop.user.name`: user.name ada; there user.name ada",
        "joined who acts is the acting process of `drop` or descends from it: "
        "process.parent.name python3, process.parent.pid 7; there process.name python3, process.pid 7",
        "time 5s after step 1",
        "3 no delete",
        "absent no such event from 2026-01-01T00:00:05.000000Z to 2026-01-01T00:00:09.000000Z",
        "4 load(Drops)",
        "taken none, and none is needed",
        "5 connect where destination.port in { 443, 8443 }",
        "taken destination.port in { 443, 8443 }: destination.port 443",
        "joined who acts is `child` or descends from it: process.name bash, process.pid 8; there process.pid 8, process.name bash",
        "time 4s after step 2",
        "",
        "It took 9s; the chain gives it 10 minutes.",
        "One alert for each host and `child`.",
        "What completes it again within 10 minutes is counted with it.",
        'It is not excepted by “the updater”: child.process.command_line contains "update".',
    ]


def test_the_alert_itself_and_the_parameters_in_force_are_shown(here: Path, chainrun: Command) -> None:
    _, out, _ = chainrun("explain", "--alert", "", "alerts.jsonl", "x1.chain")
    assert out.startswith("MEDIUM  Saved, run, connected\n  X1/main\n")
    assert "python3 -> bash\n" in out
    assert "  Window  duration     10m\n" in out and "not the values" not in out


def test_other_parameters_than_the_alert_s_are_told(here: Path, chainrun: Command) -> None:
    _, out, _ = chainrun("explain", "--alert", "", "--set", "Window=20m", "alerts.jsonl", "x1.chain")
    assert "20m  from --set; by default 10m\n" in out
    assert "These are not the values with which the alert was raised" in out


def test_a_hostile_record_cannot_steer_the_terminal(here: Path, chainrun: Command) -> None:
    Path("x1.chain").write_text(
        CHAIN.replace("name as child", 'name and process.command_line contains "bash" as child')
    )
    Path("alerts.jsonl").write_bytes(b"\n".join(map(encode, alerts("x1.chain"))))
    code, out, _ = chainrun("explain", "--alert", "", "alerts.jsonl", "x1.chain")
    assert code == Exit.OK and "\x1b" not in out and r"process.command_line bash \x1b[2J" in out


def test_json_says_the_same(here: Path, chainrun: Command) -> None:
    code, out, err = chainrun("explain", "--alert", "", "--format", "json", "alerts.jsonl", "x1.chain")
    assert (code, err, out.count("\n")) == (Exit.OK, "", 1)
    told = json.loads(out)
    assert (told["took"], told["within"], told["is_as_then"]) == (9_000_000, 600_000_000, True)
    assert [(s["step"], s["matched"], s.get("after"), s.get("gap")) for s in told["steps"]] == [
        (1, True, None, None),
        (2, True, 1, 5_000_000),
        (3, False, None, None),
        (4, False, None, None),
        (5, True, 2, 4_000_000),
    ]
    assert told["steps"][1]["tested"][0]["words"] == ["`bash` of `Shells`"]
    assert told["steps"][1]["joined"][0]["match"] == {"user.name": "ada"}
    assert set(told["steps"][2]["absent"]) == {"from", "to"}
    assert told["exceptions"][0]["holds"] is False
    assert {p["name"]: p["value"] for p in told["parameters"]}["Window"] == "10m"


def test_json_cannot_steer_the_terminal_and_is_for_alerts(here: Path, chainrun: Command) -> None:
    Path("x1.chain").write_text(CHAIN.replace("name as child", 'name and process.command_line != "x" as child'))
    Path("alerts.jsonl").write_bytes(b"\n".join(map(encode, alerts("x1.chain"))))
    _, out, _ = chainrun("explain", "--alert", "", "-f", "json", "alerts.jsonl", "x1.chain")
    assert "\x1b" not in out and r"\u001b[2J" in out
    for words, message in (
        (("--format", "json", "x1.chain"), "`--format json` is for `--alert`"),
        (("--alert", "", "--dot", "alerts.jsonl", "x1.chain"), "`--dot` draws chains, not alerts"),
    ):
        code, out, err = chainrun("explain", *words)
        assert (code, out) == (Exit.USAGE, "") and message in err


def test_an_id_may_be_shortened_and_the_last_edition_counts(here: Path, chainrun: Command) -> None:
    (alert,) = alerts("x1.chain")
    again = replace(alert, revision=1)
    other = replace(alert, alert_id="0" * 24)
    Path("alerts.jsonl").write_bytes(b"\n".join(map(encode, (alert, again, other))))
    code, out, _ = chainrun("explain", "--alert", alert.alert_id[:4], "alerts.jsonl", "x1.chain")
    assert code == Exit.OK and f"{alert.alert_id}, revision 1\n" in out
    code, _, err = chainrun("explain", "--alert", "", "alerts.jsonl", "x1.chain")
    assert code == Exit.USAGE and err.startswith("error: the ids of 2 alerts begin with ``")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ffff", "alerts.jsonl", "x1.chain"), "no alert here has an id that begins with `ffff`"),
        (("", "absent.jsonl", "x1.chain"), "absent.jsonl: cannot be read: no such file or directory"),
        (("", "bad.jsonl", "x1.chain"), "bad.jsonl:2: is no alert as `--format jsonl` writes it"),
        (("", "alerts.jsonl"), "none of these chains is `X1/main`, which raised this alert"),
        (("", "alerts.jsonl", "changed.chain"), "`X1/main` is no longer the chain that raised this alert"),
    ],
)
def test_what_cannot_be_explained_is_told(here: Path, chainrun: Command, words: tuple[str, ...], told: str) -> None:
    Path("bad.jsonl").write_text('\n{"alert_id":"x"}\n')
    Path("changed.chain").write_text(CHAIN.partition("test ")[0].replace("  -> load(Drops)? as more\n", ""))
    code, out, err = chainrun("explain", "--alert", *words)
    assert (code, out) == (Exit.USAGE, "") and told in err


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_alert_of_the_shipped_analytics_can_be_explained(file: Path) -> None:
    """And of each step that was seen something is said, whatever its kinds and links."""
    analytic = load(str(file))
    for alert in alerts(str(file)):
        told = account(msgspec.json.decode(encode(alert), type=Alert), analytic)
        assert told is not None and told.is_as_then
        assert to_text(told)
        for step in told.steps:
            assert all(t.values or t.asked for t in step.tested)
            assert all(joined.event and joined.match for joined in step.joined), (
                alert.chain,
                step.joined,
                step.step.witness,
            )
