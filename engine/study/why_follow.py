"""Weaker chains over events: the matches of each, the nearest of every causal chain kept.

The engine's own matchers run them, on the engine's own memories; what they complete is looked at here, not raised. Of
one causal chain (scope and identity, as of an alert) only the match that misses by least is kept, so what is remembered
grows with the number of causal chains, and that has a bound. Called by `why`.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence

from chainrun.dsl.model import Analytic, Step

from ..engine import Engine
from ..event import Event
from ..match.completion import Completion
from ..match.groups import Node
from ..match.known import introduces_actor
from ..process import Process
from ..running import Running
from .why_distance import nearest
from .why_entity import EntityFilter
from .why_weaker import LONGER, Asked, Weaker

MOST = 2_000  # causal chains of one weaker chain that are told apart
MOST_HOSTS = 1_000
MOST_EXAMPLES = 16
MOST_OTHERS = 64  # events of one causal chain that are told apart where less was asked

Wanted = Callable[[list[Node]], bool]


class Sighting:
    """An event in its place: what is kept of a node."""

    __slots__ = ("event", "process", "step")

    def __init__(self, event: Event, process: Process | None, step: Step) -> None:
        self.event = event
        self.process = process
        self.step = step


def _sighted(node: Node) -> Sighting:
    return Sighting(node.event, node.process, node.step)


class Alone:
    """The events of a host that satisfy a step by themselves: how many, and some of them, the last replaced in turn."""

    __slots__ = ("count", "examples")

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[Sighting] = []

    def add(self, sighting: Sighting) -> None:
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(sighting)
        else:
            self.examples[self.count % MOST_EXAMPLES] = sighting
        self.count += 1


class Near:
    """The matches of one causal chain by one weaker chain.

    over      by how much the nearest misses, in microseconds, where that is a matter of time
    at        when the nearest was complete
    step      the step that would not have been reached: of the window the first that came too late
    sightings the nearest's events, by the numbers of their steps
    count     how many events completed it
    others    the events in the place where less is asked, of all its matches
    is_led    the steps that broke an absence stand before all others
    """

    __slots__ = ("at", "count", "is_led", "others", "over", "scope", "sightings", "step", "weaker")

    def __init__(self, weaker: Weaker, scope: Hashable) -> None:
        self.weaker = weaker
        self.scope = scope
        self.step = weaker.step
        self.over: int | None = None
        self.at = 0
        self.sightings: dict[int, Sighting] = {}
        self.count = 0
        self.others: dict[int, Sighting] = {}  # by the order of the event
        self.is_led = False

    def add(self, at: int, nodes: list[Node], distance: int | None) -> None:
        """Take in a match: its nodes, the last first."""
        self.count += 1
        asked = self.weaker.broken if self.weaker.is_breaker else (self.step,)
        place = next((n for n in nodes if n.step.number in asked), None)
        self.is_led = place is nodes[-1]
        if place is not None and len(self.others) < MOST_OTHERS:
            self.others.setdefault(place.event.order, _sighted(place))
        if self.count == 1 or (distance is not None and self.over is not None and distance < self.over):
            self.over, self.at = distance, at
            self.sightings = {n.step.number: _sighted(n) for n in reversed(nodes) if not n.remarks.interior}
            if self.weaker.asked is Asked.WINDOW:
                last = nodes[-1].start + (self.weaker.chain.within or 0) // LONGER
                self.step = next((n.step.number for n in reversed(nodes) if n.event.time > last), self.step)


class Trial:
    """One weaker chain at work."""

    def __init__(self, analytic: Analytic, chain: int, weaker: Weaker) -> None:
        self.analytic = analytic
        self.chain = chain  # its place in the analytic
        self.weaker = weaker
        self.near: dict[tuple[Hashable, ...], Near] = {}
        self.left_out = 0

    def take(self, at: int, completion: Completion, is_wanted: Wanted) -> None:
        if completion.exclusion is not None:
            return
        nodes = completion.node.line()
        if not self.weaker.is_breaker and not is_wanted(nodes):
            return
        distance, nodes = nearest(self.weaker, completion, at)
        last = nodes[0]
        # an unfinished chain may hang on less than what its last step brought in
        brought = last.process if introduces_actor(last.step) else None
        place = completion.scope, completion.identity, brought
        near = self.near.get(place)
        if near is None:
            if len(self.near) >= MOST:
                self.left_out += 1
                return
            near = self.near[place] = Near(self.weaker, completion.scope)
        near.add(at, nodes, distance)


class Follow:
    """The trials of all chains over one stream.

    alone   the events that satisfied a step by themselves, by the place of a whole chain's trial, step and host
    alerts  how many there would be, by the place of a whole chain's trial
    kinds   how many events there were, by kind and host
    starts, linked  starts of processes, and those whose parent is known
    events  how many there were; `fits`: which of what is looked for any of them had to do with
    """

    def __init__(
        self, trials: Sequence[Trial], engine: Engine, is_wanted: Wanted, entities: Sequence[EntityFilter] = ()
    ) -> None:
        self.entities = entities
        self.fits: set[EntityFilter] = set()
        self.events = 0
        self.trials = trials
        self.engine = engine
        self.is_wanted = is_wanted
        self.alone: dict[tuple[int, int, str], Alone] = {}
        self.kinds: dict[tuple[str, str], int] = {}
        self.alerts: dict[int, int] = {}
        self.hosts: set[str] = set()
        self.starts = 0
        self.linked = 0
        self._places = {id(running): i for i, running in enumerate(engine.running)}
        self._whole = [i for i, t in enumerate(trials) if t.weaker.asked is Asked.NOTHING and not t.weaker.gone]

    def run(self, events: Iterable[Event]) -> None:
        for event in events:
            self.see(event)

    def see(self, event: Event) -> None:
        engine = self.engine
        self.events += 1
        if event.unasked:
            engine.feed(event)
            self._look_for(event)
            return
        host = event.host if event.doubted else None
        for running in engine.waiting:
            if running.is_waiting:
                for at, completions in running.matcher.due(event.time, host):
                    self._take(running, at, completions)
        now = engine.meet(event)
        if engine.sweep.is_due(now):
            for running in engine.running:
                running.expire(now)
        concerned = engine.dispatch.concerned(event)
        for i, readings in concerned.items():
            running = engine.running[i]
            completions = running.matcher.feed(event, readings)
            if completions:
                self._take(running, event.time, completions)
        if engine.is_proving:
            engine.novelty.learn(event)
            engine.sources.learn(event)
        self._look_for(event)
        if self._count(event):
            for i in self._whole:
                for number, found in concerned.get(i, {}).items():
                    step = engine.running[i].matcher.tests[number].step
                    seen = self.alone.setdefault((i, number, event.host), Alone())
                    seen.add(Sighting(event, found[0].process, step))

    def _look_for(self, event: Event) -> None:
        """Whether there is any event of the host and the entities that are looked for."""
        if len(self.hosts) < MOST_HOSTS:
            self.hosts.add(event.host)
        if len(self.fits) < len(self.entities):
            self.fits.update(one for one in self.entities if one.fits(event, None))

    def _take(self, running: Running, at: int, completions: list[Completion]) -> None:
        i = self._places[id(running)]
        for completion in completions:
            self.trials[i].take(at, completion, self.is_wanted)
            if completion.waited is not None:
                running.matcher.deadlines.again(completion.waited, at, at)
        if i in self._whole:
            opened, _ = running.identities.take([c for c in completions if c.exclusion is None])
            self.alerts[i] = self.alerts.get(i, 0) + len(opened)

    def _count(self, event: Event) -> bool:
        """Count an event for its host; False for one of too many hosts."""
        if "spawn" in event.kinds:
            self.starts += 1
            self.linked += event.parent is not None
        if event.host not in self.hosts:
            return False
        for kind in event.kinds:
            place = kind, event.host
            self.kinds[place] = self.kinds.get(place, 0) + 1
        return True
