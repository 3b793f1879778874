"""One automaton over one stream: an event in, completions out. Small and dull; the thinking is in `compile`.

For each edge whose step the event satisfies: look up the groups before it, take the interval that the hop allows, add a
node to the group of the new live key; or complete. States are visited last first, so that no look-up sees a node of the
same event; only an implicit `open` may coincide with the step after it.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import product

from chainrun.dsl.model import Expression, Step

from ..event import Event
from .automaton import LEVEL, SCOPES, Automaton, Edge, Join, State
from .conditions import Test, compile_condition, reads
from .files import FileKeys
from .groups import Group, Interval, Node
from .lineage import ancestry
from .readings import Reading, StepTest
from .ways import Key, Way

# The nodes that one event adds to a state: one for each live key, step (of alternatives) and kind of reading.
Nodes = dict[tuple[Key, int, bool], Node]


class Completion:
    """All matches that end at one event with one live key, before exceptions and alert identity."""

    __slots__ = ("identity", "level", "node", "scope")

    def __init__(self, node: Node, scope: Hashable, identity: Key, level: int) -> None:
        self.node = node
        self.scope = scope
        self.identity = identity
        self.level = level


class Counts:
    """How far the chain got: for a step, how many events satisfied it alone, and how many found a predecessor too."""

    __slots__ = ("linked", "satisfied")

    def __init__(self) -> None:
        self.satisfied = 0
        self.linked = 0


class Matcher:
    """Runs one automaton. `feed` takes events in order; state is `groups`, printable by `str`."""

    def __init__(self, automaton: Automaton, files: FileKeys) -> None:
        self.automaton = automaton
        self.window = automaton.chain.within
        self.files = files
        self.counts = {step.number: Counts() for step in automaton.steps}
        self.excepted: dict[str, int] = {}
        self._scope = automaton.chain.scope
        states = automaton.states
        tests: dict[int, StepTest] = {}
        self._indices: list[list[tuple[tuple[int, ...], dict[Hashable, dict[Key, Group]]]]] = [[] for _ in states]
        self._groups: list[dict[tuple[Hashable, Key], Group]] = [{} for _ in states]
        self._whole = [False] * len(states)
        self._steps = _steps_upto(states)
        self._ways: list[list[tuple[StepTest, list[Way]]]] = []
        count = 0
        for state in states:
            by_step: dict[int, tuple[StepTest, list[Way]]] = {}
            for edge in state.edges:
                step = edge.step
                if step.number not in tests:
                    tests[step.number] = StepTest(step, self.window, files)
                source = states[edge.source] if edge.source is not None else None
                way = Way(count, edge, source, state, self._index(edge, source))
                count += 1
                if source is not None and edge.least:
                    self._whole[source.number] = True
                by_step.setdefault(step.number, (tests[step.number], []))[1].append(way)
            self._ways.append(list(by_step.values()))
        self._tests = tests
        self._exclusions = self._compile_exclusions()
        self.kinds = frozenset(k for t in tests.values() for k in t.kinds)
        self.reads_every_event = any(t.is_open or not t.kinds for t in tests.values())

    def _index(self, edge: Edge, source: State | None) -> int | None:
        """Which of the source's indices serves this edge: groups by the slots that it joins on."""
        if source is None:
            return None
        at = tuple(source.layout.index(j.slot) for j in edge.joins)
        indices = self._indices[source.number]
        for i, (slots, _) in enumerate(indices):
            if slots == at:
                return i
        indices.append((at, {}))
        return len(indices) - 1

    def _compile_exclusions(self) -> list[tuple[str, int | None, list[Test | None]]]:
        """Whole-match exceptions, compiled against the layout of each final state: (reason, until, test a state)."""
        result = []
        for exclusion in self.automaton.chain.exceptions:
            tests: list[Test | None] = []
            for state in self.automaton.states:
                if not state.final:
                    tests.append(None)
                    continue
                tests.append(_final_test(exclusion.when, state))
            result.append((exclusion.reason, exclusion.until, tests))
        return result

    # -- an event -----------------------------------------------------------

    def feed(self, event: Event) -> list[Completion]:
        """The completions that this event brings; all else it changes is state."""
        scope = self._scope_of(event)
        if scope is None:
            return []
        readings: dict[int, list[Reading]] = {}
        for number, test in self._tests.items():
            found = list(test.readings(event))
            if found:
                readings[number] = found
                self.counts[number].satisfied += 1
        if not readings:
            return []
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
                if state.final:
                    completions.extend(self._complete(state, key, node, scope))
                if not state.final or self._indices[state.number]:
                    self._append(state, key, node, scope)
        for number in linked:
            self.counts[number].linked += 1
        return completions

    def _scope_of(self, event: Event) -> Hashable | None:
        values = []
        for field in self._scope:
            value = event.host if field == "host" else event.fields.get(SCOPES.get(field, field))
            if value is None or value == "":
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
                        self._begin(way, test.step, event, reading, nodes)
                    else:
                        self._continue(way, test.step, event, scope, reading, readings, early, nodes)
        return nodes

    def _begin(self, way: Way, step: Step, event: Event, reading: Reading, nodes: Nodes) -> None:
        place = way.key((), event, reading), step.number, reading.implicit
        if place not in nodes:
            nodes[place] = Node(event, step, event.time, reading.implicit, reading.process)

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
        table = self._indices[source.number][way.index][1]
        for wanted in self._wanted(way, event, reading):
            for before, group in table.get((scope, wanted), _NONE).items():
                if not way.holds(before, event, reading):
                    continue
                found = group.interval(event.time, edge.least, edge.most, way.number)
                if found is not None:
                    self._join(way, step, event, reading, before, *found, nodes)
            if reading.implicit or not way.may_coincide:
                continue
            # an implicit open may be this very event
            for (before, _, _), node in self._implicit(source, event, scope, readings, early).items():
                values = tuple(before[at] for at in way.join_at)
                if node.implicit and values == wanted and way.holds(before, event, reading):
                    self._join(way, step, event, reading, before, Interval(None, 0, 1, node), node, nodes)

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
        reading: Reading,
        before: Key,
        interval: Interval,
        best: Node,
        nodes: Nodes,
    ) -> None:
        if self.window is not None and event.time - best.start > self.window:
            return
        place = way.key(before, event, reading), step.number, reading.implicit
        node = nodes.get(place)
        if node is None:
            node = nodes[place] = Node(event, step, best.start, reading.implicit, reading.process)
        node.follow(interval, best)

    def _wanted(self, way: Way, event: Event, reading: Reading) -> Iterator[tuple[Hashable, ...]]:
        """The values that a live key may have in its joined slots, for the event to join it."""
        joins = way.joins
        if len(joins) == 1 and joins[0].how == "lineage":
            for process in ancestry(reading.actor):
                yield (process,)
            return
        # two joins on one slot ask for one value that satisfies both
        choices: dict[str, list[Hashable]] = {}
        for join in joins:
            found = self._choices(join, way, event, reading)
            if join.slot in choices:
                both = set(found)
                found = [value for value in choices[join.slot] if value in both]
            choices[join.slot] = found
        slots = list(choices)
        at = [slots.index(join.slot) for join in joins]
        for values in product(*choices.values()):
            yield tuple(values[i] for i in at)

    def _choices(self, join: Join, way: Way, event: Event, reading: Reading) -> list[Hashable]:
        """The values that one joined slot may have."""
        if join.how == "lineage":
            return list(ancestry(reading.actor))
        if join.how == "actor":
            return [reading.actor] if reading.actor is not None else []
        if join.how == "entity":
            return self._entities(join, way, event, reading)
        value = way.joined_fields[join.field](event, reading)
        return [value] if value is not None else []

    def _entities(self, join: Join, way: Way, event: Event, reading: Reading) -> list[Hashable]:
        """The entities that the event is about at a field: a process, or the files that it names."""
        if join.field == "process":
            return [event.process] if event.process is not None else []
        if join.field == "process.target":
            return [event.target] if event.target is not None else []
        if join.field in ("<actor>", "process.parent"):
            actor = reading.actor if join.field == "<actor>" else event.parent
            return [actor] if actor is not None else []
        if join.field == "<ancestor>":
            above: list[Hashable] = [*ancestry(reading.actor)]
            return above[1:]
        return list(dict.fromkeys(self.files.keys(event, way.joined_fields[join.field](event, reading))))

    # -- state --------------------------------------------------------------

    def _append(self, state: State, key: Key, node: Node, scope: Hashable) -> None:
        groups = self._groups[state.number]
        group = groups.get((scope, key))
        if group is None:
            steps, whole = self._steps[state.number], self._whole[state.number]
            group = groups[scope, key] = Group(state.number, scope, key, steps, whole)
            for slots, table in self._indices[state.number]:
                table.setdefault((scope, tuple(key[at] for at in slots)), {})[key] = group
        group.append(node)

    def _complete(self, state: State, key: Key, node: Node, scope: Hashable) -> Iterator[Completion]:
        for reason, until, tests in self._exclusions:
            test = tests[state.number]
            if test is not None and (until is None or node.event.time < until) and test(node.event, key) is True:
                self.excepted[reason] = self.excepted.get(reason, 0) + 1
                return
        layout = state.layout
        level = key[-1] if layout and layout[-1] == LEVEL else 0
        identity = tuple(key[layout.index(slot)] for slot in state.identity)
        assert isinstance(level, int)
        yield Completion(node, scope, identity, level)

    def expire(self, now: int) -> None:
        """Forget what no window reaches any more."""
        if self.window is None:
            return
        horizon = now - self.window
        for number, groups in enumerate(self._groups):
            dead = [place for place, group in groups.items() if group.is_dead(horizon)]
            for scope, key in dead:
                del groups[scope, key]
                for slots, table in self._indices[number]:
                    place = (scope, tuple(key[at] for at in slots))
                    bucket = table[place]
                    del bucket[key]
                    if not bucket:
                        del table[place]
            for group in groups.values():
                group.trim(horizon)

    @property
    def open_groups(self) -> int:
        return sum(map(len, self._groups))


def _steps_upto(states: Sequence[State]) -> list[frozenset[int]]:
    """For each state, the numbers of the steps on any way to it."""
    found: list[frozenset[int]] = []
    for state in states:
        steps = {edge.step.number for edge in state.edges}
        for edge in state.edges:
            if edge.source is not None:
                steps |= found[edge.source]
        found.append(frozenset(steps))
    return found


_NONE: dict[Key, Group] = {}


def _tightness(item: tuple[tuple[Key, int, bool], Node]) -> tuple[int, list[int], list[tuple[int, bool]]]:
    return item[1].path()


def _final_test(condition: Expression, state: State) -> Test | None:
    """A condition over captures, against a final state's live key; None where a capture is not bound there."""
    layout = {slot: i for i, slot in enumerate(state.layout)}
    if any(f"{capture}.{field}" not in layout for capture, field in reads(condition)):
        return None

    def slot_of(capture: str, field: str) -> int:
        return layout[f"{capture}.{field}"]

    return compile_condition(condition, slot_of)
