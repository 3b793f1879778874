"""Alerts as a run wrote them, read again: one to be explained, or those that must stay; and when two are the same."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..intake.source import STANDARD_INPUT
from ..report.alert import Alert, Suppressed

T = TypeVar("T")


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as far as two are compared; its fields are the alert's own."""

    alert_id: str
    analytic: str
    chain: str
    severity: str = ""
    scope: dict[str, Any] = {}
    first_time: str = ""
    last_time: str = ""
    entities: dict[str, dict[str, Any]] = {}
    lineage: list[dict[str, Any]] = []
    suppressed: dict[str, Any] | None = None

    def is_same_as(self, other: "Brief") -> bool:
        """Whether both tell of the same: one alert, or two of which one was complete at another event of the same
        process or one that descends from it, as a change of the chain may have it."""
        if self.alert_id == other.alert_id:
            return True
        last = list(self.entities.values())[-1:] == list(other.entities.values())[-1:]
        of_one = (self.analytic, self.chain, self.scope) == (other.analytic, other.chain, other.scope)
        known = bool(self.lineage or self.entities)
        line = all(one == two for one, two in zip(self.lineage, other.lineage, strict=False))
        at_once = self.first_time <= other.last_time and other.first_time <= self.last_time
        return known and of_one and last and line and at_once


def brief(alert: Alert) -> Brief:
    """An alert of a run, as far as it is compared."""
    kept = alert.suppressed if isinstance(alert.suppressed, Suppressed) else None
    return Brief(
        alert_id=alert.alert_id,
        analytic=alert.analytic,
        chain=alert.chain,
        severity=alert.severity,
        scope=alert.scope,
        first_time=alert.first_time,
        last_time=alert.last_time,
        entities=alert.entities,
        lineage=alert.lineage,
        suppressed=msgspec.structs.asdict(kept) if kept is not None else None,
    )


class RecordError(Exception):
    """A file of alerts that cannot be used; its text is a sentence that names the file and the line."""


def read_alerts(files: Sequence[str], type: type[T]) -> Iterator[T]:
    """The alerts of files of JSON lines, in order; empty lines are passed over."""
    decoder = msgspec.json.Decoder(type)
    for file in files:
        for number, line in enumerate(_read(file).split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                alert = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                message = f"{file}:{number}: is no alert as `--format jsonl` writes it ({error})"
                raise RecordError(message) from error
            yield alert


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RecordError(f"{file}: cannot be read: {reason.lower()}") from error
