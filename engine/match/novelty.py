"""What has been seen before: the memory behind `new(user.name, source.ip among signin in 30d)`.

One history for each kind and combination of fields that any chain asks for, over all hosts and scopes. Learned from
each event after it was matched, so that an event is never its own past.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from copy import copy

from chainrun.dsl.model import New

from ..event import Event
from .digests import digested
from .fields import OPAQUE, Reader, Rename, Test, Values, hashable, reader, unchanged
from .sources import Sources
from .weights import EVERYBODY, VALUE

Question = tuple[str, tuple[str, ...]]  # kind, fields


class History:
    """The values that came together in events of one kind, and when last. `begun`: when learning began, if the stream
    had begun before."""

    def __init__(self, kind: str, fields: tuple[str, ...], begun: int | None = None) -> None:
        self.kind = kind
        self.fields = fields
        self.begun = begun
        self.keep = 0
        self.last: dict[tuple[Hashable, ...], int] = {}
        self.covered: list[tuple[int, int]] = []  # by baselines: from when until when
        self._readers = tuple(reader(field) for field in fields)

    def is_known(self, since: int) -> bool:
        """Whether it has learnt from a moment on, as far as the stream lets it."""
        return self.begun is None or since >= self.begun

    def known_from(self, since: int) -> int:
        """From when on the stream itself must be known, for all to be known since a moment."""
        for begin, end in sorted(self.covered):
            if begin <= since <= end:
                since = end
        return since

    def learn(self, event: Event) -> None:
        values = combination(self._readers, event)
        if values is not None:
            self.last[values] = max(event.time, self.last.get(values, event.time))

    def weigh(self) -> Counter[Hashable]:
        return Counter({EVERYBODY: VALUE * len(self.last)})

    def shed(self, shares: Mapping[Hashable, float]) -> Counter[Hashable]:
        """Forgets a share of its values, those that did not come for longest."""
        count = int(len(self.last) * shares.get(EVERYBODY, 0.0))
        for values in sorted(self.last, key=self.last.__getitem__)[:count]:
            del self.last[values]
        return Counter({EVERYBODY: count})

    def forget(self, before: int) -> None:
        for values in [v for v, time in self.last.items() if time < before]:
            del self.last[values]


class Novelty:
    """All histories of an engine. `allowed`: what is new as far as is known is new; else that is unknown. `now`: when
    the memory of a question begins that is asked from here on; None before the stream has begun."""

    def __init__(self, sources: Sources) -> None:
        self.histories: dict[Question, History] = {}
        self.sources = sources
        self.allowed = sources.allowed
        self.now: int | None = None
        self._tests: list[Test] = []
        self._numbers: dict[Hashable, int] = {}  # of the tests, by what they ask

    @property
    def learnt(self) -> dict[Question, tuple[dict[tuple[Hashable, ...], int], int | None]]:
        """What each history has learnt, and since when; put back, it is that of the questions that are asked still."""
        return {question: (history.last, history.begun) for question, history in self.histories.items()}

    @learnt.setter
    def learnt(self, known: dict[Question, tuple[dict[tuple[Hashable, ...], int], int | None]]) -> None:
        for question, (last, begun) in known.items():
            if (history := self.histories.get(question)) is not None:
                history.last, history.begun = last, begun

    def proven(self) -> "Novelty":
        """The same memory, asked for nothing but what is known."""
        strict = copy(self)
        strict.allowed = False
        return strict

    def test(self, new: New, rename: Rename = unchanged) -> Test:
        """Whether a combination is new at an event; unknown where the event lacks a field."""
        history = self.history(new)
        asked = history.kind, history.fields, new.look_back, rename, self.allowed
        if asked in self._numbers:
            return self._tests[self._numbers[asked]]
        kinds = frozenset({new.kind} - {"event"})
        readers = tuple(reader(rename(field.name)) for field in new.fields)

        number = self._numbers[asked] = len(self._tests)

        def is_new(event: Event, values: Values) -> bool | None:
            if event.novel is not None and number < len(event.novel):
                return event.novel[number]
            found = combination(readers, event)
            if found is None:
                return None
            since = event.time - new.look_back
            last = history.last.get(found)
            if last is not None and last >= since:
                return False
            since = history.known_from(since)
            if self.allowed or (history.is_known(since) and self.sources.is_known(event, kinds, since, host=None)):
                return True
            return None

        self._tests.append(is_new)
        return is_new

    def remember(self, event: Event) -> None:
        """Let an event that is kept to be asked again know what was new at it."""
        if self._tests and event.novel is None:
            event.novel = tuple(test(event, ()) for test in self._tests)

    def history(self, new: New) -> History:
        question = (new.kind, tuple(field.name for field in new.fields))
        history = self.histories.get(question)
        if history is None:
            history = self.histories[question] = History(*question, self.now)
        history.keep = max(history.keep, new.look_back)
        self.sources.reach(new.look_back)
        return history

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.histories)

    def learn(self, event: Event) -> None:
        """Remember an event that has been matched."""
        for history in self.histories.values():
            if history.kind in event.kinds or history.kind == "event":
                history.learn(event)

    @property
    def held(self) -> int:
        """How much `forget` looks at."""
        return sum(len(history.last) for history in self.histories.values())

    def forget(self, now: int) -> None:
        for history in self.histories.values():
            history.forget(now - history.keep)


def combination(readers: tuple[Reader, ...], event: Event) -> tuple[Hashable, ...] | None:
    """The values of an event, or None where one is missing."""
    values = tuple(digested(hashable(read(event, ()))) for read in readers)
    return None if any(value is None or value is OPAQUE for value in values) else values
