"""The time that a run is asked about: what lies outside matches nothing, and what came before still tells whose it is."""

import io
import json
from pathlib import Path

import pytest
from chainrun.engine.cli.exits import Exit
from chainrun.engine.intake.span import Span

from .command import EVENTS, Command, alerts, connection, start, sysmon
from .test_intake import lines, small


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], 2),
        (["--from", "2026-03-01"], 2),
        (["--from", "2026-03-02"], 0),
        (["--to", "2026-03-01T10:01"], 1),
        (["--to", "2026-03-01 10:00:09"], 0),  # what ends the first chain happens at that moment, and so not before it
        (["--to", "2026-03-01 10:00:09.000001"], 1),
        (["--from", "2026-03-01T10:00:00Z"], 2),
        (["--from", "2026-03-01T10:00:00.000001Z"], 1),
        (["--from", "2026-03-01T12:01:00+02:00"], 1),
        (["--from", "2026-03-01T10:00:30Z", "--to", "2026-03-01T10:02:00Z"], 1),
    ],
)
def test_only_what_happened_then_is_matched(here: Path, chainrun: Command, options: list[str], found: int) -> None:
    (here / "two.jsonl").write_text(EVENTS + start(70, 300, "powershell.exe") + connection(75, 300))
    code, out, err = chainrun("t.chain", "two.jsonl", "--stats", "stats.json", *options)
    assert (code, len(alerts(out))) == (Exit.OK, found)
    told = json.loads((here / "stats.json").read_bytes())["lines"]
    assert told["used"] + told["outside"] == 4
    assert (f"{told['outside']} outside" in err) == bool(told["outside"])


def test_what_came_before_still_tells_whose_it_is(here: Path, chainrun: Command) -> None:
    """The shell was started before the time that is asked about, and is who writes within it."""
    (here / "who.chain").write_text("write(actor: { powershell.exe }) -> egress within 5m\n")
    written = sysmon(
        11, 60, ProcessId=100, ProcessGuid=f"{{00000000-0000-0000-0000-{100:012d}}}", TargetFilename="C:\\x"
    )
    (here / "who.jsonl").write_text(start(0, 100, "powershell.exe") + written + connection(65, 100))
    code, out, _ = chainrun("who.chain", "who.jsonl", "--from", "2026-03-01T10:00:30Z")
    (alert,) = alerts(out)
    assert (code, alert["lineage"][-1]["name"]) == (Exit.OK, "powershell.exe")


def test_the_last_hour_is_the_last_by_our_clock(here: Path, chainrun: Command) -> None:
    assert alerts(chainrun("t.chain", "hit.jsonl", "--last", "1h")[1]) == []
    assert len(alerts(chainrun("t.chain", "hit.jsonl", "--last", "36500d")[1])) == 1


def test_a_span_holds_for_pipes_too() -> None:
    data = lines(*({"t": t, "k": "write", "h": "a"} for t in range(10)))
    intake = small(stdin=io.BytesIO(data), span=Span(3_000_000, 7_000_000))
    assert [e.time // 10**6 for e in intake if not e.unasked] == [3, 4, 5, 6]
    assert (intake.tally.outside, intake.tally.passed) == (6, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "yesterday"], "`yesterday` is no time"),
        (["--to", "2026-13-01"], "`2026-13-01` is no time"),
        (["--from", "1"], "`1` is no time"),
        (["--last", "1"], "`1` is not a duration"),
        (["--from", "2026-03-01", "--last", "1h"], "both say where to begin"),
        (["--from", "2026-03-02", "--to", "2026-03-02"], "nothing happens between"),
        (["--last", "1h", "--state", "s"], "--last goes by our clock"),
    ],
)
def test_what_is_no_time_is_told(here: Path, chainrun: Command, options: list[str], message: str) -> None:
    code, _, err = chainrun("t.chain", "hit.jsonl", *options)
    assert (code, message in err) == (Exit.USAGE, True), err
