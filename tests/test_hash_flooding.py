"""Numbers chosen so that the tables that they are keys of become lists: cost stays in proportion to the stream."""

import time
from random import Random

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.match import fields
from chainrun.engine.match.fields import from_key, hashable
from chainrun.engine.report.alert import encode

from . import worlds
from .test_oracle import checked
from .worlds import event

# The steps of Python's hash of a tuple: x = rotate(x + hash * P2, 31) * P1, from P5 on.
P1, P2, P5 = 11400714785074694791, 14029467366897019727, 2870177450012600261
WORD = 2**64


def colliding(count: int) -> list[tuple[int, int]]:
    """Pairs of numbers that any number of bytes can be, all with one hash."""
    found: list[tuple[int, int]] = []
    first = 2**40
    while len(found) < count:
        first += 1
        x = (P5 + first * P2) % WORD
        second = (1 - (x << 31 | x >> 33) * P1) * pow(P2, -1, WORD) % WORD
        if second < 2**61 - 1:
            found.append((first, second))
    assert len({hash(pair) for pair in found}) == 1
    return found


class Counted(tuple[int, int]):
    """A key that counts how often it had to be compared."""

    compared = 0
    __hash__ = tuple.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return tuple.__eq__(self, other)


def test_the_pairs_are_what_they_are_said_to_be() -> None:
    Counted.compared = 0
    assert len({Counted(pair): 1 for pair in colliding(100)}) == 100
    assert Counted.compared >= 100 * 99 / 2


def test_numbers_that_leave_room_to_choose_have_a_secret_hash_in_keys() -> None:
    pairs = colliding(2000)
    assert len({hash(hashable(pair)) for pair in pairs}) > 1990
    lone = [k * (2**61 - 1) for k in range(1, 2000)]  # of raw fields: canonical ones end at 2**64
    assert len({hash(lone_one) for lone_one in lone}) == 1
    assert len({hash(hashable(one)) for one in lone}) > 1990


NUMBERS = [0, -1, 1.0, 2**32 - 1, 2**32, -(2**32), 2.0**40, 2**63, 10**4000, 0.5, -1e-300, 1e300, float("inf"), 2.0**32]


@pytest.mark.parametrize("value", NUMBERS)
def test_a_number_comes_out_of_a_key_as_it_went_in(value: float) -> None:
    assert from_key(hashable(value)) == value
    assert from_key(hashable((value, "x"))) == (value, "x")
    assert [hashable(other) == hashable(value) for other in NUMBERS] == [other == value for other in NUMBERS]


CHAINS = [
    "read where new(file.size, destination.bytes among read in 1h) within 1h",
    "read as r -> write where file.size == r.file.size and destination.bytes == r.destination.bytes within 1h",
    "read{>= 2 in 1h by file.size, destination.bytes} within 1h",
    "!write ~> read within 1h per file.size, destination.bytes",
]


def cost(chain: str, pairs: list[tuple[int, int]]) -> float:
    """Seconds of the processor for a stream with these pairs of numbers, each in an event of its own."""
    engine = Engine([checked(chain)], raw=False)
    stream = [
        event(n, n, {"read"}, {"process.pid": 1, "file.path": "/x", "file.size": size, "destination.bytes": sent})
        for n, (size, sent) in enumerate(pairs)
    ]
    began = time.process_time()
    for each in stream:
        engine.feed(each)
    return time.process_time() - began


@pytest.mark.parametrize("chain", CHAINS)
def test_chosen_numbers_cost_as_much_as_any_others(chain: str) -> None:
    """Without a secret they cost ten times as much at this length, and at any other as many times more as it is longer."""
    chosen = colliding(6000)
    others = [(size + n * n, sent) for n, (size, sent) in enumerate(chosen)]
    assert cost(chain, chosen) < 4 * cost(chain, others)


def test_alerts_are_the_same_however_large_a_large_number_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """All numbers taken for large ones: nothing that a chain asks or an alert tells may show it."""
    for seed in range(1, 300):
        text, analytic, events = worlds.world(Random(seed))
        expected = [encode(alert) for alert in Engine([analytic]).run(worlds.again(events))]
        with monkeypatch.context() as patched:
            patched.setattr(fields, "_LARGE", 0)
            found = [encode(alert) for alert in Engine([analytic]).run(worlds.again(events))]
        assert found == expected, f"seed {seed}\n{text}"
