"""The scripts: chains with the events that they must and must not raise an alert on.

A `.test` file holds cases; a line `=== title` begins one, which is a whole chain file with `test` blocks. Each block is
run as `chainrun test` runs it, in all its ways, and against the oracle where the oracle knows all that the case speaks of.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.event import Event
from chainrun.engine.formats import load_formats
from chainrun.engine.report.alert import Alert, stamp
from chainrun.engine.study import again
from chainrun.engine.study.trial import tell, tried

from . import oracle
from .small_world import is_small_world

SCRIPTS = Path(__file__).parent / "scripts"


def cases() -> Iterator[object]:
    for path in sorted(SCRIPTS.glob("*.test")):
        for piece in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
            title, _, text = piece.partition("\n")
            yield pytest.param(f"{path.name}: {title}", text, id=f"{path.stem}: {title}")


CASES = list(cases())


def checked(name: str, text: str) -> model.Analytic:
    source = Source(name, text)
    analytic, _ = check(parse(source), source)
    assert analytic.tests, "a case without a test block"
    return analytic


@pytest.mark.parametrize(("name", "text"), CASES)
def test_every_script_raises_what_it_says(name: str, text: str) -> None:
    analytic = checked(name, text)
    for test in analytic.tests:
        result = tried(analytic, test, load_formats())
        assert result.passed, f"{test.title}:\n" + "\n".join(result.faults)


@pytest.mark.parametrize(("name", "text"), CASES)
def test_the_oracle_says_of_every_script_what_the_engine_says(name: str, text: str) -> None:
    analytic = checked(name, text)
    for test in analytic.tests:
        events = tell(analytic, test).events
        alerts = again.straight(analytic, events)
        for chain in analytic.chains:
            if is_small_world(chain, events):
                said = [found(alert, events) for alert in alerts if alert.chain == chain.name]
                truth = [(stamp(f.at), f.evidence) for f in oracle.alerts(chain, again.fresh(events))]
                assert sorted(said, key=repr) == sorted(truth, key=repr), test.title


def test_the_oracle_knows_most_of_the_scripts() -> None:
    """A criterion that lets nothing through would compare nothing."""
    asked = [
        is_small_world(chain, tell(analytic, test).events)
        for name, text in (case.values for case in CASES)  # type: ignore[attr-defined]
        for analytic in [checked(name, text)]
        for test in analytic.tests
        for chain in analytic.chains
    ]
    assert sum(asked) > len(asked) / 2, f"{sum(asked)} of {len(asked)}"


def found(alert: Alert, events: list[Event]) -> tuple[str, dict[int, tuple[int, ...]]]:
    """An alert as the oracle tells it: when, and the orders of each step's events."""
    orders = {(e.origin.line, stamp(e.time)): e.order for e in events}
    matched = [step for step in alert.steps if isinstance(step.evidence, list)]
    return alert.last_time, {s.step: tuple(sorted(orders[e.line, e.time] for e in s.evidence)) for s in matched}
