"""The oracle against settled cases: small streams on which two readings of the language differ, and what is right.

They stand in `oracle_cases.txt`. An event is a line: seconds, kind, what the kind tests (`-`: not known), the process
(`3<1`: process 3, started by 1; `-`: nobody known), then fields; `@h2` puts it on another host. What is right follows `>`:
the alerts' times.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.event import Event

from . import oracle, worlds
from .worlds import SECOND, checked

TESTED = {
    "write": "file.path",
    "delete": "file.path",
    "read": "file.path",
    "egress": "destination.domain",
    "signin": "user.name",
}
CASES = Path(__file__).parent / "oracle_cases.txt"
ALSO = {"spawn": ("exec",), "crash": ("open",), "egress": ("connect",)}


def stream(text: str) -> list[Event]:
    """The events of lines such as `4s spawn cmd 2<1 user=ann`."""
    events: list[Event] = []
    for line in text.strip().splitlines():
        seconds, kind, tested, process, *rest = line.split()
        pid, _, parent = process.partition("<")
        host = "h1"
        fields: dict[str, Any] = {}
        if tested != "-":
            fields[TESTED.get(kind, "process.name")] = tested
        if pid not in ("", "-"):
            fields["process.pid"] = int(pid)
        if parent:
            fields |= {"process.parent.pid": int(parent)}
        for word in rest:
            if word.startswith("@"):
                host = word[1:]
                continue
            name, _, value = word.partition("=")
            fields[{"user": "user.name", "size": "file.size", "file": "exec.path"}.get(name, name)] = _value(
                name, value
            )
        at = round(float(seconds.removesuffix("s")) * SECOND)
        events.append(worlds.event(len(events), at, {kind, *ALSO.get(kind, ())}, fields, host))
    return events


def _value(name: str, value: str) -> Any:
    if name == "file":
        return (value,)
    return int(value) if value.isdigit() else value


def found(chain: str, text: str) -> list[oracle.Found]:
    window = "" if " within " in chain or "\n" in chain else " within 1h"
    analytic = checked(chain + window)
    return oracle.alerts(analytic.chains[0], stream(text), analytic.severity)


def cases() -> list[Any]:
    """Of each case its chain, its events, and the line of what is right."""
    found = []
    for text in CASES.read_text().strip().split("\n\n"):
        title, *lines, right = text.splitlines()
        first = next(i for i, line in enumerate(lines) if line[0].isdigit())
        found.append(pytest.param("\n".join(lines[:first]), "\n".join(lines[first:]), right, id=title.strip("= ")))
    return found


@pytest.mark.parametrize(("chain", "events", "right"), cases())
def test_the_oracle_is_right(chain: str, events: str, right: str) -> None:
    times = [float(t) for t in re.findall(r"[\d.]+", right)]
    assert [f.at / SECOND for f in found(chain, events)] == times


def test_only_matches_of_the_highest_completeness_are_evidence() -> None:
    (alert,) = found(
        "delete -> write? -> egress within 20s", "0s delete /a 1\n5s write /a 1\n10s delete /a 1\n16s egress s 1"
    )
    assert alert.evidence == {1: (0,), 2: (1,), 3: (3,)}


def test_all_events_of_all_repetitions_are_evidence() -> None:
    (alert,) = found(
        "write{2,3} -> egress", "0s write /a 1\n1s write /a 1\n2s write /a 1\n3s write /a 1\n4s egress s 1"
    )
    assert alert.evidence == {1: (0, 1, 2, 3), 2: (4,)}
    assert alert.witness == {1: 3, 2: 4}


def test_the_events_of_a_window_are_evidence_of_the_count() -> None:
    (alert,) = found("(write){>= 2 in 5s} -> egress", "0s write /a 1\n3s write /a 1\n7s write /a 1\n8s egress s 1")
    assert alert.evidence == {1: (0, 1, 2), 2: (3,)}
    assert alert.witness == {1: 2, 2: 3}


def test_only_events_of_a_run_are_evidence_of_a_cadence() -> None:
    (alert,) = found("(egress){>= 3 every 10s +- 1s}", "0s egress s 1\n3s egress s 1\n10s egress s 1\n21s egress s 1")
    assert alert.evidence == {1: (0, 2, 3)}


def test_the_severity_is_the_highest_that_holds() -> None:
    chain = 'write -> (delete as y)? -> egress as z within 1h\nseverity critical when y\nseverity low when z.user.name == "ann"'
    assert [f.severity for f in found(chain, "0s write /a 1\n1s delete /a 1\n2s egress s 1 user=ann")] == ["critical"]
    assert [f.severity for f in found(chain, "0s write /a 1\n2s egress s 1 user=ann")] == ["low"]
    assert [f.severity for f in found(chain, "0s write /a 1\n2s egress s 1")] == ["medium"]


def test_an_alert_that_rests_on_nobody_known_is_unlinked() -> None:
    (alert,) = found("open({ word }) ->? write", "0s open word 1\n3s write /a -")
    assert alert.unlinked
    (alert,) = found("open({ word }) ->? write", "0s open word 1\n3s write /a 1")
    assert not alert.unlinked
