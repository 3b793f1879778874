"""Balances: what came in, and what became of it. The two add up, or something was lost, and that is a fault of ours.

    lines     read (+ further records in them) = used + late + … + bad
    groups    created = completed + expired + killed + evicted + open, of each chain

Both sides are counted apart, where it happens. Read off a finished run; `summary` and `stats` show them, and whoever
ran it asks for those that are uneven.
"""

from collections.abc import Iterable

import msgspec

from ..engine import Engine
from ..intake.tally import Tally


class Balance(msgspec.Struct, frozen=True):
    """`taken` of something, and how many came to which end."""

    of: str
    taken: int
    became: dict[str, int]

    @property
    def lost(self) -> int:
        """How many are missing; below nothing, how many there are too many of."""
        return self.taken - sum(self.became.values())

    def __str__(self) -> str:
        return f"{self.taken:,} {self.of} = " + " + ".join(f"{n:,} {end}" for end, n in self.became.items())


def line_balance(tally: Tally) -> Balance:
    """Of the lines that were read. One that holds several records counts as so many."""
    became = {
        "used": tally.passed - tally.late - tally.again,
        "late": tally.late,
        "filtered": tally.silent,
        "duplicate": tally.duplicates,
        "merged": tally.merged,
        "outside": tally.outside,
        "blank": tally.blank,
        "bad": tally.bad_lines,
        "waiting": tally.waiting,
    }
    return Balance("lines", tally.lines + tally.further, became)


def group_balances(engine: Engine) -> list[Balance]:
    """Of each chain's groups of partial matches. A match that nothing had to be kept for is created and completed at
    once."""
    found = []
    for running in engine.running:
        store, deadlines = running.matcher.store, running.matcher.deadlines
        became = {
            "completed": running.at_once + deadlines.completed,
            "expired": store.expired,
            "killed": deadlines.killed,
            "evicted": store.evicted + deadlines.evicted,
            "open": running.matcher.open_groups,
        }
        name = f"groups of {running.automaton.analytic}/{running.automaton.chain.name}"
        found.append(Balance(name, store.created + deadlines.begun + running.at_once, became))
    return found


def uneven(balances: Iterable[Balance]) -> list[Balance]:
    """Those in which something was lost."""
    return [balance for balance in balances if balance.lost]
