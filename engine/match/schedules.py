"""Schedules: `"mon-fri 08:00-18:00 Europe/Berlin"`. Days, hours and a time zone, each day by its own zone's clock.

The beginning is inside, the end is not; hours that pass midnight (`22:00-06:00`) belong to the day on which they begin.
Without days it is every day, without a zone UTC. Called by `comparisons`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SCHEDULE = re.compile(r"(?:([a-z,-]+)\s+)?(\d\d):(\d\d)-(\d\d):(\d\d)(?:\s+(\S+))?", re.I)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60_000_000


def compile_schedule(text: str) -> Callable[[int], bool | None]:
    """Whether a moment (microseconds since 1970) is inside; None for one that no calendar has. Raises ValueError."""
    found = _SCHEDULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"`{text}` is not a schedule")
    days = _days(found[1]) if found[1] else frozenset(range(7))
    begin, end = (int(found[i]) * 60 + int(found[i + 1]) for i in (2, 4))
    try:
        zone = ZoneInfo(found[6] or "UTC")
    except (KeyError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"no time zone is called `{found[6]}`") from error

    @lru_cache(maxsize=4096)  # by minute: no zone of our days changes within one
    def holds(minute: int) -> bool | None:
        try:
            local = (_EPOCH + timedelta(minutes=minute)).astimezone(zone)
        except (OverflowError, ValueError):
            return None
        day, now = local.weekday(), local.hour * 60 + local.minute
        if begin < end:
            return day in days and begin <= now < end
        return (day in days and now >= begin) or ((day - 1) % 7 in days and now < end)

    return lambda at: holds(at // _MINUTE)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"`{part}` is no day")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days |= {d % 7 for d in range(begin, (end if end >= begin else end + 7) + 1)}
    return frozenset(days)
