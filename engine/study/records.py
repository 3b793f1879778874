"""Files of events in a test, read through the whole intake, in any telemetry format. Called by `trial` and `cases`."""

from collections.abc import Sequence

import msgspec

from ..event import Event
from ..formats import Format
from ..intake.intake import Intake
from ..intake.normalise import Normaliser
from .lines import HOST, TESTED


class Records(msgspec.Struct, frozen=True):
    """The events of some files, in order; `bad` says what of them could not be read."""

    events: list[Event]
    bad: tuple[str, ...] = ()


def read_records(files: Sequence[str], formats: tuple[Format, ...]) -> Records:
    """The events of files; records that name no host are of the host that a test's lines are of."""
    intake = Intake(files, Normaliser(formats), host=HOST)
    events = list(intake)
    for event in events:
        event.format = TESTED  # known since ever
        event.doubted = False  # a test's last record lets time pass for all
    tally = intake.tally
    bad = [str(error) for error in tally.errors]
    bad += [
        f"{found.first!r} cannot be read: {cause}" + (f" (as {found.count - 1:,} more)" if found.count > 1 else "")
        for cause, found in sorted(tally.bad.items())
    ]
    return Records(events, tuple(bad))
