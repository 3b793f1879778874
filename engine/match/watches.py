"""What must not have happened: when an event of an absent step last did, by what it was joined on.

    open as app -> !write -> spawn        every write is noted under its actor and all above it;
                                          a spawn asks: when was the last one under this app?

Noted once an event, asked once a look-up, however many matches are open. What is unknown counts as happened, on either
side: an event that may be anybody's is noted for all, and a match that lacks the value asks for any. Only of `event`,
which takes anything, a record that lacks what is tested is no such event. Where captures are compared by more than
equality, the events themselves are kept in the same places, and those of a match are looked through, newest first.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import product
from typing import Any

from ..event import Event
from ..process import Process
from ..timer import SWEEPS, Timer
from .automaton import Absence
from .conditions import Test
from .digests import digested
from .entities import Entities
from .fields import unchanged
from .joining import offer
from .keys import EntityKey
from .linking import is_joined
from .novelty import Novelty
from .readings import Reading, StepTest, as_parent, looking_back
from .sources import Moment
from .weights import EVENT, MARK


class _Mark(Enum):
    """A place in a table of marks that is no value."""

    ANY = "asked by everybody"
    SOME = "asked by whoever lacks a value"


ANY, SOME = _Mark.ANY, _Mark.SOME

Place = tuple[Hashable, tuple[Hashable, ...]]  # scope, joined values
Offers = list[list[Hashable] | None]

# Joins that tie an event to no host: by a value, or by where it came from.
_ANYWHERE = frozenset({"value", "source"})


class Watch:
    """Keeps watch for one absence.

    on_host  the chain's scope is one host; else what must not happen could on any
    marks    when it last happened, by place, where the joins say all that is asked
    log      else the events themselves, oldest first; `looked`: how many of them have been looked at
    begun    when the watch began, if the stream had begun before
    """

    def __init__(
        self, absence: Absence, window: int | None, entities: Entities, novelty: Novelty, on_host: bool = True
    ) -> None:
        self.absence = absence
        self.certain = absence.certain
        self.on_host = on_host
        self.novelty = novelty
        self.sources = novelty.sources
        self.keep = absence.limit if absence.limit is not None else window
        self.sources.reach(self.keep or 0)
        self.sweep = Timer((self.keep or 0) // SWEEPS)
        self.slots = absence.slots
        # what has no kind but what its fields make of it must have the fields
        self.plain = all(part.base == "event" for part in absence.step.parts)
        self.test = StepTest(absence.step, window, entities, novelty, certain=absence.certain or self.plain)
        self._strict = [self.certain or (self.plain and j.how in ("value", "entity")) for j in absence.joins]
        self._offers = [offer(join, entities) for join in absence.joins]
        self._at = [self.slots.index(join.slot) for join in absence.joins]
        self._hosts = [at for at, j in zip(self._at, absence.joins, strict=True) if j.how not in _ANYWHERE]
        slots = {(capture, field): self.slots.index(slot) for capture, field, slot in absence.reads}

        def slot_of(capture: str, field: str) -> int:
            return slots[capture, field]

        self.is_joined = is_joined(absence.step, absence.joins)
        self._back: tuple[Test, ...] = ()
        self._back_by_parent: tuple[Test, ...] = ()
        if not self.is_joined:
            self._back = looking_back(absence.step, slot_of, unchanged, novelty)
            self._back_by_parent = looking_back(absence.step, slot_of, as_parent, novelty)
        self.marks: dict[Place, Moment] = {}
        self.log: dict[Place, list[tuple[Event, Reading]]] = {}
        self.looked = 0
        self.begun = novelty.now

    def note(self, event: Event, scope: Hashable) -> None:
        """Remember an event, if it is one of the absent step's."""
        for reading in self.test.readings(event):
            offered = [ask(event, reading) for ask in self._offers]
            places = self._places(scope, offered, [ANY, SOME], SOME)
            if self.is_joined:
                moment = (event.order, event.time)
                for place in places:
                    self.marks[place] = moment
            else:
                self.novelty.remember(event)
                for place in places:
                    self.log.setdefault(place, []).append((event, reading))

    def _places(self, scope: Hashable, found: Offers, unknown: list[Hashable], besides: _Mark) -> Iterator[Place]:
        """Where something with these values stands, or is looked for."""
        places: list[list[Hashable]] = []
        for values, strict in zip(found, self._strict, strict=True):
            known = [digested(value) for value in values or ()]
            places.append(known if strict else unknown if values is None else [*known, besides])
        return ((scope, key) for key in product(*places))

    def last(self, scope: Hashable, probe: Sequence[Any], after: int = -1, since: int | None = None) -> Moment | None:
        """When it last happened to a match with these values in `slots`, as far as anybody asks: not before the event
        numbered `after`, nor before the moment `since`."""
        wanted = [self._asked(probe[at]) for at in self._at]
        places = self._places(scope, wanted, [SOME], ANY)
        if self.is_joined:
            return max((moment for place in places if (moment := self.marks.get(place)) is not None), default=None)
        found, values = None, tuple(probe)
        for place in places:
            for event, reading in reversed(self.log.get(place, ())):
                if event.order < after or (since is not None and event.time < since):
                    break
                self.looked += 1
                if self._holds(event, reading, values):
                    found = event.order, event.time
                    after = event.order + 1  # elsewhere only a later one matters
                    break
        return found

    @staticmethod
    def _asked(value: Any) -> list[Hashable] | None:
        if isinstance(value, list):  # whoever may have led to the event
            return value
        return None if value is None else [value]

    def _holds(self, event: Event, reading: Reading, values: tuple[Any, ...]) -> bool:
        tests = self._back_by_parent if reading.by_parent else self._back
        if self.certain or self.plain:
            return all(test(event, values) is True for test in tests)
        return all(test(event, values) is not False for test in tests)

    # -- whether silence proves it ----------------------------------------

    def is_proven(self, probe: Sequence[Any], event: Event, after: int) -> bool:
        """Whether it would have been seen between the event numbered `after` and this one."""
        return self.certain or self.sources.is_alive(event, self.test.kinds, after, self._where(probe, event))

    def is_known(self, probe: Sequence[Any], event: Event, since: int) -> bool:
        """Whether it would have been seen from a moment up to this event."""
        if self.begun is not None and since < self.begun:
            return False
        return self.sources.is_known(event, self.test.kinds, since, self._where(probe, event))

    def _where(self, probe: Sequence[Any], event: Event) -> str | None:
        """The host that would have shown it: whose the entity is that it is joined to, else the scope's; None: any."""
        hosts = (_host_of(probe[at]) for at in self._hosts)
        return next((host for host in hosts if host is not None), event.host if self.on_host else None)

    def weigh(self) -> Counter[Hashable]:
        found: Counter[Hashable] = Counter()
        for scope, _ in self.marks:
            found[scope] += MARK
        for (scope, _), log in self.log.items():
            found[scope] += sum(EVENT + len(event.raw) for event, _ in log)
        return found

    def shed(self, shares: Mapping[Hashable, float]) -> Counter[Hashable]:
        """Forgets these shares of what each scope's is, the oldest first."""
        moments: dict[Hashable, list[int]] = {scope: [] for scope in shares}
        for (scope, _), (order, _) in self.marks.items():
            if scope in moments:
                moments[scope].append(order)
        for (scope, _), log in self.log.items():
            if scope in moments:
                moments[scope] += (event.order for event, _ in log)
        found: Counter[Hashable] = Counter()
        before = {}
        for scope, orders in moments.items():
            if (count := int(len(orders) * shares[scope])) > 0:
                before[scope] = sorted(orders)[count - 1]
                found[scope] = count
        for place in [p for p, (order, _) in self.marks.items() if p[0] in before and order <= before[p[0]]]:
            del self.marks[place]
        for place in [p for p in self.log if p[0] in before]:
            self._keep(place, [entry for entry in self.log[place] if entry[0].order > before[place[0]]])
        return found

    def _keep(self, place: Place, log: list[tuple[Event, Reading]]) -> None:
        if log:
            self.log[place] = log
        else:
            del self.log[place]

    def expire(self, now: int) -> None:
        """Forget what nobody looks back to any more."""
        if self.keep is None or not self.sweep.is_due(now):
            return
        horizon = now - self.keep
        for place in [p for p, (_, time) in self.marks.items() if time < horizon]:
            del self.marks[place]
        for place, log in list(self.log.items()):
            self._keep(place, [entry for entry in log if entry[0].time >= horizon])


def _host_of(value: Any) -> str | None:
    """The host whose own an entity is: processes and files are, and of the others those that only it tells apart."""
    match value:
        case Process():
            return value.host
        case EntityKey():
            return value.host or None
        case (str() as host, _):  # a file
            return host
        case [first, *_]:  # whoever may have led to the event: of one type, on one host
            return _host_of(first)
        case _:
            return None
