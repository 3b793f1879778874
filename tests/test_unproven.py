"""Whether silence proves anything: what a source showed, where, since when; `unproven` and `--allow-unproven`."""

from typing import Any

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin
from chainrun.engine.report.alert import Alert
from chainrun.engine.study.again import fresh

from .test_updates import told

SECOND = 1_000_000
BEGIN = 1_767_225_600 * SECOND
HOUR = 3600
# One source shows all that processes do, another only connections, a third only sign-ins.
SEES = {
    "full": frozenset({"spawn", "exec", "open", "write", "read", "egress", "connect", "exit", "event"}),
    "flows": frozenset({"egress", "connect", "event"}),
    "directory": frozenset({"signin", "event"}),
}


def event(at: float, kinds: str, pid: int = 1, *, host: str = "h", format: str = "full", **fields: Any) -> Event:
    named = {"process.pid": pid, **{name.replace("__", "."): value for name, value in fields.items()}}
    if "spawn" in kinds:
        named["process.parent.pid"] = 1
    made = Event(BEGIN + int(at * SECOND), frozenset(kinds.split()), named, host=host, origin=Origin("in", 1, 0))
    made.format = format
    return made


def run(chain: str, *events: Event, **options: Any) -> list[Alert]:
    stream = fresh(sorted(events, key=lambda e: e.time))
    return list(Engine([told(chain, "")], sees=SEES, **options).run(stream))


def flags(chain: str, *events: Event, **options: Any) -> list[list[str]]:
    return [alert.flags for alert in run(chain, *events, **options)]


# -- between and after ----------------------------------------

BETWEEN = "read -> !write -> egress within 1h"
AFTER = "read ->[5m] !write within 1h"


def end(chain: str) -> list[Event]:
    """What brings the alert out: the last step, or what passes the deadline, elsewhere."""
    return [event(600, "connect egress")] if chain == BETWEEN else [event(600, "read", host="other")]


@pytest.mark.parametrize("chain", [BETWEEN, AFTER])
@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ([], ["unproven"]),  # nothing at all from that host
        ([event(60, "exit", 9)], []),  # the source spoke, of something else
        ([event(60, "exit", 9, host="other")], ["unproven"]),  # of another host
        ([event(60, "connect egress", 9, format="flows")], ["unproven"]),  # one that never shows a write
        ([event(60, "event", 9)], []),  # a record of no kind is a sign of life too
    ],
)
def test_silence_is_proof_where_the_source_spoke_meanwhile(
    chain: str, between: list[Event], expected: list[str]
) -> None:
    if chain == BETWEEN and any("egress" in e.kinds for e in between):
        between = [event(60, "event", 9, format="flows")]
    assert flags(chain, event(0, "read"), *between, *end(chain)) == [expected]


@pytest.mark.parametrize("chain", [BETWEEN, AFTER])
def test_what_came_before_is_no_sign_of_life(chain: str) -> None:
    assert flags(chain, event(-60, "exit", 9), event(0, "read"), *end(chain)) == [["unproven"]]


@pytest.mark.parametrize("chain", ["read -> !event -> egress within 1h", "read ~>[5m] !event within 1h"])
def test_of_nothing_at_all_silence_is_the_proof(chain: str) -> None:
    last = [event(600, "read", host="other")] if "5m" in chain else [event(600, "connect egress")]
    assert flags(chain, event(0, "read"), *last) == [[]]


def test_of_an_absence_of_several_kinds_each_must_be_shown() -> None:
    """A source of flows would show the connection, and not the write."""
    chain = "signin ~> !(write | connect) ~> signin within 1h"
    before, after = (event(at, "signin", format="directory") for at in (0, 600))
    assert flags(chain, before, event(60, "event", 9, format="flows"), after) == [["unproven"]]


def test_what_is_unproven_shows_no_interval() -> None:
    events = event(0, "read"), event(600, "connect egress")
    (alert,) = run(BETWEEN, *events)
    assert not alert.steps[1].absent
    (proven,) = run(BETWEEN, event(0, "read"), event(5, "exit", 9), event(600, "connect egress"))
    assert proven.steps[1].absent


def test_one_proven_match_of_an_alert_is_proof() -> None:
    """The tightest match is the one that the alert shows."""
    (alert,) = run(BETWEEN, event(0, "read"), event(5, "read"), event(9, "exit", 9), event(600, "connect egress"))
    assert alert.flags == []


@pytest.mark.parametrize("chain", [BETWEEN, AFTER])
def test_an_absence_that_is_unproven_is_still_an_alert(chain: str) -> None:
    """`--allow-unproven` is about looking back, and changes nothing here."""
    found = [flags(chain, event(0, "read"), *end(chain), allow_unproven=allowed) for allowed in (False, True)]
    assert found == [[["unproven"]], [["unproven"]]]


# -- looking back ----------------------------------------

LOOK_BACKS = {
    "leading": "!write ->[1h] egress",
    "scope": "!write ~>[1h] egress",
    "prior": "egress as e without prior write in 1h",
    "new": "egress where new(process.pid among egress in 1h)",
}
CONNECTS = event(0, "connect egress")


@pytest.mark.parametrize("chain", LOOK_BACKS.values(), ids=LOOK_BACKS)
@pytest.mark.parametrize(
    ("before", "known"),
    [
        ([], False),  # the source was never seen
        ([event(-HOUR + 1, "exit", 9)], False),  # too late by a second
        ([event(-HOUR, "exit", 9)], True),  # its first record is as old as the look back
        ([event(-5 * HOUR, "exit", 9)], True),
        ([event(-5 * HOUR, "signin", format="directory")], False),  # another source, that cannot show it
    ],
)
def test_a_look_back_needs_a_source_as_old(chain: str, before: list[Event], known: bool) -> None:
    assert flags(chain, *before, CONNECTS) == ([[]] if known else [])
    assert flags(chain, *before, CONNECTS, allow_unproven=True) == [[] if known else ["unproven"]]


@pytest.mark.parametrize(("name", "known"), [("leading", False), ("scope", False), ("prior", False), ("new", True)])
def test_what_looks_back_on_one_host_needs_the_source_there(name: str, known: bool) -> None:
    """`new` asks of all hosts, and any of them will do."""
    before = event(-5 * HOUR, "exit", 9, host="other")
    assert flags(LOOK_BACKS[name], before, CONNECTS) == ([[]] if known else [])


@pytest.mark.parametrize("chain", LOOK_BACKS.values(), ids=LOOK_BACKS)
@pytest.mark.parametrize("allowed", [False, True])
def test_what_is_known_to_have_happened_is_never_allowed(chain: str, allowed: bool) -> None:
    before = [event(-60, "write"), event(-50, "connect egress")]
    last = event(0, "connect egress")
    came = run(chain, *before, last, allow_unproven=allowed)
    assert not [alert for alert in came if alert.last_time.startswith("2026-01-01T00:00:00")]


def test_events_of_no_known_source_are_known_since_ever() -> None:
    """As in tests, and where a program feeds events of its own."""
    for chain in LOOK_BACKS.values():
        assert flags(chain, event(0, "connect egress", format="")) == [[]]


def test_a_doubt_in_the_midst_is_in_the_flags() -> None:
    chain = "read as r -> egress where new(process.pid among egress in 1h) -> exit within 1h"
    events = event(0, "read"), event(1, "connect egress"), event(2, "exit")
    assert flags(chain, *events) == []
    assert flags(chain, *events, allow_unproven=True) == [["unproven"]]
    assert flags(chain, event(-HOUR, "exit", 9), *events, allow_unproven=True) == [[]]


def test_a_doubt_that_the_tightest_match_does_not_rest_on_is_none() -> None:
    """The second connection can be looked back from, over the first one's own record."""
    chain = "read -> connect without prior write in 5s -> exit within 1h"
    events = event(0, "read"), event(1, "connect egress"), event(9, "connect egress"), event(20, "exit")
    assert flags(chain, *events, allow_unproven=True) == [[]]
