"""Pressure: an alert of its own kind, that a host holds so much state that some of it had to be given up.

Not a fault of the run alone: whoever wants to be forgotten floods. So it is written where alerts are, in their form,
under `chainrun/state-pressure`: at once, and then once in five minutes for as long as it goes on. Called by the engine.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from ..match.budget import Budget
from ..match.recent import Recent
from .alert import SCHEMA, Alert, stamp

EVERY = 300_000_000  # microseconds of event time from one alert of a host to the next
ANALYTIC, CHAIN = "chainrun", "state-pressure"
HOSTS = 100_000  # of which it is remembered when they were last told of


class Pressure:
    """What hosts have lost, and what has been told of it.

    given_up  (host, chain) -> how many partial matches, in all
    told      host -> when it was last told of
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self.given_up: Counter[tuple[str, str]] = Counter()
        self.told: Recent[str, int] = Recent(HOSTS)

    def tell(self, given_up: Mapping[tuple[str, str], int], budget: Budget, at: int) -> Iterator[tuple[int, Alert]]:
        """The alerts of what was given up just now; when, and each."""
        self.given_up.update(given_up)
        by_host: dict[str, dict[str, int]] = defaultdict(dict)
        for (host, chain), count in given_up.items():
            by_host[host][chain] = count
        for host, chains in sorted(by_host.items()):
            last = self.told.use(host)
            if last is None or not last <= at < last + EVERY:
                self.told[host] = at
                yield at, self._alert(host, dict(sorted(chains.items())), budget.limit, at)

    def _alert(self, host: str, chains: dict[str, int], limit: int, at: int) -> Alert:
        moment = stamp(at)
        parts = "\x1f".join((ANALYTIC, CHAIN, host, str(at)))
        parameters: dict[str, Any] = {"max_state": limit, "given_up": chains}
        return Alert(
            schema=SCHEMA,
            alert_id=blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest(),
            revision=0,
            analytic=ANALYTIC,
            chain=CHAIN,
            title=f"{sum(chains.values()):,} partial matches were given up for lack of room (--max-state)",
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
