"""AN1316 on composed and real macOS telemetry with ground truth.

The parameters are the ground truth's own, as a site file gives them. Each positive gives exactly its chains, with a witness
that the ground truth lists for every step; each negative gives none, for the reason that it names: without that one rule
it would.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import Overrides
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Options, Run

from .ground_truth import ground_truth, lines, listed, set_by_site

ANALYTIC = Path(__file__).parent.parent / "analytics" / "an1316.chain"
SHIPPED = Overrides()
STEPS = ("open", "drop", "spawn", "egress")
POSITIVE = ("p1_jamf", "p2_elastic", "p3_unified_eslogger_osquery")
NEGATIVE = (
    "n1_egress_allow_jamf",
    "n2_lineage_jamf",
    "n3_window_elastic",
    "n4_order_elastic",
    "n5_notarised_app_elastic",
)
MIXED = "mixed_an1316.jsonl"

# eslogger and the unified log name no host; osquery, beside them in one file, calls the same Mac so. A shipper's tag.
MAC = "mac-lab-3"

Record = dict[str, Any]


@pytest.fixture(scope="session")
def macos(shared_data: Path) -> Path:
    return shared_data / "macos"


@pytest.fixture(scope="session")
def truth(macos: Path) -> dict[str, Any]:
    return ground_truth(macos)


def site_file(truth: dict[str, Any], **changed: Any) -> Overrides:
    """The ground truth's parameters as a site file, in the analytic's names."""
    said = truth["parameters"]["AN1316"]
    values = {
        "TimeWindow": f"{said['window']}s",
        "UserPaths": said["user_paths"],
        "UserApps": said["user_apps"],
        "HighRiskChildren": said["high_risk_children"],
        "EgressAllowList": said["egress_allow"],
        "Bookkeeping": [],
        **changed,
    }
    return set_by_site("AN1316", values)


def scenario(macos: Path, name: str) -> Path:
    return macos / "scenarios" / f"an1316_{name}.jsonl"


def alerts(tuned: Overrides, *inputs: Path, host: str | None = MAC) -> list[Alert]:
    return list(Run([load(ANALYTIC, tuned)], list(map(str, inputs)), Options(host=host)))


def is_chain(alert: Alert, chain: dict[str, Any]) -> bool:
    """Whether the witness of every step is one that the ground truth lists for it."""
    places = [listed(chain["steps"][step]) for step in STEPS]
    return alert.chain == "child" and all(line in of for line, of in zip(lines(alert), places, strict=True))


def assert_exactly(found: list[Alert], chains: list[dict[str, Any]]) -> None:
    """One alert for each chain, and none besides: right steps, right root."""
    assert len(found) == len(chains), [(a.chain, lines(a)) for a in found]
    for chain in chains:
        [alert] = [a for a in found if is_chain(a, chain)]
        root = alert.steps[0].entity
        known = {f"{root['process.name']} pid {root['process.pid']}", f"{root['process.name']} {_id(root)}"}
        assert any(chain["root"].startswith(name) for name in known), chain["root"]


def _id(entity: dict[str, Any]) -> str:
    return str(entity.get("process.entity_id"))


@pytest.mark.parametrize("name", POSITIVE)
def test_a_positive_gives_exactly_its_chains(macos: Path, truth: dict[str, Any], name: str) -> None:
    expected = truth["files"][f"scenarios/an1316_{name}.jsonl"]["expected_chains"]
    assert_exactly(alerts(site_file(truth), scenario(macos, name)), expected)


@pytest.mark.parametrize("name", POSITIVE)
def test_the_shipped_parameters_find_the_same(macos: Path, truth: dict[str, Any], name: str) -> None:
    expected = truth["files"][f"scenarios/an1316_{name}.jsonl"]["expected_chains"]
    assert_exactly(alerts(SHIPPED, scenario(macos, name)), expected)


def test_the_merged_stream_gives_exactly_the_chains_of_its_scenarios(macos: Path, truth: dict[str, Any]) -> None:
    assert_exactly(alerts(site_file(truth), macos / MIXED), truth["files"][MIXED]["expected_chains"])


def test_all_files_together_give_what_each_gives_alone(macos: Path, truth: dict[str, Any]) -> None:
    files = sorted((macos / "scenarios").glob("an1316_*.jsonl"))
    together = alerts(site_file(truth), *files)
    alone = [alert for file in files for alert in alerts(site_file(truth), file)]
    assert sorted(a.alert_id for a in together) == sorted(a.alert_id for a in alone)


def test_two_feeds_of_one_mac_meet_only_if_their_host_is_said(macos: Path, truth: dict[str, Any]) -> None:
    """Without the tag the socket is another host's."""
    assert alerts(site_file(truth), scenario(macos, "p3_unified_eslogger_osquery"), host=None) == []


def test_the_opening_that_the_unified_log_only_names_is_the_apps_own(macos: Path, truth: dict[str, Any]) -> None:
    [alert] = alerts(site_file(truth), scenario(macos, "p3_unified_eslogger_osquery"))
    chain = truth["files"]["scenarios/an1316_p3_unified_eslogger_osquery.jsonl"]["expected_chains"][0]
    assert lines(alert)[0] == chain["steps"]["open"]["line"]


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_negative_gives_none(macos: Path, truth: dict[str, Any], name: str) -> None:
    assert alerts(site_file(truth), scenario(macos, name)) == []
    assert alerts(SHIPPED, scenario(macos, name)) == [] or name == "n1_egress_allow_jamf"


@pytest.mark.parametrize("name", ["jamf_protect_jmttrader", "santa_text_session_as_message"])
def test_a_real_session_gives_as_many_chains_as_its_truth_says(macos: Path, truth: dict[str, Any], name: str) -> None:
    said = truth["real"][f"real/{name}.jsonl"]["truth"]["AN1316_chains"]
    for tuned in (site_file(truth), SHIPPED):
        assert len(alerts(tuned, macos / "real" / f"{name}.jsonl")) == said


# -- and for the reason that it names ----------------------------------------


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("n1_egress_allow_jamf", {"EgressAllowList": []}),
        ("n3_window_elastic", {"TimeWindow": "40m"}),
    ],
)
def test_a_negative_that_a_parameter_excludes_alerts_without_it(
    macos: Path, truth: dict[str, Any], name: str, changed: dict[str, Any]
) -> None:
    [found] = alerts(site_file(truth, **changed), scenario(macos, name))
    near = truth["files"][f"scenarios/an1316_{name}.jsonl"]["near_miss_lines"]
    assert all(line in near[step] for line, step in zip(lines(found), STEPS, strict=True))


def rewritten(file: Path, tmp_path: Path, change: Callable[[int, Record], list[Record]]) -> Path:
    """The file with its records, by line, changed."""
    records = [r for at, row in enumerate(file.read_text().splitlines(), 1) for r in change(at, json.loads(row))]
    changed = tmp_path / file.name
    changed.write_text("".join(json.dumps(record) + "\n" for record in records))
    return changed


def test_n2_alerts_once_the_shell_is_the_archivers(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(line: int, record: Record) -> list[Record]:
        if line == 7:
            record["exec_chain_child"] |= {"parent_pid": 4320, "parent_uuid": "2A1CF557-F5AB-1EF6-AAFF-738254CD466A"}
            del record["exec_chain_child"]["parent_path"]
        return [record]

    [found] = alerts(site_file(truth), rewritten(scenario(macos, "n2_lineage_jamf"), tmp_path, change))
    assert lines(found) == [2, 3, 7, 8]


def test_n4_alerts_once_the_file_comes_first(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(line: int, record: Record) -> list[Record]:
        if line == 7:
            record["@timestamp"] = "2025-03-05T20:00:11.0000000Z"
        return [record]

    [found] = alerts(site_file(truth), rewritten(scenario(macos, "n4_order_elastic"), tmp_path, change))
    assert lines(found) == [1, 7, 4, 5]


def test_n5_alerts_once_the_user_overrides_gatekeeper(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(line: int, record: Record) -> list[Record]:
        if line != 6:
            return [record]
        override = {
            "event": {"action": "gatekeeper_override", "category": ["file"], "kind": "event", "type": ["change"]},
            "file": {"path": "/Users/omar/Downloads/Figma.app", "name": "Figma.app"},
        }
        return [{name: record[name] for name in ("@timestamp", "agent", "host", "user")} | override]

    [found] = alerts(site_file(truth), rewritten(scenario(macos, "n5_notarised_app_elastic"), tmp_path, change))
    assert found.chain == "judged" and lines(found)[-4:] == [5, 6, 7, 8]


def test_n5_alerts_once_its_quarantine_is_gone(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(line: int, record: Record) -> list[Record]:
        if line != 6:
            return [record]
        removal = {
            "event": {
                "action": "extended_attributes_delete",
                "category": ["file"],
                "kind": "event",
                "type": ["change"],
            },
            "file": {
                "path": "/Users/omar/Downloads/Figma.app/Contents/MacOS/Figma",
                "attributes": ["com.apple.quarantine"],
            },
        }
        return [{name: record[name] for name in ("@timestamp", "agent", "host", "user")} | removal]

    [found] = alerts(site_file(truth), rewritten(scenario(macos, "n5_notarised_app_elastic"), tmp_path, change))
    assert found.chain == "judged" and lines(found)[-4:] == [5, 6, 7, 8]


def test_n5_is_stopped_at_gatekeeper(macos: Path, truth: dict[str, Any]) -> None:
    """The app is dropped and started, and talks; nobody has asked and nobody has overridden."""
    run = Run([load(ANALYTIC, site_file(truth))], [str(scenario(macos, "n5_notarised_app_elastic"))])
    assert list(run) == []
    in_place = {funnel.chain: [step.followed for step in funnel.steps] for funnel in run.funnels}
    assert in_place["judged"][:4] == [3, 2, 0, 0]
