"""What the slots, steps and moments of an automaton are called in prose.

    #3 is `child`, @1 the acting process of step 1, ^2 the last of steps 3 and 4

Called by `sentences`, `timing` and `explain`.
"""

from collections.abc import Collection, Iterator, Sequence

from chainrun.dsl import model
from chainrun.dsl.model import Step

from ..match.automaton import Automaton, Edge
from ..report.roles import positive

_ACTING = {"process": "acting process", "process.parent": "acting process", "user": "identity"}


def edges(automaton: Automaton, number: int | None = None) -> Iterator[Edge]:
    """All edges, or those by one step."""
    for state in automaton.states:
        for edge in state.edges:
            if number is None or edge.step.number == number:
                yield edge


def captures(automaton: Automaton, step: Step) -> tuple[str, ...]:
    """What the file calls a step: its capture, and those of what it is a part of."""
    names = next((edge.names for edge in edges(automaton, step.number)), ())
    return names or ((step.capture,) if step.capture else ())


def entity(automaton: Automaton, slot: str) -> str:
    """What a slot holds: `` `child` ``, the process of step 3, the identity of `login`."""
    if slot[0] not in "#@":
        name = slot.partition(".")[2] if slot[0] == "%" else slot.removeprefix("=")
        whole = {"process": "acting process", "user": "user", "host": "host"}.get(name)
        return whole or (name if slot[0] == "=" else f"`{name}`")
    number = int(slot[1:])
    capture = next((e.names[-1] for e in edges(automaton) if e.number == number and e.names), None)
    step = next(s for s in automaton.steps if s.number == number)
    introduced = step.introduces
    noun = _ACTING.get(step.parts[0].kind.actor or "", "actor")
    if slot[0] == "#" and introduced is not None:
        noun = introduced.entity.value
    if capture is None:
        return f"the {noun} of step {number}"
    return f"`{capture}`" if slot[0] == "#" and noun == "process" else f"the {noun} of `{capture}`"


def end(automaton: Automaton, positions: Collection[int]) -> str:
    """The last event at these places of the chain, whichever of them were there."""
    return _moment(automaton, positions, "last")


def beginning(automaton: Automaton, positions: Collection[int]) -> str:
    """The first event at the next of these places."""
    return _moment(automaton, positions, "first")


def _moment(automaton: Automaton, positions: Collection[int], which: str) -> str:
    elements = [automaton.chain.positions[place].element for place in sorted(positions)]
    numbers = [number for element in elements for number in positive(element)]
    if len(numbers) > 1:
        return f"the {which} of steps {enumerated(list(map(str, numbers)))}"
    inner = elements[0].element if isinstance(elements[0], model.Optional) else elements[0]
    repeated = f"the {which} event of " if isinstance(inner, model.Repeat) else ""
    return f"{repeated}step {numbers[0]}"


def enumerated(items: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {word} ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
