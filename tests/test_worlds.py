"""The random worlds: that they draw on the whole language, and that their chains alert often enough to tell."""

from collections import Counter
from random import Random

from . import oracle, worlds
from .operators import OPERATORS, operators

SEEDS = 1500


def tally(seeds: int) -> tuple[Counter[str], Counter[str]]:
    """How many chains use each operator, and how many of those alert; `""` counts all chains."""
    used: Counter[str] = Counter()
    alerting: Counter[str] = Counter()
    for seed in range(seeds):
        _, analytic, events = worlds.world(Random(seed))
        (chain,) = analytic.chains
        names = {"", *operators(chain)}
        used.update(names)
        if oracle.alerts(chain, events):
            alerting.update(names)
    return used, alerting


def test_every_operator_occurs_and_alerts() -> None:
    used, alerting = tally(SEEDS)
    assert alerting[""] > SEEDS / 4
    assert not [o for o in OPERATORS if used[o] < SEEDS / 125]
    assert not [o for o in OPERATORS if alerting[o] < SEEDS / 500]


def test_a_seed_is_one_world() -> None:
    for seed in range(20):
        one, other = worlds.world(Random(seed)), worlds.world(Random(seed))
        assert one[0] == other[0]
        assert [(e.time, e.kinds, e.fields, e.host) for e in one[2]] == [
            (e.time, e.kinds, e.fields, e.host) for e in other[2]
        ]
