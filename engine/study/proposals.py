"""What of a benign period could be excepted: alerts in groups that are alike, and the narrowest thing to say of each.

    alert ─ traits of each capture ─ groups ─ an exception for each, or one word more in an allow-list for several

A trait is what a captured step was about: a program, its parent, a file's folder, extension and name, a destination.
Alerts of the same traits are one group; its exception asks for all of them, and for the users and hosts too where they
are few. Where one destination (or whatever an allow-list tests) stands behind several groups, or nothing is captured
that could be excepted, a word for that list is proposed instead. Called by `proposing`, which tries what comes of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Pattern, Step
from chainrun.dsl.types import ValueType

from ..report.alert import Alert, StepReport, Witness
from ..report.escape import escape
from ..report.roles import Role, roles
from .homes import at_home, folder_of

FEW = 3  # users and hosts that are named; of more it is none in particular
_TRAITS = (
    "process.executable",
    "process.parent.executable",
    "file.directory",
    "file.extension",
    "destination.domain",
    "container.image.name",
    "cloud.image.id",
)
# What stands in for a trait that a record does not have.
_ELSE = {
    "process.executable": "process.name",
    "process.parent.executable": "process.parent.name",
    "destination.domain": "destination.ip",
}

Trait = tuple[str, str]  # a captured field, and its value


class Group(msgspec.Struct, frozen=True):
    """Alerts that are alike. `users`, `hosts`: all of theirs; `narrows`: captured fields that name them, where they are
    few; `near`: how many near misses are like them."""

    analytic: str
    chain: str
    traits: tuple[Trait, ...]
    alerts: tuple[Alert, ...]
    users: tuple[str, ...]
    hosts: tuple[str, ...]
    narrows: tuple[tuple[str, tuple[str, ...]], ...]
    near: int = 0

    @property
    def is_ground(self) -> bool:
        """Whether its traits are enough to except by: a program alone, `zsh`, could be anything's."""
        programs = (".process.executable", ".process.name")
        return len(self.traits) > 1 or any(not name.endswith(programs) for name, _ in self.traits)

    def matches(self, alert: Alert, analytic: Analytic) -> bool:
        """Whether the exception of this group could take an alert: what the alert does not tell of may be so."""
        if (alert.analytic, alert.chain) != (self.analytic, self.chain):
            return False
        values = dict(_values(alert, analytic))
        if not all(_is_in(values.get(name, value), value, name) for name, value in self.traits):
            return False
        return all(values.get(name, allowed[0]) in allowed for name, allowed in self.narrows)

    def tells(self, alert: Alert, analytic: Analytic) -> bool:
        """Whether an alert tells of anything that this exception asks but users and hosts."""
        return bool({name for name, _ in self.traits} & {name for name, _ in _values(alert, analytic)})


class Addition(msgspec.Struct, frozen=True):
    """A word more for an allow-list, and the alerts that had it in the place that the list is asked at; `near`: how
    many near misses had it there."""

    analytic: str
    parameter: str
    word: str
    alerts: tuple[Alert, ...]
    groups: int
    near: int = 0

    def matches(self, alert: Alert, analytic: Analytic) -> bool:
        """Whether an alert rests on an event that the list would then let pass."""
        return alert.analytic == self.analytic and (self.parameter, self.word) in set(_listed(alert, analytic))


Proposal = Group | Addition


def proposals(
    alerts: Sequence[Alert], analytics: Iterable[Analytic], least: int, accepts: Callable[[Proposal], bool]
) -> Iterator[Proposal]:
    """What could be said of these alerts, the most frequent first; only of what occurred `least` times, and what is
    accepted: where a word for a list is not, each of its groups may still be."""
    known = {analytic.id: analytic for analytic in analytics}
    every = list(_groups(alerts, known))
    groups = [g for g in every if len(g.alerts) >= least and g.is_ground]
    additions = [a for a in _additions(alerts, known, _group_of(every)) if len(a.alerts) >= least]
    covered: set[str] = set()
    for addition in sorted(additions, key=_weight):
        ids = {alert.alert_id for alert in addition.alerts}
        is_better = addition.groups > 1 or not _is_grouped(ids, groups)
        if is_better and not ids <= covered and accepts(addition):
            covered |= ids
            yield addition
    for group in sorted(groups, key=_weight):
        if not {alert.alert_id for alert in group.alerts} <= covered and accepts(group):
            yield group


def _weight(proposal: Proposal) -> tuple[int, str, str]:
    detail = repr(proposal.traits) if isinstance(proposal, Group) else f"{proposal.parameter}{proposal.word}"
    return -len(proposal.alerts), proposal.analytic, detail


def _group_of(groups: Iterable[Group]) -> dict[str, int]:
    """Alert id -> the number of its group."""
    return {alert.alert_id: number for number, group in enumerate(groups) for alert in group.alerts}


def _is_grouped(ids: set[str], groups: Iterable[Group]) -> bool:
    """Whether exceptions can be written that take these alerts."""
    return ids <= {alert.alert_id for group in groups for alert in group.alerts}


# -- groups ----------------------------------------


def _groups(alerts: Sequence[Alert], known: dict[str, Analytic]) -> Iterator[Group]:
    found: dict[tuple[str, str, tuple[Trait, ...]], list[Alert]] = {}
    shown: dict[tuple[str, str, tuple[Trait, ...]], tuple[Trait, ...]] = {}
    for alert in alerts:
        traits = tuple(t for t in _values(alert, known[alert.analytic]) if t[0].partition(".")[2] in _GROUPED)
        place = alert.analytic, alert.chain, tuple((name, _fold(value)) for name, value in traits)
        found.setdefault(place, []).append(alert)
        shown.setdefault(place, traits)
    for place, of in found.items():
        analytic, chain, _ = place
        values = [dict(_values(alert, known[analytic])) for alert in of]
        names = _same(values, ".file.name")
        users, hosts = _several(values, ".user.name"), _several(values, ".host.name")
        yield Group(
            analytic,
            chain,
            _with(shown[place], dict(names)),
            tuple(of),
            tuple(sorted({v for _, found in users for v in found})),
            tuple(sorted({str(v) for alert in of for v in alert.scope.values()})),
            tuple((name, v) for name, v in (*users[:1], *hosts[:1]) if len(v) <= FEW),
        )


_GROUPED = frozenset((*_TRAITS, *_ELSE.values()))


def _with(traits: tuple[Trait, ...], names: dict[str, str]) -> tuple[Trait, ...]:
    """The traits with the names of files in the place of their extensions."""
    found = {name.removesuffix("name") + "extension": (name, value) for name, value in names.items()}
    there = [found.pop(name, (name, value)) for name, value in traits]
    return (*there, *found.values())


def _same(values: list[dict[str, str]], ending: str) -> Iterator[Trait]:
    """The fields with this ending that have one value in all of them."""
    for name, value in values[0].items():
        if name.endswith(ending) and all(v.get(name) == value for v in values):
            yield name, value


def _several(values: list[dict[str, str]], ending: str) -> list[tuple[str, tuple[str, ...]]]:
    """The fields with this ending that all of them have, with the values that there are."""
    names = [name for name in values[0] if name.endswith(ending) and all(name in v for v in values)]
    return [(name, tuple(sorted({v[name] for v in values}))) for name in names]


def _values(alert: Alert, analytic: Analytic) -> Iterator[Trait]:
    """What an alert's captured steps are about: captured field, and value, as a condition can ask for it."""
    chain = next(c for c in analytic.chains if c.name == alert.chain)
    required = {number for number, role in roles(chain).items() if role is Role.REQUIRED}
    captures = {s.number: s.capture for s in _steps(chain) if s.capture is not None and s.number in required}
    for report in alert.steps:
        capture = captures.get(report.step)
        if capture is not None and isinstance(report.witness, Witness):
            host = alert.scope.get("host.name")
            # an input's name that stands for a host is no field of a record
            shared = {"host.name": host} if host is not None and host != report.witness.input else {}
            for name, value in _told(report, report.witness, shared, folds="macos" in analytic.platforms):
                if _is_plain(value):
                    yield f"{capture}.{name}", value


def _told(report: StepReport, witness: Witness, shared: dict[str, Any], *, folds: bool) -> Iterator[Trait]:
    """What one step was about. An app is shown open by a record of any kind, and so is told as the alert tells it."""
    fields: dict[str, Any] = shared | witness.fields
    if report.kind == "open":
        fields = {k: v for k, v in fields.items() if not k.startswith(("process.", "file."))} | report.entity
    path = fields.get("file.path")
    if isinstance(path, str):  # its parts, whether or not a chain has asked for them
        folder = folder_of(path)
        name = path[len(folder) :].lstrip("\\/")
        stem, _, extension = name.rpartition(".")
        parts = {"file.directory": folder, "file.name": name}
        if stem and extension:
            parts["file.extension"] = extension.lower() if folds or "\\" in path else extension
        fields = parts | fields
    for name in _TRAITS:
        found = name if fields.get(name) else _ELSE.get(name, name)
        value = fields.get(found)
        if isinstance(value, str) and value:
            yield found, at_home(value)
    for name in ("file.name", "user.name", "host.name"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            yield name, value


def _is_in(value: str, asked: str, name: str) -> bool:
    """Whether a condition that asks for a value takes another; of a folder, all that lies below it."""
    one, other = _fold(value), _fold(asked)
    return one == other or (name.endswith(".file.directory") and one.startswith((f"{other}/", f"{other}\\")))


def _is_plain(value: str) -> bool:
    """Whether a value can be asked for as itself: a `*` in a hostile name would stand for anything."""
    return escape(value) == value and not set(value) & {"*", "?"}


def _fold(value: str) -> str:
    """Windows and macOS do not tell cases apart, and one exception more for a case would only puzzle."""
    return value.casefold()


# -- additions ----------------------------------------


def _additions(alerts: Sequence[Alert], known: dict[str, Analytic], of: dict[str, int]) -> Iterator[Addition]:
    found: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in alerts:
        for parameter, word in dict.fromkeys(_listed(alert, known[alert.analytic])):
            found.setdefault((alert.analytic, parameter, word), []).append(alert)
    for (analytic, parameter, word), those in found.items():
        yield Addition(analytic, parameter, word, tuple(those), len({of.get(a.alert_id, -1) for a in those}))


def _listed(alert: Alert, analytic: Analytic) -> Iterator[tuple[str, str]]:
    """The allow-lists that an alert's events were asked to be outside of, and what of the event was asked."""
    chain = next(c for c in analytic.chains if c.name == alert.chain)
    own = {p.name for p in analytic.parameters if p.origin != "prelude"}
    steps = {step.number: step for step in _steps(chain)}
    for report in alert.steps:
        if not isinstance(report.witness, Witness):
            continue
        for part in steps[report.step].parts:
            for argument in part.arguments:
                if argument.target.type is not ValueType.DESTINATION or argument.target.field != "destination":
                    continue
                value = report.witness.fields.get("destination.domain") or report.witness.fields.get("destination.ip")
                for name in _outside(argument.pattern):
                    if name in own and isinstance(value, str) and _is_plain(value):
                        yield name, value


def _outside(pattern: Pattern) -> Iterator[str]:
    """The names of the sets that a pattern excludes."""
    match pattern:
        case model.NotIn():
            yield from _named(pattern.pattern)
        case model.ButNot():
            yield from _named(pattern.without)
            yield from _outside(pattern.pattern)
        case _:
            pass


def _named(pattern: Pattern) -> Iterator[str]:
    match pattern:
        case model.Words(name=str() as name):
            yield name
        case model.AnyOf(name=str() as name):
            yield name
        case model.AnyOf():
            for each in pattern.patterns:
                yield from _named(each)
        case _:
            pass


def _steps(chain: Chain) -> list[Step]:
    return [step for position in chain.positions for step in model.steps(position.element)]
