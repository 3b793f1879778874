"""What is shown of telemetry: escaped, in words, short."""

import json
from typing import Any

import msgspec
import pytest
from chainrun.engine.event import Origin
from chainrun.engine.intake.source import InputError
from chainrun.engine.intake.tally import Tally
from chainrun.engine.report.alert import Absent, Alert, Place, Reference, StepReport, Suppressed, Witness
from chainrun.engine.report.duration import in_words, short
from chainrun.engine.report.escape import escape, escape_json, excerpt
from chainrun.engine.report.funnel import Excepted, Funnel, StepCount
from chainrun.engine.report.jsonl import to_line
from chainrun.engine.report.paint import Paint
from chainrun.engine.report.phrase import TEMPLATES, phrase
from chainrun.engine.report.roles import Role
from chainrun.engine.report.summary import to_summary
from chainrun.engine.report.text import FLAGS, to_block
from hypothesis import given
from hypothesis import strategies as st

# Everything that a terminal, or an eye, could be deceived with.
HOSTILE = {
    "\x00": "\\x00",
    "\x07": "\\x07",
    "\x1b[2J": "\\x1b[2J",
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x7f": "\\x7f",
    "\x9b31m": "\\x9b31m",
    "\x90": "\\x90",
    "a\rb": "a\\rb",
    "a\nb": "a\\nb",
    "a\tb": "a\\tb",
    "\x85": "\\x85",
    "\u2028\u2029": "\\u2028\\u2029",
    "\u202egpj.exe": "\\u202egpj.exe",
    "\u2066\u2069": "\\u2066\\u2069",
    "\u200b\u200d\ufeff": "\\u200b\\u200d\\ufeff",
    "\xa0": "\\xa0",
    "\xad": "\\xad",
    "\u3164": "\\u3164",
    "\ud800": "\\ud800",
    "\U000e0041": "\\U000e0041",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_would_obey_is_shown_as_its_code(text: str) -> None:
    assert escape(text) == HOSTILE[text]


@pytest.mark.parametrize("text", ["C:\\Users\\x", "Ünïcode 文件 🙂", "", "a b"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


@given(st.text())
def test_whatever_comes_is_one_line_of_visible_characters(text: str) -> None:
    assert escape(text).isprintable()


@given(st.text(), st.integers(min_value=4, max_value=40))
def test_an_excerpt_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(excerpt(text, limit)) <= limit
    assert excerpt(text, limit).isprintable()


def test_an_excerpt_keeps_both_ends() -> None:
    assert excerpt("curl " + "x" * 1_000_000 + " | sh", 20) == "curl xxxxxxxx…x | sh"


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_json_says_the_same_after_escaping(text: str) -> None:
    line = json.dumps({"a": text}, ensure_ascii=False)
    assert escape_json(line).isprintable()
    assert json.loads(escape_json(line)) == {"a": text}


def witness(line: int, time: str, **fields: Any) -> Witness:
    dotted = {name.replace("__", "."): value for name, value in fields.items()}
    return Witness("ev.jsonl", line, line * 100, time, dotted)


def alert(**changes: Any) -> Alert:
    steps = [
        StepReport(
            step=1,
            name="app",
            kind="open",
            matched=True,
            count=1,
            witness=witness(1, "2026-03-01T10:00:00.000000Z", process__name="Safari", process__pid=410),
        ),
        StepReport(
            step=2,
            name="write",
            kind="write",
            matched=True,
            count=12,
            witness=witness(
                4,
                "2026-03-01T10:00:04.200000Z",
                process__name="Safari",
                process__pid=410,
                file__path="/Users/x/Downloads/a\x1b[31m.sh",
            ),
        ),
        StepReport(step=3, name="mount", kind="mount"),
        StepReport(
            step=4,
            name="spawn",
            kind="spawn",
            matched=True,
            count_at_least=500,
            witness=witness(
                9,
                "2026-03-01T10:00:09.120000Z",
                process__name="zsh",
                process__pid=455,
                process__command_line="zsh -c 'curl …'",
                process__parent__name="Safari",
                process__parent__pid=410,
            ),
        ),
    ]
    values: dict[str, Any] = {
        "schema": 1,
        "alert_id": "abc123",
        "revision": 0,
        "analytic": "AN1316",
        "chain": "main",
        "title": "Open, drop, script child",
        "severity": "high",
        "attack": ["T1204.002"],
        "strategy": "DET0478",
        "scope": {"host.name": "mac-17"},
        "first_time": "2026-03-01T10:00:00.000000Z",
        "last_time": "2026-03-01T10:00:09.120000Z",
        "steps": steps,
        "entities": {},
        "lineage": [{"pid": 1, "name": "launchd"}, {"pid": 410, "name": "Safari"}, {"pid": 455, "name": "zsh"}],
        "completeness": {"matched": 3, "possible": 4},
        "flags": ["unlinked"],
        "parameters": {"fingerprint": "ff", "changed": {"TimeWindow": "10m"}},
        "version": "0",
    }
    return Alert(**{**values, **changes})


def test_an_alert_reads_like_a_report() -> None:
    """The whole block, as an analyst sees it."""
    assert to_block(alert()) == (
        "HIGH  Open, drop, script child\n"
        "  AN1316/main  T1204.002  DET0478\n"
        "  on mac-17, from 2026-03-01 10:00:00.000 UTC, over 9.12s\n"
        "\n"
        "  1  open as app     +0s  Safari (410) was open\n"
        "                          10:00:00.000  ev.jsonl:1\n"
        "  2  write         +4.2s  Safari (410) wrote /Users/x/Downloads/a\\x1b[31m.sh (and 11 more)\n"
        "                          10:00:04.200  ev.jsonl:4\n"
        "  3  mount                not seen, and not needed\n"
        "  4  spawn        +9.12s  Safari (410) started zsh (455) (and at least 499 more)\n"
        "                          $ zsh -c 'curl …'\n"
        "                          10:00:09.120  ev.jsonl:9\n"
        "\n"
        "  lineage   launchd -> Safari -> zsh\n"
        f"  flag      unlinked: {FLAGS['unlinked']}\n"
        "  complete  3 of 4 steps\n"
        "  set       TimeWindow = 10m\n"
        "  id        abc123\n"
    )


def block_of(step: StepReport, **changes: Any) -> str:
    """The lines of one step."""
    return to_block(alert(steps=[step], **changes)).split("\n\n")[1]


SINCE, UNTIL = "2026-03-01T10:00:05.000000Z", "2026-03-01T10:05:05.000000Z"
EVENING = "2026-02-28T22:00:00.000000Z"


@pytest.mark.parametrize(
    ("absent", "flags", "said"),
    [
        (Absent(SINCE, UNTIL), [], "no write seen, 10:00:05.000 – 10:05:05.000"),
        (Absent(EVENING, SINCE), [], "no write seen, 2026-02-28 22:00:00.000 – 10:00:05.000"),
        (msgspec.UNSET, ["unproven"], "none known of, and not proven"),
        (msgspec.UNSET, [], "not asked about"),
    ],
)
def test_what_did_not_happen_is_told_with_how_long_it_did_not(absent: Any, flags: list[str], said: str) -> None:
    block = block_of(StepReport(step=2, name="!write", kind="!write", absent=absent), flags=flags)
    assert block == f"  2  !write    {said}"


def test_a_counted_step_is_told_with_how_many_how_long_and_of_whom() -> None:
    known = {"user.name": "ann", "source.ip": "192.0.2.7"}
    step = StepReport(
        step=1,
        name="knock",
        kind="signin",
        matched=True,
        count=23,
        counted=True,
        by={"source.ip": "192.0.2.7\x1b[2J"},
        witness=Witness("ev.jsonl", 40, 0, UNTIL, known),
        evidence=[Reference("ev.jsonl", 4, 0, SINCE), Reference("ev.jsonl", 40, 0, UNTIL)],
    )
    said = "ann signed in from 192.0.2.7 (23 events in 5m, by source.ip 192.0.2.7\\x1b[2J)"
    assert said in block_of(step)
    cut = msgspec.structs.replace(step, count=msgspec.UNSET, count_at_least=10_000, by={})
    assert "(at least 10,000 events in 5m)" in block_of(cut)


def test_events_of_another_alternative_than_the_one_shown_are_counted() -> None:
    block = block_of(StepReport(step=2, name="read", kind="read", matched=True, count=3))
    assert block == "  2  read    3 events, of other matches than the one shown"


def test_a_suppressed_alert_says_by_whom_and_for_how_long() -> None:
    block = to_block(alert(suppressed=Suppressed("lab\x1b", "it-team", "2027-01-31")))
    assert block.startswith("HIGH, suppressed  Open, drop")
    assert "\n  suppressed  “lab\\x1b”, says it-team, until 2027-01-31\n" in block
    assert "  suppressed  “lab”\n" in to_block(alert(suppressed=Suppressed("lab", None, None)))


def test_a_second_edition_is_told_from_the_first() -> None:
    assert to_block(alert(revision=1)).endswith("  id        abc123, revision 1\n")


def test_no_text_of_an_alert_reaches_the_terminal_raw() -> None:
    """Every string of an alert may come from telemetry, or from a chain that somebody else wrote."""
    bad = "\x1b[2J\u202e"
    fields = {name: bad for kind in TEMPLATES for name in ("process.name", "file.path", "process.command_line", kind)}
    step = StepReport(
        step=1,
        name=bad,
        kind="spawn",
        matched=True,
        count=1,
        counted=True,
        by={bad: bad},
        witness=Witness(bad, 1, 0, bad, fields, [Place(bad, 2, 3)]),
    )
    absent = StepReport(step=2, name=bad, kind=f"!{bad}", absent=Absent(bad, bad))
    hostile = alert(
        analytic=bad,
        chain=bad,
        title=bad,
        severity=bad,
        attack=[bad],
        strategy=bad,
        scope={bad: bad},
        first_time=bad,
        steps=[step, absent],
        lineage=[{"name": bad}, {"executable": bad}, {"pid": 5, "name": None}],
        flags=[bad],
        suppressed=Suppressed(bad, bad, bad),
        parameters={"changed": {bad: bad}},
    )
    block = to_block(hostile)
    assert all(line.isprintable() for line in block.split("\n"))
    line = to_line(hostile).decode().rstrip("\n")
    assert line.isprintable()
    assert json.loads(line)["title"] == bad


def test_an_ancestor_cannot_be_forged_by_a_name() -> None:
    block = to_block(alert(lineage=[{"name": "evil -> explorer.exe"}, {"name": "cmd.exe"}]))
    assert '"evil -> explorer.exe" -> cmd.exe' in block


def test_colour_is_only_added_around_the_text() -> None:
    painted = to_block(alert(), Paint(True))
    assert "\x1b[1;31mHIGH\x1b[0m" in painted
    assert "\x1b[31m.sh" not in painted  # the telemetry's own


def test_the_record_as_it_came_may_hold_bytes_that_are_no_text() -> None:
    raw = msgspec.Raw(b'{"a": "\xff"}')
    step = StepReport(
        step=1, name="x", kind="write", matched=True, count=1, witness=Witness("f", 1, 0, "t", {}, raw=raw)
    )
    assert json.loads(to_line(alert(steps=[step])))["steps"][0]["witness"]["raw"] == {"a": "\ufffd"}


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("write", {"process.name": "a", "file.path": "/b"}, "a wrote /b"),
        ("write", {"file.path": "/b"}, "/b was written"),
        ("write", {}, "something happened"),
        ("spawn", {"process.executable": "C:\\x\\y.exe", "process.pid": 4}, "y.exe (4) was started"),
        (
            "egress",
            {"process.pid": 7, "destination.ip": "::1", "destination.port": 443},
            "process 7 connected to [::1]:443",
        ),
        (
            "egress",
            {"process.name": "a", "destination.domain": "x.org", "destination.ip": "1.2.3.4", "destination.port": 80},
            "a connected to x.org (1.2.3.4:80)",
        ),
        ("egress", {"process.name": "a", "dns.question.name": "x.org"}, "a asked for the name x.org"),
        (
            "call",
            {"user.name": "u", "event.action": "RunInstances", "event.outcome": "success"},
            "u called RunInstances: success",
        ),
        ("signin", {"user.name": "u", "user.domain": "D", "source.ip": "1.2.3.4"}, "D\\u signed in from 1.2.3.4"),
        (
            "registry",
            {"process.name": "a", "registry.path": "HKLM\\x", "registry.data.strings": ["1", "2"]},
            "a set HKLM\\x to 1, 2",
        ),
        ("exit", {"process.name": "a", "process.exit_code": 0}, "a ended with 0"),
        (
            "start",
            {"container.id": "0123456789abcdef", "container.image.name": "alpine"},
            "container 0123456789ab of alpine was started",
        ),
        ("dropper", {"process.name": "a", "file.path": "/b"}, "a: /b"),  # a kind that a file declares
    ],
)
def test_an_event_is_told_in_words(kind: str, fields: dict[str, Any], said: str) -> None:
    assert phrase(kind, fields) == said


@given(st.dictionaries(st.sampled_from(sorted(TEMPLATES)), st.text()), st.sampled_from(sorted(TEMPLATES)))
def test_a_phrase_never_fails(fields: dict[str, str], kind: str) -> None:
    values = {"process.name": "".join(fields.values()), "file.path": "{process}", "destination.ip": "{0}"}
    assert phrase(kind, values).isprintable()


def test_an_app_that_was_open_already_is_named_and_not_its_child() -> None:
    """The record that shows it open may be the start of another process."""
    step = StepReport(
        step=1,
        name="app",
        kind="open",
        matched=True,
        count=1,
        entity={"process.pid": 410, "process.name": "Safari"},
        witness=witness(1, "2026-03-01T10:00:00.000000Z", process__name="zsh", process__pid=455),
    )
    block = to_block(alert(steps=[step]))
    assert "Safari (410) was open" in block


@pytest.mark.parametrize(
    ("micros", "said", "words"),
    [
        (0, "0s", "0 seconds"),
        (1_000_000, "1s", "1 second"),
        (9_120_000, "9.12s", "9.12 seconds"),
        (900_000_000, "15m", "15 minutes"),
        (5_400_000_000, "1h30m", "1 hour 30 minutes"),
        (86_405_000_000, "1d", "1 day 5 seconds"),
        (155_000, "155ms", "0.155 seconds"),
        (12, "12us", "0.000012 seconds"),
        (59_999_000, "59.99s", "59.999 seconds"),
        (-5_000_000, "-5s", None),
    ],
)
def test_durations(micros: int, said: str, words: str | None) -> None:
    assert short(micros) == said
    if words is not None:
        assert in_words(micros) == words


def tally() -> Tally:
    told = Tally()
    told.inputs, told.bytes, told.lines, told.recorded, told.blank, told.silent = 2, 4_300_000, 1200, 1150, 40, 150
    told.passed, told.further, told.again = 1000, 5, 2
    told.by_format.update({"sysmon": 900, "zeek": 100})
    told.by_kind.update({"spawn": 10, "event": 1000, "write": 90})
    told.duplicates, told.merged, told.late = 3, 4, 1
    for line in range(7, 17):
        told.count_bad("not JSON", Origin("a\x1b.jsonl", line, 0))
    told.unmeasured.update({"win-1": 5, "win-2": 6})
    told.errors.append(InputError("b.gz", "is damaged"))
    return told


FUNNEL = Funnel(
    analytic="AN1",
    chain="main",
    exceptions=(Excepted("managed", "it-team", 2), Excepted("lab", None, 0, 5), Excepted("both", None, 1, 1)),
    groups={"completed": 2, "expired": 4, "killed": 0, "open": 3},
    waiting=1,
    steps=(
        StepCount(1, "open", Role.REQUIRED, 50, 50),
        StepCount(2, "write(Paths)", Role.ABSENT),
        StepCount(3, "mount", Role.OPTIONAL, 7, 2),
        StepCount(4, "egress", Role.REQUIRED, 1234, 0),
        StepCount(5, "signin", Role.PRIOR),
        StepCount(6, "exit", Role.UNTIL),
    ),
    stuck=(4,),
)


def test_the_summary_leaves_nothing_out_that_was_left_out() -> None:
    assert to_summary(tally(), [FUNNEL]) == (
        "read     1,200 lines of 2 inputs (4.1 MB)\n"
        "lines    5 more records in them; 997 used, 1 late, 150 filtered, 3 duplicate, 4 merged, 40 blank, 10 bad\n"
        "events   1,000\n"
        "formats  sysmon 900, zeek 100\n"
        "kinds    write 90, spawn 10\n"
        "late     1 event came out of order beyond the lateness (--lateness)\n"
        "bad      10 lines: not JSON, the first at a\\x1b.jsonl:7\n"
        "clock    the clock of win-1, win-2 could not be measured: 11 events may be in local time\n"
        "input    b.gz is damaged\n"
        "groups   9 of partial matches: 2 completed, 4 expired, 3 open\n"
        "\n"
        "AN1/main  0 alerts, 1 open at the end, before its deadline passed, 2 excepted as “managed” (it-team), "
        "5 events of a step excepted as “lab”, 1 and 1 event of a step excepted as “both”\n"
        "  1 open                 50 matched, 50 in place\n"
        "  2 no write(Paths)\n"
        "  3 mount (optional)      7 matched,  2 in place\n"
        "  4 egress            1,234 matched,  0 in place\n"
        "  5 no prior signin\n"
        "  6 until exit\n"
    )


def painted(funnel: Funnel) -> list[int]:
    """The numbers of the steps that the summary points at."""
    rows = to_summary(Tally(), [funnel], Paint(True)).splitlines()
    return [int(row.split()[1]) for row in rows if row.startswith("\x1b[33m  ")]


def test_the_summary_points_at_where_the_chain_stood_still() -> None:
    """And at the absences that may be why; not at what comes after, which is only the consequence."""
    steps = (
        StepCount(1, "open", Role.REQUIRED, 5, 5),
        StepCount(2, "write", Role.ABSENT),
        StepCount(3, "read", Role.ABSENT),
        StepCount(4, "spawn", Role.REQUIRED, 5, 0),
        StepCount(5, "signin", Role.PRIOR),
        StepCount(6, "delete", Role.ABSENT),
        StepCount(7, "egress", Role.REQUIRED, 5, 0),
    )
    stood = Funnel(analytic="a", chain="main", steps=steps, stuck=(4,))
    assert painted(stood) == [2, 3, 4, 5]
    assert painted(msgspec.structs.replace(stood, alerts=1)) == []
    passed = msgspec.structs.replace(stood, stuck=())
    assert painted(passed) == [2, 3, 5, 6]
    assert painted(msgspec.structs.replace(passed, waiting=1)) == []


def test_many_chains_take_a_line_each() -> None:
    text = to_summary(Tally(), [FUNNEL] * 20)
    assert text.count("; it came to step 2 of 3, mount\n") == 20
    assert len(text.splitlines()) < 30


def test_an_empty_run_has_a_summary_too() -> None:
    assert to_summary(Tally(), []) == "read    0 lines of 0 inputs (0 bytes)\nevents  0\n"
