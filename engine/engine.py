"""Many chains over one stream: `Engine.feed(event)` gives the alerts that the event completes.

Holds what the chains share: the process tables, files and other entities, what was seen before, which sources there
are. Events come in order (`intake` sees to that); time is the events' own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chainrun.dsl.model import Analytic

from .event import Event
from .intake.demand import Demand
from .intake.inventory import Inventory
from .match.automaton import Automaton
from .match.budget import Budget
from .match.compile import compile_chain
from .match.dispatch import Dispatch, StepTests, meaning
from .match.entities import READS, Entities
from .match.files import FileKeys
from .match.lineage import Lineage
from .match.matters import demand
from .match.memories import Memories
from .match.novelty import Novelty
from .match.sources import Sources
from .match.wanted import asked
from .report.alert import Alert
from .report.pressure import Pressure
from .running import Raised, Reporting, Running
from .timer import Timer
from .version import VERSION


class Engine:
    """Runs checked analytics.

    evidence        how many events of a step an alert lists in full
    raw             whether witnesses carry the record as it came
    updates         an alert is given once more when its window has closed, if something was added
    suppressed      what an exception suppresses is given too, and says so
    allow_unproven  what did not happen as far as is known completes a chain, and the alert says so
    sees            telemetry format -> the kinds that it can show, to tell silence from blindness
    inventory       what is known of hosts' addresses
    budget          bytes that all partial matches may take together
    """

    def __init__(
        self,
        analytics: Sequence[Analytic],
        *,
        evidence: int = 20,
        raw: bool = True,
        updates: bool = False,
        suppressed: bool = False,
        allow_unproven: bool = False,
        sees: Mapping[str, frozenset[str]] | None = None,
        inventory: Inventory | None = None,
        budget: int | None = None,
    ) -> None:
        self.lineage = Lineage()
        self.files = FileKeys()
        self.sources = Sources(sees, allowed=allow_unproven)
        self.novelty = Novelty(self.sources)
        self.entities = Entities(self.files, (), inventory=inventory)
        self.alerts = 0
        self.now: int | None = None  # the time of the newest event
        self.running: list[Running] = []
        self.budget = Budget(budget) if budget is not None else None
        self.memories = Memories(self.budget) if self.budget is not None else None
        self.pressure = Pressure(VERSION, budget or 0)
        self._reporting = Reporting(VERSION, evidence, raw, updates, suppressed, self.budget)
        self._tests = StepTests(self.entities, self.novelty)
        self.load(analytics)

    def load(self, analytics: Sequence[Analytic]) -> tuple[Running, ...]:
        """Runs these analytics from here on, and returns those chains that begin now: one that says what it said goes
        on where it was, and so does what all chains share."""
        before = {(r.analytic.id, meaning(r.automaton.chain)): r for r in self.running}
        self.novelty.now = self.now
        runs: list[Running] = []
        begun: list[Running] = []
        for analytic, chain in [(a, chain) for a in analytics for chain in a.chains]:
            running = before.get((analytic.id, meaning(chain)))
            if running is None:
                automaton = compile_chain(analytic, chain, self._reporting.updates)
                running = Running(analytic, automaton, self.entities, self.novelty, self._reporting, self._tests)
                begun.append(running)
            running.analytic = analytic  # its title and severity may be others
            runs.append(running)
        self.analytics = tuple(analytics)
        self.running = runs
        if self.budget is not None and self.memories is not None:
            self.budget.holders.clear()
            self.memories.each[:] = [(f"new(… among {h.kind})", h) for h in self.novelty.histories.values()]
            for running in runs:
                running.charge(self.budget, self.memories)
        self._tests.keep({test for running in self.running for test in running.matcher.tests.values()})
        self.entities.aliases = {spelled.casefold(): name for a in analytics for spelled, name in a.aliases}
        self.entities.types = asked(self.automata)
        self.dispatch = Dispatch([running.matcher for running in self.running])
        self.waiting = [running for running in self.running if running.may_wait]
        # whether anybody asks what did not happen, or what is new
        self.is_proving = bool(self.novelty.histories) or any(r.matcher.watches for r in self.running)
        self.timer = Timer(max((max(r.identities.open_for, r.matcher.window or 0) for r in self.running), default=0))
        self.sweep = Timer(min((min(r.sweep.every, r.forget.every) for r in self.running), default=0))
        return tuple(begun)

    @property
    def automata(self) -> tuple[Automaton, ...]:
        return tuple(r.automaton for r in self.running)

    @property
    def fields(self) -> frozenset[str]:
        """The canonical fields that the loaded chains read."""
        looked_up = {f for _, fields in self.novelty.histories for f in fields}
        told = [READS.get(entity, frozenset()) for entity in self.entities.types if entity is not None]
        return frozenset(looked_up.union(*(r.automaton.fields for r in self.running), *told))

    @property
    def demand(self) -> Demand:
        """The events that can matter."""
        return demand([r.matcher for r in self.running], self.novelty)

    def feed(self, event: Event) -> list[Alert]:
        """The alerts that this event completes, and those that came due before it: by the moment when they were
        complete, then by analytic, chain and scope."""
        if event.unasked:
            self._learn(event)
            return []
        # what is over by now is told as it was before this event said anything more
        host = event.host if event.doubted else None
        raised: list[Raised] = []
        for running in self.waiting:
            if running.is_waiting:
                raised += running.due(event.time, host)
        now = self.meet(event)
        if self.budget is not None and self.budget.is_spent:
            raised += self.pressure.tell(self.budget.make_room(event.time), event.time)
        if self.memories is not None and self.memories.is_due:
            raised += self.pressure.tell_forgotten(self.memories.make_room(event.time), event.time)
        if self.sweep.is_due(now):
            for running in self.running:
                running.expire(now)
            self.sweep.rest(sum(running.held for running in self.running))
        for at, readings in self.dispatch.concerned(event).items():
            raised += self.running[at].feed(event, readings)
        if self.is_proving:
            self.novelty.learn(event)
            self.sources.learn(event)
        return self._in_order(raised) if raised else []

    def meet(self, event: Event) -> int:
        """Let the memories that all chains share know of an event: whose it is, which files and others it names.
        Returns what is past for certain."""
        self._learn(event)
        # state goes by the earlier of two events' times: one stamp from the future must not make everybody's pass
        now = event.time if self.now is None else min(event.time, self.now)
        if not event.doubted:
            self.now = event.time
        if self.timer.is_due(now):
            self.lineage.forget(now - self.timer.every)
            self.entities.forget(now - self.timer.every)
            self.novelty.forget(now)
            self.sources.forget(now)
            self.timer.rest(self.lineage.held + self.entities.held + self.novelty.held + len(self.sources.on_hosts))
        return now

    def _learn(self, event: Event) -> None:
        self.lineage.place(event)
        self.files.learn(event)
        self.entities.learn(event)

    def end(self) -> list[Alert]:
        """What the end of the input brings: second editions of open alerts. Matches whose deadline has not passed stay
        open."""
        return self._in_order([one for running in self.running for one in running.close()])

    def _in_order(self, raised: list[Raised]) -> list[Alert]:
        self.alerts += len(raised)
        raised.sort(key=lambda r: (r[0], r[1].analytic, r[1].chain, str(r[1].scope), r[1].alert_id))
        return [alert for _, alert in raised]

    def run(self, events: Iterable[Event]) -> Iterator[Alert]:
        """The alerts of events in order, to their end."""
        for event in events:
            yield from self.feed(event)
        yield from self.end()
