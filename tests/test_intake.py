"""From bytes to the ordered stream: what is counted, what is merged, what a pipe must not delay.

Records here are JSON objects in a small shape of their own: `t` the time in seconds, `k` the kinds, `h` the host, `f`
the format; everything else is a field, with `pid`, `id`, `exe` and the like for short.
"""

import gzip
import io
import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.loader import load_formats
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.normalise import Normaliser, Rejected
from hypothesis import given
from hypothesis import strategies as st

SECOND = 1_000_000
SHORT: dict[str, str] = {
    "pid": "process.pid",
    "id": "process.entity_id",
    "exe": "process.executable",
    "cmd": "process.command_line",
    "ppid": "process.parent.pid",
    "from": "source.ip",
    "from_port": "source.port",
    "to": "destination.ip",
    "to_port": "destination.port",
    "name": "destination.domain",
    "asked": "dns.question.name",
    "answers": "dns.resolved_ip",
    "user": "user.name",
    "label": "rule.name",
}


class Refused(NamedTuple):
    cause: str


class Small:
    """The normaliser of these tests."""

    ticks = False
    is_whole = True

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()

    def sift(self, lines: list[bytes], at: int) -> tuple[int, None]:
        return at, None

    def take(self, line: bytes, origin: Origin, found: None) -> list[Event] | Refused:
        found = self.normalise(line, origin)
        if isinstance(found, list):
            self.read.update(event.format for event in found if event.kinds)
        return found

    def normalise(self, line: bytes, origin: Origin) -> list[Event] | Refused:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return Refused("not JSON")
        if not isinstance(record, dict):
            return Refused("not an object")
        fields: dict[str, Any] = {
            SHORT.get(str(name), str(name)): tuple(value) if isinstance(value, list) else value
            for name, value in record.items()
            if len(name) > 1
        }
        if not record.get("k") and "measures" not in record:
            return []
        time = round(record["t"] * SECOND)
        return [
            Event(
                time,
                frozenset(record.get("k", "").split()),
                fields,
                host=record.get("h", ""),
                format=record.get("f", "small"),
                origin=origin,
                raw=line,
                clock=time if fields.pop("unsure", False) else None,
                measures=round(m * SECOND) if (m := fields.pop("measures", None)) is not None else None,
            )
        ]


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def small(inputs: Sequence[str | Path] = (), stdin: bytes | IO[bytes] | int = b"", **options: Any) -> Intake:
    source = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
    return Intake([str(i) for i in inputs], Small(), stdin=source, **options)


def told(events: Sequence[Event] | Intake) -> str:
    return "".join(str(e.fields.get("rule.name", "?")) for e in events)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


# -- counting ----------------------------------------


def test_every_line_is_counted_and_no_content_stops_the_stream(file: Path) -> None:
    file.write_bytes(
        b'{"t": 2, "k": "write", "h": "a", "label": "b"}\r\n'
        b"\r\n"
        b"   \n"
        b"[1]\n"
        b'{"t": 1, "k": "write", "h": "a", "label": "a"}\n'
        b"{nonsense\n"
        b'{"t": 1}\n'
        b"{more nonsense\n" + b"x" * 2_000 + b"\n" + b'{"t": 3, "k": "write", "h": "a", "label": "c"}'
    )
    bad: list[tuple[int, bytes | None, str]] = []
    intake = small([file], longest=1_000, on_bad=lambda line, origin, cause: bad.append((origin.line, line, cause)))
    events = list(intake)
    tally = intake.tally
    assert told(events) == "abc"
    assert [e.order for e in events] == [0, 1, 2]
    assert (tally.lines, tally.blank, tally.recorded, tally.silent) == (10, 2, 4, 1)
    assert {cause: (b.count, b.first.line) for cause, b in tally.bad.items()} == {
        "not an object": (1, 4),
        "not JSON": (2, 6),
        "line too long": (1, 9),
    }
    assert bad[0] == (4, b"[1]", "not an object")
    assert bad[-1] == (9, None, "line too long")
    assert tally.lines == tally.blank + tally.bad_lines + tally.recorded
    assert (tally.passed, tally.by_format, tally.by_kind) == (3, {"small": 3}, {"write": 3})


def test_origins_name_the_input_line_and_offset(file: Path) -> None:
    file.write_bytes(b"\n" + lines({"t": 1, "k": "write"}))
    (event,) = small([file])
    assert (event.origin.input, event.origin.line, event.origin.offset) == (str(file), 2, 1)


def test_an_unreadable_input_is_reported_and_the_others_are_read(tmp_path: Path, file: Path) -> None:
    file.write_bytes(lines({"t": 1, "k": "write", "label": "a"}))
    cut = tmp_path / "cut.gz"
    whole = gzip.compress(lines(*({"t": 2, "k": "write", "label": n} for n in range(1_000))))
    cut.write_bytes(whole[:-20])
    intake = small([tmp_path / "absent", file, cut])
    assert told(list(intake)[:2]) == "a0"
    assert [e.message.split(";")[0] for e in intake.tally.errors] == [
        "does not exist",
        "ends in the middle of a gzip archive",
    ]


def test_progress_is_told_in_bytes_as_stored(file: Path) -> None:
    file.write_bytes(gzip.compress(lines({"t": 1, "k": "write"})))
    told_so_far: list[tuple[int, int]] = []
    list(small([file], on_progress=lambda done, total: told_so_far.append((done, total))))
    assert told_so_far[-1] == (file.stat().st_size, file.stat().st_size)


def test_an_asked_stop_finishes_what_was_read() -> None:
    intake = small(stdin=lines(*({"t": n, "k": "write", "label": n} for n in range(5))))
    events = iter(intake)
    assert told([next(events)]) == "0"
    intake.stop()
    assert told(list(events)) == "1234"


# -- hosts ----------------------------------------


def test_a_record_without_a_host_belongs_to_its_input_or_the_host_given(file: Path) -> None:
    file.write_bytes(lines({"t": 1, "k": "write"}, {"t": 2, "k": "write", "h": "pc"}))
    assert [e.host for e in small([file])] == [str(file), "pc"]
    assert [e.host for e in small([file], host="lab")] == ["lab", "pc"]


FLOW = {"from": "10.0.0.5", "from_port": 5000, "to": "203.0.113.9", "to_port": 443}


def test_a_flow_belongs_to_the_host_that_had_its_source_address(tmp_path: Path) -> None:
    flows, host = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    flows.write_bytes(lines({"t": 9, "k": "connect", "f": "zeek", **FLOW}))
    host.write_bytes(lines({"t": 1, "k": "connect", "h": "pc", "pid": 7, **FLOW, "from_port": 1}))
    assert [e.host for e in small([flows, host])] == ["pc", "pc"]


@pytest.mark.parametrize(
    "known",
    [
        [{"k": "accept", "h": "pc"}],  # an inbound connection's source is somebody else
        [{"k": "signin", "h": "pc"}],
        [{"k": "connect", "h": "pc"}, {"k": "connect", "h": "other"}],  # behind one address
    ],
)
def test_a_flow_of_an_address_that_is_nobodys_stays_with_its_input(file: Path, known: list[dict[str, Any]]) -> None:
    flow = {"t": 9, "k": "connect", "f": "zeek", **FLOW}
    file.write_bytes(lines(flow, *({"t": 1, "pid": 7, **FLOW, "from_port": n, **k} for n, k in enumerate(known))))
    assert list(small([file]))[-1].host == str(file)


# -- clocks ----------------------------------------


def test_files_are_measured_before_they_are_ordered(tmp_path: Path) -> None:
    security, sysmon = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    security.write_bytes(lines({"t": 100, "k": "connect", "h": "pc", "unsure": True, "label": "b"}))
    sysmon.write_bytes(
        lines(
            {"t": 7200 + 99, "k": "write", "h": "pc", "measures": 7200, "label": "a"},
            {"t": 7200 + 101, "k": "write", "h": "pc", "measures": 7199, "label": "c"},
        )
    )
    intake = small([security, sysmon])
    events = list(intake)
    assert told(events) == "abc"
    assert events[1].time == 7300 * SECOND
    assert intake.tally.offsets == {"pc": (7200 * SECOND,)}
    assert not intake.tally.unmeasured


def test_a_host_that_nothing_measures_is_flagged_and_counted(file: Path) -> None:
    file.write_bytes(lines({"t": 100, "k": "connect", "h": "pc", "unsure": True}))
    intake = small([file])
    assert [e.flags for e in intake] == [("clock_unmeasured",)]
    assert intake.tally.unmeasured == {"pc": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_a_record_that_only_measures_goes_no_further(file: Path, stream: bool) -> None:
    file.write_bytes(
        lines(
            {"t": 100, "k": "connect", "h": "pc", "unsure": True, "label": "a"},
            {"t": 3600 + 101, "h": "pc", "measures": 3600},
        )
    )
    intake = small([file], stream=stream)
    (event,) = intake
    assert event.time == 3700 * SECOND
    assert (intake.tally.recorded, intake.tally.silent) == (2, 1)


def test_a_pipe_holds_only_what_must_be_corrected() -> None:
    intake = small(
        stdin=lines(
            {"t": 100, "k": "connect", "h": "pc", "unsure": True, "label": "b"},
            {"t": 50, "k": "write", "h": "other", "label": "a"},
            {"t": 3600 + 101, "k": "write", "h": "pc", "measures": 3600, "label": "c"},
        )
    )
    assert told(intake) == "abc"
    assert intake.tally.late == 0


# -- starts ----------------------------------------

SYSMON = {"k": "spawn exec", "h": "pc", "f": "sysmon"}
SECURITY = {"k": "spawn exec", "h": "pc", "f": "security"}
CMD, CMD_UPPER = "C:\\Windows\\System32\\cmd.exe", "\\device\\harddiskvolume2\\WINDOWS\\system32\\CMD.EXE"


def both(tmp_path: Path, *records: dict[str, Any], **options: Any) -> Intake:
    file = tmp_path / "both.jsonl"
    file.write_bytes(lines(*records))
    return small([file], **options)


def test_two_records_of_one_start_are_one_event_and_the_one_with_the_id_stands(tmp_path: Path) -> None:
    intake = both(
        tmp_path,
        {"t": 10.5, **SECURITY, "pid": 7, "exe": CMD_UPPER, "user": "eve", "event.code": "4688"},
        {"t": 10.9, **SYSMON, "pid": 7, "id": "G", "exe": CMD, "event.code": "1"},
    )
    (event,) = intake
    assert (event.time, event.format, event.origin.line) == (10_900_000, "sysmon", 2)
    assert [o.line for o in event.also] == [1]
    assert event.fields["user.name"] == "eve"
    assert event.fields["process.executable"] == CMD
    assert event.fields["event.code"] == "1"
    assert intake.tally.merged == 1


def test_a_lost_pid_is_filled_in_by_the_other_record_of_the_same_parent_and_image(tmp_path: Path) -> None:
    (event,) = both(
        tmp_path,
        {"t": 10, **SECURITY, "pid": 7, "ppid": 3, "exe": CMD},
        {"t": 10.03, **SYSMON, "id": "G", "ppid": 3, "exe": CMD},
    )
    assert (event.fields["process.entity_id"], event.fields["process.pid"]) == ("G", 7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"t": 10.5}, {"t": 11.4}),
        ({"t": 10.5}, {"t": 11.5}),
        ({"t": 10}, {"t": 11.9}),  # the first may have been at 10.999
        ({"t": 10}, {"t": 10.2}),
    ],
)
def test_records_of_one_start_lie_within_a_second_beside_truncation(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    records = [{**SECURITY, "pid": 7, "exe": CMD, **first}, {**SYSMON, "id": "G", "pid": 7, "exe": CMD, **second}]
    assert len(list(both(tmp_path, *records))) == 1


@pytest.mark.parametrize(
    "second",
    [
        {"t": 11.6},  # more than a second later
        {"pid": 8},
        {"exe": "C:\\Windows\\System32\\cmd2.exe"},
        {"h": "other"},
        {"f": "security", "id": None},  # one source tells of one start once: the pid was reused
    ],
)
def test_one_field_off_and_they_are_two_starts(tmp_path: Path, second: dict[str, Any]) -> None:
    records = [
        {"t": 10.5, **SECURITY, "pid": 7, "ppid": 3, "exe": CMD},
        {"t": 10.6, **SYSMON, "id": "G", "pid": 7, "ppid": 3, "exe": CMD, **second},
    ]
    if second.get("id", "") is None:
        del records[1]["id"]
    assert len(list(both(tmp_path, *records))) == 2


def test_two_ids_are_two_starts_whatever_else_agrees(tmp_path: Path) -> None:
    start = {**SYSMON, "pid": 7, "exe": CMD}
    assert len(list(both(tmp_path, {"t": 10, **start, "id": "G"}, {"t": 10, **start, "id": "H"}))) == 2


def test_two_equal_starts_of_one_parent_find_each_its_own_record(tmp_path: Path) -> None:
    events = list(
        both(
            tmp_path,
            {"t": 10, **SECURITY, "pid": 7, "ppid": 3, "exe": CMD, "cmd": "cmd /c one"},
            {"t": 10, **SECURITY, "pid": 8, "ppid": 3, "exe": CMD, "cmd": "cmd /c two"},
            {"t": 10.1, **SYSMON, "id": "H", "ppid": 3, "exe": CMD, "cmd": "cmd /c two"},
            {"t": 10.2, **SYSMON, "id": "G", "ppid": 3, "exe": CMD, "cmd": "cmd /c one"},
        )
    )
    assert {e.fields["process.entity_id"]: e.fields["process.pid"] for e in events} == {"G": 7, "H": 8}


def test_a_linux_process_that_calls_exec_is_two_events(tmp_path: Path) -> None:
    start = {"t": 10, **SYSMON, "pid": 7, "id": "G"}
    assert len(list(both(tmp_path, {**start, "exe": "/bin/sh"}, {**start, "t": 10.1, "exe": "/bin/curl"}))) == 2


def test_on_a_pipe_the_first_record_goes_at_once_and_the_second_tells_lineage_the_rest() -> None:
    events = list(
        small(
            stdin=lines(
                {"t": 10, **SECURITY, "pid": 7, "ppid": 3, "exe": CMD},
                {"t": 10.03, **SYSMON, "id": "G", "ppid": 3, "exe": CMD},
            )
        )
    )
    assert [set(e.kinds) for e in events] == [{"spawn", "exec"}, {"start-again"}]
    assert events[1].fields["process.pid"] == 7
    assert events[1].fields["process.entity_id"] == "G"
    assert [o.line for o in events[1].also] == [1]


def test_on_a_pipe_a_first_record_that_knows_no_process_does_not_hide_the_one_that_does() -> None:
    events = list(
        small(
            stdin=lines(
                {"t": 10, **SECURITY, "ppid": 3, "exe": CMD},
                {"t": 10.03, **SYSMON, "id": "G", "ppid": 3, "exe": CMD},
            )
        )
    )
    assert ["spawn" in e.kinds for e in events] == [True, True]


# -- connections ----------------------------------------


def test_three_records_of_one_connection_are_one_event(tmp_path: Path) -> None:
    intake = both(
        tmp_path,
        {"t": 10, "k": "connect", "h": "pc", "f": "zeek", **FLOW, "destination.bytes": 99},
        {"t": 10.2, "k": "connect egress", "h": "pc", "f": "security", **FLOW, "pid": 7},
        {"t": 11.4, "k": "connect egress", "h": "pc", "f": "sysmon", **FLOW, "pid": 7, "id": "G"},
    )
    (event,) = intake
    assert (event.format, event.time, [o.line for o in event.also]) == ("sysmon", 11_400_000, [2, 1])
    assert event.fields["destination.bytes"] == 99
    assert intake.tally.merged == 2


@pytest.mark.parametrize(
    "second",
    [
        {"f": "sysmon"},  # the same source again: another connection
        {"from_port": 5001},
        {"to": "203.0.113.8"},
        {"t": 16},
        {"k": "accept"},
        {"h": "other"},
        {"pid": 8},
        {"network.transport": "udp"},
    ],
)
def test_one_field_off_and_they_are_two_connections(tmp_path: Path, second: dict[str, Any]) -> None:
    first = {"t": 10, "k": "connect", "h": "pc", "f": "sysmon", **FLOW, "pid": 7, "network.transport": "tcp"}
    assert len(list(both(tmp_path, first, {**first, "f": "security", "t": 10.5, **second}))) == 2


def test_on_a_pipe_the_first_record_of_a_connection_stands_if_it_knows_its_process() -> None:
    sysmon = {"t": 10, "k": "connect", "h": "pc", "f": "sysmon", **FLOW, "id": "G"}
    security = {"t": 10.1, "k": "connect", "h": "pc", "f": "security", **FLOW, "pid": 7}
    zeek = {"t": 10, "k": "connect", "h": "pc", "f": "zeek", **FLOW}
    assert [e.format for e in small(stdin=lines(security, sysmon))] == ["security"]
    assert [e.format for e in small(stdin=lines(zeek, sysmon, security))] == ["zeek", "sysmon"]


# -- names ----------------------------------------


def resolve(t: float, name: str, pid: int, address: str = FLOW["to"]) -> dict[str, Any]:  # type: ignore[assignment]
    return {"t": t, "k": "resolve", "h": "pc", "pid": pid, "asked": name, "answers": [address, "192.0.2.1"]}


def connect(t: float, pid: int, **more: Any) -> dict[str, Any]:
    return {"t": t, "k": "connect", "h": "pc", "pid": pid, **FLOW, **more}


def names_of(intake: Intake) -> list[Any]:
    return [e.fields.get("destination.domain") for e in intake if "connect" in e.kinds]


def test_a_connection_gets_the_name_that_its_own_process_resolved_last(tmp_path: Path) -> None:
    assert names_of(
        both(tmp_path, resolve(1, "old", 7), resolve(2, "evil.com", 7), resolve(3, "good.com", 8), connect(4, 7))
    ) == ["evil.com"]


def test_else_the_name_that_its_host_resolved_last(tmp_path: Path) -> None:
    assert names_of(both(tmp_path, resolve(1, "old", 8), resolve(2, "new", 8), connect(3, 7))) == ["new"]


def test_not_a_later_name_nor_another_hosts_and_a_known_name_stays(tmp_path: Path) -> None:
    assert names_of(both(tmp_path, connect(1, 7), resolve(2, "late", 7))) == [None]
    assert names_of(both(tmp_path, {**resolve(1, "there", 7), "h": "other"}, connect(2, 7))) == [None]
    assert names_of(both(tmp_path, resolve(1, "other", 7), connect(2, 7, name="known"))) == ["known"]


def test_a_reused_pid_has_resolved_nothing(tmp_path: Path) -> None:
    start = {"t": 2, "k": "spawn", "h": "pc", "pid": 7, "exe": "x"}
    assert names_of(both(tmp_path, resolve(1, "before", 7), start, resolve(3, "host", 8), connect(4, 7))) == ["host"]


# -- duplicates and order ----------------------------------------


def test_a_line_given_twice_is_one_event_also_over_two_inputs(tmp_path: Path) -> None:
    line = lines({"t": 1, "k": "write", "h": "pc"})
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(line + lines({"t": 2, "k": "write", "h": name}) + line)
    intake = small([tmp_path])
    assert len(list(intake)) == 3
    assert intake.tally.duplicates == 3


def test_a_file_given_as_a_stream_is_taken_as_it_comes(file: Path) -> None:
    file.write_bytes(lines({"t": 2, "k": "write", "label": "a"}, {"t": 1, "k": "write", "label": "b"}))
    intake = small([file], stream=True)
    assert told(intake) == "ab"
    assert intake.tally.late == 1


def shape(events: Sequence[Event] | Intake) -> list[Any]:
    """What must be the same from a file, an archive and a pipe."""
    return [(e.order, e.time, e.kinds, e.fields, e.flags, e.raw, len(e.also)) for e in events]


@given(seed=st.integers(0, 10_000))
def test_a_file_an_archive_and_a_pipe_whose_lateness_covers_the_disorder_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = random.Random(seed)
    records = []
    for n in range(60):
        t = rng.randrange(2_000) / 100
        kind = rng.choice(["spawn", "connect", "resolve", "write"])
        host, source = rng.choice("ab"), rng.choice("xyz")
        record: dict[str, Any] = {"t": t, "k": kind, "h": host, "f": source, "pid": rng.randrange(4), "label": n}
        if kind == "spawn":
            record |= {"exe": rng.choice(["p", "q"]), "ppid": 1}
        elif kind == "connect":
            record |= FLOW
        records.append(record)
    records.sort(key=lambda r: r["t"] + rng.uniform(0, 3))
    text = lines(*records)
    folder = tmp_path_factory.mktemp("same")
    (folder / "a.jsonl").write_bytes(text)
    (folder / "a.gz").write_bytes(gzip.compress(text))
    expected = shape(small([folder / "a.jsonl"]))
    assert shape(small([folder / "a.gz"])) == expected
    assert shape(small(stdin=text, lateness=4 * SECOND)) == expected


# -- pipes ----------------------------------------


class Pipe:
    """A pipe that a test can speak into, and fall silent. `path` is what `<(command)` gives in a shell."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        self.path = f"/dev/fd/{self._reading}"

    def say(self, *records: dict[str, Any]) -> None:
        os.write(self._writing, lines(*records))

    def end(self) -> None:
        os.close(self._writing)

    def close(self) -> None:
        os.close(self._reading)


def test_on_a_pipe_an_event_is_out_before_the_next_is_in() -> None:
    pipe = Pipe()
    events = iter(small([pipe.path]))
    for n in range(3):
        pipe.say({"t": n, "k": "write", "label": n})
        assert told([next(events)]) == str(n)
    pipe.end()
    assert list(events) == []
    pipe.close()


def test_two_pipes_are_merged_and_an_ended_one_holds_nobody_back() -> None:
    first, second = Pipe(), Pipe()
    first.say({"t": 1, "k": "write", "label": "a"}, {"t": 4, "k": "write", "label": "d"})
    second.say({"t": 2, "k": "write", "label": "b"}, {"t": 3, "k": "write", "label": "c"})
    second.end()
    first.say({"t": 5, "k": "write", "label": "e"})
    first.end()
    intake = small([first.path, second.path], idle=60)
    assert told(intake) == "abcde"
    assert intake.tally.late == 0
    first.close()
    second.close()


def test_a_silent_pipe_does_not_hold_back_the_others_for_ever() -> None:
    talking, silent = Pipe(), Pipe()
    talking.say(*({"t": n, "k": "write", "label": n} for n in range(1, 4)))
    intake = small([talking.path, silent.path], idle=0.05, host="pc")
    events = iter(intake)
    assert told(list(itertools.islice(events, 3))) == "123"
    silent.say({"t": 2, "k": "write", "label": "x"})
    silent.end()
    talking.end()
    assert told(list(events)) == "x"
    assert intake.tally.late == 1
    talking.close()
    silent.close()


def test_one_gigantic_second_of_equal_starts_does_not_cost_its_square() -> None:
    count = 20_000
    records = [{"t": 1, **SECURITY, "pid": n, "ppid": 1, "exe": CMD} for n in range(count)]
    intake = small(stdin=lines(*records), lateness=SECOND)
    assert len(list(intake)) == count


# -- real telemetry ----------------------------------------

WINDOWS = [
    "otrf_lsass01_logonpasswords.jsonl.gz",  # a 12-hour clock, Security before Sysmon, every 20th line twice
    "otrf_ntdsutil.jsonl.gz",
    "otrf_hh_chm.jsonl.gz",  # behind UTC, and one that shows it ahead
    "otrf_empire_dcom_shellwindows.jsonl.gz",  # NXLog: whole seconds, pids lost
    "otrf_netntlm_downgrade_2019.jsonl.gz",  # five hosts
    "otrf_netsh_fw_2020.jsonl.gz",
    "otrf_enable_rdp_2019.jsonl.gz",
    "evtxrs_sysmon_desktop.jsonl",
    "sbous_panache_edr_script.jsonl",
]


class WithoutKinds(Normaliser):
    """The product's normaliser, but no event is of any kind: so nothing is merged, and every line can be looked at."""

    def __init__(self) -> None:
        super().__init__(load_formats())

    def take(self, line: bytes, origin: Origin, found: Any) -> list[Event] | Rejected:
        events = super().take(line, origin, found)
        if isinstance(events, list):
            for event in events:
                event.kinds = frozenset()
        return events


def truth(folder: Path, file: str) -> dict[str, Any]:
    datasets: list[dict[str, Any]] = json.loads((folder / "windows" / "expected.json").read_bytes())["datasets"]
    return next(d for d in datasets if d["file"] == file)


def cited(chain: Any) -> Iterator[dict[str, Any]]:
    """The records that the truth names, wherever in it."""
    if isinstance(chain, dict):
        if "line" in chain and "time" in chain:
            yield chain
        chain = list(chain.values())
    if isinstance(chain, list):
        for part in chain:
            yield from cited(part)


@pytest.mark.parametrize("file", WINDOWS)
def test_real_clocks_are_measured_and_every_cited_record_gets_its_true_time(shared_data: Path, file: str) -> None:
    dataset = truth(shared_data, file)
    intake = Intake([str(shared_data / "windows" / file)], WithoutKinds())
    times = {e.origin.line: e.time for e in intake}
    quirks = dataset["quirks"]
    shifts = {host: round(shift * SECOND) for host, shift in quirks.get("record_time_shift_s", {}).items()}
    assert {h: o for h, o in intake.tally.offsets.items() if o != (0,)} == {h: (s,) for h, s in shifts.items()}
    assert intake.tally.duplicates == quirks.get("exact_duplicate_lines", 0)
    assert intake.tally.lines == intake.tally.recorded == dataset["events"]
    for record in cited([dataset["chains"], dataset["lineage_chains"]]):
        at = datetime.fromisoformat(record["time"]).replace(tzinfo=UTC).timestamp()
        # Of connections and DNS queries the record time counts, which Sysmon writes a little after the event.
        slack = 3 * SECOND if record["EventID"] in (3, 22) else 1_000
        assert abs(times[record["line"]] - round(at * SECOND)) < slack, record


@pytest.mark.parametrize("file", ["otrf_ntdsutil.jsonl.gz", "otrf_empire_dcom_shellwindows.jsonl.gz"])
def test_real_starts_told_by_sysmon_and_security_are_one_event(shared_data: Path, file: str) -> None:
    dataset = truth(shared_data, file)
    events = list(Intake([str(shared_data / "windows" / file)], Normaliser(load_formats())))
    starts = {o.line: e for e in events if "spawn" in e.kinds for o in (e.origin, *e.also)}
    for chain in dataset["chains"]:
        told_by = {starts[record["line"]].origin.line for record in chain["steps"]["S3"]}
        assert len(told_by) == 1
        event = starts[chain["steps"]["S3"][0]["line"]]
        assert len(event.also) == len(chain["steps"]["S3"]) - 1
        assert {"process.entity_id", "process.pid"} <= set(event.fields)
