"""The lines below a chain: `except` and `severity`, which speak of whole matches or keep a step from matching.

Whether an exception is past its date depends on the time at which one asks: `expired` is for whoever has a clock.
"""

from collections.abc import Iterable
from datetime import date

import msgspec
from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Diagnostic, Label
from chainrun.dsl.model import LEVELS

from .conditions import condition
from .scope import Binding, Place, Scope
from .siblings import check_exception

DAY = 24 * 3_600_000_000  # microseconds


def level(name: tree.Name | tree.Word, scope: Scope) -> str | None:
    """A severity; anything else is reported."""
    if name.text in LEVELS:
        return name.text
    text = f"`{name.text}` is not a severity"
    scope.faults.unknown("C603", text, name.span, name.text, list(LEVELS), "severities")
    return None


def last_moment(written: tree.Text, scope: Scope) -> int | None:
    """The end of a day in UTC, in microseconds since 1970."""
    day = _day(written)
    if day is None:
        scope.faults.error("C611", f"`{written.text}` is no day", written.span, "year, month, day: 2027-01-31")
    return _end(day) if day is not None else None


def _day(written: tree.Text) -> date | None:
    try:
        return date.fromisoformat(written.text)
    except ValueError:
        return None


def _end(day: date) -> int:
    """The last microsecond of a day in UTC; the last day of all has no next one to count to."""
    return ((day - date(1970, 1, 1)).days + 1) * DAY - 1


def severity(node: tree.Severity, scope: Scope, end: Place, awaited: int) -> model.SeverityRule | None:
    """`severity critical when prompt`: an optional step that matched, or a condition. `awaited`: how many
    positions there are up to the last that must happen."""
    found = level(node.level, scope)
    after = scope.at(end, own_fields=False, loose=True)
    if isinstance(node.when, tree.Path) and node.when.parts[0] in scope.captures and len(node.when.parts) == 1:
        capture = after.capture(node.when.parts[0], node.when.span)
        if capture is None or found is None:
            return None
        if capture.binding is Binding.BOUND:
            scope.faults.error(
                "C604",
                f"`{capture.name}` always matches",
                node.when.span,
                f"so every alert would be {found}",
                helps=(f"make its step optional (`?`), or write `severity: {found}` in the `analytic` block",),
            )
            return None
        if capture.place[0][1] >= awaited:
            scope.faults.warning(
                "C613",
                f"`{capture.name}` is not waited for",
                node.when.span,
                "the alert is written before it could match",
                helps=("an optional step decides something only before a step that must happen",),
            )
        return model.SeverityRule(level=found, when=capture.name, span=node.span)
    when = condition(node.when, after)
    return model.SeverityRule(level=found, when=when, span=node.span) if found and when else None


def exclusion(node: tree.Except, scope: Scope, end: Place) -> model.Exclusion | None:
    """`except "reason" when …`: drops whole matches."""
    when = condition(node.when, scope.at(end, own_fields=False, loose=True))
    until = last_moment(node.until, scope) if node.until is not None else None
    if when is None or (node.until is not None and until is None):
        return None
    owner = node.owner.text if node.owner is not None else None
    return model.Exclusion(reason=node.reason.text, when=when, owner=owner, until=until, span=node.span)


def step_exclusion(node: tree.Except, scope: Scope) -> tuple[str, model.StepExclusion] | None:
    """`except "reason" on child when …`: the capture whose step is kept from matching, and what keeps it."""
    assert node.on is not None
    capture = scope.captures.get(node.on.text)
    if capture is None:
        scope.capture(node.on.text, node.on.span)  # which reports it
        return None
    capture.used = True
    there = scope.at(capture.place, reads_own=True)
    when = condition(node.when, there)
    check_exception(node, there)
    until = last_moment(node.until, scope) if node.until is not None else None
    if when is None or (node.until is not None and until is None):
        return None
    owner = node.owner.text if node.owner is not None else None
    return capture.name, model.StepExclusion(
        reason=node.reason.text, when=when, owner=owner, until=until, span=node.span
    )


def with_exclusion(element: model.Element, capture: str, exclusion: model.StepExclusion) -> model.Element:
    """The element with an exception hung on the steps that the capture names."""
    match element:
        case model.Step():
            if element.capture != capture:
                return element
            return msgspec.structs.replace(element, exceptions=(*element.exceptions, exclusion))
        case model.All() | model.Either():
            whole = isinstance(element, model.Either) and element.capture == capture
            members = tuple(
                (hop, _on_all(m, exclusion) if whole else with_exclusion(m, capture, exclusion))
                for hop, m in element.members
            )
            return msgspec.structs.replace(element, members=members)
        case model.Repeat() | model.Counted() if element.capture == capture:
            return msgspec.structs.replace(element, element=_on_all(element.element, exclusion))
        case _:
            return msgspec.structs.replace(element, element=with_exclusion(element.element, capture, exclusion))


def _on_all(element: model.Element, exclusion: model.StepExclusion) -> model.Element:
    match element:
        case model.Step():
            return msgspec.structs.replace(element, exceptions=(*element.exceptions, exclusion))
        case model.All() | model.Either():
            members = tuple((hop, _on_all(m, exclusion)) for hop, m in element.members)
            return msgspec.structs.replace(element, members=members)
        case _:
            return msgspec.structs.replace(element, element=_on_all(element.element, exclusion))


def expired(exceptions: Iterable[tree.Except], at: int) -> tuple[Diagnostic, ...]:
    """A warning for each exception that no longer applies at a moment (microseconds since 1970)."""
    found = []
    for node in exceptions:
        day = _day(node.until) if node.until is not None else None
        if day is not None and node.until is not None and _end(day) < at:
            late = at // DAY - (_end(day) + 1) // DAY
            since = f"for {late} days" if late > 1 else "since yesterday" if late else "since today"
            message = f'the exception "{node.reason.text}" no longer applies'
            helps = ("look at it again: give it another day, or take it out",)
            found.append(Diagnostic("C612", message, (Label(node.until.span, since),), "warning", helps=helps))
    return tuple(found)


def exceptions_of(file: tree.File) -> tuple[tree.Except, ...]:
    """All exceptions of a file."""
    own = tuple(i for i in file.items if isinstance(i, tree.Except))
    return own + tuple(e for i in file.items if isinstance(i, tree.Chain) for e in i.exceptions)
