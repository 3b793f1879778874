"""AN0994 on composed and real macOS telemetry with ground truth.

The parameters are the ground truth's own, as a site file gives them. Each positive gives exactly its chains: `dropped` with
the listed records as witnesses, and what the other half of the text finds rests on listed records alone. Each negative
gives none, for the reason that it names: without that one rule it would.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import Overrides
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Run

from .ground_truth import ground_truth, lines, set_by_site

ANALYTIC = Path(__file__).parent.parent / "analytics" / "an0994.chain"
SHIPPED = Overrides()
STEPS = ("drop", "exec")
POSITIVE = ("p1_eslogger9", "p2_elastic")
NEGATIVE = ("n1_window_elastic", "n2_other_file_eslogger9", "n3_order_eslogger9", "n4_browser_helper_elastic")
MIXED = "mixed_an0994.jsonl"

Record = dict[str, Any]


@pytest.fixture(scope="session")
def macos(shared_data: Path) -> Path:
    return shared_data / "macos"


@pytest.fixture(scope="session")
def truth(macos: Path) -> dict[str, Any]:
    return ground_truth(macos)


def site_file(truth: dict[str, Any], **changed: Any) -> Overrides:
    """The ground truth's parameters as a site file, in the analytic's names."""
    said = truth["parameters"]["AN0994"]
    values = {
        "ShortlyAfter": f"{said['window']}s",
        "MonitoredDirectories": said["user_paths"],
        "Browsers": said["browsers"],
        **changed,
    }
    return set_by_site("AN0994", values)


def scenario(macos: Path, name: str) -> Path:
    return macos / "scenarios" / f"an0994_{name}.jsonl"


def alerts(tuned: Overrides, *inputs: Path) -> list[Alert]:
    return list(Run([load(ANALYTIC, tuned)], list(map(str, inputs))))


def listed(chain: dict[str, Any]) -> list[int]:
    """The chain's records; the ground truth lists no others for any step."""
    assert not any(chain["steps"][step]["also_acceptable"] for step in STEPS)
    return [chain["steps"][step]["line"] for step in STEPS]


def assert_exactly(found: list[Alert], chains: list[dict[str, Any]]) -> None:
    """`dropped` once for each chain, by the right browser; the browser's child, which is the same start, once too."""
    by_chain = {name: [a for a in found if a.chain == name] for name in ("dropped", "interpreter", "loader")}
    assert [lines(a) for a in by_chain["dropped"]] == [listed(chain) for chain in chains]
    assert [lines(a) for a in by_chain["interpreter"]] == [listed(chain)[1:] for chain in chains]
    assert by_chain["loader"] == []
    for alert, chain in zip(by_chain["dropped"], chains, strict=True):
        witness = alert.steps[0].witness
        assert witness
        fields = witness.fields
        browser = fields["process.name"]
        names = {f"{browser} pid {fields['process.pid']}", f"{browser} {fields['process.entity_id']}"}
        assert chain["root"] in names


@pytest.mark.parametrize("name", POSITIVE)
def test_a_positive_gives_exactly_its_chains(macos: Path, truth: dict[str, Any], name: str) -> None:
    expected = truth["files"][f"scenarios/an0994_{name}.jsonl"]["expected_chains"]
    for tuned in (site_file(truth), SHIPPED):
        assert_exactly(alerts(tuned, scenario(macos, name)), expected)


def test_the_merged_stream_gives_exactly_the_chains_of_its_scenarios(macos: Path, truth: dict[str, Any]) -> None:
    assert_exactly(alerts(site_file(truth), macos / MIXED), truth["files"][MIXED]["expected_chains"])


def test_all_files_together_give_what_each_gives_alone(macos: Path, truth: dict[str, Any]) -> None:
    files = sorted((macos / "scenarios").glob("an0994_*.jsonl"))
    together = alerts(site_file(truth), *files)
    alone = [alert for file in files for alert in alerts(site_file(truth), file)]
    assert sorted(a.alert_id for a in together) == sorted(a.alert_id for a in alone)


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_negative_gives_none(macos: Path, truth: dict[str, Any], name: str) -> None:
    for tuned in (site_file(truth), SHIPPED):
        assert alerts(tuned, scenario(macos, name)) == []


def test_the_real_session_gives_as_many_chains_as_its_truth_says(macos: Path, truth: dict[str, Any]) -> None:
    name = "real/santa_text_session_as_message.jsonl"
    for tuned in (site_file(truth), SHIPPED):
        assert len(alerts(tuned, macos / name)) == truth["real"][name]["truth"]["AN0994_chains"]


# -- and for the reason that it names ----------------------------------------


def test_n1_alerts_in_a_longer_window(macos: Path, truth: dict[str, Any]) -> None:
    [found] = alerts(site_file(truth, ShortlyAfter="45m"), scenario(macos, "n1_window_elastic"))
    assert found.chain == "dropped" and lines(found) == [2, 8]


def rewritten(file: Path, tmp_path: Path, line: int, change: Callable[[Record], None]) -> Path:
    """The file with the record of one line changed."""
    records = [json.loads(row) for row in file.read_text().splitlines()]
    change(records[line - 1])
    changed = tmp_path / file.name
    changed.write_text("".join(json.dumps(record) + "\n" for record in records))
    return changed


def test_n2_alerts_once_the_script_is_the_dropped_one(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    dropped = "/Users/jappleseed/Downloads/notes.sh"

    def change(record: Record) -> None:
        record["event"]["exec"]["script"]["path"] = record["event"]["exec"]["args"][1] = dropped

    file = rewritten(scenario(macos, "n2_other_file_eslogger9"), tmp_path, 8, change)
    [found] = alerts(site_file(truth), file)
    assert found.chain == "dropped" and lines(found) == [3, 8]


def test_n2_alerts_once_the_shell_is_the_browsers(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(record: Record) -> None:
        target = record["event"]["exec"]["target"]
        target["ppid"] = target["parent_audit_token"]["pid"] = 50011
        target["parent_audit_token"]["pidversion"] = 100033

    file = rewritten(scenario(macos, "n2_other_file_eslogger9"), tmp_path, 8, change)
    [found] = alerts(site_file(truth), file)
    assert found.chain == "interpreter" and lines(found) == [8]


def test_n3_alerts_once_it_is_executed_after(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(record: Record) -> None:
        record["time"] = "2025-03-06T08:01:20.000000000Z"

    [found] = alerts(site_file(truth), rewritten(scenario(macos, "n3_order_eslogger9"), tmp_path, 3, change))
    assert found.chain == "dropped" and lines(found) == [9, 3]


def test_n4_alerts_once_the_cached_file_is_what_runs(macos: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    def change(record: Record) -> None:
        cached = "/Users/noor/Library/Caches/Google/Chrome/Default/Cache/Cache_Data/f_0001a2"
        record["process"] |= {"executable": cached, "args": [cached], "command_line": cached, "name": "f_0001a2"}

    [found] = alerts(site_file(truth), rewritten(scenario(macos, "n4_browser_helper_elastic"), tmp_path, 3, change))
    assert found.chain == "dropped" and lines(found) == [2, 3]
