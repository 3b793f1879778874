"""`why` names the event that broke an absence, and the one that an exception speaks of."""

import pytest
from chainrun.engine.study.why_report import Stop
from chainrun.engine.study.why_weaker import Asked

from .test_why import WORD, stop_at

WRITES = [r"2s write %TEMP%\one pid=10", r"3s write %TEMP%\two pid=10"]
LONE = [WORD, WRITES[0]]
EGRESS = "5s egress 203.0.113.9 pid=10"
CMD = "1s spawn cmd.exe pid=11 ppid=10"
BY_CMD = r"1s write %TEMP%\two pid=11"


def broken(stop: Stop) -> tuple[int, str]:
    assert stop.broken is not None
    return stop.broken.line, stop.broken.what


@pytest.mark.parametrize(
    ("step", "asked", "chain", "lines", "wrote"),
    [
        # between two steps: the first of several; by the process itself and what it starts
        (3, Asked.ABSENCE, "open as a -> !write by a -> egress by a within 1m", [WORD, *WRITES, EGRESS], "one"),
        (
            4,
            Asked.ABSENCE,
            "open as a -> !(write by a | load by a) -> egress by a within 1m",
            [WORD, *WRITES, EGRESS],
            "one",
        ),
        (3, Asked.ABSENCE, "open as a -> !write -> egress by a within 1m", [WORD, CMD, BY_CMD, EGRESS], "two"),
        # what others did, and what was before, broke nothing
        (
            3,
            Asked.ABSENCE,
            "spawn({ winword.exe }) as a -> !write by a -> egress by a within 1m",
            [r"0s write %TEMP%\none pid=9", WORD, r"1s write %TEMP%\none pid=9", *WRITES, EGRESS],
            "one",
        ),
        # of two absences each its own
        (4, Asked.ABSENCE, "spawn as a -> !write by a -> !load by a -> egress by a within 1m", [*LONE, EGRESS], "one"),
        # at the end the first, before the beginning the last
        (1, Asked.ABSENCE, "spawn as a ->[1m] !write by a within 2m", [WORD, *WRITES, "9m"], "one"),
        (2, Asked.ABSENCE, "!write ~> egress within 1m", [*WRITES, EGRESS], "two"),
        (2, Asked.ABSENCE, "!write -> egress within 1m", [*WRITES, r"4s write %TEMP%\none pid=9", EGRESS], "two"),
        (1, Asked.PRIOR, "egress without prior write in 1h within 1m", [*WRITES, EGRESS], "two"),
        # what ends a chain: linked, and by the subject itself
        (2, Asked.UNTIL, "spawn as a -> egress by a within 1m until write by a", [WORD, *WRITES, EGRESS], "one"),
        (2, Asked.UNTIL, "spawn as a -> egress within 1m until write", [WORD, CMD, BY_CMD, *WRITES, EGRESS], "one"),
    ],
)
def test_the_event_that_broke_an_absence(step: int, asked: Asked, chain: str, lines: list[str], wrote: str) -> None:
    stop = stop_at(step, chain, *lines)
    assert stop.asked is asked and stop.broken is not None
    assert stop.broken.what.endswith(wrote) and stop.broken.line and stop.broken.host


def test_what_only_may_have_happened_is_not_named() -> None:
    stop = stop_at(3, "open as a -> !write by a -> egress by a within 1m", WORD, r"2s write %TEMP%\a", EGRESS)
    assert stop.asked is Asked.ABSENCE and stop.broken is None


def test_an_exception_is_told_at_the_last_event_that_it_speaks_of() -> None:
    chain = "spawn as a -> write by a as drop -> egress by a within 1m"
    excepted = 'except "ours" when drop.file.name == "one" and a.process.name == "winword.exe"'
    stop = stop_at(3, f"{chain}\n{excepted}", WORD, WRITES[0], EGRESS)
    assert stop.asked is Asked.EXCEPTION and stop.nearest is not None
    assert "wrote" in stop.nearest.what
