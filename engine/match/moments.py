"""Which of the counted events a count rests on, at the moments at which it held: its evidence.

    {>= 3 in 10s}           all that lie in the window of one of the moments
    {>= 3 every 9s..11s}    all that stand in a run of three that ends in one of them

Knows times and orders of events and nothing else; called by `tallies` when an alert is made.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from ..event import Event


def in_windows(events: Iterable[Event], moments: Sequence[Event], within: int) -> set[int]:
    """The orders of the events that lie in (t − within, t] of one of the moments, which are in order."""
    orders = [moment.order for moment in moments]
    chosen = set[int]()
    for event in events:
        at = bisect_left(orders, event.order)  # of the moments from it on the first looks back to it, if any does
        if at < len(orders) and event.time > moments[at].time - within:
            chosen.add(event.order)
    return chosen


def in_runs(events: Sequence[Event], moments: Iterable[Event], shortest: int, longest: int, size: int) -> set[int]:
    """The orders of the events, which rise in time, that stand in a run of `size` that ends in one of the moments."""
    times = [event.time for event in events]
    ends = {moment.order for moment in moments}
    # backward: what may stand so many intervals before an end; then forward again: of these what a whole run leads from
    steps = [{place for place, event in enumerate(events) if event.order in ends}]
    while len(steps) < size and (earlier := set(_away(times, steps[-1], -longest, -shortest))):
        steps.append(earlier)
    held = steps.pop()
    chosen = set(held)
    while steps:
        held = steps.pop().intersection(_away(times, held, shortest, longest))
        chosen |= held
    return {events[place].order for place in chosen}


def _away(times: list[int], places: set[int], least: int, most: int) -> Iterator[int]:
    """The places of the times that lie from `least` to `most` after that of any of these."""
    begins = sorted({times[place] for place in places})
    if not begins:
        return
    for place in range(bisect_left(times, begins[0] + least), bisect_right(times, begins[-1] + most)):
        at = bisect_left(begins, times[place] - most)
        if at < len(begins) and begins[at] <= times[place] - least:
            yield place
