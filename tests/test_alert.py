"""The published record of what the whole language can say: absences, counts, entities of all kinds, exceptions."""

from random import Random
from typing import Any

import msgspec
import pytest
from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.engine import Engine
from chainrun.engine.report.alert import StepReport, encode
from chainrun.engine.report.funnel import Excepted, Funnel, funnels
from chainrun.engine.report.roles import Role
from chainrun.engine.study.lines import BEGIN
from chainrun.engine.study.trial import raised, tell

from .worlds import world


def analytic(text: str) -> Analytic:
    source = Source("t.chain", text)
    return check(parse(source), source)[0]


def case_of(chain: str, events: str) -> Analytic:
    return analytic(f'{chain}\ntest "t" raises 1 {{\n{events}\n}}\n')


def alerts(chain: str, events: str) -> list[dict[str, Any]]:
    """The alerts of a chain over a test's lines, as their readers see them."""
    found = case_of(chain, events)
    return [msgspec.json.decode(encode(alert)) for alert in raised(found, found.tests[0])]


def funnel(chain: str, events: str) -> Funnel:
    found = case_of(chain, events)
    engine = Engine([found])
    came = list(engine.run(tell(found, found.tests[0]).events))
    [one] = funnels(engine, {(found.id, "main"): len(came)})
    return one


def seconds(stamp: str) -> int:
    """A time stamp as seconds since the test began."""
    # a test is a few days around its beginning, so that days and times of day are enough
    day, hour, minute, second = int(stamp[8:10]), int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])
    begin = BEGIN // 1_000_000
    month = -31 if stamp[5:7] == "12" else 0
    assert begin % 86_400 == 0
    return (month + day - 1) * 86_400 + hour * 3600 + minute * 60 + second


def absent(alert: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """From when to when each absence of an alert held."""
    found = ((s["kind"], s.get("absent")) for s in alert["steps"] if s["kind"].startswith("!"))
    return {kind: (seconds(a["from"]), seconds(a["to"])) for kind, a in found if a is not None}


OPEN = "0s spawn Safari pid=10 ppid=1\n"


@pytest.mark.parametrize(
    ("chain", "events", "expected"),
    [
        # between: from the last event before to the first event after
        ("spawn -> !write -> egress within 1m", "5s egress 192.0.2.1:1 pid=10", {"!write": (0, 5)}),
        (
            "spawn -> !write ~> !read -> egress within 1m",
            "5s egress 192.0.2.1:1 pid=10",
            {"!write": (0, 5), "!read": (0, 5)},
        ),
        (
            "spawn -> (delete & read) -> !write -> egress within 1m",
            "2s read /a pid=10\n3s delete /a pid=10\n5s egress 192.0.2.1:1 pid=10",
            {"!write": (3, 5)},
        ),
        (
            "spawn -> !write -> (delete & read) within 1m",
            "2s read /a pid=10\n3s delete /a pid=10",
            {"!write": (0, 2)},
        ),
        (
            "spawn -> !write -> read{3} within 1m",
            "2s read /a pid=10\n3s read /a pid=10\n4s read /a pid=10",
            {"!write": (0, 2)},
        ),
        (
            "spawn -> read? -> !write -> egress within 1m",
            "2s read /a pid=10\n5s egress 192.0.2.1:1 pid=10",
            {"!write": (2, 5)},
        ),
        # after: to the limit of its hop, at most to the end of the window
        ("spawn ->[9s] !write within 1m", "2m event pid=10", {"!write": (0, 9)}),
        ("spawn -> !write within 1m", "2m event pid=10", {"!write": (0, 60)}),
        ("spawn -> read ->[50s] !write within 1m", "20s read /a pid=10\n2m event pid=10", {"!write": (20, 60)}),
        # before: a look back from the first event
        ("!write -> spawn within 1m", "", {"!write": (-60, 0)}),
        ("!write ->[5m] spawn -> read within 1m", "9s read /a pid=10", {"!write": (-300, 0)}),
        ("!write ->[5m] !read ~> spawn within 1m", "", {"!write": (-300, 0), "!read": (-60, 0)}),
        (
            "spawn -> read without prior write in 1d within 1m",
            "9s read /a pid=10",
            {"!write": (9 - 86_400, 9)},
        ),
    ],
)
def test_an_absence_says_how_long_nothing_was_seen(
    chain: str, events: str, expected: dict[str, tuple[int, int]]
) -> None:
    [alert] = alerts(chain, OPEN + events)
    assert absent(alert) == expected
    assert all(not step["matched"] for step in alert["steps"] if step["kind"].startswith("!"))


def test_a_trailing_absence_is_complete_at_its_deadline() -> None:
    [alert] = alerts("spawn -> read ->[30s] !write within 5m", OPEN + "9s read /a pid=10\n10m event pid=10")
    assert (seconds(alert["first_time"]), seconds(alert["last_time"])) == (0, 39)


def test_an_absence_of_a_branch_that_was_not_taken_was_not_asked_about() -> None:
    chain = "spawn -> (read without prior write in 1h | delete) within 1m"
    [alert] = alerts(chain, OPEN + "2s delete /a pid=10")
    assert absent(alert) == {}
    assert [step["kind"] for step in alert["steps"]] == ["spawn", "read", "!write", "delete"]


def test_what_is_not_proven_has_no_interval() -> None:
    """A look back beyond the first record of its source."""
    found = case_of("!write -> spawn -> egress within 1h", OPEN + "5s egress 192.0.2.1:1 pid=10")
    events = tell(found, found.tests[0]).events
    for event in events:
        event.format = "sysmon"
    engine = Engine([found], sees={"sysmon": frozenset({"spawn", "write", "egress"})}, allow_unproven=True)
    [alert] = engine.run(events)
    assert alert.flags == ["unproven"]
    assert alert.steps[0] == StepReport(step=1, name="!write", kind="!write")


def test_until_is_no_step_of_an_alert() -> None:
    [alert] = alerts("spawn -> egress within 1m until exit", OPEN + "5s egress 192.0.2.1:1 pid=10")
    assert [step["kind"] for step in alert["steps"]] == ["spawn", "egress"]


@pytest.mark.parametrize(
    ("chain", "matched", "possible"),
    [
        ("spawn -> !write -> egress within 1m until exit", 2, 2),
        ("spawn -> egress without prior write in 1h within 1m", 2, 2),
        ("spawn -> read? -> egress within 1m", 2, 3),
        ("spawn -> (read | delete)? -> egress within 1m", 2, 3),
        ("spawn -> (read without prior write in 1h)? -> egress within 1m", 2, 3),
        ("spawn -> (read | egress) within 1m", 2, 2),
        ("spawn -> egress -> read? within 1m", 2, 3),
    ],
)
def test_completeness_counts_what_can_be_seen(chain: str, matched: int, possible: int) -> None:
    [alert] = alerts(chain, OPEN + "5s egress 192.0.2.1:1 pid=10")
    assert alert["completeness"] == {"matched": matched, "possible": possible}


def test_a_counted_step_says_of_whom_it_was_counted() -> None:
    events = "\n".join(f"{i}s signin user{i} source.ip=192.0.2.7" for i in range(5))
    [alert] = alerts("signin{>= 5 in 1m by source.ip} as knock", events)
    [step] = alert["steps"]
    assert step["counted"] is True
    assert step["by"] == {"source.ip": "192.0.2.7"}
    assert (step["count"], len(step["evidence"])) == (5, 5)
    assert alert["entities"] == {"knock": {"user.name": "user4"}}


def test_a_plain_step_says_nothing_of_counts() -> None:
    [alert] = alerts("spawn", OPEN)
    assert {"counted", "by", "absent"}.isdisjoint(alert["steps"][0])


@pytest.mark.parametrize(
    ("chain", "events", "capture", "entity"),
    [
        (
            "start as x",
            "0s start alpine container.id=0123456789ab container.name=web user=ann",
            "x",
            {"container.id": "0123456789ab", "container.name": "web", "container.image.name": "alpine"},
        ),
        (
            "launch as x per cloud.account.id",
            "0s launch ami-1 cloud.instance.id=i-1 cloud.account.id=7 user=ann",
            "x",
            {"cloud.instance.id": "i-1", "cloud.image.id": "ami-1", "cloud.account.id": "7"},
        ),
        ("signin as x", "0s signin ann session=s1", "x", {"session.id": "s1", "user.name": "ann"}),
        ("signin as x", "0s signin ann", "x", {"user.name": "ann"}),
        ("call as x", "0s call GetFile user=ann", "x", {"user.name": "ann"}),
        ("write as x", "0s write /tmp/a pid=4", "x", {"file.path": "/tmp/a"}),
    ],
)
def test_an_entity_is_named_by_its_own_fields(chain: str, events: str, capture: str, entity: dict[str, str]) -> None:
    [alert] = alerts(chain, events)
    assert alert["entities"] == {capture: entity}
    assert alert["steps"][0]["entity"] == entity


def test_without_a_process_there_is_no_lineage() -> None:
    [alert] = alerts("signin as s -> call within 1m", "0s signin ann session=s1\n2s call GetFile user=ann session=s1")
    assert alert["lineage"] == []


def test_a_repeated_step_is_about_who_repeats_it() -> None:
    """It introduces nothing: its capture is who acts."""
    events = "1s spawn zsh pid=11 ppid=10\n2s spawn zsh pid=12 ppid=10"
    [alert] = alerts("spawn as app -> (spawn){2} as shells within 1m", OPEN + events)
    assert alert["entities"]["shells"]["process.pid"] == 10
    assert alert["entities"]["app"]["process.pid"] == 10


def test_a_capture_of_alternatives_is_whichever_matched() -> None:
    [alert] = alerts("spawn -> (write as w | read as r) as x within 1m", OPEN + "2s read /a pid=10")
    assert set(alert["entities"]) == {"r", "x"}
    assert alert["entities"]["x"] == {"file.path": "/a"}


def test_the_scope_is_named_by_its_fields() -> None:
    [alert] = alerts("signin per user", "0s signin ann")
    assert list(alert["scope"]) == ["user.name"]


# -- exceptions ----------------------------------------

EXCEPT = 'spawn as app -> egress within 1m\nexcept "lab" when app.process.name == "Safari" owner "it" until 2027-01-31'


def suppressed(chain: str, events: str) -> list[dict[str, Any]]:
    found = case_of(chain, events)
    engine = Engine([found], suppressed=True)
    return [msgspec.json.decode(encode(alert)) for alert in engine.run(tell(found, found.tests[0]).events)]


def test_a_suppressed_alert_names_the_exception() -> None:
    [alert] = suppressed(EXCEPT, OPEN + "5s egress 192.0.2.1:1 pid=10")
    assert alert["suppressed"] == {"reason": "lab", "owner": "it", "until": "2027-01-31"}
    keys = list(alert)
    assert keys.index("flags") + 1 == keys.index("suppressed")


def test_an_alert_that_is_raised_says_nothing_of_exceptions() -> None:
    [alert] = alerts("spawn -> egress within 1m", OPEN + "5s egress 192.0.2.1:1 pid=10")
    assert "suppressed" not in alert
    assert alert["revision"] == 0


# -- the funnel ----------------------------------------


def test_matches_that_wait_for_a_deadline_are_open_at_the_end() -> None:
    found = funnel("spawn ->[5m] !write within 1h", OPEN + "9s egress 192.0.2.1:1 pid=10")
    assert (found.alerts, found.waiting, found.stuck) == (0, 1, ())


def test_an_absence_counts_nothing_and_is_told_by_its_role() -> None:
    found = funnel("spawn -> !write -> egress within 1m until exit", OPEN + "5s egress 192.0.2.1:1 pid=10")
    assert [(s.role, s.alone, s.followed) for s in found.steps] == [
        (Role.REQUIRED, 1, 1),
        (Role.ABSENT, 0, 0),
        (Role.REQUIRED, 1, 1),
        (Role.UNTIL, 0, 0),
    ]


@pytest.mark.parametrize(
    ("chain", "stuck"),
    [
        ("spawn -> read -> egress within 1m", (2,)),
        ("spawn -> (read | egress) -> write within 1m", (4,)),
        ("spawn -> (read | delete) -> egress within 1m", (2, 3)),
        ("spawn -> (egress & read) within 1m", (3,)),
        ("spawn -> read? -> egress within 1m", ()),
        ("spawn -> egress{2} -> write within 1m", (2,)),
        ("spawn -> egress{>= 2 in 1m} -> write within 1m", (2,)),
        ("spawn -> !read -> write within 1m", (3,)),
    ],
)
def test_the_funnel_knows_where_the_chain_stood_still(chain: str, stuck: tuple[int, ...]) -> None:
    assert funnel(chain, OPEN + "5s egress 192.0.2.1:1 pid=10").stuck == stuck


def test_the_funnel_tells_suppressed_matches_from_events_kept_from_a_step() -> None:
    events = OPEN + "5s egress 192.0.2.1:1 pid=10"
    assert funnel(EXCEPT, events).exceptions == (Excepted("lab", "it", 1, 0),)
    kept = funnel(EXCEPT.replace('"lab" when app.', '"lab" on app when '), events)
    assert kept.exceptions == (Excepted("lab", "it", 0, 1),)
    assert kept.excepted == (("lab", 1),)
    assert funnel("spawn -> egress within 1m", events).exceptions == ()


# -- all forms ----------------------------------------


def test_every_absence_of_every_alert_has_its_interval_or_was_not_asked_about() -> None:
    """Over random worlds: the interval ends no earlier than it begins, and lies in the reach of the alert."""
    seen = 0
    for seed in range(150):
        _, found, events = world(Random(seed))
        for alert in Engine([found]).run(events):
            times = {s.step: s.witness.time for s in alert.steps if not isinstance(s.witness, msgspec.UnsetType)}
            assert times, "an alert has events"
            for step in alert.steps:
                if isinstance(step.absent, msgspec.UnsetType):
                    continue
                seen += 1
                assert step.kind.startswith("!")
                assert step.absent.since <= step.absent.until <= alert.last_time
                # its ends are events of the alert, or its deadline; of several with limits each has its own
                ends = {*times.values(), alert.first_time, alert.last_time}
                assert step.absent.until in ends or set("{[") & set(found.chains[0].text)
    assert seen > 20
