"""AN1318 on composed and real cloud telemetry with ground truth.

The parameters are the ground truth's own, as a site file. Each positive gives exactly its chains, with the listed record
as the witness of every step; each negative gives none, for the reason that it names: without that one rule it would.
"""

import gzip
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

from .ground_truth import ground_truth, set_by_site

ANALYTIC = Path(__file__).parent.parent / "analytics" / "an1318.chain"
Record = dict[str, Any]
STEPS = ("click", "api", "egress")
POSITIVE = ("p1_cloudtrail_vpcflow", "p2_ocsf")
MIXED = "mixed_an1318.jsonl"


@pytest.fixture(scope="session")
def cloud(shared_data: Path) -> Path:
    return shared_data / "cloud"


@pytest.fixture(scope="session")
def truth(cloud: Path) -> dict[str, Any]:
    return ground_truth(cloud)


Raised = Callable[..., list[Alert]]


@pytest.fixture
def raised(truth: dict[str, Any]) -> Raised:
    """The alerts of some inputs under the ground truth's parameters, some of them changed."""

    def run(*inputs: Path, **changed: Any) -> list[Alert]:
        said = truth["parameters"]["AN1318"]
        parameters = {
            "TimeWindow": f"{said['window']}s",
            "ApprovedImages": said["approved_images"],
            "ApprovedImageProjects": said["approved_image_projects"],
            "EgressAllowList": said["egress_allow"],
            **changed,
        }
        return list(Run([load(ANALYTIC, set_by_site("AN1318", parameters))], list(map(str, inputs))))

    return run


def scenario(cloud: Path, name: str) -> Path:
    return cloud / "scenarios" / f"an1318_{name}.jsonl"


def witnesses(alert: Alert) -> list[tuple[str, int]]:
    return [(Path(s.witness.input).name, s.witness.line) for s in alert.steps if s.witness]


def assert_exactly(found: list[Alert], chains: list[tuple[str, dict[str, Any]]]) -> None:
    """One alert of `instance` for each chain of a file, on the listed lines and about the listed instance."""
    assert sorted((alert.chain, witnesses(alert)) for alert in found) == sorted(
        ("instance", [(name, chain["steps"][step]["line"]) for step in STEPS]) for name, chain in chains
    )
    roots = {alert.steps[1].entity["cloud.instance.id"] for alert in found}
    assert roots == {chain["root"] for _, chain in chains}


@pytest.mark.parametrize("name", POSITIVE)
def test_a_positive_raises_exactly_its_chains(name: str, cloud: Path, truth: dict[str, Any], raised: Raised) -> None:
    file = scenario(cloud, name)
    chains = truth["files"][f"scenarios/{file.name}"]["expected_chains"]
    assert chains
    assert_exactly(raised(file), [(file.name, chain) for chain in chains])


def test_all_files_together_raise_the_positives_alone(cloud: Path, truth: dict[str, Any], raised: Raised) -> None:
    files = sorted((cloud / "scenarios").glob("an1318_*.jsonl"))
    expected = [(f.name, c) for f in files for c in truth["files"][f"scenarios/{f.name}"]["expected_chains"]]
    assert len(files) == 9
    assert_exactly(raised(*files), expected)


def test_the_merged_stream_raises_the_positives_alone(cloud: Path, truth: dict[str, Any], raised: Raised) -> None:
    expected = [(MIXED, chain) for chain in truth["files"][MIXED]["expected_chains"]]
    assert_exactly(raised(cloud / MIXED), expected)


# -- negatives, and what would make each a positive ----------------------------------------

Change = Callable[[list[Record]], None]
FLOW, CALL = 8, 5  # where the near misses of most files stand


def succeeded(records: list[Record]) -> None:
    """The call works, and gives the instance the interface that it asked for."""
    call, flow = records[CALL], records[FLOW]
    assert call.pop("errorCode")
    call["responseElements"] = {
        "instancesSet": {
            "items": [
                {
                    "instanceId": flow["instance_id"],
                    "imageId": call["requestParameters"]["instancesSet"]["items"][0]["imageId"],
                    "networkInterfaceSet": {"items": [{"networkInterfaceId": flow["interface_id"]}]},
                }
            ]
        }
    }


def own_interface(records: list[Record]) -> None:
    """The flow is of the launched instance's interface; the record carries no other id."""
    [launched] = records[CALL]["responseElements"]["instancesSet"]["items"]
    [interface] = launched["networkInterfaceSet"]["items"]
    assert records[FLOW]["srcaddr"] == interface["privateIpAddress"]
    records[FLOW]["interface_id"] = interface["networkInterfaceId"]
    records[FLOW]["instance_id"] = "-"


def accepted(records: list[Record]) -> None:
    assert records[FLOW]["action"] == "REJECT"
    records[FLOW]["action"] = "ACCEPT"


def by_the_human(records: list[Record]) -> None:
    """Whoever signed in launches the instance, and no service."""
    assert records[3]["userIdentity"]["invokedBy"] == "autoscaling.amazonaws.com"
    records[3]["userIdentity"] = records[0]["userIdentity"]


NEGATIVE: dict[str, tuple[dict[str, Any], Change | None]] = {
    "n1_approved_ami": ({"ApprovedImages": []}, None),
    "n2_api_error": ({}, succeeded),
    "n3_ip_reuse": ({}, own_interface),
    "n4_window": ({"TimeWindow": "1h"}, None),
    "n5_reject": ({}, accepted),
    "n6_autoscaling": ({}, by_the_human),
    "n7_egress_allow_ocsf": ({"EgressAllowList": ["10.0.0.0/8"]}, None),
}


@pytest.mark.parametrize("name", sorted(NEGATIVE))
def test_a_negative_raises_nothing_and_does_without_its_one_rule(
    name: str, cloud: Path, truth: dict[str, Any], raised: Raised, tmp_path: Path
) -> None:
    file = scenario(cloud, name)
    assert truth["files"][f"scenarios/{file.name}"]["expected_chains"] == []
    assert raised(file) == []
    changed, change = NEGATIVE[name]
    if change is not None:
        records = [json.loads(line) for line in file.read_text().splitlines()]
        change(records)
        file = tmp_path / "changed.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [alert.chain for alert in raised(file, **changed)] == ["instance"]


def test_every_negative_of_the_ground_truth_is_here(truth: dict[str, Any]) -> None:
    said = {n for n, file in truth["files"].items() if file["polarity"] == "negative"}
    assert said == {f"scenarios/an1318_{name}.jsonl" for name in NEGATIVE}


# -- real telemetry, and samples ----------------------------------------


def test_real_launches_without_console_sign_in_or_flows_raise_nothing(cloud: Path, raised: Raised) -> None:
    assert raised(cloud / "real" / "invictus_cloudtrail_a.jsonl.gz") == []


def test_real_calls_mean_what_the_ground_truth_says(cloud: Path, truth: dict[str, Any]) -> None:
    [(name, file)] = truth["real"].items()
    normaliser = Normaliser(load_formats())
    rows = gzip.decompress((cloud / name).read_bytes()).splitlines()
    assert len(rows) == file["events"]
    for item in file["truth"]["key_events"]:
        result = normaliser.normalise(rows[item["line"] - 1], Origin(name, item["line"], 0))
        assert not isinstance(result, Rejected)
        [event] = result
        fields = event.fields
        assert (fields["event.id"], fields["event.action"]) == (item["id"], item["event"])
        assert fields.get("error.code") == item["error"]
        assert fields.get("cloud.instance.id") == item["instance"] and fields.get("cloud.image.id") == item["image"]
        assert ("launch" in event.kinds) == (item["instance"] is not None)


def test_every_sample_is_recognised_or_refused_with_a_reason(cloud: Path) -> None:
    normaliser = Normaliser(load_formats())
    refused = []
    for file in sorted((cloud / "samples").glob("*.jsonl")):
        for at, line in enumerate(file.read_bytes().splitlines(), 1):
            result = normaliser.normalise(line, Origin(file.name, at, 0))
            if isinstance(result, Rejected):
                refused.append((file.name, at, result.cause))
    # shortened by its authors: it has no `eventTime`
    assert refused == [("cloudtrail_panther.jsonl", 16, "no usable time")]
