"""One automaton over one stream: an event in, completions out. Small and dull; the thinking is in `compile`.

For each edge whose step the event satisfies: look up the groups before it, take the interval that the hop and what must
not lie between allow, add a node to the group of the new live key; or complete. States are visited last first, so that
no look-up sees a node of the same event; only an implicit `open` may coincide with the step after it. What an event
counts for is noted before the look-ups, what it ends after them.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import attrgetter

from chainrun.dsl.model import Exclusion, Expression, Step

from ..event import Event
from .automaton import LEVEL, Automaton, Edge, State
from .conditions import Test, compile_condition, reads
from .entities import NEEDS, Entities
from .exclusions import applies
from .fields import OPAQUE, hashable
from .groups import Group, Interval, Node, Path
from .novelty import Novelty
from .readings import Reading, StepTest
from .tallies import Seen
from .trailing import Deadlines, Waiting
from .wanted import asked
from .ways import Key, Tools, Way

# The nodes that one event adds to a state: one for each live key, step (of alternatives) and kind of reading.
Nodes = dict[tuple[Key, int, bool], Node]


class Completion:
    """All matches that end at one event with one live key, before alert identity.

    at         when they were complete
    waited     whose deadline it was, of matches that waited for one; `start`: when they began, if that sets them apart
    exclusion  the exception that suppresses them
    until      how long the alert is open that they belong to
    """

    __slots__ = (
        "at",
        "exclusion",
        "identity",
        "key",
        "level",
        "node",
        "scope",
        "start",
        "state",
        "unproven",
        "until",
        "waited",
    )

    def __init__(self, node: Node, scope: Hashable, identity: Key, level: int, at: int, state: State, key: Key) -> None:
        self.node = node
        self.scope = scope
        self.identity = identity
        self.level = level
        self.at = at
        self.state = state
        self.key = key
        self.waited: Waiting | None = None
        self.start: int | None = None
        self.exclusion: Exclusion | None = None
        self.until = at
        self.unproven = False  # nothing was seen after it, of what would have been seen


class Counts:
    """How far the chain got: for a step, how many events satisfied it alone, and how many found a predecessor too."""

    __slots__ = ("linked", "satisfied")

    def __init__(self) -> None:
        self.satisfied = 0
        self.linked = 0


class Matcher:
    """Runs one automaton. `feed` takes events in order; state is `groups`, printable by `str`."""

    def __init__(self, automaton: Automaton, entities: Entities, novelty: Novelty) -> None:
        self.automaton = automaton
        self.window = automaton.chain.within
        self.novelty = novelty
        self.counts = {step.number: Counts() for step in automaton.steps}
        self._scope = tuple(_scope_part(field, entities) for field in automaton.chain.scope)
        self.newest: dict[Hashable, int] = {}  # time by scope: no host is late for what another's clock says
        states = automaton.states
        tests: dict[int, StepTest] = {}
        tools = Tools(self.window, entities, novelty)
        self.indices: list[list[tuple[tuple[int, ...], dict[Hashable, dict[Key, Group]]]]] = [[] for _ in states]
        self.groups: list[dict[tuple[Hashable, Key], Group]] = [{} for _ in states]
        self._trails = any(state.trailing for state in states)
        self._whole = [self._trails] * len(states)  # which start is over first is asked of the middle of a log
        self._steps = _steps_upto(states)
        self._ways: list[list[tuple[StepTest, list[Way]]]] = []
        self.deadlines = Deadlines(self.window)
        count = 0
        for state in states:
            by_step: dict[int, tuple[StepTest, list[Way]]] = {}
            for edge in state.edges:
                step = edge.step
                if step.number not in tests:
                    tests[step.number] = StepTest(step, self.window, entities, novelty)
                source = states[edge.source] if edge.source is not None else None
                way = Way(count, edge, source, state, self._index(edge, source), tools)
                count += 1
                if source is not None and edge.least:
                    self._whole[source.number] = True
                by_step.setdefault(step.number, (tests[step.number], []))[1].append(way)
            self._ways.append(list(by_step.values()))
            if state.trailing:
                self.deadlines.add_state(state, [tools.watch(t.absence) for t in state.trailing])
        self.tests = tests
        self.watches = list(tools.watches.values())
        self.counters = list(tools.counters.values())
        self._exclusions = [(e, _final_tests(e.when, states, novelty)) for e in automaton.chain.exceptions]
        self._severities = [(r, _final_tests(r.when, states, novelty)) for r in automaton.chain.severities]
        self.suppressed: dict[str, int] = {}
        every = [*tests.values(), *(watch.test for watch in self.watches)]
        self.kinds = frozenset(k for t in every for k in t.kinds).union(
            *(NEEDS.get(entity, ()) for entity in asked([automaton]) if entity is not None)
        )
        self.needs_proof = any(not watch.certain for watch in self.watches)
        self.reads_every_event = any(t.is_open or not t.kinds for t in every) or bool(self.deadlines.watches)

    def _index(self, edge: Edge, source: State | None) -> int | None:
        """Which of the source's indices serves this edge: groups by the slots that it joins on."""
        if source is None:
            return None
        at = tuple(source.layout.index(j.slot) for j in edge.joins)
        indices = self.indices[source.number]
        for i, (slots, _) in enumerate(indices):
            if slots == at:
                return i
        indices.append((at, {}))
        return len(indices) - 1

    # -- an event -----------------------------------------------------------

    def feed(self, event: Event) -> list[Completion]:
        """The completions that this event brings; all else it changes is state."""
        scope = self._scope_of(event)
        if scope is None:
            return []
        self.novelty.doubted = -1  # what another chain doubted is its own affair
        is_late = False
        if self.watches:
            is_late = event.time < self.newest.get(scope, event.time)
            if not is_late:
                self.newest[scope] = event.time
        readings: dict[int, list[Reading]] = {}
        for number, test in self.tests.items():
            found = list(test.readings(event))
            if found:
                readings[number] = found
                self.counts[number].satisfied += 1
        completions = self._advance_all(event, scope, readings) if readings else []
        if not is_late:  # what came late proves nothing: it is not known what came between
            for watch in self.watches:
                watch.note(event, scope)
        return completions

    def _advance_all(self, event: Event, scope: Hashable, readings: dict[int, list[Reading]]) -> list[Completion]:
        for counter in self.counters:
            counter.note(event, scope, readings)
        completions: list[Completion] = []
        early: dict[int, Nodes] = {}
        linked: set[int] = set()
        for state in reversed(self.automaton.states):
            if state.number in early:
                nodes = early[state.number]
            else:
                nodes = self._advance(state, event, scope, readings, early)
            # of two nodes of one event the tighter one goes last: the group takes the newest of equals for the best
            for (key, _, _), node in sorted(nodes.items(), key=_tightness) if len(nodes) > 1 else nodes.items():
                linked.add(node.step.number)
                if state.trailing:
                    self.deadlines.wait(state, key, node, scope)
                elif state.final:
                    completions.append(self._complete(state, key, node, scope, event.time))
                if not state.final or self.indices[state.number]:
                    self._append(state, key, node, scope)
        for number in linked:
            self.counts[number].linked += 1
        return completions

    def due(self, now: int) -> Iterator[tuple[int, list[Completion]]]:
        """The completions whose deadlines lie before `now`, moment by moment."""
        for at, waiting in self.deadlines.due(now):
            complete = []
            for w in waiting:
                completion = self._complete(w.state, w.key, w.node, w.scope, at)
                completion.waited, completion.start = w, w.start
                completion.unproven = not self.deadlines.is_proven(w)
                complete.append(completion)
            yield at, complete

    def _scope_of(self, event: Event) -> Hashable | None:
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
        scope: Hashable,
        readings: dict[int, list[Reading]],
        early: dict[int, Nodes],
    ) -> Nodes:
        """The nodes that the event adds to a state, by live key."""
        nodes: Nodes = {}
        for test, ways in self._ways[state.number]:
            found = readings.get(test.step.number)
            if found is None:
                continue
            for reading in found:
                for way in ways:
                    if way.source is None:
                        self._begin(way, test.step, event, scope, reading, nodes)
                    else:
                        self._continue(way, test.step, event, scope, reading, readings, early, nodes)
        return nodes

    def _begin(self, way: Way, step: Step, event: Event, scope: Hashable, reading: Reading, nodes: Nodes) -> None:
        seen: Seen | None = None
        if way.count is not None:
            seen = way.count.seen(scope, (), (), event, reading)
            if seen is None:
                return
        place = way.key((), event, reading), step.number, reading.implicit
        if place in nodes or (way.asks and not way.holds((), event, reading)):
            return
        first = way.is_first(scope, (), event, reading) if way.prior else True
        if first is not False:
            node = nodes[place] = Node(event, step, event.time, reading.implicit, reading.process, way.interior)
            node.seen = seen
            node.begins = True
            node.unproven = first is None or self.novelty.doubted == event.order

    def _continue(
        self,
        way: Way,
        step: Step,
        event: Event,
        scope: Hashable,
        reading: Reading,
        readings: dict[int, list[Reading]],
        early: dict[int, Nodes],
        nodes: Nodes,
    ) -> None:
        edge, source = way.edge, way.source
        assert source is not None and way.index is not None
        table = self.indices[source.number][way.index][1]
        for wanted in way.wanted(event, reading):
            for before, group in table.get((scope, wanted), _NONE).items():
                if way.asks and not way.holds(before, event, reading):
                    continue
                after = way.ended(scope, before) if way.absent else None
                found = group.interval(event.time, edge.least, edge.most, way.number, after)
                if found is not None:
                    self._join(way, step, event, scope, reading, wanted, before, *found, nodes)
            if reading.implicit or not way.may_coincide:
                continue
            # an implicit open may be this very event
            for (before, _, _), node in self._implicit(source, event, scope, readings, early).items():
                values = tuple(before[at] for at in way.join_at)
                if node.implicit and values == wanted and way.holds(before, event, reading):
                    alone = Interval(None, 0, 1, node)
                    self._join(way, step, event, scope, reading, wanted, before, alone, node, nodes)

    def _implicit(
        self,
        source: State,
        event: Event,
        scope: Hashable,
        readings: dict[int, list[Reading]],
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
        scope: Hashable,
        reading: Reading,
        wanted: tuple[Hashable, ...],
        before: Key,
        interval: Interval,
        best: Node,
        nodes: Nodes,
    ) -> None:
        age, reach = event.time - best.start, way.edge.reach
        if (self.window is not None and age > self.window) or (reach is not None and age > reach):
            return
        first = way.is_first(scope, before, event, reading) if way.prior else True
        if first is False:
            return
        if way.count is not None:
            interval.seen = way.count.seen(scope, wanted, before, event, reading)
            if interval.seen is None:
                return
        place = way.key(before, event, reading), step.number, reading.implicit
        node = nodes.get(place)
        if node is None:
            node = nodes[place] = Node(event, step, best.start, reading.implicit, reading.process, way.interior)
        interval.unproven = first is None or self.novelty.doubted == event.order
        if way.absent and not interval.unproven:
            interval.unproven = not way.is_proven(event, best.event.order)
        interval.loose = way.edge.loose or (interval.seen is not None and interval.seen.is_loose)
        if reach is not None:
            interval.since = event.time - reach
        node.follow(interval, best)

    # -- state --------------------------------------------------------------

    def _append(self, state: State, key: Key, node: Node, scope: Hashable) -> None:
        groups = self.groups[state.number]
        group = groups.get((scope, key))
        if group is None:
            steps, whole = self._steps[state.number], self._whole[state.number]
            group = groups[scope, key] = Group(state.number, scope, key, steps, whole, ordered=self._trails)
            for slots, table in self.indices[state.number]:
                table.setdefault((scope, tuple(key[at] for at in slots)), {})[key] = group
        group.append(node)

    def _complete(self, state: State, key: Key, node: Node, scope: Hashable, at: int) -> Completion:
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
        if self.window is None:
            return
        horizon = now - self.window
        for number, groups in enumerate(self.groups):
            dead = [place for place, group in groups.items() if group.is_dead(horizon)]
            for scope, key in dead:
                del groups[scope, key]
                for slots, table in self.indices[number]:
                    place = (scope, tuple(key[at] for at in slots))
                    bucket = table[place]
                    del bucket[key]
                    if not bucket:
                        del table[place]
            for group in groups.values():
                group.trim(horizon)

    @property
    def open_groups(self) -> int:
        """How many partial matches are kept apart, and how many wait for a deadline."""
        return sum(map(len, self.groups)) + len(self.deadlines)


def _scope_part(field: str, entities: Entities) -> Callable[[Event], Hashable | None]:
    """What of an event is one part of its scope: the host, the canonical user, or a field."""
    match field:
        case "host":
            return attrgetter("host")
        case "user":
            return entities.identity
        case _:
            return lambda event: hashable(event.fields.get(field))


def _steps_upto(states: Sequence[State]) -> list[frozenset[int]]:
    """For each state, the numbers of the steps on any way to it."""
    found: list[frozenset[int]] = []
    for state in states:
        steps = {edge.step.number for edge in state.edges}
        for edge in state.edges:
            if edge.source is not None and edge.source != state.number:
                steps |= found[edge.source]
        found.append(frozenset(steps))
    return found


_NONE: dict[Key, Group] = {}


def _tightness(item: tuple[tuple[Key, int, bool], Node]) -> Path:
    return item[1].path()


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
