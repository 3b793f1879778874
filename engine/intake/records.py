"""From the lines of an input to the events of each, and what became of those that have none: counted, and handed to
whoever keeps the bad ones.

Lines that nobody needs are passed over without being looked at one by one (`sieve`). Called by `intake`, which brings
the events in order.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from chainrun.engine.event import Event, Origin

from .held import Held
from .lines import Cut, Line
from .normalising import Normalises
from .source import Input
from .tolerance import Intolerable, Tolerance
from .whose import is_told_by_others

TOO_LONG = "line too long"


class Records:
    """The records of a run's inputs.

    held       its tally counts what becomes of each line, its clock learns what records of files show of their hosts'
    is_stream  records come as they come: they tell the time, too, and what they show of clocks is learnt later
    host       the host of records that name none; without it, the input's name
    tolerance  how many bad lines are borne
    on_bad     called with every line that cannot be used (None where it was too long to be held), and the cause
    """

    def __init__(
        self,
        normaliser: Normalises,
        held: Held,
        is_stream: bool,
        host: str | None,
        tolerance: Tolerance | None,
        on_bad: Callable[[bytes | None, Origin, str], None] | None,
    ) -> None:
        self._held = held
        self._is_stream = is_stream
        self._host = host
        self._tolerance = tolerance or Tolerance()
        self._on_bad = on_bad
        self.earlier: Counter[str] = Counter()  # how many there were, by format, before this normaliser
        self._normaliser = normaliser
        self.use(normaliser)

    def use(self, normaliser: Normalises) -> None:
        """Lines are normalised by this one from now on."""
        self.earlier = self.read
        normaliser.ticks = self._is_stream
        self._normaliser = normaliser

    @property
    def read(self) -> Counter[str]:
        """How many records there were, by format."""
        return self.earlier + self._normaliser.read

    @property
    def is_whole(self) -> bool:
        """Whether every record is of interest."""
        return self._normaliser.is_whole

    def of(self, cut: Cut, input: Input) -> Iterator[list[Event]]:
        """The events of some lines, of each that has any. Raises Intolerable at a bad line too many."""
        tally, pieces, at = self._held.tally, cut.pieces, 0
        if cut.first is not None and (events := self._of_line(cut.first, input, None)):
            yield events
        while at < len(pieces):
            to, found = self._normaliser.sift(pieces, at) if cut.is_short else (at, None)
            tally.lines += to - at
            tally.recorded += to - at
            tally.silent += to - at
            if to < len(pieces) and (events := self._of_line(cut.line(to), input, found)):
                yield events
            at = to + 1

    def _of_line(self, line: Line, input: Input, found: Any) -> list[Event]:
        number, offset, text = line
        tally = self._held.tally
        tally.lines += 1
        if text is not None and (not text or text.isspace()):
            tally.blank += 1
            return []
        origin = Origin(input.name, number, offset, input.rank)
        result = self._normaliser.take(text, origin, found) if text is not None else None
        if not isinstance(result, list):
            self._refuse(text, origin, TOO_LONG if result is None else result.cause)
            return []
        tally.recorded += 1
        passing = []
        for event in result:
            if not event.host and not is_told_by_others(event):
                event.host = self.default_host(input.name)
            if not self._is_stream and event.measures is not None:
                self._held.clock.learn(event)
            if not only_tells_time(event):
                passing.append(event)
        asked = sum(not event.unasked for event in passing)
        if asked:
            tally.further += asked - 1
        else:
            tally.silent += 1
        return result if self._is_stream else passing  # on a pipe, `Hold` measures

    def _refuse(self, text: bytes | None, origin: Origin, cause: str) -> None:
        tally = self._held.tally
        tally.count_bad(cause, origin)
        if self._on_bad is not None:
            self._on_bad(text, origin, cause)
        if not self._tolerance.bears(tally.bad_lines, tally.lines):
            tally.is_intolerable = True
            raise Intolerable

    def judge(self) -> None:
        """Once all has been read: whether too many of the lines were bad."""
        tally = self._held.tally
        if tally.last_bad is not None and not self._tolerance.bears(tally.bad_lines, tally.lines, at_end=True):
            tally.is_intolerable = True

    def default_host(self, input: str) -> str:
        return self._host or input


def only_tells_time(event: Event) -> bool:
    return not event.kinds and not event.fields
