"""One stamp from the future changes nothing for anybody else: not on a pipe, not in a file, whatever its offset.

Streams here are of hosts x, y and z in the small shape of `test_intake`; the forged stamps are x's.
"""

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.intake.ahead import FAR, FUTURE, SILENT, Pace
from chainrun.engine.intake.clock import UNMEASURED
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.tally import HOSTS, OTHERS, Tally
from chainrun.engine.report.alert import Alert, encode
from chainrun.engine.report.summary import to_summary
from chainrun.engine.run import Run
from hypothesis import given, settings
from hypothesis import strategies as st

from .command import connection, start
from .test_intake import Pipe, Small, lines
from .worlds import checked

SECOND = 1_000_000
MINUTE = 60
DAY = 86_400
YEAR = 365 * DAY
START = 1_000_000_000  # long before any run of these tests

Record = dict[str, Any]

ABSENT = "write({ /a }) -> !delete({ /b }) within 5m"
CHAINS = f"""
chain absent: {ABSENT}
chain counted: write{{>= 3 in 2m}} -> read within 10m
chain hop: write({{ /a }}) -> read({{ /c }}) within 20m
chain before: !read({{ /c }}) -> write({{ /b }}) within 3m
"""


def record(at: float, host: str, kind: str = "write", path: str = "/a", **more: Any) -> Record:
    return {"t": START + at, "k": kind, "h": host, "pid": 1, "file.path": path, **more}


def intake(records: list[Record], folder: Path | None = None, **options: Any) -> Intake:
    """Through a pipe or, with a folder, from a file."""
    if folder is None:
        return Intake([], Small(), stdin=io.BytesIO(lines(*records)), **options)
    file = folder / "events.jsonl"
    file.write_bytes(lines(*records))
    return Intake([str(file)], Small(), **options)


def raised(chain: str, source: Intake, **options: Any) -> list[Alert]:
    return list(Engine([checked(chain)], raw=False, evidence=1_000, **options).run(source))


def others(alerts: list[Alert]) -> list[bytes]:
    """The alerts that are not x's, without the lines where their events were read: those move with every line put in."""
    return [placeless(alert) for alert in alerts if alert.scope != {"host.name": "x"}]


def placeless(alert: Alert) -> bytes:
    row: Any = msgspec.json.decode(encode(alert))
    for step in row["steps"]:
        for place in [step.get("witness", {}), *step.get("evidence", ())]:
            for name in ("input", "line", "offset"):
                place.pop(name, None)
    return msgspec.json.encode(row)


def hosts(alerts: list[Alert]) -> list[str]:
    return [str(alert.scope["host.name"]) for alert in alerts]


# -- what one stamp must not do ----------------------------------------

FORGED = [record(YEAR, "x")]
TWICE = [record(YEAR, "x"), record(YEAR + 1, "x", "read")]


@pytest.mark.parametrize("forged", [FORGED, TWICE])
def test_on_a_pipe_it_ends_nobodys_waiting(forged: list[Record]) -> None:
    stream = [record(0, "y"), record(1, "z"), *forged, record(2, "y", "delete", "/b"), record(3, "z", "delete", "/b")]
    assert raised(ABSENT, intake(stream)) == []
    later = [record(400, "y", "read"), record(401, "z", "read")]
    assert hosts(raised(ABSENT, intake([*stream[:-1], *later]))) == ["z"]


@pytest.mark.parametrize("forged", [FORGED, TWICE])
def test_in_a_file_it_ends_nobodys_waiting(tmp_path: Path, forged: list[Record]) -> None:
    stream = [record(0, "y"), *forged, record(1, "z", "read")]
    assert raised(ABSENT, intake(stream, tmp_path)) == []
    assert hosts(raised(ABSENT, intake([*stream, record(301, "z", "read")], tmp_path))) == ["y"]


@pytest.mark.parametrize("forged", [FORGED, TWICE])
def test_it_blinds_no_count(forged: list[Record]) -> None:
    chain = "write{>= 3 in 1m} per all"
    stream = [record(0, "y"), *forged, *(record(n, "y") for n in (1, 2))]
    assert len(raised(chain, intake(stream))) == 1


def test_a_host_that_was_never_heard_of_ends_nobodys_waiting(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        assert raised(ABSENT, intake([record(0, "y"), *FORGED], folder)) == []


def test_its_own_host_counts_on_as_well() -> None:
    stream = [record(0, "x"), *FORGED, *(record(n, "x") for n in (1, 2))]
    (alert,) = raised("write{>= 3 in 1m}", intake(stream))
    assert alert.flags == []


@pytest.mark.parametrize("lateness", [0, 30 * SECOND])
def test_it_makes_nothing_late(lateness: int) -> None:
    stream = [record(0, "y"), *FORGED, record(1, "x", "read"), record(2, "y", "read"), *FORGED, record(3, "x")]
    source = intake(stream, lateness=lateness)
    assert [e.flags for e in source if e.time < START * SECOND + DAY * SECOND] == [()] * 4
    assert source.tally.late == 0


@pytest.mark.parametrize("forged", [FORGED, TWICE, [*FORGED, *TWICE]])
def test_it_expires_nothing(forged: list[Record]) -> None:
    chain = "write({ /a }) -> read({ /c }) within 10m"
    stream = [record(0, "y"), *forged, record(1, "z"), record(500, "y", "read", "/c"), record(501, "z", "read", "/c")]
    assert hosts(raised(chain, intake(stream))) == ["y", "z"]


def test_with_a_lateness_it_releases_nothing_early() -> None:
    """The buffer of a pipe goes by what two hosts have reached, so that a clock that is a little fast cannot empty it."""
    for ahead in (40, 4 * MINUTE, 10 * MINUTE, YEAR):
        stream = [record(10, "y", label="b"), record(10 + ahead, "x", label="d")]
        stream += [record(5, "z", label="a"), record(11, "y", label="c"), record(12, "z", label="e")]
        source = intake(stream, lateness=30 * SECOND)
        assert "".join(e.fields["rule.name"] for e in source) == "abced", ahead
        assert source.tally.late == 0


def test_first_of_all_it_is_found_out_by_what_follows() -> None:
    stream = [*FORGED, record(0, "y"), record(1, "z", "read"), record(400, "z", "read"), record(401, "y", "read")]
    assert hosts(raised(ABSENT, intake(stream))) == ["y"]
    second = [record(YEAR + MINUTE, "x")]
    assert hosts(raised(ABSENT, intake([*stream[:3], *second, *stream[3:]]))) == ["y"]


# -- what it is, itself ----------------------------------------


def test_it_is_matched_in_its_place_in_the_end_and_told_of(tmp_path: Path) -> None:
    stream = [record(0, "x"), *FORGED, record(1, "y", "read")]
    for folder in (None, tmp_path):
        source = intake(stream, folder)
        events = list(source)
        assert [(e.host, e.doubted) for e in events] == [("x", False), ("y", False), ("x", True)]
        assert source.tally.alone == {"x": 1}
        told = "\nalone    1 event of x with a time far ahead of all others: nobody else's goes by it\n"
        assert told in to_summary(source.tally, ())


def test_its_own_waiting_ends_by_it(tmp_path: Path) -> None:
    stream = [record(0, "x"), record(0, "y"), record(10 * MINUTE, "x", "read")]
    for folder in (None, tmp_path):
        assert hosts(raised(ABSENT, intake(stream, folder))) == ["x"]


def test_too_many_to_wait_are_taken_for_what_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrun.engine.intake.order.HELD", 2)
    forged = [record(YEAR + n, "x", label=n) for n in range(4)]
    truth = [record(n, "y", "read", label="y") for n in range(4)]
    source = intake([r for pair in zip(truth, forged, strict=True) for r in pair])
    events = [(e.fields["rule.name"], e.time // SECOND - START, e.flags, e.doubted) for e in source]
    assert [e for e in events if e[0] != "y"] == [
        (2, 2, ("future",), False),
        (3, 3, ("future",), False),
        (0, YEAR, (), True),
        (1, YEAR + 1, (), True),
    ]
    assert (source.tally.future, source.tally.alone) == ({"x": 2}, {"x": 2})


def test_of_forged_hosts_without_end_no_more_than_some_are_named() -> None:
    """In a run that does not end, their names would be all that it still held of them."""
    tally = Tally()
    (event,) = intake([record(0, "x")])
    event.flags = (FUTURE, UNMEASURED)
    for n in range(HOSTS + 500):
        event.host = f"x{n:04}"
        tally.count_passed(event)
        tally.count_passed(event)
    assert len(tally.future) == len(tally.unmeasured) == HOSTS + 1
    assert (tally.future["x0000"], tally.future[OTHERS]) == (2, 1000)
    told = to_summary(tally, ())
    assert f"3,000 events of {', '.join(f'x{n:04}' for n in range(8))} and at least 993 more hosts with a time" in told


# -- time does go on ----------------------------------------


@pytest.mark.parametrize("gap", [10 * MINUTE, 3 * DAY])
def test_after_a_gap_the_next_record_bears_out_the_first(gap: int) -> None:
    """A laptop that wakes on Monday."""
    pipe = Pipe()
    events = iter(Intake([pipe.path], Small()))
    pipe.say(record(0, "x", label="a"))
    assert next(events).fields["rule.name"] == "a"
    pipe.say(record(gap, "x", label="b"), record(gap + 1, "x", label="c"))
    assert [next(events).fields["rule.name"] for _ in range(2)] == ["b", "c"]
    pipe.say(record(2 * gap, "x", label="d"))
    pipe.end()
    assert [(e.fields["rule.name"], e.flags, e.doubted) for e in events] == [("d", (), False)]
    pipe.close()


def test_of_several_hosts_another_bears_it_out() -> None:
    pipe = Pipe()
    events = iter(Intake([pipe.path], Small()))
    pipe.say(record(0, "x"), record(1, "y"))
    assert [next(events).host for _ in range(2)] == ["x", "y"]
    pipe.say(record(DAY, "x"), record(DAY + 1, "x"), record(DAY + 1000, "y"))
    assert [next(events).host for _ in range(2)] == ["x", "x"]
    pipe.say(record(DAY + 1001, "x"))
    assert [next(events).host for _ in range(2)] == ["y", "x"]
    pipe.end()
    pipe.close()


def test_with_a_lateness_one_host_alone_is_held_back_for_minutes_and_no_longer() -> None:
    pipe = Pipe()
    events = iter(Intake([pipe.path], Small(), lateness=10 * SECOND))
    pipe.say(record(0, "y"), *(record(n * MINUTE, "x") for n in range(1, 20)))
    assert [next(events).time // SECOND - START for _ in range(12)] == [n * MINUTE for n in range(12)]
    pipe.end()
    pipe.close()


@pytest.mark.parametrize("of_file", [False, True])
def test_a_host_that_goes_on_alone_is_believed_by_and_by(tmp_path: Path, of_file: bool) -> None:
    stream = [record(0, "x", "read"), record(1, "y"), *(record(DAY + n, "x", "read") for n in range(SILENT))]
    folder = tmp_path if of_file else None
    assert hosts(raised(ABSENT, intake(stream, folder))) == ["y"]
    assert raised(ABSENT, intake(stream[:-1], folder)) == []


def test_our_own_clock_bears_out_what_comes_when_it_says() -> None:
    now = START * SECOND + 3 * DAY * SECOND
    stream = [record(0, "y"), record(1, "z", "read"), record(3 * DAY, "x", "read")]
    assert hosts(raised(ABSENT, intake(stream, wall=lambda: now))) == ["y"]
    assert raised(ABSENT, intake(stream, wall=lambda: now - DAY * SECOND)) == []


def test_what_our_own_clock_shows_to_be_wrong_does_not_wait() -> None:
    now = (START + 10) * SECOND
    stream = [record(0, "x"), record(1, "y"), *FORGED, record(2, "y"), record(3, "x")]
    source = intake(stream, wall=lambda: now)
    events = list(source)
    assert [(e.time // SECOND - START, e.flags) for e in events] == [
        (0, ()),
        (1, ()),
        (1, ("future",)),
        (2, ()),
        (3, ()),
    ]
    told = "\nfuture   1 event of x with a time far ahead of all others, taken for now\n"
    assert told in to_summary(source.tally, ())


def test_a_file_never_asks_our_own_clock(tmp_path: Path) -> None:
    def wall() -> int:
        raise AssertionError

    stream = [record(0, "x"), record(YEAR, "x")]
    assert len(list(intake(stream, tmp_path, wall=wall))) == 2
    assert len(list(intake(stream, tmp_path, wall=wall, stream=True))) == 2


def test_a_host_is_not_late_for_anothers_clock() -> None:
    stream = [record(0, "x"), record(-100, "y"), record(1, "x"), record(-99, "y"), record(0, "x", "read")]
    source = intake(stream)
    assert [e.flags for e in source] == [(), (), (), (), ("late",)]


# -- the rule ----------------------------------------


def heard(*records: tuple[str, int]) -> tuple[list[bool], Pace]:
    pace = Pace()
    return [pace.hear(host, time * SECOND) for host, time in records], pace


def test_a_step_of_five_minutes_is_no_jump() -> None:
    far = FAR // SECOND
    assert heard(("x", 0), ("x", far), ("x", 2 * far), ("x", 3 * far + 1))[0] == [False, False, False, True]


def test_a_record_that_is_not_ahead_takes_the_word_back() -> None:
    assert heard(("x", 0), ("x", DAY), ("x", 1), ("x", DAY), ("x", DAY))[0] == [False, True, False, True, False]


def test_certain_is_what_two_hosts_have_reached_or_one_long_ago() -> None:
    _, pace = heard(("x", 0), ("y", 5), ("x", 8))
    assert pace.certain == 5 * SECOND
    _, pace = heard(("x", 0), ("y", 5), ("x", 250), ("x", 500))
    assert pace.certain == 200 * SECOND
    _, pace = heard(("x", 0), ("x", 8))
    assert pace.certain == 8 * SECOND


# -- for all streams ----------------------------------------


def stream(rng: random.Random) -> list[Record]:
    """Three hosts and what they do, in order; now and then a long silence."""
    at, records = 0.0, []
    for n in range(rng.choice([20, 60])):
        at += rng.choice([1, 1, 2, 5, 20, 60, 200])
        if rng.random() < 0.02:
            at += rng.choice([20 * MINUTE, 3 * DAY])
        kind = rng.choice(["write", "write", "read", "delete"])
        path = rng.choice(["/a", "/a", "/b", "/c"])
        records.append(record(at, rng.choice("xyz"), kind, path, pid=rng.choice([1, 1, 2]), label=n))
    # two hosts have the last word, so that nothing is doubted but what is forged; what waits is open in the end
    return [*records, record(at + 1, "y", "exit"), record(at + 2, "z", "exit")]


def forged(rng: random.Random, records: list[Record], least: float, count: int) -> Iterator[tuple[int, Record]]:
    """Stamps of x, at least so far ahead of all that came before, and where they are put in."""
    fast = FAR / SECOND
    end = max(r["t"] for r in records) - START
    for n in range(count):
        place = rng.randrange(1, len(records) + 1)
        before = max(r["t"] for r in records[:place]) - START
        at = before + least + rng.choice([1, MINUTE, 10 * MINUTE, DAY, YEAR]) * rng.random()
        if end < at <= end + fast:  # at the very end a clock may be fast by so much
            at += fast
        yield (
            place,
            record(at, "x", rng.choice(["write", "read", "delete"]), rng.choice(["/a", "/b", "/c"]), label=-1 - n),
        )


def with_forged(records: list[Record], stamps: list[tuple[int, Record]]) -> list[Record]:
    made = list(records)
    for place, stamp in sorted(stamps, key=lambda pair: -pair[0]):
        made.insert(place, stamp)
    return made


@settings(max_examples=50)
@given(seed=st.integers(0, 100_000), count=st.sampled_from([1, 1, 2]))
def test_forged_stamps_of_one_host_leave_the_alerts_of_all_others_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    rng = random.Random(seed)
    records = stream(rng)
    far = FAR / SECOND
    folder = tmp_path_factory.mktemp("time")
    lateness = 60
    shuffled = sorted(records, key=lambda r: r["t"] + rng.uniform(0, lateness - 1))
    ways: list[tuple[str, list[Record], float, Callable[[list[Record]], Intake]]] = [
        ("file", records, far, lambda r: intake(r, folder)),
        ("pipe", records, far, lambda r: intake(r)),
        ("lateness", shuffled, 0, lambda r: intake(r, lateness=lateness * SECOND)),
    ]
    expected = others(raised(CHAINS, intake(records, folder)))
    for name, arriving, least, way in ways:
        stamps = list(forged(rng, arriving, least, count))
        assert others(raised(CHAINS, way(arriving))) == expected, name
        assert others(raised(CHAINS, way(with_forged(arriving, stamps)))) == expected, (name, json.dumps(stamps))


# -- what came late ----------------------------------------


def test_a_late_event_adds_an_alert_and_takes_none_away() -> None:
    """It is a step like any other, and its alert says so; of what must not happen it ends nothing."""
    analytic = checked(
        "chain whole: spawn({ powershell.exe }) as shell -> egress within 10m\n"
        "chain absent: spawn({ powershell.exe }) as shell -> !egress within 1m\n"
    )

    def flags(*rows: str) -> dict[str, list[str]]:
        run = Run([analytic], [], stdin=io.BytesIO("".join(rows).encode()))
        return {alert.chain: list(alert.flags) for alert in run}

    begin, then, after = start(0, 100, "powershell.exe"), connection(9, 100), start(50, 7, "notepad.exe")
    end = start(200, 8, "notepad.exe")
    assert flags(begin, then, after, end) == {"whole": []}
    late = flags(begin, after, then, end)
    assert "late" in late["whole"]
    assert "absent" in late
    assert flags(begin, after, end).keys() == {"absent"}
