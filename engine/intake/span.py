"""Span: the time that a run is asked about.

What lies after it is left out. What lies before it is no step of any chain, but tells whose events those after it are:
a process that was started before the span still has its parent. Applied by `intake` to events in order, by their true
time.
"""

import msgspec


class Span(msgspec.Struct, frozen=True):
    """From a moment on, and before another, in microseconds since 1970; None: no such limit."""

    since: int | None = None
    until: int | None = None

    def is_before(self, at: int) -> bool:
        """Whether a moment lies before it."""
        return self.since is not None and at < self.since

    def is_after(self, at: int) -> bool:
        return self.until is not None and at >= self.until
