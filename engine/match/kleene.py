"""Three-valued logic: True, False, and None for *unknown*.

Unknown is what a missing field makes of a test: never a match, never a proof. `not` of unknown is unknown.
"""

from collections.abc import Callable, Iterable
from typing import Any

Truth = Callable[..., bool | None]


def some(truths: Iterable[bool | None]) -> bool | None:
    """True if one is, else unknown if one is."""
    unknown = False
    for truth in truths:
        if truth:
            return True
        unknown = unknown or truth is None
    return None if unknown else False


def some_element(value: Any, check: Callable[[Any], bool | None]) -> bool | None:
    """The test of a field's value: of a list, any element passes; of nothing, unknown."""
    if value is None:
        return None
    if isinstance(value, tuple | list):
        return some(map(check, value))
    return check(value)


def not_of(test: Truth) -> Truth:
    def holds(*given: Any) -> bool | None:
        truth = test(*given)
        return None if truth is None else not truth

    return holds


def some_of(tests: tuple[Truth, ...]) -> Truth:
    if len(tests) == 1:
        return tests[0]

    def holds(*given: Any) -> bool | None:  # as `some`, without a generator: half the time
        unknown = False
        for test in tests:
            truth = test(*given)
            if truth:
                return True
            if truth is None:
                unknown = True
        return None if unknown else False

    return holds


def every_of(tests: tuple[Truth, ...]) -> Truth:
    if len(tests) == 1:
        return tests[0]

    def holds(*given: Any) -> bool | None:
        unknown = False
        for test in tests:
            truth = test(*given)
            if truth is None:
                unknown = True
            elif not truth:
                return False
        return None if unknown else True

    return holds
