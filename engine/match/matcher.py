"""One automaton over one stream: an event in, completions out. Small and dull; the thinking is in `compile`.

For each edge whose step the event satisfies: look up the groups before it, take the interval that the hop and what must
not lie between allow, add a node to the group of the new live key; or complete. States are visited last first, so that
no look-up sees a node of the same event; only an implicit `open` may coincide with the step after it. What an event
counts for is noted before the look-ups, what it ends after them.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from chainrun.dsl.model import Expression, Step

from ..event import Event
from .automaton import HOST_SCOPES, LEVEL, Automaton, Scope, State
from .completion import Completion
from .conditions import Test, compile_condition, reads
from .digests import digested
from .entities import NEEDS, Entities
from .exclusions import applies
from .fields import OPAQUE, hashable
from .groups import Interval, Node
from .ledger import Seen
from .novelty import Novelty
from .progress import Progress, Stop
from .readings import Reading, Readings, StepTest
from .store import Store
from .trailing import Deadlines
from .wanted import asked
from .ways import Key, Tools, Way

# The nodes that one event adds to a state: one for each live key, step (of alternatives) and kind of reading.
Nodes = dict[tuple[Key, int, bool], Node]


class _Turn(NamedTuple):
    """A state that an event may lead to, and the states of which one must hold something for that; None: none need."""

    state: State
    after: tuple[int | None, ...]


class Matcher:
    """Runs one automaton. `feed` takes events in order; its state is the `store`, the `deadlines`, and what the watches
    and counters remember."""

    def __init__(
        self,
        automaton: Automaton,
        entities: Entities,
        novelty: Novelty,
        step_test: Callable[[Step, int | None], StepTest],
    ) -> None:
        self.automaton = automaton
        self.window = automaton.chain.within
        self.progress = Progress([step.number for step in automaton.steps])
        self._scope = tuple(_scope_part(field, entities) for field in automaton.chain.scope)
        self._is_by_host = automaton.chain.scope == ("host",)  # as nearly all are
        self.newest: dict[Hashable, int] = {}  # time by scope: no host is late for what another's clock says
        states = automaton.states
        tools = Tools(self.window, entities, novelty, on_host=not HOST_SCOPES.isdisjoint(automaton.chain.scope))
        self.store = Store(states, self.window)
        self.tests = {edge.step.number: step_test(edge.step, self.window) for state in states for edge in state.edges}
        self._ways: list[list[tuple[Step, list[Way]]]] = []
        self.deadlines = Deadlines(self.window)
        count = 0
        for state in states:
            by_step: dict[int, tuple[Step, list[Way]]] = {}
            for edge in state.edges:
                step = edge.step
                source = states[edge.source] if edge.source is not None else None
                index = self.store.index(edge, source) if source is not None else -1
                way = Way(count, edge, source, state, index, tools)
                count += 1
                by_step.setdefault(step.number, (step, []))[1].append(way)
            self._ways.append(list(by_step.values()))
            if state.trailing:
                self.deadlines.add_state(state, [tools.watch(t.absence) for t in state.trailing])
        self._turns: dict[tuple[int, ...], tuple[_Turn, ...]] = {}  # by steps
        self.watches = list(tools.watches.values())
        self.counters = list(tools.counters.values())
        self._exclusions = [(e, _final_tests(e.when, states, novelty)) for e in automaton.chain.exceptions]
        self._severities = [(r, _final_tests(r.when, states, novelty)) for r in automaton.chain.severities]
        self.suppressed: dict[str, int] = {}
        every = [*self.tests.values(), *(watch.test for watch in self.watches)]
        self.kinds = frozenset(k for t in every for k in t.kinds).union(
            *(NEEDS.get(entity, ()) for entity in asked([automaton]) if entity is not None)
        )
        self.reads_every_event = any(t.is_open or not t.kinds for t in every) or bool(self.deadlines.watches)

    # -- an event -----------------------------------------------------------

    def watches_for(self, kinds: frozenset[str]) -> bool:
        """Whether events of these kinds matter though they are no step: something must not have happened."""
        return bool(self.watches) and (self.reads_every_event or not kinds.isdisjoint(self.kinds))

    def feed(self, event: Event, readings: Readings) -> list[Completion]:
        """The completions that this event brings, being this for the chain's steps; all else it changes is state."""
        scope = self._scope_of(event)
        if scope is None:
            return []
        is_late = False
        if self.watches:
            is_late = event.time < self.newest.get(scope, event.time)
            if not is_late:
                self.newest[scope] = event.time
        completions: list[Completion] = []
        if readings:
            for number in readings:
                self.progress.steps[number].satisfied += 1
            for counter in self.counters:
                counter.note(event, scope, readings)
            states = self._open_to(tuple(readings), scope)
            if states:
                completions = self._advance_all(states, event, scope, readings)
        if not is_late:  # what came late proves nothing: it is not known what came between
            for watch in self.watches:
                watch.note(event, scope)
        return completions

    def _advance_all(self, states: list[State], event: Event, scope: Scope, readings: Readings) -> list[Completion]:
        completions: list[Completion] = []
        early: dict[int, Nodes] = {}
        linked: set[int] = set()
        for state in states:
            nodes = early.get(state.number)
            if nodes is None:
                nodes = self._advance(state, event, scope, readings, early)
            if not nodes:
                continue
            # of two nodes of one event the tighter one goes last: the group takes the newest of equals for the best
            for (key, _, _), node in (
                sorted(nodes.items(), key=lambda n: n[1].path()) if len(nodes) > 1 else nodes.items()
            ):
                linked.add(node.step.number)
                if state.trailing:
                    self.deadlines.wait(state, key, node, scope)
                elif state.final:
                    completions.append(self._complete(state, key, node, scope, event.time))
                if not state.final or self.store.leads_on(state):
                    self.store.append(state, key, node, scope)
        for number in linked:
            self.progress.steps[number].linked += 1
        if self.progress.at_event:
            self.progress.settle(linked)
        return completions

    def _open_to(self, steps: tuple[int, ...], scope: Scope) -> list[State]:
        """The states to which these steps can lead now in a scope, last first."""
        turns = self._turns.get(steps)
        if turns is None:
            turns = self._turns[steps] = tuple(self._make_turns(steps))
        groups = self.store.groups
        states = []
        for state, after in turns:
            for number in after:
                if number is None or scope in groups[number]:
                    states.append(state)
                    break
        return states

    def _make_turns(self, steps: tuple[int, ...]) -> Iterator[_Turn]:
        for state in reversed(self.automaton.states):
            ways = [way for step, each in self._ways[state.number] if step.number in steps for way in each]
            sources = [way.source for way in ways if way.source is not None and not self._may_coincide(way, steps)]
            if ways:
                after = tuple(dict.fromkeys(source.number for source in sources))
                yield _Turn(state, after if len(sources) == len(ways) else (None,))

    @staticmethod
    def _may_coincide(way: Way, steps: tuple[int, ...]) -> bool:
        """Whether an event that is these steps may be the one before this way too."""
        return way.source is not None and way.may_coincide and any(e.step.number in steps for e in way.source.edges)

    def due(self, now: int, host: str | None = None) -> Iterator[tuple[int, list[Completion]]]:
        """The completions whose deadlines lie before `now`, moment by moment."""
        for at, waiting in self.deadlines.due(now, host):
            complete = []
            for w in waiting:
                completion = self._complete(w.state, w.key, w.node, w.scope, at)
                completion.waited, completion.start = w, w.start
                completion.unproven = not self.deadlines.is_proven(w)
                complete.append(completion)
            yield at, complete

    def _scope_of(self, event: Event) -> Scope | None:
        if self._is_by_host:
            return (event.host,) if event.host else None
        values = []
        for read in self._scope:
            value = read(event)
            if value is None or value == "" or value is OPAQUE:
                return None
            values.append(value)
        return tuple(values)

    def _advance(
        self,
        state: State,
        event: Event,
        scope: Scope,
        readings: Readings,
        early: dict[int, Nodes],
    ) -> Nodes:
        """The nodes that the event adds to a state, by live key."""
        nodes: Nodes = {}
        for step, ways in self._ways[state.number]:
            for reading in readings.get(step.number, ()):
                for way in ways:
                    if way.source is None:
                        self._begin(way, step, event, scope, reading, nodes)
                    else:
                        self._continue(way, step, event, scope, reading, readings, early, nodes)
        return nodes

    def _begin(self, way: Way, step: Step, event: Event, scope: Scope, reading: Reading, nodes: Nodes) -> None:
        seen: Seen | None = None
        if way.count is not None:
            seen = way.count.seen(scope, (), event, reading)
            if seen is None:
                self.progress.stop(step.number, Stop.COUNT)
                return
        place = way.key((), event, reading), step.number, reading.implicit
        if place in nodes or (way.asks and not self._holds(way, (), event, reading)):
            return
        first = way.is_first(scope, (), event, reading) if way.prior else True
        if first is False:
            self.progress.stop(step.number, Stop.PRIOR)
        else:
            node = nodes[place] = Node(event, step, reading.process, event.time, reading.implicit, way.remarks)
            unproven = first is None or (way.doubts and not way.is_certain((), event, reading))
            if unproven or seen is not None:
                node.remark(unproven=unproven, seen=seen)

    def _continue(
        self,
        way: Way,
        step: Step,
        event: Event,
        scope: Scope,
        reading: Reading,
        readings: Readings,
        early: dict[int, Nodes],
        nodes: Nodes,
    ) -> None:
        edge, source = way.edge, way.source
        assert source is not None
        may_coincide = way.may_coincide and not reading.implicit
        implicit = self._implicit(source, event, scope, readings, early) if may_coincide else None
        if not implicit and scope not in self.store.groups[source.number]:
            return
        wanted = None
        for wanted in way.wanted(event, reading):
            for before, group in self.store.find(source.number, way.index, scope, wanted):
                if way.asks and not self._holds(way, before, event, reading):
                    continue
                after = way.ended(scope, before, group.oldest.order) if way.absent else None
                found = group.interval(event.time, edge.least, edge.most, way.number, after)
                if found is not None:
                    self._join(way, step, event, scope, reading, before, *found, nodes)
                else:
                    self.progress.stop(step.number, Stop.LIMIT if after is None else way.stop(group, event))
            if not implicit:
                continue
            # an implicit open may be this very event
            for (before, _, _), node in implicit.items():
                values = tuple(before[at] for at in way.join_at)
                if node.implicit and values == wanted and way.holds(before, event, reading):
                    alone = Interval(None, 0, 1, node)
                    self._join(way, step, event, scope, reading, before, alone, node, nodes)
        if wanted is None and way.lacks(event, reading):
            self.progress.stop(step.number, Stop.UNKNOWN)

    def _holds(self, way: Way, before: Key, event: Event, reading: Reading) -> bool:
        holds = way.holds(before, event, reading)
        if not holds:
            self.progress.stop(way.edge.step.number, way.stop_at(before, event))
        return holds

    def _implicit(
        self,
        source: State,
        event: Event,
        scope: Scope,
        readings: Readings,
        early: dict[int, Nodes],
    ) -> Nodes:
        """The nodes of this event in an earlier state, made before their turn."""
        if source.number not in early:
            early[source.number] = self._advance(source, event, scope, readings, early)
        return early[source.number]

    def _join(
        self,
        way: Way,
        step: Step,
        event: Event,
        scope: Scope,
        reading: Reading,
        before: Key,
        interval: Interval,
        best: Node,
        nodes: Nodes,
    ) -> None:
        age, reach = event.time - best.start, way.edge.reach
        if (self.window is not None and age > self.window) or (reach is not None and age > reach):
            self.progress.stop(step.number, Stop.WINDOW)
            return
        first = way.is_first(scope, before, event, reading) if way.prior else True
        if first is False:
            self.progress.stop(step.number, Stop.PRIOR)
            return
        if way.count is not None:
            interval.seen = way.count.seen(scope, before, event, reading)
            if interval.seen is None:
                self.progress.stop(step.number, Stop.COUNT)
                return
        place = way.key(before, event, reading), step.number, reading.implicit
        interval.unproven = first is None or (way.doubts and not way.is_certain(before, event, reading))
        if way.absent and not interval.unproven:
            interval.unproven = not way.is_proven(before, event, best.event.order)
        interval.loose = way.edge.loose or (interval.seen is not None and interval.seen.is_loose)
        if reach is not None:
            interval.since = event.time - reach
        node = nodes.get(place)
        if node is None:
            node = Node(event, step, reading.process, best.start, reading.implicit, way.remarks, before=[interval])
            nodes[place] = node
            node.lead(interval, best)
        else:
            node.follow(interval, best)

    # -- state --------------------------------------------------------------

    def _complete(self, state: State, key: Key, node: Node, scope: Scope, at: int) -> Completion:
        layout = state.layout
        level = key[-1] if layout and layout[-1] == LEVEL else 0
        identity = tuple(key[layout.index(slot)] if slot is not None else None for slot in state.identity)
        assert isinstance(level, int)
        completion = Completion(node, scope, identity, level, at, state, key)
        for exclusion, tests in self._exclusions:
            test = tests[state.number]
            if test is not None and applies(exclusion, at) and test(node.event, key) is True:
                self.suppressed[exclusion.reason] = self.suppressed.get(exclusion.reason, 0) + 1
                completion.exclusion = exclusion
                break
        return completion

    def severities(self, completion: Completion) -> Iterator[str]:
        """The levels that the chain's rules give to these matches."""
        for rule, tests in self._severities:
            if isinstance(rule.when, str):
                if rule.when in completion.state.bound:
                    yield rule.level
            else:
                test = tests[completion.state.number]
                if test is not None and test(completion.node.event, completion.key) is True:
                    yield rule.level

    @property
    def excepted(self) -> dict[str, int]:
        """How many matches, or events of a step, each exception has suppressed."""
        found = dict(self.suppressed)
        for test in self.tests.values():
            for reason, count in test.excepted.items():
                found[reason] = found.get(reason, 0) + count
        for way in self.each_way():
            for reason, count in way.excepted.items():
                found[reason] = found.get(reason, 0) + count
        return found

    def each_way(self) -> Iterator[Way]:
        return (way for ways in self._ways for _, each in ways for way in each)

    def expire(self, now: int) -> None:
        """Forget what no window reaches any more."""
        for watch in self.watches:
            watch.expire(now)
        for counter in self.counters:
            counter.expire(now)
        reach = self.window or 0
        # of whoever is silent nothing need be known, and a stamp from the future must not make all else late
        self.newest = {scope: at for scope, at in self.newest.items() if now - reach <= at <= now + reach}
        if self.window is not None:
            for state, count in self.store.expire(now - self.window):
                self.progress.steps[self.automaton.states[state].edges[0].step.number].expired += count

    @property
    def open_groups(self) -> int:
        """How many partial matches are kept apart, and how many wait for a deadline."""
        return len(self.store) + len(self.deadlines)


def _scope_part(field: str, entities: Entities) -> Callable[[Event], Hashable | None]:
    """What of an event is one part of its scope: the host, the canonical user, or a field."""
    match field:
        case "host":
            return attrgetter("host")
        case "user":
            return entities.identity
        case _:
            return lambda event: digested(hashable(event.fields.get(field)))


def _final_tests(when: Expression | str, states: Sequence[State], novelty: Novelty) -> list[Test | None]:
    """A condition over captures, against the live key of each final state; None where a capture is not bound there."""
    if isinstance(when, str):
        return []
    return [_final_test(when, state, novelty) if state.final else None for state in states]


def _final_test(condition: Expression, state: State, novelty: Novelty) -> Test | None:
    layout = {slot: i for i, slot in enumerate(state.layout)}
    if any(f"{capture}.{field}" not in layout for capture, field in reads(condition)):
        return None

    def slot_of(capture: str, field: str) -> int:
        return layout[f"{capture}.{field}"]

    return compile_condition(condition, slot_of, novelty=novelty)
