"""What Linux telemetry does to processes and files: numbers that come round, programs that replace each other, names
relative to a folder. And over real samples, where they lie beside the project: each is recognised, or refused with a reason.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.formats.audit import socket_address, socket_port, system_call
from chainrun.engine.formats.command_line import split
from chainrun.engine.formats.values import exec_pid, guid, platform
from chainrun.engine.intake.code_files import code_files, documents
from chainrun.engine.intake.normalise import Normaliser, Rejected
from chainrun.engine.match.lineage import Lineage, ancestry

NORMALISER = Normaliser(load_formats())
AT = Origin("x", 1, 0)


def normalised(line: bytes | dict[str, Any]) -> list[Event] | Rejected:
    return NORMALISER.normalise(line if isinstance(line, bytes) else json.dumps(line).encode(), AT)


# -- processes ----------------------------------------


def audit(second: int, call: str, pid: int, ppid: int, exe: str, **more: Any) -> Event:
    """A Laurel record, as an event."""
    record = {
        "ID": f"177270120{second}.000:{second}",
        "NODE": "h",
        "SYSCALL": {"SYSCALL": call, "success": "yes", "exit": 0, "pid": pid, "ppid": ppid, "exe": exe},
        **more,
    }
    result = normalised(record)
    assert isinstance(result, list)
    return result[0]


def lineage(*events: Event) -> list[Event]:
    table = Lineage()
    for event in events:
        table.place(event)
    return list(events)


def above(event: Event) -> list[str | None]:
    return [process.name for process in ancestry(event.actor)]


def test_a_start_with_the_same_pid_and_parent_is_the_process_itself() -> None:
    shell, curl, connect = lineage(
        audit(1, "execve", 20, 10, "/bin/dash"),
        audit(2, "execve", 20, 10, "/usr/bin/curl"),
        audit(3, "exit_group", 20, 10, "/usr/bin/curl"),
    )
    assert shell.process is curl.process is connect.process
    assert connect.process and connect.process.name == "curl"


def test_a_start_with_the_same_pid_and_another_parent_is_another_process() -> None:
    shell, cron, end = lineage(
        audit(1, "execve", 20, 10, "/bin/dash"),
        audit(5, "execve", 20, 11, "/usr/bin/wget"),
        audit(6, "exit_group", 20, 11, "/usr/bin/wget"),
    )
    assert shell.process is not cron.process and end.process is cron.process


def test_a_start_after_the_end_is_another_process() -> None:
    first, _, second = lineage(
        audit(1, "execve", 20, 10, "/bin/dash"),
        audit(5, "exit_group", 20, 10, "/bin/dash"),
        audit(6, "execve", 20, 10, "/bin/dash"),
    )
    assert first.process is not second.process


def test_a_failed_start_makes_no_process() -> None:
    failed = {"SYSCALL": {"SYSCALL": "execve", "success": "no", "exit": -2, "pid": 20, "ppid": 10, "exe": "/bin/dash"}}
    shell, tried = lineage(audit(1, "execve", 20, 10, "/bin/dash"), audit(2, "execve", 20, 10, "/bin/dash", **failed))
    assert tried.kinds == {"event"} and tried.process is shell.process


def test_who_acts_says_who_its_parent_is() -> None:
    """A shell that forks without starting a program shows only by what the fork does."""
    _, fork = lineage(audit(1, "execve", 20, 10, "/bin/bash"), audit(2, "exit_group", 21, 20, "/bin/bash"))
    assert above(fork)[:2] == ["bash", "bash"] and fork.process and fork.process.pid == 21


def sysmon(code: int, data: dict[str, Any]) -> Event:
    xml = "".join(f'<Data Name="{name}">{value}</Data>' for name, value in data.items())
    text = (
        f'<Event><System><Provider Name="Linux-Sysmon"/><EventID>{code}</EventID><Computer>h</Computer></System>'
        f'<EventData><Data Name="UtcTime">2026-03-05 09:00:0{code % 10}.000</Data>{xml}</EventData></Event>'
    )
    result = normalised(text.encode())
    assert isinstance(result, list)
    return result[0]


def test_the_guid_and_not_the_pid_says_whose_connection_it_is() -> None:
    """Sysmon names a process that was forked, and has not started its program yet, by the GUID of its parent."""
    one = "{5d1e7c02-4a00-69a9-4874-1a2b3c560000}"
    start, connection = lineage(
        sysmon(1, {"ProcessGuid": one, "ProcessId": 20, "Image": "/bin/bash", "ParentProcessId": 10}),
        sysmon(
            3, {"ProcessGuid": one, "ProcessId": 31, "Image": "bash", "Initiated": "true", "DestinationIp": "81.2.69.1"}
        ),
    )
    assert connection.process is start.process and "egress" in connection.kinds


def test_a_guid_that_ends_in_zeros_is_nobodys() -> None:
    blank = "{5d1e7c02-4a00-69a9-0000-000000000000}"
    assert guid(blank) is None and guid("{00000000-0000-0000-0000-000000000000}") is None
    first, second = lineage(
        sysmon(5, {"ProcessGuid": blank, "ProcessId": 20, "Image": "&lt;unknown process&gt;"}),
        sysmon(5, {"ProcessGuid": blank, "ProcessId": 21, "Image": "&lt;unknown process&gt;"}),
    )
    assert first.process is not second.process


def test_an_app_that_the_first_process_has_started_is_open() -> None:
    """Tetragon says of an unseen parent only its `exec_id`, in which the pid stands."""
    record = {
        "process_exec": {
            "process": {
                "exec_id": "aDoyMDA6NDI=",
                "pid": 42,
                "binary": "/usr/bin/evince",
                "parent_exec_id": "aDoxOjE=",
                "start_time": "2026-03-05T09:00:00Z",
            }
        },
        "node_name": "h",
        "time": "2026-03-05T09:00:00Z",
    }
    result = normalised(record)
    assert isinstance(result, list) and "open" not in result[0].kinds
    [event] = lineage(*result)
    assert "open" in event.kinds
    assert exec_pid("aDoxOjE=") == 1 and exec_pid("aDoyMDA6NDI=") == 42


# -- files ----------------------------------------


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("bash /tmp/a.sh x", ["/tmp/a.sh"]),
        ("bash -x -o pipefail a.sh", ["/home/u/a.sh"]),
        ("sh -c 'ls /tmp/a'", []),
        ("sh -c '. /tmp/a; source \"b c\" && . ./d'", ["/tmp/a", "/home/u/b c", "/home/u/d"]),
        ("bash -lc 'source /tmp/a'", ["/tmp/a"]),
        ("bash --rcfile /tmp/rc -i", ["/tmp/rc"]),
        ("bash --init-file /tmp/rc -c '. x'", ["/tmp/rc", "/home/u/x"]),
        ("bash -s -- x", ["/home/u/x"]),
        ("bash -", []),
        ("bash", []),
        ("bash -c", []),
        ("zsh -f ../a.zsh", ["/home/u/../a.zsh"]),
        ("gio open /tmp/a.desktop", ["/tmp/a.desktop"]),
        ("xdg-open file:///tmp/b%20c.desktop", ["/tmp/b c.desktop"]),
        ("gio open /tmp/a.pdf", []),
        ("python3.11 -u in.py", ["/home/u/in.py"]),
        ("python3 -c 'import x' y.py", []),
        ("perl -w a.pl", ["/home/u/a.pl"]),
        ("bash -c 'true;\n \t. a.sh;  source b.sh'", ["/home/u/a.sh", "/home/u/b.sh"]),
        ("bash -c '" + "\n" * 300_000 + "'", []),  # costs no more than its length
    ],
)
def test_the_code_that_a_command_line_names(line: str, files: list[str]) -> None:
    assert list(code_files(split(line, "linux"), "linux", "/home/u")) == files


def test_the_documents_that_a_command_line_names() -> None:
    words = ("evince", "-f", "a.pdf", "/tmp/b.pdf", "file:///tmp/c%20d.pdf", "https://a.example/e.pdf", "")
    assert documents(words, "linux", "/home/u") == ("/home/u/a.pdf", "/tmp/b.pdf", "/tmp/c d.pdf")
    windows = ("winword.exe", "/n", "C:\\a.docm", "file:///C:/b.docm")
    assert documents(windows, "windows", None)[-2:] == ("C:\\a.docm", "C:/b.docm")
    assert len(documents(("x", *map(str, range(9_999))), "linux", None)) < 100


def test_a_name_relative_to_the_folder_of_the_process_is_a_path() -> None:
    parts = [{"nametype": "DELETE", "name": "a.part"}, {"nametype": "CREATE", "name": "./a"}]
    event = audit(1, "rename", 20, 10, "/bin/mv", CWD={"cwd": "/home/u"}, PATH=parts)
    assert event.fields["file.path"] == "/home/u/a" and event.fields["file.previous_path"] == "/home/u/a.part"


# -- the audit log's own ----------------------------------------


@pytest.mark.parametrize(
    ("record", "address", "port"),
    [
        ({"saddr": "%02%00%01%bbQ%02E%a0%00%00%00%00%00%00%00%00"}, "81.2.69.160", 443),
        ({"saddr": "%00%02%01%bbQ%02E%a0%00%00%00%00%00%00%00%00"}, "81.2.69.160", 443),  # a big-endian host
        ({"saddr": "%0a%00%00P%00%00%00%00 %01%0d%b8" + "%00" * 11 + "%09%00%00%00%00"}, "2001:db8::9", 80),
        ([{"saddr": "x", "SADDR": "{ saddr_fam=inet laddr=10.0.0.9 lport=53 }"}], "10.0.0.9", 53),
        ([{"saddr": "x", "SADDR": {"family": "ipv6", "addr": "2001:db8::9", "port": 53}}], "2001:db8::9", 53),
        ({"saddr": "%01%00/run/x", "SADDR": "{ saddr_fam=local path=saddr_fam=inet }"}, None, None),
        ({"saddr": "%02%00%01"}, None, None),
        ([], None, None),
        ("x", None, None),
    ],
)
def test_a_socket_address_is_read_in_all_its_forms(record: Any, address: str | None, port: int | None) -> None:
    assert socket_address(record) == address and socket_port(record) == port


def test_a_system_call_is_known_by_name_or_number() -> None:
    assert system_call({"SYSCALL": "ExecVE", "syscall": 1}) == "execve"
    assert system_call({"syscall": 59, "arch": "0xc000003e"}) == "execve"
    assert system_call({"syscall": 221, "arch": "0xC00000B7"}) == "execve"
    assert system_call({"syscall": 59, "arch": "0x40000003"}) is None  # another machine's 59 is another call
    assert system_call({"syscall": [59], "arch": {}}) is None and system_call("execve") is None


def test_the_platform_decides_the_rules_of_a_record_that_names_it() -> None:
    assert [platform(word) for word in ("Lin", "darwin", "Windows", "ubuntu", "plan9", 7)] == [
        "linux",
        "macos",
        "windows",
        "linux",
        None,
        None,
    ]
    for os, path in (("linux", "/Tmp/A:b"), ("windows", "C:\\Tmp\\A:b")):
        record = {
            "@timestamp": "2026-03-05T09:00:00Z",
            "event": {"category": ["file"], "type": ["creation"]},
            "host": {"name": "h", "os": {"type": os}},
            "file": {"path": path},
        }
        result = normalised(record)
        assert isinstance(result, list) and result[0].os == os
        assert result[0].fields.get("file.stream") == ("b" if os == "windows" else None)


# -- samples ----------------------------------------

REFUSED = {
    ("auditbeat_ecs.jsonl", 1): "no usable time",  # the documentation's sample has none; live events do
    ("osquery.jsonl", 3): "unknown format",  # only the columns, which a log has in an envelope
}
FORMATS = {
    "auditd_golibaudit.jsonl": {"auditd-coalesced"},
    "auditbeat_ecs.jsonl": {"auditbeat"},
    "osquery.jsonl": {"osquery"},
    "tetragon_host.jsonl": {"tetragon"},
    "elv2_sysmon_linux_winlog.jsonl": {"sysmon-linux-winlog"},
    "tracee.jsonl": {"tracee", "tracee-v1"},
    "elv2_elastic_defend_sample_events.jsonl": {"ecs-events"},
    "elv2_crowdstrike_fdr_lin.jsonl": {"crowdstrike-fdr"},
}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_sample_is_recognised_or_refused_with_a_reason(name: str, shared_data: Path) -> None:
    for at, line in enumerate((shared_data / "linux" / "samples" / name).read_bytes().splitlines(), 1):
        result = normalised(line)
        if isinstance(result, Rejected):
            assert REFUSED[name, at] == result.cause
        else:
            assert {event.format for event in result} <= FORMATS[name] and (name, at) not in REFUSED


def test_every_record_of_the_real_sessions_is_what_its_ground_truth_says(shared_data: Path) -> None:
    folder = shared_data / "linux"
    truth = json.loads((folder / "expected.json").read_text())["real"]["real/log4shell_sysmon_linux.jsonl"]["truth"]
    events: dict[int, Event] = {}
    for at, line in enumerate((folder / "real" / "log4shell_sysmon_linux.jsonl").read_bytes().splitlines(), 1):
        result = normalised(line)
        assert isinstance(result, list) and result[0].format == "sysmon-linux" and result[0].host == "ubuntu5", at
        events[at] = result[0]
    assert Counter(e.fields["event.code"] for e in events.values()) == truth["event_counts"]
    for step in truth["spawn_to_egress"]["steps"]:
        assert events[step["line"]].sequence == int(step["id"].partition("=")[2])
    [nowhere] = truth["not_egress"]
    assert "egress" not in events[nowhere["line"]].kinds
    cut = events[8].fields
    assert cut["process.parent.pid"] == 1340 and cut["process.parent.name"] == "java"
    assert "process.parent.user.name" not in cut and "process.parent.command_line" not in cut
