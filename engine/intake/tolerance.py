"""Tolerance: how many lines of a run may be bad before its reading ends.

A wrong format, a shipper that cuts lines short: where nothing is expected to be bad, a run that goes on hides the
fault. By itself a run bears everything, and counts it. Asked by `intake` at every bad line, and once more at the end.
"""

import msgspec

JUDGED = 1_000  # lines that must have been read before a share of them says anything


class Intolerable(Exception):
    """A bad line too many; caught where lines are read."""


class Tolerance(msgspec.Struct, frozen=True):
    """Bears so many bad `lines`, or such a `share` of all lines, from 0 to 1; None: any."""

    lines: int | None = None
    share: float | None = None

    def bears(self, bad: int, lines: int, at_end: bool = False) -> bool:
        """Whether a run goes on with so many bad lines of so many. A share is judged from a thousand lines on."""
        if self.lines is not None and bad > self.lines:
            return False
        return self.share is None or (lines < JUDGED and not at_end) or bad <= self.share * lines
