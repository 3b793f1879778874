"""Pressure: an alert of its own kind, that a host holds so much state that some of it had to be given up.

Not a fault of the run alone: whoever wants to be forgotten floods. So it is written where alerts are, in their form,
under `chainrun/state-pressure`: at once, and then once in five minutes for as long as it goes on. Called by the engine.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

from ..match.recent import Recent
from .alert import SCHEMA, Alert, stamp

EVERY = 300_000_000  # microseconds of event time from one alert of a host to the next
ANALYTIC, CHAIN = "chainrun", "state-pressure"
FORGOTTEN = "forgotten"
HOSTS = 100_000  # of which it is remembered when they were last told of


class Pressure:
    """What hosts have lost, and what has been told of it.

    limit      bytes
    given_up   (host, chain) -> how many partial matches, in all
    forgotten  the same of what is remembered beside them
    told       host -> when it was last told of; of what was forgotten, (host, chain) of this alert
    """

    def __init__(self, version: str, limit: int) -> None:
        self._version = version
        self._limit = limit
        self.given_up: Counter[tuple[str, str]] = Counter()
        self.forgotten: Counter[tuple[str, str]] = Counter()
        self.told: Recent[str | tuple[str, str], int] = Recent(HOSTS)

    def tell(self, given_up: Mapping[tuple[str, str], int], at: int) -> Iterator[tuple[int, Alert]]:
        """The alerts of what was given up just now; when, and each."""
        self.given_up.update(given_up)
        for host, chains in self._due(given_up, at, lambda host: host):
            title = f"{sum(chains.values()):,} partial matches were given up for lack of room (--max-state)"
            yield at, self._alert(host, title, {"max_state": self._limit, "given_up": chains}, at)

    def tell_forgotten(self, forgotten: Mapping[tuple[str, str], int], at: int) -> Iterator[tuple[int, Alert]]:
        """The alerts of what was forgotten just now; when, and each."""
        self.forgotten.update(forgotten)
        for host, chains in self._due(forgotten, at, lambda host: (host, FORGOTTEN)):
            title = f"{sum(chains.values()):,} remembered events were forgotten for lack of room (--max-state)"
            yield at, self._alert(host, title, {"max_state": self._limit, FORGOTTEN: chains}, at)

    def _due(
        self, lost: Mapping[tuple[str, str], int], at: int, key: Callable[[str], str | tuple[str, str]]
    ) -> Iterator[tuple[str, dict[str, int]]]:
        """The hosts that are to be told of, each with its chains."""
        by_host: dict[str, dict[str, int]] = defaultdict(dict)
        for (host, chain), count in lost.items():
            by_host[host][chain] = count
        for host, chains in sorted(by_host.items()):
            last = self.told.use(key(host))
            if last is None or not last <= at < last + EVERY:
                self.told[key(host)] = at
                yield host, dict(sorted(chains.items()))

    def _alert(self, host: str, title: str, parameters: dict[str, Any], at: int) -> Alert:
        moment = stamp(at)
        parts = "\x1f".join((ANALYTIC, CHAIN, host, str(at), *([FORGOTTEN] if FORGOTTEN in parameters else [])))
        return Alert(
            schema=SCHEMA,
            alert_id=blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest(),
            revision=0,
            analytic=ANALYTIC,
            chain=CHAIN,
            title=title,
            severity="medium",
            attack=[],
            strategy=None,
            scope={"host.name": host},
            first_time=moment,
            last_time=moment,
            steps=[],
            entities={},
            lineage=[],
            completeness={"matched": 0, "possible": 0},
            flags=["state_evicted"],
            parameters=parameters,
            version=self._version,
        )
