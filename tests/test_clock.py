"""Local time in UTC's clothing: how clocks are measured, and who is corrected by what."""

import time

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.intake.clock import QUARTER, Clock, Hold, correct_all, offset_of
from chainrun.engine.intake.held import Held

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 1_692_057_600 * SECOND  # a midnight


def measuring(record: int, offset: int, *, host: str = "h", rank: int = 0, format: str = "f") -> Event:
    """A record written at `record` whose own trustworthy time is `offset` later."""
    time = record + offset
    return Event(
        time, frozenset(), {}, host=host, format=format, origin=Origin("i", 1, 0, rank), measures=time - record
    )


def unsure(record: int, *, host: str = "h", rank: int = 0, format: str = "f") -> Event:
    return Event(record, frozenset(), {}, host=host, format=format, origin=Origin("i", 1, 0, rank), clock=record)


def clock_of(*events: Event) -> Clock:
    clock = Clock()
    for event in events:
        clock.learn(event)
    return clock


def corrected(clock: Clock, event: Event) -> int | None:
    """By how much an event was moved."""
    before = event.time
    return event.time - before if clock.correct(event) else None


@pytest.mark.parametrize(
    ("difference", "offset"),
    [
        (0, 0),
        (-90_000, 0),  # the record is written a little after the event
        (29 * SECOND, 0),
        (31 * SECOND, None),
        (7 * HOUR - 108_000, 7 * HOUR),
        (19 * HOUR - 30 * SECOND, 19 * HOUR),
        (-5 * HOUR - 30 * MINUTE + SECOND, -5 * HOUR - 30 * MINUTE),
        (5 * HOUR + 45 * MINUTE, 5 * HOUR + 45 * MINUTE),
        (7 * HOUR + 7 * MINUTE, None),
        (-204 * 24 * HOUR, None),  # a clock that stood still while the machine slept
    ],
)
def test_only_a_difference_near_a_quarter_of_an_hour_is_a_measurement(difference: int, offset: int | None) -> None:
    assert offset_of(difference) == offset


def test_a_record_takes_the_offset_of_its_own_host() -> None:
    clock = clock_of(measuring(DAY, 7 * HOUR, host="a"), measuring(DAY, -2 * HOUR, host="b"))
    assert corrected(clock, unsure(DAY + MINUTE, host="a")) == 7 * HOUR
    assert corrected(clock, unsure(DAY + MINUTE, host="b")) == -2 * HOUR
    assert corrected(clock, unsure(DAY + MINUTE, host="c")) is None
    assert clock.offsets() == {"a": (7 * HOUR,), "b": (-2 * HOUR,)}


def test_a_measured_zero_counts_and_an_event_with_a_right_time_stays() -> None:
    clock = clock_of(measuring(DAY, 90_000))
    assert corrected(clock, unsure(DAY)) == 0
    sure = measuring(DAY, 0)
    assert clock.correct(sure)
    assert sure.time == DAY


def test_another_format_of_the_same_host_measures_nothing() -> None:
    clock = clock_of(measuring(DAY, 0, format="evtx"))
    assert corrected(clock, unsure(DAY, format="flat")) is None


def test_a_twelve_hour_clock_has_two_offsets_in_one_file() -> None:
    # 12:59 in the afternoon is followed by 01:00: record time jumps back by twelve hours.
    clock = clock_of(
        *(measuring(DAY + 12 * HOUR + m * MINUTE, 7 * HOUR) for m in range(30, 60)),
        *(measuring(DAY + 1 * HOUR + m * MINUTE, 19 * HOUR) for m in range(30)),
    )
    assert corrected(clock, unsure(DAY + 12 * HOUR + 59 * MINUTE + 59 * SECOND)) == 7 * HOUR
    assert corrected(clock, unsure(DAY + 1 * HOUR)) == 19 * HOUR
    assert corrected(clock, unsure(DAY + 12 * HOUR + 10 * MINUTE)) == 7 * HOUR
    assert corrected(clock, unsure(DAY + 2 * HOUR)) == 19 * HOUR
    assert clock.offsets() == {"h": (7 * HOUR, 19 * HOUR)}


def test_between_two_measurements_the_nearer_one_counts() -> None:
    clock = clock_of(measuring(DAY, 1 * HOUR), measuring(DAY + 10 * HOUR, 2 * HOUR))
    assert corrected(clock, unsure(DAY + 5 * HOUR)) == 1 * HOUR
    assert corrected(clock, unsure(DAY + 6 * HOUR)) == 2 * HOUR
    assert corrected(clock, unsure(DAY - 6 * HOUR)) == 1 * HOUR
    assert corrected(clock, unsure(DAY + 60 * HOUR)) == 2 * HOUR


def test_one_wrong_measurement_is_outvoted() -> None:
    clock = clock_of(*(measuring(DAY + s * SECOND, 7 * HOUR) for s in range(3)), measuring(DAY + 4 * SECOND, HOUR))
    assert corrected(clock, unsure(DAY + 4 * SECOND)) == 7 * HOUR


def test_an_input_is_corrected_by_its_own_measurements_where_it_has_any() -> None:
    # The morning's and the evening's file of a twelve-hour clock have the same record times.
    clock = clock_of(
        *(measuring(DAY + 9 * HOUR + m * MINUTE, 7 * HOUR, rank=0) for m in range(9)),
        measuring(DAY + 9 * HOUR, 19 * HOUR, rank=1),
    )
    assert corrected(clock, unsure(DAY + 9 * HOUR, rank=0)) == 7 * HOUR
    assert corrected(clock, unsure(DAY + 9 * HOUR, rank=1)) == 19 * HOUR
    assert corrected(clock, unsure(DAY + 9 * HOUR, rank=2)) == 7 * HOUR


def test_files_correct_what_was_measured_and_flag_the_rest() -> None:
    clock = clock_of(measuring(DAY + HOUR, 7 * HOUR, host="a"))
    measured, unmeasured = unsure(DAY, host="a"), unsure(DAY, host="b")
    correct_all(clock, [measured, unmeasured])
    assert (measured.time, measured.flags, measured.clock) == (DAY + 7 * HOUR, (), None)
    assert (unmeasured.time, unmeasured.flags) == (DAY, ("clock_unmeasured",))


# -- pipes ----------------------------------------


def test_on_a_pipe_only_records_of_an_unmeasured_host_wait() -> None:
    hold = Hold(Clock())
    waiting, other, sure = unsure(DAY, host="a"), measuring(DAY, HOUR, host="b"), measuring(DAY, 7 * HOUR, host="a")
    assert hold.take(waiting) == []
    assert hold.take(other) == [other]
    assert hold.take(sure) == [waiting, sure]
    assert waiting.time == DAY + 7 * HOUR
    later = unsure(DAY + SECOND, host="a")
    assert hold.take(later) == [later]
    assert later.time == DAY + SECOND + 7 * HOUR


def test_on_a_pipe_the_latest_measurement_counts() -> None:
    hold = Hold(Clock())
    hold.take(measuring(DAY + 12 * HOUR, 7 * HOUR))
    hold.take(measuring(DAY + HOUR, 19 * HOUR))
    event = unsure(DAY + 12 * HOUR)
    assert hold.take(event) == [event]
    assert event.time == DAY + 31 * HOUR


def test_what_waited_to_the_end_goes_on_flagged() -> None:
    hold = Hold(Clock())
    event = unsure(DAY)
    hold.take(event)
    assert hold.end() == [event]
    assert (event.time, event.flags) == (DAY, ("clock_unmeasured",))


def test_the_host_that_keeps_most_waiting_goes_on_first_and_waits_no_more() -> None:
    hold = Hold(Clock(), most=3)
    quiet = unsure(DAY, host="quiet")
    noisy = [unsure(DAY + n, host="noisy") for n in range(4)]
    assert hold.take(quiet) == []
    assert hold.take(noisy[0]) == hold.take(noisy[1]) == []
    assert hold.take(noisy[2]) == noisy[:3]
    assert hold.take(noisy[3]) == [noisy[3]]
    assert all(event.flags == ("clock_unmeasured",) for event in noisy)
    assert hold.end() == [quiet]
    after = unsure(DAY, host="noisy")
    hold.take(measuring(DAY, HOUR, host="noisy"))
    assert hold.take(after) == [after]
    assert (after.time, after.flags) == (DAY + HOUR, ())


def test_many_hosts_that_wait_cost_a_constant_for_each_event() -> None:
    most = 20_000
    hold = Hold(Clock(), most)
    events = [unsure(DAY, host=f"forged-{n}") for n in range(2 * most)]
    begin = time.process_time()
    out = [e for event in events for e in hold.take(event)]
    assert time.process_time() - begin < 5
    assert out == events[:most]  # of equal hosts the first
    assert hold.end() == events[most:]


def test_of_forged_hosts_without_end_only_the_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrun.engine.intake.clock.HELD", 50)
    clock = Clock()
    hold = Hold(clock, most=50)
    for n in range(1000):
        hold.take(unsure(DAY, host=f"forged-{n}"))
        hold.take(measuring(DAY, HOUR, host=f"measured-{n}"))
    assert len(hold._given_up) == len(clock._latest) == 50
    known, gone = unsure(DAY, host="measured-999"), unsure(DAY, host="measured-0")
    assert hold.take(known) == [known]
    assert gone not in hold.take(gone)  # it waits for another measurement


@pytest.mark.parametrize(("live", "offset"), [(False, HOUR), (True, None)])
def test_files_are_corrected_by_what_was_measured_first_too(live: bool, offset: int | None) -> None:
    """Of two hundred hosts in a day and more; a pipe remembers the last."""
    clock = Held((), live=live).clock
    clock.learn(measuring(DAY, HOUR, host="first"))
    for quarter in range(21_000):
        clock.learn(measuring(DAY + quarter * QUARTER, 2 * HOUR, host="other"))
    assert corrected(clock, unsure(DAY, host="first")) == offset
