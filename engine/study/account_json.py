"""An alert's account as one JSON object: what the text says, with the values unshortened. The alert itself, with its
evidence and lineage, is not repeated: it is in the file, under the same `alert_id`. Called by `explain --alert`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..report.alert import Witness
from ..report.escape import escape_json
from .account import Account
from .explain import identity
from .prose import condition_text


def to_json(account: Account) -> str:
    """The account as a line, ended; times as alerts have them, durations in microseconds."""
    alert, chain = account.alert, account.chain
    told = {
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "analytic": alert.analytic,
        "chain": alert.chain,
        "scope": alert.scope,
        "took": _between(alert.first_time, alert.last_time),
        "within": chain.within,
        "identity": identity(account.automaton).strip(),
        "steps": list(_steps(account)),
        "exceptions": [
            {
                "reason": exclusion.reason,
                "when": condition_text(exclusion.when),
                "holds": getattr(alert.suppressed, "reason", None) == exclusion.reason,
            }
            for exclusion in chain.exceptions
        ],
        "parameters": [
            {"name": p.name, "value": p.value, "default": p.default, "origin": p.origin}
            for p in account.analytic.parameters
        ],
        "is_as_then": account.is_as_then,
        "then": alert.parameters.get("changed") or {},
    }
    return escape_json(msgspec.json.encode(told).decode()) + "\n"


def _steps(account: Account) -> Iterator[dict[str, Any]]:
    at = {s.step.step: s.step.witness.time for s in account.steps if isinstance(s.step.witness, Witness)}
    for step in account.steps:
        report, witness = step.step, step.step.witness
        row: dict[str, Any] = {"step": report.step, "name": report.name, "title": step.title, "matched": report.matched}
        if isinstance(report.absent, msgspec.Struct):
            row["absent"] = report.absent
        if isinstance(witness, Witness):
            row |= {"time": witness.time, "input": witness.input, "line": witness.line}
            row |= {"tested": step.tested, "joined": step.joined}
        if step.after is not None and isinstance(witness, Witness):
            row |= {"after": step.after, "gap": _between(at[step.after], witness.time)}
        yield row


def _between(one: str, other: str) -> int | None:
    try:
        return (datetime.fromisoformat(other) - datetime.fromisoformat(one)) // timedelta(microseconds=1)
    except ValueError:  # a moment outside the calendar
        return None
