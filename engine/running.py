"""One chain at work: its matcher, its open alerts, and the alerts that come of them.

`engine` holds as many of these as there are chains; what they share it gives to each.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from chainrun.dsl.model import LEVELS, Analytic, Exclusion

from .event import Event
from .match.automaton import Automaton
from .match.budget import NEVER, Budget
from .match.completion import Completion
from .match.dispatch import StepTests
from .match.entities import Entities
from .match.evidence import Match, Moment, collect
from .match.identity import HOUR, Identities, Place
from .match.matcher import Matcher
from .match.memories import Memories
from .match.novelty import Novelty
from .match.readings import Readings
from .report.alert import Alert, make_alert
from .timer import SWEEPS, Timer

# After how many more completions an alert takes their evidence in, if nothing else makes it: what a flood is about to
# cut from a log (`groups`, `tallies`) is read before.
MOST_LATER = 5_000

# When an alert was complete, and the alert.
Raised = tuple[int, Alert]


class Reporting(msgspec.Struct, frozen=True):
    """How alerts are made. `updates`: again, once their window has closed; `suppressed`: those of exceptions too;
    `budget`: knows which hosts have lost what was known of them."""

    version: str
    evidence: int = 20
    raw: bool = True
    updates: bool = False
    suppressed: bool = False
    budget: Budget | None = None


class _Open:
    """An alert whose window is open, for its second edition. `later`: what was complete since and is not in `match`."""

    __slots__ = ("alert_id", "completions", "has_grown", "later", "match", "until")

    def __init__(self, alert_id: str, match: Match, completions: list[Completion], until: int) -> None:
        self.alert_id = alert_id
        self.match = match
        self.completions = completions
        self.until = until
        self.later: list[Moment] = []
        self.has_grown = False

    def add(self, moment: Moment, window: int | None) -> None:
        self.later.append(moment)
        self.has_grown = True
        if len(self.later) >= MOST_LATER:
            self.gather(window)

    def gather(self, window: int | None) -> None:
        """Take in the evidence of what was complete later, while it is remembered: of many completions at once, for it
        is mostly the same."""
        if self.later:
            self.match.add(collect(self.later, window))
            self.later = []


class Running:
    """One chain at work."""

    def __init__(
        self,
        analytic: Analytic,
        automaton: Automaton,
        entities: Entities,
        novelty: Novelty,
        reporting: Reporting,
        step_tests: StepTests,
    ) -> None:
        self.analytic = analytic
        self.automaton = automaton
        self.reporting = reporting
        chain = automaton.chain
        self.matcher = Matcher(automaton, entities, novelty, step_tests)
        self.identities = self._identities()
        self.suppressed: dict[str, Identities] = {}  # by reason
        self.sweep = Timer(max((chain.within or HOUR) // SWEEPS, 1))
        self.forget = Timer(max(self.identities.open_for // SWEEPS, 1))
        self.open: dict[Place, _Open] = {}
        self.closing: deque[tuple[int, Place]] = deque()
        self.at_once = 0  # completions that waited for nothing

    def _identities(self) -> Identities:
        chain = self.automaton.chain
        open_for = chain.once_within if chain.once_within is not None else chain.within
        return Identities(open_for, inherited=chain.once_per is None)

    def charge(self, budget: Budget, memories: Memories) -> None:
        """Holds its partial matches, and what it remembers, within a budget from now on."""
        name = f"{self.analytic.id}/{self.automaton.chain.name}"
        for holder in (self.matcher.deadlines, self.matcher.store):
            holder.budget = budget
            budget.holders.append((name, holder))
        memories.each += ((name, watch) for watch in self.matcher.watches)
        memories.each += ((name, counter) for counter in self.matcher.counters)

    @property
    def may_wait(self) -> bool:
        """Whether anything of it can ever wait for nothing but a time."""
        return bool(self.matcher.deadlines.watches) or self.reporting.updates

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits for nothing but a time."""
        return bool(self.matcher.deadlines.queue or self.closing)

    def due(self, now: int, host: str | None = None) -> Iterator[Raised]:
        """The alerts that wait for nothing but a time before `now`: of absences, and second editions. With a `host`:
        its own absences alone, since nobody else has seen this time."""
        if host is not None and self.automaton.chain.scope != ("host",):
            return
        for at, completions in self.matcher.due(now, host):
            yield from self._take(at, completions)
        if host is None and self.closing:
            yield from self.close(now)

    def expire(self, now: int) -> None:
        """Forget what no window reaches any more, where it is time to. `now`: what is past for certain."""
        if self.sweep.is_due(now):
            for open in self.open.values():
                open.gather(self.matcher.window)
            self.matcher.expire(now)
        if self.forget.is_due(now):
            for identities in (self.identities, *self.suppressed.values()):
                identities.expire(now)

    @property
    def held(self) -> int:
        """How much `expire` looks at."""
        matcher = self.matcher
        found = len(self.identities.until) + len(matcher.store) + len(matcher.newest) + len(self.open)
        found += sum(len(watch.marks) + sum(map(len, watch.log.values())) for watch in matcher.watches)
        return found + sum(len(ledger.entries) for c in matcher.counters for ledger in c.ledgers.values())

    def feed(self, event: Event, readings: Readings) -> Iterable[Raised]:
        """The alerts that this event brings, being this for the chain's steps."""
        completions = self.matcher.feed(event, readings)
        self.at_once += len(completions)
        return self._take(event.time, completions) if completions else ()

    def _take(self, at: int, completions: list[Completion]) -> Iterator[Raised]:
        """The alerts that the completions of one moment open."""
        opened, added = self.identities.take([c for c in completions if c.exclusion is None])
        for completion in completions:
            if completion.waited is not None:
                # while an alert is open more of the same matches say nothing new, unless they are asked for; nor does
                # what an exception suppresses, until the day after which it does no more
                until, exclusion = completion.until, completion.exclusion
                if exclusion is not None:
                    until = at + self.identities.open_for
                    until = until if exclusion.until is None else min(until, exclusion.until)
                after = at if self.reporting.updates else until
                self.matcher.deadlines.again(completion.waited, at, after)
        for found in opened:
            match = self._match(at, found)
            alert = self._alert(match, found)
            if self.reporting.updates:
                place, until = self.identities.place(found[0]), at + self.identities.open_for
                # of many deadlines that pass at once a later one may open what an earlier one did
                yield from self._close(place)
                self.open[place] = _Open(alert.alert_id, match, found, until)
                self.closing.append((until, place))
            yield at, alert
        if self.reporting.updates:
            for place, found in added:
                open = self.open.get(place)
                if open is not None:
                    open.add(_moment(at, found), self.matcher.window)
        if self.reporting.suppressed:
            yield from self._suppressed(at, [c for c in completions if c.exclusion is not None])

    def _suppressed(self, at: int, completions: list[Completion]) -> Iterator[Raised]:
        """What would have been alerts, but for an exception: one for each causal chain and reason."""
        for reason in dict.fromkeys(c.exclusion.reason for c in completions if c.exclusion is not None):
            identities = self.suppressed.setdefault(reason, self._identities())
            ours = [c for c in completions if c.exclusion is not None and c.exclusion.reason == reason]
            for found in identities.take(ours)[0]:
                yield at, self._alert(self._match(at, found), found, found[0].exclusion)

    def _match(self, at: int, found: Sequence[Completion]) -> Match:
        match = collect([_moment(at, found)], self.matcher.window)
        match.unproven = match.unproven or any(c.unproven for c in found if c.node.event is match.event)
        return match

    def _alert(self, match: Match, found: Sequence[Completion], suppressed: Exclusion | None = None) -> Alert:
        return make_alert(
            self.analytic,
            self.automaton,
            match,
            found[0].scope,
            found[0].identity,
            severity=self._severity(found),
            version=self.reporting.version,
            evidence=self.reporting.evidence,
            raw=self.reporting.raw,
            suppressed=suppressed,
            flags=self._flags(match),
        )

    def _flags(self, match: Match) -> frozenset[str]:
        """On what an alert rests that its match does not know of."""
        budget, window = self.reporting.budget, self.matcher.window
        hosts = {event.host for event in match.witness.values()}
        if budget is not None and budget.has_lost(hosts, match.at - window if window is not None else NEVER):
            return frozenset({"state_evicted"})
        return frozenset()

    def _severity(self, found: Sequence[Completion]) -> str:
        """The highest level that a rule of the chain gives to any of these; without one, the analytic's."""
        levels = {level for completion in found for level in self.matcher.severities(completion)}
        return max(levels, key=LEVELS.index, default=self.analytic.severity)

    def close(self, now: int | None = None) -> Iterator[Raised]:
        """The second editions of the alerts whose windows have closed, or (None) of all, if anything was added."""
        while self.closing and (now is None or self.closing[0][0] < now):
            until, place = self.closing.popleft()
            open = self.open.get(place)
            if open is not None and open.until == until:
                yield from self._close(place)

    def _close(self, place: Place) -> Iterator[Raised]:
        """The second edition of the alert that is open at a place, if anything was added."""
        open = self.open.pop(place, None)
        if open is not None and open.has_grown:
            open.gather(self.matcher.window)
            again = self._alert(open.match, open.completions)
            yield open.until, msgspec.structs.replace(again, alert_id=open.alert_id, revision=1)


def _moment(at: int, found: Sequence[Completion]) -> Moment:
    return at, [(completion.node, completion.start) for completion in found]
