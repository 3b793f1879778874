"""The settled cases that a script cannot say: several inputs, second editions of an alert, chains that are refused.

The others are in `scripts/cases.test`, by the same numbers.
"""

import re
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin
from chainrun.engine.intake.order import Reorder
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Options, Run
from chainrun.engine.study import again
from chainrun.engine.study.trial import tell

SCRIPT = Path(__file__).parent / "scripts" / "cases.test"
IN_PYTHON = {2, 25, 29, 31}


def analytic(text: str) -> Analytic:
    source = Source("case.chain", text)
    return check(parse(source), source)[0]


def test_every_case_is_here_or_in_the_scripts() -> None:
    scripted = {int(n) for n in re.findall(r"^=== (\d+)", SCRIPT.read_text(), re.M)}
    assert scripted | IN_PYTHON == set(range(1, 41))


# -- 2 ----------------------------------------


def updated(text: str) -> list[Alert]:
    """The alerts of the file's only test, with their second editions."""
    told = analytic(text)
    return list(Engine([told], updates=True, raw=False).run(again.fresh(tell(told, told.tests[0]).events)))


TWICE = """
chain main: open -> spawn as child -> egress as out within 1h
test "twice" raises 1 {{
  0s  open   word         pid=1
  1s  spawn  cmd          pid=2 ppid=1
  9s  egress evil.example pid=2
  {then}
}}
"""


def test_what_is_added_to_an_alert_is_told_when_its_window_has_closed() -> None:
    first, second = updated(TWICE.format(then="12s egress evil.example pid=2\n  2h"))
    assert (first.alert_id, first.revision) == (second.alert_id, 0)
    assert second.revision == 1
    assert [first.steps[2].count, second.steps[2].count] == [1, 2]


def test_it_is_told_when_the_input_ends_before_that() -> None:
    first, second = updated(TWICE.format(then="12s egress evil.example pid=2"))
    assert (first.alert_id, second.revision) == (second.alert_id, 1)


def test_an_alert_to_which_nothing_was_added_is_told_once() -> None:
    (alert,) = updated(TWICE.format(then="2h"))
    assert alert.revision == 0


# -- 25 ----------------------------------------

AT = "2026-01-01 00:00:00.500"


def start(pid: int) -> dict[str, object]:
    return {
        "UtcTime": AT, "EventId": 1, "ProcessId": pid, "ProcessGuid": f"{{g-{pid}}}", "Image": f"C:\\{pid}.exe",
        "ParentProcessId": 4, "ParentProcessGuid": "{g-4}", "ParentImage": "C:\\explorer.exe",
    }  # fmt: skip


def connection(pid: int) -> dict[str, object]:
    return {
        "UtcTime": AT, "EventId": 3, "ProcessId": pid, "ProcessGuid": f"{{g-{pid}}}", "Image": f"C:\\{pid}.exe",
        "Protocol": "tcp", "Initiated": "true", "DestinationIp": "203.0.113.9", "DestinationPort": 443,
    }  # fmt: skip


def started_and_connected(folder: Path, *inputs: list[dict[str, object]]) -> set[object]:
    """The programs that connect after their start."""
    names = []
    for number, records in enumerate(inputs):
        path = folder / f"{number}.jsonl"
        path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
        names.append(str(path))
    run = Run([analytic("chain main: spawn as child -> egress within 1h")], names, Options(host="h"))
    found = {alert.steps[0].witness.fields["process.name"] for alert in run}  # type: ignore[union-attr]
    assert not run.tally.errors
    return found


def test_between_two_inputs_of_one_time_an_introduction_comes_first(tmp_path: Path) -> None:
    assert started_and_connected(tmp_path, [connection(11)], [start(11)]) == {"11.exe"}


def test_each_inputs_own_order_stands(tmp_path: Path) -> None:
    assert started_and_connected(tmp_path, [connection(11), start(11)]) == set()


def test_where_introductions_are_circular_the_inputs_go_in_the_order_given(tmp_path: Path) -> None:
    ours, theirs = [connection(11), start(12)], [connection(12), start(11)]
    assert started_and_connected(tmp_path, ours, theirs) == {"12.exe"}
    assert started_and_connected(tmp_path, theirs, ours) == {"11.exe"}


# -- 29 ----------------------------------------


def event(seconds: int, rank: int) -> Event:
    return Event(seconds * 1_000_000, frozenset({"write"}), {}, host="h", origin=Origin("in", 1, 0, rank))


def times(reorder: Reorder) -> list[int]:
    return [e.time // 1_000_000 for e in reorder.release()]


def test_an_inputs_events_wait_for_the_lateness_and_for_the_other_input() -> None:
    reorder = Reorder([0, 1], lateness=5_000_000)
    reorder.add(event(1, 0))
    reorder.add(event(10, 0))
    assert times(reorder) == []
    reorder.add(event(20, 1))
    assert times(reorder) == [1]


def test_an_input_that_ended_holds_nobody_back(tmp_path: Path) -> None:
    early = tmp_path / "early.jsonl"
    early.write_bytes(msgspec.json.encode(start(11)) + b"\n")
    late = msgspec.json.encode({**connection(11), "UtcTime": "2026-01-01 00:10:00.500"}) + b"\n"
    chain = analytic("chain main: spawn as child -> egress within 1h")
    assert len(list(Run([chain], [str(early), "-"], Options(host="h"), stdin=BytesIO(late)))) == 1


# -- 31 ----------------------------------------


@pytest.mark.parametrize(
    "chain",
    ["write ~> !(open -> write) within 1h", "(open -> write){3} within 1h", "(open -> write) & exec within 1h"],
)
def test_a_sequence_cannot_be_absent_repeated_or_a_member(chain: str) -> None:
    with pytest.raises(ChainError) as refused:
        analytic(chain)
    assert "C112" in {d.code for d in refused.value.diagnostics}
