"""When nothing happened, of what must not: for each absence of a match, the interval that it holds over.

    A -> !B -> C          from the last event of A to the first of C
    A -> !B within 5m     from the last event of all to the deadline
    !B -> C within 1h     the hour before the first event of all
    C without prior B in 30d     the thirty days before C's

Of the witness, so that the interval belongs to the events that the alert shows. Called by `alert`.
"""

from chainrun.dsl import model
from chainrun.dsl.model import Chain

from ..event import Event
from ..match.evidence import Match
from .roles import positive, within

Interval = tuple[int, int]


def absences(chain: Chain, match: Match) -> dict[int, Interval]:
    """Step number -> from when to when it did not happen, in microseconds since 1970; without the absences that were
    not asked about, as of a branch that another took the place of."""
    found: dict[int, Interval] = {}
    for place, position in enumerate(chain.positions):
        if isinstance(position.element, model.Absent):
            interval = _interval(chain, place, match)
            found |= dict.fromkeys((step.number for step in model.steps(position.element)), interval)
            continue
        for prior in within(position.element, model.WithoutPrior):
            events = _witnesses(prior.element, match)
            if events:  # of a repetition its last
                at = max(events, key=lambda e: e.order).time
                found[prior.prior.number] = (at - prior.look_back, at)
    return found


def _interval(chain: Chain, place: int, match: Match) -> Interval:
    """How long an absence between arrows lasted."""
    positions = chain.positions
    before = [e for p in positions[:place] for e in _witnesses(p.element, match)]
    after = next((p for p in positions[place + 1 :] if _witnesses(p.element, match)), None)
    if not before:
        assert after is not None
        # it looks back as far as the arrow after it says
        following = positions[place + 1]
        hop = following.hop if isinstance(following.element, model.Absent) else after.hop
        limit = hop.most if hop is not None and hop.most is not None else chain.within
        return match.start - (limit or 0), match.start
    last = max(before, key=lambda e: e.order)
    if after is not None:
        return last.time, _first(after.element, match, last).time
    hop = positions[place].hop
    ends = [last.time + hop.most] if hop is not None and hop.most is not None else []
    if chain.within is not None:
        ends.append(match.start + chain.within)
    return last.time, min(ends, default=match.at)


def _witnesses(element: model.Element, match: Match) -> list[Event]:
    return [match.witness[number] for number in positive(element) if number in match.witness]


def _first(element: model.Element, match: Match, last: Event) -> Event:
    """The first event of an element after the one before it. The witness of a repetition is its last; what came first
    is at the latest the first of all that are evidence."""
    repeated = {number for part in within(element, model.Repeat) for number in positive(part)}
    events = _witnesses(element, match)
    for number in repeated & match.witness.keys():
        events += [e for e in match.evidence[number] if e.order > last.order]
    return min(events, key=lambda e: e.order)
