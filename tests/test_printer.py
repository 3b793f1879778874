"""The canonical text: what `chainrun fmt` writes, and that nothing is lost on the way.

The property tests make random trees (every node of the language) and random layouts of known texts (comments and line
breaks between any two words): parsing what is printed gives the same tree, printing it again the same text.
"""

from pathlib import Path

import pytest
from chainrun.dsl import tree
from chainrun.dsl.literal import microseconds, quoted, unquote
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree, print_chain, print_element, print_expression, print_step
from chainrun.dsl.source import Source, Span
from chainrun.dsl.testbody import split
from hypothesis import given, settings
from hypothesis import strategies as st

AT = Span(0, 0)


def read(text: str) -> tree.File:
    return parse(Source("x.chain", text))


def formatted(text: str) -> str:
    return format_tree(read(text))


# -- by example ----------------------------------------

SHIPPED = """\
# an1316.chain
analytic AN1316 "User execution on macOS: open, drop, script child, egress" {
  platform: macos
  attack:   T1204.001, T1204.002
  strategy: DET0478
  severity: high
}

param TimeWindow       = 30m  "Longest time from the open to the egress; ATT&CK suggests 10-30 minutes."
param UserApps         = { Safari, "Google Chrome", "Microsoft Word", Preview, "Archive Utility" }
                           "Apps whose open, click or crash can begin a chain."
param UserPaths        = { ~/Downloads, /private/var/folders, ~/Library }
param HighRiskChildren = { osascript, bash, zsh, curl, python*, installer, tccutil, "open -a Terminal" }
param EgressAllowList  = { *.apple.com, *.icloud.com, 17.0.0.0/8 }

open(UserApps) as app
  -> write(UserPaths) as drop
  -> spawn(HighRiskChildren) by app as child
  -> egress(not EgressAllowList)
  within TimeWindow

except "managed installs" when child.process.name == "installer" and app.process.name == "Self Service"
"""

COUNTED = """\
connect(External, port: HttpPorts, actor: not UserProcessBaseline)
    where new(process.executable among connect in Baseline) as first
  -> connect(External, port: HttpPorts) by first
      {sum source.bytes > HighVolume,
       share(source.bytes > destination.bytes * LowResponse) > 80%
       in TimeWindow by destination.ip, destination.port} as flood
  -> (write
       where file.extension in { js, vbs, hta, ps1, scpt }
         and file.directory in TemporaryDirectories)
      {distinct file.path >= MinimumOfPaths in TimeWindow}
  ~>[1h..] accept(knock.source.ip, port: WatchedPorts) as shake
      without prior accept(knock.source.ip, port: shake.destination.port) in FirstIn
  within TimeWindow
"""

CANONICAL = [
    SHIPPED,
    "TimeWindow = 15m\nUserPaths  = { ~/Downloads, /tmp }\n\nopen -> write(UserPaths) -> egress within TimeWindow\n",
    "kind persist:    write(LaunchPaths)\nkind scriptdrop: write where file.extension in { js, vbs }\n",
    "chain one: open -> write within 5m\n\nchain two: open -> ( -> write & ~> mount ) within 5m\n",
    'open\n\ntest "a" raises 1 {\n  0s  open   Safari   pid=10\n}\ntest "b" raises 0 { … }\n',
    COUNTED,
    "# alone\n",
    "",
    "A = {\n  a,  # first\n  # second is next\n  b,\n}  # end\n\nopen\n",
    "open  # why\n  # then\n  -> write\n  within 5m  # long\n\n# the end\n",
]


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_text_stays_as_it_is(text: str) -> None:
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("open->write(A)->spawn\nwithin 5m", "open -> write(A) -> spawn within 5m\n"),
        ("A=5m\nLonger={a,b,}\n\n\n\nopen", "A      = 5m\nLonger = { a, b }\n\nopen\n"),
        ('A=5m "a"\nB=100 "b"\nC=7\nopen', 'A = 5m   "a"\nB = 100  "b"\nC = 7\n\nopen\n'),
        ("A=5m\n\nLonger={a}\nopen", "A = 5m\n\nLonger = { a }\n\nopen\n"),
        ("open where ((a.b==1)) and(c.d or e.f)", "open where a.b == 1 and (c.d or e.f)\n"),
        ("open where a.b - (c.d - e.f) == -(1)", "open where a.b - (c.d - e.f) == -1\n"),
        ('X = "C:\\\\Temp\\\\*"\nopen', "X = 'C:\\Temp\\*'\n\nopen\n"),
        ("\n\n# c\n\n\nopen # d\n", "# c\n\nopen  # d\n"),
    ],
)
def test_text_becomes_canonical(text: str, canonical: str) -> None:
    assert formatted(text) == canonical


def test_a_long_chain_has_one_arrow_a_line_and_its_clauses_below() -> None:
    text = "open(UserApps) as app -> write(UserPaths) as drop -> spawn(HighRiskChildren) by app as child per host within 5m"
    assert formatted(text).split("\n") == [
        "open(UserApps) as app",
        "  -> write(UserPaths) as drop",
        "  -> spawn(HighRiskChildren) by app as child",
        "  per host",
        "  within 5m",
        "",
    ]


def test_long_sets_and_conditions_are_wrapped() -> None:
    words = ", ".join(f"word{i:03}" for i in range(40))
    text = formatted(f"Set = {{ {words} }}\nopen where " + " and ".join(f"process.pid != {i}" for i in range(20)))
    assert max(map(len, text.split("\n"))) <= 120
    assert text.startswith("Set = {\n  word000, word001,")
    assert "\n  where process.pid != 0\n    and process.pid != 1\n" in text


def test_a_step_is_shown_on_one_line_as_written() -> None:
    (chain,) = read("open( A ,parent :not{ b}) by x as o -> (write where file.size>1MB)+ within 5m").items
    assert isinstance(chain, tree.Chain)
    first, second = (p.element for p in chain.positions)
    assert print_element(first) == "open(A, parent: not { b }) by x as o"
    assert print_element(second) == "(write where file.size > 1MB)+"
    assert isinstance(first, tree.Captured)
    assert isinstance(first.element, tree.Step)
    assert print_step(first.element) == "open(A, parent: not { b }) by x"
    assert print_chain(chain) == "open(A, parent: not { b }) by x as o -> (write where file.size > 1MB)+ within 5m"


def test_a_map_is_shown_on_one_line() -> None:
    (parameter,) = read("M = { a: { b }, 'c d': { e, f } }").items
    assert isinstance(parameter, tree.Parameter)
    assert print_expression(parameter.value) == "{ a: { b }, 'c d': { e, f } }"


# -- any layout of known words ----------------------------------------

WORDS = [
    'analytic A1 "t" { platform: macos , linux severity: high }',
    'param Window = 5m "d" Set = { a , "b c" , ...Other , } M = { k: { v } , l: { w } } Rest = A + { b } - C',
    "kind k: write where file.extension in { js } { introduces: file = file.path }",
    "open(A) as app -> write where file.size > 1MB and not (a.b or c.d) as w ~>[5s..1m] (x | y & z)+ "
    "->? !(p | q) -> egress{>= 3 in 1m by d.e} within 5m per host once per app",
    "severity high when x except \"r\" on w when a.b == 1 owner 'o' until 2027-01-31",
    'test "t" raises 1 { 0s open }',
]
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", "\n\n\n", " # c\n", "\n# own\n", "\n\n# own\n\n", "\t", "\r\n"])


BETWEEN = " ".join(WORDS).split(" ")
# inside quotes and in the head of a test's body a gap would be another text
BREAKABLE = [
    i for i in range(len(BETWEEN))
    if sum(w.count('"') + w.count("'") for w in BETWEEN[: i + 1]) % 2 == 0 and "raises" not in BETWEEN[max(0, i - 5) : i + 1]
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(BREAKABLE), GAPS, max_size=8))
def test_comments_and_layout_never_change_the_tree(gaps: dict[int, str]) -> None:
    text = "".join(word + gaps.get(i, " ") for i, word in enumerate(BETWEEN))
    file = read(text)
    printed = format_tree(file)
    again = read(printed)
    assert tree.same(again, file)
    assert format_tree(again) == printed
    assert len(again.comments) == text.count("#")


# -- any tree ----------------------------------------

RESERVED = [
    "analytic",
    "param",
    "kind",
    "chain",
    "except",
    "when",
    "on",
    "owner",
    "test",
    "raises",
    "as",
    "by",
    "under",
    "from",
    "of",
    "not",
    "and",
    "or",
    "in",
    "like",
    "matches",
    "contains",
    "where",
    "within",
    "per",
    "once",
    "until",
    "without",
    "prior",
    "severity",
    "true",
    "false",
    "null",
    "new",
    "count",
    "share",
    "distinct",
    "sum",
    "every",
    "among",
    "all",
    "outside",
]
identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(lambda w: w not in RESERVED)
names = st.builds(tree.Name, span=st.just(AT), text=identifiers)
safe = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), max_size=8)


def strings(kind: type[tree.Text] | type[tree.Word]) -> st.SearchStrategy[tree.Text | tree.Word]:
    """Strings as the parser would keep them: through their written form, whatever it was."""

    def kept(text: str, quote: str) -> tree.Text | tree.Word:
        text, quote = unquote(quoted(text, quote))
        return kind(span=AT, text=text, quote=quote)

    return st.builds(
        kept,
        st.one_of(safe, st.sampled_from(["\\", "\\*", "a\\?b", "\n", 'q"', "it's", "\\\\*"])),
        st.sampled_from("\"'"),
    )


texts = strings(tree.Text)
bare = st.from_regex(
    r"""[^\s,{}"'#.:\x00-\x20\x7f-\xa0\u200b-\uffff][^\s,{}"'#:\x00-\x20\x7f-\U0010ffff]{0,8}""", fullmatch=True
)
words = st.one_of(st.builds(tree.Word, span=st.just(AT), text=bare), strings(tree.Word))
includes = st.builds(tree.Include, span=st.just(AT), name=names)
sets = st.builds(tree.WordSet, span=st.just(AT), items=st.lists(st.one_of(words, includes), max_size=4).map(tuple))
paths = st.one_of(
    st.builds(tree.Path, span=st.just(AT), parts=st.lists(identifiers, min_size=1, max_size=3).map(tuple)),
    st.builds(
        lambda head, tail: tree.Path(span=AT, parts=(head, unquote(quoted(tail))[0]), quoted=True), identifiers, safe
    ),
)
durations = st.from_regex(r"[1-9][0-9]{0,2}(ms|s|m|h|d)", fullmatch=True).map(
    lambda w: tree.Duration(span=AT, microseconds=microseconds(w), text=w)
)
limits = st.one_of(durations, identifiers.map(lambda w: tree.Path(span=AT, parts=(w,))))
digits = st.from_regex(r"[1-9][0-9]{0,3}(\.[0-9]{1,3})?", fullmatch=True)
units = st.sampled_from(["", "%", "KB", "MB", "GB"])
numbers = st.builds(tree.Number, span=st.just(AT), text=digits, unit=units)
signed = st.builds(tree.Number, span=st.just(AT), text=digits, unit=units, negative=st.booleans())
truths = st.builds(tree.Truth, span=st.just(AT), value=st.sampled_from([True, False, None]))
atoms = st.one_of(paths, texts, signed, durations, truths, sets)


def _patterns(inner: st.SearchStrategy[tree.Pattern]) -> st.SearchStrategy[tree.Pattern]:
    both = {"span": st.just(AT), "left": inner, "right": inner}
    return st.one_of(st.builds(tree.SetUnion, **both), st.builds(tree.SetDifference, **both))


patterns = st.recursive(atoms, _patterns, max_leaves=5)
loose_patterns = st.one_of(patterns, st.builds(tree.SetNot, span=st.just(AT), operand=patterns))
COMPARES = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "not like", "matches", "not contains", "outside"]


def _conditions(inner: st.SearchStrategy[tree.Expression]) -> st.SearchStrategy[tree.Expression]:
    operators = st.sampled_from(["or", "and", "+", "-", "*", "/", *COMPARES])
    return st.one_of(
        st.builds(tree.Binary, span=st.just(AT), op=operators, left=inner, right=inner),
        st.builds(tree.Unary, span=st.just(AT), op=st.just("not"), operand=inner),
        st.builds(tree.Unary, span=st.just(AT), op=st.just("-"), operand=paths),
        st.builds(tree.Call, span=st.just(AT), name=names, arguments=st.lists(inner, max_size=3).map(tuple)),
        st.builds(tree.Lookup, span=st.just(AT), map=names, key=paths),
        st.builds(
            tree.New,
            span=st.just(AT),
            fields=st.lists(paths, min_size=1, max_size=2).map(tuple),
            kind=names,
            look_back=limits,
        ),
    )


conditions = st.recursive(atoms, _conditions, max_leaves=8)
sums = conditions.filter(lambda e: not isinstance(e, tree.Binary) or e.op in "+-*/")
labels = st.one_of(
    st.none(), st.builds(tree.Name, span=st.just(AT), text=st.one_of(identifiers, st.sampled_from(RESERVED)))
)
arguments = st.builds(tree.Argument, span=st.just(AT), name=labels, value=loose_patterns)
links = st.builds(tree.Link, span=st.just(AT), word=st.sampled_from(["by", "under", "of", "from"]), capture=names)
parts = st.builds(
    tree.Part,
    span=st.just(AT),
    kind=names,
    arguments=st.one_of(st.none(), st.lists(arguments, max_size=3).map(tuple)),
    links=st.lists(links, max_size=2).map(tuple),
)
plain_steps = st.builds(tree.Step, span=st.just(AT), parts=st.lists(parts, min_size=1, max_size=2).map(tuple))
filtered_steps = st.builds(
    tree.Step, span=st.just(AT), parts=st.lists(parts, min_size=1, max_size=2).map(tuple), where=conditions
)
steps = st.one_of(plain_steps, filtered_steps)
bounds = st.one_of(numbers, identifiers.map(lambda w: tree.Path(span=AT, parts=(w,))))
hops = st.one_of(
    st.builds(tree.Hop, span=st.just(AT), arrow=st.sampled_from(["->", "->?", "~>"])),
    st.builds(
        tree.Hop,
        span=st.just(AT),
        arrow=st.sampled_from(["->", "->?", "~>"]),
        least=st.one_of(st.none(), limits),
        most=limits,
    ),
    st.builds(tree.Hop, span=st.just(AT), arrow=st.sampled_from(["->", "->?", "~>"]), least=limits),
)
measures = st.one_of(
    st.builds(tree.Measure, span=st.just(AT), function=st.just("count"), subject=st.none(), op=st.sampled_from([">", ">="]), bound=sums),
    st.builds(tree.Measure, span=st.just(AT), function=st.sampled_from(["count", "share"]), subject=conditions, op=st.just("<"), bound=sums),
    st.builds(tree.Measure, span=st.just(AT), function=st.sampled_from(["distinct", "sum"]), subject=paths, op=st.just(">="), bound=sums),
)  # fmt: skip
cadences = st.one_of(
    st.builds(tree.Cadence, span=st.just(AT), every=limits, tolerance=limits),
    st.builds(tree.Cadence, span=st.just(AT), every=limits, longest=limits),
)


def _one() -> tree.Number:
    return tree.Number(span=AT, text="1")


def _postfix(inner: st.SearchStrategy[tree.Element]) -> st.SearchStrategy[tree.Element]:
    at = st.just(AT)
    timed = st.tuples(limits, st.none())
    beacon = st.tuples(st.none(), cadences)
    return st.one_of(
        st.builds(tree.Captured, span=at, element=inner, name=names),
        st.builds(tree.Optional, span=at, element=inner),
        st.builds(lambda e: tree.Repeat(span=AT, element=e, least=_one(), most=None, plus=True), inner),
        st.builds(lambda e, b: tree.Repeat(span=AT, element=e, least=b, most=b, exact=True), inner, bounds),
        st.builds(
            lambda e, a, b: tree.Repeat(span=AT, element=e, least=a, most=b),
            inner,
            bounds,
            st.one_of(st.none(), bounds),
        ),
        st.builds(
            lambda e, m, w, by: tree.Counted(span=AT, element=e, measures=m, within=w[0], cadence=w[1], by=by),
            inner,
            st.lists(measures, min_size=1, max_size=2).map(tuple),
            st.one_of(timed, beacon),
            st.lists(paths, max_size=2).map(tuple),
        ),
        st.builds(tree.WithoutPrior, span=at, element=inner, prior=plain_steps, look_back=limits),
    )


def _groups(inner: st.SearchStrategy[tree.Element]) -> st.SearchStrategy[tree.Element]:
    def grouped(element: tree.Element) -> tree.Group:
        return tree.Group(span=AT, element=element)

    def members(kind: type[tree.All] | type[tree.Either], arrows: bool) -> st.SearchStrategy[tree.Element]:
        arrow = st.one_of(st.none(), hops) if arrows else st.none()
        member = st.builds(tree.Member, span=st.just(AT), arrow=arrow, element=inner)
        return st.lists(member, min_size=2, max_size=3).map(lambda m: kind(span=AT, members=tuple(m)))

    return st.one_of(inner.map(grouped), members(tree.All, True).map(grouped), members(tree.Either, True).map(grouped))


tight = st.recursive(plain_steps, lambda inner: st.one_of(_postfix(inner), _groups(inner)), max_leaves=4)
singles = st.one_of(
    tight, filtered_steps, st.builds(tree.Captured, span=st.just(AT), element=filtered_steps, name=names)
)
absents = st.one_of(singles, st.builds(tree.Absent, span=st.just(AT), element=singles))


def _joined(
    kind: type[tree.All] | type[tree.Either], inner: st.SearchStrategy[tree.Element]
) -> st.SearchStrategy[tree.Element]:
    member = st.builds(tree.Member, span=st.just(AT), arrow=st.none(), element=inner)
    many = st.lists(member, min_size=2, max_size=3).map(lambda m: kind(span=AT, members=tuple(m)))
    return st.one_of(inner, many)


elements = _joined(tree.Either, _joined(tree.All, absents))
clauses = st.one_of(
    st.builds(tree.Within, span=st.just(AT), value=limits),
    st.just(tree.Per(span=AT, fields=(), every=True)),
    st.builds(tree.Per, span=st.just(AT), fields=st.lists(paths, min_size=1, max_size=2).map(tuple)),
    st.builds(tree.OncePer, span=st.just(AT), fields=st.lists(paths, min_size=1, max_size=2).map(tuple), within=st.one_of(st.none(), limits)),
    st.builds(tree.Until, span=st.just(AT), step=steps),
)  # fmt: skip
dates = st.dates().filter(lambda d: d.year >= 1000).map(lambda d: tree.Text(span=AT, text=d.isoformat(), quote=""))
severities = st.builds(tree.Severity, span=st.just(AT), level=names, when=conditions)
exceptions = st.builds(
    tree.Except,
    span=st.just(AT),
    reason=texts,
    on=st.one_of(st.none(), names),
    when=conditions,
    owner=st.one_of(st.none(), texts),
    until=st.one_of(st.none(), dates),
)
pairs = st.builds("{}={}".format, identifiers, st.sampled_from(["10", "a,b", '"x } y"', "'a=b'", '"a # b",c']))
event_lines = st.builds(
    lambda at, kind, value, fields: " ".join([at, *kind, *value, *fields]),
    st.from_regex(r"[0-9]{1,3}(ms|s|m|h|d)", fullmatch=True),
    st.lists(st.builds("{}+{}".format, identifiers, identifiers) | identifiers, min_size=1, max_size=1),
    st.lists(st.sampled_from(["Safari", "~/a.sh", '"two words"', "203.0.113.9:443"]), max_size=1),
    st.lists(pairs, max_size=2),
)
expect_lines = st.sampled_from(
    [
        "expect drop: 5s, 6s",
        "expect 2: line 6",
        "expect at 1m",
        "expect severity high",
        "expect no flag late",
        "expect no drop",
        "expect stuck drop",
        'expect except "why"',
        'events "case.jsonl"',
        "5m",
        "# a comment",
        "",
        "\u2026",
    ]
)


def _test(title: tree.Text, raises: int, chain: tree.Name | None, rows: list[str]) -> tree.Test:
    text = "".join(f"\n  {row}" for row in rows) + "\n"
    body = split(text, 0)
    assert not body.flaws, text
    return tree.Test(
        span=AT, title=title, raises=raises, chain=chain, body=text,
        lines=body.lines, files=body.files, expects=body.expects,
    )  # fmt: skip


tests = st.builds(
    _test, texts, st.integers(0, 99), st.none() | names, st.lists(st.one_of(event_lines, expect_lines), max_size=4)
)


@st.composite
def chains(draw: st.DrawFn, named: bool) -> tree.Chain:
    row = draw(st.lists(elements, min_size=1, max_size=3))
    positions = tuple(tree.Position(span=AT, hop=draw(hops) if i else None, element=e) for i, e in enumerate(row))
    return tree.Chain(
        span=AT,
        name=draw(names) if named else None,
        positions=positions,
        clauses=tuple(draw(st.lists(clauses, max_size=2))),
        severities=tuple(draw(st.lists(severities, max_size=1))),
        exceptions=tuple(draw(st.lists(exceptions, max_size=1))),
        tests=tuple(draw(st.lists(tests, max_size=1))),
    )


parameters = st.builds(
    tree.Parameter,
    span=st.just(AT),
    name=names,
    value=st.one_of(
        patterns,
        st.lists(st.builds(tree.MapEntry, span=st.just(AT), key=words, value=sets), min_size=1, max_size=3).map(
            lambda e: tree.MapValue(span=AT, entries=tuple(e))
        ),
    ),
    description=st.one_of(st.none(), texts),
    keyword=st.booleans(),
)
kinds = st.builds(
    tree.KindDeclaration,
    span=st.just(AT),
    name=names,
    step=steps,
    entries=st.lists(
        st.builds(tree.Introduces, span=st.just(AT), key=names, entity=st.one_of(st.none(), names), field=paths),
        max_size=2,
    ).map(tuple),
)
values = st.one_of(strings(tree.Word), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9./-]{0,6}", fullmatch=True).map(lambda w: tree.Word(span=AT, text=w)))  # fmt: skip
headers = st.builds(
    tree.Header,
    span=st.just(AT),
    id=names,
    title=st.one_of(st.none(), texts),
    entries=st.lists(
        st.builds(tree.Entry, span=st.just(AT), key=names, values=st.lists(values, min_size=1, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
)


@st.composite
def trees(draw: st.DrawFn) -> tree.File:
    items: list[tree.Item] = draw(st.lists(st.one_of(parameters, kinds, severities, exceptions, tests), max_size=3))
    if draw(st.booleans()):
        items.insert(0, draw(headers))
    named = draw(st.booleans())
    items += draw(st.lists(chains(named), max_size=2 if named else 1))
    items += draw(st.lists(st.one_of(parameters, kinds), max_size=1))
    return tree.File(span=AT, items=tuple(items))


@settings(max_examples=150, deadline=None)
@given(trees())
def test_every_tree_comes_back_from_its_text(file: tree.File) -> None:
    text = format_tree(file)
    again = read(text)
    assert tree.same(again, file), text
    assert format_tree(again) == text


def test_the_random_trees_have_every_node_of_the_language() -> None:
    nodes = {name for name, value in vars(tree).items() if isinstance(value, type) and issubclass(value, tree.Node)}
    elsewhere = {"Node", "Comment", "TestLine", "TestField", "Expect"}  # layouts have comments, bodies their lines
    written = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in nodes - elsewhere if f"tree.{name}" not in written.split("# -- any tree")[1]} == set()
