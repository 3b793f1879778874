"""What chains ask of a stream, and which records are left out for it."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.chains import load_all
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.intake.demand import EVERYTHING, Demand, of_kinds
from chainrun.engine.intake.normalise import Normaliser

AT = Origin("x", 1, 0)
FORMATS = {format.name: format for format in load_formats()}


def demand(tmp_path: Path, text: str) -> Demand:
    file = tmp_path / "x.chain"
    file.write_text(text)
    return Engine(load_all([file])).demand


def sysmon(code: int, second: int = 0, **data: Any) -> bytes:
    """A record of Sysmon, as NXLog writes it: its own time is right, the record's is local."""
    record = {"SourceName": "Microsoft-Windows-Sysmon", "EventID": code, "Hostname": "ws-1", "@timestamp": "x"}
    times = {"EventTime": f"2024-03-05 10:00:{second:02}", "UtcTime": f"2024-03-05 09:00:{second:02}.500"}
    return json.dumps({**record, **times, **data}).encode()


def events(normaliser: Normaliser, line: bytes) -> list[Event]:
    result = normaliser.normalise(line, AT)
    assert isinstance(result, list)
    return result


def passing(normaliser: Normaliser, line: bytes) -> bool:
    """Whether a record goes on."""
    return bool(events(normaliser, line))


# -- of chains ----------------------------------------


def test_steps_ask_for_events_that_are_of_all_their_kinds(tmp_path: Path) -> None:
    found = demand(tmp_path, "spawn({ cmd.exe }) and exec(path: { /tmp }) -> write({ /tmp }) within 5m")
    assert found.kinds is not None and not found.apps and not found.proofs
    assert {frozenset({"spawn", "exec"}), frozenset({"write"}), frozenset({"exit"})} <= found.kinds
    assert frozenset({"exec"}) not in found.kinds


def test_an_app_that_is_open_without_a_start_asks_for_its_own_events_only(tmp_path: Path) -> None:
    found = demand(tmp_path, "open({ winword.exe }) -> egress within 5m")
    assert found.kinds is not None and frozenset({"open"}) in found.kinds
    (is_word,) = found.apps

    def named(name: str) -> Event:
        fields = {"process.name": name, "process.executable": f"C:\\x\\{name}"}
        return Event(0, frozenset(), fields, os="windows", origin=AT)

    assert is_word(named("WINWORD.EXE"), ()) is True
    assert is_word(named("excel.exe"), ()) is False
    assert is_word(Event(0, frozenset(), {}, os="windows", origin=AT), ()) is None


@pytest.mark.parametrize(
    "chain",
    [
        "open -> egress within 5m",  # of any app
        "open({ winword.exe }) -> egress -> !write within 5m",  # every event tells the time
        'event where process.name == "a" -> egress within 5m',  # many records leave it to others to tell
        'event where user.name == "a" or file.quarantine == "b" -> egress within 5m',
        'spawn -> !event where user.name == "a" -> egress within 5m',  # of whom it is not known may be it
    ],
)
def test_what_can_be_anything_asks_for_everything(chain: str, tmp_path: Path) -> None:
    assert demand(tmp_path, chain) == EVERYTHING


def test_an_event_of_any_kind_is_asked_for_by_the_fields_that_it_must_have(tmp_path: Path) -> None:
    found = demand(tmp_path, 'write -> event where file.quarantine == "a" and user.name in { "b" } -> egress within 5m')
    assert found.fields == {frozenset({"file.quarantine", "user.name"})}
    normaliser = Normaliser(
        load_formats(),
        frozenset({"file.hash.sha256"}),
        Demand(frozenset(), frozenset({frozenset({"file.hash.sha256"})})),
    )
    assert passing(normaliser, sysmon(7, Image="C:\\a.exe", Hashes="SHA256=00")) and not passing(normaliser, sysmon(13))


def test_silence_is_proof_of_sources_that_could_have_spoken(tmp_path: Path) -> None:
    """Of the others no record is asked for that shows nothing."""
    found = demand(tmp_path, "spawn({ cmd.exe }) -> !pull -> egress within 5m")
    assert found.kinds_from(FORMATS["docker-events"]) is None
    assert found.kinds_from(FORMATS["flat-nxlog-logstash"]) == found.kinds != None  # noqa: E711
    assert demand(tmp_path, "signin where new(user.name among signin in 1d)").kinds_from(FORMATS["cloudtrail"]) is None


# -- of records ----------------------------------------


def test_a_record_of_another_kind_is_left_out_unless_its_process_may_be_the_app(tmp_path: Path) -> None:
    asked = demand(tmp_path, "open({ winword.exe }) -> egress within 5m")
    normaliser = Normaliser(load_formats(), frozenset(), asked)
    word, other = {"Image": "C:\\x\\winword.exe", "ProcessId": "7"}, {"Image": "C:\\x\\a.exe", "ProcessId": "8"}
    assert [passing(normaliser, sysmon(7, **word)) for _ in range(3)] == [True, True, True]
    assert [passing(normaliser, sysmon(7, **other)) for _ in range(3)] == [False, False, False]
    assert [passing(normaliser, sysmon(7, ProcessId="9")) for _ in range(3)] == [True, True, True]  # lineage may know
    assert not passing(normaliser, sysmon(7))
    assert passing(normaliser, sysmon(3, Initiated="true", **other))


def endpoint(minute: int, parent: int = 1, host: str = "ws-1") -> bytes:
    """A record of Elastic Defend: who started the process stands in each."""
    process = {"entity_id": "a", "pid": 8, "name": "a", "parent": {"entity_id": f"p{parent}", "pid": parent}}
    event = {
        "category": ["file"],
        "type": ["change"],
        "action": "modification",
        "dataset": "endpoint.events.file",
        "module": "endpoint",
    }
    agent = {"type": "endpoint"}
    at = f"2024-03-05T09:{minute:02}:00.000Z"
    return json.dumps(
        {"@timestamp": at, "agent": agent, "event": event, "host": {"name": host, "os": {"type": "linux"}}, "process": process}
    ).encode()  # fmt: skip


def test_a_record_passes_that_is_the_first_to_tell_who_started_its_process() -> None:
    """Of an hour, and by its time, whatever came before it; it is marked as one that nobody asks for."""
    normaliser = Normaliser(load_formats(), frozenset(), of_kinds("egress"))
    (first,) = events(normaliser, endpoint(30))
    assert first.unasked and first.fields["process.parent.entity_id"] == "p1"
    assert [passing(normaliser, endpoint(minute)) for minute in (30, 31, 29, 29, 30)] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert passing(normaliser, endpoint(31, parent=2)) and passing(normaliser, endpoint(31, host="ws-2"))
    assert not passing(normaliser, sysmon(7, Image="C:\\x\\a.exe", ProcessId="8"))  # tells nothing of the kind


def test_an_address_is_told_again_after_ten_minutes() -> None:
    """It may have been another's in between."""
    normaliser = Normaliser(load_formats(), frozenset(), of_kinds("egress"))

    def load(minute: int) -> bytes:
        agent = {"host": {"name": "ws-1", "ip": ["10.0.0.7"]}, "@timestamp": f"2024-03-05T09:{minute:02}:00Z"}
        winlog = {"provider_name": "Microsoft-Windows-Sysmon", "event_id": 7, "event_data": {"ProcessId": "7"}}
        return json.dumps({**agent, "winlog": winlog}).encode()

    assert [passing(normaliser, load(minute)) for minute in (1, 2, 9, 11, 12)] == [True, False, False, True, False]


def test_a_registry_event_is_an_open_only_where_a_click_left_it() -> None:
    normaliser = Normaliser(load_formats(), frozenset(), of_kinds("open"))
    recent = "HKU\\S-1-5-21-1\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RecentDocs\\1"
    assert passing(normaliser, sysmon(13, TargetObject=recent, EventType="SetValue"))
    assert not passing(normaliser, sysmon(13, TargetObject="HKLM\\System\\x", EventType="SetValue"))


def test_a_pipe_hears_once_a_second_what_time_it_is_by_what_nobody_needs() -> None:
    normaliser = Normaliser(load_formats(), frozenset(), of_kinds("egress"))
    assert not any(passing(normaliser, sysmon(7, second)) for second in (1, 2))
    normaliser.ticks = True
    found = [events(normaliser, sysmon(7, second)) for second in (1, 1, 2, 2, 1)]
    assert [len(one) for one in found] == [1, 0, 1, 0, 1]
    assert {(e.unasked, e.kinds, e.host, e.measures) for one in found for e in one} == {
        (True, frozenset(), "ws-1", -3_600_000_000 + 500_000)
    }
