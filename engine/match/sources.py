"""Whether silence means anything: which sources have been seen on a host, since when, and when last.

A source is a telemetry format on a host; what it can show is what its format can. Looking back over a time before the
first record of any source that could have shown an event proves nothing, and neither does an interval in which no such
source said anything. Events of a format that is not known here (those of tests, or fed by a program) are taken to be of
a source that sees everything and has always been there.
"""

from collections.abc import Mapping

from ..event import Event

Moment = tuple[int, int]  # order, time


class Sources:
    """The sources of one run.

    sees      telemetry format -> the kinds that it can show
    allowed   what is not known for want of records counts as not having happened, and is flagged
    """

    def __init__(self, sees: Mapping[str, frozenset[str]] | None = None, allowed: bool = False) -> None:
        self.sees = dict(sees or {})
        self.allowed = allowed
        self.first: dict[tuple[str, str], int] = {}  # (host, format) -> time; of the host "" for all hosts
        self.last: dict[tuple[str, str], Moment] = {}

    def learn(self, event: Event) -> None:
        """Takes note of an event that has been matched."""
        if event.format in self.sees:
            place = event.host, event.format
            if place not in self.first:
                self.first[place] = event.time
                self.first.setdefault(("", event.format), event.time)
            self.last[place] = event.order, event.time

    def is_known(self, event: Event, kinds: frozenset[str], since: int, anywhere: bool = False) -> bool:
        """Whether events of these kinds would have been seen from a moment up to this event."""
        if event.format not in self.sees:
            return True
        host = "" if anywhere else event.host
        own = {event.format: event.time}  # its source's first record may be this one
        return any(
            kinds <= sees and (first := self.first.get((host, format), own.get(format))) is not None and first <= since
            for format, sees in self.sees.items()
        )

    def is_alive(self, event: Event, kinds: frozenset[str], after: int) -> bool:
        """Whether a source that could have shown such an event said anything on this event's host after the event
        numbered `after`. Where any event would do, silence is the proof."""
        if not kinds or event.format not in self.sees:
            return True
        return any(
            kinds <= sees and (last := self.last.get((event.host, format))) is not None and last[0] > after
            for format, sees in self.sees.items()
        )
