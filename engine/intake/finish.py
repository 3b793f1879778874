"""Finish: the last room of intake, from which ordered events go to matching: asked about, named, counted, numbered."""

from collections.abc import Iterable, Iterator

from chainrun.engine.event import Event

from .names import Names
from .span import Span
from .tally import Tally


def finish(events: Iterable[Event], names: Names, tally: Tally, span: Span) -> Iterator[Event]:
    """The events as matching sees them. What lies before the span comes along as word of whose all else is."""
    for event in events:
        if span.is_after(event.time):
            tally.count_outside(event)
            continue
        if span.is_before(event.time):
            tally.count_outside(event)
            event.unasked = True
        if event.unasked:
            yield event
            continue
        names.apply(event)
        event.order = tally.passed
        tally.count_passed(event)
        yield event
