"""The front end's accepted and refused snippets: the specification's own, and an independent set that stands here.

Every refused one must give diagnostics, every accepted one must come back from the printer as the same tree.
"""

import re
from pathlib import Path

import pytest
from chainrun.dsl.codes import CODES
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.source import Source
from chainrun.dsl.tree import same

ACCEPTED = [
    "spawn",
    "Window = 90s\nDrop = { /var/tmp, '/a b' }\nopen -> write(Drop) within Window",
    "param Window = 1h30m \"how long\"\nparam Rx = '\\w+\\.ps1'\nspawn where process.command_line matches Rx",
    'analytic A1 "title" { platform: linux, macos within: 3 see: "a b", https://e.org/x }\nopen',
    "analytic A1 {}\nopen",
    "Empty = {}\nopen(Empty)",
    "Trailing = { a, b, }\nopen(Trailing)",
    "M = { a: {}, 'b c': { x, } , reg.io/n:1: { y } }\ncreate where process.name in M[container.image.name]",
    "Odd = { in, not, ->, =, x:y, -1, 5m, a=b, \\\\?\\C:\\x, C:\\, [z], (q), *.{}".replace("{}", "org }")
    + "\nopen(Odd)",
    "Sum = A + B - (C + { x }) + ...".replace(" + ...", "") + "\nopen(Sum)",
    "open(not A - { b })",
    "spawn(A, parent: not { b }, from: 'c', in: D, user: x.user.name, port: 443)",
    "open as a -> spawn by a as c -> egress under c ~> stop of box ~> egress from box within 5m",
    "open ->[5s] write ~>[1s..10s] read ->?[Lo..Hi] load ->? exec within 1h",
    "open -> (a | b & c) -> !(d | e) -> ( -> f & ~> g | h ) within 1h",
    "open? -> write+ -> read{2}? -> load{2,}+ -> exec{N,M} as e within 1d",
    "(write where file.size > 1.5MB){3} as w",
    "write where file.size > 1MB as w?",
    "open{>= 2, sum destination.bytes > 5KB, share(a.b == 1 or c.d) < 5%, count(a.b) >= N * 2 in D by x.y, z}",
    "egress{>= 6 every 10m +- 30s by destination.ip} -> egress{>= 3 every Low..High} within 2h",
    "signin without prior signin(K) of s and event in 30d as x",
    "open where (a.b == 1 or c.d != 2) and not e.f in { g } and not (h.i < 3 and j.k >= -4)",
    "open where a.b - 1 * 2 / -c.d + 3 <= 5m + Skew and x outside Hours and x not like 'y' and z contains { a, b }",
    'open where labels."my-field" == "x" and app.raw."A.B" != null and raw.x == true',
    "open where new(a.b, c among signin in 1d) and at_least(1, exists(x.y), similarity(a, 'b') > 0.8)",
    "open where distinct == 1 and sum > 2 and all == 3 and every == 4 and among == 5",
    "A -> B per host, user.name once per c.d in 5m until exit(X) where e.f == 1 within 5m",
    "A -> B per all once per host within 5m",
    'open severity low when x severity high when a.b > 1 except "r" on x when y until 2027-01-31 owner "t"',
    "chain one: open\nchain two: write -> read within 1s",
    "kind a: write where file.extension in { js } { introduces: file = file.path }\nkind b: a(X) by y { tests: c.d size: e }",
    'test "before" raises 0 { 0s open }\nopen\ntest "after" raises 12 {\n\n 1m30s # later\n 2m spawn "a # b" x.y=\'{\' z="\\"" # c\n}',
    'chain c: open\ntest "t" raises 1 c { 0s open }',
    "open#comment\n->#another\nwrite within 5m",
    "\r\nopen\r\n\t-> write\r\n within 5m\r\n",
    "",
    "# nothing but a comment",
    "all -> every -> distinct{distinct x >= 2 in 1m} -> sum -> among within 5m",
]

REFUSED = [
    ("open -> -> write within 5m", "C111"),
    ("open -> write ->", "C111"),
    ("~> open", "C111"),
    ("open -> write read within 5m", "C110"),
    ("open write", "C110"),
    ("open -> write\nread within 5m", "C110"),
    ("open\n\nwrite within 5m\nread", "C110"),
    ("open within 5m\nwrite within 5m", "C113"),
    ("chain a: open within 5m\nwrite", "C113"),
    ("open chain a: write", "C113"),
    ("(open -> write)", "C112"),
    ("open -> ( -> write ) within 5m", "C112"),
    ("open -> write wihtin 5m", "C109"),
    ("opne -> write whithin 5m", "C109"),
    ("parm X = 5m\nopen -> write", "C109"),
    ("chian a: open", "C109"),
    ('open\ntset "x" raises 1 { 0s open }', "C109"),
    ("open wher a.b == 1", "C109"),
    ("open whithout prior write in 5m", "C109"),
    ("as = 5m", "C108"),
    ("param in = 5m", "C108"),
    ("chain per: open", "C108"),
    ("open as from", "C108"),
    ("spawn(within)", "C108"),
    ("open where a.b = 1", "C123"),
    ("open where a.b === 1", "C123"),
    ("open where a.b <> 1", "C123"),
    ("open where a.b == 1 && c.d == 2", "C123"),
    ("open where a.b == 1 || c.d == 2", "C123"),
    ("open where !a.b", "C123"),
    ("open => write within 5m", "C123"),
    ("open --> write within 5m", "C123"),
    ("X := 5m\nopen", "C123"),
    ("spawn(A, parent = B)", "C123"),
    ("open; ", "C123"),
    ("// note\nopen", "C123"),
    ("open or write", "C123"),
    ("open where a.b < c.d < 3", "C124"),
    ("open where a.b ==", "C125"),
    ("open where", "C125"),
    ("open where a.b and -> write within 5m", "C125"),
    ("open where a.b == 2027-01-31", "C126"),
    ("spawn (X)", "C127"),
    ("spawn(X,)", "C127"),
    ("spawn(X Y)", "C127"),
    ("open within 5", "C105"),
    ("open within 5 minutes", "C105"),
    ("open within 5min", "C105"),
    ("open within 2 weeks", "C105"),
    ("open within 1h30", "C105"),
    ("open within 0s", "C105"),
    ("X = 5kb\nopen", "C105"),
    ("X = 1.5h\nopen", "C105"),
    ("X = 12345678901234567890\nopen", "C105"),
    ("open{> 5 % in 1m}", "C105"),
    ('open("C:\\Users")', "C106"),
    ('open("\\u{110000}")', "C106"),
    ('X = "abc\nopen', "C103"),
    ("X = 'abc\nopen", "C103"),
    ('X = "abc\\"\nopen', "C103"),
    ("X = { a, b\nY = { c }\nopen", "C104"),
    ("X = { a, b", "C104"),
    ("X = { a#1, b }\nopen", "C104"),
    ("open(X -> write within 5m", "C104"),
    ("X = { a b }\nopen", "C120"),
    ("X = {\n  a\n  b\n}\nopen", "C120"),
    ("X = { 'a' 'b' }\nopen", "C120"),
    ("X = { ...in }\nopen", "C120"),
    ("X = { a, b: { c } }\nopen", "C121"),
    ("X = { a: { b }, c }\nopen", "C121"),
    ("X = { a: { b: { c } } }\nopen", "C121"),
    ("open(/tmp)", "C122"),
    ("open(C:\\x)", None),
    ("open where file.path in ~/x", "C122"),
    ("open where destination.ip == 10.0.0.1", "C122"),
    ("egress(10.0.0.0/8)", "C122"),
    ("egress(::1)", "C122"),
    ("open → write within 5m", "C101"),
    ("open where a.b == “x”", "C101"),
    ("\ufeffopen", "C101"),
    ("open # \u202e", "C101"),
    ("op\x00en", "C101"),
    ("open\u00a0-> write within 5m", "C101"),
    ("öffnen -> write", "C101"),
    ("!!open", "C114"),
    ("open ? -> write within 5m", "C114"),
    ("open + -> write within 5m", "C114"),
    ("open where a.b {3}", "C114"),
    ("open as x by y", "C114"),
    ("open -> () within 5m", "C114"),
    ("open{}", "C115"),
    ("open{3 in 1m}", "C115"),
    ("open{>= 3}", "C115"),
    ("open{>= 3 every 5m}", "C115"),
    ("open ->[] write", "C116"),
    ("open ->[5] write", "C105"),
    ("open without prior write", "C117"),
    ("open without prior write where a.b in 5m", "C117"),
    ('open except "x" when a.b within 5m', "C118"),
    ("open severity low when x per host", "C118"),
    ("open\nanalytic X { a: b }", "C119"),
    ("analytic X { a: b }\nanalytic Y { a: b }\nopen", "C119"),
    ("param X 5m\nopen", "C130"),
    ("X =\nopen -> write", None),
    ("analytic X { a: b c }\nopen", "C131"),
    ("analytic X { a: }\nopen", "C131"),
    ("analytic X { b }\nopen", "C131"),
    ("kind a: open -> write", "C132"),
    ("kind a: open+\nb", "C132"),
    ("kind a write", "C132"),
    ("open except when x", "C133"),
    ("open except \"x\" on y z", "C133"),
    ("open severity high", "C133"),
    ('open test "x" { 0s open }', "C134"),
    ("open test raises 1 { 0s open }", "C134"),
    ('open test "x" raises 1 { open }', "C134"),
    ('open test "x" raises 1 { 0s open a b }', "C134"),
    ('open test "x" raises 1 { 0s open don\'t }', "C134"),
    ('open test "x" raises 1 { 0s open x= }', "C134"),
    ("chain a open", "C135"),
    ("open where " + "(" * 100 + "a" + ")" * 100, "C107"),
    ("open where a" + " or a" * 300, "C107"),
    ("* open", "C100"),
]  # fmt: skip


def faults(text: str) -> list[str]:
    try:
        parse(Source("x.chain", text))
    except ChainError as error:
        return [d.code for d in error.diagnostics]
    return []


def assert_accepted(text: str) -> None:
    tree = parse(Source("x.chain", text))
    again = parse(Source("x.chain", format_tree(tree)))
    assert same(tree, again)


@pytest.mark.parametrize("text", ACCEPTED)
def test_it_is_accepted(text: str) -> None:
    assert_accepted(text)


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_it_is_refused_with_the_fitting_code(text: str, code: str | None) -> None:
    found = faults(text)
    assert found
    assert code is None or code in found
    assert set(found) <= set(CODES)


@pytest.mark.parametrize("code", [c for c, row in CODES.items() if c.startswith("C1") and row.wrong])
def test_the_page_of_a_code_shows_that_fault_and_its_mend(code: str) -> None:
    assert code in faults(CODES[code].wrong)
    assert not faults(CODES[code].right)


def test_the_specification_draws_the_same_line(shared_data: Path) -> None:
    page = shared_data.parent / "design" / "snippets.md"
    if not page.is_file():
        pytest.skip("no specification beside the project")
    accepted, refused = (
        re.findall(r"^```\n(.*?)\n```$", part, re.S | re.M) for part in page.read_text("utf-8").split("## Refused")
    )
    assert len(accepted) > 50 < len(refused)
    for text in accepted:
        assert_accepted(text)
    assert [text for text in refused if not faults(text)] == []
