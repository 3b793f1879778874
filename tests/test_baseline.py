"""Baselines: what `chainrun baseline` learns, what a run makes of it, and files that are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chainrun.engine.baseline import QUIET, Baseline, BaselineError, encode, learn, load_baseline
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.report.alert import Alert
from chainrun.engine.study.again import fresh

from .test_unproven import BEGIN, HOUR, SECOND, SEES, event
from .test_updates import told

DAY = 24 * HOUR
CHAIN = "egress where new(process.name, destination.ip among egress in 30d)"
USUAL, OTHER = "203.0.113.1", "203.0.113.2"


def egress(at: float, to: str = USUAL, name: str = "curl", **options: Any) -> Event:
    return event(at, "connect egress", process__name=name, destination__ip=to, **options)


def engine(chain: str = CHAIN, **options: Any) -> Engine:
    return Engine([told(chain, "")], sees=SEES, **options)


def learned(*events: Event, chain: str = CHAIN) -> Baseline:
    found = learn(engine(chain), fresh(list(events)))
    assert found is not None
    return found


def run(*events: Event, baselines: tuple[Baseline, ...] = (), chain: str = CHAIN, **options: Any) -> list[Alert]:
    made = engine(chain, **options)
    for baseline in baselines:
        baseline.put(made)
    return list(made.run(fresh(list(events))))


# What forty days before showed, up to a minute before the run.
PAST = (egress(-40 * DAY), egress(-20 * DAY), egress(-60, name="wget"))


# -- what a run makes of it ----------------------------------------


def test_without_a_baseline_nothing_is_new() -> None:
    assert run(egress(0, OTHER)) == []
    (alert,) = run(egress(0, OTHER), allow_unproven=True)
    assert alert.flags == ["unproven"]


def test_a_baseline_that_covers_tells_what_is_new() -> None:
    past = learned(*PAST)
    (alert,) = run(egress(0, OTHER), baselines=(past,))
    assert alert.flags == []
    assert run(egress(0), baselines=(past,)) == []  # twenty days ago
    assert len(run(egress(0, name="bash"), baselines=(past,))) == 1  # all the fields together count


def test_what_was_seen_before_the_look_back_is_new_again() -> None:
    past = learned(egress(-40 * DAY), egress(-31 * DAY), egress(-60, OTHER))
    assert len(run(egress(0), baselines=(past,))) == 1
    assert run(egress(-1.5 * DAY), baselines=(past,)) == []


@pytest.mark.parametrize(
    ("first", "last", "covers"),
    [
        (-30 * DAY, -60, True),  # it begins where the look back does
        (-30 * DAY + 1, -60, False),
        (-40 * DAY, -QUIET // SECOND, True),  # an hour of quiet between them
        (-40 * DAY, -QUIET // SECOND - 1, False),
    ],
)
def test_a_baseline_reaches_as_far_as_its_records(first: int, last: int, covers: bool) -> None:
    past = learned(egress(first), egress(last))
    assert len(run(egress(0, OTHER), baselines=(past,))) == covers


def test_two_baselines_that_meet_are_one() -> None:
    early, late = learned(egress(-40 * DAY), egress(-20 * DAY)), learned(egress(-20 * DAY + 60), egress(-60))
    assert run(egress(0, OTHER), baselines=(late,)) == []
    assert len(run(egress(0, OTHER), baselines=(late, early))) == 1
    gap = learned(egress(-40 * DAY), egress(-21 * DAY))
    assert run(egress(0, OTHER), baselines=(gap, late)) == []


def test_what_both_know_counts_by_the_later_time() -> None:
    early, late = learned(egress(-70 * DAY), egress(-20 * DAY)), learned(egress(-20 * DAY), egress(-60, OTHER))
    for both in ((early, late), (late, early)):
        assert run(egress(0), baselines=both) == []


def test_the_run_goes_on_where_the_baseline_ends() -> None:
    """A month later the stream itself is old enough, and what it showed is not new."""
    past = learned(*PAST)
    stream = [egress(0, OTHER), *(event(day * DAY, "exit", 9) for day in range(1, 40)), egress(10 * DAY, OTHER)]
    stream += [egress(39 * DAY, "203.0.113.3")]
    found = run(*sorted(stream, key=lambda e: e.time), baselines=(past,))
    assert [alert.last_time[:10] for alert in found] == ["2026-01-01", "2026-02-09"]


def test_what_no_chain_asks_is_left_alone() -> None:
    other = learned(*PAST, chain="egress where new(destination.ip among egress in 30d)")
    assert run(egress(0, OTHER), baselines=(other,)) == []


def test_a_look_back_at_a_step_needs_more_than_a_baseline() -> None:
    """`new` alone is answered by values; `without prior` and leading absences need the events."""
    chain = "(egress where new(process.name among egress in 1d)) as e without prior write in 1d"
    past = learned(*PAST, chain=chain)
    assert run(egress(0, name="bash"), baselines=(past,), chain=chain) == []
    (alert,) = run(egress(0, name="bash"), baselines=(past,), chain=chain, allow_unproven=True)
    assert alert.flags == ["unproven"]


# -- what is learnt ----------------------------------------


def test_a_baseline_is_what_the_page_says() -> None:
    found = msgspec.json.decode(encode(learned(*PAST)))
    assert found == {
        "chainrun": "baseline",
        "version": 1,
        "since": BEGIN - 40 * DAY * SECOND,
        "until": BEGIN - 60 * SECOND,
        "seen": [
            {
                "kind": "egress",
                "fields": ["process.name", "destination.ip"],
                "values": [
                    [["curl", USUAL], BEGIN - 20 * DAY * SECOND],
                    [["wget", USUAL], BEGIN - 60 * SECOND],
                ],
            }
        ],
    }


def test_the_order_of_what_is_learnt_changes_nothing() -> None:
    assert encode(learned(*PAST)) == encode(learned(*sorted(PAST, key=lambda e: -e.time)))


def test_any_record_is_a_sign_that_the_source_was_there() -> None:
    found = learned(event(-40 * DAY, "exit"), *PAST, event(-5, "exit"))
    assert (found.since, found.until) == (BEGIN - 40 * DAY * SECOND, BEGIN - 5 * SECOND)


def test_of_no_events_nothing_is_learnt() -> None:
    assert learn(engine(), []) is None


def test_a_name_that_only_an_earlier_record_tells_is_learnt_too() -> None:
    """A record may name its process by an id alone, in the baseline as in the run."""
    started = event(-40 * DAY, "spawn", 5, process__name="curl")
    silent = event(-DAY, "connect egress", 5, destination__ip=OTHER)
    assert [values for values, _ in learned(started, silent).seen[0].values] == [("curl", OTHER)]


@pytest.mark.parametrize("value", [7, 2**70, 1.5, True, "", "a" * 9000, "\x00\u202e", ("a", "b"), (1, True)])
def test_every_value_comes_back_as_it_was(value: Any, tmp_path: Path) -> None:
    chain = "egress where new(destination.ip among egress in 30d)"
    past = learned(egress(-40 * DAY, value), egress(-60, value), chain=chain)
    (tmp_path / "b.json").write_bytes(encode(past))
    assert load_baseline(tmp_path / "b.json") == past
    assert run(egress(0, value), baselines=(load_baseline(tmp_path / "b.json"),), chain=chain) == []


@pytest.mark.parametrize("value", ["\ud800", float("inf"), float("nan"), ("a", "\udfff")])
def test_what_json_cannot_say_stays_new(value: Any) -> None:
    past = learned(egress(-40 * DAY, value), egress(-60))
    assert [values for values, _ in past.seen[0].values] == [("curl", USUAL)]
    assert b"NaN" not in encode(past)


# -- files that are none ----------------------------------------

GOOD = encode(learned(*PAST)).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no baseline"),
        ("{", "is no baseline"),
        ("null", "is no baseline"),
        ("[" * 100_000, "is no baseline"),
        ('{"chainrun":"baseline","version":1}', "missing required field"),
        (GOOD.replace('"baseline"', '"state"'), "is no baseline"),
        (GOOD.replace('"version":1', '"version":2'), "of version 2, and this is 1"),
        (GOOD.replace('"version":1', '"version":"1"'), "is no baseline"),
        (GOOD.replace('"since":', '"since":9'), "it ends before it begins"),
        (GOOD.replace('"since":', '"since":1.5e'), "is no baseline"),
        (GOOD.replace(f'["curl","{USUAL}"]', '["curl"]'), "1 values stand for 2 fields of `egress`"),
        (GOOD.replace(f'["curl","{USUAL}"]', '["curl",{"a":1}]'), "is no baseline"),
        (GOOD.replace(f'["curl","{USUAL}"]', '["curl",null]'), "is no baseline"),
        (GOOD.replace(f'["curl","{USUAL}"]', '["curl",[["x"]]]'), "is no baseline"),
        (GOOD.replace('"curl"', '"\\ud800"'), "is no baseline"),
        (GOOD.replace('"curl"', '"' + "x" * 100), "is no baseline"),
        (GOOD[: len(GOOD) // 2], "is no baseline"),
        (GOOD + GOOD, "is no baseline"),
    ],
)
def test_what_is_no_baseline_is_a_fault(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(BaselineError) as raised:
        load_baseline(tmp_path / "b.json")
    (fault,) = raised.value.faults
    assert fault.startswith(f"{tmp_path / 'b.json'}: ")
    assert said in fault


@pytest.mark.parametrize("write", [lambda p: p.write_bytes(b"\xff\x00"), lambda p: p.mkdir(), lambda p: None])
def test_what_cannot_be_read_is_a_fault(write: Callable[[Path], object], tmp_path: Path) -> None:
    write(tmp_path / "b.json")
    with pytest.raises(BaselineError):
        load_baseline(tmp_path / "b.json")


@pytest.mark.parametrize("at", [-(2**70), 0, 2**70])
def test_no_time_in_a_baseline_breaks_a_run(at: int, tmp_path: Path) -> None:
    """Whoever writes the file decides what is new; that is all."""
    odd = GOOD.replace(str(BEGIN - 20 * DAY * SECOND), str(at))
    (tmp_path / "b.json").write_text(odd)
    run(egress(0), egress(1, OTHER), egress(40 * DAY), baselines=(load_baseline(tmp_path / "b.json"),))
