"""A chain, events in which it is found once, and the command line that tests run over them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MAIN = Path(__file__).resolve().parent.parent / "engine" / "api" / "__main__.py"
COMMAND = (sys.executable, str(MAIN))

Shown = tuple[int, str, str]  # exit code, standard output, standard error
Command = Callable[..., Shown]

CHAIN = """\
TimeWindow = 10m
Shells     = { powershell.exe, cmd.exe }

spawn(Shells) as shell -> egress as out within TimeWindow
except "updates" when shell.process.name == "cmd.exe" and out.destination.port == 8530
"""


def sysmon(code: int, second: int, **data: Any) -> str:
    """One line of Sysmon telemetry."""
    time = f"2026-03-01T{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z"
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": code,
        "TimeCreated": {"#attributes": {"SystemTime": time}},
        "EventRecordID": second,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": "win-1",
    }
    utc = time.replace("T", " ")[:-4]
    return json.dumps({"Event": {"System": system, "EventData": {"UtcTime": utc, **data}}}) + "\n"


def start(second: int, pid: int, image: str, parent: int = 4) -> str:
    return sysmon(
        1,
        second,
        ProcessGuid=f"{{00000000-0000-0000-0000-{pid:012d}}}",
        ProcessId=pid,
        Image=f"C:\\Windows\\{image}",
        CommandLine=f"{image} -x",
        ParentProcessGuid=f"{{00000000-0000-0000-0000-{parent:012d}}}",
        ParentProcessId=parent,
        ParentImage="C:\\Windows\\explorer.exe",
    )


def connection(second: int, pid: int, port: int = 443) -> str:
    return sysmon(
        3,
        second,
        ProcessGuid=f"{{00000000-0000-0000-0000-{pid:012d}}}",
        ProcessId=pid,
        Image="C:\\Windows\\powershell.exe",
        Initiated="true",
        SourceIp="10.0.0.5",
        SourcePort=50000 + second,
        DestinationIp="203.0.113.9",
        DestinationPort=port,
    )


EVENTS = start(0, 100, "powershell.exe") + connection(9, 100)
QUIET = start(0, 200, "notepad.exe") + connection(9, 200)


def process(words: Sequence[str], stdin: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *words], input=stdin, capture_output=True, timeout=60, check=False, **options)


def alerts(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def kill(run: subprocess.Popen[bytes], after: float = 0) -> None:
    """Ends a run as nothing can be prepared for, after some seconds."""
    time.sleep(after)
    run.kill()
    run.wait()
