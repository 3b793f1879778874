"""SARIF: what code hosts and editors read of `chainrun check`."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError, Diagnostic, Fix, Label
from chainrun.dsl.parser import parse
from chainrun.dsl.sarif import to_sarif
from chainrun.dsl.source import Source, Span
from chainrun.engine.cli import main


def results(text: str, name: str = "a.chain") -> list[dict[str, Any]]:
    return run(text, name)["results"]


def run(text: str, name: str = "a.chain") -> dict[str, Any]:
    source = Source(name, text)
    with pytest.raises(ChainError) as raised:
        check(parse(source), source)
    log = to_sarif([(source, raised.value.diagnostics)], "1.2.3")
    assert log["version"] == "2.1.0"
    (only,) = log["runs"]
    return only


def test_a_fault_has_its_rule_its_place_and_its_words() -> None:
    only = run("open -> egres within 5m")
    (result,) = only["results"]
    (rule,) = only["tool"]["driver"]["rules"]
    assert (result["ruleId"], rule["id"], result["ruleIndex"], result["level"]) == ("C201", "C201", 0, "error")
    assert result["message"]["text"].split("\n")[:2] == ["no kind is called `egres`", "did you mean `egress`?"]
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a.chain"},
                "region": {"startLine": 1, "startColumn": 9, "endLine": 1, "endColumn": 14},
            }
        }
    ]


def test_columns_are_utf_16_code_units() -> None:
    only = run('open where process.name == "😀" -> egres within 5m')
    assert only["columnKind"] == "utf16CodeUnits"
    region = only["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (region["startColumn"], region["endColumn"]) == (36, 41)  # a character further than in the text


def test_a_second_mark_is_a_related_location_and_a_mend_is_a_fix() -> None:
    (result,) = results("spawn ->[1h] egress within 5m")
    assert [r["message"]["text"] for r in result["relatedLocations"]] == ["the whole chain"]
    (result,) = results("open -> write")
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 1, "startColumn": 14, "endLine": 1, "endColumn": 14},
            "insertedContent": {"text": " within 15m"},
        }
    ]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("sub/a.chain", "sub/a.chain"),
        ("two words#1.chain", "two%20words%231.chain"),
        ("c:a.chain", "c%3Aa.chain"),
        ("/x/a b.chain", "file:///x/a%20b.chain"),
        ("caf\udce9.chain", "caf%E9.chain"),
    ],
)
def test_names_of_files_are_uris(name: str, uri: str) -> None:
    (result,) = results("egres", name)
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_a_setting_of_the_command_line_has_no_file() -> None:
    fault = Diagnostic("C504", "wrong", (Label(Span(2, 4)),), fix=Fix(Span(2, 4), "x"))
    (result,) = to_sarif([(Source("--set", "A=5m\nB=1"), (fault,))], "1")["runs"][0]["results"]
    assert result["locations"] == [{"logicalLocations": [{"name": "--set A=5m", "kind": "parameter"}]}]
    assert "fixes" not in result


def test_rules_stand_once_in_order_and_results_point_at_them() -> None:
    only = run("opn -> write(Nope) -> egres within 5m")
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    assert rules == ["C201", "C202"]
    assert [rules[r["ruleIndex"]] for r in only["results"]] == [r["ruleId"] for r in only["results"]]


def test_the_command_writes_one_log_of_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.chain").write_text("egres")
    (tmp_path / "b.chain").write_text("Unused = 5m\nopen")
    (tmp_path / "c.chain").write_text("open")
    assert main(["check", "--format", "sarif", "a.chain", "b.chain", "c.chain"]) == 1
    log = json.loads(capfdbinary.readouterr().out)
    assert [(r["ruleId"], r["level"]) for r in log["runs"][0]["results"]] == [("C201", "error"), ("C606", "warning")]
    assert main(["check", "--format", "sarif", "c.chain"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["runs"][0]["results"] == []
