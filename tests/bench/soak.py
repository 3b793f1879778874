"""A run that does not end, watched: its memory and its descriptors must not grow, whatever is done to what it follows.

    python -m tests.bench.soak MINUTES

`chainrun --follow --state` reads a file that is appended to, renamed away, and copied and truncated, while its chains
change and SIGHUP takes them in. What is remembered by count is filled before the first look. It fails where the last
third needs more than the one before, where an alert is missing or too many, and where a line is.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from ..command import COMMAND
from .streams import BEGIN
from .windows import SERVICES, SYSTEM32, Fleet

PACE = 1_000  # lines a second, of telemetry's time and of ours
BEFORE = 120_000  # lines until every table is full: as many as two windows, 50,000 processes, 60,000 records
PLANTED = 25  # of so many stories one calls home
ROTATED, RELOADED, LOOKED = 20.0, 7.0, 10.0  # seconds
GROWN = 1.03  # what memory may seem to grow by: parts of it come and go

CHAIN = "spawn({ powershell.exe }) as shell -> egress by shell within 1m\n"
OTHER = "spawn({{ conhost.exe }}) as helper -> delete by helper within {minutes}m\n"


class Look(NamedTuple):
    """What a process holds at a moment."""

    seconds: float
    resident: float  # MiB
    descriptors: int


class Writer:
    """One host's log, in a file that only ever is appended to by it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines = self.planted = self.rotations = 0
        (self._host,) = Fleet(1, hosts=1).hosts
        self._service = self._host.process(SYSTEM32 + SERVICES[0])
        self._out = file.open("ab", buffering=0)

    def write(self, lines: int) -> None:
        """Stories of four lines, together at least so many."""
        told = bytearray()
        for story in range(self.lines // 4, (self.lines + lines + 3) // 4):
            host, at = self._host, BEGIN + story * 4 * 1000 // PACE
            shell, helper = host.process(SYSTEM32 + "powershell.exe"), host.process(SYSTEM32 + "conhost.exe")
            is_planted = story % PLANTED == 0
            self.planted += is_planted
            for _, record in (
                host.start(at, shell, host.explorer),
                host.start(at + 1, helper, shell),
                host.file(at + 2, helper, f"C:\\Users\\ann\\{story}.txt"),
                host.connection(at + 3, shell if is_planted else self._service, "203.0.113.77", 443),
            ):
                told += msgspec.json.encode(record) + b"\n"
                self.lines += 1
        self._out.write(told)

    def rename(self) -> None:
        """As logrotate does: for a moment the old file is still written to."""
        self.file.rename(self.file.with_name(f"{self.file.name}.1"))
        self.write(PACE // 10)
        self._out.close()
        self._out = self.file.open("ab", buffering=0)
        self.rotations += 1

    def truncate(self) -> None:
        """As logrotate's `copytruncate` does."""
        shutil.copyfile(self.file, self.file.with_name(f"{self.file.name}.1"))
        os.truncate(self.file, 0)
        self.rotations += 1


def look(pid: int, began: float) -> Look:
    status = Path(f"/proc/{pid}/status").read_text()
    (resident,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return Look(time.monotonic() - began, int(resident) / 1024, len([*Path(f"/proc/{pid}/fd").iterdir()]))


def alerts(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def until(is_so: Callable[[], bool], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"not so after {seconds:.0f} s: {what}")
        time.sleep(0.1)


@contextmanager
def ended(child: "subprocess.Popen[str]") -> Iterator[None]:
    """Whatever happens, the child ends too."""
    try:
        yield
    finally:
        child.kill()


def soak(folder: Path, minutes: float) -> list[str]:
    """What is wrong after so many minutes."""
    log, found, stats = folder / "app.log", folder / "alerts.jsonl", folder / "stats.json"
    steady, changing = folder / "steady.chain", folder / "changing.chain"
    steady.write_text(CHAIN)
    changing.write_text(OTHER.format(minutes=1))
    writer = Writer(log)
    writer.write(BEFORE)
    words = [*COMMAND, "--follow", "--quiet", "--no-raw", "--evidence", "3", str(steady), str(changing), str(log)]
    words += ["--state", str(folder / "state"), "-o", str(found), "--stats", str(stats)]
    looks: list[Look] = []
    reloads = 0
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as child, ended(child):
        until(lambda: alerts(found) >= writer.planted or child.poll() is not None, "what was there has been read")
        began = time.monotonic()
        rotated = reloaded = began
        written = writer.lines
        print(" seconds  resident MiB  descriptors  reloads  rotations    lines", flush=True)
        while child.poll() is None and (now := time.monotonic()) < began + minutes * 60:
            writer.write(int((now - began) * PACE) - (writer.lines - written))
            if now - rotated >= ROTATED:
                rotated = now
                if writer.rotations % 2:  # what was not read is lost with a file that is truncated
                    until(lambda: alerts(found) >= writer.planted, "what was written has been read")
                    writer.truncate()
                else:
                    writer.rename()
            if now - reloaded >= RELOADED:
                reloaded = now
                reloads += 1
                changing.write_text(OTHER.format(minutes=1 + reloads % 2))
                child.send_signal(signal.SIGHUP)
            if now - began >= len(looks) * LOOKED:
                looks.append(seen := look(child.pid, began))
                told = f"{seen.seconds:8.0f}  {seen.resident:12.1f}  {seen.descriptors:11}"
                print(f"{told}  {reloads:7}  {writer.rotations:9}  {writer.lines:7}", flush=True)
            time.sleep(0.1)
        until(lambda: alerts(found) >= writer.planted or child.poll() is not None, "what was written has been read")
        child.terminate()
        said = child.communicate(timeout=60)[1]
    wrong = [f"exit code {child.returncode}: {said}"] if child.returncode or said else []
    wrong += grown(looks)
    ids = [json.loads(line)["alert_id"] for line in found.read_bytes().splitlines()]
    if not len(ids) == len(set(ids)) == writer.planted:
        wrong.append(f"{writer.planted} alerts are true, {len(ids)} were written, {len(set(ids))} of them different")
    read = json.loads(stats.read_bytes())["lines"]["read"] if stats.exists() else 0
    if read != writer.lines:
        wrong.append(f"{writer.lines} lines were written, {read} were read")
    return wrong


def grown(looks: list[Look]) -> list[str]:
    """What the last third of the time needed more of than the third before."""
    third = len(looks) // 3
    before, last = looks[third : 2 * third], looks[-third:]
    if not before:
        return ["too short to tell"]
    wrong = []
    # at rest: what a look finds that falls on a checkpoint hangs on how far that is
    was, is_ = min(one.resident for one in before), min(one.resident for one in last)
    print(f"{was:.1f} MiB in the second third, {is_:.1f} in the last; {max(one.resident for one in looks):.1f} at most")
    if is_ > was * GROWN:
        wrong.append(f"memory grows: {was:.1f} MiB, then {is_:.1f}")
    held, holds = median(one.descriptors for one in before), median(one.descriptors for one in last)
    if holds > held:
        wrong.append(f"descriptors grow: {held}, then {holds}")
    return wrong


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        faults = soak(Path(made), float(sys.argv[1]))
    sys.exit("\n".join(faults) or None)
