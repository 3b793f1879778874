"""Many chains over one stream: `Engine.feed(event)` gives the alerts that the event completes.

Holds what the chains share: the process tables, the file keys. Events come in order (`intake` sees to that); time is
the events' own.
"""

from collections.abc import Hashable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from chainrun.dsl.model import Analytic

from .event import Event
from .match.automaton import Automaton
from .match.compile import compile_chain
from .match.evidence import Match, collect
from .match.files import FileKeys
from .match.identity import Identities
from .match.lineage import Lineage
from .match.matcher import Matcher
from .report.alert import Alert, make_alert

try:
    VERSION = version("chainrun")
except PackageNotFoundError:  # run from a tree that was never installed
    VERSION = "0"

# State is swept this many times in the course of a window.
SWEEPS = 8


class _Timer:
    """Comes due once in `every` microseconds of event time; begins anew where time falls back."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.next: int | None = None

    def is_due(self, now: int) -> bool:
        due = self.next is not None and now >= self.next
        if due or self.next is None or now < self.next - self.every:
            self.next = now + self.every
        return due


class _Running:
    """One chain at work."""

    def __init__(self, analytic: Analytic, automaton: Automaton, files: FileKeys) -> None:
        self.analytic = analytic
        self.automaton = automaton
        self.matcher = Matcher(automaton, files)
        self.identities = Identities(automaton.chain.within)
        self.sweep = _Timer(self.identities.window // SWEEPS)


class Engine:
    """Runs checked analytics.

    evidence  how many events of a step an alert lists in full
    raw       whether witnesses carry the record as it came
    """

    def __init__(self, analytics: Sequence[Analytic], *, evidence: int = 20, raw: bool = True) -> None:
        self.analytics = tuple(analytics)
        self.evidence = evidence
        self.raw = raw
        self.lineage = Lineage()
        self.files = FileKeys()
        self.running = [_Running(a, compile_chain(a, chain), self.files) for a in analytics for chain in a.chains]
        self.alerts = 0
        self._before: int | None = None  # the time of the event before
        self._forget = _Timer(max((r.identities.window for r in self.running), default=0))

    @property
    def automata(self) -> tuple[Automaton, ...]:
        return tuple(r.automaton for r in self.running)

    @property
    def fields(self) -> frozenset[str]:
        """The canonical fields that the loaded chains read."""
        return frozenset(f for r in self.running for f in r.automaton.fields)

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds of event that can matter; None: all."""
        if any(r.matcher.reads_every_event for r in self.running):
            return None
        return frozenset(k for r in self.running for k in r.matcher.kinds)

    def feed(self, event: Event) -> list[Alert]:
        """The alerts that this event completes, by analytic, chain and scope."""
        self.lineage.place(event)
        self.files.learn(event)
        kinds = event.kinds
        # state goes by the earlier of two events' times: one stamp from the future must not make everybody's pass
        now = event.time if self._before is None else min(event.time, self._before)
        self._before = event.time
        if self._forget.is_due(now):
            self.lineage.forget(now - self._forget.every)
        alerts: list[tuple[tuple[str, ...], Alert]] = []
        for running in self.running:
            matcher = running.matcher
            if matcher.reads_every_event or not kinds.isdisjoint(matcher.kinds):
                if running.sweep.is_due(now):
                    matcher.expire(now)
                    running.identities.expire(now)
                completions = matcher.feed(event)
                if completions:
                    for completion, nodes in running.identities.take(completions):
                        match = collect(nodes, matcher.window)
                        alert = self._alert(running, match, completion.scope, completion.identity)
                        place = alert.analytic, alert.chain, str(alert.scope), alert.alert_id
                        alerts.append((place, alert))
        alerts.sort(key=lambda pair: pair[0])
        self.alerts += len(alerts)
        return [alert for _, alert in alerts]

    def run(self, events: Iterable[Event]) -> Iterable[Alert]:
        for event in events:
            yield from self.feed(event)

    def _alert(self, running: _Running, match: Match, scope: Hashable, identity: tuple[Hashable, ...]) -> Alert:
        return make_alert(
            running.analytic,
            running.automaton,
            match,
            scope,
            identity,
            version=VERSION,
            evidence=self.evidence,
            raw=self.raw,
        )
