"""Every shipped format over samples in its true shape: `formats/NAME/raw.jsonl` gives `events.jsonl` (`--accept`).

And over real telemetry, where it lies beside the project: each line has the format that its manifest says, and the
steps that its ground truth cites are the events that we see.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.vocabulary import vocabulary
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import FormatError, load_formats
from chainrun.engine.formats.converters import CONVERTERS
from chainrun.engine.formats.recognise import excludes
from chainrun.engine.intake.kinds import is_open_start
from chainrun.engine.intake.normalise import Normaliser, Rejected

SAMPLES = Path(__file__).parent / "formats"
FORMATS = {format.name: format for format in load_formats()}


def shown(result: list[Event] | Rejected, line: int) -> Iterator[dict[str, Any]]:
    if isinstance(result, Rejected):
        yield {"line": line, "rejected": result.cause}
        return
    for event in result:
        row: dict[str, Any] = {"line": line, "time": event.time, "kinds": sorted(event.kinds)}
        for name in ("clock", "measures", "host", "os", "sequence"):
            if (value := getattr(event, name)) not in (None, ""):
                row[name] = value
        yield {**row, "fields": dict(sorted(event.fields.items()))}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_yields_the_events_of_its_golden(name: str, accept: bool) -> None:
    folder = SAMPLES / name
    normaliser = Normaliser(load_formats())
    rows: list[str] = []
    for at, line in enumerate((folder / "raw.jsonl").read_bytes().splitlines(), 1):
        result = normaliser.normalise(line, Origin("raw.jsonl", at, 0))
        assert isinstance(result, Rejected) or {e.format for e in result} == {name}
        rows += (json.dumps(row, ensure_ascii=False) for row in shown(result, at))
    golden = folder / "events.jsonl"
    if accept:
        golden.write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert rows == golden.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_samples_of_a_format_show_every_kind_that_it_says_it_sees(name: str) -> None:
    golden = (SAMPLES / name / "events.jsonl").read_text(encoding="utf-8").splitlines()
    seen = {kind for row in golden for kind in json.loads(row).get("kinds", ())}
    absent = {
        "ecs": {"access", "inject", "download", "event"},
        "falco": {"event"},  # all its records are alerts
        "tracee": {"open"},  # like osquery's
        "journald-coredump": {"event"},  # all its records are crashes
        "osquery": {"open"},  # a start's parent is a number there: whether it is an open, lineage tells
    }.get(name, set())
    if name in ("ecs", "evtx-envelope"):
        absent |= {"crash", "read", "signin", "signoff"}  # the samples are Sysmon's, or have no crash
    assert FORMATS[name].sees - seen <= absent


def test_formats_that_share_a_record_are_told_apart_whatever_came_before() -> None:
    """A mixed stream gives each line the same events as a stream of its own format."""
    lines = [(n, line) for n in sorted(FORMATS) for line in (SAMPLES / n / "raw.jsonl").read_bytes().splitlines()]
    mixed = Normaliser(load_formats())
    for step in (1, 7, 31):
        for name, line in [lines[i * step % len(lines)] for i in range(len(lines))]:
            result = mixed.normalise(line, Origin("x", 1, 0))
            assert isinstance(result, Rejected) or result[0].format == name


def test_no_shipped_formats_flat_shapes_can_fit_one_record() -> None:
    flat = [FORMATS[n].recognise for n in ("flat-nxlog", "flat-nxlog-logstash", "flat-wec", "flat-wec-no-ts")]
    pairs = [(a, b) for a in flat for b in flat if a is not b]
    assert sum(excludes(a, b) for a, b in pairs) >= 10


def test_every_format_says_what_it_sees_and_what_it_cannot() -> None:
    for format in FORMATS.values():
        assert format.title and format.blind and format.sees <= set(vocabulary().kinds)


def test_every_converter_takes_any_value() -> None:
    odd: list[Any] = [
        "",
        "-",
        "x",
        "0x",
        "{}",
        "\0",
        "9" * 5000,
        0,
        -1,
        2**70,
        1.5,
        float("inf"),
        True,
        [],
        [[]],
        {},
        [None],
        "nan",
        "sNaN",
        "&#" + "9" * 5000 + ";",
    ]
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    odd += [
        deep,
        {"syscall": 1, "arch": deep},
        {"SADDR": {"port": 1, "addr": deep}},
        {"a": deep, "b": {"c": deep}, "pid": deep},
    ]
    arguments = {"where": "a=1", "fill": "{a}/{b.c}", "means": "1=a, 2=b", "token": "id"}
    for name, converter in CONVERTERS.items():
        for os in ("windows", "linux", "macos", ""):
            convert = converter.make(os, arguments.get(name, "1") if converter.takes_argument else "")
            for value in odd:
                try:
                    convert(value)
                except (ValueError, TypeError, LookupError):
                    pass  # the same as None
                except Exception as error:
                    pytest.fail(f"{name} of {type(value)}: {error!r}")


def test_user_formats_come_first_and_their_faults_name_key_and_nearest_word(tmp_path: Path) -> None:
    good = tmp_path / "mine.toml"
    good.write_text(
        'name="mine"\ntitle="Mine"\nblind="much"\n[recognise]\nhas=["when","who.pid"]\n[time]\nwritten="when"\n'
        '[[records]]\nkinds=["spawn"]\n[records.fields]\n"process.pid"="who.pid"\n',
        encoding="utf-8",
    )
    formats = load_formats((good,))
    assert formats[0].name == "mine"
    [event] = _events(Normaliser(formats), b'{"when":"2024-03-05T09:00:00+01:00","who":{"pid":"0x10"}}')
    assert event.fields["process.pid"] == 16 and event.kinds == {"spawn"}
    assert event.time == 1_709_625_600_000_000

    bad = tmp_path / "bad.toml"
    bad.write_text(
        'name="bad"\ntitel="x"\nblind="-"\nos="window"\ncatalogue="windows-event"\n[recognise]\nhas=["a..b"]\n'
        '[[records]]\nkinds=["spwan"]\n[records.fields]\n"process.pidd"="x"\n"process.name"="x | txt"\n'
        '"user.name"="x | labelled"\n',
        encoding="utf-8",
    )
    with pytest.raises(FormatError) as raised:
        load_formats((bad, tmp_path / "absent.toml"))
    text = str(raised.value)
    assert "bad.toml: titel: no such key here; did you mean `title`?" in text
    assert "bad.toml: title: is missing" in text
    assert "os: must be one of windows, linux, macos, or left out; did you mean `windows`?" in text
    assert "catalogue: there is no catalogue `windows-event`; did you mean `windows-events`?" in text
    assert "recognise.has[1]: `a..b` is not a path" in text
    assert "records[1].kinds: no kind is called `spwan`; did you mean `spawn`?" in text
    assert (
        'records[1].fields."process.pidd": no canonical field is called `process.pidd`; did you mean `process.pid`?'
        in text
    )
    assert 'records[1].fields."process.name": no converter is called `txt`; did you mean `text`?' in text
    assert "`labelled` takes an argument in parentheses" in text
    assert "absent.toml: cannot be read: No such file or directory" in text


def test_a_record_without_kinds_is_an_event(tmp_path: Path) -> None:
    bare = tmp_path / "bare.toml"
    bare.write_text(
        'name="bare"\ntitle="Bare"\nblind="much"\n[recognise]\nhas=["when"]\n[time]\nwritten="when"\n'
        '[[records]]\ntitle="any"\n',
        encoding="utf-8",
    )
    [event] = _events(Normaliser(load_formats((bare,))), b'{"when":"2024-03-05T09:00:00Z"}')
    assert event.kinds == {"event"}


@pytest.mark.parametrize(
    ("has", "message"),
    [
        ('["a\\\\b"]', "recognise.has[1]: `a\\b` has a key with a backslash or a control character"),
        ("['\"a\tb\"']", "has a key with a backslash or a control character"),
        ("[" * 5_000 + "]" * 5_000, "deep.toml: is nested too deeply"),
    ],
)
def test_what_no_decoder_takes_is_a_fault_of_the_file(tmp_path: Path, has: str, message: str) -> None:
    file = tmp_path / "deep.toml"
    file.write_text(f'name="d"\ntitle="D"\nblind="-"\n[recognise]\nhas={has}\n', encoding="utf-8")
    with pytest.raises(FormatError) as raised:
        load_formats((file,))
    assert message in str(raised.value)


def test_a_start_by_itself_is_no_open() -> None:
    assert is_open_start("msedge.exe", "explorer.exe")
    assert not is_open_start("msedge.exe", "MSEdge.exe")
    assert not is_open_start("msedge.exe", None)


# -- real telemetry ----------------------------------------


def _events(normaliser: Normaliser, line: bytes) -> list[Event]:
    result = normaliser.normalise(line, Origin("x", 1, 0))
    assert not isinstance(result, Rejected), result
    return result


def _lines(path: Path) -> list[bytes]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.split(b"\n")[: None if not data.endswith(b"\n") else -1]


def _shape(dataset: dict[str, Any]) -> str:
    shapes: list[str] | str = dataset["shape"]
    shape = shapes if isinstance(shapes, str) else shapes[0]
    return "zeek-json" if shape.startswith("zeek-json") else shape


_KIND = {"S1": "spawn", "S3": "connect", "S7": "load", "S10": "access", "S11": "write", "S22": "resolve", "S5": "exit"}


@pytest.mark.parametrize("part", range(6))
def test_real_telemetry_is_recognised_and_means_what_its_ground_truth_says(part: int, shared_data: Path) -> None:
    folder = shared_data / "windows"
    datasets = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["datasets"]
    for dataset in datasets[part::6]:
        _compare(dataset, folder)


def _compare(dataset: dict[str, Any], folder: Path) -> None:
    file = dataset["file"]
    lines = _lines(folder / file)
    assert len(lines) == dataset["events"], file
    normaliser = Normaliser(load_formats())
    cited = dict(_steps(dataset))
    ids: Counter[str] = Counter()
    sysmon: Counter[str] = Counter()
    for at, line in enumerate(lines, 1):
        result = normaliser.normalise(line, Origin(file, at, 0))
        if isinstance(result, Rejected):
            assert not line.strip(), (file, at, result)
            continue
        [event] = result
        assert event.format == _shape(dataset), (file, at)
        assert dataset["hosts"] in ([], ["-"]) or event.host in dataset["hosts"], (file, at)
        code = event.fields.get("event.code")
        ids[f"S{code}" if event.fields.get("event.provider") == "Microsoft-Windows-Sysmon" else str(code)] += 1
        for id, kind in _KIND.items():
            if id == f"S{code}" and (kind in event.kinds or (id == "S3" and "accept" in event.kinds)):
                sysmon[id] += 1
        if at in cited:
            _agrees(event, cited[at], (file, at))
    if _shape(dataset) not in ("zeek-json", "eql-normalised"):
        assert {id: ids[id] for id in dataset["event_ids"]} == dataset["event_ids"], file
        assert {id: sysmon[id] for id in _KIND if ids[id]} == {id: ids[id] for id in _KIND if ids[id]}, file


def _steps(dataset: dict[str, Any]) -> Iterator[tuple[int, tuple[str, dict[str, Any]]]]:
    for chain in (*dataset["chains"], *dataset["lineage_chains"], *dataset["unlisted_parent_chains"]):
        for step, found in chain["steps"].items():
            for item in found if isinstance(found, list) else [found]:
                if isinstance(item, dict) and "line" in item:
                    yield item["line"], (step, item)


def _agrees(event: Event, cited: tuple[str, dict[str, Any]], line: tuple[str, int]) -> None:
    step, item = cited
    id = item["EventID"]
    kinds = {1: "spawn", 4688: "spawn", 3: "egress", 5156: "egress", 22: "egress", 11: "write", 15: "write"}.get(id)
    assert kinds is None or kinds in event.kinds, line
    if step == "S1" and item["kind"] == "click":
        assert "open" in event.kinds, line
    fields = event.fields
    if item.get("ProcessGuid"):
        assert fields["process.entity_id"] == item["ProcessGuid"], line
    if item.get("ProcessId") is not None:
        assert fields["process.pid"] == item["ProcessId"], line
    if item.get("ParentProcessGuid"):
        assert fields["process.parent.entity_id"] == item["ParentProcessGuid"], line
    if item.get("Image"):
        said = item["Image"].lower().removeprefix("\\\\?\\")
        # Where the truth keeps a device path, ours is on C:.
        assert fields["process.executable"].lower().rpartition("\\")[2] == said.rpartition("\\")[2], line
    if item.get("DestinationIp"):
        assert fields["destination.ip"] == item["DestinationIp"], line
        assert fields["destination.port"] == int(item["DestinationPort"]), line
    if item.get("QueryName"):
        assert fields["dns.question.name"] == item["QueryName"].lower(), line
    said_at = datetime.fromisoformat(item["time"]).replace(tzinfo=UTC)
    moment = round(said_at.timestamp() * 1000) * 1000
    if event.clock is None and id not in (3, 22):
        assert event.time // 1000 * 1000 == moment, line
    elif event.clock is None:
        # The record is written after the fact, by up to Sysmon's own delay.
        assert abs(event.time - moment) < 60_000_000, line
