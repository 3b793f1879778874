"""Moments as formats write them, read as microseconds since 1970 in UTC, without a float where the source has none.

ISO 8601 with any number of fractional digits (cut below the microsecond) and with or without a zone (without: UTC as
written); epochs in s, ms, µs and ns; FILETIME. Each function gives None for what is no usable moment, and never raises.
Used by `converters`.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from .values import Known

# Not before 1970 (an empty FILETIME is 1601) and not after 9999: such a number is a fault, not a moment.
LATEST = 253_402_300_800_000_000

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_FILETIME_EPOCH = 11_644_473_600_000_000  # µs from 1601 to 1970


def _usable(moment: int) -> int | None:
    return moment if 0 <= moment < LATEST else None


def iso(value: object) -> int | None:
    """`2020-10-21 12:19:04.414`, `2020-04-25T22:21:19.6296306Z`, `…+02:00`."""
    if type(value) is not str or len(value) < 16 or value[4] != "-":
        return None
    # what is finer than a millisecond is hardly ever written twice
    second = _seconds[value[:19]] if len(value) <= _MILLISECONDS else None
    rest = _rests[value[19:]] if second is not None else None
    return _read(value) if second is None or rest is None else _usable(second + rest)


def _read(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        # A leap second is a real moment that datetime has no name for: the second after :59.
        if value[17:19] != "60":
            return None
        before = iso(f"{value[:17]}59{value[19:]}")
        return None if before is None else _usable(before + 1_000_000)
    return _usable(_since(moment))


def _since(moment: datetime) -> int:
    since = moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _second(text: str) -> int | None:
    """What a moment begins with, in microseconds; None where it is not written so."""
    if not _SECOND.fullmatch(text):
        return None
    try:
        return _since(datetime.fromisoformat(text))
    except ValueError:
        return None


def _rest(text: str) -> int | None:
    """What stands behind the second, fraction and zone, in microseconds."""
    try:
        return _since(datetime.fromisoformat(f"1970-01-01T00:00:00{text}"))
    except ValueError:
        return None


# A second is written by many records, and a fraction of three digits by each thousandth: two look-ups take a quarter of
# the time that reading takes.
_SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}")
_MILLISECONDS = len("2020-10-21T12:19:04.414Z")
_seconds, _rests = Known(_second), Known(_rest)


def _epoch(value: object, units: int) -> int | None:
    """A number, or its digits as text, with this many units a second."""
    if type(value) is int:
        return _usable(value * 1_000_000 // units)
    if type(value) is float:
        # A double holds today's seconds to a quarter of a microsecond: rounding gives back the microsecond written.
        return _usable(round(value * 1_000_000 / units)) if 0 <= value < 1e19 else None
    if type(value) is str and len(value) <= 32:
        try:
            exact = Decimal(value)
        except InvalidOperation:
            return None
        if not exact.is_finite():  # NaN is compared with nothing
            return None
        return _usable(int(exact * 1_000_000 / units)) if 0 <= exact < Decimal("1e19") else None
    return None


def epoch_seconds(value: object) -> int | None:
    """Seconds since 1970, with a fraction or without."""
    return _epoch(value, 1)


def epoch_milliseconds(value: object) -> int | None:
    """Milliseconds since 1970."""
    return _epoch(value, 1_000)


def epoch_microseconds(value: object) -> int | None:
    """Microseconds since 1970."""
    return _epoch(value, 1_000_000)


def epoch_nanoseconds(value: object) -> int | None:
    """Nanoseconds since 1970."""
    return _epoch(value, 1_000_000_000)


def filetime(value: object) -> int | None:
    """100 ns since 1601, as Windows counts."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    return _usable(value // 10 - _FILETIME_EPOCH) if type(value) is int else None


def seconds_nanos(value: object) -> int | None:
    """Protocol buffers' `{"seconds": "1732454400", "nanos": 5}`."""
    if not isinstance(value, dict):
        return None
    seconds, nanos = epoch_seconds(value.get("seconds")), value.get("nanos", 0)
    if seconds is None or type(nanos) is not int or not 0 <= nanos < 1_000_000_000:
        return None
    return seconds + nanos // 1_000


def moment(value: object) -> int | None:
    """ISO 8601, or an epoch whose unit its size tells (seconds reach 10^11 in the year 5138)."""
    if type(value) is str and "-" in value:
        return iso(value)
    try:
        size = abs(float(value))  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, OverflowError):
        return None
    return _epoch(value, 1 if size < 1e11 else 1_000 if size < 1e14 else 1_000_000 if size < 1e17 else 1_000_000_000)
