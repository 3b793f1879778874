"""Tests of chains: what a line makes, what is expected, and the ways in which a test is run again."""

import gc
import json
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import msgspec
import pytest
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.loader import load
from chainrun.dsl.model import Analytic
from chainrun.dsl.overrides import command_line
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.source import Source
from chainrun.engine.event import Event
from chainrun.engine.state import put, take
from chainrun.engine.study import again
from chainrun.engine.study.lines import BEGIN
from chainrun.engine.study.noise import mixed
from chainrun.engine.study.trial import Result, raised, tell, trials

SECOND = 1_000_000

CHAIN = """\
chain main: open({ word }) as app -> write as drop -> spawn({ sh }) as child -> egress within 10m
except "updates" when child.process.command_line contains "update"
"""
STORY = """\
  0s open   word          pid=1
  5s write  /tmp/a        pid=1
  6s write  /tmp/b        pid=1
  8s spawn  sh            pid=2 ppid=1
  9s egress evil.example  pid=2
"""


def analytic(text: str) -> Analytic:
    source = Source("t.chain", text)
    return check(parse(source), source)[0]


def events(lines: str, before: str = "", after: str = "") -> list[Event]:
    """The events of lines, in a file whose chain asks for nothing of them."""
    found = analytic(f'{before}\nevent\n{after}\ntest "t" raises 0 {{\n{lines}\n}}')
    story = tell(found, found.tests[0])
    assert not story.faults
    return story.events


def event(line: str, before: str = "") -> Event:
    return events(line, before)[-1]


def results(text: str) -> list[Result]:
    return list(trials(analytic(text)))


def faults(body: str, raises: str = "1", chain: str = CHAIN) -> list[str]:
    (result,) = results(f'{chain}test "t" raises {raises} {{\n{body}\n}}')
    return list(result.faults)


# -- what a line makes ----------------------------------------


@pytest.mark.parametrize(
    ("line", "kinds", "fields"),
    [
        ("0s open Safari pid=10", "open", {"process.name": "Safari", "process.pid": 10}),
        ("0s write /tmp/a.SH", "write", {"file.path": "/tmp/a.SH", "file.name": "a.SH", "file.extension": "SH", "file.directory": "/tmp"}),
        ("0s spawn /bin/zsh pid=2 ppid=1", "spawn exec", {"process.executable": "/bin/zsh", "process.name": "zsh", "exec.path": ("/bin/zsh",)}),
        ("0s spawn bash args=bash,/tmp/x.sh", "spawn exec", {"process.args": ("bash", "/tmp/x.sh"), "exec.path": ("/tmp/x.sh",)}),
        ("0s spawn sh parent=word", "spawn exec open", {"process.parent.name": "word"}),
        ("0s exec /tmp/a pid=9 ppid=8", "exec spawn", {"exec.path": ("/tmp/a",)}),
        ("0s load /usr/lib/x.so", "load exec", {"file.path": "/usr/lib/x.so", "exec.path": ("/usr/lib/x.so",)}),
        ("0s crash word", "crash open", {"process.name": "word"}),
        ("0s egress 203.0.113.9:443", "egress connect", {"destination.ip": "203.0.113.9", "destination.port": 443}),
        ("0s egress [2001:db8::1]:443", "egress connect", {"destination.ip": "2001:db8::1", "destination.port": 443}),
        ("0s connect 127.0.0.1", "connect", {"destination.ip": "127.0.0.1"}),
        ("0s connect 10.0.0.1 from=10.0.0.2:99", "connect egress", {"source.ip": "10.0.0.2", "source.port": 99}),
        ("0s resolve evil.example", "resolve egress", {"dns.question.name": "evil.example", "destination.domain": "evil.example"}),
        ("0s accept 198.51.100.7:99", "accept", {"source.ip": "198.51.100.7", "source.port": 99}),
        ("0s visit https://a.example/x", "visit", {"url.full": "https://a.example/x", "url.domain": "a.example", "url.path": "/x"}),
        ("0s inject victim pid=1 target=2", "inject", {"process.target.name": "victim", "process.target.pid": 2}),
        ("0s registry HKLM\\Software\\Run user=ann", "registry", {"registry.path": "HKLM\\Software\\Run", "user.name": "ann"}),
        ("0s start nginx:1.25 container=abc", "start", {"container.image.name": "nginx:1.25", "container.id": "abc"}),
        ("0s launch ami-1 instance=i-1 user=ann", "launch", {"cloud.image.id": "ami-1", "cloud.instance.id": "i-1", "user.name": "ann"}),
        ("0s signin ann source.ip=203.0.113.9 session=s1", "signin", {"user.name": "ann", "session.id": "s1", "event.outcome": "success"}),
        ("0s call CreateSnapshot user=ann outcome=failure", "call", {"event.action": "CreateSnapshot", "event.outcome": "failure"}),
        ("0s mail boss@a.example", "mail", {"email.from.address": "boss@a.example"}),
        ("0s write+exec /tmp/a", "write exec spawn", {"file.path": "/tmp/a", "exec.path": ("/tmp/a",)}),
        ("0s event process.interactive=true", "event", {"process.interactive": True}),
        ("0s write /a file.size=5MB file.created=-5m", "write", {"file.size": 5 * 1024**2, "file.created": BEGIN - 300 * SECOND}),
        ("0s event host.ip=10.0.0.1,10.0.0.2", "event", {"host.ip": ("10.0.0.1", "10.0.0.2")}),
        ('0s event process.args=-c,"a b, c"', "event", {"process.args": ("-c", "a b, c")}),
        ('0s event process.command_line="sh -c \'x y\'"', "event", {"process.args": ("sh", "-c", "x y")}),
        ("0s event url.full=http://a/?x=1,2", "event", {"url.full": "http://a/?x=1,2"}),
        ('0s event labels."my-field"=x', "event", {"labels.my-field": "x"}),
        ("0s event host=h2", "event", {"host.name": "h2"}),
    ],
)  # fmt: skip
def test_a_line_is_the_event_that_a_record_would_be(line: str, kinds: str, fields: dict[str, Any]) -> None:
    made = event(line)
    assert made.kinds == set(kinds.split())
    assert {name: made.fields.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    ("platform", "written", "path"),
    [
        ("macos", "~/Downloads/a", "/Users/user/Downloads/a"),
        ("linux", "$HOME/a", "/home/user/a"),
        ("windows", r"~/Downloads\a", r"C:\Users\user\Downloads\a"),
        ("windows", r"%TEMP%\a.js", r"C:\Users\user\AppData\Local\Temp\a.js"),
        ("windows", r"D:\a", r"D:\a"),
    ],
)
def test_a_home_is_the_users_on_the_platform_of_the_analytic(platform: str, written: str, path: str) -> None:
    assert event(f"0s write {written}", f"analytic X {{ platform: {platform} }}").fields["file.path"] == path
    assert event(f"0s write {written} user=ann", f"analytic X {{ platform: {platform} }}").fields[
        "file.path"
    ] == path.replace("user", "ann")


def test_processes_are_called_what_earlier_lines_called_them() -> None:
    one, two, three = events("0s open word pid=1\n9s egress a.example pid=2\n5s spawn sh pid=2 ppid=1")
    assert (two.fields["process.parent.name"], "open" in two.kinds) == ("word", True)
    assert (three.time - one.time, three.fields["process.name"]) == (9 * SECOND, "sh")
    assert "process.name" not in event("0s egress a.example pid=2 host=b").fields


def test_a_connection_has_the_name_that_was_resolved() -> None:
    made = events("0s resolve a.example dns.resolved_ip=203.0.113.9 pid=1\n1s connect 203.0.113.9 pid=1")
    assert made[1].fields["destination.domain"] == "a.example"


def test_where_there_are_no_hosts_there_is_an_account() -> None:
    assert event("0s call X", "analytic X { platform: iaas }").fields["cloud.account.id"] == "account"
    assert "cloud.account.id" not in event("0s call X").fields


def test_a_time_alone_lets_time_pass() -> None:
    made = event("0s open word\n10m")
    assert (made.time - BEGIN, made.kinds, made.host) == (600 * SECOND, frozenset(), "clock")


# -- declared kinds ----------------------------------------

KINDS = """\
Startup = { /etc/cron.d, /etc/systemd/** }
kind persist:    write(Startup)
kind scriptdrop: write where file.extension in { js, vbs }
kind clone:      call("CreateVolume") { introduces: volume = aws.ec2.volume_id   tests: aws.ec2.snapshot_id }
kind beacon:     connect(to: { *.bad.example }, port: 443)
"""


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        ("0s persist /etc/cron.d/x", "write", {"file.path": "/etc/cron.d/x"}),
        ("0s persist", "write", {"file.path": "/etc/cron.d"}),
        ("0s scriptdrop /tmp/a.js", "write", {"file.extension": "js"}),
        ("0s scriptdrop", "write", {"file.extension": "js"}),
        ("0s clone snap-1 volume=vol-1", "call", {"event.action": "CreateVolume", "aws.ec2.snapshot_id": "snap-1", "aws.ec2.volume_id": "vol-1"}),
        ("0s beacon", "connect", {"destination.domain": "x.bad.example", "destination.port": 443}),
    ],
)  # fmt: skip
def test_a_line_of_a_declared_kind_is_an_event_that_is_such(line: str, kind: str, fields: dict[str, Any]) -> None:
    made = event(line, KINDS)
    assert kind in made.kinds
    assert {name: made.fields.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("0s scriptdrop /tmp/a.txt", "this is no `scriptdrop`, in which `file.extension in { js, vbs }`"),
        ("0s persist /tmp/a", "this is no `persist`, in which `file.path` is at or beneath `Startup`"),
    ],
)
def test_a_line_that_is_not_such_is_said_to_be_none(line: str, why: str) -> None:
    (result,) = results(f'{KINDS}event\ntest "t" raises 1 {{\n{line}\n}}')
    assert result.faults == (f"line 8: {why}",)


# -- what is expected ----------------------------------------


def test_a_test_passes_that_says_what_comes() -> None:
    expected = "expect drop: 5s, 6s\nexpect at 9s\nexpect severity medium\nexpect no flag late\nexpect 4: 9s"
    assert not faults(f"{STORY}{expected}", "1 main")


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        ("expect drop: 5s", "expected drop: 5s; came 5s, 6s"),
        ("expect drop: 5s, 5s, 6s", "expected drop: 5s, 5s, 6s; came 5s, 6s"),
        ("expect drop: line 1, 6s", "expected drop: line 1, 6s; came 5s, 6s"),
        ("expect no drop", "expected no drop, came 5s, 6s"),
        ("expect at 8s", "expected at 8s, came at 9s"),
        ("expect severity high", "expected severity high, came medium"),
        ("expect flag late", "expected flag late, came none"),
    ],
)
def test_a_test_fails_that_says_otherwise(expected: str, fault: str) -> None:
    assert faults(STORY + expected) == [fault]


def test_one_alert_too_many_is_told_with_its_events() -> None:
    assert faults(STORY, "0") == [
        "expected no alerts, came 1 alert\nmain at 9s: app 0s, 5s, 6s, drop 5s, 6s, child 8s, egress 9s"
    ]


def test_one_too_few_is_told_with_how_far_the_chain_got() -> None:
    (fault,) = faults(STORY.replace("egress evil.example  pid=2", "egress evil.example  pid=7"))
    assert fault.split("\n") == [
        "expected 1 alert, came no alerts",
        "main: got as far as `spawn({ sh })`; 1 event is `egress` by itself, and none linked, in time and in scope",
    ]


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        ("0s write /tmp/a pid=2 name=x", "app"),
        ("0s open word pid=1\n1s write /tmp/a pid=9 name=x", "drop"),
        (STORY.replace("spawn  sh", "spawn  zz"), "child"),
        (STORY.replace("pid=2\n", "pid=7\n"), "egress"),
    ],
)
def test_a_chain_is_stuck_at_the_first_step_that_nothing_satisfied_in_place(lines: str, step: str) -> None:
    assert not faults(f"{lines}\nexpect stuck {step}", "0 main")
    other = "app" if step != "app" else "drop"
    assert faults(f"{lines}\nexpect stuck {other}", "0 main")


def test_a_chain_of_alternatives_is_stuck_where_no_branch_goes_on() -> None:
    chain = "chain main: open({ word }) -> (write | read) -> egress? -> delete within 1h\n"
    lines = "0s open word pid=1\n1s read /a pid=1\n"
    assert not faults(f"{lines}expect stuck delete", "0", chain)
    assert not faults("0s open word pid=1\nexpect stuck read", "0", chain)
    assert not faults("0s open word pid=1\nexpect stuck write", "0", chain)


def test_an_exception_is_expected_to_have_held_something_back() -> None:
    updating = STORY.replace("ppid=1", 'ppid=1 process.command_line="sh update"')
    assert not faults(f'{updating}expect except "updates"', "0")
    (fault,) = faults('0s open word pid=1\nexpect except "updates"', "0")
    assert fault.startswith('the exception "updates" suppressed nothing\nmain: got as far as')


def test_alerts_of_one_chain_can_be_counted_alone() -> None:
    chains = "chain a: open({ word }) -> write within 1h\nchain b: open({ word }) -> read within 1h\n"
    lines = "0s open word pid=1\n1s write /tmp/a pid=1\n2s read /tmp/a pid=1\n"
    assert not faults(f"{lines}expect at 1s, 2s\nexpect open: 0s, 1s, 2s", "2", chains)
    assert not faults(f"{lines}expect at 2s\nexpect read: 2s", "1 b", chains)
    assert faults(lines, "1", chains)


def test_expectations_of_several_alerts_hold_of_all_together() -> None:
    chain = 'chain main: write where file.extension == "js" as drop\n'
    lines = "0s write /a.js pid=1\n1s write /b.js pid=2\n"
    assert not faults(f"{lines}expect drop: 0s, 1s\nexpect at 0s, 1s", "2", chain)


def test_parameters_of_the_site_hold_in_tests() -> None:
    text = f'W = 10m\n{CHAIN.replace("within 10m", "within W")}test "t" raises 1 {{\n{STORY}}}'
    source = Source("t.chain", text)
    changed, _ = check(parse(source), source, command_line(["W=1s"]))
    (result,) = trials(changed)
    assert result.faults[0].startswith("expected 1 alert, came no alerts")


# -- what cannot be meant ----------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f'{CHAIN}\n# c\ntest "a" raises 1 main {{\n{STORY}  expect drop: 5s,6s   # both\n  events "x.jsonl"\n}}\ntest "b" raises 0 {{ … }}\n',
    ],
)
def test_a_body_is_kept_as_it_is_written(text: str) -> None:
    once = format_tree(parse(Source("t.chain", text)))
    assert format_tree(parse(Source("t.chain", once))) == once
    assert "expect drop: 5s,6s   # both" in once


# -- again, in other ways ----------------------------------------


def test_a_test_is_run_in_five_other_ways() -> None:
    found = analytic(f'{CHAIN}test "t" raises 1 {{\n{STORY}}}')
    story = tell(found, found.tests[0]).events
    alerts = raised(found, found.tests[0])
    assert not list(again.differences(found, story, alerts))
    assert list(again.differences(found, story, [])) == [
        f"{how} it raises 1 alert, not 0"
        for how in (
            "with a snapshot and restore between events",
            "with unrelated events mixed in",
            "with its events shuffled within the lateness",
            "with other chains loaded beside",
            "with each of its chains alone",
        )
    ]


def test_a_difference_names_the_parts_of_the_alert() -> None:
    found = analytic(f'{CHAIN}test "t" raises 1 {{\n{STORY}}}')
    (alert,) = raised(found, found.tests[0])
    other = msgspec.structs.replace(alert, severity="low", flags=["late"])
    (first, *_) = again.differences(found, tell(found, found.tests[0]).events, [other])
    assert first.endswith("it raises an alert with other `severity`, `flags`")


def test_noise_tells_the_same_story_on_another_host() -> None:
    found = analytic(f'{CHAIN}test "t" raises 1 {{\n{STORY}}}')
    story = tell(found, found.tests[0]).events
    noisy = list(mixed(story, found.chains))
    assert [e for e in noisy if e in story] == story
    assert {e.host for e in noisy} == {"host", "elsewhere-host"}
    every = analytic(CHAIN.replace("within 10m", "within 10m per all"))
    assert not any(e.kinds for e in mixed(story, every.chains) if e not in story)
    anything = analytic("chain main: event -> event within 1m per all")
    assert list(mixed(story, anything.chains)) == story


def test_the_shipped_analytics_stand_beside() -> None:
    assert "AN1314" in {a.id for a in again.shipped()}


# -- files of events ----------------------------------------


def connection(second: int, ip: str = "203.0.113.9") -> str:
    """A line of Zeek's conn.log."""
    at = 1_772_352_000 + second
    return json.dumps({"_path": "conn", "ts": at, "uid": f"C{second}", "id.orig_h": "10.0.0.5", "id.orig_p": 50000, "id.resp_h": ip, "id.resp_p": 443, "proto": "tcp", "conn_state": "SF"})  # fmt: skip


NETWORK = "chain main: connect({ 203.0.113.9 }) as first ~> connect({ 198.51.100.7 }) as second within 1m\n"


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    (tmp_path / "n.chain").write_text(NETWORK)
    folder = tmp_path / "n.cases"
    folder.mkdir()
    (folder / "pair.jsonl").write_text(f"{connection(0)}\n{connection(9, '198.51.100.7')}\n")
    return tmp_path


def tried(folder: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [(result.title, result.faults) for result in trials(load(folder / "n.chain"))]


def test_a_test_may_name_a_file_of_events(beside: Path) -> None:
    body = 'events "n.cases/pair.jsonl"\nexpect at 9s\nexpect first: line 1\nexpect second: 9s'
    (beside / "n.chain").write_text(f'{NETWORK}test "pair" raises 1 {{\n{body}\n}}\n')
    (beside / "n.cases" / "pair.expect").write_text("raises 1\n")
    assert tried(beside) == [("pair", ()), ("pair", ())]


def test_lines_count_from_the_first_event_of_the_files(beside: Path) -> None:
    lines = 'events "n.cases/pair.jsonl"\n20s connect 203.0.113.9\n21s connect 198.51.100.7\nexpect at 9s'
    (beside / "n.chain").write_text(f'{NETWORK}test "both" raises 1 {{\n{lines}\nexpect first: line 1\n}}\n')
    (beside / "n.cases" / "pair.expect").write_text("raises 1")
    assert tried(beside)[0] == ("both", ())


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ("# what it shows\n\nraises 1 main\nexpect second: line 2\n1h\n", ()),
        ("raises 0", ("expected no alerts, came 1 alert\nmain at 9s: first line 1, second line 2",)),
        ("raises 1\nexpect second: line 1", ("expected second: line 1; came line 2",)),
        ("expect at 9s", ("the first line says how many alerts: write `raises 1`, or `raises 0`",)),
        ("", ("the first line says how many alerts: write `raises 1`, or `raises 0`",)),
        ("raises 1 man", ("no chain is called `man`: did you mean `main`?",)),
        ("raises 1\n0s connect 203.0.113.9", ("an event outside of the file of events: here a time stands alone",)),
        ("raises 1\nexpect", None),
    ],
)
def test_a_case_beside_the_chain_says_what_it_raises(beside: Path, expect: str, fault: tuple[str, ...] | None) -> None:
    (beside / "n.cases" / "pair.expect").write_text(expect)
    ((title, came),) = tried(beside)
    assert title == "pair"
    assert came == fault if fault is not None else came


def test_a_case_has_all_files_of_its_name(beside: Path) -> None:
    folder = beside / "n.cases"
    (folder / "pair.jsonl").write_text(f"{connection(0)}\n")
    (folder / "pair.more.jsonl").write_text(f"{connection(9, '198.51.100.7')}\n")
    (folder / "pair.more.than.jsonl").write_text(f"{connection(90)}\n")
    (folder / "pair.expect").write_text("raises 1")
    (folder / "pair.more.than.expect").write_text("raises 0")
    assert tried(beside) == [("pair", ()), ("pair.more.than", ())]


def test_a_case_without_its_other_half_fails(beside: Path) -> None:
    assert tried(beside) == [("pair", ("nothing says what it raises: write pair.expect beside it",))]
    (beside / "n.cases" / "pair.jsonl").rename(beside / "n.cases" / "notes.txt")
    (beside / "n.cases" / "pair.expect").write_text("raises 1")
    assert tried(beside) == [("pair", ("there are no events beside it: pair.jsonl",))]


def test_a_file_that_cannot_be_read_fails_the_test(beside: Path) -> None:
    (beside / "n.cases" / "pair.expect").write_text("raises 1")
    with (beside / "n.cases" / "pair.jsonl").open("a") as file:
        file.write("{broken\n")
    ((_, (fault,)),) = tried(beside)
    assert fault.endswith("n.cases/pair.jsonl:3 cannot be read: malformed JSON")
    (beside / "n.chain").write_text(f'{NETWORK}test "t" raises 1 {{\nevents "no.jsonl"\n}}\n')
    assert "no.jsonl" in tried(beside)[0][1][0]


def test_a_chain_that_is_wrong_in_its_tests_is_not_loaded() -> None:
    with pytest.raises(ChainError):
        analytic(f'{CHAIN}test "t" raises 1 {{\n0s opn word\n}}')


# -- what a snapshot is worth ----------------------------------------

# What two engines may share: what is the same for every stream, compiled or remembered.
SAME = {"ByPlatform", "FieldOf", "Known", "Memo"}


def reached(root: object) -> dict[int, object]:
    """Every object of the engine's own classes that can be reached from here, in closures too."""
    found: dict[int, object] = {}
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type | ModuleType | msgspec.Struct):
            continue
        seen[id(value)] = value
        if type(value).__module__.startswith("chainrun.engine."):
            found[id(value)] = value
        if isinstance(value, FunctionType):
            waiting += [cell.cell_contents for cell in value.__closure__ or ()]
        elif not isinstance(value, BuiltinFunctionType):
            waiting += gc.get_referents(value)
    return found


def test_a_snapshot_shares_nothing_that_changes() -> None:
    """State that the engine it was taken from still held would go on changing, unseen."""
    other = analytic("chain main: write as a ~> exec(a) -> egress within 1h per user.name")
    analytics = analytic(CHAIN), msgspec.structs.replace(other, id="other")
    engine, taken_up = again.new_engine(*analytics), again.new_engine(*analytics)
    for event in events(STORY):
        engine.feed(event)
    put(taken_up, take(engine))
    ours, theirs = reached(engine), reached(taken_up)
    shared = {type(ours[key]).__name__ for key in ours.keys() & theirs.keys()}
    assert not shared - SAME
