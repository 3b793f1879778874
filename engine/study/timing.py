"""When a step happens, or must not, in words: hops, windows, how long an absence lasts, how far a look-back reaches.

Read off the automaton's edges; every limit names what it is measured from. Called by `explain`.
"""

from collections.abc import Iterator

from chainrun.dsl import model
from chainrun.dsl.model import Step

from ..match.automaton import START, Automaton, Edge, Trailing
from ..report.duration import in_words
from ..report.roles import positive, within
from .naming import beginning, edges, end

Limit = tuple[frozenset[int], int | None, int | None]  # the places that it is measured from, least, most


def when(automaton: Automaton, step: Step) -> str:
    """How a step follows: the limits of the hops that lead to it; empty for one that begins the chain."""
    ways = list(edges(automaton, step.number))
    if ways and all(e.source is None for e in ways):
        return ""
    said = []
    if ways and ways[0].position == _last(automaton) and automaton.chain.within is not None:
        said.append(f"within {in_words(automaton.chain.within)} of {_first(automaton)}")
    place = ways[0].position if ways else 0
    limits = _merged(list(dict.fromkeys(tuple(_limits(automaton, e)) for e in ways if e.source is not None)))
    alternatives = [" and ".join(_limit(automaton, place, limit) for limit in each) for each in limits if each]
    grouped = any(within(automaton.chain.positions[place].element, model.All))
    if grouped and len(limits) > len(alternatives):
        alternatives = [f"{a}, if it is the first of the group" for a in alternatives]
    if any(e.source is None for e in ways):
        alternatives.append("first of all, or later")
    if alternatives:
        said.append(" or ".join(alternatives))
    return f"then, {', '.join(said)}," if said else "then"


def _merged(ways: list[tuple[Limit, ...]]) -> list[tuple[Limit, ...]]:
    """One limit for all ways, where they differ only in what came before: a step that may be left out, or may not."""
    limits = [limit for way in ways for limit in way]
    if any(len(way) > 1 for way in ways) or len({limit[1:] for limit in limits}) != 1:
        return ways
    _, least, most = limits[0]
    merged: Limit = frozenset().union(*(before for before, _, _ in limits)), least, most
    return [(merged,), *(way for way in ways if not way)]


def _limits(automaton: Automaton, edge: Edge) -> Iterator[Limit]:
    if edge.least is not None or edge.most is not None:
        yield _before(automaton, edge), edge.least, edge.most
    first = frozenset(e.position for e in edges(automaton) if e.source is None)
    for slot, least, most in edge.since:
        yield first if slot == START else frozenset({int(slot[1:])}), least, most
    if edge.reach is not None:
        yield first, None, edge.reach


def _before(automaton: Automaton, edge: Edge) -> frozenset[int]:
    """The places of the chain at which the event before an edge can be."""
    assert edge.source is not None
    return frozenset(before.position for before in automaton.states[edge.source].edges)


def _limit(automaton: Automaton, place: int, limit: Limit) -> str:
    positions, least, most = limit
    elements = automaton.chain.positions
    nearest = next((i for i in range(place - 1, -1, -1) if not isinstance(elements[i].element, model.Absent)), None)
    alone = all(len(positive(elements[i].element)) == 1 for i in (*positions, place))
    since = "the step before" if positions == {nearest} and alone else end(automaton, positions)
    which = "the last of them " if isinstance(elements[place].element, model.Repeat) else ""
    if least and most is not None:
        return f"{which}{in_words(least)} to {in_words(most)} after {since}"
    said = f"not before {in_words(least)} after" if least else f"within {in_words(most or 0)} of"
    return f"{which}{said} {since}"


def _last(automaton: Automaton) -> int:
    """The place of the chain's last element that is waited for."""
    return max(edge.position for state in automaton.states if state.final for edge in state.edges)


def _first(automaton: Automaton) -> str:
    """What begins the chain: `the open`."""
    numbers = {e.step.number for e in edges(automaton) if e.source is None}
    if len(numbers) > 1:
        return "the first event"
    [step] = [s for s in automaton.steps if s.number in numbers]
    return f"the {step.kind}"


# -- what must not happen ----------------------------------------


def absent(automaton: Automaton, step: Step) -> str:
    """When an absent step must not happen: `between step 1 and step 3`, `and then, for 5 minutes,`."""
    number = step.number
    between = [e for e in edges(automaton) if any(a.step.number == number for a in e.absent)]
    leading = [e for e in edges(automaton) if e.source is None and any(a.step.number == number for a in e.prior)]
    said = []
    if leading:
        limit = next(a.limit for a in leading[0].prior if a.step.number == number)
        said.append(f"in the {span(limit or 0)} before {beginning(automaton, {e.position for e in leading})}")
    if between:
        before = frozenset().union(*(_before(automaton, e) for e in between))
        after = beginning(automaton, {e.position for e in between})
        said.append(f"between {end(automaton, before)} and {after}")
    said += dict.fromkeys(
        _lasting(automaton, trailing)
        for state in automaton.states
        for trailing in state.trailing
        if trailing.absence.step.number == number
    )
    return ", or ".join(said)


def _lasting(automaton: Automaton, trailing: Trailing) -> str:
    within = automaton.chain.within
    if trailing.most is None:
        return f"and then, to the end of the window, {in_words(within or 0)} after {_first(automaton)},"
    return f"and then, for {in_words(trailing.most)},"


def prior(automaton: Automaton, step: Step) -> str:
    """When the step of a `without prior` must not have happened: `in the 30 days before step 3`."""
    for edge in edges(automaton):
        for absence in edge.prior:
            if absence.step.number == step.number:
                return f"in the {span(absence.limit or 0)} before {end(automaton, {edge.position})}"
    return "before it"


def span(microseconds: int) -> str:
    """A length of time after `the`: `hour`, `30 days`."""
    return in_words(microseconds).removeprefix("1 ") if _is_one(microseconds) else in_words(microseconds)


def _is_one(microseconds: int) -> bool:
    return microseconds in (1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000)
