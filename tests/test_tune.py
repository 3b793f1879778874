"""`chainrun tune`: what a change of parameters or exceptions does to the alerts and steps of the same events."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chainrun.engine import cli
from chainrun.engine.cli.exits import Exit
from chainrun.engine.study.recorded import Brief

ROOT = Path(__file__).parent.parent
AN1314 = str(ROOT / "analytics" / "an1314.chain")
EVENTS = str(ROOT / "examples" / "01-first-chain" / "events.jsonl")
SETUP = "6907240c554480a60820683c"  # TeamsSetup_x64.exe

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chainrun(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


@pytest.fixture
def tune(chainrun: Command) -> Command:
    return lambda *words: chainrun("tune", AN1314, EVENTS, *words)


def report(out: str) -> Any:
    return msgspec.json.decode(out)


def ids(alerts: list[Any]) -> list[str]:
    return [alert.get("alert", alert)["alert_id"] for alert in alerts]


def test_a_change_that_does_nothing_says_so(tune: Command) -> None:
    assert tune("--set", "TimeWindow=15m") == (
        Exit.OK,
        "nothing is otherwise: every parameter has the value that it had, and there is no other exception\n\n"
        "AN1314/lolbin  1 -> 1 alert: the same\n\nAN1314/dropped  2 -> 2 alerts: the same\n",
        "",
    )


def test_a_narrower_chain_loses_alerts_and_shows_at_which_step(tune: Command) -> None:
    code, out, _ = tune("--set", "TimeWindow=33s")
    assert code == Exit.OK
    assert out.startswith("set     AN1314 TimeWindow: 15m -> 33s  from --set\n")
    assert "AN1314/dropped  2 -> 1 alert: 1 lost\n" in out
    assert "  2 write(UserPaths - Bookkeeping)  7 matched, 7 -> 6 in place\n" in out
    assert f"  lost    {SETUP}  2026-03-02 09:19:34  fin-lt-042  explorer.exe -> TeamsSetup_x64.exe\n" in out


def test_what_a_wider_chain_gains_is_what_the_narrower_one_loses(tune: Command) -> None:
    Path("narrow.toml").write_text('[AN1314]\nTimeWindow = "33s"\n')
    _, out, _ = tune("--before", "narrow.toml", "--set", "TimeWindow=15m", "--format", "json")
    assert [ids(chain["gained"]) for chain in report(out)["chains"]] == [[], [SETUP]]
    assert not any(chain["lost"] for chain in report(out)["chains"])


def test_the_alerts_are_those_of_two_runs(chainrun: Command, tune: Command) -> None:
    """What is lost and gained is the difference of what `run` writes without and with the change."""
    change = ("--set", "TimeWindow=33s", "--set", "HighRiskParents-={ explorer.exe }", "--set", "UserPaths+={ C:\\ }")
    runs = []
    for words in ((), change):
        _, out, _ = chainrun("run", "-q", "--format", "jsonl", AN1314, EVENTS, *words)
        runs.append({msgspec.json.decode(line)["alert_id"] for line in out.splitlines()})
    _, out, _ = tune(*change, "--format", "json")
    chains = report(out)["chains"]
    otherwise = [pair for chain in chains for pair in chain["otherwise"]]
    lost = {id for chain in chains for id in ids(chain["lost"])} | {pair["before"]["alert_id"] for pair in otherwise}
    gained = {id for chain in chains for id in ids(chain["gained"])} | {pair["after"]["alert_id"] for pair in otherwise}
    assert (lost, gained) == (runs[0] - runs[1], runs[1] - runs[0]) and lost


# Word's first connection is allowed then, and it is a child of its that completes the chain.
CHILDREN = "param Allow = { 10.0.0.0/8 }\nspawn as child -> connect(not Allow) within 10m\n"
ALLOWED = ("--set", "Allow+={ 198.51.100.8 }")


def test_an_alert_complete_at_another_event_is_neither_lost_nor_gained(chainrun: Command) -> None:
    Path("children.chain").write_text(CHILDREN)
    _, out, _ = chainrun("tune", "children.chain", EVENTS, *ALLOWED)
    assert "children/main  4 -> 4 alerts: 1 complete at another event\n" in out
    assert "WINWORD.EXE -> " in out and ", was " in out and "  lost" not in out


def test_an_exception_is_told_with_what_it_takes(tune: Command) -> None:
    Path("site.toml").write_text(
        '[[AN1314.except]]\nreason = "the client team"\nwhen = \'drop.file.name == "TeamsSetup_x64.exe"\'\n'
    )
    _, out, _ = tune("--site", "site.toml")
    assert out.startswith("except  AN1314 “the client team”\n")
    assert (
        f"{SETUP}  2026-03-02 09:19:34  fin-lt-042  explorer.exe -> TeamsSetup_x64.exe  suppressed: “the client team”"
        in out
    )
    Path("empty.toml").write_text("")
    _, out, _ = tune("--before", "site.toml", "--site", "empty.toml")
    assert out.startswith("raise   AN1314 “the client team”, which was excepted\n")


def test_several_site_files_count_together(tune: Command) -> None:
    Path("one.toml").write_text('[AN1314]\nTimeWindow = "10m"\n"HighRiskParents+" = ["onenote.exe"]\n')
    Path("two.toml").write_text('[all]\nTimeWindow = "1m"\n[AN1314]\n"HighRiskParents+" = ["visio.exe"]\n')
    _, out, _ = tune("--site", "one.toml", "--site", "two.toml")
    assert "HighRiskParents: + onenote.exe + visio.exe  from two.toml [AN1314]\n" in out
    assert "TimeWindow: 15m -> 10m  from one.toml [AN1314]\n" in out  # [all] stands below it, wherever it is said


def test_the_site_file_of_the_folder_is_how_things_are(tune: Command) -> None:
    Path("chainrun.toml").write_text('[AN1314]\nTimeWindow = "33s"\n')
    _, out, _ = tune("--set", "TimeWindow=34s")
    assert out.startswith("set     AN1314 TimeWindow: 33s -> 34s  from --set\n")


# -- what must stay ----------------------------------------


@pytest.fixture
def alerts(chainrun: Command) -> str:
    _, out, _ = chainrun("run", "-q", "--format", "jsonl", AN1314, EVENTS)
    Path("alerts.jsonl").write_text(out)
    return "alerts.jsonl"


def test_what_must_stay_and_does_ends_well(tune: Command, alerts: str) -> None:
    code, out, _ = tune("--set", "TimeWindow=10m", "--must-keep", alerts)
    assert code == Exit.OK and out.endswith("must keep: 3 of 3 alerts kept\n")


def test_one_that_is_lost_ends_with_1(tune: Command, alerts: str) -> None:
    code, out, _ = tune("--set", "TimeWindow=33s", "--must-keep", alerts)
    assert code == Exit.FOUND and "must keep: 2 of 3 alerts kept\n" in out
    assert out.splitlines()[-1].endswith("explorer.exe -> TeamsSetup_x64.exe  AN1314/dropped")


def test_one_that_is_complete_at_another_event_is_kept(chainrun: Command) -> None:
    Path("children.chain").write_text(CHILDREN)
    _, out, _ = chainrun("run", "-q", "--format", "jsonl", "children.chain", EVENTS)
    Path("alerts.jsonl").write_text(out)
    code, out, _ = chainrun("tune", "children.chain", EVENTS, *ALLOWED, "--must-keep", "alerts.jsonl")
    assert code == Exit.OK and out.endswith("must keep: 4 of 4 alerts kept\n")


def test_one_that_neither_run_raises_ends_with_1(tune: Command) -> None:
    Path("a.jsonl").write_text('{"alert_id":"ffff","analytic":"AN1314","chain":"lolbin"}\n')
    code, out, _ = tune("--set", "TimeWindow=10m", "--must-keep", "a.jsonl")
    assert code == Exit.FOUND and "  never   ffff  AN1314/lolbin: neither run raises it\n" in out


def test_alerts_of_other_analytics_and_suppressed_ones_are_not_asked_for(tune: Command) -> None:
    Path("a.jsonl").write_text(
        '{"alert_id":"aa","analytic":"AN1","chain":"main"}\n'
        '{"alert_id":"bb","analytic":"AN1314","chain":"lolbin","suppressed":{"reason":"x"}}\n'
    )
    code, out, _ = tune("--set", "TimeWindow=10m", "--must-keep", "a.jsonl")
    assert code == Exit.OK
    assert out.endswith("must keep: 0 of 0 alerts kept\n  1 alert of other analytics, which were not run\n")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"alert_id": "other"}, True),  # later completions of one process, while the alert was open
        ({"alert_id": "other", "analytic": "AN2"}, False),
        ({"alert_id": "other", "chain": "b"}, False),
        ({"alert_id": "other", "scope": {"host.name": "h2"}}, False),
        ({"alert_id": "other", "lineage": [{"pid": 2, "name": "x"}]}, False),
        ({"alert_id": "other", "lineage": [{"pid": 1, "name": "x"}, {"pid": 2, "name": "y"}]}, True),  # a child of it
        ({"alert_id": "other", "entities": {"child": {"process.pid": 3}}}, False),
        ({"alert_id": "other", "first_time": "2026-01-01T01", "last_time": "2026-01-01T02"}, False),
        ({"alert_id": "id", "chain": "b"}, True),
    ],
)
def test_two_alerts_tell_of_the_same_where_one_process_completes_both_at_once(
    change: dict[str, Any], same: bool
) -> None:
    told: dict[str, Any] = {
        "alert_id": "id",
        "analytic": "AN1",
        "chain": "a",
        "scope": {"host.name": "h"},
        "first_time": "2026-01-01T00:00",
        "last_time": "2026-01-01T00:05",
        "lineage": [{"pid": 1, "name": "x"}],
        "entities": {"child": {"process.pid": 1}},
    }
    one, other = Brief(**told), Brief(**(told | change))
    assert one.is_same_as(other) is other.is_same_as(one) is same


def test_of_what_nobody_acted_in_only_the_id_tells() -> None:
    assert not Brief(alert_id="a", analytic="X", chain="m").is_same_as(Brief(alert_id="b", analytic="X", chain="m"))


# -- what is wrong ----------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), Exit.USAGE, "nothing is to be changed"),
        (("--set", "TimWindow=5m"), Exit.WRONG_CHAIN, "no parameter is called `TimWindow`"),
        (("--site", "absent.toml"), Exit.USAGE, "there is no site file `absent.toml`"),
        (("--set", "TimeWindow=5m", "--before", "absent.toml"), Exit.USAGE, "there is no site file `absent.toml`"),
        (("--set", "TimeWindow=5m", "--must-keep", "absent"), Exit.USAGE, "absent: cannot be read: no such file"),
        (("--set", "TimeWindow=5m", "--must-keep", EVENTS), Exit.USAGE, "events.jsonl:1: is no alert"),
        (("--set", "TimeWindow=5m", "absent.jsonl"), Exit.UNREADABLE, "error: absent.jsonl does not exist"),
        (("--set", "TimeWindow=5m", "-"), Exit.USAGE, "events are read more than once"),
    ],
)
def test_what_cannot_be_tried_is_told(tune: Command, words: tuple[str, ...], code: Exit, told: str) -> None:
    found, _, err = tune(*words)
    assert found == code and told in err


def test_a_pipe_cannot_be_read_twice(tune: Command) -> None:
    os.mkfifo("pipe")
    code, _, err = tune("--set", "TimeWindow=5m", "pipe")
    assert code == Exit.USAGE and "events are read more than once, so they cannot come through a pipe" in err
