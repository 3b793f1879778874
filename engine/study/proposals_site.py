"""Proposals as a text that a site file can take over: each with its count, a reason, an owner to fill in, a last day.

Nothing of it is in force before somebody puts it there. What telemetry has said stands in it quoted for both languages,
TOML's and ours. Called by `chainrun baseline --propose`, and by `proposing`, which runs what it says.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from chainrun.dsl.literal import quoted

from ..report.alert import Witness
from ..report.phrase import base_name
from .proposals import Addition, Group, Proposal
from .proposals_near import Near

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAMED = 3  # hosts, and alerts, that a comment names


Counted = Callable[[Proposal], str]


def entries(proposals: Sequence[Proposal], until: str | None = None, counted: Counted | None = None) -> str:
    """The entries of a site file. `until`: the last day of each exception, `2026-06-30`; `counted`: what is said of how
    often there was occasion for one, if not how many alerts."""
    counted = counted or _counted
    lines: list[str] = []
    reasons: set[str] = set()
    for analytic in dict.fromkeys(p.analytic for p in proposals):
        ours = [p for p in proposals if p.analytic == analytic]
        additions = [p for p in ours if isinstance(p, Addition)]
        lines += _additions(analytic, additions, until, counted) if additions else []
        for group in ours:
            if isinstance(group, Group):
                lines += _exception(group, reasons, until, counted)
    return "".join(f"{line}\n" for line in lines)


def _additions(analytic: str, additions: Sequence[Addition], until: str | None, counted: Counted) -> Iterator[str]:
    yield f"[{_key(analytic)}]"
    for parameter in dict.fromkeys(a.parameter for a in additions):
        yield f"# owner: (fill in), to be looked at again by {until}" if until is not None else "# owner: (fill in)"
        yield f'"{parameter}+" = ['
        for addition in additions:
            if addition.parameter == parameter:
                yield f"  {_text(addition.word)},  # {counted(addition)}"
        yield "]"
    yield ""


def _exception(group: Group, reasons: set[str], until: str | None, counted: Counted) -> Iterator[str]:
    yield f"[[{_key(group.analytic)}.except]]"
    yield f"# {counted(group)}"
    reason = told(group)
    number = 2
    while reason in reasons:  # the summary counts by reason
        reason = f"{told(group)} ({number})"
        number += 1
    reasons.add(reason)
    yield f"reason = {_text(reason)}"
    yield f"when   = {_lines(condition(group))}"
    yield 'owner  = ""  # fill in'
    if until is not None:
        yield f"until  = {until}"
    yield ""


def condition(group: Group) -> str:
    """What an exception asks, in the language; a line for each thing."""
    parts = [f"{name} == {quoted(value)}" for name, value in group.traits]
    for name, allowed in group.narrows:
        words = ", ".join(map(quoted, allowed))
        parts.append(f"{name} in {{ {words} }}" if len(allowed) > 1 else f"{name} == {words}")
    return "\n  and ".join(parts)


def told(proposal: Proposal) -> str:
    """A proposal in a few words: `dropped: explorer.exe, setup.exe, ~\\Downloads`."""
    if isinstance(proposal, Addition):
        return f"{proposal.parameter}: {proposal.word}"
    said = dict.fromkeys(_short(name, value) for name, value in proposal.traits)
    return f"{proposal.chain}: {', '.join(said)}"


def _short(name: str, value: str) -> str:
    if name.endswith(".file.extension"):
        return f".{value}"
    return base_name(value) if name.endswith(".executable") else value


def _counted(proposal: Proposal) -> str:
    """`12 alerts on 3 hosts (a, b, c), of ada; the first is 6907240c554480a60820683c`"""
    count = len(proposal.alerts)
    text = f"{count} alert{'' if count == 1 else 's'}"
    if isinstance(proposal, Addition):
        text += f" of {proposal.groups} sorts" if proposal.groups > 1 else ""
    else:
        text += _those(proposal.hosts, "host", " on") + _those(proposal.users, "user", ", of")
    alike = f"; {proposal.near:,} near miss{'' if proposal.near == 1 else 'es'} alike" if proposal.near else ""
    return f"{text}; the first is {proposal.alerts[0].alert_id}{alike}"


def nearly(near: Near) -> str:
    """`4 near misses, without step 3 (1), 4 (3), on h1, of ada; the first began at 2026-03-02T09:15:04, a.jsonl:14`"""
    proposal = near.proposal
    count = len(proposal.alerts)
    text = f"{count:,} near miss{'' if count == 1 else 'es'}, "
    if len(near.lacks) == 1:
        text += f"without step {next(iter(near.lacks))}"
    else:
        text += "without step " + ", ".join(f"{step} ({times:,})" for step, times in near.lacks.items())
    if isinstance(proposal, Group):
        text += _those(proposal.hosts, "host", ", on") + _those(proposal.users, "user", ", of")
    first = min(proposal.alerts, key=lambda alert: alert.first_time)
    place = next((s.witness for s in first.steps if isinstance(s.witness, Witness)), None)
    return text + (f"; the first began at {place.time[:19]}, {_ascii(place.input)}:{place.line}" if place else "")


def _those(names: Iterable[str], noun: str, how: str) -> str:
    """`on fin-1`, `on 4 hosts (a, b, c, …)`."""
    found = sorted(names)
    if not found:
        return ""
    shown = ", ".join(map(_ascii, found[:_NAMED]))
    if len(found) == 1:
        return f"{how} {shown}"
    return f"{how} {len(found)} {noun}s ({shown}{', …' if len(found) > _NAMED else ''})"


def _ascii(name: str) -> str:
    return json.dumps(name, ensure_ascii=True)[1:-1]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _lines(value: str) -> str:
    """A text of several lines."""
    return f"'''\n  {value}\n'''" if "'''" not in value else json.dumps(value, ensure_ascii=False)


def _text(value: str) -> str:
    """A text of TOML; all that is put here can be seen."""
    return f"'{value}'" if "'" not in value else json.dumps(value, ensure_ascii=False)
