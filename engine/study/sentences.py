"""A step of a chain as a sentence: who, does what, to what, how often; every implied link spelled out.

The links are read off the automaton's edges, so that what is said is what runs. Called by `explain`.
"""

from collections.abc import Iterable, Iterator

from chainrun.dsl import model
from chainrun.dsl.model import Field, Measure, Step
from chainrun.dsl.types import Entity, ValueType

from ..match.automaton import Automaton, Count, Join
from ..match.known import HOST
from ..report.duration import in_words
from ..report.roles import within
from .naming import edges, entity
from .prose import clause, condition_text, predicate
from .timing import span

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
    "fork": ("splits off", "a process"),
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

# Who is caused by an entity, in language.md's words; `{}` is the entity.
_CAUSED = {
    Entity.PROCESS: "{} or a descendant of it",
    Entity.CONTAINER: "whatever runs in {}, carries its id or comes from its address,",
    Entity.INSTANCE: "whatever carries the id of {}, or comes from an address of it,",
    Entity.SESSION: "{}, or a session that it assumed,",
    Entity.IDENTITY: "{}, or a session that it opened,",
}


def who(automaton: Automaton, step: Step) -> tuple[str, str]:
    """The subject of a step, whom its event must be of in each of the ways to reach it; and what else links it."""
    anybody = _anybody(step)
    ways = [e for e in edges(automaton, step.number) if not e.loose] or list(edges(automaton, step.number))
    said = [_linked(automaton, e.joins, anybody if e.source is None else f"{anybody}, whichever,") for e in ways]
    return _either(said or [(anybody, "")])


def who_not(automaton: Automaton, step: Step) -> tuple[str, str]:
    """The same of a step that must not happen, and of `until`."""
    found = [a for e in edges(automaton) for a in (*e.absent, *e.prior)]
    found += [trailing.absence for state in automaton.states for trailing in state.trailing]
    joins = [a.joins for a in found if a.step.number == step.number]
    # whose one open session it may be stands beside whose session it is
    certain = [each for each in joins if all(join.how != "open" for join in each)]
    return _either([_linked(automaton, each, _anybody(step)) for each in certain])


def _anybody(step: Step) -> str:
    if step.parts[0].base == "open":
        return "a user-facing app"
    return _ACTORS.get(step.parts[0].kind.actor or "", "anybody")


def _either(said: list[tuple[str, str]]) -> tuple[str, str]:
    subjects, rests = dict.fromkeys(s for s, _ in said), dict.fromkeys(r for _, r in said)
    return ", or ".join(subjects), " or ".join(r for r in rests if r)


def _linked(automaton: Automaton, joins: Iterable[Join], anybody: str) -> tuple[str, str]:
    """Who acts, and what else the event has to do with what was before."""
    subject, rest = anybody, ""
    for join in joins:
        match join.how:
            case "caused":
                subject = _CAUSED[join.entity or Entity.PROCESS].format(entity(automaton, join.slot))
            case "actor":
                subject = f"{entity(automaton, join.slot)} itself"
            case "concerns":
                rest += f", about {entity(automaton, join.slot)}"
            case "source":
                rest += f", from an address of {entity(automaton, join.slot)}"
            case "leads" if join.entity is Entity.PROCESS and join.field == "@":
                subject = f"{anybody} that then acts, or is above who acts,"
            case "leads" if join.entity is Entity.PROCESS:
                rest += ", which then acts, or is above who acts"
            case "leads":
                rest += ", which could cause what follows"
    return subject, rest


def unlinked(automaton: Automaton, step: Step) -> Iterator[str]:
    """Sentences on when a step counts without being linked for certain."""
    ways = [e for e in edges(automaton, step.number) if e.loose]
    if any(j.how == "open" for e in ways for j in e.joins):
        yield "A record without a session is taken for its identity's open one, and the alert is flagged `unlinked`."
    if any(e.nobody is not None or any(j.how == "unknown" for j in e.joins) for e in ways):
        scope = automaton.chain.scope
        same = f"with the same {' and '.join(scope)}" if scope != ("host",) else "on the same host"
        where = same if scope else "anywhere"
        yield f"Where the record names nobody: merely {where}, and the alert is flagged `unlinked`."


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
    if any(link.word == "from" and link.capture == HOST for link in part.links):
        text += ", from an address of the host itself"
    if part.where is not None:
        text += f", where {condition_text(part.where)}"
    return text


def how_often(automaton: Automaton, step: Step) -> str:
    """What a repetition or a count asks beside one event: `, at least 3 times, by different events`."""
    count = next((e.count for e in edges(automaton, step.number) if e.count is not None), None)
    if count is not None:
        return _counted(count)
    for position in automaton.chain.positions:
        for part in within(position.element, model.Repeat):
            if step in model.steps(part):
                times = "once or more" if part.least == 1 else f"at least {part.least} times, by different events"
                return f", {times}"
    return ""


def _counted(count: Count) -> str:
    by = f", for each {' and '.join(map(_key, count.by))} on its own" if count.by else ""
    measures = [m for m in count.measures if m.function != "count" or m.subject is not None]
    plain = [m for m in count.measures if m not in measures]
    many = "".join(f"{_bound(m)} " for m in plain) + "such events"
    if count.within is None:
        gap = f"{in_words(count.shortest or 0)} to {in_words(count.longest or 0)}"
        return f", and it ends a row of {many}, each {gap} after the one before{by}"
    said = "".join(f" {m}" if m.startswith("with") else f", {m}" for m in map(_measure, measures))
    return f", and in the {span(count.within)} up to it there are {many}{said}{by}"


def _key(field: Field) -> str:
    """What a count is kept by."""
    if field.type is not ValueType.ENTITY:
        return f"`{field.name}`"
    return "acting process" if field.name == "process" else field.name


def _measure(measure: Measure) -> str:
    assert measure.subject is not None
    bound, subject = _bound(measure), condition_text(measure.subject)
    match measure.function:
        case "distinct":
            return f"with {bound} different `{subject}`"
        case "sum":
            return f"with {bound} of `{subject}` in sum"
        case _:  # count, share
            return f"{bound} of them where {subject}"


_BOUNDS = {">=": "at least", ">": "more than", "<": "less than", "<=": "at most"}


def _bound(measure: Measure) -> str:
    return f"{_BOUNDS[measure.op]} {condition_text(measure.bound)}"


def linking(step: Step) -> str:
    """The explicit links of a step, which took the place of its arrow's own."""
    links = [f"`{link.word} {link.capture}`" for part in step.parts for link in part.links]
    return f"as {' and '.join(links)} says" if links else ""


def unrelated(automaton: Automaton) -> Iterator[Step]:
    """Steps that introduce a file or the like which no later step is asked to have anything to do with."""
    found = list(edges(automaton))
    asked = {join.slot for edge in found for join in edge.joins}
    asked |= {slot for edge in found for _, _, slot in edge.reads}
    asked |= {slot for edge in found for absence in (*edge.absent, *edge.prior) for slot in absence.slots}
    asked |= {slot for state in automaton.states for t in state.trailing for slot in t.absence.slots}
    last = max(edge.position for edge in found)
    repeated = {
        s.number for p in automaton.chain.positions for r in within(p.element, model.Repeat) for s in model.steps(r)
    }
    for step in automaton.steps:
        introduced = step.introduces
        ways = list(edges(automaton, step.number))
        if introduced is None or introduced.entity is Entity.PROCESS or not ways or ways[0].position == last:
            continue
        if ways[0].count is not None or step.number in repeated:
            continue
        names = ways[0].names
        if not any(slot == f"#{ways[0].number}" or slot.partition(".")[0] in names for slot in asked):
            yield step
