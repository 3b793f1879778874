"""The whole of a proposed site file, and what there is to say of it beside. Called by `chainrun baseline --propose`."""

from collections.abc import Iterator

from ..report.escape import escape
from .proposals_site import entries, nearly, told
from .proposing import Proposed

_MOST = 10  # sorts of near misses that are told


def page(found: Proposed, until: str | None) -> str:
    """The proposals as a site file. `until`: the last day of its exceptions."""
    head = "".join(f"# {line}\n" for line in _head(found))
    return head + "\n" * bool(found.proposals) + entries(found.proposals, until) + _near(found, until)


def _near(found: Proposed, until: str | None) -> str:
    """What nearly matched, all of it in comments: nothing of it alerts."""
    if not found.nearly:
        return ""
    lines = [
        f"Nearly: {_misses(found.nearly)} besides, each all of a chain but one step. They alert nothing, so none of",
        "what follows is needed now: it is what would be next if the chain asked for less.",
    ]
    if found.is_cut:
        lines += ["There may be more: only the first were looked at."]
    if len(found.near) > _MOST:
        lines += [f"These are the {_MOST} most frequent sorts of {len(found.near):,}."]
    shown = {id(near.proposal): near for near in found.near[:_MOST]}
    text = entries([near.proposal for near in shown.values()], until, lambda p: nearly(shown[id(p)]))
    none = "Too few of them are alike, or too little is known of them, to say more."
    lines += ["", *text.rstrip().splitlines()] if text else [none]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def closing(found: Proposed) -> str:
    """What became of the alerts, on lines for standard error."""
    lines = [f"proposed  {len(found.proposals)} for {_alerts(found.before)}, of which {found.after:,} would be left"]
    lines += [f"withheld  {line}" for line in _withheld(found)]
    if found.nearly:
        lines += [f"nearly    {_misses(found.nearly)} besides, told in comments at the end"]
    return "".join(f"{line}\n" for line in lines)


def _head(found: Proposed) -> Iterator[str]:
    if not found.before:
        yield "Proposed by `chainrun baseline --propose`: nothing, since there was no alert."
        return
    time = f"{found.since[:10]} to {found.until[:10]}"
    yield f"Proposed by `chainrun baseline --propose` for {_alerts(found.before)}, {time}. With all of it"
    yield f"{_alerts(found.after)} would be left. Nothing of it is in force: take over what is right into the site"
    yield "file, fill in the owners, and leave the rest."
    for line in _withheld(found):
        yield f"Withheld: {line}"


def _withheld(found: Proposed) -> Iterator[str]:
    for one in found.withheld:
        yield f"{escape(told(one.proposal))} would take {escape(one.alert)}, which must stay"


def _alerts(number: int) -> str:
    return f"{number:,} alert{'' if number == 1 else 's'}"


def _misses(number: int) -> str:
    return f"{number:,} near miss{'' if number == 1 else 'es'}"
