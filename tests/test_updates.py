"""`--updates`: an alert is given once more when its window has closed or the input ends, if something was added."""

from collections.abc import Sequence

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine import running
from chainrun.engine.engine import Engine
from chainrun.engine.match import evidence, groups
from chainrun.engine.match.evidence import Match, Moment
from chainrun.engine.report.alert import Alert
from chainrun.engine.study.trial import tell
from chainrun.engine.timer import SWEEPS

BEGIN = "0s read /a pid=1\n"
CHILD = BEGIN + "5s spawn sh pid=2 ppid=1\n"
CHAIN = "read -> spawn -> egress within 1h"

# The alert, when it was given (seconds of the event that brought it out; None: the end of the input).
Given = tuple[Alert, int | None]


def told(chain: str, lines: str) -> Analytic:
    source = Source("t.chain", f'{chain}\ntest "t" raises 0 {{\n{lines}\n}}\n')
    return check(parse(source), source)[0]


def given(chain: str, lines: str, *, updates: bool = True) -> list[Given]:
    analytic = told(chain, lines)
    story = tell(analytic, analytic.tests[0])
    assert not story.faults
    engine = Engine([analytic], updates=updates)
    found: list[Given] = []
    for event in story.events:
        found += ((alert, (event.time - story.begin) // 1_000_000) for alert in engine.feed(event))
    return found + [(alert, None) for alert in engine.end()]


def counts(alert: Alert) -> list[object]:
    """How many events of each step an alert has."""
    return [step.count for step in alert.steps]


def test_an_alert_that_grew_is_given_again_when_its_window_has_closed() -> None:
    """Settled case 2."""
    lines = CHILD + "9s egress a.example pid=2\n12s egress b.example pid=2\n1h9s event\n1h10s event pid=9"
    (first, at), (again, later) = given(CHAIN, lines)
    assert (at, later) == (9, 3610)  # at 1h9s the window is still open: its end is inside
    assert (first.revision, again.revision) == (0, 1)
    assert first.alert_id == again.alert_id
    assert (counts(first), counts(again)) == ([1, 1, 1], [1, 1, 2])
    assert [e.line for e in again.steps[2].evidence or ()] == [5, 6]  # of all, in order
    assert again.last_time == first.last_time.replace("09.", "12.")
    assert again.first_time == first.first_time


def test_the_end_of_the_input_closes_every_window() -> None:
    (first, _), (again, at) = given(CHAIN, CHILD + "9s egress a.example pid=2\n12s egress b.example pid=2")
    assert (again.alert_id, again.revision, at) == (first.alert_id, 1, None)


def test_nothing_added_is_no_second_edition() -> None:
    lines = CHILD + "9s egress a.example pid=2\n"
    assert [a.revision for a, _ in given(CHAIN, lines)] == [0]
    assert [a.revision for a, _ in given(CHAIN, lines + "2h event pid=9")] == [0]
    # what completes nothing adds nothing
    assert [a.revision for a, _ in given(CHAIN, lines + "20s egress a.example pid=7\n30s write /a pid=2")] == [0]


def test_without_the_option_there_is_one_edition() -> None:
    lines = CHILD + "9s egress a.example pid=2\n12s egress b.example pid=2\n2h event pid=9"
    assert [a.revision for a, _ in given(CHAIN, lines, updates=False)] == [0]


@pytest.mark.parametrize(
    "chain", ["read -> spawn -> egress? within 1h", "read -> spawn -> write? -> egress? within 1h"]
)
def test_an_optional_last_step_adds_its_evidence(chain: str) -> None:
    """Settled case 4: the alert comes at once, what is not waited for with the second edition."""
    (first, at), (again, _) = given(chain, CHILD + "9s egress a.example pid=2\n12s egress b.example pid=2")
    assert at == 5
    assert (first.steps[-1].matched, again.steps[-1].matched) == (False, True)
    assert (again.steps[-1].count, again.steps[1].count) == (2, 1)
    assert first.completeness["matched"] == 2
    assert again.completeness == first.completeness | {"matched": 3}
    assert again.alert_id == first.alert_id


def test_an_optional_last_step_alone_is_no_alert() -> None:
    assert given("read -> spawn -> egress? within 1h", BEGIN + "9s egress a.example pid=1") == []


def test_what_a_descendant_does_is_added_to_the_outermost() -> None:
    lines = CHILD + "9s egress a.example pid=2\n10s spawn curl pid=3 ppid=2\n12s egress b.example pid=3"
    (first, _), (again, _) = given(CHAIN, lines)
    assert counts(again) == [1, 2, 2]
    assert again.alert_id == first.alert_id


def test_after_its_window_the_same_identity_is_another_alert() -> None:
    """Settled case 30; each has its own second edition."""
    once = "egress({ bad.example })"
    lines = "".join(f"{at} egress bad.example pid=1\n" for at in ("0s", "1m", "2h", "121m"))
    found = [(a.revision, a.alert_id, counts(a), at) for a, at in given(once, lines)]
    (_, one, _, _), (_, _, _, closed), (_, other, _, _), (_, _, _, last) = found
    assert [(r, c) for r, _, c, _ in found] == [(0, [1]), (1, [2]), (0, [1]), (1, [2])]
    assert [i for _, i, _, _ in found] == [one, one, other, other]
    assert one != other
    assert (closed, last) == (7200, None)


def test_two_identities_have_two_windows() -> None:
    lines = BEGIN + "1s spawn a pid=2 ppid=1\n2s spawn b pid=3 ppid=1\n"
    lines += "10s egress x.example pid=2\n11s egress x.example pid=3\n20s egress x.example pid=3\n2h event pid=9"
    found = given(CHAIN, lines)
    assert [a.revision for a, _ in found] == [0, 0, 1]
    assert found[2][0].alert_id == found[1][0].alert_id


def test_once_per_says_for_how_long() -> None:
    chain = "egress({ bad.example }) once per host in 1d"
    lines = "0s egress bad.example pid=1\n5h egress bad.example pid=2\n24h event pid=9\n25h event pid=9"
    (first, _), (again, at) = given(chain, lines)
    assert (counts(first), counts(again), at) == ([1], [2], 25 * 3600)


def test_an_absence_at_the_end_completes_at_its_deadline_and_closes_a_window_later() -> None:
    """A heartbeat that stops twice: the second silence is counted with the first."""
    chain = "write ~>[1m] !write within 10m"
    lines = "0s write /a pid=1\n5m write /a pid=1\n8m event pid=9\n10m59s event pid=9\n11m1s event pid=9"
    (first, _), (again, at) = given(chain, lines)
    assert first.last_time.endswith("00:01:00.000000Z")
    assert (counts(first)[0], counts(again)[0], at) == (1, 2, 661)


def test_what_is_excepted_adds_nothing() -> None:
    chain = f'{CHAIN}\nexcept "known" when out.destination.domain == "b.example"'.replace("egress", "egress as out", 1)
    lines = CHILD + "9s egress a.example pid=2\n12s egress b.example pid=2"
    assert [a.revision for a, _ in given(chain, lines)] == [0]


def test_editions_come_in_the_order_of_their_moments() -> None:
    """What closed before an event is told before what the event completes."""
    chain = "egress({ bad.example })"
    lines = "0s egress bad.example pid=1\n1s egress bad.example pid=1\n2h egress bad.example pid=2"
    assert [(a.revision, a.last_time[11:19]) for a, _ in given(chain, lines)] == [
        (0, "00:00:00"),
        (1, "00:00:01"),
        (0, "02:00:00"),
    ]


# -- how the evidence of many completions is kept ----------------------------------------

PAIRS = "write -> egress within 1h"


def pairs(count: int) -> str:
    """So many writes, and after each a connection, which follows all of them."""
    return "".join(f"{2 * n}s write /{n} pid=1\n{2 * n + 1}s egress a.example pid=1\n" for n in range(count))


def test_what_is_forgotten_while_an_alert_is_open_was_taken_in_before() -> None:
    """Three bursts, each long out of the chain's window when the next one comes."""
    bursts = "".join(
        f"{at}m write /a pid=1\n{at}m1s write /b pid=1\n{at}m2s egress a.example pid=1\n" for at in (0, 10, 20)
    )
    (_, _), (again, _) = given("write -> egress within 1m once per host in 1h", bursts)
    assert counts(again) == [6, 3]
    assert [e.line for e in again.steps[0].evidence or ()] == [3, 4, 6, 7, 9, 10]


def test_each_completion_has_a_window_of_its_own() -> None:
    """Of two that are taken in together the one reaches back to events that the other does not."""
    first = "0s write /a pid=1\n1s egress a.example pid=1\n"
    writes = "101s write /b pid=1\n102s write /c pid=1\n103s write /d pid=1\n"
    others = "158s write /x pid=9\n159s write /x pid=9\n"  # time goes on
    (_, _), (again, _) = given(
        "write -> egress within 1m once per host in 1h",
        f"{first}{writes}{others}160s egress a.example pid=1\n162s egress a.example pid=1",
    )
    assert counts(again) == [4, 3]


def test_of_a_flood_is_taken_in_what_its_log_still_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "LOG_LIMIT", 10)
    monkeypatch.setattr(running, "MOST_LATER", 2)
    (_, _), (again, _) = given(PAIRS, "".join(f"{3 * n}s write /x pid=1\n" for n in range(80)) + pairs(120))
    write, egress = again.steps
    assert (write.count_at_least, egress.count) == (200, 120)  # nothing was lost, though some might have been


def test_a_later_completion_costs_no_walk_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence is taken in where something is about to be forgotten, and at the end; not at each completion."""
    walks: list[int] = []

    def collect(moments: Sequence[Moment], window: int | None) -> Match:
        walks.append(len(moments))
        return evidence.collect(moments, window)

    monkeypatch.setattr(running, "collect", collect)
    (_, _), (again, _) = given(PAIRS, pairs(1700))
    assert counts(again) == [1700, 1700]
    assert sum(walks) == 1700
    assert len(walks) <= SWEEPS + 2


def test_the_second_edition_shows_what_the_first_match_lacked_by_the_first_that_has_it() -> None:
    chain = "read -> write -> egress? within 1h"
    lines = "0s read /a pid=1\n1s write /b pid=1\n2s egress a.example pid=1\n3s egress b.example pid=1\n"
    (_, _), (again, _) = given(chain, lines)
    witness = [step.witness.line for step in again.steps if step.witness]
    assert witness == [3, 4, 5]
    assert counts(again) == [1, 1, 2]
