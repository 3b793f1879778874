"""Telemetry to ship: every line an alert of its own, so that one that is lost is missed."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import chainrun
from chainrun import Options

from ..command import start
from .daemon import children, until

CHAIN = "spawn({ powershell.exe }) within 1h\n"


class Load:
    """Lines in a file, a chain for them, and the file that their alerts are written to: where the recipes have them."""

    def __init__(self, folder: Path, lines: int) -> None:
        self.lines = lines
        self.folder = folder / "etc" / "chainrun"
        self.events = folder / "var" / "log" / "telemetry" / "events.jsonl"
        self.alerts = folder / "var" / "log" / "chainrun" / "alerts.jsonl"
        self.said = self.alerts.with_name("log")
        for name in (self.folder, self.events.parent, self.alerts.parent):
            name.mkdir(parents=True, exist_ok=True)
        (self.folder / "every.chain").write_text(CHAIN)
        (self.folder / "chainrun.toml").write_text("")
        self.events.write_text(
            "".join(start(n * 3599 // lines, 1000 + n, "powershell.exe", parent=10**6 + n) for n in range(lines))
        )

    @property
    def written(self) -> int:
        """How many alerts there are so far."""
        return self.alerts.read_bytes().count(b"\n") if self.alerts.exists() else 0

    @property
    def different(self) -> int:
        """How many of them are not another once more."""
        if not self.written:
            return 0
        whole = self.alerts.read_bytes().rpartition(b"\n")[0]
        return len({json.loads(line)["alert_id"] for line in whole.splitlines()})

    def kill_consumers(self, daemon: int, times: int) -> None:
        """Kills what the daemon runs so many times, evenly spread over the load, and waits for the rest of it."""
        for kill in range(1, times + 1):
            until(lambda at=kill: self.written >= at * self.lines // (times + 1))  # type: ignore[misc]
            for pid in children(daemon):
                os.kill(pid, signal.SIGKILL)
        until(lambda: self.written >= self.lines)

    def ids(self) -> Counter[str]:
        """How often each alert was written. A line that is no alert is an error."""
        return Counter(json.loads(line)["alert_id"] for line in self.alerts.read_bytes().splitlines())

    def expected(self) -> set[str]:
        """The ids of the alerts of a run that nobody disturbs."""
        chain = self.folder / "every.chain"
        return {alert.alert_id for alert in chainrun.run(chain, self.events, Options(raw=False))}
