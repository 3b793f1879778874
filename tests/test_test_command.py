"""`chainrun test`: what it prints, what build servers read, and its exit codes."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from chainrun.engine.cli.exits import Exit

from .command import Command

CHAIN = """\
Window = 10m
write as drop -> read within Window
"""
PASSES = """\
test "written and read" raises 1 {
  0s write /tmp/a pid=1
  5s read  /tmp/a pid=1
  expect drop: 0s
}
"""
FAILS = """\
test "too late" raises 1 {
  0s  write /tmp/a pid=1
  11m read  /tmp/a pid=1
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.chain").write_text(CHAIN + PASSES)
    return tmp_path


@pytest.fixture
def chainrun(chainrun: Command) -> Command:
    """Its verb `test`."""
    return partial(chainrun, "test")


def test_what_passes_is_one_line(here: Path, chainrun: Command) -> None:
    assert chainrun("good.chain") == (
        Exit.OK,
        "ok      good.chain:3  written and read\n",
        "1 test in 1 file: all passed\n",
    )


def test_what_fails_says_what_was_expected_and_what_came(here: Path, chainrun: Command) -> None:
    (here / "bad.chain").write_text(CHAIN + PASSES + FAILS)
    code, out, err = chainrun("bad.chain")
    assert code == Exit.FOUND
    assert out.splitlines()[1:] == [
        "FAILED  bad.chain:8  too late",
        "        expected 1 alert, came no alerts",
        "          main: got as far as `write`; 1 event is `read` by itself, and none linked, in time and in scope",
    ]
    assert err == "2 tests in 1 file: 1 failed\n"


def test_a_folder_is_all_its_chains(here: Path, chainrun: Command) -> None:
    (here / "more").mkdir()
    (here / "more" / "bad.chain").write_text(CHAIN + FAILS)
    code, out, err = chainrun(".", "--only-failing")
    assert code == Exit.FOUND
    assert out.startswith("FAILED  more/bad.chain:3  too late\n")
    assert "good.chain" not in out
    assert err == "2 tests in 2 files: 1 failed\n"


def test_no_tests_are_no_failure(here: Path, chainrun: Command) -> None:
    (here / "none.chain").write_text(CHAIN)
    assert chainrun("none.chain") == (Exit.OK, "", "no tests in 1 file\n")


def test_a_wrong_chain_is_shown_and_the_others_are_tried(here: Path, chainrun: Command) -> None:
    (here / "wrong.chain").write_text(CHAIN + PASSES.replace("drop:", "dorp:"))
    code, out, err = chainrun("good.chain", "wrong.chain")
    assert code == Exit.FOUND
    assert out == "ok      good.chain:3  written and read\n"
    assert "error[C621]: no step is called `dorp`" in err
    assert err.endswith("1 test in 2 files: all passed\n")


def test_parameters_can_be_set(here: Path, chainrun: Command) -> None:
    assert chainrun("good.chain", "--set", "Window=4s")[0] == Exit.FOUND
    (here / "site.toml").write_text('[good]\nWindow = "4s"\n')
    assert chainrun("good.chain", "--site", "site.toml")[0] == Exit.FOUND
    code, _, err = chainrun("good.chain", "--set", "Widow=4s")
    assert code == Exit.FOUND
    assert "did you mean `Window`?" in err


def test_nothing_named_is_a_usage_error(here: Path, chainrun: Command) -> None:
    assert chainrun()[0] == Exit.USAGE
    assert chainrun("good.chain", "--junit", "no/such/folder.xml")[0] == Exit.USAGE
    assert chainrun("good.chain", "--telemetry-file", "no.toml")[0] == Exit.USAGE


# -- for build servers ----------------------------------------


def junit(here: Path) -> Xml.Element:
    return Xml.parse(here / "out.xml").getroot()


def test_the_xml_has_a_suite_a_file_and_a_case_a_test(here: Path, chainrun: Command) -> None:
    (here / "bad.chain").write_text(CHAIN + PASSES + FAILS)
    (here / "wrong.chain").write_text("open -> \n")
    chainrun(".", "--junit", "out.xml")
    root = junit(here)
    assert dict(root.attrib) == {"name": "chainrun", "tests": "4", "failures": "1", "errors": "1"}
    assert [(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors")) for s in root] == [
        ("bad.chain", "2", "1", "0"),
        ("good.chain", "1", "0", "0"),
        ("wrong.chain", "1", "0", "1"),
    ]
    failed = root[0][1]
    assert (failed.get("name"), failed.get("file"), failed.get("line")) == ("too late", "bad.chain", "8")
    assert failed[0].tag == "failure"
    assert failed[0].get("message") == "expected 1 alert, came no alerts"
    assert "got as far as" in (failed[0].text or "")
    assert root[2][0][0].tag == "error"


def test_hostile_titles_and_values_break_no_xml_and_no_terminal(here: Path, chainrun: Command) -> None:
    body = '0s write "/tmp/\\u{1b}[2Ja" pid=1\n1s read /tmp/a pid=1'
    title = '<b>&\\u{7}\\u{1b}[31m]]>\\u{202e}\\u{ffff}"'.replace('"', '\\"')
    (here / "evil.chain").write_text(f'{CHAIN}test "{title}" raises 1 {{\n{body}\nexpect drop: 1s\n}}\n')
    code, out, _ = chainrun("evil.chain", "--junit", "out.xml")
    assert code == Exit.FOUND
    assert "\x1b" not in out and "\u202e" not in out
    (case,) = junit(here)[0]
    assert case.get("name") == '<b>&\\x07\\x1b[31m]]>\\u202e\\uffff"'
