"""Events of files are ordered alike in memory and on disk, and a run over more than fits gives the same alerts."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chainrun.engine.chains import load_all
from chainrun.engine.event import Event, Origin
from chainrun.engine.intake import kept as room
from chainrun.engine.intake.kept import Kept
from chainrun.engine.report.summary import to_summary
from chainrun.engine.run import Run

from .bench.streams import write
from .bench.windows import DENSE, Fleet

ROOT = Path(__file__).parent.parent


def event(at: int, line: int, rank: int = 0, sequence: int | None = None, host: str = "h") -> Event:
    fields: dict[str, Any] = {"process.pid": line, "dns.resolved_ip": ("192.0.2.1", "192.0.2.2"), "x": 1.5, "y": True}
    clock = at if rank and line % 3 else None  # of the second file
    origin = Origin(f"f{rank}", line, 7 * line, rank)
    return Event(at, frozenset({"write"}), fields, origin, host=host, sequence=sequence, raw=b"x" * 50, clock=clock)


def some(seed: int) -> list[list[Event]]:
    """What lines of two files gave, few moments apart, some numbered."""
    r = random.Random(seed)
    return [
        [event(r.randrange(40), line, rank, r.choice([None, r.randrange(9)])) for line in range(r.randrange(3))]
        for rank in (0, 1)
        for _ in range(150)
    ]


def move(events: list[Event]) -> None:
    """As a clock is put right: it changes the order."""
    for one in events:
        if one.clock is not None:
            one.time, one.clock = (one.clock * 17) % 41, None


def as_value(one: Event) -> tuple[Any, ...]:
    return one.time, one.kinds, one.fields, repr(one.origin), one.origin.offset, one.host, one.sequence, one.raw


@pytest.mark.parametrize("seed", range(12))
def test_events_are_ordered_alike_in_memory_and_on_disk(seed: int) -> None:
    orders = []
    for most in (1 << 40, 20_000):
        kept = Kept(most)
        for events in some(seed):
            kept.add(events)
        assert (kept._file is not None) == (most == 20_000)
        orders.append([as_value(one) for one in kept.in_order(move)])
    assert orders[0] == orders[1]
    assert len(orders[0]) == sum(map(len, some(seed))) > 100
    assert [one[0] for one in orders[0]] == sorted(one[0] for one in orders[0])


@pytest.mark.parametrize("clocks", [False, True])
def test_what_names_no_host_is_given_one_in_memory_and_on_disk(clocks: bool) -> None:
    def put_right(events: list[Event]) -> None:
        move(events)
        for one in events:
            one.host = one.host or f"host of {one.fields['process.pid']}"

    r = random.Random(3)
    lines = [(r.randrange(40), line, r.choice(["h", ""])) for line in range(600)]
    orders = []
    for most in (1 << 40, 20_000):
        kept = Kept(most)
        for at, line, host in lines:
            kept.add([event(at, line, rank=int(clocks), host=host)])
        assert (kept._file is not None) == (most == 20_000)
        assert kept.any_homeless
        orders.append([as_value(one) for one in kept.in_order(put_right)])
    assert orders[0] == orders[1]
    assert all(one[5] for one in orders[0])


def test_what_was_kept_can_be_walked_over_before() -> None:
    kept = Kept(20_000)
    for events in some(3):
        kept.add(events)
    walked = [as_value(one) for run in kept.runs() for one in run]
    assert sorted(walked, key=repr) == sorted((as_value(one) for events in some(3) for one in events), key=repr)


def test_where_the_disk_takes_no_more_events_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "TemporaryFile", full)
    kept, same = Kept(20_000), Kept(1 << 40)
    for ours, theirs in zip(some(1), some(1), strict=True):
        kept.add(ours)
        same.add(theirs)
    assert [as_value(one) for one in kept.in_order(move)] == [as_value(one) for one in same.in_order(move)]


def outcome(file: Path) -> tuple[list[bytes], str]:
    run = Run(load_all([ROOT / "analytics" / "an1314.chain"]), [str(file)])
    return [msgspec.json.encode(alert) for alert in run], to_summary(run.tally, run.funnels)


def test_a_run_over_more_than_fits_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of records whose clocks are put right when all have been read, shuffled."""
    stream = write(tmp_path / "stream.jsonl", Fleet(1, shares=DENSE), megabytes=2, attacks=5, decoys=5)
    lines = stream.file.read_bytes().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    stream.file.write_bytes(b"".join(lines))
    expected = outcome(stream.file)
    assert len(expected[0]) == 5
    monkeypatch.setattr(Kept.__init__, "__defaults__", (100_000,))
    assert outcome(stream.file) == expected
