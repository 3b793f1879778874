"""The engine against the oracle, on random chains and streams: the same alerts, the same evidence, the same witness.

CHAINRUN_PAIRS sets how many pairs (default 1,500), CHAINRUN_SEED the first seed; a failure prints its seed, and
`CHAINRUN_SEED=n CHAINRUN_PAIRS=1` runs it alone.
"""

import os
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event

from . import oracle, worlds
from .worlds import World, checked

__all__ = ["checked"]

PAIRS = int(os.environ.get("CHAINRUN_PAIRS", "1500"))
FIRST = int(os.environ.get("CHAINRUN_SEED", "1"))
SLICES = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def found(analytic: Analytic, events: list[Event]) -> list[oracle.Found]:
    """What the engine says, in the oracle's words; lines of origin are orders."""
    result = []
    for alert in Engine([analytic], evidence=1_000_000, raw=False).run(events):
        matched = [s for s in alert.steps if s.matched]
        evidence = {s.step: tuple(e.line for e in s.evidence) for s in matched if s.evidence}
        witness = {s.step: s.witness.line for s in matched if s.witness}
        at = (datetime.fromisoformat(alert.last_time) - EPOCH) // timedelta(microseconds=1)
        order = None if ends_in_absence(analytic.chains[0]) else max(witness.values())
        unlinked = "unlinked" in alert.flags
        result.append(oracle.Found(at, order, evidence, witness, alert.severity, unlinked))
    return in_order(result)


def ends_in_absence(chain: Chain) -> bool:
    """Whether alerts come at deadlines; optional steps at the end are never waited for."""
    needed = [p.element for p in chain.positions if not isinstance(p.element, model.Optional)]
    return isinstance(needed[-1], model.Absent)


def in_order(alerts: list[oracle.Found]) -> list[oracle.Found]:
    """Alerts of different identities that one event completes stand in no order that the language gives."""
    return sorted(alerts, key=lambda f: (f.at, f.order or 0, sorted(f.witness.items()), sorted(f.evidence.items())))


def pair(seed: int) -> World:
    """A chain that checks and runs, and a stream, from one seed."""
    return worlds.world(Random(seed))


@pytest.mark.parametrize("slice", range(SLICES))
def test_the_engine_and_the_oracle_agree(slice: int) -> None:
    for seed in range(FIRST + slice, FIRST + PAIRS, SLICES):
        text, analytic, events = pair(seed)
        expected = in_order(oracle.alerts(analytic.chains[0], events, analytic.severity))
        got = found(analytic, worlds.again(events))
        assert got == expected, f"seed {seed}\n{text}\n" + "\n".join(
            f"{e.order} {e.time} {e.host} {sorted(e.kinds)} {e.fields}" for e in events
        )
