"""An event on a whole second stands behind the start of its process, where that follows within the second."""

import time
from typing import Any

from chainrun.engine.event import Event, Origin
from chainrun.engine.intake.seconds import WholeSeconds

SECOND = 1_000_000


def made(at: float, kind: str, pid: int, name: str | None = None) -> Event:
    fields: dict[str, Any] = {"process.pid": pid} | ({"process.name": name} if name else {})
    return Event(int(at * SECOND), frozenset({kind}), fields, host="h", origin=Origin("i", 1, 0))


def order(*events: Event) -> list[str]:
    seconds = WholeSeconds()
    out = [e for event in events for e in seconds.take(event)] + seconds.end()
    assert sorted(map(id, out)) == sorted(map(id, events))
    assert [e.time for e in out] == sorted(e.time for e in out)
    return [f"{next(iter(e.kinds))}@{e.time / SECOND}" for e in out]


def test_a_connection_cut_to_its_second_follows_the_start() -> None:
    assert order(made(10, "connect", 5), made(10.3, "spawn", 5), made(10.4, "write", 5)) == [
        "spawn@10.3",
        "connect@10.3",
        "write@10.4",
    ]


def test_a_second_later_is_another_process() -> None:
    assert order(made(10, "connect", 5), made(11, "spawn", 5)) == ["connect@10.0", "spawn@11.0"]


def test_another_pid_stays() -> None:
    assert order(made(10, "connect", 6), made(10.3, "spawn", 5)) == ["connect@10.0", "spawn@10.3"]


def test_another_name_is_the_pids_last_owner() -> None:
    found = order(made(10, "exit", 5, "old.exe"), made(10.3, "spawn", 5, "new.exe"))
    assert found == ["exit@10.0", "spawn@10.3"]


def test_what_was_moved_keeps_nobody_waiting() -> None:
    seconds = WholeSeconds()
    moved, start, other = made(10, "connect", 5), made(10.5, "spawn", 5), made(10.1, "write", 6)
    for event in (moved, other, start):
        assert seconds.take(event) == []
    assert seconds.take(made(11.2, "write", 6)) == [other]
    assert seconds.take(made(11.5, "write", 6)) == [start, moved]


def test_a_flood_on_one_pid_costs_its_length() -> None:
    flood = [made(at, "write", 5) for at in (9.5, 10) for _ in range(30_000)]
    begin = time.process_time()
    assert len(order(*flood, made(10.6, "write", 5))) == len(flood) + 1
    assert time.process_time() - begin < 4


def test_a_time_with_a_fraction_stays() -> None:
    assert order(made(10.1, "connect", 5), made(10.3, "spawn", 5)) == ["connect@10.1", "spawn@10.3"]
