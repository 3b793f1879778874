"""What came in and what became of it: the two add up for lines and for partial matches, and are told in three ways.

That they add up in every other test too is `conftest`'s to see to.
"""

import io
import json
import random
import re
import socket
import subprocess
import time
import urllib.request
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.cli import accounts
from chainrun.engine.cli.exits import Exit
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.tally import Tally
from chainrun.engine.report.balance import Balance, line_balance, uneven
from chainrun.engine.report.metrics import Family, to_text
from chainrun.engine.run import Run
from prometheus_client.parser import text_string_to_metric_families

from .command import COMMAND, EVENTS, Command, alerts, connection, start, sysmon
from .test_intake import file, lines, small

__all__ = ["file"]  # fixtures

# Partial matches that come to every end.
CHAINS = """\
TimeWindow = 10m
chain whole:
  spawn({ powershell.exe }) as shell -> egress within TimeWindow
chain absent:
  spawn({ powershell.exe }) as shell -> !egress within TimeWindow
"""


def numbers(file: Path) -> dict[str, Any]:
    value = json.loads(file.read_bytes())
    assert isinstance(value, dict)
    return value


def write_all(folder: Path) -> Path:
    """A file whose lines come to every end that a file's lines can come to."""
    first, second = EVENTS.splitlines(keepends=True)
    file = folder / "all.jsonl"
    file.write_text(
        first + second + second + "\n" + "{\n" + "{\n" + "[]\n"
        + start(100, 300, "powershell.exe")
        + sysmon(255, 101, ID="x", Description="an error of Sysmon itself")
    )  # fmt: skip
    return file


# -- lines ----------------------------------------


def test_every_line_has_one_end(here: Path, chainrun: Command) -> None:
    write_all(here)
    code, _, err = chainrun("t.chain", "all.jsonl", "--stats", "stats.json")
    assert code == Exit.OK
    told = numbers(here / "stats.json")
    counted = told["lines"]
    assert counted["read"] == 9
    assert (counted["duplicate"], counted["blank"], counted["bad"]) == (1, 1, 3)
    assert counted["read"] + counted["further"] == sum(
        n for end, n in counted.items() if end not in ("read", "further")
    )
    assert told["bad"]["malformed JSON"] == {"lines": 2, "first": {"input": "all.jsonl", "line": 5}}
    assert "1 duplicate, 1 blank, 3 bad" in err


def test_a_line_of_several_records_counts_as_so_many() -> None:
    log = {"Records": [{"eventVersion": "1.08", "eventTime": f"2026-03-01T10:00:0{n}Z", "eventSource": "ec2.amazonaws.com",
                        "eventName": "RunInstances", "awsRegion": "x", "userIdentity": {"type": "Root"},
                        "eventID": str(n)} for n in range(3)]}  # fmt: skip
    intake = Run([], [], stdin=io.BytesIO(json.dumps(log).encode() + b"\n"))
    assert list(intake) == []
    balance = line_balance(intake.tally)
    assert (intake.tally.lines, intake.tally.further, balance.taken) == (1, 2, 3)
    assert balance.became["used"] == 3


def test_random_disorder_repeats_and_damage_add_up(tmp_path: Path) -> None:
    chance = random.Random(6)
    made = [start(n % 600, 100 + n % 7, "powershell.exe") + connection(n % 600, 100 + n % 7) for n in range(300)]
    rows = "".join(made).splitlines(keepends=True)
    for _ in range(20):
        drawn = [chance.choice(rows) for _ in range(200)]
        broken = [row[: chance.randrange(len(row))] + "\n" if chance.random() < 0.2 else row for row in drawn]
        data = "".join(broken).encode()
        file = tmp_path / "random.jsonl"
        file.write_bytes(data)
        source = Source("t", CHAINS)
        for inputs, stdin in (([str(file)], b""), (["-"], data)):
            run = Run([check(parse(source), source)[0]], inputs, stdin=io.BytesIO(stdin))
            list(run)
            assert not uneven(run.balances)
            assert run.balances[0].taken >= 200
            assert run.balances[0].became["bad"] > 0


def test_late_events_are_no_used_ones() -> None:
    data = lines({"t": 10, "k": "write", "h": "a"}, {"t": 5, "k": "write", "h": "a"}, {"t": 11, "k": "write", "h": "a"})
    intake = small(stdin=data)
    assert len(list(intake)) == 3
    became = line_balance(intake.tally).became
    assert (became["used"], became["late"]) == (2, 1)


# -- groups ----------------------------------------


def test_every_partial_match_has_one_end(here: Path, chainrun: Command) -> None:
    (here / "ends.chain").write_text(CHAINS)
    late = [sysmon(11, s, ProcessId=9, Image="C:\\a.exe", TargetFilename="C:\\x") for s in range(60, 3000, 60)]
    (here / "ends.jsonl").write_text(
        EVENTS + start(20, 300, "powershell.exe") + "".join(late) + start(3000, 400, "powershell.exe")
    )
    code, out, err = chainrun("ends.chain", "ends.jsonl", "--stats", "stats.json")
    assert code == Exit.OK
    whole, absent = numbers(here / "stats.json")["chains"]
    # three shells: one talked, one was forgotten, one is young; and one whole match
    assert whole["groups"] == {"created": 4, "completed": 1, "expired": 2, "killed": 0, "evicted": 0, "open": 1}
    assert absent["groups"]["created"] == 3
    assert (absent["groups"]["completed"], absent["groups"]["killed"], absent["groups"]["open"]) == (1, 1, 1)
    assert len(alerts(out)) == 2
    assert "groups   7 of partial matches: 2 completed, 2 expired, 1 killed, 2 open" in err


# -- a fault of ours ----------------------------------------


def test_what_does_not_add_up_is_said_and_is_a_fault_of_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert accounts.audit([Balance("lines", 3, {"used": 2, "bad": 1})]) is None
    assert accounts.audit([Balance("lines", 5, {"used": 2, "bad": 1})]) == Exit.INTERNAL
    err = capsys.readouterr().err
    assert err.startswith(
        "error: 2 lines are not accounted for: 5 lines = 2 used + 1 bad\n  = help: this is a fault of chainrun"
    )


def test_a_line_that_vanishes_is_noticed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two sides are counted apart, so that a loss on the way is seen."""
    file.write_bytes(lines(*({"t": t, "k": "write", "h": "a"} for t in range(3))))
    monkeypatch.setattr(Intake, "_settled", lambda self, events: islice(events, 1, None))
    intake = small([file])
    with pytest.raises(AssertionError):  # of `conftest`
        list(intake)
    assert line_balance(intake.tally).lost == 1


# -- files of numbers ----------------------------------------


def test_the_same_run_has_the_same_numbers_byte_for_byte(here: Path, chainrun: Command) -> None:
    write_all(here)
    for name in ("a.json", "b.json"):
        assert chainrun("t.chain", "all.jsonl", "--stats", name)[0] == Exit.OK
    assert (here / "a.json").read_bytes() == (here / "b.json").read_bytes()


@pytest.mark.parametrize("option", ["--stats", "--metrics-file"])
def test_numbers_are_never_written_over_what_is_read(here: Path, chainrun: Command, option: str) -> None:
    assert chainrun("t.chain", "hit.jsonl", option, "hit.jsonl")[0] == Exit.USAGE
    assert (here / "hit.jsonl").read_text() == EVENTS
    code, _, err = chainrun("t.chain", "hit.jsonl", option, "no/where")
    assert (code, "no/where` cannot be written" in err) == (Exit.USAGE, True)


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_metrics_file_is_what_prometheus_reads(here: Path, chainrun: Command) -> None:
    write_all(here)
    assert chainrun("t.chain", "all.jsonl", "--metrics-file", "c.prom", "--stats", "stats.json")[0] == Exit.OK
    found = samples((here / "c.prom").read_text())
    told = numbers(here / "stats.json")
    assert found["chainrun_lines_read_total", ()] == told["lines"]["read"] == 9
    assert found["chainrun_lines_total", (("end", "bad"),)] == 3
    assert found["chainrun_bad_lines_total", (("cause", "malformed JSON"),)] == 2
    assert found["chainrun_alerts_total", (("analytic", "t"), ("chain", "main"))] == 1
    assert found["chainrun_groups_open", (("analytic", "t"), ("chain", "main"))] == told["chains"][0]["groups"]["open"]
    assert not list(here.glob(".*"))


def test_labels_are_escaped() -> None:
    odd = 'a"b\\c\nd'
    text = to_text([Family("x", "counter", "X.", [({"cause": odd}, 1)])])
    assert samples(text) == {("x_total", (("cause", odd),)): 1.0}


def test_a_run_tells_of_itself_while_it_goes_on(here: Path) -> None:
    pytest.importorskip("prometheus_client")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*COMMAND, "t.chain", "-", "-q", "--metrics", str(port), "--metrics-file", "c.prom"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=here) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(EVENTS.encode())
        process.stdin.flush()
        assert process.stdout.readline()  # the alert: all has been read
        deadline = time.monotonic() + 20
        read = 0.0
        while read != 2 and time.monotonic() < deadline:
            time.sleep(0.2)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                read = samples(answer.read().decode())["chainrun_lines_read_total", ()]
        assert read == 2
        assert samples((here / "c.prom").read_text())["chainrun_lines_read_total", ()] == 2
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("port", ["x", "0", "65536", "9" * 20, "0.0.0.0:9464"])
def test_what_is_no_port_is_told(here: Path, chainrun: Command, port: str) -> None:
    code, _, err = chainrun("t.chain", "hit.jsonl", "--metrics", port)
    assert (code, "is no port" in err) == (Exit.USAGE, True)


def test_a_port_that_is_taken_is_told(here: Path, chainrun: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = chainrun("t.chain", "hit.jsonl", "--metrics", port)
    assert code == Exit.USAGE
    assert re.search(rf"port {port} cannot be listened on: ", err)


def test_an_empty_run_is_even() -> None:
    assert not uneven([line_balance(Tally())])
