"""Overrides: `--set` and site files, their precedence, their origin, and what is refused."""

import json
from pathlib import Path

import pytest
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError, Diagnostic
from chainrun.dsl.loader import load, load_site
from chainrun.dsl.overrides import Overrides, command_line, refuse_unknown, untuned
from chainrun.dsl.parser import parse
from chainrun.dsl.site import site
from chainrun.dsl.source import Source
from chainrun.engine.cli import main

FILE = """
analytic AN1 "t" { platform: windows }
param TimeWindow    = 30m
param Children      = { cmd.exe, powershell.exe, python* }
param MinimumSize   = 1MB
param Share         = 40%
param Enabled       = true
param BusinessHours = "mon-fri 08:00-18:00"
param Entrypoints   = { nginx: { nginx } }
open -> spawn(Children) as child
  -> write where file.size > MinimumSize and time outside BusinessHours and process.args in Entrypoints[process.name]
  within TimeWindow
"""


def effective(*settings: str, site_text: str = "") -> dict[str, tuple[str, str]]:
    overrides = site(Source("site.toml", site_text)) + command_line(settings)
    source = Source("an1.chain", FILE)
    analytic, _ = check(parse(source), source, overrides)
    refuse_unknown(overrides, (analytic,))
    return {p.name: (p.value, p.origin) for p in analytic.parameters}


def refused(*settings: str, site_text: str = "") -> tuple[Diagnostic, ...]:
    with pytest.raises(ChainError) as raised:
        effective(*settings, site_text=site_text)
    return raised.value.diagnostics


# -- the command line ----------------------------------------


def test_a_value_is_replaced_and_says_who_replaced_it() -> None:
    assert effective("TimeWindow=10m")["TimeWindow"] == ("10m", "--set")
    assert effective()["TimeWindow"] == ("30m", "default")


def test_the_default_is_kept_beside_the_effective_value() -> None:
    source = Source("an1.chain", FILE)
    analytic, _ = check(parse(source), source, command_line(["TimeWindow=10m"]))
    assert analytic.parameters[0].default == "30m"
    assert analytic.chains[0].within == 600_000_000


def test_words_are_added_once() -> None:
    assert effective("Children+={ wscript.exe, cmd.exe }")["Children"][0] == (
        "{ cmd.exe, powershell.exe, python*, wscript.exe }"
    )


def test_words_are_taken_away() -> None:
    assert effective("Children-={ cmd.exe }")["Children"][0] == "{ powershell.exe, python* }"


def test_a_word_that_only_a_wildcard_covers_is_excepted() -> None:
    assert effective("Children-={ python3 }")["Children"][0] == ("{ cmd.exe, powershell.exe, python* } - { python3 }")


def test_settings_take_effect_in_the_order_given() -> None:
    assert effective("Children={ a }", "Children+={ b }", "Children-={ a }")["Children"][0] == "{ b }"


def test_the_set_reaches_the_step() -> None:
    source = Source("an1.chain", FILE)
    analytic, _ = check(parse(source), source, command_line(["Children={ sh }"]))
    pattern = model.steps(analytic.chains[0].positions[1].element)[0].parts[0].arguments[0].pattern
    assert isinstance(pattern, model.Words)
    assert ([w.text for w in pattern.words], pattern.name) == (["sh"], "Children")


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("TimeWindow=10", "C504"),
        ("MinimumSize=5", "C504"),
        ("TimeWindow={ a }", "C504"),
        ("Enabled=1", "C504"),
        ("TimeWindow+={ a }", "C506"),
        ("Children+=5m", "C506"),
        ("TimeWindow", "C505"),
        ("TimeWindow=5m 6m", "C505"),
        ("TimeWindow=5m\nopen", "C505"),
        ("TimeWindwo=5m", "C502"),
        ("Children={ ...Nope }", "C202"),
        ("Children+={ 10.0.0.0/8 }", "C413"),
        ('BusinessHours="whenever"', "C409"),
    ],
)
def test_what_does_not_fit_is_refused(setting: str, code: str) -> None:
    found = refused(setting)
    assert code in [d.code for d in found] or found[0].code.startswith("C1")


def test_a_missing_unit_is_never_guessed() -> None:
    (fault,) = refused("TimeWindow=10")
    assert fault.message == "`TimeWindow` is a duration, and this is a number"
    assert fault.labels[0].message == "its unit is not guessed"
    assert fault.helps == ("write the unit, as in `10m`",)


def test_an_unknown_name_gets_the_nearest() -> None:
    (fault,) = refused("TimeWindwo=5m")
    assert fault.labels[0].message == "did you mean `TimeWindow`?"


def test_a_fault_is_marked_in_the_setting_that_has_it() -> None:
    with pytest.raises(ChainError) as raised:
        effective("Enabled=false", "TimeWindow=10")
    fault = raised.value.diagnostics[0]
    assert raised.value.source.position(fault.span.start) == (2, 12)


def test_a_set_of_the_prelude_can_be_changed() -> None:
    source = Source("x.chain", "egress(External)")
    overrides = command_line(["InternalNames+={ *.corp.example }"])
    analytic, _ = check(parse(source), source, overrides)
    refuse_unknown(overrides, (analytic,))
    parameters = {p.name: p for p in analytic.parameters}
    assert "*.corp.example" in parameters["InternalNames"].value
    assert "*.corp.example" in parameters["External"].value
    assert parameters["Private"].origin == "prelude"


# -- site files ----------------------------------------

SITE = """
[all]
TimeWindow = "20m"
"Children+" = ["a.exe", "with space.exe"]

[AN1]
TimeWindow = "15m"
"Children-" = ["cmd.exe"]
Enabled = false
BusinessHours = "sat-sun 00:00-24:00"
Entrypoints = { redis = ["redis-server"] }

[AN2]
Whatever = 1
"""


def test_the_table_of_an_analytic_goes_before_all() -> None:
    found = effective(site_text=SITE)
    assert found["TimeWindow"] == ("15m", "site.toml [AN1]")
    assert found["Children"][0] == "{ powershell.exe, python*, a.exe, 'with space.exe' }"
    assert found["Enabled"][0] == "false"
    assert found["BusinessHours"][0] == "'sat-sun 00:00-24:00'"
    assert found["Entrypoints"][0] == "{ redis: { redis-server } }"


def test_the_command_line_goes_before_a_site_file() -> None:
    assert effective("TimeWindow=1m", site_text=SITE)["TimeWindow"] == ("1m", "--set")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[AN1", "C507"),
        ("TimeWindow = '5m'", "C507"),
        ("[AN1]\nTimeWindow = 5", "C504"),
        ("[AN1]\nTimeWindwo = '5m'", "C502"),
        ("[AN1]\nTimeWindow = [1.5]", "C507"),
        ("[AN1]\n\"Time Window\" = '5m'", "C507"),
        ("[ANN1]\nTimeWindow = '5m'", "C503"),
        ("[all]\nTimeWindwo = '5m'", "C502"),
        ("[[AN1.except]]\nreason = 'x'", "C508"),
        ("[[AN1.except]]\nreason = 'x'\nwhen = 'child.process.name == \"x\"'\nowmer = 'y'", "C508"),
        ("[[AN1.except]]\nreason = 'x'\nwhen = 'chid.process.name == \"x\"'", "C203"),
        ("[AN1]\nexcept = 'x'", "C508"),
    ],
)
def test_what_does_not_fit_in_a_site_file_is_refused(text: str, code: str) -> None:
    found = refused(site_text=text)
    assert [d.code for d in found] == [code]


def test_what_a_site_file_says_of_other_analytics_is_no_fault() -> None:
    assert effective(site_text="[all]\nSomethingElse = 1\n[AN2]\nTimeWindow = '5m'\n") == effective()


def test_a_fault_of_a_site_file_is_marked_in_it() -> None:
    with pytest.raises(ChainError) as raised:
        effective(site_text="[all]\n\n[AN1]\nTimeWindow = 5\n")
    fault = raised.value.diagnostics[0]
    assert raised.value.source.name == "site.toml"
    assert raised.value.source.position(fault.span.start) == (4, 1)


def test_exceptions_of_a_site_file_join_those_of_the_chain() -> None:
    overrides = site(
        Source(
            "site.toml",
            "[[AN1.except]]\nreason = 'Jamf'\nwhen = 'child.process.name == \"jamf\"'\nowner = 'it'\n"
            "until = 2027-01-31\n\n[[all.except]]\nreason = 'lab'\nwhen = 'process.name == \"x\"'\non = 'child'\n",
        )
    )
    source = Source("an1.chain", FILE)
    chain = check(parse(source), source, overrides)[0].chains[0]
    assert [(e.reason, e.owner) for e in chain.exceptions] == [("Jamf", "it")]
    assert [e.reason for e in model.steps(chain.positions[1].element)[0].exceptions] == ["lab"]


def test_a_site_exception_for_all_analytics_belongs_to_those_that_have_its_captures() -> None:
    text = "[[all.except]]\nreason = 'lab'\nwhen = 'nobody.process.name == \"x\"'\n"
    source = Source("an1.chain", FILE)
    assert check(parse(source), source, site(Source("site.toml", text)))[0].chains[0].exceptions == ()


# -- files ----------------------------------------


def test_a_file_is_loaded_under_the_name_that_was_typed(tmp_path: Path) -> None:
    path = tmp_path / "a.chain"
    path.write_text("open")
    assert load(path).file == str(path)


def test_a_file_that_cannot_be_read_is_a_diagnostic(tmp_path: Path) -> None:
    with pytest.raises(ChainError) as raised:
        load(tmp_path / "none.chain")
    assert raised.value.diagnostics[0].code == "C601"
    with pytest.raises(ChainError) as raised:
        load(tmp_path)
    assert raised.value.diagnostics[0].code == "C601"


def test_bytes_that_are_not_text_are_a_diagnostic(tmp_path: Path) -> None:
    path = tmp_path / "a.chain"
    path.write_bytes(b"open \xff")
    with pytest.raises(ChainError) as raised:
        load(path)
    assert raised.value.diagnostics[0].code == "C102"


def test_no_override_is_no_change() -> None:
    source = Source("an1.chain", FILE)
    assert check(parse(source), source) == check(parse(source), source, Overrides())


# -- files of words ----------------------------------------


def with_words(folder: Path, words: str | bytes, setting: str = '"Children+" = ["a.exe", "@words.txt"]') -> Path:
    data = words.encode() if isinstance(words, str) else words
    (folder / "words.txt").write_bytes(data)
    (folder / "an1.chain").write_text(FILE)
    (folder / "site.toml").write_text(f"[AN1]\n{setting}\n")
    return folder / "an1.chain"


def children(chain: Path) -> model.Parameter:
    analytic = load(chain, load_site(chain.parent / "site.toml"))
    return next(p for p in analytic.parameters if p.name == "Children")


def test_a_site_file_takes_in_words_from_a_file_beside_it(tmp_path: Path) -> None:
    chain = with_words(tmp_path, "# tools\ncurl.exe  # and why\r\n\n  two words.exe\ncmd.exe\npy#thon.exe\n")
    assert children(chain).value == (
        "{ cmd.exe, powershell.exe, python*, a.exe, curl.exe, 'two words.exe', 'py#thon.exe' }"
    )
    assert children(chain).origin.endswith("site.toml [AN1] @words.txt")


def test_words_of_a_file_replace_and_are_taken_away(tmp_path: Path) -> None:
    assert children(with_words(tmp_path, "curl.exe\n", 'Children = "@words.txt"')).value == "{ curl.exe }"
    chain = with_words(tmp_path, "cmd.exe\npython*\n", '"Children-" = "@words.txt"')
    assert children(chain).value == "{ powershell.exe }"


def test_two_at_signs_are_one_and_no_file(tmp_path: Path) -> None:
    assert children(with_words(tmp_path, "", 'Children = ["@@x", "a"]')).value == "{ @x, a }"
    (tmp_path / "site.toml").write_text('[t]\nSender = "@@corp.example"\n')
    (tmp_path / "t.chain").write_text('Sender = "x"\nmail where email.from.address contains Sender')
    analytic = load(tmp_path / "t.chain", load_site(tmp_path / "site.toml"))
    assert analytic.parameters[0].value.strip("'\"") == "@corp.example"


@pytest.mark.parametrize(
    ("words", "code", "name", "position"),
    [
        (b"a.exe\nbin/x\n", "C413", "words.txt", (2, 1)),
        (b"a.exe\n'b c'\n", "C509", "words.txt", (2, 1)),
        (b"a.exe,\n", "C509", "words.txt", (1, 6)),
        (b"a\x00b\n", "C509", "words.txt", (1, 2)),
        (b"\x7fELF\xff\xfe", "C102", "words.txt", (1, 5)),
        (b"x\n" * (3 * 1024 * 1024), "C198", "words.txt", (1, 1)),
        (b"".join(b"w%d\n" % i for i in range(250_000)), "C107", "words.txt", (200_002, 1)),
    ],
    ids=["a path", "quotes", "a comma", "a NUL", "no text", "too long", "too many"],
)
def test_what_is_wrong_in_a_file_of_words_is_marked_there(
    tmp_path: Path, words: bytes, code: str, name: str, position: tuple[int, int]
) -> None:
    chain = with_words(tmp_path, words)
    with pytest.raises(ChainError) as raised:
        children(chain)
    fault = raised.value.diagnostics[0]
    source = raised.value.source
    assert (fault.code, Path(source.name).name, source.position(fault.span.start)) == (code, name, position)


def test_a_file_of_words_that_is_not_there_is_marked_where_it_is_named(tmp_path: Path) -> None:
    chain = with_words(tmp_path, "", '"Children+" = "@wrods.txt"')
    with pytest.raises(ChainError) as raised:
        children(chain)
    (fault,) = raised.value.diagnostics
    assert (fault.code, raised.value.source.position(fault.span.start)) == ("C601", (2, 2))


def test_a_file_of_words_for_nothing_is_one_fault(tmp_path: Path) -> None:
    for setting, code in (('Chidlren = "@words.txt"', "C502"), ('TimeWindow = "@words.txt"', "C504")):
        chain = with_words(tmp_path, "a\n", setting)
        with pytest.raises(ChainError) as raised:
            children(chain)
        assert [d.code for d in raised.value.diagnostics] == [code]
        assert Path(raised.value.source.name).name == "site.toml"


# -- accounts that are one ----------------------------------------


def test_names_of_one_account_lead_to_the_one_that_stands_for_it() -> None:
    text = (
        "[all.users]\n'CORP\\ada' = \"ada@corp\"\n\"arn:aws:iam::1:user/ada\" = 'CORP\\ada'\n[AN1]\nTimeWindow = '5m'\n"
    )
    found = site(Source("site.toml", text))
    assert found.aliases == {"CORP\\ada": "ada@corp", "arn:aws:iam::1:user/ada": "ada@corp"}
    assert [s.name for s in found.settings] == ["TimeWindow"]
    assert (found + command_line(["TimeWindow=1m"])).aliases == found.aliases


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("[AN1.users]\na = 'b'\n", (1, 6)),
        ("[all.users]\na = 5\n", (2, 1)),
        ("[all.users]\na = ''\n", (2, 1)),
        ("[all.users]\na = 'b'\nb = 'c'\nc = 'b'\n", (2, 1)),
        ("[all.users]\n'CORP\\a' = 'CORP\\a'\n", (2, 2)),
    ],
)
def test_accounts_that_lead_nowhere_are_refused(text: str, position: tuple[int, int]) -> None:
    with pytest.raises(ChainError) as raised:
        site(Source("site.toml", text))
    fault = raised.value.diagnostics[0]
    assert (fault.code, raised.value.source.position(fault.span.start)) == ("C507", position)


# -- what was never set ----------------------------------------


def test_parameters_that_nobody_set_are_one_fault_that_lists_them() -> None:
    overrides = site(Source("site.toml", "[AN1]\nTimeWindow = '30m'\n\"Children+\" = ['x']\n"))
    source = Source("an1.chain", FILE)
    analytic, _ = check(parse(source), source, overrides + command_line(["Enabled=true"]))
    (fault,) = untuned(analytic)
    assert fault.code == "C510"
    assert fault.message == "4 parameters of `AN1` were never set for this site"
    assert [source.text[x.span.start :].split()[1] for x in fault.labels] == [
        "MinimumSize",
        "Share",
        "BusinessHours",
        "Entrypoints",
    ]


def test_an_analytic_is_tuned_when_all_its_own_parameters_are_set() -> None:
    source = Source("x.chain", "A = { 10.0.0.1 }\negress(External - A)")
    assert untuned(check(parse(source), source, command_line(["A={ 10.0.0.2 }"]))[0]) == ()
    assert [d.code for d in untuned(check(parse(source), source)[0])] == ["C510"]


def test_the_command_refuses_what_was_never_set_where_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.chain").write_text("A = { cmd.exe }\nspawn(A)")
    (tmp_path / "e.jsonl").write_text("")
    assert main(["check", "a.chain"]) == 0
    assert main(["check", "--require-tuned", "a.chain"]) == 1
    assert main(["run", "--require-tuned", "a.chain", "e.jsonl"]) == 2
    assert "C510" in capfd.readouterr().err
    assert main(["run", "--require-tuned", "--set", "A={ cmd.exe }", "a.chain", "e.jsonl"]) == 0


def test_the_command_warns_of_exceptions_past_their_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.chain").write_text('open as app\nexcept "x" when app.process.pid == 1 until 2020-01-01')
    text = "[[all.except]]\nreason = 'y'\nwhen = 'app.process.pid == 2'\nuntil = 2020-02-02\n"
    (tmp_path / "chainrun.toml").write_text(
        text + "[[AN2.except]]\nreason = 'z'\nwhen = 'a.b == 1'\nuntil = 2020-02-02\n"
    )
    assert main(["check", "--format", "json", "a.chain"]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert sorted((r["code"], Path(r["file"]).name, r["line"]) for r in rows) == [
        ("C612", "a.chain", 2),
        ("C612", "chainrun.toml", 3),
    ]


def test_the_command_lists_parameters_as_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.chain").write_text('param W = 5m "how long"\nopen -> write within W')
    assert main(["params", "--format", "json", "--set", "W=6m", "a.chain"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "analytic": "a",
        "name": "W",
        "type": "duration",
        "value": "6m",
        "default": "5m",
        "origin": "--set",
        "description": "how long",
    }
