"""macOS telemetry: whose event it is, and what is refused. What each record yields, its golden in `formats/` shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.intake.normalise import UNKNOWN, Normaliser, Rejected
from chainrun.engine.match.files import FileKeys
from chainrun.engine.match.lineage import Lineage, ancestry

GOLDENS = Path(__file__).parent / "formats"


def normalised(records: list[dict[str, Any]]) -> list[Event]:
    """The events of records, each placed in its host's lineage."""
    normaliser, lineage = Normaliser(load_formats()), Lineage()
    events = []
    for line, record in enumerate(records, 1):
        result = normaliser.normalise(json.dumps(record).encode(), Origin("x", line, 0))
        assert not isinstance(result, Rejected), (line, result)
        events += result
    for event in events:
        lineage.place(event)
    return events


def sample(name: str) -> list[dict[str, Any]]:
    """The records of a golden that are some."""
    rows = (GOLDENS / name / "raw.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(row) for row in rows]
    return [r for r in records if "finished" not in r and "QUOTA" not in r.get("message", "")]


# -- samples as their sources ship them ----------------------------------------

SAMPLES = {
    "gpl3_eslogger": ("eslogger", ()),
    "elv2_jamf_protect_telemetry_es": ("jamf-telemetry", ()),
    "jamf_protect_alerts": ("jamf-alerts", ()),
    "jamf_protect_telemetry_bsm": ("jamf-bsm", (8,)),  # line 8 is a JSON schema
    "nolicence_unified_log": ("unified-log", ()),
    "santa_text_as_message": ("santa-text", ()),
    "santa_protobuf_json": ("", (1, 2, 3, 4, 5)),  # bodies without their line: no time, no host, no name
    "elv2_crowdstrike_fdr_mac": ("crowdstrike-fdr", ()),
    "crowdstrike_fdr_mac_panther": ("crowdstrike-fdr", ()),
}


def test_what_another_log_quotes_is_no_record_of_santas() -> None:
    """What a name or an address says, anybody can have logged."""
    line = sample("santa-text")[0]["message"]
    start = line[line.index("santad: ") :]
    for message in (f"Failed login of x {line}", f"[sshd] {start}", f"[x] I said {start}", json.dumps({"x": line})):
        assert Normaliser(load_formats()).normalise(json.dumps({"message": message}).encode(), Origin("x", 1, 0)) == (
            Rejected(UNKNOWN)
        )


@pytest.mark.parametrize("said", ["ASP: Security policy would not allow process: 5, /a", "hfs: mounted a on device b"])
def test_only_the_kernel_speaks_for_the_kernel(said: str) -> None:
    """Any program may write any message to the unified log."""
    kernel = next(r for r in sample("unified-log") if r["eventMessage"].startswith(said[:4]))
    [true, forged] = normalised(
        [{**kernel, "eventMessage": said}, {**kernel, "eventMessage": said, "processImagePath": "/tmp/x"}]
    )
    assert true.kinds in ({"gatekeeper"}, {"mount"}) and forged.kinds == {"event"}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_recognised_or_refused_for_a_reason(name: str, shared_data: Path) -> None:
    format, refused = SAMPLES[name]
    normaliser = Normaliser(load_formats())
    file = shared_data / "macos" / "samples" / f"{name}.jsonl"
    for line, row in enumerate(file.read_bytes().splitlines(), 1):
        result = normaliser.normalise(row, Origin(name, line, 0))
        if line in refused:
            assert result == Rejected(UNKNOWN), line
        else:
            assert isinstance(result, list) and [e.format for e in result] == [format], line
            assert result[0].os == "macos"


def test_no_sample_is_forgotten(shared_data: Path) -> None:
    assert {file.stem for file in (shared_data / "macos" / "samples").glob("*.jsonl")} == set(SAMPLES)


def test_of_a_real_session_only_what_is_no_record_is_refused(shared_data: Path) -> None:
    file = shared_data / "macos" / "real" / "santa_text_session_as_message.jsonl"
    normaliser = Normaliser(load_formats())
    rows = enumerate(file.read_bytes().splitlines(), 1)
    refused = [line for line, row in rows if isinstance(normaliser.normalise(row, Origin("x", line, 0)), Rejected)]
    truth = json.loads((shared_data / "macos" / "expected.json").read_text())
    assert refused == truth["real"]["real/santa_text_session_as_message.jsonl"]["truth"]["not_records"]


# -- whose event it is ----------------------------------------


@pytest.mark.parametrize("name", ["eslogger", "santa-json", "osquery-es"])
def test_a_fork_and_the_program_it_starts_are_one_process(name: str) -> None:
    """Though starting a program raises the version that is half of a process's name."""
    events = normalised(sample(name))
    [fork] = [e for e in events if "fork" in e.kinds]
    [start] = [e for e in events if "spawn" in e.kinds and e.fields["process.name"] == "zsh"]
    assert fork.process is start.process and start.process
    assert [p.name for p in ancestry(start.process)][:3] == ["zsh", "Mail", "launchd"]
    later = [e for e in events if e.fields.get("process.name") == "zsh" and "spawn" not in e.kinds]
    assert later and {e.process for e in later} == {start.process}


def test_audit_tokens_name_one_process_as_objects_and_as_lists() -> None:
    events = normalised(sample("eslogger"))
    by_version = {e.fields["process.entity_id"]: e.process for e in events if e.fields.get("process.name") == "zsh"}
    assert len(set(by_version.values())) == 1 and "744.1501" in by_version


def test_a_start_through_xpcproxy_is_one_process_which_launchd_started() -> None:
    events = normalised(sample("santa-text"))
    proxy, mail = [e for e in events if "spawn" in e.kinds][:2]
    assert proxy.process is mail.process and mail.process
    assert "open" in mail.kinds and mail.parent and mail.parent.pid == 1


def test_an_alert_and_the_telemetry_of_jamf_know_one_process_by_one_id() -> None:
    events = normalised([*sample("jamf-alerts"), *sample("jamf-bsm")])
    written = next(e for e in events if "write" in e.kinds and e.process)
    shell = next(e for e in events if "spawn" in e.kinds and e.fields["process.name"] == "zsh")
    assert shell.parent is written.process and written.process and written.process.name == "Keka"


def test_a_process_older_than_the_input_has_the_parent_that_its_records_name() -> None:
    record = sample("eslogger")[10]
    [event] = normalised([record])
    assert "write" in event.kinds
    assert [p.pid for p in ancestry(event.process)] == [744, 710]


def test_an_opening_that_only_names_the_app_is_of_the_process_that_started_so() -> None:
    log = sample("unified-log")[0]
    start = sample("eslogger")[0]
    log["eventMessage"] = log["eventMessage"].replace("Google Chrome", "Mail")
    log["timestamp"] = "2026-03-02 10:10:00.900000+0100"
    events = normalised([start, log])
    for event in events:
        event.host = "m"
    lineage = Lineage()
    for event in events:
        lineage.place(event)
    assert "open" in events[1].kinds and events[1].process is events[0].process


def test_a_renamed_file_stays_the_file_that_was_written() -> None:
    events = normalised(sample("eslogger"))
    files = FileKeys()
    written = next(e for e in events if "write" in e.kinds)
    first = files.key(written, written.fields["file.path"])
    for event in events:
        files.learn(event)
    run = next(e for e in events if "spawn" in e.kinds and e.fields["process.name"] == "zsh")
    assert first in files.keys(run, run.fields["exec.path"])


# -- what did not happen ----------------------------------------


@pytest.mark.parametrize("name", ["eslogger", "jamf-telemetry", "jamf-bsm", "jamf-alerts", "santa-text", "santa-json"])
def test_a_start_that_was_denied_or_failed_starts_nobody(name: str) -> None:
    events = normalised(sample(name))
    failed = [e for e in events if e.fields.get("event.outcome") == "failure" or _error(e)]
    assert failed
    assert all(e.kinds <= {"event", "detect"} for e in failed)


def _error(event: Event) -> bool:
    record = json.loads(event.raw)
    return record.get("return", {}).get("error") not in (None, 0, 150)
