"""AN1317 on composed and real container telemetry with ground truth.

The parameters are the ground truth's own, through a site file. Each positive gives exactly its chains, with a witness
that the ground truth lists for every step; each negative gives none, for the reason that it names: without that one
thing it alerts.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load
from chainrun.engine.event import Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.intake.normalise import Normaliser, Rejected
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Run

from .ground_truth import ground_truth, listed, set_by_site

ANALYTIC = Path(__file__).parent.parent / "analytics" / "an1317.chain"
# Which of the ground truth's steps a step of ours is: of an alternative, the one that happened.
STEPS = {
    "open": "open",
    "spawn": "open",
    "exec": "open",
    "run": "run",
    "pull": "image",
    "box": "image",
    "start": "start",
    "egress": "egress",
}
POSITIVE = ("p1_tetragon_docker", "p2_auditd_docker_falco")
MIXED = "mixed_an1317.jsonl"

Record = dict[str, Any]


@pytest.fixture(scope="session")
def container(shared_data: Path) -> Path:
    return shared_data / "container"


@pytest.fixture(scope="session")
def truth(container: Path) -> dict[str, Any]:
    return ground_truth(container)


Alerts = Callable[..., list[Alert]]


@pytest.fixture
def alerts(truth: dict[str, Any]) -> Alerts:
    """Runs the analytic over inputs, with the ground truth's parameters as a site file but for those that are changed."""
    said = truth["parameters"]["AN1317"]

    def run(*inputs: Path, **changed: Any) -> list[Alert]:
        values = {
            "TimeWindow": f"{said['window_open_to_run']}s",
            "StartToEgress": f"{said['window_start_to_egress']}s",
            "TrustedRegistries": said["trusted_registries"],
            "AllowedEntrypoints": {"*": said["allowed_entrypoints"]},  # those of any image
            "UserApps": said["user_apps"],
            "Runners": said["runners"],
            "EgressAllowList": said["egress_allow"],
            **changed,
        }
        return list(Run([load(ANALYTIC, set_by_site("AN1317", values))], [str(path) for path in inputs]))

    return run


def scenario(container: Path, name: str) -> Path:
    return container / "scenarios" / f"an1317_{name}.jsonl"


def witnesses(alert: Alert) -> dict[str, set[int]]:
    """The lines of an alert's witnesses, by the ground truth's steps."""
    found: dict[str, set[int]] = {}
    for step in alert.steps:
        if step.witness:
            found.setdefault(STEPS[step.name], set()).add(step.witness.line)
    return found


def is_chain(alert: Alert, chain: dict[str, Any]) -> bool:
    """Whether the witnesses of every step are among those that the ground truth lists for it, of the right container."""
    places = {name: listed(step) for name, step in chain["steps"].items()}
    found = witnesses(alert)
    is_root = alert.entities["box"]["container.id"].startswith(chain["root"].removeprefix("container "))
    return is_root and set(found) == set(places) and all(found[name] <= places[name] for name in places)


def assert_exactly(found: list[Alert], chains: list[dict[str, Any]]) -> None:
    """One alert for each chain, and none besides."""
    assert len(found) == len(chains), [(a.chain, witnesses(a)) for a in found]
    for chain in chains:
        matching = [a for a in found if a.chain == "registry" and is_chain(a, chain)]
        assert len(matching) == 1, (chain["root"], [witnesses(a) for a in found])


@pytest.mark.parametrize("name", POSITIVE)
def test_a_positive_gives_exactly_its_chains(container: Path, truth: Record, alerts: Alerts, name: str) -> None:
    expected = truth["files"][f"scenarios/an1317_{name}.jsonl"]["expected_chains"]
    assert_exactly(alerts(scenario(container, name)), expected)


@pytest.mark.parametrize("name", POSITIVE)
def test_the_shipped_parameters_find_the_same(container: Path, truth: Record, name: str) -> None:
    expected = truth["files"][f"scenarios/an1317_{name}.jsonl"]["expected_chains"]
    assert_exactly(list(Run([load(ANALYTIC)], [str(scenario(container, name))])), expected)


def test_the_merged_stream_gives_exactly_the_chains_of_its_scenarios(
    container: Path, truth: Record, alerts: Alerts
) -> None:
    assert_exactly(alerts(container / MIXED), truth["files"][MIXED]["expected_chains"])


def test_all_files_together_give_what_each_gives_alone(container: Path, alerts: Alerts) -> None:
    files = sorted((container / "scenarios").glob("*.jsonl"))
    together = alerts(*files)
    alone = [alert for file in files for alert in alerts(file)]
    assert sorted(a.alert_id for a in together) == sorted(a.alert_id for a in alone)
    assert len(alone) == len(POSITIVE)


NEGATIVE = (
    "n1_trusted_registry_tetragon",
    "n2_window_tetragon",
    "n3_other_container_tetragon",
    "n4_egress_allow_tetragon",
    "n5_ci_runner_tetragon",
    "n6_late_egress_falco",
    "n7_allowed_entrypoint_tetragon",
)


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_negative_gives_none(container: Path, alerts: Alerts, name: str) -> None:
    assert alerts(scenario(container, name)) == []


# -- and for the reason that it names ----------------------------------------


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("n1_trusted_registry_tetragon", {"TrustedRegistries": ["registry.k8s.io", "gcr.io"]}),
        ("n2_window_tetragon", {"TimeWindow": "16m"}),
        ("n4_egress_allow_tetragon", {"EgressAllowList": ["10.0.0.0/8", "127.0.0.0/8"]}),
        ("n5_ci_runner_tetragon", {"UserApps": ["gitlab-runner"]}),
        ("n6_late_egress_falco", {"StartToEgress": "422s"}),
        ("n7_allowed_entrypoint_tetragon", {"AllowedEntrypoints": {"*": ["/usr/local/bin/other"]}}),
        ("n7_allowed_entrypoint_tetragon", {"AllowedEntrypoints": {"nginx:*": ["/usr/local/bin/corp-runner"]}}),
    ],
)
def test_a_negative_that_a_parameter_excludes_alerts_without_it(
    container: Path, truth: Record, alerts: Alerts, name: str, changed: Record
) -> None:
    [found] = alerts(scenario(container, name), **changed)
    near = truth["files"][f"scenarios/an1317_{name}.jsonl"]["near_miss_lines"]
    opened = witnesses(found).pop("open")  # a service that starts docker is what the parameter makes an app
    assert opened <= set(near.get("open", [1]))
    assert all(lines <= set(near[step]) for step, lines in witnesses(found).items() if step != "open")


@pytest.mark.parametrize(
    ("name", "parameter", "within"),
    [("n2_window_tetragon", "TimeWindow", 929), ("n6_late_egress_falco", "StartToEgress", 421)],
)
def test_a_window_excludes_to_the_second(
    container: Path, alerts: Alerts, name: str, parameter: str, within: int
) -> None:
    assert len(alerts(scenario(container, name), **{parameter: f"{within}s"})) == 1
    assert alerts(scenario(container, name), **{parameter: f"{within - 1}s"}) == []


def rewritten(file: Path, tmp_path: Path, change: Callable[[Record], Record | None]) -> Path:
    """The file with every record changed."""
    records = (change(json.loads(line)) for line in file.read_text().splitlines())
    changed = tmp_path / "events.jsonl"
    changed.write_text("".join(json.dumps(r) + "\n" for r in records if r is not None))
    return changed


def test_the_connection_of_another_container_alerts_where_it_is_this_ones(
    container: Path, alerts: Alerts, tmp_path: Path
) -> None:
    file = scenario(container, "n3_other_container_tetragon")
    records = [json.loads(line) for line in file.read_text().splitlines()]
    own, other = (records[at]["process_exec"]["process"]["docker"] for at in (10, 11))
    assert own != other
    assert len(alerts(rewritten(file, tmp_path, lambda r: json.loads(json.dumps(r).replace(other, own))))) == 1


# -- what the chains hang on ----------------------------------------


def without(kind: str) -> Callable[[Record], Record | None]:
    def change(record: Record) -> Record | None:
        return None if record.get("Action") == kind else record

    return change


@pytest.mark.parametrize(("action", "left"), [("pull", 1), ("connect", 1), ("create", 0), ("start", 0)])
def test_each_of_the_engines_events_counts(
    container: Path, alerts: Alerts, tmp_path: Path, action: str, left: int
) -> None:
    assert len(alerts(rewritten(scenario(container, POSITIVE[0]), tmp_path, without(action)))) == left


@pytest.mark.parametrize("digits", [12, 31, 64])
def test_a_container_is_known_by_any_length_of_its_id(
    container: Path, alerts: Alerts, tmp_path: Path, digits: int
) -> None:
    file = scenario(container, POSITIVE[0])
    full = json.loads(file.read_text().splitlines()[6])["id"]

    def change(record: Record) -> Record:
        said: Record = json.loads(
            json.dumps(record).replace(f'"docker": "{full[:24]}"', f'"docker": "{full[:digits]}"')
        )
        return said

    assert len(alerts(rewritten(file, tmp_path, change))) == 1


def test_an_engines_events_are_their_containers_hosts_and_no_others(
    container: Path, alerts: Alerts, tmp_path: Path
) -> None:
    """Nothing but the container tells whose docker's events are; where another host has it, they are that one's."""
    [found] = alerts(scenario(container, POSITIVE[0]))
    assert found.scope == {"host.name": "dev-dana-01"}

    def change(record: Record) -> Record:
        if '"docker": ' in json.dumps(record):  # Tetragon's, of a process in a container
            record["node_name"] = "other"
        return record

    assert alerts(rewritten(scenario(container, POSITIVE[0]), tmp_path, change)) == []


# -- what is real ----------------------------------------


@pytest.mark.parametrize(
    "name", ["tetragon_reverse_shell_nc", "tetragon_privileged_pod_nsenter", "nolicence_docker_run_session"]
)
def test_a_real_session_without_the_whole_chain_gives_none(
    container: Path, truth: Record, alerts: Alerts, name: str
) -> None:
    file = f"real/{name}.jsonl"
    assert truth["real"][file]["truth"]["AN1317_chains"] == 0
    assert alerts(container / file) == []


def test_the_real_reverse_shell_is_one_lineage(container: Path, truth: Record, tmp_path: Path) -> None:
    """Its shell starts nc, which connects: the lines that the ground truth gives for it."""
    chain = tmp_path / "shell.chain"
    chain.write_text("spawn({ sh }) as shell -> spawn({ nc }) by shell -> egress({ 64.225.45.153 }) within 1m\n")
    file = "real/tetragon_reverse_shell_nc.jsonl"
    steps = truth["real"][file]["truth"]["spawn_to_egress"]["steps"]
    [found] = Run([load(chain)], [str(container / file)])
    assert [step.witness.line for step in found.steps if step.witness] == [step["line"] for step in steps]


def test_every_sample_is_recognised(container: Path) -> None:
    normaliser = Normaliser(load_formats())
    formats = {
        "tetragon_container": "tetragon",
        "podman_events": "podman-events",
        "nolicence_k8s_audit_pod_status": "kubernetes-audit",
        "nolicence_eks_audit": "kubernetes-audit",
    }
    for file in sorted((container / "samples").glob("*.jsonl")):
        for at, line in enumerate(file.read_bytes().splitlines(), 1):
            result = normaliser.normalise(line, Origin(file.name, at, 0))
            assert not isinstance(result, Rejected), (file.name, at, result)
            assert {event.format for event in result} == {formats.get(file.stem, "falco")}, (file.name, at)
