"""`--ack`: whoever pipes lines in is told which of them have been dealt with, and sends the others again.

    rsyslog ── a line ─→ standard input          OK            ready; a line or a mark has been dealt with
            ←─ OK ────── standard output         DEFER_COMMIT  so has a line inside a transaction

That is what rsyslog's omprog asks for with `confirmMessages="on"`, and with `useTransactions="on"` besides. A line has
been dealt with when the alerts that it completes are written, which is so when the run is about to wait for more. Not
here: what an open match remembers of a line, which without `--state` is gone when the process is killed.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from ..intake.source import STANDARD_INPUT
from ..report.escape import excerpt
from .exits import UsageError

BEGIN, COMMIT = b"BEGIN TRANSACTION", b"COMMIT TRANSACTION"  # omprog's own marks; no record of telemetry is one
_OK, _DEFER = b"OK\n", b"DEFER_COMMIT\n"


class Ack(StrEnum):
    RSYSLOG = "rsyslog"


def needs_channel(inputs: Sequence[str], output: Path | None) -> None:
    """Refuses what leaves no room for acknowledgements: they take standard output, and are for standard input."""
    others = [name for name in inputs if name != STANDARD_INPUT]
    if others:
        raise UsageError(f"`--ack` answers for standard input, and `{excerpt(others[0], 200)}` is read besides")
    if output is None:
        raise UsageError("with `--ack`, standard output is for the acknowledgements", "alerts: `-o alerts.jsonl`")


class Rsyslog:
    """Standard input as rsyslog fills it: a stream of bytes without its marks."""

    def __init__(self, source: int = 0, answers: int = 1) -> None:
        self._source = source
        self._answers = answers
        self._due = bytearray(_OK)  # first of all: ready
        self._held = b""  # what may yet become a mark
        self._is_in_line = False
        self._is_in_transaction = False

    def fileno(self) -> int:
        return self._source

    def read(self, size: int) -> bytes | None:
        """What is there; None where that is marks alone, and nothing at the end."""
        block = os.read(self._source, size)
        if not block:
            rest, self._held = self._held, b""
            return rest
        *lines, rest = (self._held + block).split(b"\n")
        self._held = b""
        content = []
        for line in lines:
            if self._is_in_line or line not in (BEGIN, COMMIT):
                content += [line, b"\n"]
                self._due += _DEFER if self._is_in_transaction else _OK
            else:
                self._is_in_transaction = line == BEGIN
                self._due += _OK
            self._is_in_line = False
        if not self._is_in_line and (BEGIN.startswith(rest) or COMMIT.startswith(rest)):
            self._held = rest
        else:
            self._is_in_line = True
            content.append(rest)
        return b"".join(content) or None

    def settle(self) -> None:
        """Answers for all that was read."""
        due, self._due = bytes(self._due), bytearray()
        with suppress(BrokenPipeError):  # nobody asks any more; what was sent is dealt with all the same
            while due:
                due = due[os.write(self._answers, due) :]
