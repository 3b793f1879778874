"""The published exit codes (docs/alert.md): part of the interface, so each has a name and a test."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FOUND = 1  # alerts under --fail-on-alert; faults of `check`, differences of `fmt --check`
    WRONG_CHAIN = 2
    USAGE = 3  # wrong flags or configuration
    UNREADABLE = 4  # an input, or the output, failed; more was bad than --max-bad allows
    GAP = 5  # telemetry cannot show a chain, under --fail-on-gap
    BAD_LINE = 6  # a line could not be used, under --strict
    INTERNAL = 70  # a fault of ours; sysexits.h calls it EX_SOFTWARE
    INTERRUPTED = 130  # 128 and the number of the signal, as shells have it
    TERMINATED = 143


class UsageError(Exception):
    """Flags or configuration that cannot be used: shown as one line, and the exit code. `hint` is a second line."""

    def __init__(self, message: str, hint: str = "", code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
