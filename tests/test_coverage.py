"""`chainrun coverage`: what telemetry can show of a chain, with each cause of not showing it."""

import json
from pathlib import Path

import pytest
from chainrun.engine.cli import main

CHAIN = """\
analytic T1 "t" { attack: T1204.002, T1566 }
open({ word }) as app -> write as drop -> spawn({ sh }) and exec(drop) -> egress within 10m
"""

# one format of our own, so that each cause can be made by leaving something out
FORMAT = """\
name = "acme"
title = "Acme"
os = "linux"
blind = "all else"
host = "host"
dispatch = ["type"]
[recognise]
has = ["type", "acme"]
[time]
written = "at"
[groups.actor]
"process.pid" = "pid"
"process.executable" = "exe"
[[records]]
title = "start"
when = { type = "start" }
kinds = ["spawn", "exec"]
may = ["open"]
use = ["actor"]
[records.fields]
"process.parent.pid" = "ppid"
"process.parent.executable" = "pexe"
[[records]]
title = "write"
when = { type = "write" }
kinds = ["write"]
use = ["actor"]
[records.fields]
"file.path" = "path"
[[records]]
title = "net"
when = { type = "net" }
kinds = ["connect"]
use = ["actor"]
[records.fields]
"destination.ip" = "ip"
"""


def line(at: int, type: str, **fields: object) -> dict[str, object]:
    return {"acme": 1, "host": "h1", "at": 1_772_442_900_000 + at * 1000, "type": type, **fields}


WHOLE = [
    line(0, "start", pid=10, exe="/usr/bin/word", ppid=1, pexe="/usr/bin/gnome-shell"),
    line(1, "write", pid=10, path="/tmp/a"),
    line(2, "start", pid=11, exe="/bin/sh", ppid=10, pexe="/usr/bin/word"),
    line(3, "net", pid=11, ip="203.0.113.9"),
    line(900, "write", pid=10, path="/tmp/b"),
]


@pytest.fixture
def covered(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """What `coverage` says of records, as JSON: the one chain, and the exit code under --fail-on-gap."""

    def run(records: list[dict[str, object]], chain: str = CHAIN, *options: str):
        (tmp_path / "c.chain").write_text(chain)
        (tmp_path / "acme.toml").write_text(FORMAT)
        (tmp_path / "e.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        files = [str(tmp_path / "c.chain"), str(tmp_path / "e.jsonl"), "--telemetry-file", str(tmp_path / "acme.toml")]
        code = main(["coverage", "-q", "-f", "json", "--fail-on-gap", *files, *options])
        out = capsys.readouterr().out
        return json.loads(out), code

    return run


def test_where_all_comes_all_is_visible(covered) -> None:
    found, code = covered(WHOLE)
    (chain,) = found["chains"]
    assert chain["verdict"] == "visible" and code == 0
    assert [s["verdict"] for s in chain["steps"]] == ["visible"] * 4
    assert chain["steps"][1]["events"] == 2 and chain["steps"][1]["places"][0]["host"] == "h1"
    assert (found["starts"], found["linked"]) == (2, 2)


def test_a_kind_that_does_not_come_is_blind_and_says_who_could_show_it(covered) -> None:
    found, code = covered([r for r in WHOLE if r["type"] != "net"])
    (chain,) = found["chains"]
    assert chain["verdict"] == "blind" and code == 5
    step = chain["steps"][3]
    assert step["verdict"] == "blind" and "acme" in step["why"] and "collected" in step["why"]
    assert chain["remains"] == "open({ word }) as app -> write as drop -> spawn({ sh }) and exec(drop)"


def test_without_a_step_those_that_refer_to_it_go_too(covered) -> None:
    found, _ = covered([r for r in WHOLE if r["type"] != "write"])
    assert found["chains"][0]["remains"] == "open({ word }) as app -> egress"


def test_what_no_format_can_show(covered) -> None:
    found, code = covered(WHOLE, "signin -> write within 5m")
    step = found["chains"][0]["steps"][0]
    assert step["verdict"] == "blind" and step["why"] == "no format that was read can show `signin`"
    assert found["chains"][0].get("remains") is None and code == 5


def test_a_field_that_is_missing_is_named(covered) -> None:
    records = [{k: v for k, v in r.items() if k != "ip"} for r in WHOLE]
    found, _ = covered(records, "open({ word }) -> connect(not { 10.0.0.0/8 }) within 5m")
    step = found["chains"][0]["steps"][1]
    assert step["verdict"] == "blind" and (step["events"], step["known"]) == (1, 0)
    assert "destination.ip (1)" in step["why"]


def test_events_of_nobody_cannot_be_joined(covered) -> None:
    records = [{k: v for k, v in r.items() if r["type"] != "net" or k not in ("pid", "exe")} for r in WHOLE]
    found, _ = covered(records)
    step = found["chains"][0]["steps"][3]
    assert step["verdict"] == "blind" and step["satisfied"] == 1 and step["joinable"] == 0
    assert "1 of 1 that match cannot be joined" in step["why"] and "whose process it is" in step["why"]


def test_some_that_cannot_be_joined_make_it_partial(covered) -> None:
    more = [line(4 + i, "net", ip="203.0.113.9", **({"pid": 11} if i % 2 else {})) for i in range(20)]
    found, code = covered([*WHOLE, *more])
    assert found["chains"][0]["steps"][3]["verdict"] == "partial" and code == 5


def test_a_host_that_lacks_one_kind_is_named(covered) -> None:
    other = [{**r, "host": "h2"} for r in WHOLE if r["type"] != "net"]
    found, _ = covered([*WHOLE, *other])
    step = found["chains"][0]["steps"][3]
    assert step["verdict"] == "partial" and step["blind_on"] == ["h2"]


def test_too_short_a_stretch_is_a_gap(covered) -> None:
    found, code = covered(WHOLE[:4])
    (chain,) = found["chains"]
    assert chain["verdict"] == "partial" and not chain["reaches_back"] and code == 5
    assert [s["verdict"] for s in chain["steps"]] == ["visible"] * 4
    found, _ = covered(WHOLE, CHAIN.replace("10m", "10m").replace("as drop ->", "without prior read in 1h as drop ->"))
    assert found["chains"][0]["looks_back"] == 70 * 60 * 1_000_000


def test_of_alternatives_one_is_enough_and_what_is_optional_makes_nothing_blind(covered) -> None:
    for text in (
        "open({ word }) ~> (write | signin) within 5m",
        "open({ word }) -> write ~> signin? ~> connect within 5m",
    ):
        found, _ = covered(WHOLE, text)
        assert found["chains"][0]["verdict"] != "blind", text


def test_an_optional_step_at_the_end_is_counted_too(covered) -> None:
    found, code = covered(WHOLE, "open({ word }) -> write -> spawn? within 10m")
    step = found["chains"][0]["steps"][2]
    assert (step["role"], step["verdict"], step["satisfied"], step["joinable"]) == ("optional", "visible", 2, 2)
    assert code == 0


def test_what_must_not_happen_and_cannot_be_seen_is_said(covered) -> None:
    found, _ = covered(WHOLE, "open({ word }) -> write -> !load -> egress within 5m")
    (chain,) = found["chains"]
    assert chain["verdict"] == "partial"
    assert chain["steps"][2]["role"] == "absent" and chain["steps"][2]["verdict"] == "blind"


def test_hosts_beyond_a_limit_are_counted_together(covered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrun.engine.study.coverage.MOST_HOSTS", 3)
    records = [line(i, "write", pid=1, path="/x") | {"host": f"h{i}"} for i in range(10)]
    found, _ = covered(records, "write -> egress within 5m")
    step = found["chains"][0]["steps"][0]
    assert step["events"] == 10
    assert [p["host"] for p in step["places"]] == ["(other hosts)", "h0", "h1", "h2"]


def test_text_and_layer(covered, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    covered([r for r in WHOLE if r["type"] != "net"])
    files = [str(tmp_path / "c.chain"), str(tmp_path / "e.jsonl"), "--telemetry-file", str(tmp_path / "acme.toml")]
    assert main(["coverage", "-q", *files]) == 0
    text = capsys.readouterr().out
    assert "T1/main  blind" in text and "what is left of it: `open({ word }) as app -> write as drop" in text
    assert main(["coverage", "-q", "-f", "navigator", *files]) == 0
    layer = json.loads(capsys.readouterr().out)
    assert [(t["techniqueID"], t["score"]) for t in layer["techniques"]] == [("T1204.002", 0), ("T1566", 0)]
    assert layer["versions"]["layer"] == "4.5" and "blind: 4 egress" in layer["techniques"][0]["comment"]


def test_a_run_says_what_its_telemetry_could_not_have_shown(covered, tmp_path: Path, capsys) -> None:
    covered(WHOLE, "signin -> write within 5m")
    files = [str(tmp_path / "c.chain"), str(tmp_path / "e.jsonl"), "--telemetry-file", str(tmp_path / "acme.toml")]
    assert main(files) == 0
    err = capsys.readouterr().err
    assert "1 signin" in err and "no format that was read can show it" in err
