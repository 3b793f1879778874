"""The funnel: of every step, where each event that is it by itself has gone; on random chains and streams, and cause by cause."""

from random import Random

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.intake.tally import Tally
from chainrun.engine.report.funnel import Cause, Funnel, StepCount, funnels
from chainrun.engine.report.summary import LOST, to_summary
from chainrun.engine.study.again import fresh
from chainrun.engine.study.trial import tell

from . import worlds

HEAD = 'analytic T "t" {\n  platform: windows\n}\n'
WORD = "0s spawn winword.exe pid=10 ppid=1 parent=explorer.exe"


def funnel(analytic: Analytic, events: list[Event]) -> Funnel:
    engine = Engine([analytic])
    raised = sum(1 for _ in engine.run(events))
    (found,) = funnels(engine, {(analytic.id, analytic.chains[0].name): raised})
    return found


def step(number: int, chain: str, *lines: str) -> StepCount:
    """What became of a step's events in a story of test lines."""
    text = f'{HEAD}{chain}\ntest "story" raises 0 {{\n' + "".join(f"  {line}\n" for line in lines) + "}\n"
    source = Source("t.chain", text)
    analytic, _ = check(parse(source), source)
    story = tell(analytic, analytic.tests[0])
    assert not story.faults
    found = funnel(analytic, fresh(story.events))
    assert to_summary(Tally(), [found])
    return found.steps[number - 1]


def test_every_event_of_a_step_is_accounted_for() -> None:
    """What satisfies it alone continues a match or is lost to one cause; nobody is lost twice."""
    lost = 0
    for seed in range(400):
        text, analytic, events = worlds.world(Random(seed))
        for count in funnel(analytic, events).steps:
            assert count.alone == count.followed + sum(one.events for one in count.lost), f"seed {seed}\n{text}"
            assert all(one.events > 0 for one in count.lost)
            lost += sum(one.events for one in count.lost if one.cause is not Cause.NOTHING)
    assert lost > 100


EGRESS = "5s egress 203.0.113.9:80 pid=10"


@pytest.mark.parametrize(
    ("cause", "chain", "lines"),
    [
        (Cause.NOTHING, "open({ excel.exe }) -> egress within 1m", (WORD, EGRESS)),
        (Cause.UNKNOWN, "open({ winword.exe }) -> egress within 1m", (WORD, "5s egress 203.0.113.9")),
        (
            Cause.CONDITION,
            "open({ winword.exe }) as a -> egress where user.name != a.user.name within 1m",
            (f"{WORD} user.name=u", f"{EGRESS} user.name=u"),
        ),
        (Cause.LIMIT, "open({ winword.exe }) ->[3s] egress within 1m", (WORD, EGRESS)),
        (
            Cause.WINDOW,  # told as such until what it would have followed is given up, a little later
            "write -> egress within 4s",
            (r"0s write %TEMP%\a pid=10", "4s exit pid=99", "4s100ms egress 203.0.113.9 pid=10"),
        ),
        (
            Cause.ABSENCE,
            "open({ winword.exe }) as a -> !write -> egress within 1m",
            (WORD, r"2s write %TEMP%\a pid=10", EGRESS),
        ),
        (
            Cause.EXCEPTED,
            'open({ winword.exe }) as a -> egress as out within 1m\nexcept "ours" on out when out.user.name == a.user.name',
            (f"{WORD} user.name=u", f"{EGRESS} user.name=u"),
        ),
        (Cause.COUNT, "open({ winword.exe }) as a -> egress{>= 2 in 1m} within 2m", (WORD, EGRESS)),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else "",
)
def test_a_cause_is_told_apart(cause: Cause, chain: str, lines: tuple[str, ...]) -> None:
    count = step(3 if cause is Cause.ABSENCE else 2, chain, *lines)
    assert (count.alone, count.followed) == (1, 0)
    assert [(one.cause, one.events) for one in count.lost] == [(cause, 1)]


def test_every_cause_has_words() -> None:
    assert set(LOST) == set(Cause)


def test_what_does_not_say_enough_is_counted_apart() -> None:
    """It is no step, and may be one."""
    count = step(
        2, "param L = { example.com }\nopen({ winword.exe }) -> egress(not L) within 1m", WORD, "5s egress pid=10"
    )
    assert (count.alone, count.unknown) == (0, 1)


def test_what_is_given_up_is_counted() -> None:
    count = step(1, "open({ winword.exe }) -> egress within 1m", WORD, "2h exit pid=99", "4h exit pid=99")
    assert count.expired == 1
