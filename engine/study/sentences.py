"""A step of a chain as a sentence: who, does what, to what, when; every implied link spelled out.

The links are read off the automaton's edges, so that what is said is what runs. Called by `explain`.
"""

from collections.abc import Iterable

from chainrun.dsl import model
from chainrun.dsl.model import Step

from ..match.automaton import Automaton, Edge
from ..report.duration import in_words
from .prose import clause, condition_text, predicate

# kind -> (verb, what it is done to); nothing, where the positional argument tests the actor itself.
VERBS: dict[str, tuple[str, str]] = {
    "open": ("is open: started, opened or clicked something, recorded a download or crashed", ""),
    "crash": ("crashes or hangs", ""),
    "write": ("writes", "a file"),
    "read": ("reads", "a file"),
    "delete": ("deletes", "a file"),
    "rename": ("renames", "a file"),
    "mount": ("mounts", "a volume"),
    "spawn": ("starts", "a process"),
    "exec": ("runs, as image, script or library,", "a file"),
    "load": ("loads", "a library"),
    "egress": ("connects to, or asks for the name of,", "a destination"),
    "connect": ("connects to", "a destination"),
    "resolve": ("asks for the name of", "a destination"),
    "accept": ("accepts a connection from", "an address"),
    "visit": ("fetches", "a URL"),
    "download": ("fetches", "a file"),
    "mail": ("is sent, or opens, a message from", "a sender"),
    "access": ("opens", "another process"),
    "inject": ("runs code in", "another process"),
    "registry": ("sets", "a registry or preference value"),
    "gatekeeper": ("is given, by the platform,", "a verdict"),
    "detect": ("is given, by a security product,", "a verdict"),
    "pull": ("pulls", "a container image"),
    "create": ("creates a container of", "an image"),
    "start": ("starts a container of", "an image"),
    "stop": ("stops a container of", "an image"),
    "launch": ("launches an instance from", "an image"),
    "makeimage": ("creates, copies, imports or shares", "a machine image"),
    "call": ("calls", "an API"),
    "command": ("enters", "a command"),
    "signin": ("signs in as", "a user"),
    "signoff": ("signs off as", "a user"),
    "consent": ("gives a grant as", "a user"),
    "exit": ("ends", ""),
    "event": ("does", "anything"),
}

_ACTORS = {"process": "a process", "process.parent": "a process", "user": "an identity", "source": "an address"}


def who(automaton: Automaton, step: Step) -> str:
    """The subject of a step: whom its event must be of, in each of the ways to reach it."""
    kind = step.parts[0].kind
    anybody = "a user-facing app" if step.parts[0].base == "open" else _ACTORS.get(kind.actor or "", "anybody")
    ways = []
    for state in automaton.states:
        for edge in state.edges:
            if edge.step.number == step.number:
                unlinked = anybody if edge.source is None else f"{anybody}, whichever,"
                ways.append(_linked(automaton, edge) or unlinked)
    return ", or ".join(dict.fromkeys(ways)) or anybody


def _linked(automaton: Automaton, edge: Edge) -> str:
    for join in edge.joins:
        if join.how == "lineage":
            return f"{entity(automaton, join.slot)} or a descendant of it"
        if join.how == "actor":
            return f"{entity(automaton, join.slot)} itself"
    return ""


def entity(automaton: Automaton, slot: str) -> str:
    """What a slot of the automaton holds: `` `child` ``, the process of step 3, the actor of step 1."""
    if slot[0] not in "#@":
        return f"`{slot}`"
    number = int(slot[1:])
    capture = _capture(automaton, number)
    step = next(s for s in automaton.steps if s.number == number)
    introduced = step.introduces
    noun = "actor"
    if slot[0] == "#" and introduced is not None:
        noun = introduced.entity.value
    elif step.parts[0].kind.actor in ("process", "process.parent"):
        noun = "acting process"
    if capture is None:
        return f"the {noun} of step {number}"
    return f"`{capture}`" if slot[0] == "#" and noun == "process" else f"the {noun} of `{capture}`"


def _capture(automaton: Automaton, number: int) -> str | None:
    """What the file calls a step, or the alternative that it begins."""
    for state in automaton.states:
        for edge in state.edges:
            if edge.number == number and (edge.capture or edge.step.capture):
                return edge.capture or edge.step.capture
    return None


def does(step: Step) -> str:
    """What a step's event is: verb, object, arguments and conditions."""
    said = [_part(part) for part in step.parts]
    text = ", and the same event ".join(said)
    conditions = [condition_text(c) for c in (step.where,) if c is not None]
    return text + "".join(f", where {c}" for c in conditions)


def _part(part: model.Part) -> str:
    verb, noun = VERBS.get(part.base, (f"does a `{part.base}` of", "anything"))
    positional = next((a for a in part.arguments if a.name is None), None)
    if positional is None:
        text = f"{verb} {noun}".strip()
    elif not noun:  # the actor itself is tested
        text = f"{predicate(positional.pattern, positional.target.type)} and {verb}"
    elif isinstance(positional.pattern, model.FromCapture) and positional.pattern.field is None:
        text = f"{verb} the {noun.partition(' ')[2]} of `{positional.pattern.capture}`"
    else:
        text = f"{verb} {noun} {clause(positional.pattern, positional.target.type)}"
    for argument in part.arguments:
        if argument.name is not None:
            text += f", whose `{argument.name}` {predicate(argument.pattern, argument.target.type)}"
    if part.kind.name != part.base:
        text += f" (this is `{part.kind.name}`)"
    if part.where is not None:
        text += f", where {condition_text(part.where)}"
    return text


def when(automaton: Automaton, step: Step) -> str:
    """How a step follows: the limits of the hops that lead to it; empty for one that begins the chain."""
    edges = [e for state in automaton.states for e in state.edges if e.step.number == step.number]
    if all(e.source is None for e in edges):
        return ""
    limits = dict.fromkeys(_limits(e) for e in edges if e.source is not None)
    said = [limit for limit in limits if limit]
    if any(e.source is None for e in edges):
        said.append("first of all, or later")
    return f"then, {', or '.join(said)}," if said else "then"


def _limits(edge: Edge) -> str:
    if edge.least is None and edge.most is None:
        return ""
    if edge.least is None or edge.most is None:
        limit, word = (edge.most, "within") if edge.least is None else (edge.least, "not before")
        return f"{word} {in_words(limit or 0)} of the step before"
    return f"{in_words(edge.least)} to {in_words(edge.most)} after the step before"


def linking(step: Step) -> str:
    """The explicit links of a step, which took the place of its arrow's own."""
    links = [f"`{link.word} {link.capture}`" for part in step.parts for link in part.links]
    return f"as {' and '.join(links)} says" if links else ""


def unrelated(automaton: Automaton, steps: Iterable[Step]) -> list[Step]:
    """Steps that introduce a file or the like which no later step is asked to have anything to do with."""
    edges = [edge for state in automaton.states for edge in state.edges]
    asked = {join.slot for edge in edges for join in edge.joins}
    asked |= {slot for edge in edges for _, _, slot in edge.reads}
    found = []
    last = max((s.number for s in automaton.steps), default=0)
    for step in steps:
        introduced = step.introduces
        if introduced is None or introduced.entity.value == "process" or step.number == last:
            continue
        if not any(slot == f"#{step.number}" or slot.startswith(f"{step.capture}.") for slot in asked):
            found.append(step)
    return found
