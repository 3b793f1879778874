"""Whole seconds: an event of a process does not come before the process's start.

Some sources write their times in whole seconds, beside others on the same host that do not: a connection at 10.6 s is
written as 10.0 s, and stands before the start of its own process at 10.3 s. Where a start follows within the second
that was cut off, such an event belongs right after it. Called by `intake`, on ordered events, where the stream may
wait.
"""

from collections import deque
from collections.abc import Iterator

from ..event import Event

SECOND = 1_000_000
CANDIDATES = 64  # moved for one start: a flood on one pid must not cost its square


class WholeSeconds:
    """Lets events through a second later, those that were cut off behind the start of their process."""

    def __init__(self) -> None:
        self._queue: deque[Event] = deque()
        self._gone: set[Event] = set()  # that were moved, and stand once more where they came
        # Queued events on a whole second, by host and pid.
        self._cut: dict[tuple[str, object], dict[Event, None]] = {}

    def take(self, event: Event) -> list[Event]:
        """The events that go on, now that this one has come."""
        passed = self._release(event.time - SECOND)
        self._queue.append(event)
        if "spawn" in event.kinds:
            for early in list(self._cut.pop(_key(event), {}))[-CANDIDATES:]:
                if _may_be_one(early, event):
                    self._gone.add(early)
                    early.time = event.time
                    self._queue.append(early)
        elif event.time % SECOND == 0 and "process.pid" in event.fields:
            self._cut.setdefault(_key(event), {})[event] = None
        return passed

    def end(self) -> list[Event]:
        """The events that still wait."""
        return self._release(None)

    def events(self) -> Iterator[Event]:
        """The events that wait."""
        return iter(dict.fromkeys(self._queue))  # one that was moved stands there twice

    def _release(self, until: int | None) -> list[Event]:
        queue, gone = self._queue, self._gone
        passed = []
        while queue:
            event = queue[0]
            if event in gone:  # whatever its time is now, nothing waits for its old place
                gone.remove(event)
                queue.popleft()
                continue
            if until is not None and event.time > until:
                break
            passed.append(queue.popleft())
            if self._cut:
                key = _key(event)
                cut = self._cut.get(key)
                if cut is not None and event in cut:
                    del cut[event]
                    if not cut:
                        del self._cut[key]
        return passed


def _key(event: Event) -> tuple[str, object]:
    return event.host, event.fields.get("process.pid")


def _may_be_one(event: Event, start: Event) -> bool:
    """Whether an event on this pid can be of the process that starts: their programs have one name, where both say."""
    mine, its = event.fields.get("process.name"), start.fields.get("process.name")
    return mine is None or its is None or mine.casefold() == its.casefold()
