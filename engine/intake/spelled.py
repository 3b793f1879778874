"""Times as records write them, compared without being converted: whether one lies in the same span as an earlier one.

    "2026-03-02T09:01:44.5Z", "2026-03-02 09:01:44.500 +0100"    the text's first letters are the span
    1772442104.5, 1772442104500, "1772442104.500:501"            since 1970: how many digits it has tells the unit

Asked by the sieve, of records that are like one before.
"""

import re
from typing import Any

HOUR, TEN_MINUTES = len("2026-03-02T09"), len("2026-03-02T09:0")  # spans, by how much of a written time tells them
SECOND = len("2026-03-02T09:01:44")
_SECONDS = {HOUR: 3_600, TEN_MINUTES: 600}
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_NUMBER = re.compile(r"\d{1,20}")
# How many there are in a second of what is counted since 1970, by the digits of such a number.
_UNITS = {10: 1, 13: 1_000, 16: 1_000_000, 19: 1_000_000_000}


def is_spelled_out(stamp: Any) -> bool:
    """Whether a written time is of one of these sorts."""
    if type(stamp) is str and _DATE.match(stamp):
        return True
    return (number := _number(stamp)) is not None and len(str(number)) in _UNITS


def is_in_span(stamp: Any, earliest: Any, span: int | None) -> bool:
    """Whether a written time is not before one that `is_spelled_out`, and in the same span. Both are of one type."""
    if earliest > stamp or span is None:
        return False
    if type(stamp) is str:
        if len(earliest) != len(stamp):
            return False
        if stamp[4] == "-":
            is_same = earliest[:span] == stamp[:span]
            return is_same and (stamp[-1] == earliest[-1] == "Z" or _zone(stamp) == _zone(earliest))
    first, later = _number(earliest), _number(stamp)
    unit = _UNITS.get(len(str(first)))
    if first is None or later is None or unit is None:
        return False
    return first // (unit * _SECONDS[span]) == later // (unit * _SECONDS[span])


def _number(stamp: Any) -> int | None:
    """What a number, or a text that begins with one, is without its fraction; None where that is no time since 1970."""
    if type(stamp) is str:
        found = _NUMBER.match(stamp)
        return int(found[0]) if found is not None else None
    return int(stamp) if type(stamp) in (int, float) and 0 < stamp < 1 << 64 else None


def _zone(stamp: str) -> str:
    return stamp[SECOND:].lstrip(".,0123456789")
