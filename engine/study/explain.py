"""What a chain means, in prose: every implied link spelled out, what it needs, what tells two alerts apart.

Made from the checked model and its automaton, so that it says what runs. A chain that cannot run yet is shown as
written.
Called by `chainrun explain`.
"""

import textwrap
from collections.abc import Iterator

from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Exclusion, Parameter, Step, StepExclusion

from ..formats import load_formats
from ..match.automaton import Automaton
from ..match.compile import compile_chain
from ..match.identity import HOUR
from ..report.alert import stamp
from ..report.duration import in_words
from ..report.escape import escape
from ..report.paint import Paint
from ..report.roles import Role, positive, roles, within
from .naming import captures, edges, entity, enumerated
from .prose import condition_text
from .sentences import does, how_often, linking, unlinked, unrelated, who, who_not
from .timing import absent, prior, span, when

_WIDTH = 100


def explain(analytic: Analytic, paint: Paint | None = None) -> str:
    """The whole file explained, as lines of text, each ended."""
    paint = paint or Paint(False)
    lines = [*_header(analytic, paint)]
    for chain in analytic.chains:
        lines += ["", *_chain(analytic, chain, compile_chain(analytic, chain), paint)]
    if analytic.parameters:
        lines += ["", paint("parameters", "bold"), *parameter_lines(analytic.parameters)]
    return "\n".join(lines) + "\n"


def parameter_lines(parameters: tuple[Parameter, ...]) -> list[str]:
    """Each parameter with its type and value, where that came from, and what it means."""
    width = max((len(p.name) for p in parameters), default=0)
    lines = []
    for parameter in parameters:
        origin = "" if parameter.origin == "default" else f"  from {parameter.origin}"
        if parameter.value != parameter.default:
            origin += f"; by default {parameter.default}"
        lines.append(f"  {parameter.name:<{width}}  {parameter.type.value:<11}  {parameter.value}{origin}")
        if parameter.description:
            lines.append(f"  {'':<{width}}  {'':<11}  {parameter.description}")
    return [escape(line) for line in lines]


def _header(analytic: Analytic, paint: Paint) -> list[str]:
    title = f"  {escape(analytic.title)}" if analytic.title and analytic.title != analytic.id else ""
    facts = [f"severity {analytic.severity}", *analytic.attack]
    if analytic.platforms:
        facts.insert(0, " ".join(analytic.platforms))
    if analytic.strategy:
        facts.append(analytic.strategy)
    rest = (", ".join(facts), *analytic.references)
    return [f"{paint(escape(analytic.id), 'bold')}{title}", *(f"  {escape(line)}" for line in rest)]


def _chain(analytic: Analytic, chain: Chain, automaton: Automaton, paint: Paint) -> Iterator[str]:
    scope = _scope(chain.scope)
    limit = f", all within {in_words(chain.within)} of the first event" if chain.within is not None else ""
    yield f"{paint(f'chain {chain.name}', 'bold')}  {scope}{limit}"
    yield ""
    yield from map(escape, _sentences(automaton))
    yield ""
    yield from map(escape, _remarks(chain, automaton))
    yield ""
    yield paint("  automaton", "dim")
    yield from (f"    {escape(line)}" for line in automaton.lines())
    yield ""
    yield _wrapped(paint, "fields", sorted(automaton.fields))
    yield _wrapped(paint, "telemetry", _shows(analytic, automaton) or ["no format that is known shows every step"])


def _wrapped(paint: Paint, label: str, items: list[str]) -> str:
    margin = " " * 13
    text = textwrap.fill(escape(", ".join(items)), _WIDTH, initial_indent=margin, subsequent_indent=margin)
    return f"  {paint(label.ljust(11), 'dim')}{text[13:]}"


def _shows(analytic: Analytic, automaton: Automaton) -> list[str]:
    """The telemetry formats of the analytic's platforms that can show every required step."""
    of = roles(automaton.chain)
    needed = {p.base for s in automaton.steps if of[s.number] not in (Role.OPTIONAL, Role.UNTIL) for p in s.parts}
    platforms = {*analytic.platforms, ""}
    return [f.name for f in load_formats() if needed <= f.sees and (not analytic.platforms or f.os in platforms)]


def _sentences(automaton: Automaton) -> Iterator[str]:
    of = roles(automaton.chain)
    for step in automaton.steps:
        text = _sentence(automaton, step, of[step.number])
        yield f"  {step.number:>2}  {text[0].upper()}{text[1:]}"


def _sentence(automaton: Automaton, step: Step, role: Role) -> str:
    how = f" ({linking(step)})" if linking(step) else ""
    if not role.is_positive:
        subject, rest = who_not(automaton, step)
        said = f"{subject} {does(step)}{rest}{how}"
        if role is Role.UNTIL:
            return f"until {said}: that ends a match that is not complete; what may only be so does not."
        time = prior(automaton, step) if role is Role.PRIOR else absent(automaton, step)
        return f"{time} there is no event in which {said}."
    subject, rest = who(automaton, step)
    text = f"{when(automaton, step)} {subject} {does(step)}{rest}{how_often(automaton, step)}".strip()
    text = f"if it is there: {text}" if role is Role.OPTIONAL else text
    if not any(edges(automaton, step.number)):
        how += "; at the end, it is not waited for"
    called = captures(automaton, step)
    sentences = [f"{text}{how}{_group(automaton, step)}.", *unlinked(automaton, step)]
    if called:
        sentences.append(f"Call it {' or '.join(f'`{name}`' for name in called)}.")
    return " ".join(sentences)


def _group(automaton: Automaton, step: Step) -> str:
    """What the other members of a step's group mean for it."""
    elements = [position.element for position in automaton.chain.positions]
    groups: list[model.All | model.Either] = [g for e in elements for g in within(e, model.All)]
    groups += [g for e in elements for g in within(e, model.Either)]
    said = ""
    for group in groups:
        others = [n for _, m in group.members if step not in model.steps(m) for n in positive(m)]
        if step in model.steps(group) and others:
            named = f"step{'' if len(others) == 1 else 's'} {', '.join(map(str, others))}"
            said += f"; in any order with {named}" if isinstance(group, model.All) else f"; or {named} instead"
    return said


def _remarks(chain: Chain, automaton: Automaton) -> Iterator[str]:
    for step in unrelated(automaton):
        assert step.introduces is not None
        called = captures(automaton, step)
        capture = f"of `{called[0]}`" if called else f"of step {step.number}"
        yield f"  The {step.introduces.entity.value} {capture} and what comes after it need not be related."
    yield from _unknown(chain, automaton)
    yield identity(automaton)
    held = in_words(chain.once_within or chain.within or HOUR)
    whose = "" if chain.once_per is not None else ", by it or its descendants,"
    yield f"  Further completions within {held}{whose} are counted with that alert."
    for exclusion in chain.exceptions:
        yield f"  No alert where {condition_text(exclusion.when)} ({reason(exclusion)})."
    for step in automaton.steps:
        for kept in step.exceptions:
            yield f"  Step {step.number} takes no event where {condition_text(kept.when)} ({reason(kept)})."
    for rule in chain.severities:
        condition = f"`{rule.when}` matched" if isinstance(rule.when, str) else condition_text(rule.when)
        yield f"  Severity {rule.level} where {condition}."
    if len(chain.severities) > 1:
        yield "  Where several severities hold, the highest."


def _unknown(chain: Chain, automaton: Automaton) -> Iterator[str]:
    """What is made of what nobody knows, where something must not have happened."""
    found = set(roles(chain).values())
    if Role.ABSENT in found or Role.PRIOR in found:
        yield "  Of what must not happen, what is not known counts as happened."
    if any(not t.absence.certain for state in automaton.states for t in state.trailing):
        yield "  The alert comes once event time has passed the end of that time; where the input ends before, none."
    for new in sorted({n for step in automaton.steps for n in _news(step)}, key=condition_text):
        fields = " and ".join(field.name for field in new.fields)
        text = f"no earlier `{new.kind}`, on any host, had the same {fields} in the {span(new.look_back)} before"
        yield f"  `{condition_text(new)}`: {text}."
    looks_back = any(e.prior for e in edges(automaton)) or any(_news(step) for step in automaton.steps)
    if looks_back:
        how = "no alert without `--baseline` or `--allow-unproven`"
        yield f"  A look back beyond the first record of its source is unknown: {how}."


def _news(step: Step) -> set[model.New]:
    """The `new(…)` in a step's conditions."""
    found: set[model.New] = set()
    pending: list[object] = [step.where, *(part.where for part in step.parts)]
    while pending:
        match pending.pop():
            case model.New() as new:
                found.add(new)
            case model.Binary() as binary:
                pending += [binary.left, binary.right]
            case model.Not() | model.Negative() as one:
                pending.append(one.operand)
            case model.Call() as call:
                pending += call.arguments
    return found


def identity(automaton: Automaton) -> str:
    """What tells one alert from another, by how the chain was completed."""
    scope = automaton.chain.scope
    ways = []
    for state in automaton.states:
        if state.final:
            slots = [entity(automaton, slot) for slot in state.identity if slot is not None]
            ways.append(enumerated(list(dict.fromkeys([*scope, *slots]))))
    each = ", or ".join(dict.fromkeys(ways))
    value = "" if scope else "value of "
    return f"  One alert for each {value}{each}." if each else "  One alert in all."


def reason(exclusion: Exclusion | StepExclusion) -> str:
    """`“lab”, says it-team, until 2027-01-31`."""
    owner = f", says {exclusion.owner}" if exclusion.owner else ""
    until = f", until {stamp(exclusion.until)[:10]}" if exclusion.until is not None else ""
    return f"“{exclusion.reason}”{owner}{until}"


def _scope(scope: tuple[str, ...]) -> str:
    if not scope:
        return "anywhere"
    return "on one host" if scope == ("host",) else f"of one {' and '.join(scope)}"
