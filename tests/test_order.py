"""One order for everybody: time, each input's own order, introductions; late events; records seen twice."""

import random
from typing import Any

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.intake.order import Duplicates, Reorder, arrange, arranged, by_time
from hypothesis import given
from hypothesis import strategies as st


def event(
    time: int,
    label: str,
    *,
    rank: int = 0,
    line: int = 1,
    kinds: str = "connect",
    host: str = "h",
    sequence: int | None = None,
    raw: bytes = b"",
    **fields: Any,
) -> Event:
    dotted = {name.replace("_", ".", 1): value for name, value in fields.items()}
    dotted["rule.name"] = label
    origin = Origin("ab"[rank], line, 0, rank)
    return Event(
        time, frozenset(kinds.split()), dotted, host=host, origin=origin, format="f", sequence=sequence, raw=raw
    )


def child(time: int, label: str, pid: int, *, rank: int = 0) -> Event:
    return event(time, label, rank=rank, kinds="spawn exec", process_pid=pid)


def act(time: int, label: str, pid: int, *, rank: int = 0, host: str = "h") -> Event:
    return event(time, label, rank=rank, host=host, process_pid=pid)


def labels(events: list[Event]) -> str:
    return "".join(e.fields["rule.name"] for e in events)


# -- files ----------------------------------------


def test_files_are_ordered_by_time_whatever_their_own_order() -> None:
    events = [event(3, "c"), event(1, "a"), event(2, "b", rank=1), event(4, "d", rank=1)]
    assert labels(list(arranged(sorted(events, key=by_time)))) == "abcd"


def test_at_one_time_arrival_decides_within_an_input_and_the_order_given_between_inputs() -> None:
    events = [event(1, "a"), event(1, "b"), event(1, "c", rank=1), event(1, "d", rank=1)]
    assert labels(list(arranged(sorted(events, key=by_time)))) == "abcd"


def test_a_source_that_numbers_its_records_is_ordered_by_number_at_one_time() -> None:
    assert labels(arrange([event(1, "c", sequence=3), event(1, "a", sequence=1), event(1, "b", sequence=2)])) == "abc"


def test_records_without_a_number_keep_their_place_among_numbered_ones() -> None:
    assert labels(arrange([event(1, "c", sequence=3), event(1, "x"), event(1, "a", sequence=1)])) == "axc"


def test_numbers_of_two_channels_or_hosts_say_nothing_about_one_another() -> None:
    sysmon = event(1, "a", sequence=900, event_provider="sysmon")
    security = event(1, "b", sequence=5, event_provider="security")
    elsewhere = event(1, "c", sequence=1, host="other", event_provider="sysmon")
    assert labels(arrange([sysmon, security, elsewhere])) == "abc"


# -- ties between inputs ----------------------------------------


def test_between_inputs_a_start_comes_before_the_events_of_its_process() -> None:
    assert labels(arrange([act(1, "b", 7), child(1, "a", 7, rank=1)])) == "ab"


def test_a_start_comes_before_the_starts_of_its_children() -> None:
    parent = child(1, "a", 7, rank=1)
    below = child(1, "b", 8)
    below.fields["process.parent.pid"] = 7
    assert labels(arrange([below, parent])) == "ab"


def test_a_pid_of_another_host_introduces_nothing() -> None:
    assert labels(arrange([act(1, "a", 7, host="other"), child(1, "b", 7, rank=1)])) == "ab"


def test_each_inputs_own_order_stands_even_before_an_introduction() -> None:
    # Both events of the second input have one time; the start is its second.
    assert labels(arrange([act(1, "c", 7), event(1, "a", rank=1), child(1, "b", 7, rank=1)])) == "abc"


def test_where_introductions_are_circular_the_order_of_the_inputs_decides() -> None:
    first = [act(1, "a", 8), child(1, "b", 7)]
    second = [act(1, "c", 7, rank=1), child(1, "d", 8, rank=1)]
    assert labels(arrange(first + second)) == "abcd"


def test_a_container_is_created_before_it_acts() -> None:
    inside = event(1, "b", kinds="connect", container_id="c1")
    create = event(1, "a", rank=1, kinds="create", container_id="c1")
    assert labels(arrange([inside, create])) == "ab"


def test_two_writers_of_one_file_do_not_wait_for_one_another() -> None:
    first, second = (event(1, label, rank=r, kinds="write", file_path="/x") for r, label in enumerate("ab"))
    used = event(1, "c", kinds="exec", file_path="/x")
    assert labels(arrange([first, used, second])) == "abc"


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 3), st.booleans()), max_size=24))
def test_arranging_keeps_every_event_and_each_inputs_order(plan: list[tuple[int, int, int, bool]]) -> None:
    events = [(child if starts else act)(t, str(n), pid, rank=rank) for n, (t, rank, pid, starts) in enumerate(plan)]
    events.sort(key=lambda e: e.origin.rank)
    ordered = list(arranged(sorted(events, key=by_time)))
    assert sorted(map(id, ordered)) == sorted(map(id, events))
    assert [e.time for e in ordered] == sorted(e.time for e in events)
    for rank in (0, 1):
        mine = [e for e in ordered if e.origin.rank == rank]
        assert mine == sorted((e for e in events if e.origin.rank == rank), key=lambda e: e.time)


# -- pipes ----------------------------------------


def feed(reorder: Reorder, *events: Event) -> str:
    passed: list[Event] = []
    for e in events:
        reorder.add(e)
        passed += reorder.release()
    return labels(passed)


def test_without_lateness_an_event_passes_at_once() -> None:
    reorder = Reorder([0])
    assert feed(reorder, event(5, "a")) == "a"
    assert feed(reorder, event(5, "b")) == "b"
    assert feed(reorder, event(6, "c")) == "c"


def test_an_older_event_is_late_and_passes_all_the_same() -> None:
    reorder = Reorder([0])
    late = event(4, "b")
    assert feed(reorder, event(5, "a"), late) == "ab"
    assert late.flags == ("late",)


def test_within_the_lateness_the_order_is_mended() -> None:
    reorder = Reorder([0], lateness=10)
    events = [event(20, "c"), event(11, "a"), event(12, "b")]
    assert feed(reorder, *events) == ""
    assert feed(reorder, event(22, "d")) == "a"  # 12 may still get company
    reorder.end(0)
    assert labels(list(reorder.release())) == "bcd"
    assert all(e.flags == () for e in events)


@pytest.mark.parametrize("seed", range(20))
def test_a_shuffle_within_the_lateness_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    lateness = 50
    events = [event(rng.randrange(1_000), chr(0x4E00 + n), sequence=n) for n in range(300)]
    shuffled = sorted(events, key=lambda e: e.time + rng.uniform(0, lateness))
    reorder = Reorder([0], lateness)
    passed = feed(reorder, *shuffled)
    reorder.end(0)
    passed += labels(list(reorder.release()))
    assert passed == labels(list(arranged(sorted(events, key=by_time))))
    assert all(e.flags == () for e in events)


def test_two_pipes_are_merged_by_event_time() -> None:
    reorder = Reorder([0, 1])
    assert feed(reorder, event(1, "a"), event(3, "c")) == ""
    assert feed(reorder, event(2, "b", rank=1)) == "ab"
    assert feed(reorder, event(9, "d", rank=1)) == "c"


def test_an_ended_pipe_and_an_idle_one_hold_nobody_back() -> None:
    reorder = Reorder([0, 1])
    feed(reorder, event(1, "a"))
    reorder.set_idle(1, True)
    assert labels(list(reorder.release())) == "a"
    assert feed(reorder, event(2, "b")) == "b"
    reorder.set_idle(1, False)
    assert feed(reorder, event(3, "c")) == ""
    reorder.end(1)
    assert labels(list(reorder.release())) == "c"


def test_the_others_wait_for_the_input_that_is_furthest_behind() -> None:
    reorder = Reorder([0, 1])
    assert reorder.slowest == 0
    feed(reorder, event(-5, "a"))
    assert reorder.slowest == 1
    feed(reorder, event(-9, "b", rank=1))
    assert reorder.slowest == 1
    reorder.end(0)
    reorder.end(1)
    assert reorder.slowest is None


# -- duplicates ----------------------------------------


def test_the_same_bytes_at_one_time_on_one_host_are_one_event() -> None:
    duplicates = Duplicates()
    assert not duplicates.is_duplicate(event(1, "a", raw=b"x", line=1))
    assert duplicates.is_duplicate(event(1, "a", raw=b"x", line=2))
    assert duplicates.is_duplicate(event(1, "a", raw=b"x", line=1, rank=1))


@pytest.mark.parametrize("other", [event(2, "b", raw=b"x", line=2), event(1, "b", raw=b"y", line=2)])
def test_another_time_or_other_bytes_are_another_event(other: Event) -> None:
    duplicates = Duplicates()
    duplicates.is_duplicate(event(1, "a", raw=b"x"))
    assert not duplicates.is_duplicate(other)


def test_another_host_is_another_event() -> None:
    duplicates = Duplicates()
    duplicates.is_duplicate(event(1, "a", raw=b"x"))
    assert not duplicates.is_duplicate(event(1, "a", raw=b"x", line=2, host="other"))


def test_two_events_of_one_line_are_no_duplicates_but_those_of_its_copy_are() -> None:
    duplicates = Duplicates()
    copies = [duplicates.is_duplicate(event(1, "a", raw=b"x", line=n)) for n in (1, 1, 2, 2)]
    assert copies == [False, False, True, True]


def test_only_so_many_records_are_remembered() -> None:
    duplicates = Duplicates(most=2)
    for n, raw in enumerate((b"x", b"y", b"z")):
        duplicates.is_duplicate(event(1, "a", raw=raw, line=n))
    assert not duplicates.is_duplicate(event(1, "a", raw=b"x", line=9))
    assert duplicates.is_duplicate(event(1, "a", raw=b"z", line=9))
