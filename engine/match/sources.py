"""Whether silence means anything: which sources have been seen on a host, since when, and when last.

A source is a telemetry format on a host; what it can show is what its format can. Looking back over a time before the
first record of any source that could have shown an event proves nothing, and neither does an interval in which no such
source said anything. Events of a format that is not known here (those of tests, or fed by a program) are taken to be of
a source that sees everything and has always been there.

Since when a source is known matters however long it was silent, so none is forgotten until there are too many. Then
those go that were silent for longer than anybody looks back; and while there is no room no new one is learnt. So a
flood of forged hosts costs little memory, and blinds none that was known before: of a new one nothing is proven yet.
"""

from collections.abc import Mapping

from ..event import Event
from .digests import Digest, digested

Moment = tuple[int, int]  # order, time

# How many sources are remembered: 30 MB.
MOST_SOURCES = 100_000


class Heard:
    """Since when a source is known, and when it last said anything."""

    __slots__ = ("first", "last", "order")

    def __init__(self, event: Event) -> None:
        self.first = event.time
        self.take(event)

    def take(self, event: Event) -> None:
        self.order = event.order
        self.last = event.time


class Sources:
    """The sources of one run.

    sees      telemetry format -> the kinds that it can show
    allowed   what is not known for want of records counts as not having happened, and is flagged
    longest   how far anybody looks back
    on_hosts, anywhere  what was heard of each format on each host, and on any
    """

    def __init__(self, sees: Mapping[str, frozenset[str]] | None = None, allowed: bool = False) -> None:
        self.sees = dict(sees or {})
        self.allowed = allowed
        self.longest = 0
        self.on_hosts: dict[tuple[str | Digest, str], Heard] = {}
        self.anywhere: dict[str, Heard] = {}

    def reach(self, look_back: int) -> None:
        """Takes that somebody looks back as far as this."""
        self.longest = max(self.longest, look_back)

    def learn(self, event: Event) -> None:
        """Takes note of an event that has been matched."""
        format = event.format
        if format not in self.sees:
            return
        heard = self.anywhere.get(format)
        if heard is None:
            self.anywhere[format] = Heard(event)
        else:
            heard.take(event)
        place = digested(event.host), format
        heard = self.on_hosts.get(place)
        if heard is not None:
            heard.take(event)
        elif len(self.on_hosts) < MOST_SOURCES:
            self.on_hosts[place] = Heard(event)

    def forget(self, now: int) -> None:
        """Make room where there is none, by what was silent for longer than anybody looks back."""
        if len(self.on_hosts) >= MOST_SOURCES:
            horizon = now - self.longest
            self.on_hosts = {place: heard for place, heard in self.on_hosts.items() if heard.last >= horizon}

    def is_known(self, event: Event, kinds: frozenset[str], since: int, host: str | None) -> bool:
        """Whether events of these kinds would have been seen from a moment up to this event, on a host or (None) on
        any."""
        if event.format not in self.sees:
            return True
        if event.time <= since and kinds <= self.sees[event.format]:
            return True  # its source's first record may be this one
        found = (self._on(host, format) for format, sees in self.sees.items() if kinds <= sees)
        return any(heard is not None and heard.first <= since for heard in found)

    def is_alive(self, event: Event, kinds: frozenset[str], after: int, host: str | None) -> bool:
        """Whether a source that could have shown such an event said anything on a host, or (None) on any, after the
        event numbered `after`. Where any event would do, silence is the proof."""
        if not kinds or event.format not in self.sees:
            return True
        found = (self._on(host, format) for format, sees in self.sees.items() if kinds <= sees)
        return any(heard is not None and heard.order > after for heard in found)

    def _on(self, host: str | None, format: str) -> Heard | None:
        return self.anywhere.get(format) if host is None else self.on_hosts.get((digested(host), format))
