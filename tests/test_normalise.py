"""What a line may hold and what becomes of it: nothing raises, a wrong value costs its field and not its event."""

import json
import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import instants, load_formats
from chainrun.engine.formats.command_line import split_posix, split_windows
from chainrun.engine.formats.rawpath import parse_path, show_path
from chainrun.engine.intake.code_files import code_files
from chainrun.engine.intake.decode import Decoder, needed_paths
from chainrun.engine.intake.demand import of_kinds
from chainrun.engine.intake.kinds import _kept_names, complete, is_click, is_local
from chainrun.engine.intake.normalise import CAUSES, Normaliser, Rejected
from hypothesis import given, settings
from hypothesis import strategies as st

SAMPLES = sorted((Path(__file__).parent / "formats").glob("*/raw.jsonl"))
AT = Origin("x", 1, 0)
NORMALISER = Normaliser(load_formats())


def only(line: bytes | dict[str, Any], normaliser: Normaliser = NORMALISER) -> Event:
    result = normaliser.normalise(line if isinstance(line, bytes) else json.dumps(line).encode(), AT)
    assert not isinstance(result, Rejected), result
    [event] = result
    return event


def wec(id: int, **data: Any) -> dict[str, Any]:
    sysmon = {"SourceName": "Microsoft-Windows-Sysmon", "UtcTime": "2024-03-05 09:00:00.000"}
    security = {"SourceName": "Microsoft-Windows-Security-Auditing"}
    stamp = "2024-03-05T02:00:00.000Z"
    frame = {"EventID": id, "Hostname": "A.corp", "TimeCreated": stamp, "@timestamp": stamp}
    return {**frame, **(sysmon if id < 100 else security), **data}


# -- lines that are no record ----------------------------------------


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"", "empty line"),
        (b" \t\r", "empty line"),
        (b"{", "malformed JSON"),
        (b'{"EventID":1', "malformed JSON"),
        (b'{"EventID":1}{"EventID":1}', "malformed JSON"),
        (b'{"EventID":NaN}', "malformed JSON"),
        (b'{"EventID":"a\0b"}', "malformed JSON"),
        (b"\0" * 9, "malformed JSON"),
        (b'{"EventID":"\xff"}', "invalid UTF-8"),
        (b"[1]", "not an object"),
        (b'"text"', "not an object"),
        (b"3", "not an object"),
        (b"null", "not an object"),
        (b'{"EventID":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deeply"),
        (b'{"unread":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deeply"),
        (b"{}", "unknown format"),
        (b'{"EventID":1,"Hostname":"a"}', "unknown format"),
        (b'{"EventID":1,"Hostname":"a","TimeCreated":"soon","@timestamp":"soon"}', "no usable time"),
    ],
)
def test_a_line_that_is_no_record_is_rejected_with_its_cause(line: bytes, cause: str) -> None:
    assert cause in CAUSES
    assert NORMALISER.normalise(line, AT) == Rejected(cause)


@pytest.mark.parametrize("depth", [100, *range(300, 1_000, 50)])
def test_a_deep_line_that_needs_mending_is_rejected_at_worst(depth: int) -> None:
    line = b'{"EventId":1,"b":"\\ud800","a":' + b"[" * depth + b"]" * depth + b"}"
    assert NORMALISER.normalise(line, AT) in (Rejected("unknown format"), Rejected("nested too deeply"))


def test_what_only_the_stricter_decoder_refuses_is_still_a_record() -> None:
    """Half a surrogate pair in a file's name, or a number beyond all bounds, must not hide an event."""
    line = json.dumps(wec(11, TargetFilename="C:\\x")).replace('C:\\\\x"', 'C:\\\\\\ud800x","ProcessId":1e999').encode()
    event = only(line)
    assert event.fields["file.path"] == "C:\\\ufffdx"
    assert "process.pid" not in event.fields


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise(line: bytes) -> None:
    result = NORMALISER.normalise(line, AT)
    assert isinstance(result, list) or result.cause in CAUSES


# -- records with wrong values ----------------------------------------

WRONG: tuple[Any, ...] = (
    None,
    "",
    "-",
    "ü\0",
    0,
    -1,
    2**80,
    1.5,
    True,
    [],
    [None, "x"],
    {},
    {"a": {"b": 1}},
    "9" * 400,
    "/a/",
    " ",
)


def _changed(value: Any) -> Iterator[Any]:
    """The value with each of its parts removed or made wrong, one at a time."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for wrong in WRONG:
                yield {**value, key: wrong}
            for changed in _changed(part):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for at, part in enumerate(value[:6]):
            for changed in (*WRONG, *_changed(part)):
                yield [*value[:at], changed, *value[at + 1 :]]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: p.parent.name)
def test_a_wrong_value_costs_its_field_and_never_an_exception(sample: Path) -> None:
    seen: set[tuple[str, ...]] = set()
    for line in sample.read_bytes().splitlines():
        record = json.loads(line)
        whole = NORMALISER.normalise(line, AT)
        shape = (*sorted(record), str(record.get("EventID", record.get("event_id"))))
        if shape in seen or isinstance(whole, Rejected):
            continue
        seen.add(shape)
        for changed in _changed(record):
            result = NORMALISER.normalise(json.dumps(changed).encode(), AT)
            if isinstance(result, Rejected):
                assert result.cause in (
                    "no usable time",
                    "unknown format",
                    "malformed JSON",
                    "not an object",
                    "empty line",
                )
                continue
            for event in result:
                assert type(event.time) is int and event.kinds and type(event.host) is str
                for name, value in event.fields.items():
                    assert value is not None and not isinstance(value, dict | list), (name, value)
                    assert value != "" and value != (), name


@given(st.dictionaries(st.sampled_from(sorted(wec(1))), st.one_of(st.none(), st.text(), st.integers(), st.floats())))
@settings(max_examples=200, deadline=None)
def test_a_field_of_any_value_leaves_the_event(change: dict[str, Any]) -> None:
    line = json.dumps({**wec(1, Image="C:\\a.exe"), **change}).encode()
    result = NORMALISER.normalise(line, AT)
    assert isinstance(result, list) or result.cause in CAUSES


# -- time ----------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01 00:00:00", 0),
        ("2020-10-21 12:19:04.414", 1_603_282_744_414_000),
        ("2020-10-21T12:19:04.4Z", 1_603_282_744_400_000),
        ("2020-10-21T12:19:04,414+02:00", 1_603_275_544_414_000),
        ("2020-10-21T12:19:04.6296306Z", 1_603_282_744_629_630),
        ("2020-10-21T12:19:04.123456789-0330", 1_603_295_344_123_456),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2020-10-21 12:19", 1_603_282_740_000_000),
        ("2020-10-21", None),
        ("20201021T121904", None),
        ("2020-13-21 12:19:04", None),
        ("1601-01-01T00:00:00Z", None),
        ("٢٠٢٠-10-21 12:19:04", None),
        ("", None),
    ],
)
def test_iso_times_are_exact_to_the_microsecond(text: str, moment: int | None) -> None:
    assert instants.iso(text) == moment


def test_epochs_are_exact_in_every_unit() -> None:
    assert instants.epoch_seconds(1_692_161_622.036086) == 1_692_161_622_036_086
    assert instants.epoch_seconds("1692161622.036086123") == 1_692_161_622_036_086
    assert instants.epoch_milliseconds(1_692_161_622_036) == 1_692_161_622_036_000
    assert instants.epoch_nanoseconds(1_692_161_622_036_086_999) == 1_692_161_622_036_086
    assert instants.filetime(131_883_571_822_010_000) == 1_543_883_582_201_000
    assert instants.filetime("131883571822010000") == 1_543_883_582_201_000
    for same in (1_692_161_622, 1_692_161_622_000, 1_692_161_622_000_000, 1_692_161_622_000_000_000):
        assert instants.moment(same) == instants.moment(str(same)) == 1_692_161_622_000_000
    for none in (-1, 1e300, float("nan"), "x", True, None, [], 10**40):
        assert instants.moment(none) is None and instants.filetime(none) is None


def test_local_time_in_disguise_is_marked_and_measured() -> None:
    """Sysmon's own UtcTime is right and measures the host; Security has nothing but the record's time."""
    sysmon, security = only(wec(1)), only(wec(4688))
    assert (sysmon.time, sysmon.clock, sysmon.measures) == (1_709_629_200_000_000, None, 7 * 3_600_000_000)
    assert (security.time, security.clock, security.measures) == (1_709_604_000_000_000, 1_709_604_000_000_000, None)


def test_connections_and_queries_of_sysmon_use_the_record_time() -> None:
    """Their UtcTime comes from a clock that stops while a virtual machine sleeps."""
    for id in (3, 22):
        event = only(wec(id, UtcTime="2024-03-01 00:00:00.000"))
        assert event.time == event.clock == 1_709_604_000_000_000 and event.measures is None
    bare = {"EventId": 3, "UtcTime": "2024-03-05 09:00:00.000", "Initiated": "true"}
    assert only(bare).time == 1_709_629_200_000_000  # there is no other


# -- what is asked for ----------------------------------------


def test_only_wanted_fields_are_extracted_and_lineages_always() -> None:
    record = wec(1, ProcessId="7", Image="C:\\a.exe", CommandLine="a b", CurrentDirectory="C:\\", IntegrityLevel="High")
    lean = only(record, Normaliser(load_formats(), frozenset({"process.integrity_level"})))
    assert lean.fields["process.integrity_level"] == "High" and lean.fields["process.pid"] == 7
    assert not {"process.working_directory", "process.args", "exec.path", "event.code", "host.name"} & set(lean.fields)
    full = only(record)
    assert full.fields["process.args"] == ("a", "b") and full.fields["host.name"] == "a"
    assert {k: full.fields[k] for k in lean.fields} == lean.fields and lean.kinds == full.kinds


def test_records_of_kinds_that_nobody_needs_yield_nothing() -> None:
    lean = Normaliser(load_formats(), frozenset(), of_kinds("egress"))
    system = {"Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "EventID": 10}
    evtx = {"Event": {"System": system, "EventData": {"UtcTime": "2024-03-05 09:00:00.000"}}}
    assert lean.normalise(json.dumps(evtx).encode(), AT) == []
    assert len(lean.normalise(json.dumps(wec(3, Initiated=True)).encode(), AT)) == 1  # type: ignore[arg-type]


def test_a_merged_record_asks_for_the_same_as_each_format_alone() -> None:
    for format in load_formats():
        alone = Normaliser((format,))
        folder = next(p for p in SAMPLES if p.parent.name == format.name)
        for line in folder.read_bytes().splitlines():
            one, all_ = alone.normalise(line, AT), NORMALISER.normalise(line, AT)
            if isinstance(one, Rejected) or isinstance(all_, Rejected):
                assert one == all_
            else:
                assert [(e.time, e.kinds, e.fields) for e in one] == [(e.time, e.kinds, e.fields) for e in all_]


def test_the_decoder_gives_what_the_slow_way_gives() -> None:
    decoder = Decoder(load_formats(), None)
    for sample in SAMPLES:
        for line in sample.read_bytes().splitlines():
            assert decoder.decode(line) == decoder.from_object(json.loads(line))


def altered(value: Any, r: random.Random) -> Any:
    """A record of which, here and there, something is missing, or is something else."""
    if not isinstance(value, dict):
        return value
    kept = {key: altered(each, r) for key, each in value.items() if r.random() < 0.8}
    return {key: r.choice((None, "x", 7, [], {})) if r.random() < 0.1 else each for key, each in kept.items()}


def test_what_a_record_lacks_is_read_as_nothing() -> None:
    formats, r = load_formats(), random.Random(7)
    decoder = Decoder(formats, None)
    of_each = [sorted(needed_paths(format, None)) for format in formats]
    readers = [decoder.reader(tuple(paths)) for paths in of_each]
    lacking = 0
    for sample in SAMPLES:
        for line in sample.read_bytes().splitlines()[:40]:
            object = altered(json.loads(line), r)
            record = decoder.decode(json.dumps(object))
            for paths, read in zip(of_each, readers, strict=True):
                if object.keys() & {path[0] for path in paths}:
                    expected = tuple(below(object, path) for path in paths)
                    assert read(record) == expected
                    lacking += None in expected
    assert lacking > 1_000


def below(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# -- traps of single formats ----------------------------------------


def test_the_log_writers_pid_is_never_the_events() -> None:
    record = {
        "EventTime": "2020-08-01 07:53:24",
        "EventID": 11,
        "Hostname": "a",
        "SourceName": "Microsoft-Windows-Sysmon",
        "ProcessID": 2804,
        "Message": "File created:\r\nProcessGuid: {x}\r\nProcessId: 1140\r\nImage: C:\\a.exe",
    }
    assert only(record).fields["process.pid"] == 1140
    del record["Message"]
    assert "process.pid" not in only(record).fields


def test_one_event_id_of_another_provider_is_another_event() -> None:
    assert only(wec(1, SourceName="Microsoft-Windows-Kernel-Power", Image="C:\\a.exe")).kinds == {"event"}
    assert only(wec(1000, SourceName="Microsoft-Windows-LoadPerf")).kinds == {"event"}


def test_an_event_id_may_be_a_number_or_a_text_but_not_a_truth() -> None:
    for id in (1, "1"):
        assert "spawn" in only(wec(1, EventID=id)).kinds
    for id in (True, 1.5, "01"):
        assert "spawn" not in only(wec(1, EventID=id)).kinds


def test_long_texts_are_looked_up_and_not_kept() -> None:
    normaliser = Normaliser(load_formats(), sieve=False)

    def looked_up() -> int:
        return sum(len(s._by_raw_key) for plan in normaliser._plans for s in plan.gate._sorts.values())

    assert only(wec(1, SourceName="x" * 513), normaliser).kinds == {"event"}
    assert not looked_up()
    only(wec(1), normaliser)
    assert looked_up() == 1
    kept = _kept_names.cache_info().currsize
    assert is_local({"destination.domain": "a"}, "a", "a" + "." * 512)
    assert _kept_names.cache_info().currsize == kept


def test_4663_counts_for_files_only_and_by_its_access() -> None:
    assert only(wec(4663, ObjectType="File", AccessMask="0x10003", ObjectName="C:\\a")).kinds == {
        "read",
        "write",
        "delete",
    }
    assert only(wec(4663, ObjectType="File", AccessMask="0x80")).kinds == {"event"}
    assert only(wec(4663, ObjectType="Key", AccessMask="0x2")).kinds == {"event"}


def test_an_alternate_data_stream_is_no_part_of_the_files_path() -> None:
    fields = only(wec(11, TargetFilename="C:\\Users\\a\\x.tar.gz:Zone.Identifier")).fields
    assert fields["file.path"] == "C:\\Users\\a\\x.tar.gz" and fields["file.stream"] == "Zone.Identifier"
    assert (fields["file.name"], fields["file.directory"], fields["file.extension"]) == (
        "x.tar.gz",
        "C:\\Users\\a",
        "gz",
    )


# -- kinds ----------------------------------------


@pytest.mark.parametrize(
    ("fields", "local"),
    [
        ({"destination.ip": "127.0.0.53"}, True),
        ({"destination.ip": "::1"}, True),
        ({"destination.ip": "224.0.0.251"}, True),
        ({"destination.ip": "ff02::fb"}, True),
        ({"destination.ip": "255.255.255.255"}, True),
        ({"destination.ip": "0.0.0.0"}, True),
        ({"destination.ip": "10.0.0.7", "source.ip": "10.0.0.7"}, True),
        ({"destination.ip": "10.0.0.8", "source.ip": "10.0.0.7"}, False),
        ({"destination.ip": "192.168.1.255"}, False),
        ({"destination.ip": "203.0.113.9", "destination.domain": "localhost"}, False),
        ({"dns.question.name": "localhost"}, True),
        ({"dns.question.name": "x.localhost"}, True),
        ({"dns.question.name": "a"}, True),
        ({"dns.question.name": "a.corp.example"}, True),
        ({"dns.question.name": "a.evil.example"}, False),
        ({"dns.question.name": "notlocalhost"}, False),
        ({}, False),
    ],
)
def test_egress_is_what_leaves_the_host(fields: dict[str, Any], local: bool) -> None:
    assert is_local(fields, "a", "A.corp.example") is local
    kind = "resolve" if "dns.question.name" in fields else "connect"
    assert ("egress" in complete(frozenset({kind}), fields, "a", "A.corp.example")) is not local


EXPLORER = "HKU\\S-1-5-21-1\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\"


@pytest.mark.parametrize(
    ("path", "click"),
    [
        (EXPLORER + "UserAssist\\{CEBFF5CD}\\Count\\C:\\x.exe", True),
        (EXPLORER + "UserAssist\\{CEBFF5CD}\\Count\\Microsoft.Windows.Explorer", True),
        (EXPLORER + "UserAssist\\{CEBFF5CD}\\Count\\UEME_CTLSESSION", False),
        (EXPLORER + "UserAssist\\{CEBFF5CD}\\Count", False),
        (EXPLORER + "UserAssist", False),
        (EXPLORER + "RecentDocs", True),
        (EXPLORER + "RecentDocs\\.docx\\3", True),
        (EXPLORER + "RecentDocsX", False),
        (EXPLORER + "RunMRU\\a", True),
        (EXPLORER + "ComDlg32\\OpenSavePidlMRU\\exe\\0", True),
        (EXPLORER + "ComDlg32\\FirstFolder", False),
        ("HKU\\S-1\\Software\\Microsoft\\Office\\16.0\\Word\\File MRU\\Item 1", True),
        ("HKU\\S-1\\Software\\Microsoft\\Office\\16.0\\Word\\File MRU\\Max Display", False),
        ("HKLM\\SOFTWARE\\RunMRU\\a", False),
    ],
)
def test_a_click_is_what_explorer_notes_and_not_its_book_keeping(path: str, click: bool) -> None:
    assert is_click({"registry.path": path}) is click
    assert not is_click({"registry.path": path, "event.action": "DeleteValue"})


# -- command lines ----------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b  c", ("a", "b", "c")),
        ('"C:\\Program Files\\x.exe" /q', ("C:\\Program Files\\x.exe", "/q")),
        ('x "a b" c', ("x", "a b", "c")),
        ('x a"b c"d', ("x", "ab cd")),
        ('x "a""b"', ("x", 'a"b')),
        ('x a\\\\b "c\\\\"', ("x", "a\\\\b", "c\\")),
        ('x a\\"b', ("x", 'a"b')),
        ('x a\\\\"b c"', ("x", "a\\b c")),
        ('x "open', ("x", "open")),
        ('x "" y', ("x", "", "y")),
        ('"C:\\x\\" b', ("C:\\x\\", "b")),
        ("", ()),
        ("   ", ()),
        ('"', ()),
    ],
)
def test_windows_splits_as_the_c_runtime_does(line: str, words: tuple[str, ...]) -> None:
    assert split_windows(line) == words


def test_posix_words_keep_what_quotes_hold() -> None:
    assert split_posix('bash -c \'echo "a b"\' x\\ y "c\\"d" \'open') == (
        "bash",
        "-c",
        'echo "a b"',
        "x y",
        'c\\"d',
        "open",
    )


@pytest.mark.parametrize("piece", ["a", 'a""', "\\a", "''"])
def test_a_huge_word_costs_little_more_than_itself(piece: str) -> None:
    size = 1_000_000
    tracemalloc.start()
    try:
        assert len(split_posix(piece * (size // len(piece)))) == 1
        assert tracemalloc.get_traced_memory()[1] < 100 * size
    finally:
        tracemalloc.stop()


@given(st.text(alphabet="ab \\\"'\t", max_size=30))
def test_any_command_line_splits(line: str) -> None:
    assert all(isinstance(word, str) for word in (*split_windows(line), *split_posix(line)))


CODE = [
    ("wscript.exe //B C:\\a.vbs arg", ["C:\\a.vbs"]),
    ("wscript.exe /E:vbs c:\\windows\\temp\\icon.ico x.js", ["c:\\windows\\temp\\icon.ico"]),
    ("CScript.exe a.js", ["D:\\w\\a.js"]),
    ("powershell.exe -nop -ExecutionPolicy bypass -File C:\\a.ps1", ["C:\\a.ps1"]),
    ("powershell.exe -f .\\a.ps1", ["D:\\w\\a.ps1"]),
    ("powershell.exe -c \"& 'C:\\my dir\\a.ps1'\"", ["D:\\w\\dir\\a.ps1"]),
    ("powershell.exe C:\\a.ps1", ["C:\\a.ps1"]),
    ("powershell.exe -enc SQBFAFgA", []),
    ("cmd.exe /c C:\\a.bat", ["C:\\a.bat"]),
    ('cmd.exe /c "C:\\a b\\x.cmd" & del y', ["C:\\a b\\x.cmd"]),
    ("cmd.exe /c whoami", []),
    ("rundll32.exe C:\\a.dll,Run", ["C:\\a.dll"]),
    ('rundll32.exe "C:\\a b.dll",#44 x', ["C:\\a b.dll"]),
    ('rundll32.exe Shell32.dll,Control_RunDLL "C:\\i.cpl",', ["Shell32.dll", "C:\\i.cpl"]),
    ("regsvr32.exe /s /u a.dll", ["D:\\w\\a.dll"]),
    ("regsvr32.exe /s /n /i:http://x.example/a.sct scrobj.dll", ["scrobj.dll"]),
    ("regsvr32.exe /i:C:\\a.sct scrobj.dll", ["C:\\a.sct", "scrobj.dll"]),
    ("mshta.exe C:\\a.hta", ["C:\\a.hta"]),
    ("mshta.exe http://x.example/a.hta", []),
    ("mshta.exe vbscript:Close(Execute(1))", []),
    ("msiexec.exe /q /i C:\\a.msi", ["C:\\a.msi"]),
    ("msiexec.exe /i http://x.example/a.msi", []),
    ("control.exe C:\\a.cpl,", ["C:\\a.cpl"]),
    ("control.exe desk.cpl", ["desk.cpl"]),
    ("java.exe -Xmx1g -jar C:\\a.jar x", ["C:\\a.jar"]),
    ("python.exe -u a.py", ["D:\\w\\a.py"]),
    ("python.exe -m http.server", []),
    ("notepad.exe C:\\a.vbs", []),
]


@pytest.mark.parametrize(("line", "files"), CODE)
def test_an_interpreters_script_is_code(line: str, files: list[str]) -> None:
    assert list(code_files(split_windows(line), "windows", "D:\\w\\")) == files


def test_scripts_of_unix_interpreters_are_code_too() -> None:
    assert code_files(("/usr/bin/python3.11", "-u", "x.py"), "linux", "/home/a") == ("/home/a/x.py",)
    assert code_files(("/bin/bash", "-c", "x.sh"), "linux", "/") == ()
    assert code_files(("/bin/sh", "/tmp/x.sh"), "linux", None) == ("/tmp/x.sh",)


def test_an_image_of_many_digits_costs_its_length() -> None:
    start = time.process_time()
    assert code_files(("1" * 200_000 + "x", "y"), "linux", None) == ()
    assert time.process_time() - start < 5


# -- paths into records ----------------------------------------


def test_raw_paths_read_back_as_written() -> None:
    for text in ("a", "a.b.c", '"id.orig_h"', 'a."#text".b', '"a|b".c'):
        path = parse_path(text)
        assert path is not None and parse_path(show_path(path)) == path
    for text in ("", ".", "a.", ".a", "a b", 'a"b', "a..b"):
        assert parse_path(text) is None
