"""The engine against the oracle, on random chains and streams: the same alerts, the same evidence, the same witness.

CHAINRUN_PAIRS sets how many pairs (default 1,500), CHAINRUN_SEED the first seed; a failure prints its seed, and
`CHAINRUN_SEED=n CHAINRUN_PAIRS=1` runs it alone.
"""

import os
from random import Random

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.match.unsupported import unsupported

from . import oracle, worlds

PAIRS = int(os.environ.get("CHAINRUN_PAIRS", "1500"))
FIRST = int(os.environ.get("CHAINRUN_SEED", "1"))
SLICES = 10


def checked(text: str) -> Analytic:
    source = Source("random.chain", text)
    return check(parse(source), source)[0]


def found(analytic: Analytic, events: list[Event]) -> list[oracle.Found]:
    """What the engine says, in the oracle's words; lines of origin are orders."""
    result = []
    for alert in Engine([analytic], evidence=1_000_000, raw=False).run(events):
        matched = [s for s in alert.steps if s.matched]
        evidence = {s.step: tuple(e.line for e in s.evidence) for s in matched}
        witness = {s.step: s.witness.line for s in matched if s.witness}
        result.append(oracle.Found(max(witness.values()), evidence, witness))
    return in_order(result)


def in_order(alerts: list[oracle.Found]) -> list[oracle.Found]:
    """Alerts of different identities that one event completes stand in no order that the language gives."""
    return sorted(alerts, key=lambda f: (f.at, sorted(f.witness.items()), sorted(f.evidence.items())))


def pair(seed: int) -> tuple[str, Analytic, list[Event]]:
    """A chain that checks and runs, and a stream, from one seed."""
    rng = Random(seed)
    while True:
        text = worlds.Chains(rng).chain()
        try:
            analytic = checked(text)
        except ChainError:
            continue
        if not unsupported(analytic.chains[0]):
            return text, analytic, worlds.stream(rng, rng.choice((10, 16, 24)))


@pytest.mark.parametrize("slice", range(SLICES))
def test_the_engine_and_the_oracle_agree(slice: int) -> None:
    for seed in range(FIRST + slice, FIRST + PAIRS, SLICES):
        text, analytic, events = pair(seed)
        expected = in_order(oracle.alerts(analytic.chains[0], events))
        got = found(analytic, worlds.again(events))
        assert got == expected, f"seed {seed}\n{text}\n" + "\n".join(
            f"{e.order} {e.time} {e.host} {sorted(e.kinds)} {e.fields}" for e in events
        )
