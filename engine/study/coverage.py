"""What telemetry can show of a chain, step by step: is each kind of event there, with what its step reads and is joined
by, on which hosts and from which sources; does it reach back as far as the chain looks.

Counts alone, of events on their way through the engine's memories, not its matchers: a chain that never fires is
covered all the same where each of its steps can be seen. The verdicts are `verdicts`'; called by `chainrun coverage`.
"""

from collections.abc import Iterable, Sequence

from chainrun.dsl.model import Step

from ..engine import Engine
from ..event import Event
from ..match.automaton import Absence, Automaton, Join
from ..match.joining import Offer, offer
from ..match.linking import conditions
from ..match.needs import look_backs, step_needs
from ..match.readings import Reading, StepTest
from .naming import edges

# How many hosts are told apart for a step; those that come later are counted together.
MOST_HOSTS = 1_000
OTHERS = "(other hosts)"

Joins = tuple[Join, ...]


class Seen:
    """What was seen of a step in one place: a host, as one format tells of it.

    events     of the step's kinds
    known      those of them that say enough to tell whether they are the step
    satisfied  those that are
    joinable   those of the satisfied that say what the step is joined to the one before by
    without    events that lack a field that the step or a join of it reads, by field
    last       when the last event of its kinds happened
    """

    __slots__ = ("events", "joinable", "known", "last", "satisfied", "without")

    def __init__(self) -> None:
        self.events = 0
        self.known = 0
        self.satisfied = 0
        self.joinable = 0
        self.without: dict[str, int] = {}
        self.last = 0


class StepWatch:
    """Looks out for one step."""

    def __init__(self, step: Step, joins: Iterable[Joins], window: int | None, engine: Engine) -> None:
        self.step = step
        self.test = StepTest(step, window, engine.entities, engine.novelty)
        self.ways: list[list[tuple[Join, Offer]]] = [
            [(join, offer(join, engine.entities)) for join in each] for each in dict.fromkeys(joins)
        ]
        self.fields = sorted(step_needs(step))
        self.places: dict[tuple[str, str], Seen] = {}
        self.hosts: set[str] = set()

    def see(self, event: Event) -> None:
        """Count an event, if it is of the step's kinds."""
        readings = self.test.readings(event)
        if not readings and not (self.test.kinds <= event.kinds and event.kinds):
            return
        seen = self._place(event)
        seen.events += 1
        seen.last = max(seen.last, event.time)
        known = bool(readings) or self.test.judge(event) is not None
        seen.known += known
        if not known:
            for field in self.fields:
                if event.fields.get(field) is None:
                    seen.without[field] = seen.without.get(field, 0) + 1
        if readings:
            seen.satisfied += 1
            lacking = self._lacking(event, readings)
            seen.joinable += not lacking
            for name in lacking:
                seen.without[name] = seen.without.get(name, 0) + 1

    def _lacking(self, event: Event, readings: Sequence[Reading]) -> list[str]:
        """What a join asks of an event and the event does not say, in the way that lacks least."""
        ways = (
            [_asked(join) for join, ask in way if ask(event, reading) is None]
            for way in self.ways
            for reading in readings
        )
        return min(ways, key=len, default=[])

    def _place(self, event: Event) -> Seen:
        host = event.host
        if host not in self.hosts:
            if len(self.hosts) >= MOST_HOSTS:
                host = OTHERS
            self.hosts.add(host)
        return self.places.setdefault((host, event.format), Seen())


class ChainWatch:
    """Looks out for the steps of one chain. `look_back`: how far back from its last event it asks."""

    def __init__(self, automaton: Automaton, engine: Engine) -> None:
        self.automaton = automaton
        joins = _joins(automaton)
        self.steps = [StepWatch(s, joins.get(s.number, ()), automaton.chain.within, engine) for s in automaton.steps]
        self.look_back = look_back(automaton)


class Coverage:
    """Runs an engine's memories over events, and counts what its chains could see.

    first, last     the times of the first and the last event
    starts, linked  starts of processes, and those whose parent is known
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.chains = [ChainWatch(automaton, engine) for automaton in engine.automata]
        self.first: int | None = None
        self.last: int | None = None
        self.starts = 0
        self.linked = 0

    def run(self, events: Iterable[Event]) -> None:
        for event in events:
            self.see(event)

    def see(self, event: Event) -> None:
        self.engine.meet(event)
        self.first = event.time if self.first is None else min(self.first, event.time)
        self.last = event.time if self.last is None else max(self.last, event.time)
        if "spawn" in event.kinds:
            self.starts += 1
            self.linked += event.parent is not None
        for chain in self.chains:
            for step in chain.steps:
                step.see(event)


def look_back(automaton: Automaton) -> int:
    """How far back a chain asks from its last event, in microseconds: over its window, and before that for what must
    not have happened, for what is counted, and for what is new."""
    before = 0
    for edge in edges(automaton):
        before = max([before, *(absence.limit or 0 for absence in edge.prior)])
        if edge.count is not None:
            before = max(before, edge.count.within or 0)
    for step in automaton.steps:
        before = max([before, *(n for condition in conditions(step) for n in look_backs(condition))])
    return before + (automaton.chain.within or 0)


def _joins(automaton: Automaton) -> dict[int, list[Joins]]:
    """The ways in which each step is joined to what stands before it; what begins a chain is joined to nothing."""
    found: dict[int, list[Joins]] = {}
    absences: list[Absence] = [t.absence for state in automaton.states for t in state.trailing]
    for edge in edges(automaton):
        found.setdefault(edge.step.number, []).append(edge.joins)
        absences += [*edge.absent, *edge.prior]
    for absence in absences:
        found.setdefault(absence.step.number, []).append(absence.joins)
    return found


def _asked(join: Join) -> str:
    """What an event must say for a join, in words."""
    match join.how:
        case "caused" | "actor":
            entity = join.entity
            return f"whose {entity.value} it is" if entity is not None else "who acted"
        case "value" | "entity":
            return join.field
        case "source":
            return "source.ip"
        case _:
            return f"which {join.entity.value if join.entity is not None else 'host'} it is about"
