"""Which slots of a live key something later still asks for: the backward walk of `compile`.

Only what is still asked for tells two partial matches apart. What a state's layout leaves out, no group remembers.
"""

import msgspec
from chainrun.dsl.model import Chain

from .automaton import LEVEL, Edge, State, Trailing
from .conditions import reads
from .known import Leaf
from .linking import LED


class Final(msgspec.Struct, frozen=True):
    """What a final state asks: `identity`, `trailing`, `bound` and `extra` as in `State`."""

    identity: tuple[str | None, ...]
    trailing: tuple[Trailing, ...]
    bound: frozenset[str]
    extra: bool = False


class Draft:
    """States under construction: edges into each, and the slots that each edge defines."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.edges: list[list[tuple[Edge, frozenset[str]]]] = []
        self.interior: set[int] = set()
        self.counted: dict[int, list[Leaf]] = {}

    def state(self, title: str) -> int:
        self.titles.append(title)
        self.edges.append([])
        return len(self.titles) - 1


def freeze(chain: Chain, draft: Draft, finals: dict[int, Final], levels: bool) -> tuple[State, ...]:
    """The states of a finished draft. `levels`: some steps are optional."""
    live = _live(chain, draft, finals, levels)
    states = []
    for number, title in enumerate(draft.titles):
        final = finals.get(number)
        layout = tuple(sorted(live[number] - {LEVEL})) + ((LEVEL,) if LEVEL in live[number] else ())
        edges = tuple(edge for edge, _ in draft.edges[number])
        if final is None:
            states.append(State(number, title, layout, edges, interior=number in draft.interior))
        else:
            states.append(
                State(number, title, layout, edges, True, final.identity, final.trailing, final.bound, final.extra)
            )
    return tuple(states)


def _live(chain: Chain, draft: Draft, finals: dict[int, Final], levels: bool) -> list[set[str]]:
    count = len(draft.edges)
    live: list[set[str]] = [set() for _ in range(count)]
    conditions = [e.when for e in chain.exceptions] + [r.when for r in chain.severities if not isinstance(r.when, str)]
    tested = {(c, f"{c}.{f}") for condition in conditions for c, f in reads(condition)}
    for number in reversed(range(count)):
        final = finals.get(number)
        if final is not None:
            # of a capture that an optional step did not make here, nothing is known
            live[number] |= {slot for slot in final.identity if slot is not None}
            live[number] |= {slot for capture, slot in tested if capture in final.bound}
            live[number] |= {slot for trailing in final.trailing for slot in trailing.absence.slots}
            if levels:
                live[number].add(LEVEL)
        for target in range(number, count):
            for edge, defines in draft.edges[target]:
                if edge.source == number:
                    live[number] |= _asks(edge, defines)
                    later = {slot for slot in live[target] if not slot.startswith("=")}
                    live[number] |= (later - defines) | ({LEVEL} & live[target])
    return live


def _asks(edge: Edge, defines: frozenset[str]) -> set[str]:
    """The slots that an edge asks of the state before it."""
    asked = {join.slot for join in edge.joins} | {slot for _, _, slot in edge.reads}
    asked |= {slot for slot, _, _ in edge.since}
    asked |= {slot for absence in edge.absent for slot in absence.slots}
    asked |= {slot for absence in edge.prior for slot in absence.slots} - defines - {LED}
    if edge.count is not None:
        asked |= edge.count.slots
    return asked
