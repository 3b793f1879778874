"""From text to tree: places, comments, recovery and hostile input; and what a fault looks like on the terminal."""

import logging
import time
from pathlib import Path

import lark
import msgspec
import pytest
from chainrun.dsl import tree
from chainrun.dsl.codes import CODES, explain
from chainrun.dsl.diagnostic import ChainError, Diagnostic
from chainrun.dsl.parser import decode, parse
from chainrun.dsl.render import to_data, to_text
from chainrun.dsl.source import Source, Span

GOLDENS = Path(__file__).parent / "goldens" / "syntax"


def read(text: str) -> tree.File:
    return parse(Source("x.chain", text))


def faults(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(ChainError) as caught:
        read(text)
    return caught.value.diagnostics


def only_chain(text: str) -> tree.Chain:
    (chain,) = (i for i in read(text).items if isinstance(i, tree.Chain))
    return chain


# -- goldens: one mistake a file ----------------------------------------


@pytest.mark.parametrize("chain", sorted(GOLDENS.glob("*.chain")), ids=lambda p: p.stem)
def test_a_mistake_is_shown_as_the_golden_has_it(chain: Path, accept: bool) -> None:
    with pytest.raises(ChainError) as caught:
        parse(decode(chain.name, chain.read_bytes()))
    text = to_text(caught.value.diagnostics, caught.value.source)
    golden = chain.with_suffix(".txt")
    if accept:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_every_code_has_a_page() -> None:
    for code, row in CODES.items():
        assert row.title == row.title.strip().rstrip(".")
        assert row.explanation
        assert explain(code.lower()) is row


# -- the grammar ----------------------------------------


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    """Lark settles a shift/reduce conflict in silence unless asked; a settled conflict is a reading nobody chose."""
    grammar = Path(tree.__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    lark.logger.addHandler(caplog.handler)
    level = lark.logger.level
    try:
        lark.logger.setLevel(logging.DEBUG)
        lark.Lark(grammar, start="file", parser="lalr", lexer="contextual", debug=True)
    finally:
        lark.logger.setLevel(level)
        lark.logger.removeHandler(caplog.handler)
    assert [r.getMessage() for r in caplog.records if "onflict" in r.getMessage()] == []


def test_precedence_is_postfix_then_absence_then_and_then_or_then_arrows() -> None:
    chain = only_chain("open -> a & b? | !c{2} -> d within 5m")
    either = chain.positions[1].element
    assert isinstance(either, tree.Either)
    both, absent = (m.element for m in either.members)
    assert isinstance(both, tree.All)
    assert isinstance(both.members[1].element, tree.Optional)
    assert isinstance(absent, tree.Absent)
    assert isinstance(absent.element, tree.Repeat)


def test_a_where_ends_at_as_and_the_capture_holds_the_step() -> None:
    chain = only_chain("write where a.b == 1 and c.d as w")
    captured = chain.positions[0].element
    assert isinstance(captured, tree.Captured)
    assert isinstance(captured.element, tree.Step)
    assert isinstance(captured.element.where, tree.Binary)
    assert captured.element.where.op == "and"


def test_not_binds_loosest_in_arguments() -> None:
    chain = only_chain("open(not A + B - C)")
    step = chain.positions[0].element
    assert isinstance(step, tree.Step)
    arguments = step.parts[0].arguments
    assert arguments is not None
    assert isinstance(arguments[0].value, tree.SetNot)
    assert isinstance(arguments[0].value.operand, tree.SetDifference)


def test_a_minus_before_a_number_belongs_to_it() -> None:
    chain = only_chain("open where a.b == -1")
    step = chain.positions[0].element
    assert isinstance(step, tree.Step)
    assert isinstance(step.where, tree.Binary)
    assert step.where.right == tree.Number(span=step.where.right.span, text="1", negative=True)


def test_lines_before_the_first_chain_are_items_and_those_after_belong_to_theirs() -> None:
    file = read(
        'except "all" when x\nchain a: open\ntest "a1" raises 0 { }\nX = 5m\nseverity low when y\nchain b: open\n'
        'except "b1" when z'
    )
    assert [type(i).__name__ for i in file.items] == ["Except", "Chain", "Parameter", "Chain"]
    a, b = (i for i in file.items if isinstance(i, tree.Chain))
    assert ([t.title.text for t in a.tests], len(a.severities), len(a.exceptions)) == (["a1"], 1, 0)
    assert [e.reason.text for e in b.exceptions] == ["b1"]


def test_every_node_is_marked_with_its_own_text() -> None:
    text = 'X = { a, "b c" }\nopen(X) by app as o -> (write where (file.size > 1MB))+ within 1h30m'
    file = read(text)
    parameter, chain = file.items
    assert isinstance(parameter, tree.Parameter)
    assert isinstance(chain, tree.Chain)

    def written(node: tree.Node) -> str:
        return text[node.span.start : node.span.end]

    assert written(parameter.value) == '{ a, "b c" }'
    assert written(chain.positions[0]) == "open(X) by app as o"
    assert written(chain.positions[1]) == "-> (write where (file.size > 1MB))+"
    assert written(chain.clauses[0]) == "within 1h30m"
    group = chain.positions[1].element
    assert isinstance(group, tree.Repeat)
    assert isinstance(group.element, tree.Group)
    assert isinstance(group.element.element, tree.Step)
    assert group.element.element.where is not None
    assert written(group.element.element.where) == "(file.size > 1MB)"


def test_comments_and_blank_lines_are_kept_with_their_places() -> None:
    file = read("# top\n\nopen # tail\n  -> write\n  # own\n  within 5m\n")
    assert [(c.text, c.own_line) for c in file.comments] == [("# top", True), ("# tail", False), ("# own", True)]
    assert len(file.blanks) == 1


def test_a_hash_in_a_string_begins_no_comment() -> None:
    assert read('open("a # b")').comments == ()


# -- literals ----------------------------------------


@pytest.mark.parametrize(
    ("written", "text", "quote"),
    [
        (r'"a\"b\\c\n\t\u{1F600}"', 'a"b\\c\n\t\U0001f600', '"'),
        (r"'C:\x\*'", r"C:\x\*", "'"),
        (r'"a\*b\?"', r"a\*b\?", '"'),
        (r'"C:\\Temp\\*"', r"C:\Temp\*", "'"),
        (r'"C:\\Temp\\x"', r"C:\Temp\x", '"'),
    ],
)
def test_a_string_keeps_what_its_stars_mean(written: str, text: str, quote: str) -> None:
    """A star is literal after a backslash between double quotes, and wild between single ones."""
    (parameter,) = read(f"X = {written}").items
    assert isinstance(parameter, tree.Parameter)
    assert isinstance(parameter.value, tree.Text)
    assert (parameter.value.text, parameter.value.quote) == (text, quote)


def test_words_in_braces_are_exactly_what_is_written() -> None:
    (parameter,) = read(r'X = { C:\a\, ...Y, "q \" z", not, 5m, 10.0.0.0/8, x:y }').items
    assert isinstance(parameter, tree.Parameter)
    assert isinstance(parameter.value, tree.WordSet)
    items = [i.text if isinstance(i, tree.Word) else i.name for i in parameter.value.items]
    assert items[0] == "C:\\a\\"
    assert isinstance(items[1], tree.Name)
    assert items[2:] == ['q " z', "not", "5m", "10.0.0.0/8", "x:y"]


def test_durations_are_microseconds_and_as_written() -> None:
    chain = only_chain("A -> B within 1d2h3m4s5ms")
    within = chain.clauses[0]
    assert isinstance(within, tree.Within)
    assert isinstance(within.value, tree.Duration)
    assert (within.value.microseconds, within.value.text) == (93_784_005_000, "1d2h3m4s5ms")


def test_a_quoted_part_of_a_path_is_one_part() -> None:
    chain = only_chain('event where raw."Some.Field" == labels."my-field"')
    step = chain.positions[0].element
    assert isinstance(step, tree.Step)
    assert isinstance(step.where, tree.Binary)
    left = step.where.left
    assert isinstance(left, tree.Path)
    assert (left.parts, left.quoted) == (("raw", "Some.Field"), True)


# -- tests in files ----------------------------------------


def test_a_test_body_is_kept_and_split_into_events() -> None:
    body = '\n 0s open Safari pid=10 # c }\n 1h30m\n 5s egress "a b" user.name="x } y" process.command_line=\'a=b\'\n'
    chain = only_chain(f'open test "x" raises 2 {{{body}}}')
    (test,) = chain.tests
    assert (test.raises, test.chain, test.body) == (2, None, body)
    first, wait, last = test.lines
    assert (first.at, said(first)) == (0, (["open"], "Safari", {"pid": ("10",)}))
    assert first.text == "0s open Safari pid=10"
    assert (wait.at, wait.kinds) == (5_400_000_000, ())
    assert said(last) == (["egress"], "a b", {"user.name": ("x } y",), "process.command_line": ("a=b",)})


def said(line: tree.TestLine) -> tuple[list[str], str | None, dict[str, tuple[str, ...]]]:
    positional = line.positional.text if line.positional is not None else None
    return [kind.text for kind in line.kinds], positional, {f.name.text: f.values for f in line.fields}


def test_a_test_body_names_files_and_expectations() -> None:
    body = '\n events "a b.jsonl" # c\n 0s write+exec /a args=-c,"x, y"\n expect drop: 5s, line 6\n expect no flag late # c\n'
    (test,) = only_chain(f'open test "x" raises 2 {{{body}}}').tests
    assert [file.text for file in test.files] == ["a b.jsonl"]
    assert said(test.lines[0]) == (["write", "exec"], "/a", {"args": ("-c", "x, y")})
    one, other = test.expects
    assert (one.what, one.name and one.name.text, [e.text for e in one.events]) == (
        "step",
        "drop",
        ["5s", "6"],
    )
    assert (other.what, other.name and other.name.text) == ("no flag", "late")


def test_a_body_that_is_left_out_has_no_events() -> None:
    (test,) = only_chain('open test "x" raises 0 { … }').tests
    assert test.lines == ()


def test_line_ends_of_windows_change_nothing() -> None:
    unix = 'open\n  -> write # c\n  within 5m\ntest "t" raises 1 {\n  0s open\n}\n'
    assert tree.same(read(unix), read(unix.replace("\n", "\r\n")))


# -- recovery ----------------------------------------


def test_a_certain_mend_lets_reading_go_on_in_the_same_chain() -> None:
    found = faults("open where a.b = 1 && c.d = 2 => write wihtin 5 min")
    assert [d.code for d in found] == ["C123", "C123", "C123", "C123", "C109", "C105"]


def test_reading_goes_on_at_the_next_declaration() -> None:
    found = faults('X = ( a )) 5\nparam Y = { a b }\nopen -> -> write\nexcept when z\ntest "t" { }\n')
    assert [d.code for d in found][1:] == ["C120", "C111", "C133", "C134"]


def test_one_fault_causes_no_other() -> None:
    assert [d.code for d in faults("X = { a, b\n\nopen(X) -> write within 5m\n")] == ["C104"]
    assert [d.code for d in faults('X = "a\n\nopen(X) -> write within 5m\n')] == ["C103"]


@pytest.mark.parametrize(
    "text",
    [
        "open where a.b = 1",
        "open wher a.b == 1",
        "X = 5 min\nopen within X",
        "open write",
        "S = { a, b\nopen(S)",
        "S = {\n a\n b\n}\nopen(S)",
        "egress where destination.ip in 10.0.0.0/8",
        "write('a', /tmp)",
        'write("C:\\Users")',
        "open where a.b == 1 || c.d == 2",
        "spawn (X)",
        "open → write within 5m",
    ],
)
def test_the_mend_mends(text: str) -> None:
    for found in reversed(faults(text)):
        assert found.fix is not None
        text = text[: found.fix.span.start] + found.fix.text + text[found.fix.span.end :]
    read(text)


def test_a_fault_at_the_end_is_marked_at_the_end_of_the_text() -> None:
    (found,) = faults("open -> write where   \n\n\n")
    assert found.span == Span(14, 19)
    (found,) = faults("open without prior write  \n")
    assert found.span == Span(24, 24)


# -- hostile input ----------------------------------------

HOSTILE = {
    "parentheses": "(" * 10_000 + "open" + ")" * 10_000,
    "parentheses of a condition": "open where " + "(" * 10_000 + "a.b" + ")" * 10_000,
    "nots": "open where " + "not " * 100_000 + "a.b",
    "ors": "open where a.b" + " or a.b" * 100_000,
    "marks": "open" + "?" * 100_000,
    "nul bytes": "open\0" * 100_000,
    "one long line": "".join(chr(33 + i * 7919 % 94) for i in range(1_000_000)),
    "many lines": "\n".join("".join(chr(33 + i * j % 94) for i in range(40)) for j in range(25_000)),
    "quotes": "\"'" * 500_000,
    "backslashes": 'X = "' + "\\" * 999_999,
    "open tests": 'test "x" raises 1 {\n' * 50_000,
    "open braces": "X = { a\n" * 100_000,
    "digits": "X = " + "9" * 1_000_000,
    "words": "X = { " + "a " * 500_000,
    "surrogates": "open \ud800\udfff",
    "direction": "open \u202e-> write\u202c within 5m",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_gives_diagnostics_soon(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ChainError) as caught:
        read(text)
    shown = to_text(caught.value.diagnostics, caught.value.source)
    assert time.perf_counter() - began < 10  # a second or two, with room for a busy machine
    assert 1 <= len(caught.value.diagnostics) <= 70
    assert all(line.isprintable() for line in shown.split("\n"))
    assert max(map(len, shown.split("\n"))) < 500


def test_a_long_row_of_alternatives_in_a_set_is_no_depth() -> None:
    read("X = { " + ", ".join(f"w{i}" for i in range(5_000)) + " }\nopen")
    read("M = { " + ", ".join(f"w{i}: {{ a }}" for i in range(1_000)) + " }\nopen")


def test_bytes_that_are_not_utf_8_are_a_diagnostic() -> None:
    with pytest.raises(ChainError) as caught:
        decode("x.chain", b"open\n  -> \xff write")
    (found,) = caught.value.diagnostics
    assert found.code == "C102"
    assert caught.value.source.position(found.span.start) == (2, 6)


# -- how faults are shown ----------------------------------------


def test_marks_line_up_under_tabs_and_wide_characters() -> None:
    source = Source("x.chain", 'open("日本",\t§)')
    with pytest.raises(ChainError) as caught:
        parse(source)
    line, marks = to_text(caught.value.diagnostics, source).split("\n")[3:5]
    assert line == ' 1 | open("日本",    §)'
    assert marks.startswith("   | " + " " * 16 + "^")


def test_what_a_terminal_would_obey_is_escaped() -> None:
    source = Source("x\x1b[2J.chain", "open \x1b[31m")
    with pytest.raises(ChainError) as caught:
        parse(source)
    text = to_text(caught.value.diagnostics, source)
    assert "\x1b" not in text
    assert r"x\u{1B}[2J.chain" in text


def test_colour_adds_nothing_but_colour() -> None:
    source = Source("x.chain", "open write")
    with pytest.raises(ChainError) as caught:
        parse(source)
    plain, coloured = (to_text(caught.value.diagnostics, source, color) for color in (False, True))
    assert "\x1b[1;31m" in coloured
    for code in ("1;31", "1;34", "1", "32", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_the_data_of_a_fault_counts_from_one() -> None:
    source = Source("x.chain", "open\n  -> write wihtin 5m")
    with pytest.raises(ChainError) as caught:
        parse(source)
    (data,) = to_data(caught.value.diagnostics, source)
    assert (data["code"], data["line"], data["column"], data["end_column"]) == ("C109", 2, 12, 18)
    assert data["fix"]["text"] == "within"
    msgspec.json.encode(data)
