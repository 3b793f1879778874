"""Where a chain stood still: the first steps of it that no event satisfied in their place. Called by `expectations`.

Read off the funnel's counts, which tell of each step how many events continued a match there. Of several matches that
stood still at different steps it is the furthest that counts.
"""

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element

from ..report.funnel import Funnel, StepCount


def standstill(chain: Chain, funnel: Funnel) -> tuple[int, ...]:
    """The numbers of the steps at which the chain stood still: none where events were found for all."""
    counts = {step.number: step for step in funnel.steps}
    for position in chain.positions:
        waiting = _waiting(position.element, counts, 1)
        if waiting:
            return waiting
    return ()


def how_far(chain: Chain, funnel: Funnel) -> str:
    """How far it got, in a sentence: `main: got as far as …; no event is … by itself`."""
    counts = {step.number: step for step in funnel.steps}
    waiting = standstill(chain, funnel)
    if not waiting:
        reasons = ", ".join(f'"{reason}"' for reason, _ in funnel.excepted)
        why = f"excepted as {reasons}" if reasons else "an absence, `until` or an open alert may have held it back"
        return f"{chain.name}: got through all its steps; {why}"
    passed = [step for step in funnel.steps if step.followed and step.number < min(waiting)]
    before = f"got as far as `{passed[-1].title}`; " if passed else ""
    alone = sum(counts[number].alone for number in waiting)
    steps = " or ".join(f"`{counts[number].title}`" for number in waiting)
    return f"{chain.name}: {before}{_awaited(alone, steps, bool(passed))}"


def _awaited(alone: int, steps: str, later: bool) -> str:
    if not alone:
        return f"no event is {steps} by itself"
    events = "1 event is" if alone == 1 else f"{alone:,} events are"
    where = "linked, in time and in scope" if later else "one that begins the chain"
    return f"{events} {steps} by itself, and none {where}" if alone == 1 else f"{events} {steps}, and none {where}"


def _waiting(element: Element, counts: dict[int, StepCount], least: int) -> tuple[int, ...]:
    """The steps of an element that fewer events continued a match at than it asks for."""
    match element:
        case model.Step():
            count = counts.get(element.number)
            return (element.number,) if count is not None and count.followed < least else ()
        case model.Absent() | model.Optional():
            return ()
        case model.All():
            return tuple(n for _, member in element.members for n in _waiting(member, counts, least))
        case model.Either():
            branches = [_waiting(member, counts, least) for _, member in element.members]
            return tuple(n for branch in branches for n in branch) if all(branches) else ()
        case model.Repeat():
            return _waiting(element.element, counts, element.least)
        case model.Counted() | model.WithoutPrior():
            return _waiting(element.element, counts, least)
