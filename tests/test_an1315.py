"""AN1315 on composed and real Linux telemetry with ground truth.

The parameters are the ground truth's own, as a site file gives them. Each positive gives exactly its chains, with a witness that
the ground truth lists for every step; each negative gives none, for the reason that it names: without that one rule it
would.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import Overrides
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Run

from .ground_truth import ground_truth, lines, listed, set_by_site

ANALYTIC = Path(__file__).parent.parent / "analytics" / "an1315.chain"
SHIPPED = Overrides()
STEPS = ("open", "drop", "spawn", "egress")
POSITIVE = ("p1_sysmon", "p2_tetragon", "p3_two_roots_tetragon")
MIXED = "mixed_an1315.jsonl"


@pytest.fixture(scope="session")
def linux(shared_data: Path) -> Path:
    return shared_data / "linux"


@pytest.fixture(scope="session")
def truth(linux: Path) -> dict[str, Any]:
    return ground_truth(linux)


def site_file(truth: dict[str, Any], **changed: Any) -> Overrides:
    """The ground truth's parameters as a site file, in the analytic's names."""
    said = truth["parameters"]["AN1315"]
    values = {
        "TimeWindow": f"{said['window']}s",
        "UserPaths": said["user_paths"],
        "UserApps": said["user_apps"],
        "HighRiskChildren": said["high_risk_children"],
        "PkgUpdaters": said["pkg_updaters"],
        "EgressAllowList": said["egress_allow"],
        "Bookkeeping": [],
        **changed,
    }
    return set_by_site("AN1315", values)


def scenario(linux: Path, name: str) -> str:
    return str(linux / "scenarios" / f"an1315_{name}.jsonl")


def alerts(tuned: Overrides, *inputs: str) -> list[Alert]:
    return list(Run([load(ANALYTIC, tuned)], list(inputs)))


def is_chain(alert: Alert, chain: dict[str, Any]) -> bool:
    """Whether the witness of every step is one that the ground truth lists for it."""
    places = [listed(chain["steps"][step]) for step in STEPS]
    return alert.chain == "lineage" and all(line in of for line, of in zip(lines(alert), places, strict=True))


def assert_exactly(found: list[Alert], chains: list[dict[str, Any]]) -> None:
    """One alert for each chain, and none besides."""
    assert len(found) == len(chains), [(a.chain, lines(a)) for a in found]
    for chain in chains:
        assert sum(is_chain(alert, chain) for alert in found) == 1, (chain["root"], [lines(a) for a in found])


@pytest.mark.parametrize("name", POSITIVE)
def test_a_positive_gives_exactly_its_chains(linux: Path, truth: dict[str, Any], name: str) -> None:
    expected = truth["files"][f"scenarios/an1315_{name}.jsonl"]["expected_chains"]
    found = alerts(site_file(truth), scenario(linux, name))
    assert_exactly(found, expected)
    assert {a.scope["host.name"] for a in found} == {chain["host"].lower() for chain in expected}


@pytest.mark.parametrize("name", POSITIVE)
def test_the_shipped_parameters_find_the_same(linux: Path, truth: dict[str, Any], name: str) -> None:
    expected = truth["files"][f"scenarios/an1315_{name}.jsonl"]["expected_chains"]
    assert_exactly(alerts(SHIPPED, scenario(linux, name)), expected)


def test_the_merged_stream_gives_exactly_the_chains_of_its_scenarios(linux: Path, truth: dict[str, Any]) -> None:
    assert_exactly(alerts(site_file(truth), str(linux / MIXED)), truth["files"][MIXED]["expected_chains"])


def test_all_files_together_give_what_each_gives_alone(linux: Path, truth: dict[str, Any]) -> None:
    files = sorted((linux / "scenarios").glob("*.jsonl"))
    together = alerts(site_file(truth), *map(str, files))
    alone = [alert for file in files for alert in alerts(site_file(truth), str(file))]
    assert sorted(a.alert_id for a in together) == sorted(a.alert_id for a in alone)


NEGATIVE = (
    "n1_egress_allow_sysmon",
    "n2_lineage_sysmon",
    "n3_order_sysmon",
    "n4_pid_reuse_sysmon",
    "n5_pkg_updater_sysmon",
    "n6_window_tetragon",
    "n7_lineage_egress_tetragon",
    "n8_cross_host_tetragon",
)


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_negative_gives_none(linux: Path, truth: dict[str, Any], name: str) -> None:
    assert alerts(site_file(truth), scenario(linux, name)) == []
    assert alerts(SHIPPED, scenario(linux, name)) == [] or name == "n1_egress_allow_sysmon"


# -- and for the reason that it names ----------------------------------------


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("n1_egress_allow_sysmon", {"EgressAllowList": []}),
        ("n5_pkg_updater_sysmon", {"PkgUpdaters": []}),
        ("n6_window_tetragon", {"TimeWindow": "30m"}),
    ],
)
def test_a_negative_that_a_parameter_excludes_alerts_without_it(
    linux: Path, truth: dict[str, Any], name: str, changed: dict[str, Any]
) -> None:
    [found] = alerts(site_file(truth, **changed), scenario(linux, name))
    near = truth["files"][f"scenarios/an1315_{name}.jsonl"]["near_miss_lines"]
    assert all(line in near[step] for line, step in zip(lines(found), STEPS, strict=True))


def rewritten(file: str, tmp_path: Path, *changes: tuple[str, str]) -> str:
    """The file with texts replaced in every line."""
    text = Path(file).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    changed = tmp_path / "events.jsonl"
    changed.write_text(text)
    return str(changed)


def entity(file: str, line: int, name: str) -> str:
    """What a Sysmon record says under a name."""
    xml = json.loads(Path(file).read_text().splitlines()[line - 1])["SyslogMessage"]
    return str(xml.partition(f'Name="{name}">')[2].partition("<")[0])


def test_the_script_that_a_terminal_runs_alerts_where_the_browser_runs_it(
    linux: Path, truth: dict[str, Any], tmp_path: Path
) -> None:
    file = scenario(linux, "n2_lineage_sysmon")
    terminal, browser = entity(file, 7, "ParentProcessGuid"), entity(file, 2, "ProcessGuid")
    assert len(alerts(site_file(truth), rewritten(file, tmp_path, (terminal, browser)))) == 1


def test_the_wrong_order_alerts_once_the_file_is_the_first(linux: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    file = scenario(linux, "n3_order_sysmon")
    written, opened = entity(file, 10, "UtcTime"), entity(file, 1, "UtcTime")
    assert len(alerts(site_file(truth), rewritten(file, tmp_path, (written, f"{opened[:-3]}999")))) == 1


def test_the_reused_pid_alerts_where_only_the_pid_tells_processes_apart(
    linux: Path, truth: dict[str, Any], tmp_path: Path
) -> None:
    file = scenario(linux, "n4_pid_reuse_sysmon")
    other, child = entity(file, 9, "ProcessGuid"), entity(file, 4, "ProcessGuid")
    assert len(alerts(site_file(truth), rewritten(file, tmp_path, (other, child)))) == 1


def test_the_other_process_that_connects_alerts_where_it_is_the_child(
    linux: Path, truth: dict[str, Any], tmp_path: Path
) -> None:
    file = scenario(linux, "n7_lineage_egress_tetragon")
    records = [json.loads(line) for line in Path(file).read_text().splitlines()]
    child = records[4]["process_exec"]["process"]["exec_id"]
    stranger = records[7]["process_kprobe"]["process"]["exec_id"]
    exited = [r for r in records if "process_exit" not in r]
    alone = tmp_path / "alone.jsonl"
    alone.write_text("".join(json.dumps(r, separators=(",", ":")) + "\n" for r in exited))
    assert alerts(site_file(truth), str(alone)) == []
    records[7]["process_kprobe"]["process"] = records[4]["process_exec"]["process"]
    assert child != stranger
    alone.write_text("".join(json.dumps(r) + "\n" for r in records))
    assert len(alerts(site_file(truth), str(alone))) == 1


def test_the_halves_on_two_hosts_alert_where_they_are_one(linux: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    file = scenario(linux, "n8_cross_host_tetragon")
    first, second = (json.loads(Path(file).read_text().splitlines()[at - 1])["node_name"] for at in (1, 9))
    assert first != second
    # the exec_ids differ by node: those of the second host become those of the first
    text = Path(file).read_text().splitlines()
    app = json.loads(text[0])["process_exec"]["process"]
    child = json.loads(text[7])["process_exec"]
    changed = rewritten(
        file, tmp_path, (f'"{second}"', f'"{first}"'), (child["process"]["parent_exec_id"], app["exec_id"])
    )
    assert len(alerts(site_file(truth), changed)) == 1


# -- real sessions ----------------------------------------


@pytest.mark.parametrize("name", ["log4shell_sysmon_linux", "log4shell_vmconnection"])
def test_a_real_server_exploit_is_no_user_execution(linux: Path, truth: dict[str, Any], name: str) -> None:
    """A service starts the shell: no user app opens anything, no file is dropped in a user path."""
    file = f"real/{name}.jsonl"
    assert truth["real"][file]["truth"]["AN1315_chains"] == 0
    assert alerts(SHIPPED, str(linux / file)) == []
    assert alerts(site_file(truth), str(linux / file)) == []


SERVICE = """
chain main: spawn({ bash }, parent: { java }) -> spawn({ bash }) -> egress within 1m
"""


def test_the_half_of_the_chain_that_a_real_exploit_has_is_found(
    linux: Path, truth: dict[str, Any], tmp_path: Path
) -> None:
    """The first step's XML is cut, and the shell that connects has the id of the process that it was forked from."""
    file = "real/log4shell_sysmon_linux.jsonl"
    chain = tmp_path / "service.chain"
    chain.write_text(SERVICE)
    [found] = Run([load(chain)], [str(linux / file)])
    assert lines(found) == [step["line"] for step in truth["real"][file]["truth"]["spawn_to_egress"]["steps"]]
