"""Written times that are compared as they are written."""

from typing import Any

import pytest
from chainrun.engine.intake.spelled import HOUR, TEN_MINUTES, is_in_span, is_spelled_out


@pytest.mark.parametrize(
    ("earliest", "stamp", "hour", "ten_minutes"),
    [
        ("2026-03-02T09:01:44Z", "2026-03-02T09:01:44Z", True, True),
        ("2026-03-02T09:01:44Z", "2026-03-02T09:09:59Z", True, True),
        ("2026-03-02T09:01:44Z", "2026-03-02T09:10:00Z", True, False),
        ("2026-03-02T09:59:59Z", "2026-03-02T10:00:00Z", False, False),
        ("2026-03-02T09:01:44Z", "2026-03-02T09:01:43Z", False, False),
        ("2026-03-02 09:01:44.500+0100", "2026-03-02 09:02:44.400+0100", True, True),
        ("2026-03-02 09:01:44.500+0100", "2026-03-02 09:02:44.400-0800", False, False),
        ("2026-03-02T09:01:44Z", "2026-03-02T09:01:44.1Z", False, False),  # not written alike
        (1772442104, 1772442104, True, True),
        (1772442000, 1772442599, True, True),
        (1772442000, 1772442600, True, False),
        (1772442104, 1772442103, False, False),
        (1772442104.5, 1772442104.25, False, False),
        (1772442104.5, 1772442104.75, True, True),
        (1772442104500, 1772442104501, True, True),
        (1772442104500, 1772445704500, False, False),
        (1772442104, 1772442104500, False, False),  # of another unit
        ("1772442104.500:501", "1772442104.501:502", True, True),
        ("1772442104.500:501", "1772442104.499:502", False, False),
        ("1772442104.500:501", "1772442104.5:501", False, False),
        ("2026-03-02T09:01:44Z", "17724421041772442104", False, False),
        ("17724421040000000001", "2026-03-02T09:01:44Z", False, False),
    ],
)
def test_what_lies_in_one_span(earliest: Any, stamp: Any, hour: bool, ten_minutes: bool) -> None:
    assert is_in_span(stamp, earliest, HOUR) == hour
    assert is_in_span(stamp, earliest, TEN_MINUTES) == ten_minutes


@pytest.mark.parametrize(
    ("stamp", "is_so"),
    [
        ("2026-03-02T09:01:44", True),
        ("2026-03-02 09:01:44.123456 -0800", True),
        ("03/02/2026 09:01:44 AM", False),  # the afternoon's begins alike
        ("1772442104", True),
        ("1772442104.125:501", True),
        ("177244210", False),
        ("132537599990000000", False),  # since 1601, in tenths of microseconds
        (1772442104, True),
        (1772442104.5, True),
        (1772442104500000000, True),
        (12, False),
        (-1772442104, False),
        (10**400, False),
        (float("inf"), False),
        (float("nan"), False),
        (True, False),
        (None, False),
        ([1772442104], False),
        ("9" * 5_000, False),
    ],
)
def test_what_can_be_compared(stamp: Any, is_so: bool) -> None:
    assert is_spelled_out(stamp) == is_so
