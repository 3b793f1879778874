"""What hostile telemetry costs: in proportion to its length, whatever it is made of.

`steps` counts the lines of code that run, which is the same in every run; where the work is done by a library, whose
steps nobody sees, the time of the processor is compared, with room for a busy machine.
"""

import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.match import lineage
from chainrun.engine.run import Options, Run

from .command import start
from .test_oracle import checked
from .worlds import SECOND, event

LINEAR = 2.3  # of twice the length: what a line costs, and something that is done once in a while


def steps(action: Callable[[], object]) -> int:
    """The lines of Python that an action runs."""
    count = 0

    def trace(frame: FrameType, what: str, argument: Any) -> Any:
        nonlocal count
        count += what == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def seconds(action: Callable[[], object]) -> float:
    """The least that an action takes of the processor, of three times."""
    found = []
    for _ in range(3):
        began = time.process_time()
        action()
        found.append(time.process_time() - began)
    return min(found)


def fed(chain: str, events: Iterable[Event]) -> Callable[[], object]:
    engine = Engine([checked(chain)], raw=False)
    stream = list(events)
    return lambda: [engine.feed(each) for each in stream]


# -- processes ----------------------------------------


def nest(depth: int, then: Iterable[Event] = ()) -> list[Event]:
    """Each process starts the next."""
    return [
        event(n, n, {"spawn", "exec"}, {"process.pid": n + 2, "process.parent.pid": n + 1, "process.name": f"p{n}"})
        for n in range(depth)
    ] + list(then)


def crowd(size: int) -> list[Event]:
    """One process starts all the others, and each of them writes."""
    found = []
    for n in range(size):
        found.append(event(2 * n, n, {"spawn"}, {"process.pid": n + 2, "process.parent.pid": 1, "process.name": "p"}))
        found.append(event(2 * n + 1, n, {"write"}, {"process.pid": n + 2, "file.path": f"/{n}"}))
    return found


def renamed(times: int) -> list[Event]:
    """One file that is given name after name."""
    return [
        event(n, n, {"rename"}, {"process.pid": 1, "file.previous_path": f"/d/{n}", "file.path": f"/d/{n + 1}"})
        for n in range(times)
    ]


def ways(count: int) -> list[Event]:
    """As many first steps as last ones, all of one process."""
    return [
        event(n, n, {"write"} if n < count // 2 else {"connect", "egress"}, {"process.pid": 1, "file.path": f"/{n}"})
        for n in range(count)
    ]


STREAMS: dict[str, tuple[str, Callable[[int], list[Event]]]] = {
    "nest": ("spawn({ p* }) -> egress within 1h", nest),
    "nest-under": ("spawn({ p* }) as s -> write under s -> egress within 1h", nest),
    "nest-count": ("spawn{>= 5 in 1h} -> egress within 1h", nest),
    "crowd": ("spawn({ p }) -> write -> egress within 1h", crowd),
    "crowd-count": ("spawn({ p }) -> write{>= 3 in 1h by user.name} within 1h", crowd),
    "renamed": ("write as w -> rename where file.path == w.file.path as r -> delete within 1h", renamed),
    "ways": ("write -> egress within 1h", ways),
    "ways-apart": ("write as w -> egress where destination.port != w.file.size within 1h", ways),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_twice_the_length_takes_twice_the_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "DEPTH_LIMIT", 64)  # of a walk up: from there on it costs no more
    chain, stream = STREAMS[name]
    assert steps(fed(chain, stream(800))) <= LINEAR * steps(fed(chain, stream(400)))


# -- times ----------------------------------------


def stamped(count: int, second: Callable[[int], int], host: Callable[[int], str]) -> bytes:
    """Records of as many starts, each with the time and host that it claims."""
    lines = []
    for n in range(count):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=second(n))
        line = start(0, 100 + n, "powershell.exe").replace("2026-03-01T10:00:00", at.strftime("%Y-%m-%dT%H:%M:%S"))
        lines.append(line.replace("2026-03-01 10:00:00", at.strftime("%Y-%m-%d %H:%M:%S")).replace("win-1", host(n)))
    return "".join(lines).encode()


YEAR = 365 * 86_400
SPOOFED: dict[str, Callable[[int], int]] = {
    "future": lambda n: n if n % 2 else 10 * YEAR + n,
    "ever-farther": lambda n: n * YEAR // 10,
    "past": lambda n: n if n % 2 else -10 * YEAR - n,
    "backwards": lambda n: -n,
    "scattered": lambda n: n * 7919 % 10_007 * 3600,
    "one-moment": lambda n: 0,
}


@pytest.mark.parametrize("spoofed", SPOOFED)
@pytest.mark.parametrize("lateness", [None, 0, 3600 * SECOND], ids=["file", "pipe", "pipe-late"])
@pytest.mark.parametrize("hosts", [1, 1000])
def test_spoofed_times_cost_what_true_ones_do(tmp_path: Path, spoofed: str, lateness: int | None, hosts: int) -> None:
    analytic = checked("spawn({ powershell.exe }) -> egress within 1h")

    def run(count: int) -> Callable[[], object]:
        file = tmp_path / "events.jsonl"
        file.write_bytes(stamped(count, SPOOFED[spoofed], lambda n: f"h{n % hosts}"))
        made = Run([analytic], [str(file)], Options(lateness=lateness), stream=lateness is not None)
        return lambda: list(made)

    assert steps(run(600)) <= LINEAR * steps(run(300))


# -- words and expressions ----------------------------------------

LONG = "a" * 20_000
PATTERNS = {
    "stars": ('write("/' + "*a" * 30 + '*b")', {"file.path": "/" + LONG}),
    "path": ('write("/**/' + "*a*/" * 8 + 'b")', {"file.path": "/" + "a/" * 10_000}),
    "like": ('egress where destination.domain like "' + "*a" * 30 + '*b"', {"destination.domain": LONG}),
    "nested": ("write where file.path matches '(a+)+$'", {"file.path": LONG + "!"}),
    "many": ("write where file.path matches '(.*a){12}$'", {"file.path": LONG + "!"}),
    "words": ("write where file.path matches '^(\\w+\\s?)*$'", {"file.path": LONG + "!"}),
    "list": ('spawn where process.args == "b"', {"process.args": ("a",) * 20_000}),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_costs_the_length_of_the_text(name: str) -> None:
    """Backtracking would cost its square, its cube, or for ever."""
    text, fields = PATTERNS[name]
    engine = Engine([checked(f"{text} within 1h")], raw=False)
    kinds = {"write", "egress", "spawn"}

    def of(times: int) -> Callable[[], object]:
        longer = {field: value * times for field, value in fields.items()}
        return lambda: [engine.feed(event(n, n, kinds, {"process.pid": 1, **longer})) for n in range(10)]

    of(1)()  # what is made once
    assert seconds(of(4)) <= 8 * seconds(of(1)) + 0.05
