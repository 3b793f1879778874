"""What telemetry says reaches a terminal as visible characters only, whatever the verb and the form."""

import json
import shlex
from pathlib import Path

import pytest
from chainrun.dsl.visible import is_visible
from chainrun.engine.cli.exits import Exit

from .command import connection, process, start

EVIL = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\x00\x08"  # orders to a terminal
    "\u202egpj.exe\u2066\u200b\ufeff\u2028\u061c\U000e0041"  # what turns the writing, or is not seen
    "<script>alert(1)</script>'\"`=HYPERLINK(1)|[bold]{x}\\"  # what other readers take for their own
)
CHAIN = "spawn as s -> egress where new(process.executable among egress in 1h) or s.process.pid > 0 within 10m\n"

VERBS = {
    "text": "t.chain EVENTS -f text --show-suppressed",
    "jsonl": "t.chain EVENTS -f jsonl",
    "updates": "t.chain EVENTS --updates --allow-unproven",
    "normalise": "normalise EVENTS",
    "coverage": "coverage t.chain EVENTS",
    "coverage-json": "coverage t.chain EVENTS -f json",
    "coverage-navigator": "coverage t.chain EVENTS -f navigator",
    "baseline": "baseline t.chain EVENTS",
}


SILENT = ("coverage", "coverage-json", "coverage-navigator")  # of hosts where nothing is missing they name none


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Records with such texts for all that a record may say, such a host, and a file of such a name."""
    (tmp_path / "t.chain").write_text(CHAIN)
    lines = []
    for line in (start(0, 100, "powershell.exe"), connection(9, 100)):
        record = json.loads(line)
        data = record["Event"]["EventData"]
        for name in ("CommandLine", "ParentImage", "DestinationHostname", "User", "CurrentDirectory", "RuleName", EVIL):
            data[name] = f"C:\\x\\{EVIL}"
        path = EVIL.replace("\x00", "")  # no path has that
        data["Image"] = f"C:\\Windows\\{path}\\powershell.exe"
        for host in (f"win{EVIL}", "other"):
            record["Event"]["System"]["Computer"] = host
            lines.append(json.dumps(record, ensure_ascii=False))
    (tmp_path / "\x1b[2J\u202e.jsonl").write_text("\n".join([*lines, EVIL, ""]))
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_that_is_shown_can_steer_a_terminal(here: Path, verb: str) -> None:
    words = [word if word != "EVENTS" else "\x1b[2J\u202e.jsonl" for word in shlex.split(VERBS[verb])]
    done = process(words, cwd=here)
    assert done.returncode == Exit.OK
    shown = done.stdout.decode() + done.stderr.decode()
    assert "script" in shown or verb in SILENT
    assert {c for c in shown if c != "\n" and not is_visible(c)} == set()
    if verb not in ("text", "coverage"):
        for line in done.stdout.decode().splitlines():
            json.loads(line)
