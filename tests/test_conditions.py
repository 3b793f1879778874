"""Conditions: what holds, what does not, and what is unknown because the telemetry does not say."""

import itertools
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chainrun.dsl.model import (
    AnyOf,
    Binary,
    ButNot,
    Call,
    CaptureField,
    Expression,
    Field,
    FromCapture,
    Literal,
    Lookup,
    Negative,
    New,
    Not,
    NotIn,
    RawField,
    Target,
    Word,
    Words,
)
from chainrun.dsl.types import ValueType
from chainrun.engine.event import Event, Origin
from chainrun.engine.match.conditions import compile_condition, looks_back, needs, reads
from chainrun.engine.match.schedules import compile_schedule
from chainrun.engine.process import Process

TYPES = {
    "n": ValueType.NUMBER,
    "m": ValueType.NUMBER,
    "flag": ValueType.BOOLEAN,
    "file.path": ValueType.PATH,
    "process.name": ValueType.PROGRAM,
    "process.executable": ValueType.PROGRAM,
    "process.parent.name": ValueType.PROGRAM,
    "destination.ip": ValueType.DESTINATION,
    "destination.domain": ValueType.DESTINATION,
    "container.image.name": ValueType.IMAGE,
    "@timestamp": ValueType.TIME,
    "time": ValueType.TIME,
    "process.start": ValueType.TIME,
}


def field(name: str) -> Field:
    return Field(name=name, type=TYPES.get(name, ValueType.TEXT))


def captured(name: str) -> CaptureField:
    return CaptureField(capture="c", name=name, type=TYPES.get(name, ValueType.TEXT))


def lit(value: Any, quote: str = '"', type: ValueType | None = None) -> Literal:
    of = {"str": ValueType.TEXT, "bool": ValueType.BOOLEAN, "NoneType": ValueType.BOOLEAN}
    return Literal(value=value, quote=quote, type=type or of.get(value.__class__.__name__, ValueType.NUMBER))


def words(*texts: str) -> Words:
    return Words(words=tuple(Word(t) for t in texts))


def op(left: Expression, operator: str, right: Expression, type: ValueType = ValueType.BOOLEAN) -> Binary:
    return Binary(op=operator, left=left, right=right, type=type)


def event(raw: bytes = b"", time: int = 0, os: str = "linux", **fields: Any) -> Event:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return Event(time, frozenset(), named, os=os, raw=raw, origin=Origin("test", 1, 0))


SLOTS = ("n", "m", "t", "file.path", "process.name", "process.executable", "process.args", 'raw."a.b"')


def holds(condition: Expression, e: Event | None = None, **capture: Any) -> bool | None:
    values = tuple(capture.get(name.replace(".", "__"), capture.get(name)) for name in SLOTS)
    test = compile_condition(condition, lambda c, f: {("c", name): i for i, name in enumerate(SLOTS)}[c, f])
    truth = test(e or event(), values)
    assert truth is None or isinstance(truth, bool)
    return truth


# -- three values ----------------------------------------

TRUTHS = (True, False, None)
UNKNOWN = op(field("nothing"), "==", lit("x"))


def constant(truth: bool | None) -> Expression:
    return UNKNOWN if truth is None else lit(truth)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(TRUTHS, TRUTHS)))
def test_and_or_and_not_are_kleenes(a: bool | None, b: bool | None) -> None:
    both, either = op(constant(a), "and", constant(b)), op(constant(a), "or", constant(b))
    rank = {True: 2, None: 1, False: 0}
    of = {v: k for k, v in rank.items()}
    assert holds(both) is of[min(rank[a], rank[b])]
    assert holds(either) is of[max(rank[a], rank[b])]
    assert holds(Not(operand=constant(a))) is of[2 - rank[a]]


def test_a_long_chain_of_ors_is_no_depth() -> None:
    condition: Expression = lit(False)
    for _ in range(5000):
        condition = op(condition, "or", lit(False))
    assert holds(op(condition, "or", lit(True))) is True


# -- comparisons of one field ----------------------------------------

COMPARED: list[tuple[str, str, Expression, Any, bool | None]] = [
    ("n", "==", lit(5), 5, True),
    ("n", "==", lit(5), 5.0, True),
    ("n", "==", lit(5), 6, False),
    ("n", "==", lit(5), "5", None),
    ("n", "==", lit(1), True, None),
    ("n", "!=", lit(5), 6, True),
    ("n", "!=", lit(5), None, None),
    ("n", "!=", lit(5), "x", None),
    ("n", "<", lit(5), 4, True),
    ("n", "<", lit(5), 5, False),
    ("n", "<=", lit(5), 5, True),
    ("n", ">", lit(5), 5, False),
    ("n", ">=", lit(5), 5, True),
    ("n", ">", lit(5), float("nan"), None),
    ("n", ">", lit(5), "9", None),
    ("n", ">", lit(5), None, None),
    ("n", ">", lit(5), (1, 9), True),
    ("n", ">", lit(5), (1, "x"), None),
    ("n", "in", words("80", "443"), 443, True),
    ("n", "not in", words("80", "443"), 444, True),
    ("t", "==", lit("abc"), "abc", True),
    ("t", "==", lit("abc"), "ABC", False),
    ("t", "==", lit("a*"), "abc", True),
    ("t", "==", lit(r"a\*"), "abc", False),
    ("t", "==", lit(r"a\*"), "a*", True),
    ("t", "==", lit(r"a\*", "'"), r"a\bc", True),
    ("t", "!=", lit("a*"), "abc", False),
    ("t", "in", words("x", "a?c"), "abc", True),
    ("t", "not in", words("x", "a?c"), "abc", False),
    ("t", "not in", words("x"), None, None),
    ("t", "in", lit("a*"), "abc", True),
    ("t", "in", AnyOf(patterns=(words("x"), words("abc"))), "abc", True),
    ("t", "in", ButNot(pattern=words("a*"), without=words("abc")), "abc", False),
    ("t", "in", NotIn(pattern=words("abc")), "abd", True),
    ("t", "like", lit("A*C"), "abc", True),
    ("t", "like", lit("b"), "abc", False),
    ("t", "like", words("x", "*B*"), "abc", True),
    ("t", "not like", words("x", "*B*"), "abc", False),
    ("t", "not like", lit("x"), None, None),
    ("t", "like", lit("x"), 5, None),
    ("t", "matches", lit("b+", "'"), "abbc", True),
    ("t", "matches", lit("^b", "'"), "abbc", False),
    ("t", "matches", lit("(?i)ABB", "'"), "abbc", True),
    ("t", "matches", words("x", "c$"), "abbc", True),
    ("t", "not matches", lit("x", "'"), "abbc", True),
    ("t", "matches", lit("a.c", "'"), "a\nc", False),
    ("t", "contains", lit("bb"), "abbc", True),
    ("t", "contains", lit("BB"), "abbc", False),
    ("t", "contains", lit("b*"), "abbc", False),
    ("t", "contains", lit("b*"), "ab*c", True),
    ("t", "contains", lit(r"b\*"), "ab*c", True),
    ("t", "contains", words("x", "bb"), "abbc", True),
    ("t", "not contains", words("x", "bb"), "abbc", False),
    ("t", "contains", lit("x"), None, None),
    # of a list any element passes; its negation means none
    ("t", "==", lit("b"), ("a", "b"), True),
    ("t", "!=", lit("b"), ("a", "b"), False),
    ("t", "!=", lit("c"), ("a", "b"), True),
    ("t", "!=", lit("c"), (), True),
    ("t", "not in", words("b"), ("a", "b"), False),
    ("t", "contains", lit("-enc"), ("x", "-encoded"), True),
    ("t", "not contains", lit("-enc"), ("x", "-encoded"), False),
    # the rules of the field's type
    ("process.name", "==", lit("bash"), "bash", True),
    ("process.name", "==", lit("Self Service"), "Self Service", True),
    ("process.name", "!=", lit("bash"), "zsh", True),
    ("process.executable", "==", lit("bash"), "/bin/bash", True),
    ("process.executable", "==", lit("/bin/bash"), "/bin/bash", True),
    ("process.executable", "==", lit("/bin/"), "/bin/bash", True),
    ("process.executable", "in", words("/usr/bin/bash"), "/bin/bash", False),
    ("process.name", "==", lit("/bin/bash"), "bash", None),
    ("file.path", "in", words("/tmp"), "/tmp/a/b", True),
    ("file.path", "==", lit("/tmp/*.sh"), "/tmp/a.sh", True),
    ("file.path", "not in", words("/tmp"), "/tmpx/a", True),
    ("file.path", "like", lit("*/A.SH"), "/tmp/a.sh", True),
    ("destination.ip", "in", words("10.0.0.0/8"), "10.1.1.1", True),
    ("destination.ip", "in", words("10.0.0.0/8"), "x" * 500, None),
    ("destination.domain", "in", words("*.a.example"), "b.a.example", True),
    ("destination.domain", "==", lit("a.example"), "A.example.", True),
    ("container.image.name", "==", lit("alpine"), "docker.io/library/alpine:latest", True),
    ("container.image.name", "not in", words("docker.io"), "alpine:3", False),
    # null is no value of a field that is there; `exists` asks whether it is there
    ("t", "==", lit(None), "a", False),
    ("t", "!=", lit(None), "a", True),
    ("t", "==", lit(None), None, None),
]


@pytest.mark.parametrize(("name", "operator", "right", "value", "expected"), COMPARED)
def test_a_comparison(name: str, operator: str, right: Expression, value: Any, expected: bool | None) -> None:
    e = event() if value is None else event(**{name.replace(".", "__"): value})
    condition = op(field(name), operator, right)
    assert holds(condition, e) is expected
    assert holds(Not(operand=condition), e) is (None if expected is None else not expected)


def test_a_truth_is_a_condition_by_itself() -> None:
    assert holds(field("flag"), event(flag=True)) is True
    assert holds(field("flag"), event(flag=False)) is False
    assert holds(field("flag"), event()) is None
    assert holds(field("flag"), event(flag="true")) is None
    assert holds(op(field("flag"), "==", lit(True)), event(flag=True)) is True
    assert holds(op(field("flag"), "!=", lit(True)), event(flag=False)) is True


def test_a_text_in_a_list_field_is_membership() -> None:
    condition = op(lit("-enc"), "in", field("process.args"))
    assert holds(condition, event(process__args=("x", "-enc"))) is True
    assert holds(condition, event(process__args=("x", "-encoded"))) is False
    assert holds(op(lit("a"), "not in", field("process.args")), event(process__args=("a",))) is False
    assert holds(op(field("t"), "in", field("process.args")), event(t="x", process__args=("x", "y"))) is True
    assert holds(op(field("t"), "in", field("process.args")), event(t="*", process__args=("x", "y"))) is False


def test_a_program_word_with_arguments_reads_them_beside_the_name() -> None:
    condition = op(field("process.name"), "in", Words(words=(Word("open -a Terminal", '"'),)))
    assert holds(condition, event(process__name="open", process__args=("open", "-a", "Terminal"))) is True
    assert holds(condition, event(process__name="open", process__command_line="open -a iTerm")) is False
    assert holds(condition, event(process__name="open")) is None
    by_path = op(field("process.name"), "==", lit("/bin/bash"))
    assert holds(by_path, event(process__name="bash", process__executable="/bin/bash")) is True
    assert needs(by_path) == {"process.name", "process.executable"}


def test_a_missing_program_field_is_what_lineage_knows() -> None:
    e = event()
    e.process = Process(1, "h")
    e.process.name, e.process.pid = "bash", 7
    assert holds(op(field("process.name"), "==", lit("bash")), e) is True
    assert holds(op(Field(name="process.pid", type=ValueType.NUMBER), "==", lit(7)), e) is True
    assert holds(op(field("process.parent.name"), "==", lit("word")), e) is None
    e.process.parent = Process(2, "h")
    e.process.parent.name = "word"
    assert holds(op(field("process.parent.name"), "==", lit("word")), e) is True


def test_a_renamed_step_reads_the_other_field() -> None:
    test = compile_condition(op(field("t"), "==", lit("a")), rename=lambda n: {"t": "u"}.get(n, n))
    assert test(event(u="a", t="b"), ()) is True
    assert needs(op(field("t"), "==", lit("a")), rename=lambda n: {"t": "u"}.get(n, n)) == {"u"}


def test_a_label_is_a_field() -> None:
    assert holds(op(field("labels.my-field"), "==", lit("x")), event(**{"labels.my-field": "x"})) is True


# -- captures ----------------------------------------


def test_a_captured_field_is_compared_by_its_type() -> None:
    same_path = op(field("file.path"), "==", captured("file.path"))
    assert holds(same_path, event(os="windows", file__path=r"\\?\C:\A"), file__path=r"c:\a") is True
    assert holds(same_path, event(os="linux", file__path="/A"), file__path="/a") is False
    assert holds(same_path, event(file__path="/*"), file__path="/a") is False
    assert holds(same_path, event(file__path="/a")) is None
    assert holds(same_path, file__path="/a") is None
    same_name = op(field("process.name"), "==", captured("process.name"))
    assert holds(same_name, event(os="windows", process__name="CMD.exe"), process__name="cmd.exe") is True
    assert holds(op(field("t"), "!=", captured("t")), event(t="a"), t="b") is True
    assert holds(op(captured("n"), "<", field("n")), event(n=5), n=4) is True
    assert holds(op(field("t"), "in", captured("t")), event(t="a"), t=("b", "a")) is True


def test_two_missing_values_are_never_equal() -> None:
    assert holds(op(field("t"), "==", captured("t"))) is None
    assert holds(op(field("t"), "!=", captured("t"))) is None
    assert holds(op(field("t"), "==", field("u"))) is None


def test_a_captured_program_is_compared_with_words() -> None:
    assert holds(op(captured("process.name"), "==", lit("installer")), process__name="installer") is True
    assert holds(op(captured("process.executable"), "in", words("/bin/")), process__executable="/bin/sh") is True
    assert holds(op(captured("process.name"), "==", lit("installer"))) is None


def test_contains_may_compare_two_fields() -> None:
    condition = op(field("t"), "contains", captured("t"))
    assert holds(condition, event(t="run a.sh"), t="a.sh") is True
    assert holds(condition, event(t="run a.sh"), t="b.sh") is False
    assert holds(condition, event(t="run a.sh")) is None


# -- arithmetic ----------------------------------------


def number(left: Expression, operator: str, right: Expression) -> Binary:
    return op(left, operator, right, ValueType.NUMBER)


ARITHMETIC: list[tuple[Expression, dict[str, Any], bool | None]] = [
    (op(number(field("n"), "+", lit(1)), "==", lit(3)), {"n": 2}, True),
    (op(number(field("n"), "-", field("m")), ">", lit(0)), {"n": 2, "m": 3}, False),
    (op(number(field("n"), "*", lit(2)), ">", number(field("m"), "/", lit(3))), {"n": 2, "m": 9}, True),
    (op(number(field("n"), "/", field("m")), ">", lit(0)), {"n": 2, "m": 0}, None),
    (op(number(field("n"), "/", field("m")), ">", lit(0)), {"n": 2, "m": 0.0}, None),
    (op(number(field("n"), "+", field("m")), ">", lit(0)), {"n": 2}, None),
    (op(number(field("n"), "+", field("m")), ">", lit(0)), {"n": 2, "m": "1"}, None),
    (op(number(field("n"), "*", field("m")), ">", lit(0)), {"n": 1e308, "m": 1e308}, None),
    (op(number(field("n"), "*", field("m")), ">", lit(0)), {"n": 10**400, "m": 1.5}, None),
    (op(number(field("n"), "+", lit(1)), "==", lit(3)), {"n": (9, 2)}, True),
    (op(Negative(operand=field("n"), type=ValueType.NUMBER), "==", lit(-2)), {"n": 2}, True),
    (op(Negative(operand=field("n"), type=ValueType.NUMBER), "==", lit(-2)), {"n": "2"}, None),
    (
        op(number(field("@timestamp"), "-", field("process.start")), "<=", lit(60_000_000, type=ValueType.DURATION)),
        {"process__start": 40_000_000},
        True,
    ),
]


@pytest.mark.parametrize(("condition", "fields", "expected"), ARITHMETIC)
def test_arithmetic(condition: Expression, fields: dict[str, Any], expected: bool | None) -> None:
    assert holds(condition, event(time=100_000_000, **fields)) is expected


# -- functions ----------------------------------------


def call(function: str, *arguments: Expression, type: ValueType = ValueType.NUMBER) -> Call:
    return Call(function=function, arguments=arguments, type=type)


def test_a_function_of_an_unknown_is_unknown() -> None:
    assert holds(op(call("length", field("t")), ">", lit(2)), event(t="abc")) is True
    assert holds(op(call("length", field("t")), ">", lit(2))) is None
    assert holds(op(call("length", field("process.args")), "==", lit(2)), event(process__args=("a", "b"))) is True
    lower = call("lower", field("t"), type=ValueType.TEXT)
    assert holds(op(lower, "==", lit("ab*")), event(t="ABC")) is True
    assert holds(op(lower, "==", lit("abc")), event(t=("ABC", "x"))) is None
    assert holds(op(lower, "==", lit("abc")), event(t=5)) is None


def test_exists_is_the_one_way_to_ask() -> None:
    boolean = ValueType.BOOLEAN
    assert holds(call("exists", field("t"), type=boolean), event(t="")) is True
    assert holds(call("exists", field("t"), type=boolean)) is False
    assert holds(Not(operand=call("exists", field("t"), type=boolean))) is True
    assert holds(call("exists", captured("t"), type=boolean), t=1) is True
    assert holds(call("exists", RawField(path="a"), type=boolean), event(b'{"a": null}')) is False
    assert holds(call("exists", RawField(path="a"), type=boolean), event(b'{"a": {"b": 1}}')) is True


@pytest.mark.parametrize(("n", "expected"), [(0, True), (1, True), (2, True), (3, False), (4, False)])
def test_at_least_does_not_count_the_unknown(n: int, expected: bool) -> None:
    conditions = (lit(True), UNKNOWN, lit(False), lit(True))
    assert holds(call("at_least", lit(n), *conditions, type=ValueType.BOOLEAN)) is expected


def test_a_look_back_is_not_a_condition_of_one_event() -> None:
    new = New(fields=(field("user.name"),), kind="signin", look_back=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="New"):
        compile_condition(op(lit(True), "and", new))
    assert looks_back(op(lit(True), "and", Not(operand=new)))
    assert not looks_back(op(lit(True), "and", UNKNOWN))
    assert needs(new) == {"user.name"}


# -- maps ----------------------------------------

ENTRYPOINTS = Lookup(
    map="Entrypoints",
    entries=(
        (Word("nginx"), words("/docker-entrypoint.sh", "nginx*")),
        (Word("ghcr.io/org"), words("tool")),
    ),
    key=field("container.image.name"),  # type: ignore[arg-type]
)
LOOKED_UP: list[tuple[str, Any, Any, bool | None]] = [
    ("in", "nginx", "/docker-entrypoint.sh", True),
    ("in", "docker.io/library/nginx:latest", "nginx -g", True),
    ("in", "nginx", "tool", False),
    ("in", "ghcr.io/org/x:1", "tool", True),
    ("in", "redis", "tool", False),
    ("not in", "redis", "tool", True),
    ("not in", "nginx", ("nginx", "tool"), False),
    ("in", None, "tool", None),
    ("not in", None, "tool", None),
    ("in", "nginx", None, None),
    ("in", "redis", None, None),
    ("in", "", "tool", None),
]


@pytest.mark.parametrize(("operator", "image", "value", "expected"), LOOKED_UP)
def test_a_map_read_at_a_field_is_that_words_set(operator: str, image: Any, value: Any, expected: bool | None) -> None:
    fields = {"container__image__name": image, "process__args": value}
    e = event(**{k: v for k, v in fields.items() if v is not None})
    assert holds(op(field("process.args"), operator, ENTRYPOINTS), e) is expected


# -- the raw record ----------------------------------------

RECORD = b"""{"EventID": 4624, "Text": "4624", "A.B": "exact", "A": {"B": "nested", "C": {"D": 1}},
 "x": {"y.z": [1, 2]},
 "list": [{"k": "a"}, {"k": "b"}, {}, 7], "t": true, "null": null, "deep": {"list": ["a", null]}, "object": {"a": 1}}"""
RAW: list[tuple[str, str, Expression, bool | None]] = [
    ("EventID", "==", lit(4624), True),
    ("EventID", "==", lit("4624"), True),
    ("Text", "==", lit(4624), True),
    ("Text", "==", lit("46*"), True),
    ("Text", "in", words("1", "4624"), True),
    ("EventID", "in", words("1", "4624"), True),
    ("EventID", "!=", lit(1), True),
    ("EventID", ">", lit(1), True),
    ("Text", ">", lit(1), True),
    ("A.B", "==", lit("exact"), True),
    ("A.C.D", "==", lit(1), True),
    ("x.y.z", "==", lit(2), True),
    ("x.y.z", "==", lit(3), False),
    ("list.k", "==", lit("b"), True),
    ("list.k", "!=", lit("b"), False),
    ("deep.list", "==", lit("a"), True),
    ("t", "==", lit(True), True),
    ("t", "==", lit("true"), True),
    ("missing", "==", lit("a"), None),
    ("A.X", "==", lit("a"), None),
    ("EventID.x", "==", lit("a"), None),
    ("null", "==", lit(None), True),
    ("missing", "==", lit(None), None),
    ("Text", "==", lit(None), False),
    ("null", "==", lit("a"), None),
    ("object", "==", lit("a"), None),
    ("Text", "contains", lit("62"), True),
]


@pytest.mark.parametrize(("path", "operator", "right", "expected"), RAW)
def test_a_raw_field_is_whatever_is_there(path: str, operator: str, right: Expression, expected: bool | None) -> None:
    assert holds(op(RawField(path=path), operator, right), event(RECORD)) is expected


def test_a_raw_field_of_a_capture_is_read_from_its_slot() -> None:
    condition = op(RawField(path="a.b", capture="c"), "==", field("n"))
    test = compile_condition(condition, lambda c, f: {("c", 'raw."a.b"'): 0}[c, f])
    assert test(event(n=5), ("5",)) is True
    assert test(event(n=5), (6,)) is False
    assert test(event(n=5), (None,)) is None
    assert reads(condition) == {("c", 'raw."a.b"')}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 50_000, b"null", b"[]", b'"a"', b'{"a":' * 3000, b"\0"])
def test_a_broken_record_is_unknown(raw: bytes) -> None:
    assert holds(op(RawField(path="a.b.c"), "==", lit("x")), event(raw)) is None


# -- time ----------------------------------------


def moment(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


SCHEDULES = [
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-03-07T08:00", "Europe/Berlin", True),
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-03-07T17:59:59", "Europe/Berlin", True),
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-03-07T18:00", "Europe/Berlin", False),
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-03-07T07:59", "Europe/Berlin", False),
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-03-08T12:00", "Europe/Berlin", False),
    # eight o'clock in Berlin is six in summer and seven in winter
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-07-04T06:30", "UTC", True),
    ("mon-fri 08:00-18:00 Europe/Berlin", "2025-03-07T06:30", "UTC", False),
    ("08:00-18:00", "2025-03-08T12:00", "UTC", True),
    ("Mon,Wed,fri-sun 08:00-24:00 UTC", "2025-03-05T23:59", "UTC", True),
    ("Mon,Wed,fri-sun 08:00-24:00 UTC", "2025-03-06T12:00", "UTC", False),
    ("fri-mon 08:00-24:00", "2025-03-09T12:00", "UTC", True),
    # hours past midnight belong to the day on which they begin
    ("fri 22:00-06:00", "2025-03-08T05:59", "UTC", True),
    ("fri 22:00-06:00", "2025-03-07T05:59", "UTC", False),
    ("fri 22:00-06:00", "2025-03-07T22:00", "UTC", True),
    ("sun 22:00-06:00", "2025-03-10T01:00", "UTC", True),
]


@pytest.mark.parametrize(("schedule", "at", "zone", "expected"), SCHEDULES)
def test_a_schedule(schedule: str, at: str, zone: str, expected: bool) -> None:
    e = event(time=moment(at, zone))
    right = lit(schedule, type=ValueType.SCHEDULE)
    assert holds(op(field("time"), "in", right), e) is expected
    assert holds(op(field("time"), "outside", right), e) is (not expected)


@pytest.mark.parametrize(
    "text", ["", "mon", "08:00", "xyz 08:00-18:00", "08:00-18:00 Nowhere/Land", "08:00-18:00 ../x"]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        compile_schedule(text)


def test_a_time_that_no_calendar_has_is_unknown() -> None:
    right = lit("08:00-18:00", type=ValueType.SCHEDULE)
    assert holds(op(field("process.start"), "in", right), event(process__start=10**30)) is None
    assert holds(op(field("process.start"), "in", right), event(process__start="x")) is None
    assert holds(op(field("process.start"), "in", right), event()) is None


# -- what is read ----------------------------------------


def test_what_a_condition_needs_and_what_it_reads() -> None:
    condition = op(
        op(field("t"), "==", captured("m")),
        "and",
        Not(operand=op(call("length", field("u")), ">", Negative(operand=captured("n"), type=ValueType.NUMBER))),
    )
    assert needs(condition) == {"t", "u"}
    assert reads(condition) == {("c", "m"), ("c", "n")}
    assert needs(op(field("time"), "in", lit("08:00-18:00", type=ValueType.SCHEDULE))) == {"@timestamp"}
    assert needs(op(RawField(path="A.B"), "==", lit(1))) == {'raw."A.B"'}
    assert needs(op(field("process.args"), "in", ENTRYPOINTS)) == {"process.args", "container.image.name"}
    spaced = op(captured("process.name"), "==", lit("gio open"))
    assert reads(spaced) == {("c", f"process.{f}") for f in ("name", "executable", "args", "command_line")}


def test_what_an_argument_needs_and_what_it_reads() -> None:
    program = Target(ValueType.PROGRAM, "process")
    assert needs(words("a"), program) == {f"process.{f}" for f in ("name", "executable", "args", "command_line")}
    assert "dns.question.name" in needs(words("a"), Target(ValueType.DESTINATION, "destination"))
    assert needs(words("a"), Target(ValueType.PATH, "file.path")) == {"file.path"}
    assert needs(words("a"), Target(ValueType.PROGRAM, "<ancestor>")) == set()
    assert "process.parent.name" in needs(words("a"), Target(ValueType.PROGRAM, "<actor>"), actor="process.parent")
    drop = FromCapture(capture="drop", field=None, type=ValueType.PATH)
    origin = FromCapture(capture="drop", field="file.path", type=ValueType.PATH)
    assert reads(NotIn(pattern=AnyOf(patterns=(drop, origin, words("a"))))) == {("drop", ""), ("drop", "file.path")}


# -- what the checker should have refused ----------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        words("a"),
        lit("text"),
        op(field("t"), "matches", lit("(", "'")),
        op(field("t"), "matches", lit(r"(a)\1", "'")),
        op(field("t"), "matches", field("u")),
        op(field("t"), "like", ENTRYPOINTS),
        op(field("t"), "+", field("u")),
        op(field("t"), "in", lit("never", type=ValueType.SCHEDULE)),
    ],
    ids=str,
)
def test_what_has_no_meaning_is_refused_when_it_is_compiled(condition: Expression) -> None:
    with pytest.raises(ValueError):
        compile_condition(condition)


# -- hostile values ----------------------------------------

HOSTILE: list[Any] = [
    "a" * 100_000,
    "\0",
    "\ud800",
    "\U0001f600" * 1000,
    "",
    10**400,
    -(10**400),
    float("inf"),
    float("nan"),
    True,
    (),
    ("a", 5, None, ("b",)),
    [],
    {},
    b"x",
    object(),
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "name", ["t", "n", "flag", "file.path", "process.name", "destination.ip", "container.image.name"]
)
def test_no_value_makes_a_condition_throw(name: str, value: Any) -> None:
    e = event(**{name.replace(".", "__"): value, "u": value})
    rights: list[Expression] = [lit("a*b"), lit(5), lit(True), lit(None), words("a", "b*"), field("u"), captured("t")]
    for right in rights:
        for operator in ("==", "!=", "in", "not in", "contains", *(() if isinstance(right, Words) else ("<", ">="))):
            holds(op(field(name), operator, right), e, t=value)
            holds(op(number(field(name), "*", field("u")), operator, right), e, t=value)
    for right in (lit("a*b"), words("a+", "b")):
        holds(op(field(name), "like", right), e)
        holds(op(field(name), "matches", right), e)
    for function in ("length", "lower", "entropy", "basename", "longest_run"):
        holds(op(call(function, field(name)), "==", lit(1)), e)
    holds(field(name), e)
    holds(op(field(name), "in", lit("08:00-18:00", type=ValueType.SCHEDULE)), e)
