"""AN1314 on composed Sysmon telemetry: each of its clauses is needed.

The sample of examples/01-first-chain holds one chain of each kind among a morning's noise. Taking one thing away from it
takes the alert away.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import command_line
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Run

from .test_an1314 import ANALYTIC

SAMPLE = ANALYTIC.parent.parent / "examples" / "01-first-chain" / "events.jsonl"
Record = dict[str, Any]
Change = Callable[[Record], Record | None]


def data(record: Record) -> Record:
    found: Record = record["Event"]["EventData"]
    return found


def image(record: Record) -> str:
    return str(data(record).get("Image", "")).rsplit("\\", 1)[-1].lower()


def alerts(tmp_path: Path, change: Change = lambda r: r, *settings: str) -> dict[str, list[Alert]]:
    """The alerts of the changed sample, by chain."""
    changed = (change(json.loads(line)) for line in SAMPLE.read_text().splitlines())
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in changed if r is not None))
    found: dict[str, list[Alert]] = {"lolbin": [], "dropped": []}
    for alert in Run([load(ANALYTIC, command_line(settings))], [str(file)]):
        found[alert.chain].append(alert)
    return found


def lines(alert: Alert) -> list[int]:
    return [step.witness.line for step in alert.steps if step.witness]


def test_the_sample_raises_both_chains(tmp_path: Path) -> None:
    found = alerts(tmp_path)
    assert [lines(a) for a in found["lolbin"]] == [[14, 19, 20, 25]]
    assert [lines(a)[2:] for a in found["dropped"]] == [[20, 25], [51, 53]]


def without(event_id: int, name: str) -> Change:
    """Leaves out what a program did by one event id."""

    def change(record: Record) -> Record | None:
        is_one = record["Event"]["System"]["EventID"] == event_id and image(record) == name
        return None if is_one else record

    return change


def rewritten(field: str, old: str, new: str) -> Change:
    """Another value of one field, where it stands."""

    def change(record: Record) -> Record:
        if old in str(data(record).get(field, "")):
            data(record)[field] = data(record)[field].replace(old, new)
        return record

    return change


@pytest.mark.parametrize(
    ("chain", "change", "left"),
    [
        pytest.param("lolbin", without(11, "winword.exe"), 0, id="no file written by the app"),
        pytest.param("lolbin", without(1, "wscript.exe"), 0, id="no listed child"),
        pytest.param("lolbin", without(3, "powershell.exe"), 0, id="no egress by the lineage"),
        pytest.param(
            "lolbin", rewritten("TargetFilename", "\\AppData\\Local\\Temp\\", "\\Documents\\"), 0, id="no user path"
        ),
        pytest.param("lolbin", rewritten("Image", "WINWORD.EXE", "WORDPAD.EXE"), 0, id="an app that is not listed"),
        pytest.param("lolbin", rewritten("Image", "wscript.exe", "splwow64.exe"), 0, id="a child that is not listed"),
        pytest.param("lolbin", rewritten("ParentProcessGuid", "-4F14-", "-4F01-"), 0, id="a child of somebody else"),
        pytest.param("lolbin", rewritten("DestinationIp", "203.0.113.77", "127.0.0.1"), 0, id="to itself only"),
        pytest.param("dropped", without(15, "msedge.exe"), 1, id="no download"),
        pytest.param("dropped", rewritten("TargetFilename", "TeamsSetup_x64", "Other"), 1, id="another file"),
        pytest.param("dropped", rewritten("ParentImage", "explorer.exe", "svchost.exe"), 1, id="started by a service"),
    ],
)
def test_each_clause_is_needed(tmp_path: Path, chain: str, change: Change, left: int) -> None:
    assert len(alerts(tmp_path, change)[chain]) == left


def test_the_parameters_are_mutable(tmp_path: Path) -> None:
    assert not alerts(tmp_path, lambda r: r, "TimeWindow=10s")["lolbin"]
    assert not alerts(tmp_path, lambda r: r, "HighRiskChildren-={ wscript.exe }")["lolbin"]
    assert not alerts(tmp_path, lambda r: r, "HighRiskParents-={ winword.exe }")["lolbin"]
    assert not alerts(tmp_path, lambda r: r, "UserPaths={ %PUBLIC% }")["lolbin"]
    assert not alerts(tmp_path, lambda r: r, "EgressAllowList={ 203.0.113.0/24 }")["lolbin"]


def test_bookkeeping_alone_is_no_payload(tmp_path: Path) -> None:
    """Word's own list of recent files counts only when the parameter is emptied."""

    def only_recent(record: Record) -> Record | None:
        is_write = record["Event"]["System"]["EventID"] == 11 and image(record) == "winword.exe"
        return None if is_write and "\\Recent\\" not in data(record)["TargetFilename"] else record

    assert not alerts(tmp_path, only_recent)["lolbin"]
    assert len(alerts(tmp_path, only_recent, "Bookkeeping={}")["lolbin"]) == 1
