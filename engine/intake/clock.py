"""Clocks: local time that was written as UTC, and the true time.

Some exports stamp records with local time and a false `Z`, even from a 12-hour clock without AM or PM (7 h off in the
morning, 19 h in the evening). A record that also carries a trustworthy time, as Sysmon's do, measures how far off its
host's stamps are at that moment; records without one (Security's) are corrected by that. `Clock` holds the
measurements, `Hold` keeps a pipe's events back until there is one. Called by `intake`, before ordering.
"""

from bisect import bisect_left
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator
from itertools import chain, islice

from chainrun.engine.event import Event

SECOND = 1_000_000
QUARTER = 15 * 60 * SECOND  # every zone is a whole number of quarters from UTC
TOLERANCE = 30 * 1_000_000  # between an occurrence and its record
FARTHEST = 26 * 3_600 * 1_000_000  # 14 h of zone and 12 h of a clock without AM and PM
HELD = 100_000
# Quarters of hosts that are remembered: of files a day of 5,000 hosts (100 MB); a pipe corrects by the latest alone.
MEASURED, MEASURED_LIVE = 480_000, 20_000
UNMEASURED = "clock_unmeasured"

# Host and format, because one host's records can be right in one export and wrong in another; and the input's rank, or
# None for all inputs together.
_Key = tuple[str, str, int | None]
_Track = tuple[list[int], list[int]]  # quarters of record time in which there are measurements, and their offsets


def offset_of(difference: int) -> int | None:
    """The clock offset that a difference between true and record time shows; None where it shows something else."""
    offset = (difference + QUARTER // 2) // QUARTER * QUARTER
    return offset if abs(difference - offset) <= TOLERANCE and abs(offset) <= FARTHEST else None


class Clock:
    """What has been measured of each host's clock.

    Measurements are counted by the quarter hour of record time in which they were made, and the most frequent offset of
    a quarter is its offset: zones, daylight saving and 12-hour clocks change on the hour, so a quarter has one true
    offset, and one record with a wrong time is outvoted. `most`: so many quarters of all hosts are remembered, the
    last.
    """

    def __init__(self, most: int = MEASURED) -> None:
        self._most = most
        self._votes: Counter[tuple[str, str, int, int, int]] = Counter()  # host, format, rank, quarter, offset
        self._latest: OrderedDict[tuple[str, str], int] = OrderedDict()  # the last of `HELD` hosts
        self._tracks: dict[_Key, _Track] | None = None  # made from the votes when first asked for

    def learn(self, event: Event) -> bool:
        """Counts the measurement that an event carries; whether it carries one."""
        if event.measures is None or (offset := offset_of(event.measures)) is None:
            return False
        quarter = (event.time - event.measures) // QUARTER
        self._votes[event.host, event.format, event.origin.rank, quarter, offset] += 1
        self._latest[event.host, event.format] = offset
        self._latest.move_to_end((event.host, event.format))
        if len(self._latest) > HELD:
            self._latest.popitem(last=False)
        self._tracks = None
        if len(self._votes) > self._most:
            for old in list(islice(self._votes, len(self._votes) // 2)):
                del self._votes[old]
        return True

    def correct(self, event: Event) -> bool:
        """Moves an event to true time by the measurement nearest to it in record time, of its own input where that has
        any; whether there was one."""
        if event.clock is None:
            return True
        offset = self._nearest((event.host, event.format, event.origin.rank), event.clock)
        if offset is None:
            offset = self._nearest((event.host, event.format, None), event.clock)
        return _move(event, offset)

    def correct_by_latest(self, event: Event) -> bool:
        """As `correct`, by the measurement last made: what a pipe knows."""
        return event.clock is None or _move(event, self._latest.get((event.host, event.format)))

    def offsets(self) -> dict[str, tuple[int, ...]]:
        """The offsets in force on each host, from the smallest."""
        found: dict[str, set[int]] = defaultdict(set)
        for (host, _, rank), (_, offsets) in self._made_tracks().items():
            if rank is None:
                found[host].update(offsets)
        return {host: tuple(sorted(offsets)) for host, offsets in sorted(found.items())}

    def _nearest(self, key: _Key, at: int) -> int | None:
        track = self._made_tracks().get(key)
        if track is None:
            return None
        quarters, offsets = track
        quarter = at // QUARTER
        after = bisect_left(quarters, quarter)
        if after == len(quarters):
            return offsets[-1]
        if after == 0 or quarters[after] == quarter:
            return offsets[after]
        since, until = at - (quarters[after - 1] + 1) * QUARTER, quarters[after] * QUARTER - at
        return offsets[after - 1] if since <= until else offsets[after]

    def _made_tracks(self) -> dict[_Key, _Track]:
        if self._tracks is None:
            counts: dict[_Key, dict[int, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
            for (host, format, rank, quarter, offset), count in self._votes.items():
                counts[host, format, rank][quarter][offset] += count
                counts[host, format, None][quarter][offset] += count
            self._tracks = {key: _track(quarters) for key, quarters in counts.items()}
        return self._tracks


def _track(counts: dict[int, Counter[int]]) -> _Track:
    """The most frequent offset of each quarter; of equally frequent ones the smallest move."""
    quarters = sorted(counts)
    return quarters, [min(counts[q], key=lambda offset: (-counts[q][offset], abs(offset), offset)) for q in quarters]


def _move(event: Event, offset: int | None) -> bool:
    if offset is None or event.clock is None:
        return False
    event.time = event.clock + offset
    # a record time in whole seconds may lie before the start of the very process that acts; a finer time that agrees
    # with it to the second is the better one, though by itself it cannot be trusted
    if event.finer is not None and event.clock % SECOND == 0 and abs(event.finer - event.time) < 2 * SECOND:
        event.time = event.finer
    event.clock = None
    return True


class Hold:
    """A pipe's events whose time must be corrected wait here for their host's first measurement.

    At most `most` events wait; beyond that the host that keeps most of them waiting goes on as it is, flagged, and
    waits no more; of equal ones the first to wait for so many. Events whose time is right never wait.
    """

    def __init__(self, clock: Clock, most: int = HELD) -> None:
        self._clock = clock
        self._most = most
        self._waiting: dict[tuple[str, str], list[Event]] = {}
        # The same hosts by how many events wait for them: to seek the largest among forged names would cost a second
        # for every forty events.
        self._by_size: defaultdict[int, OrderedDict[tuple[str, str], None]] = defaultdict(OrderedDict)
        self._largest = 0
        self._count = 0
        self._given_up: OrderedDict[tuple[str, str], None] = OrderedDict()  # no more than may wait: others wait anew

    def take(self, event: Event) -> list[Event]:
        """The events that may go on now that this one has come."""
        key = (event.host, event.format)
        if self._clock.learn(event) and key in self._waiting:
            return [*self._release(key), event]
        if self._clock.correct_by_latest(event):
            return [event]
        if key in self._given_up:
            return [_flagged(event)]
        self._wait(key, event)
        if self._count <= self._most:
            return []
        largest = next(iter(self._by_size[self._largest]))
        self._given_up[largest] = None
        if len(self._given_up) > self._most:
            self._given_up.popitem(last=False)
        return self._release(largest)

    def end(self) -> list[Event]:
        """The events that wait when all inputs have ended, in the order in which their hosts came."""
        return [event for key in list(self._waiting) for event in self._release(key)]

    def events(self) -> Iterator[Event]:
        """The events that wait."""
        return chain.from_iterable(self._waiting.values())

    def _wait(self, key: tuple[str, str], event: Event) -> None:
        events = self._waiting.setdefault(key, [])
        self._by_size[len(events)].pop(key, None)
        events.append(event)
        self._by_size[len(events)][key] = None
        self._largest = max(self._largest, len(events))
        self._count += 1

    def _release(self, key: tuple[str, str]) -> list[Event]:
        events = self._waiting.pop(key)
        del self._by_size[len(events)][key]
        while self._largest and not self._by_size[self._largest]:
            del self._by_size[self._largest]
            self._largest -= 1
        self._count -= len(events)
        return [event if self._clock.correct_by_latest(event) else _flagged(event) for event in events]


def _flagged(event: Event) -> Event:
    if UNMEASURED not in event.flags:
        event.flags = (*event.flags, UNMEASURED)
    return event


def correct_all(clock: Clock, events: list[Event]) -> None:
    """Corrects events by measurements that are complete; an event whose host has none is flagged."""
    for event in events:
        if event.clock is not None and not clock.correct(event):
            _flagged(event)
