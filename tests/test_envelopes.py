"""Records that a shipper has wrapped: one record in many envelopes gives one and the same event."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine import cli
from chainrun.engine.cli.exits import Exit
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.formats.event_xml import read_event
from chainrun.engine.intake.normalise import Normaliser, Rejected

AT = Origin("x", 1, 0)
SAMPLES = Path(__file__).parent / "formats"
NORMALISER = Normaliser(load_formats())

# A record that names no host, and one that does.
AUDIT = json.loads((SAMPLES / "auditd-coalesced" / "raw.jsonl").read_text().splitlines()[0])
LAUREL = json.loads((SAMPLES / "auditd-laurel" / "raw.jsonl").read_text().splitlines()[0])
SYSMON = json.loads((SAMPLES / "sysmon-linux" / "raw.jsonl").read_text().splitlines()[0])["SyslogMessage"]


def events(line: bytes | str | dict[str, Any]) -> list[Event] | Rejected:
    if isinstance(line, dict):
        line = json.dumps(line)
    return NORMALISER.normalise(line.encode() if isinstance(line, str) else line, AT)


def only(line: bytes | str | dict[str, Any]) -> Event:
    result = events(line)
    assert not isinstance(result, Rejected), result
    [event] = result
    return event


def same(one: Event, other: Event) -> bool:
    return (one.time, one.kinds, one.sequence, one.format) == (other.time, other.kinds, other.sequence, other.format)


TEXT = json.dumps(LAUREL)


@pytest.mark.parametrize(
    "line",
    [
        {"message": TEXT},
        {"@timestamp": "2026-03-05T09:00:09Z", "message": TEXT, "host": {"name": "elsewhere"}, "log": {"offset": 4}},
        {"@timestamp": "2026-03-05T09:00:09Z", "event": {"original": TEXT, "kind": "event"}},
        {"log": TEXT + "\n", "stream": "stdout", "time": "2026-03-05T09:00:09.1Z"},
        {"_source": {"message": TEXT}},
        {"_index": "a", "_source": LAUREL},
        {"result": {"_raw": TEXT}},
        {"event": LAUREL, "sourcetype": "laurel"},
        {"message": json.dumps({"message": json.dumps({"log": TEXT})})},
        {"message": f"<13>Mar  5 09:00:09 relay laurel[77]: @cee: {TEXT}"},
        f"<13>1 2026-03-05T09:00:09.123456+01:00 relay laurel 77 - - {TEXT}",
        f'1 2026-03-05T09:00:09Z relay laurel - ID1 [a@1 b="c"] \ufeff{TEXT}',
        f"2026-03-05T09:00:09.123456789Z stdout F {TEXT}",
        f"@cee: {TEXT}",
        f"Mar  5 09:00:09 relay laurel: {TEXT}",
        f'<13>1 2026-03-05T09:00:09Z relay laurel - ID1 [a@1 b="c\\]"][x@2] {TEXT}',
    ],
    ids=range(16),
)
def test_one_record_in_many_envelopes_is_one_event(line: str | dict[str, Any]) -> None:
    plain, wrapped = only(LAUREL), only(line)
    assert same(wrapped, plain) and wrapped.fields == plain.fields
    assert wrapped.host == "fin-srv-1"  # as the record itself says, wherever it came through
    assert json.loads(wrapped.raw) == LAUREL


@pytest.mark.parametrize(
    "line",
    [
        {"message": json.dumps(AUDIT), "host": {"name": "Web-7.example.com"}},
        {"message": json.dumps(AUDIT), "host": "web-7"},
        {"log": json.dumps(AUDIT), "kubernetes": {"node": {"name": "web-7"}}},
        {"message": json.dumps({"log": json.dumps(AUDIT)}), "host": {"hostname": "web-7"}},
        f"<13>Mar  5 09:00:09 web-7 audisp: {json.dumps(AUDIT)}",
    ],
    ids=range(5),
)
def test_a_record_that_names_no_host_has_its_envelopes(line: str | dict[str, Any]) -> None:
    assert only(AUDIT).host == ""
    wrapped = only(line)
    assert same(wrapped, only(AUDIT)) and wrapped.host == "web-7" and wrapped.fields["host.name"] == "web-7"


@pytest.mark.parametrize("name", [format.name for format in load_formats() if format.flow])
def test_a_flow_is_not_the_hosts_whose_shipper_passed_it_on(name: str) -> None:
    """Whose it is its source address tells; as the sensor's own it would give every address to the sensor."""
    text = (SAMPLES / name / "raw.jsonl").read_text().splitlines()[0]
    for line in ({"message": text, "host": {"name": "sensor-1"}}, f"<13>Mar  5 09:00:09 sensor-1 x: {text}"):
        result = events(line)
        assert isinstance(result, list) and {event.host for event in result} == {""}


def test_a_record_without_a_time_has_its_envelopes() -> None:
    timeless = {key: value for key, value in AUDIT.items() if key != "@timestamp"}
    assert events(timeless) == Rejected("no usable time")
    wrapped = only({"@timestamp": "2026-03-05T09:00:09Z", "message": json.dumps(timeless)})
    assert wrapped.time == 1_772_701_209_000_000


@pytest.mark.parametrize("time", ["nan", "NaN", "inf", "1e400", "9" * 9_000, [], {}, True])
def test_what_is_no_time_is_none_of_an_envelope_either(time: Any) -> None:
    assert same(only({"@timestamp": time, "message": TEXT}), only(LAUREL))


@pytest.mark.parametrize("odd", ['"\\ud800"', "1e999", "9" * 50, "[" * 50 + "]" * 50])
def test_what_only_the_stricter_decoder_refuses_hides_no_wrapped_record(odd: str) -> None:
    wrapped = only(f'{{"odd": {odd}, "event": {TEXT[:-1]}, "odd": {odd}}}}}')
    assert same(wrapped, only(LAUREL)) and wrapped.fields == only(LAUREL).fields


def test_a_list_of_records_is_as_many_events() -> None:
    result = events({"Records": [LAUREL, json.dumps(AUDIT), {"unknown": 1}, 7]})
    assert isinstance(result, list) and [e.format for e in result] == ["auditd-laurel", "auditd-coalesced"]


def test_what_a_message_quotes_is_no_record() -> None:
    """A brace in what somebody has logged must not become an event: anybody can have it logged."""
    quoted = f"Invalid user {TEXT}"
    for line in (
        {"message": quoted},
        {"message": f"Mar  5 09:00:09 web-7 sshd[9]: {quoted}"},
        {"message": f"GET /?q={TEXT} 200"},
        {"message": f"{TEXT} and more"},
        f"Mar  5 09:00:09 web-7 sshd[9]: {quoted}",
    ):
        assert isinstance(events(line), Rejected)


# What shippers really write around a record, of a host that the record itself need not name.
SHIPPED = {"@timestamp": "2026-03-05T09:00:09Z", "host": {"name": "web-7", "os": {"type": "linux"}, "ip": ["10.0.0.9"]}}
BEATS = {
    **SHIPPED,
    "agent": {"type": "filebeat", "name": "web-7"},
    "ecs": {"version": "8.0.0"},
    "input": {"type": "log"},
}
ENVELOPES: dict[str, Callable[[str, Any], Any]] = {
    "beat": lambda text, record: {**BEATS, "message": text},
    "agent": lambda text, record: {**BEATS, "message": text, "event": {"dataset": "generic", "original": text}},
    "syslog": lambda text, record: f"<13>Mar  5 09:00:01 web-7 tag[7]: {text}",
    "relay": lambda text, record: {
        **BEATS,
        "message": f"<13>Mar  5 09:00:01 relay tag: @cee: {text}",
        "process": {"pid": 7},
    },
    "collector": lambda text, record: {"time": 1772701209, "host": "web-7", "source": "s", "event": record},
    "journal": lambda text, record: {"MESSAGE": text, "_HOSTNAME": "web-7", "_PID": "7", "_EXE": "/usr/bin/x"},
    "container": lambda text, record: {"log": text + "\n", "stream": "stdout", "time": "2026-03-05T09:00:09.1Z"},
    "search": lambda text, record: {"_index": "a", "_id": "1", "_source": {**BEATS, "message": text}},
    "cloud": lambda text, record: {"insertId": "i", "jsonPayload": record, "timestamp": "2026-03-05T09:00:09Z"},
    "bus": lambda text, record: {"version": "0", "detail-type": "x", "source": "x", "detail": record},
    "batch": lambda text, record: {"logGroup": "g", "logEvents": [{"id": "1", "message": text}]},
}


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*/raw.jsonl")), ids=lambda path: path.parent.name)
def test_no_envelope_makes_a_record_one_of_another_format(sample: Path) -> None:
    for text in sample.read_text(encoding="utf-8").splitlines():
        plain = events(text)
        if isinstance(plain, Rejected):
            continue
        for name, wrap in ENVELOPES.items():
            wrapped = events(wrap(text, json.loads(text)))
            assert isinstance(wrapped, list), name
            assert [(e.format, e.kinds, e.sequence) for e in wrapped] == [
                (e.format, e.kinds, e.sequence) for e in plain
            ]
            assert all(a.host in (b.host, "web-7", "relay", "") for a, b in zip(wrapped, plain, strict=True)), name


def test_a_record_that_is_known_is_not_looked_into() -> None:
    known = {**LAUREL, "message": json.dumps(AUDIT)}
    assert only(known).format == "auditd-laurel"


def test_a_fault_inside_is_the_lines_fault() -> None:
    assert events({"message": '{"SYSCALL": '}) == Rejected("malformed JSON")
    assert events({"message": '{"unknown": 1}'}) == Rejected("unknown format")
    assert events({"message": "hello"}) == Rejected("unknown format")
    assert events("hello") == Rejected("malformed JSON")


def test_envelopes_have_a_bottom() -> None:
    line: dict[str, Any] = LAUREL
    for _ in range(20):
        line = {"message": json.dumps(line)} if len(json.dumps(line)) < 100_000 else {"event": line}
    assert isinstance(events(line), Rejected)


@pytest.mark.parametrize("wrapped", [LAUREL, json.dumps(LAUREL), [LAUREL]])
def test_a_user_may_say_where_else_records_stand(wrapped: Any) -> None:
    """`--unwrap ours.inner`: an object, its text, or a list of them, as in the envelopes that are known."""
    line = json.dumps({"ours": {"inner": wrapped, "host": "not.it"}, "host": {"name": "outside"}}).encode()
    assert isinstance(NORMALISER.normalise(line, AT), Rejected)
    told = Normaliser(load_formats(), unwrap=(("ours", "inner"),)).normalise(line, AT)
    assert isinstance(told, list)
    assert same(told[0], only(LAUREL))


@pytest.mark.parametrize("said", ["", "a..b", ".a"])
def test_what_is_no_path_is_told(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["normalise", "--unwrap", said, "x.jsonl"]) == Exit.USAGE
    assert "is no path" in capsys.readouterr().err


def test_a_format_may_say_where_else_its_records_stand(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name="mine"\ntitle="Mine"\nblind="much"\nunwrap="payload.inner"\n[recognise]\nhas=["when","who"]\n'
        '[time]\nwritten="when"\n'
    )
    normaliser = Normaliser(load_formats((file,)))
    for inner in ('{"when":"2026-03-05T09:00:00Z","who":1}', {"when": "2026-03-05T09:00:00Z", "who": 1}):
        result = normaliser.normalise(json.dumps({"payload": {"inner": inner}}).encode(), AT)
        assert isinstance(result, list) and result[0].format == "mine"


# -- XML ----------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        {"SyslogMessage": SYSMON},
        {"message": f"Mar  5 09:00:00 fin-ws-3 sysmon: {SYSMON}"},
        {"MESSAGE": SYSMON, "_HOSTNAME": "fin-ws-3"},
        f"Mar  5 09:00:00 fin-ws-3 sysmon[811]: {SYSMON}",
        SYSMON,
    ],
    ids=range(5),
)
def test_an_event_of_xml_in_many_envelopes_is_one_event(line: str | dict[str, Any]) -> None:
    event = only(line)
    assert event.format == "sysmon-linux" and event.host == "fin-ws-3" and event.sequence == 70209
    assert event.fields["process.command_line"].endswith('"https://docs.example/a?b=1&c=2"')


def test_windows_events_as_xml_are_those_of_the_event_log() -> None:
    xml = (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        "<Provider Name='Microsoft-Windows-Sysmon' Guid='{5770385f-c22a-43e0-bf4c-06f5698ffbd9}'/><EventID>1</EventID>"
        "<TimeCreated SystemTime='2026-03-05T09:00:00.1Z'/><EventRecordID>9</EventRecordID><Computer>A.corp</Computer>"
        "</System><EventData><Data Name='UtcTime'>2026-03-05 09:00:00.000</Data>"
        "<Data Name='Image'>C:\\a\\b.exe</Data></EventData></Event>"
    )
    event = only({"_raw": xml})
    assert event.format == "evtx" and event.os == "windows" and event.fields["process.executable"] == "C:\\a\\b.exe"


def test_xml_that_is_cut_gives_what_is_whole_of_it() -> None:
    """A value that is cut is left out: 13 is not the pid 1340."""
    found = read_event(
        '<Event><System><EventID>1</EventID></System><EventData><Data Name="a">1</Data><Data Name="b">13'
    )
    assert found == {"Event": {"System": {"EventID": "1"}, "EventData": {"a": "1"}}}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a &lt;b&gt; &amp;&amp; &quot;c&quot; &apos;d&apos; &#65;", "a <b> && \"c\" 'd' A"),
        ("a &lt b&gt  &amp &quot c&quot ", 'a <b> &"c"'),
        ("&ltx & y &unknown z", "&ltx & y &unknown z".replace("&ltx", "<x")),
        ("a &amp;lt; b", "a &lt; b"),
    ],
)
def test_entities_are_read_also_without_their_semicolon(written: str, said: str) -> None:
    found = read_event(f'<Event><System><EventID>1</EventID></System><EventData><Data Name="v">{written}</Data>')
    assert found and found["Event"]["EventData"]["v"] == said


@pytest.mark.parametrize("number", ["9" * 9, "9" * 5_000, "x" + "f" * 5_000, "0", "xD800"])
def test_the_number_of_no_letter_costs_nothing_else(number: str) -> None:
    found = read_event(f'<Event><System><EventID>1</EventID></System><EventData><Data Name="v">a&#{number};</Data>')
    assert found and found["Event"]["EventData"]["v"][0] == "a" and found["Event"]["System"] == {"EventID": "1"}


def test_an_entity_that_the_text_declares_is_never_expanded() -> None:
    event = "<Event><System><EventID>1</EventID><Computer>&a;</Computer></System></Event>"
    found = read_event(event)
    assert found and found["Event"]["System"]["Computer"] == "&a;"
    declared = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{event}'
    assert read_event(declared) is None and isinstance(events({"message": declared}), Rejected)


def test_of_a_value_that_is_given_twice_the_first_counts() -> None:
    found = read_event(
        '<Event><System><A>1</A><A>2</A></System><EventData><Data Name="v">1</Data><Data Name="v">2</Data>'
    )
    assert found == {"Event": {"System": {"A": "1"}, "EventData": {"v": "1"}}}


@pytest.mark.parametrize(
    "xml",
    [
        "<Event" + " a" * 50_000,
        "<Event>" + "<a " * 50_000,
        "<Event>" + "<Data Name='" * 30_000,
        "<Event>" + "<" * 100_000,
        "<Event><a" + " a='1'" * 50_000,
        "<Event><" + "a" * 300_000,
        "<Event>" + "<a>" * 100_000,
    ],
    ids=range(7),
)
def test_hostile_xml_costs_no_more_than_its_length(xml: str) -> None:
    assert read_event(xml) is None
