"""What a chain means, in prose: every implied link spelled out, what it needs, what tells two alerts apart.

Made from the checked model and its automaton, so that it says what runs. A chain that cannot run yet is shown as
written.
Called by `chainrun explain`.
"""

import textwrap
from collections.abc import Iterator

from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Parameter

from ..formats import load_formats
from ..match.automaton import Automaton
from ..match.compile import compile_chain
from ..match.identity import HOUR
from ..match.unsupported import unsupported
from ..report.duration import in_words
from ..report.escape import escape
from ..report.paint import Paint
from .prose import condition_text
from .sentences import does, entity, linking, unrelated, when, who

_WIDTH = 100


def explain(analytic: Analytic, paint: Paint | None = None) -> str:
    """The whole file explained, as lines of text, each ended."""
    paint = paint or Paint(False)
    lines = [*_header(analytic, paint)]
    for chain in analytic.chains:
        refusals = unsupported(chain)
        lines.append("")
        if refusals:
            lines += [
                paint(f"chain {chain.name}", "bold"),
                *(f"  {escape(line)}" for line in chain.text.expandtabs(4).splitlines()),
            ]
            lines += ["", *(f"  not run yet: {escape(r.message)}" for r in refusals)]
        else:
            lines += _chain(analytic, chain, compile_chain(analytic, chain), paint)
    if analytic.parameters:
        lines += ["", paint("parameters", "bold"), *parameter_lines(analytic.parameters)]
    return "\n".join(lines) + "\n"


def parameter_lines(parameters: tuple[Parameter, ...]) -> list[str]:
    """Each parameter with its type and value, where that came from, and what it means."""
    width = max((len(p.name) for p in parameters), default=0)
    lines = []
    for parameter in parameters:
        origin = "" if parameter.origin == "default" else f"  from {parameter.origin}; by default {parameter.default}"
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
    yield from map(escape, _sentences(chain, automaton))
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
    needed = {part.base for s in automaton.steps if s.number not in automaton.optional for part in s.parts}
    platforms = {*analytic.platforms, ""}
    return [f.name for f in load_formats() if needed <= f.sees and (not analytic.platforms or f.os in platforms)]


def _sentences(chain: Chain, automaton: Automaton) -> Iterator[str]:
    members = {s.number: p for p in chain.positions for s in model.steps(p.element)}
    count = len(automaton.steps)
    for step in automaton.steps:
        time = when(automaton, step)
        if time and chain.within is not None and step.number == count:
            limit = f"within {in_words(chain.within)} of the {automaton.steps[0].kind}"
            time = f"then, {limit}{time.removeprefix('then').rstrip(',')},"
        text = f"{time} {who(automaton, step)} {does(step)}".strip()
        group = _group(members[step.number].element, step)
        called = f" Call it `{step.capture}`." if step.capture else ""
        how = f" ({linking(step)})" if linking(step) else ""
        text = f"if it is there: {text}" if step.number in automaton.optional else text
        yield f"  {step.number:>2}  {text[0].upper()}{text[1:]}{how}{group}.{called}"


def _group(element: model.Element, step: model.Step) -> str:
    """What the other members of a step's group mean for it."""
    inner = element.element if isinstance(element, model.Optional) else element
    if not isinstance(inner, model.All | model.Either):
        return ""
    mine = next((m for _, m in inner.members if step in model.steps(m)), None)
    others = [str(s.number) for _, m in inner.members if m is not mine for s in model.steps(m)]
    if not others:
        return ""
    named = f"step{'' if len(others) == 1 else 's'} {', '.join(others)}"
    return f"; in any order with {named}" if isinstance(inner, model.All) else f"; or {named} instead"


def _remarks(chain: Chain, automaton: Automaton) -> Iterator[str]:
    for step in unrelated(automaton, automaton.steps):
        assert step.introduces is not None
        capture = f"of `{step.capture}`" if step.capture else f"of step {step.number}"
        yield f"  The {step.introduces.entity.value} {capture} and what comes after it need not be related."
    for state in automaton.states:
        if state.final:
            identity = [entity(automaton, slot) for slot in state.identity]
            each = " and ".join([*chain.scope, *identity])
            value = "" if chain.scope else "value of "
            yield f"  One alert for each {value}{each}." if each else "  One alert in all."
            break
    held = in_words(chain.within if chain.within is not None else HOUR)
    yield f"  Further completions within {held}, by it or its descendants, are counted with that alert."
    for exclusion in chain.exceptions:
        owner = f", says {exclusion.owner}" if exclusion.owner else ""
        yield f"  No alert where {condition_text(exclusion.when)} (“{exclusion.reason}”{owner})."
    for rule in chain.severities:
        condition = f"`{rule.when}` matched" if isinstance(rule.when, str) else condition_text(rule.when)
        yield f"  Severity {rule.level} where {condition}."


def _scope(scope: tuple[str, ...]) -> str:
    if not scope:
        return "anywhere"
    return "on one host" if scope == ("host",) else f"of one {' and '.join(scope)}"
