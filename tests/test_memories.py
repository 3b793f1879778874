"""What stands beside the matcher costs what is asked of it: looked through by what is joined, bounded, and without the
long texts of events that are gone. Costs are counted in events looked at, never timed."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from chainrun.engine.baseline import Baseline, encode, learn
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event
from chainrun.engine.match import lineage, sources, watches
from chainrun.engine.match.digests import LONGEST, digested
from chainrun.engine.match.files import FileKeys
from chainrun.engine.match.lineage import SILENT, Lineage
from chainrun.engine.match.recent import Recent
from chainrun.engine.match.sources import Sources
from chainrun.engine.paths import ShortNames
from chainrun.engine.report.alert import Alert
from chainrun.engine.state import holders
from chainrun.engine.study.again import fresh

from . import oracle, worlds
from .test_oracle import found, in_order, pair
from .test_unproven import HOUR, SECOND, SEES, event
from .test_updates import told

DAY = 24 * HOUR

# -- what is looked through ----------------------------------------


def looked(chain: str, stream: list[Event]) -> tuple[int, int]:
    """How many alerts there are, and how many events the chain's watches have looked at."""
    engine = Engine([told(chain, "")], sees=SEES)
    alerts = sum(len(engine.feed(e)) for e in fresh(sorted(stream, key=lambda e: e.time)))
    return alerts, sum(watch.looked for watch in engine.running[0].matcher.watches)


LARGER = "read as r -> !(write where file.size > r.file.size) -> egress within 1h"


def story(pid: int, between: list[Event], size: int = 5) -> list[Event]:
    return [event(0, "read", pid, file__size=size), *between, event(600, "connect egress", pid)]


def test_what_others_did_is_not_looked_at() -> None:
    others = [event(n / 10, "write", pid=100 + n, file__size=9) for n in range(1, 1001)]
    assert looked(LARGER, story(1, others)) == (1, 0)
    own = [event(n, "write", file__size=n) for n in range(1, 4)]
    assert looked(LARGER, story(1, [*others, *own])) == (1, 3)
    assert looked(LARGER, story(1, [*others, *own, event(9, "write", file__size=6)])) == (0, 1)


def test_many_open_matches_look_at_their_own_each() -> None:
    """A thousand processes with a thousand writes: a thousand looks, and no million."""
    stream = [e for pid in range(1, 1001) for e in story(pid, [event(5, "write", pid, file__size=1)])]
    assert looked(LARGER, stream) == (1000, 1000)


def test_the_newest_that_counts_ends_the_search() -> None:
    writes = [event(n, "write", file__size=9) for n in range(1, 101)]
    assert looked(LARGER, story(1, writes)) == (0, 1)


def test_of_an_interval_nothing_older_is_looked_at() -> None:
    """The match begins after the writes."""
    writes = [event(-n, "write", file__size=1) for n in range(1, 101)]
    assert looked(LARGER, story(1, writes)) == (1, 0)


def test_of_a_look_back_nothing_older_is_looked_at() -> None:
    chain = "egress as e without prior write(e.file.path) in 10s"
    writes = [event(n, "write", file__path=f"/{n}") for n in range(100)]
    last = event(100, "connect egress", file__path="/x", format="")
    assert looked(chain, [*writes, last]) == (1, 10)


def test_what_is_unknown_is_looked_at_by_all() -> None:
    """A write of nobody may be anybody's, and one without a size may be larger."""
    nobody = event(5, "write", file__size=9)
    del nobody.fields["process.pid"]
    assert looked(LARGER, story(1, [nobody])) == (0, 1)
    assert looked(LARGER, story(1, [event(5, "write")])) == (0, 1)
    smaller = event(5, "write", file__size=1)
    del smaller.fields["process.pid"]
    assert looked(LARGER, story(1, [smaller])) == (1, 1)


def test_a_match_of_nobody_looks_at_all() -> None:
    reads, *between, last = story(1, [event(5, "write", pid=2, file__size=1), event(6, "write", pid=3, file__size=9)])
    for one in (reads, last):
        del one.fields["process.pid"]
    chain = LARGER.replace("-> egress", "~> egress")
    assert looked(chain, [reads, *between, last])[0] == 0
    assert looked(chain, [reads, between[0], last]) == (1, 1)


def test_looking_through_the_events_says_what_a_mark_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few chains compare captures by more than equality. So all are looked through, and must agree with the oracle."""
    monkeypatch.setattr(watches, "is_joined", lambda step, joins: False)
    watched = 0
    for seed in range(1, 800):
        text, analytic, events = pair(seed)
        if "!" in text or "without" in text or "until" in text:
            watched += 1
            expected = in_order(oracle.alerts(analytic.chains[0], events, analytic.severity))
            assert found(analytic, worlds.again(events)) == expected, f"seed {seed}\n{text}"
    assert watched > 300


# -- how much is remembered ----------------------------------------


def test_a_table_of_what_was_used_lately_forgets_the_rest() -> None:
    table: Recent[int, str] = Recent(8)
    for n in range(8):
        table[n] = str(n)
    assert table.use(0) == "0" and table.use(99) is None
    table[1] = "again"
    table[8] = "8"  # full: an eighth goes, which is 2, since 0 and 1 were used
    assert list(table) == [3, 4, 5, 6, 7, 0, 1, 8]
    assert table[1] == "again"


def test_no_flood_of_hosts_fills_the_process_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST_HOSTS", 80)
    tables = Lineage()
    tables.place(event(0, "spawn", 7, host="real", process__name="word"))
    for n in range(1000):
        tables.place(event(n, "event", 7, host=f"forged-{n}"))
        if n % 50 == 0:
            tables.place(event(n, "event", 7, host="real"))
    assert len(tables.hosts) <= 80
    assert [row.name for row in tables.hosts["real"].rows()] == [None, "word"]  # who started it, and it


def test_no_flood_of_processes_fills_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST_ROWS", 80)
    tables = Lineage()
    for n in range(1000):
        tables.place(event(n, "event", 1000 + n, process__entity_id=f"forged-{n}"))
        tables.place(event(n, "event", 7, process__entity_id="real", process__name="word"))
    host = tables.hosts["h"]
    assert len(host.by_id) <= 80 and len(host.by_pid) <= 80
    assert host.by_id["real"] is host.by_pid[7]


def test_a_host_of_which_nothing_is_known_is_forgotten() -> None:
    tables = Lineage()
    tables.place(event(0, "exit", 7, host="ended"))
    tables.place(event(0, "event", 7, host="runs"))
    tables.forget(event(HOUR, "event").time)
    assert list(tables.hosts) == ["runs"]
    tables.forget(event(HOUR, "event").time + SILENT)
    assert not tables.hosts


def test_so_many_short_names_and_moves_are_kept_however_many_hosts_there_are() -> None:
    files = FileKeys()
    files.short, files.moved.most = ShortNames(limit=80), 80
    for n in range(1000):
        moved = event(n, "rename", host=f"h{n}", file__previous_path=f"C:\\Long Folder Name\\{n}", file__path="C:\\b")
        moved.os = "windows"
        files.learn(moved)
    assert len(files.short) <= 80 and len(files.moved) <= 80


# -- sources ----------------------------------------

SHOWS = frozenset({"write"})


def first_and_later(since: int, last: int, host: str) -> tuple[Event, Event]:
    return event(since, "write", host=host), event(last, "write", host=host)


def test_a_flood_of_sources_blinds_none_that_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one forgotten for being silent, as long as there is room."""
    monkeypatch.setattr(sources, "MOST_SOURCES", 10)
    known = Sources(SEES)
    known.reach(DAY * SECOND)
    first, now = first_and_later(0, 40 * DAY, "real")
    known.learn(first)
    for n in range(9):
        known.forget(now.time)
        assert known.is_known(now, SHOWS, first.time, "real")
        known.learn(event(40 * DAY, "write", host=f"forged-{n}"))
    known.learn(now)
    for n in range(9, 1000):
        known.learn(event(40 * DAY, "write", host=f"forged-{n}"))
    known.forget(now.time)
    assert len(known.on_hosts) == 10
    assert known.is_known(now, SHOWS, first.time, "real")


def test_what_is_silent_for_longer_than_a_look_back_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_SOURCES", 10)
    known = Sources(SEES)
    known.reach(DAY * SECOND)
    for n in range(20):
        known.learn(event(0, "write", host=f"forged-{n}"))
    first, later = first_and_later(2 * DAY, 4 * DAY, "new")
    known.learn(first)
    assert not known.is_known(later, SHOWS, first.time, "new")
    known.forget(first.time)
    known.learn(first)
    assert len(known.on_hosts) == 1
    assert known.is_known(later, SHOWS, first.time, "new")


# -- long texts ----------------------------------------

A, B = "a" * LONGEST + "bc", "a" * LONGEST + "cb"  # alike for longer than what is kept


def run(chain: str, *events: Event, **options: Any) -> list[Alert]:
    return list(Engine([told(chain, "")], **options).run(fresh(list(events))))


def plain(at: float, kinds: str, pid: int = 1, **fields: Any) -> Event:
    """An event of no known source."""
    return event(at, kinds, pid, format="", **fields)


def test_a_digest_is_no_text() -> None:
    assert digested(A) == digested("a" * LONGEST + "bc") != digested(B)
    assert digested(A) not in (A, str(digested(A)), digested(A).blake2b, digested(A).blake2b.hex())
    short = "a" * LONGEST
    assert digested(short) is short
    assert digested(("x", A, 5, None)) == ("x", digested(A), 5, None)
    digested("\ud800" * LONGEST * 2)  # half a pair is text too


def test_of_long_values_what_is_new_is_told() -> None:
    chain = "egress where new(process.command_line among egress in 1h)"
    found = run(chain, *(plain(n, "connect egress", n, process__command_line=text) for n, text in enumerate((A, B, A))))
    assert [alert.steps[0].witness.fields["process.command_line"] for alert in found if alert.steps[0].witness] == [
        A,
        B,
    ]


def test_long_values_are_counted_apart() -> None:
    for text, alerts in ((A, 0), (B, 1)):
        events = (
            plain(0, "connect egress", process__command_line=A),
            plain(1, "connect egress", process__command_line=text),
        )
        assert len(run("egress{distinct process.command_line >= 2 in 1h}", *events)) == alerts
        assert len(run("egress{>= 2 in 1h by process.command_line}", *events)) == 1 - alerts


def test_long_values_join_absences() -> None:
    chain = "egress as e without prior write(user: e.user.name) in 1h"
    for text, alerts in ((A, 0), (B, 1)):
        events = plain(0, "write", 2, user__name=text), plain(1, "connect egress", user__name=A)
        assert len(run(chain, *events)) == alerts
    between = "read as r ~> !(write where user.name == r.user.name) ~> egress within 1h"
    for text, alerts in ((A, 0), (B, 1)):
        events = plain(0, "read", user__name=A), plain(1, "write", user__name=text), plain(2, "connect egress")
        assert len(run(between, *events)) == alerts


def test_a_comparison_sees_the_whole_text() -> None:
    chain = "read as r -> egress where r.process.command_line contains user.name within 1h"
    for name, alerts in (("bc", 1), ("cb", 0)):
        events = plain(0, "read", process__command_line=A), plain(1, "connect egress", user__name=name)
        assert len(run(chain, *events)) == alerts


@pytest.mark.parametrize(
    "chain", ["write as w ~> exec(w) within 1h", "write as w ~> exec where file.path == w.file.path within 1h"]
)
def test_a_long_path_is_one_file_through_its_names(chain: str) -> None:
    one, other, third = f"/{A}", f"/{B}", f"/{A}d"
    wrote = plain(0, "write", file__path=one)
    ran = {path: plain(9, "exec", 2, file__path=path, exec__path=(path,)) for path in (one, other)}
    assert [len(run(chain, wrote, ran[path])) for path in (one, other)] == [1, 0]
    if "exec(w)" in chain:
        moved = (
            plain(3, "rename", file__previous_path=one, file__path=third),
            plain(4, "rename", file__previous_path=third, file__path=other),
        )
        assert [len(run(chain, wrote, *moved, ran[path])) for path in (one, other)] == [0, 1]


def test_long_names_of_users_and_sessions_tell_them_apart() -> None:
    chain = "signin as s -> call within 1h per all"
    for session, alerts in ((A, 1), (B, 0)):
        events = (
            plain(0, "signin", user__name="x", session__id=A),
            plain(1, "call", user__name="y", session__id=session),
        )
        assert len(run(chain, *events)) == alerts


def test_the_alert_shows_a_long_scope_in_full() -> None:
    for scope in ("user.name", "user"):
        (alert,) = run(
            f"read ~> egress within 1h per {scope}",
            plain(0, "read", user__name=A),
            plain(1, "connect egress", user__name=A),
        )
        assert alert.scope == {"user.name": A}
        assert not run(
            f"read ~> egress within 1h per {scope}",
            plain(0, "read", user__name=A),
            plain(1, "connect egress", user__name=B),
        )


def test_a_baseline_knows_long_values_by_their_digests() -> None:
    chain = "egress where new(process.command_line among egress in 30d)"

    def egress(at: float, text: str) -> Event:
        return event(at, "connect egress", process__command_line=text)

    made = Engine([told(chain, "")], sees=SEES)
    past = learn(made, fresh([egress(-40 * DAY, "x"), egress(-60, A)]))
    assert past is not None
    line = encode(past)
    assert A.encode() not in line and b'{"blake2b":"' in line
    by_hand = line.replace(
        b'{"blake2b":"%s"}' % msgspec.json.encode(digested(A).blake2b).strip(b'"'), b'"%s"' % A.encode()
    )
    assert by_hand != line
    for file in (line, by_hand):
        engine = Engine([told(chain, "")], sees=SEES)
        msgspec.json.decode(file, type=Baseline).put(engine)
        found = list(engine.run(fresh([egress(0, A), egress(1, B)])))
        assert [a.steps[0].witness.fields["process.command_line"] for a in found if a.steps[0].witness] == [B]


def long_texts(value: Any, seen: set[int]) -> Iterator[str]:
    """All long texts that can be reached from a value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            if len(one) > LONGEST:
                yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)) or type(one).__name__ == "deque":
            waiting += one
        elif type(one).__module__.startswith("chainrun.engine"):
            slots = {name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())}
            waiting += [getattr(one, name, None) for name in slots | set(getattr(one, "__dict__", ()))]


def test_no_memory_keeps_a_long_text_longer_than_its_events() -> None:
    """Everything in the records is long; an hour after the window only what looks back a month is left."""
    text = """
    chain fresh: signin where new(user.name, session.id among signin in 30d)
    chain before: write as w without prior write(user: w.user.name) in 30d
    chain file: write as w without prior write(w) in 30d
    chain counted: write{distinct process.command_line >= 2 in 1m by user.name} ~> signin within 2m per user
    chain between: signin as s -> !(call where user.name == s.user.name) -> call within 1m per all once per s.user.name in 1m
    """
    engine = Engine([told(text, "")], sees=SEES)
    fields = {
        name.replace(".", "__"): f"{n}{A}"
        for n, name in enumerate(("user.name", "session.id", "process.command_line", "file.path"))
    }
    fields["file__previous_path"] = f"/old{B}"
    stream = [
        event(n, kinds, **{**fields, "user__name": f"{n % 3}{A}"})
        for n, kinds in enumerate(["signin", "write", "rename", "call", "write", "signin", "write", "call", "exit"])
    ]
    stream += [event(2 * HOUR + n, "event", 2) for n in range(3)]
    stream += [
        event(5 * HOUR + n, "write signin call", 2, user__name="x", file__path="/x", session__id="y") for n in range(3)
    ]
    for one in fresh(stream):
        engine.feed(one)
    kept = [
        (type(owner).__name__, name, text[:9])
        for owner, names in holders(engine)
        for name in names
        for text in long_texts(getattr(owner, name), set())
    ]
    assert not kept
    assert engine.novelty.histories and engine.files.moved and len(engine.entities.sessions) > 1
    assert any(len(watch.marks) > 1 for running in engine.running for watch in running.matcher.watches)
