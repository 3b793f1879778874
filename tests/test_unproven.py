"""Whether silence proves anything: what a source showed, where, since when; `unproven` and `--allow-unproven`."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin
from chainrun.engine.report.alert import Alert
from chainrun.engine.run import Run
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


DOUBTS, SURE = "egress where new(process.pid among egress in 30d)", "signin ~> egress within 1h"


@pytest.mark.parametrize("chains", [(DOUBTS, SURE), (SURE, DOUBTS)])
def test_what_another_chain_doubts_is_its_own_affair(chains: tuple[str, str]) -> None:
    """Both complete at one event, and one of them only as far as is known."""
    text = "\n".join(f"chain {'doubts' if chain is DOUBTS else 'sure'}: {chain}" for chain in chains)
    found = run(text, event(0, "signin"), event(9, "connect egress"), allow_unproven=True)
    assert {alert.chain: alert.flags for alert in found} == {"doubts": ["unproven"], "sure": []}


# -- where it would have been shown ----------------------------------------

ANN = {"user__name": "ann"}
SIGNS_IN = "read ~> !signin ~> egress within 1h"
LEADS = "!signin ~>[1h] egress"
BY_PROCESS = "read -> !write -> egress within 1h"
# Whoever signs in is known on another host than what the chain is about.
ELSEWHERE = {"host": "dc", "format": "directory"}


@pytest.mark.parametrize(
    ("scope", "anywhere"),
    [
        ("host", False),
        ("host.name", False),
        ("host, user.name", False),
        ("user.name", True),
        ("user", True),
        ("all", True),
    ],
)
def test_beyond_one_host_any_source_would_have_shown_it(scope: str, anywhere: bool) -> None:
    ann = {**ANN, "host__name": "h"}
    read, egress = event(0, "read", **ann), event(600, "connect egress", **ann)
    sign = event(60, "event", **ELSEWHERE)
    expected: list[str] = [] if anywhere else ["unproven"]
    assert flags(f"{SIGNS_IN} per {scope}", read, sign, egress) == [expected]
    assert flags(f"{SIGNS_IN} per {scope}", sign_before(sign), read, egress) == [["unproven"]]
    assert flags(f"{LEADS} per {scope}", sign_before(sign), egress) == ([[]] if anywhere else [])
    assert flags(f"{LEADS} per {scope}", sign, egress) == []
    after = f"read ~>[5m] !signin within 1h per {scope}"
    assert flags(after, read, sign, event(601, "exit", 9, host="other", **ANN)) == [expected]


def sign_before(sign: Event) -> Event:
    """The same sign of life, hours before the story."""
    return event(-5 * HOUR, "event", host=sign.host, format=sign.format)


@pytest.mark.parametrize("scope", ["host", "user.name", "all"])
@pytest.mark.parametrize(("host", "expected"), [("h", []), ("other", ["unproven"])])
def test_what_a_process_did_its_own_host_shows(scope: str, host: str, expected: list[str]) -> None:
    """Whatever the scope: no link of a process crosses hosts."""
    read, egress = event(0, "read", **ANN), event(600, "connect egress", **ANN)
    assert flags(f"{BY_PROCESS} per {scope}", read, event(60, "exit", 9, host=host, **ANN), egress) == [expected]
    after = f"read ->[5m] !write within 1h per {scope}"
    late = event(601, "exit", 9, host="h2", **ANN)
    assert flags(after, read, event(60, "exit", 9, host=host, **ANN), late) == [expected]
    leading = f"!write ->[1h] egress per {scope}"
    first = event(-5 * HOUR, "exit", 9, host=host, **ANN)
    assert flags(leading, first, egress) == ([] if expected else [[]])


@pytest.mark.parametrize(("host", "expected"), [("h", []), ("dc", ["unproven"])])
def test_of_a_process_it_is_its_host_that_counts_and_not_the_last_event_s(host: str, expected: list[str]) -> None:
    chain = "spawn as child ~> !write by child ~> signin within 1h per user.name"
    spawn, signin = event(0, "spawn exec", 7, **ANN), event(600, "signin", **ELSEWHERE, **ANN)
    assert flags(chain, spawn, event(60, "event", 9, host=host), signin) == [expected]


def test_what_a_file_went_through_its_own_host_shows() -> None:
    chain = "write as drop ~> !exec(drop) ~> signin within 1h per user.name"
    write, signin = event(0, "write", file__path="/x", **ANN), event(600, "signin", **ELSEWHERE, **ANN)
    for host, expected in (("h", []), ("dc", ["unproven"])):
        assert flags(chain, write, event(60, "event", 9, host=host), signin) == [expected]


def test_a_doubt_that_another_reason_makes_needless_is_none() -> None:
    """It is taken for what is known, whatever else is not."""
    known, doubted = 'process.name == "x"', "new(process.pid among egress in 1h)"
    for condition in (f"{known} or {doubted}", f"{doubted} or {known}"):
        chain = f"egress where {condition}"
        for name, expected in (("x", [[]]), ("y", [["unproven"]])):
            one = event(0, "connect egress", process__name=name)
            assert flags(chain, one, allow_unproven=True) == expected


def test_a_doubt_of_one_step_is_none_of_another_at_the_same_event() -> None:
    chain = "(egress where new(process.pid among egress in 1h))? -> connect within 1h"
    assert flags(chain, event(0, "connect egress"), allow_unproven=True) == [[]]


# -- what is read of a file ----------------------------------------

# Sysmon's records: registry values that no chain here asks for, and then a start and a connection.
SIGNS = {"00:00:00": 13, "01:00:00": 13, "02:00:00": 1, "02:00:05": 13, "02:00:10": 3, "02:30:00": 13}
ABOUT = {"ProcessId": 7, "Image": "C:\\word.exe", "ParentProcessId": 5, "ParentImage": "C:\\explorer.exe"}
TOUCHED = {"EventType": "SetValue", "TargetObject": "HKU\\a", "DestinationIp": "203.0.113.9", "Initiated": True}


def read(folder: Path, chain: str, codes: set[int]) -> list[list[str]]:
    """The flags of what a file raises that has only the records of these codes."""
    file = folder / "sysmon.jsonl"
    records = [
        {"EventId": code, "UtcTime": f"2026-01-01 {at}.000", **ABOUT, **TOUCHED}
        for at, code in SIGNS.items()
        if code in codes
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return [alert.flags for alert in Run([told(chain, "")], [str(file)])]


@pytest.mark.parametrize(
    ("chain", "alone"),
    [
        ("spawn without prior write in 1h", []),
        ("connect where new(process.pid among connect in 1h)", []),
        ("!write ~> spawn within 1h", []),
        ("spawn -> !write -> connect within 1h", [["unproven"]]),
        ("spawn ->[20m] !write within 1h", []),
    ],
)
def test_records_that_no_step_asks_for_are_read_as_signs_of_life(
    chain: str, alone: list[list[str]], tmp_path: Path
) -> None:
    assert read(tmp_path, chain, {1, 3}) == alone
    assert read(tmp_path, chain, {1, 3, 13}) == [[]]
