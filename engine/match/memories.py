"""The memories beside partial matches: what is counted, what must not have happened, what has been seen. All of them
together may take as much again as the budget has for partial matches.

    counting   the events of a counted step            whoever holds the most forgets first, until it holds no more
    watches    when an absent event last happened      than the next: so that one host's flood costs no other host
    novelty    the values of `new(…)`, of all hosts    anything. Of its own what is oldest goes first

What is forgotten counts as never having happened: so of counts an alert may be missing, and of the others one may be
too many. Both are told. Sizes are estimates, looked at now and then, between two events. Asked by the engine.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Protocol

from .budget import Budget, most_each
from .weights import EVERYBODY

LEAST = 4_096  # events from one look to the next; with much held more, so that looking costs little an event
SHARE = 16

Scope = Hashable  # of a chain, as the matcher has it; what is of no chain alone is EVERYBODY's


class Memory(Protocol):
    """What remembers."""

    def weigh(self) -> Counter[Scope]:
        """About the bytes that each scope's takes."""
        ...

    def shed(self, shares: Mapping[Scope, float]) -> Counter[Scope]:
        """Forgets these shares of what each scope's is, the oldest first; how much that was."""
        ...


class Memories:
    """All memories of an engine, held to a limit. `each`: what it is of (a chain), and the memory."""

    def __init__(self, budget: Budget) -> None:
        self.each: list[tuple[str, Memory]] = []
        self._budget = budget
        self._left = LEAST

    @property
    def is_due(self) -> bool:
        """Whether it is time to look how much there is; asked once an event."""
        self._left -= 1
        return self._left <= 0

    def make_room(self, now: int) -> Counter[tuple[str, str]]:
        """Forgets what is too much; how many things of which host and chain."""
        held: Counter[Scope] = Counter()
        for _, memory in self.each:
            held.update(memory.weigh())
        size, limit = held.total(), self._budget.limit
        self._left = max(LEAST, min(size, limit) // (SHARE * 1_000))
        forgotten: Counter[tuple[str, str]] = Counter()
        if size > limit:
            most = most_each(held.values(), limit - limit // 8)
            shares = {scope: 1 - most / much for scope, much in held.items() if much > most}
            for name, memory in self.each:
                for scope, count in memory.shed(shares).items():
                    forgotten[host_of(scope), name] += count
                    self._budget.lost[host_of(scope)] = now
        return forgotten


def host_of(scope: Scope) -> str:
    """The host that a scope is of; EVERYBODY where it is more or other than one."""
    match scope:
        case (str() as host,):
            return host
        case _:
            return EVERYBODY
