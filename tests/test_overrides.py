"""Overrides: `--set` and site files, their precedence, their origin, and what is refused."""

from pathlib import Path

import pytest
from chainrun.dsl import model
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError, Diagnostic
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import Overrides, command_line, refuse_unknown
from chainrun.dsl.parser import parse
from chainrun.dsl.site import site
from chainrun.dsl.source import Source

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
