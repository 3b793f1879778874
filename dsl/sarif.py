"""Diagnostics as SARIF 2.1.0, which code hosts and editors show beside the lines: one run, one rule a code.

Columns count UTF-16 code units, SARIF's default, which is stated all the same. Names of files become relative URIs as
they were typed, absolute ones `file:` URIs; what stands in no file (`--set`) has its text as its place. Called by
`chainrun check --format sarif`.
"""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from .codes import CODES
from .diagnostic import Diagnostic, Label
from .overrides import COMMAND_LINE
from .render import short
from .source import Source, Span

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION = "2.1.0"


def to_sarif(found: Iterable[tuple[Source, tuple[Diagnostic, ...]]], version: str) -> dict[str, Any]:
    """A SARIF log of all diagnostics; `version` is the program's."""
    rows = [(source, d) for source, diagnostics in found for d in sorted(diagnostics, key=lambda d: (d.span, d.code))]
    codes = sorted({d.code for _, d in rows})
    driver = {
        "name": "chainrun",
        "version": version,
        "rules": [_rule(code) for code in codes],
    }
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "utf16CodeUnits",
                "results": [_result(source, d, codes.index(d.code)) for source, d in rows],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    page = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": " ".join(page.explanation.split())},
        "help": {"text": f"chainrun help {code}"},
    }


def _result(source: Source, diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    first, *others = diagnostic.labels
    said = [diagnostic.message, first.message, *diagnostic.notes, *diagnostic.helps]
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": "\n".join(short(text) for text in said if text)},
        "locations": [_location(source, first)],
    }
    if others:
        result["relatedLocations"] = [
            {"id": number, **_location(source, label), "message": {"text": short(label.message) or "here"}}
            for number, label in enumerate(others, 1)
        ]
    if diagnostic.fix is not None and source.name != COMMAND_LINE:
        replacement = {
            "deletedRegion": _region(source, diagnostic.fix.span),
            "insertedContent": {"text": diagnostic.fix.text},
        }
        change = {"artifactLocation": {"uri": _uri(source.name)}, "replacements": [replacement]}
        result["fixes"] = [{"description": {"text": diagnostic.fix.message}, "artifactChanges": [change]}]
    return result


def _location(source: Source, label: Label) -> dict[str, Any]:
    if source.name == COMMAND_LINE:
        line, _ = source.position(label.span.start)
        return {"logicalLocations": [{"name": f"{COMMAND_LINE} {source.line(line)}", "kind": "parameter"}]}
    place = {"artifactLocation": {"uri": _uri(source.name)}, "region": _region(source, label.span)}
    return {"physicalLocation": place}


def _region(source: Source, span: Span) -> dict[str, int]:
    """Lines and columns from 1, the end excluded."""
    (line, column), (end_line, end_column) = source.position(span.start), source.position(span.end)
    return {
        "startLine": line,
        "startColumn": _units(source.line(line)[: column - 1]) + 1,
        "endLine": end_line,
        "endColumn": _units(source.line(end_line)[: end_column - 1]) + 1,
    }


def _units(text: str) -> int:
    return sum(2 if ord(c) > 0xFFFF else 1 for c in text)


def _uri(name: str) -> str:
    path = PurePath(name)
    if path.is_absolute():
        return path.as_uri()
    # a colon in the first part would make it a scheme; bytes that are no UTF-8 stand as what they are
    return quote(path.as_posix().encode("utf-8", "surrogateescape"), safe="/!$&'()*+,;=@")
