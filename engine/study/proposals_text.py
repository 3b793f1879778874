"""The whole of a proposed site file, and what there is to say of it beside. Called by `chainrun baseline --propose`."""

from collections.abc import Iterator

from ..report.escape import escape
from .proposals_site import entries, told
from .proposing import Proposed


def page(found: Proposed, until: str | None) -> str:
    """The proposals as a site file. `until`: the last day of its exceptions."""
    return (
        "".join(f"# {line}\n" for line in _head(found)) + "\n" * bool(found.proposals) + entries(found.proposals, until)
    )


def closing(found: Proposed) -> str:
    """What became of the alerts, on lines for standard error."""
    lines = [f"proposed  {len(found.proposals)} for {_alerts(found.before)}, of which {found.after:,} would be left"]
    lines += [f"withheld  {line}" for line in _withheld(found)]
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
