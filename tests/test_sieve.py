"""The sieve changes nothing but time: line by line, and for whole runs; and what nobody asks for changes no alert."""

import io
import json
import random
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chainrun.engine.chains import load_all
from chainrun.engine.engine import Engine
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.intake import sieve
from chainrun.engine.intake.demand import EVERYTHING, Demand, of_kinds
from chainrun.engine.intake.gate import Gate
from chainrun.engine.intake.normalise import Normaliser, Rejected
from chainrun.engine.report.phrase import FIELDS as SHOWN
from chainrun.engine.report.summary import to_summary
from chainrun.engine.run import Options, Run

ROOT = Path(__file__).parent.parent
ANALYTICS = sorted((ROOT / "analytics").glob("*.chain"))
SAMPLES = {p.parent.name: p.read_bytes().splitlines() for p in sorted(ROOT.glob("tests/formats/*/raw.jsonl"))}
AT = Origin("x", 1, 0)


# -- what may become of a line ----------------------------------------

Mutation = Callable[[random.Random, bytes], bytes]
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def escaped(r: random.Random, line: bytes) -> bytes:
    """Letters and digits of keys and values as `\\u00XX`, which is the same JSON."""

    def some(found: re.Match[bytes]) -> bytes:
        if r.random() < 0.7:
            return found[0]
        parts = re.findall(rb"\\u[0-9a-fA-F]{4}|\\.|.", found[0][1:-1], re.DOTALL)
        return b'"%s"' % b"".join(b"\\u%04x" % p[0] if p.isalnum() and r.random() < 0.3 else p for p in parts)

    return _STRING.sub(some, line)


def remade(change: Callable[[random.Random, Any], Any]) -> Mutation:
    def mutate(r: random.Random, line: bytes) -> bytes:
        try:
            record = change(r, json.loads(line))
        except (ValueError, RecursionError):
            return line
        between = r.choice([(",", ":"), (", ", ": "), (" ,\t", " :  ")])
        return json.dumps(record, separators=between, ensure_ascii=r.random() < 0.5).encode("utf-8", "surrogatepass")

    return mutate


def spaced(r: random.Random, record: Any) -> Any:
    return record


def turned(r: random.Random, record: Any) -> Any:
    if isinstance(record, dict):
        keys = list(record)
        r.shuffle(keys)
        return {key: turned(r, record[key]) for key in keys}
    return record


ODD = [
    None,
    True,
    1,
    1.0,
    "1",
    "",
    "-",
    3,
    4688,
    "4688",
    [],
    [1],
    {},
    {"#text": 1},
    "x" * 600,
    2**70,
    "\udc00",
    "é\u2028",
]


def places(record: Any) -> list[dict[str, Any]]:
    """All objects of a record that hold something."""
    if isinstance(record, list):
        return [place for item in record for place in places(item)]
    if not isinstance(record, dict) or not record:
        return []
    return [record, *(place for value in record.values() for place in places(value))]


def changed(r: random.Random, record: Any) -> Any:
    """Another value, or none, at some keys."""
    for _ in range(r.randint(1, 4)):
        if found := places(record):
            place = r.choice(found)
            key = r.choice(list(place))
            if r.random() < 0.3:
                del place[key]
            else:
                place[key] = deepcopy(r.choice([*ODD, *place.values()]))
    return record


def nested(r: random.Random, record: Any) -> Any:
    """What is at the top, deeper down as well; or deeper down only."""
    key = r.choice(["x", "data", "event", "winlog", "process", "message", "log", "_source", "body"])
    if isinstance(record, dict) and r.random() < 0.5:
        return {**record, key: record}
    return {key: record if r.random() < 0.5 else json.dumps(record)}


def crossed(r: random.Random, record: Any) -> Any:
    """With keys of another format's record, before or behind its own."""
    other = json.loads(r.choice(r.choice(list(SAMPLES.values()))))
    if not (isinstance(record, dict) and isinstance(other, dict) and other):
        return record
    some = {key: other[key] for key in r.sample(list(other), r.randint(1, len(other)))}
    return {**some, **record} if r.random() < 0.5 else {**record, **some}


def doubled(r: random.Random, line: bytes) -> bytes:
    """One of the outermost keys twice: the last one counts."""
    try:
        record = json.loads(line)
        key = r.choice(list(record))
    except (ValueError, IndexError, KeyError, TypeError, RecursionError):
        return line
    other = json.dumps({key: r.choice([*ODD, *record.values()])})[1:-1].encode()
    body = line.strip()
    if not body.startswith(b"{") or not body.endswith(b"}"):
        return line
    return b"{%s,%s" % (other, body[1:]) if r.random() < 0.5 else b"%s,%s}" % (body[:-1], other)


def cut(r: random.Random, line: bytes) -> bytes:
    return line[: r.randint(0, len(line))]


def broken(r: random.Random, line: bytes) -> bytes:
    at = r.randint(0, len(line))
    return line[:at] + r.choice([b"\xff", b"\x00", b"}", b'"', b"\\", b",", b"\n", b"{", b"\xc3", b"NaN"]) + line[at:]


def heavy(r: random.Random, line: bytes) -> bytes:
    """With something that one decoder takes and another may not, where nobody reads it or somebody does."""
    depth = r.choice([100, 600, 2_000])
    deep = b"[" * depth + b"]" * depth
    values = [b"1e999", b"9" * 5_000, deep, b"[1e999,%s]" % deep, rb'"\ud800"', rb'"\udfff x"', b'"\xed\xa0\x80"']
    key = r.choice([b"x", b"EventID", b"Message", b"CommandLine", b"ts", b"time", b"args", b"event", b"process"])
    return line.replace(b"{", b'{"%s":%s,' % (key, r.choice(values)), 1)


def wrapped(r: random.Random, line: bytes) -> bytes:
    if r.random() < 0.5:
        return b"<14>Mar  5 09:00:00 box tag: " + line
    text = line.decode("utf-8", "replace")
    return json.dumps({"log": text, "time": "2024-03-05T09:00:00Z", "hostname": "b"}).encode()


MUTATIONS: tuple[Mutation, ...] = (
    escaped,
    *map(remade, (spaced, turned, changed, nested, crossed)),
    doubled,
    cut,
    broken,
    heavy,
    wrapped,
    lambda r, line: line + b"\r",
    lambda r, line: b"\xef\xbb\xbf" + line,
)


def stream(seed: int, count: int) -> list[bytes]:
    """Lines of a few formats in turns, most of them mutated, many seen before."""
    r = random.Random(seed)
    lines: list[bytes] = []
    while len(lines) < count:
        samples = [line for name in r.sample(list(SAMPLES), r.randint(1, 4)) for line in SAMPLES[name]]
        for _ in range(r.randint(5, 60)):
            line = r.choice(samples)
            for _ in range(r.choice([0, 1, 1, 2, 3])):
                line = r.choice(MUTATIONS)(r, line)
            lines.append(line.replace(b"\n", b" "))
    return lines


# -- line by line ----------------------------------------


def shown(result: list[Event] | Rejected) -> Any:
    if isinstance(result, Rejected):
        return result.cause
    names = ("time", "kinds", "host", "os", "format", "sequence", "raw", "clock", "measures", "finer")
    return [[*(getattr(event, name) for name in names), list(event.fields.items())] for event in result]


def asked(path: Path) -> tuple[frozenset[str], Demand]:
    engine = Engine(load_all([path]))
    return engine.fields | SHOWN, engine.demand


DEMANDS: dict[str, Callable[[], tuple[frozenset[str] | None, Demand]]] = {
    "everything": lambda: (None, EVERYTHING),
    "starts": lambda: (frozenset(), of_kinds("spawn", "exit")),
    "clicks": lambda: (frozenset(), of_kinds("open", "download", "crash")),
    **{path.stem: (lambda path=path: asked(path)) for path in ANALYTICS[1::2]},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", DEMANDS)
@pytest.mark.parametrize("density", [2_000, 10])
def test_a_line_yields_the_same_with_the_sieve_and_without(
    name: str, density: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is spelled, broken or mixed with others, and whatever came before it: the second time too, when it is
    known what became of its like, and at other times; whether many lines are needed or few, by turns."""
    monkeypatch.setattr(sieve, "DENSITY", density)
    wanted, demand = DEMANDS[name]()
    formats = load_formats()
    with_sieve, without = Normaliser(formats, wanted, demand), Normaliser(formats, wanted, demand, sieve=False)
    lines, r = list(stream(seed=len(name), count=600)), random.Random(name)
    lines += [at_another_time(r, line) for _ in range(2) for line in lines]
    while lines:
        some = lines[: r.choice([1, 2, 7, 60])]
        at, found = with_sieve.sift(some)
        for left in some[:at]:
            assert shown(without.normalise(left, AT)) == [], left[:500]
        if at < len(some):
            one = with_sieve.take(some[at], AT, found)
            assert shown(one) == shown(without.normalise(some[at], AT)), some[at][:500]
        del lines[: at + 1]
    assert with_sieve.read == without.read


@pytest.mark.parametrize("value", ["1e999", "-1e999", "1e-999", '"\\ud800"', "9" * 5_000, "[[[[1]]]]", '"\\u0000"'])
@pytest.mark.parametrize("kinds", [("spawn",), ("load",)])
def test_what_is_odd_behind_the_head_is_as_odd_with_the_sieve(value: str, kinds: tuple[str, ...]) -> None:
    """In a field that is read of the whole record, in one that nobody reads, in one that is cut out of a message."""
    formats, wanted = load_formats(), frozenset({"process.command_line", "user.name"})
    normalisers = [Normaliser(formats, wanted, of_kinds(*kinds), sieve=sieve) for sieve in (True, False)]
    times = (
        '"@timestamp":"2023-09-05T23:00:00Z","TimeCreated":"2023-09-05T23:00:00Z","UtcTime":"2023-09-06 06:00:00.000"'
    )
    record = f'{{"SourceName":"Microsoft-Windows-Sysmon","EventID":1,"Hostname":"a",{times},"ProcessId":"4"'
    plain = f'{record},"Image":"C:\\\\a.exe"}}'.encode()
    for key in ("CommandLine", "User", "x", "Message", "Image", "UtcTime"):
        odd = f'{record},"{key}":{value}}}'.encode()
        for line in (plain, odd, plain, odd):
            one, other = (normaliser.normalise(line, AT) for normaliser in normalisers)
            assert shown(one) == shown(other), line


def test_what_is_of_the_expected_format_is_not_decoded_as_any_other() -> None:
    """Else the sieve would be exact, and of no use."""
    formats = load_formats()
    normaliser = Normaliser(formats)
    assert normaliser._sieve is not None
    for name, lines in SAMPLES.items():
        for line in lines:
            normaliser.normalise(line, AT)
        taken = [normaliser._sieve.sift([line], 0, False) != (0, None) for line in lines]
        assert taken.count(True) >= len(taken) * 0.8 or name in INSIDE, f"{name}: {taken}"


@pytest.mark.parametrize("name", ["flat-nxlog-logstash", "ecs-events", "evtx", "ocsf", "osquery"])
def test_a_record_is_not_judged_where_one_like_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    normaliser = Normaliser(load_formats(), frozenset(), of_kinds("crash"))
    line = SAMPLES[name][0]
    for _ in range(4):  # known as of its format, told of, remembered
        normaliser.normalise(line, AT)
    monkeypatch.setattr(Gate, "judge", None)
    assert normaliser.sift([line, line]) == (2, None)


# Their records stand in others'.
INSIDE = {"azure-flow", "evtx-envelope", "sysmon-linux"}


_TIME = re.compile(rb"(\d\d:)(\d)(\d:)(\d\d)")


def at_another_time(r: random.Random, line: bytes) -> bytes:
    """A few minutes earlier or later, wherever a time is written."""
    minute, seconds = b"%d" % r.randrange(6), b"%02d" % r.randrange(60)
    return _TIME.sub(lambda found: found[1] + minute + found[3] + seconds, line) if r.random() < 0.7 else line


# -- whole runs ----------------------------------------


def outcome(run: Run) -> tuple[list[bytes], str]:
    alerts = [msgspec.json.encode(alert) for alert in run]
    return alerts, to_summary(run.tally, run.funnels)


@pytest.mark.parametrize("path", ANALYTICS, ids=lambda p: p.stem)
def test_a_run_over_broken_telemetry_is_the_same(path: Path, tmp_path: Path) -> None:
    """The alerts and the summary, of files and of a pipe, of every event or only what the chain asks for."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(stream(seed=7, count=300)))
    analytics = load_all([path])
    for whole in (True, False):
        for name in (str(file), "-"):
            options = [Options(whole=whole, sieve=sieve) for sieve in (True, False)]
            runs = [Run(analytics, [name], one, stdin=io.BytesIO(file.read_bytes())) for one in options]
            assert outcome(runs[0]) == outcome(runs[1])
            tally = runs[0].tally
            assert tally.lines == tally.recorded + tally.blank + tally.bad_lines > 250


@pytest.mark.parametrize("path", ANALYTICS, ids=lambda p: p.stem)
def test_what_nobody_asks_for_changes_no_alert(path: Path) -> None:
    analytics = load_all([path])
    for file in sorted(ROOT.glob("examples/*/events.jsonl")):
        asked, every = (outcome(Run(analytics, [str(file)], Options(whole=whole)))[0] for whole in (False, True))
        assert asked == every, file


@pytest.mark.parametrize("path", ANALYTICS, ids=lambda p: p.stem)
def test_real_telemetry_gives_the_same_alerts_in_all_ways(path: Path, shared_data: Path) -> None:
    """With the sieve and without, every event that there is or only what the chains ask for."""
    analytics = load_all([path])
    platform = {"an0994": "macos", "an1314": "windows", "an1315": "linux", "an1316": "macos", "an1317": "container"}
    folder = shared_data / platform.get(path.stem, "cloud")
    files = [p for p in sorted(folder.rglob("*.jsonl*")) if 20_000 < p.stat().st_size < 200_000][:4]
    for file in files:
        every, asked = (
            [outcome(Run(analytics, [str(file)], Options(whole=whole, sieve=sieve))) for sieve in (True, False)]
            for whole in (True, False)
        )
        assert every[0] == every[1] and asked[0] == asked[1], file
        assert every[0][0] == asked[0][0], file
