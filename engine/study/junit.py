"""Results of tests as JUnit's XML, which build servers read: a suite a file, a case a test.

Titles and faults may hold anything that a chain file or telemetry holds: what cannot be seen, and what XML cannot hold,
is shown as `\\x1b`. Called by the command line.
"""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as Xml

from ..report.escape import escape
from .trial import Result


def to_junit(results: Mapping[str, Sequence[Result]], wrong: Mapping[str, str]) -> str:
    """The XML of results by file. `wrong`: files that could not be tried, and why."""
    every = [result for found in results.values() for result in found]
    root = Xml.Element("testsuites", {"name": "chainrun", **_counts(every, len(wrong))})
    for file, found in results.items():
        suite = Xml.SubElement(root, "testsuite", {"name": escape(file), **_counts(found, 0)})
        for result in found:
            case = _case(suite, result.title, file, result.file, result.line)
            if not result.passed:
                _tell(case, "failure", "\n".join(result.faults))
    for file, why in wrong.items():
        suite = Xml.SubElement(root, "testsuite", {"name": escape(file), **_counts([], 1)})
        _tell(_case(suite, "the file", file, file, 1), "error", why)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _case(suite: Xml.Element, title: str, file: str, place: str, line: int) -> Xml.Element:
    names = {"name": escape(title), "classname": escape(file), "file": escape(place), "line": str(line)}
    return Xml.SubElement(suite, "testcase", names)


def _tell(case: Xml.Element, tag: str, text: str) -> None:
    """What is wrong: its first line as the message, all of it as the text."""
    lines = [escape(line) for line in text.split("\n")]
    Xml.SubElement(case, tag, {"message": lines[0]}).text = "\n".join(lines)


def _counts(results: Sequence[Result], errors: int) -> dict[str, str]:
    failures = sum(not result.passed for result in results)
    return {"tests": str(len(results) + errors), "failures": str(failures), "errors": str(errors)}
