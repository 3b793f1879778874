"""AN1318 across sources: the sign-in, the launch and the egress may each come from any of them.

The records are those of the formats' samples, which tell one story of 4 March 2026 in every cloud's own words. Each story
loses its alert with any of its records.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load, load_site
from chainrun.dsl.overrides import command_line
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Run

from .test_an1318 import ANALYTIC

SAMPLES = Path(__file__).parent / "formats"
# The samples' addresses are of the documentation ranges, which are nobody's and count as outside.
SIGN_INS = {"cloudtrail": ("cloudtrail", 1), "ocsf": ("ocsf", 1)}
LAUNCHES = {"cloudtrail": ("cloudtrail", 8), "panther": ("cloudtrail", 23), "ocsf": ("ocsf", 9)}
EGRESSES = {
    "vpcflow": ("aws-vpcflow", 1),
    "vpcflow-v2": ("aws-vpcflow", 9),
    "vpcflow-hyphens": ("aws-vpcflow", 13),
    "vpcflow-panther": ("aws-vpcflow", 14),
    "vpcflow-ss4o": ("aws-vpcflow-ss4o", 1),
    "vpcflow-ecs": ("aws-vpcflow-ecs", 1),
    "vpcflow-ocsf": ("ocsf", 17),
    "dns": ("route53-resolver", 1),
    "dns-ocsf": ("ocsf", 26),
    "guardduty": ("guardduty", 1),
    "guardduty-eventbridge": ("guardduty", 7),
}
GOOGLE = [("gcp-audit", 1), ("gcp-audit", 6), ("gcp-audit", 7), ("gcp-vpcflow", 1)]


def sample(place: tuple[str, int]) -> dict[str, Any]:
    name, line = place
    found: dict[str, Any] = json.loads((SAMPLES / name / "raw.jsonl").read_text().splitlines()[line - 1])
    return found


def alerts(tmp_path: Path, records: list[dict[str, Any]], *settings: str) -> list[Alert]:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return list(Run([load(ANALYTIC, command_line(settings))], [str(file)]))


def assert_each_is_needed(tmp_path: Path, records: list[dict[str, Any]], *needed: int) -> list[Alert]:
    found = alerts(tmp_path, records)
    assert [a.chain for a in found] == ["instance"]
    for at in needed:
        assert not alerts(tmp_path, records[:at] + records[at + 1 :])
    return found


MIXED = sorted(
    {(s, a, "vpcflow") for s in SIGN_INS for a in LAUNCHES} | {(s, s, e) for s in SIGN_INS for e in EGRESSES}
)


@pytest.mark.parametrize(("signin", "launch", "egress"), MIXED)
def test_sources_may_be_mixed(tmp_path: Path, signin: str, launch: str, egress: str) -> None:
    records = [sample(SIGN_INS[signin]), sample(LAUNCHES[launch]), sample(EGRESSES[egress])]
    [alert] = alerts(tmp_path, records)
    assert alert.chain == "instance"
    assert alert.steps[1].entity["cloud.instance.id"] == "i-0a11ce00000000001"


def test_a_file_of_records_as_s3_has_it(tmp_path: Path) -> None:
    log = {"Records": [sample(SIGN_INS["cloudtrail"]), sample(LAUNCHES["cloudtrail"])]}
    assert_each_is_needed(tmp_path, [log, sample(EGRESSES["vpcflow"])], 0, 1)


def test_each_of_the_instances_of_one_call_has_its_own_alert(tmp_path: Path) -> None:
    flow = sample(EGRESSES["vpcflow"])
    other = {**flow, "instance_id": "i-0a11ce00000000002", "interface_id": "eni-0a11ce00000000002"}
    records = [sample(SIGN_INS["cloudtrail"]), sample(LAUNCHES["cloudtrail"]), flow, other]
    assert len(alerts(tmp_path, records)) == 2


def test_a_role_that_a_console_user_took_is_that_users_perhaps(tmp_path: Path) -> None:
    """An IAM user's calls name no session: that it was the console's is known by the identity alone."""
    signin, taken, launch = sample(("cloudtrail", 2)), sample(("cloudtrail", 7)), sample(LAUNCHES["cloudtrail"])
    signin["responseElements"]["ConsoleLogin"] = "Success"
    role = taken["responseElements"]["assumedRoleUser"]["assumedRoleId"]
    launch["userIdentity"]["principalId"] = role
    records = [signin, taken, launch, sample(EGRESSES["vpcflow"])]
    [alert] = alerts(tmp_path, records, "UserContext={ deploy }")
    assert alert.flags == ["unlinked"]
    assert not alerts(tmp_path, [signin, launch, records[3]], "UserContext={ deploy }")


def test_google_by_project_zone_and_name(tmp_path: Path) -> None:
    [alert] = assert_each_is_needed(tmp_path, [sample(place) for place in GOOGLE], 0, 1, 3)
    assert alert.steps[1].entity["cloud.instance.id"] == "projects/atlas-dev/zones/europe-west3-b/instances/scratch-1"
    assert alert.flags == ["unlinked"]  # Google's records name no session


@pytest.mark.parametrize(
    ("record", "path", "value"),
    [
        pytest.param(
            0, ("metadata", "event", 0, "parameter", 1, "value"), "google_password", id="no federated sign-in"
        ),
        pytest.param(0, ("authenticationInfo", "principalEmail"), "q.roe@example.com", id="somebody else"),
        pytest.param(
            1,
            ("request", "disks", 0, "initializeParams", "sourceImage"),
            "projects/debian-cloud/global/images/debian-12",
            id="an approved project's image",
        ),
        pytest.param(1, ("status",), {"code": 7}, id="refused"),
        pytest.param(3, ("src_instance", "vm_name"), "scratch-9", id="another machine"),
        pytest.param(3, ("src_instance", "zone"), "europe-west3-c", id="another zone"),
        pytest.param(3, ("connection", "dest_ip"), "10.156.0.2", id="inside"),
    ],
)
def test_each_clause_is_needed_on_google(tmp_path: Path, record: int, path: tuple[Any, ...], value: Any) -> None:
    records = [sample(place) for place in GOOGLE]
    place = records[record]["jsonPayload" if record == 3 else "protoPayload"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not alerts(tmp_path, records)


def test_accounts_that_the_site_file_calls_one_are_one(tmp_path: Path) -> None:
    """A sign-in to the identity centre and the role's calls are told to be one person's, by address or ARN."""
    centre, launch, flow = sample(("cloudtrail", 3)), sample(LAUNCHES["cloudtrail"]), sample(EGRESSES["vpcflow"])
    launch["userIdentity"] = {
        "type": "IAMUser",
        "principalId": "AIDAQ3EXAMPLENOVAK00",
        "arn": "arn:aws:iam::210987654321:user/novak",
    }
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in (centre, launch, flow)))
    site = tmp_path / "site.toml"
    site.write_text('[all.users]\n"i.novak@example.com" = "novak"\n"arn:aws:iam::210987654321:user/novak" = "novak"\n')
    overrides = load_site(site)
    assert not list(Run([load(ANALYTIC)], [str(file)]))
    assert len(list(Run([load(ANALYTIC, overrides)], [str(file)]))) == 1
