"""A run in numbers, as one JSON object: what the summary says, for programs.

The same run gives the same bytes: no time of day, no duration. `docs/accounting.md` has the fields.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..intake.tally import Tally
from .balance import line_balance
from .escape import escape_json
from .funnel import Funnel

SCHEMA = 1


def to_stats(tally: Tally, funnels: Sequence[Funnel], version: str) -> bytes:
    """The numbers as a line of JSON."""
    told = msgspec.json.encode(stats(tally, funnels, version))
    return escape_json(told.decode()).encode() + b"\n"


def stats(tally: Tally, funnels: Sequence[Funnel], version: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "version": version,
        "inputs": {
            "opened": tally.inputs,
            "bytes": tally.bytes,
            "unread": tally.unread,
            "failed": [{"input": error.input, "message": error.message} for error in tally.errors],
        },
        "lines": {"read": tally.lines, "further": tally.further, **line_balance(tally).became},
        "bad": {
            cause: {"lines": bad.count, "first": {"input": bad.first.input, "line": bad.first.line}}
            for cause, bad in sorted(tally.bad.items())
        },
        "formats": _sorted(tally.by_format),
        "events": {
            "matched": tally.passed,
            "kinds": _sorted(tally.by_kind),
            "future": _sorted(tally.future),
            "alone": _sorted(tally.alone),
            "unmeasured": _sorted(tally.unmeasured),
        },
        "chains": [_chain(funnel) for funnel in funnels],
    }


def _chain(funnel: Funnel) -> dict[str, Any]:
    return {
        "analytic": funnel.analytic,
        "chain": funnel.chain,
        "alerts": funnel.alerts,
        "later": funnel.later,
        "excepted": [msgspec.structs.asdict(one) for one in funnel.exceptions],
        "groups": {"created": sum(funnel.groups.values()), **funnel.groups},
        "waiting": funnel.waiting,
        "steps": [
            {"step": s.number, "title": s.title, "role": s.role.value, "matched": s.alone, "in_place": s.followed}
            for s in funnel.steps
        ],
        "stuck": funnel.stuck,
        "blind": funnel.blind,
    }


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
