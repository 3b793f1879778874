"""What the funnel costs a run: the same events through the same matchers, with what it counts and without.

Without it: the counters do nothing. Rounds of both alternate, so that a busy machine is busy for both; the share is that of
the fastest rounds. On the densest stream, where most events are some step.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import process_time
from typing import Any
from unittest.mock import patch

import chainrun
import pytest
from chainrun.engine.cli.collector import relax
from chainrun.engine.match.progress import Progress

from .measuring import ANALYTICS
from .streams import Stream

ROUNDS = 7


def silent() -> AbstractContextManager[Any]:
    return patch.multiple(Progress, stop=lambda *_: None, settle=lambda *_: None)


def test_the_funnel(benchmark: Any, stream: Callable[[str], Stream]) -> None:
    analytic = chainrun.load(ANALYTICS / "an1314.chain")
    file = stream("Windows, tuned").file
    relax()
    best = {True: float("inf"), False: float("inf")}

    def both() -> None:
        for counts in (True, False):
            with nullcontext() if counts else silent():
                begin = process_time()
                list(chainrun.run(analytic, file))
                best[counts] = min(best[counts], process_time() - begin)

    benchmark.pedantic(both, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["seconds with"] = round(best[True], 3)
    benchmark.extra_info["seconds without"] = round(best[False], 3)
    benchmark.extra_info["share of a run, %"] = round((best[True] / best[False] - 1) * 100, 1)


pytestmark = pytest.mark.benchmark(group="funnel")
