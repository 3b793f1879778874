"""How far a chain got, in a sentence, read off its funnel. Called by `expectations`."""

from chainrun.dsl.model import Chain

from ..report.funnel import Funnel


def how_far(chain: Chain, funnel: Funnel) -> str:
    """How far it got, in a sentence: `main: got as far as …; no event is … by itself`."""
    counts = {step.number: step for step in funnel.steps}
    waiting = funnel.stuck
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
