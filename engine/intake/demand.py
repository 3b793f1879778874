"""The demand: which events can matter to anybody at all.

Made of the loaded chains by `match.matters`, asked record by record by `gate`. What it leaves out is left out however a
line was read, so the sieve decides how much is decoded, never what is found.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from chainrun.engine.event import Event
from chainrun.engine.formats.format import Format

# Whether an event is of an app, from its own program alone; None where that does not say.
IsOfApp = Callable[[Event, tuple[Any, ...]], bool | None]


class Demand(msgspec.Struct, frozen=True):
    """What is asked for.

    kinds   events that are of all the kinds of one of these; None: every event
    fields  besides, events that have all the fields of one of these
    apps    besides, whatever a process does of which one of these does not say no: an app of which no start is shown is
            open at each of its events
    proofs  besides, every record of a source that can show all the kinds of one of these: that it spoke and showed none
            of them is proof
    """

    kinds: frozenset[frozenset[str]] | None = None
    fields: frozenset[frozenset[str]] = frozenset()
    apps: tuple[IsOfApp, ...] = ()
    proofs: tuple[frozenset[str], ...] = ()

    def kinds_from(self, format: Format) -> frozenset[frozenset[str]] | None:
        """The kinds that are asked for of one format; None: all that it yields."""
        return None if any(kinds <= format.sees for kinds in self.proofs) else self.kinds


EVERYTHING = Demand()


def of_kinds(*kinds: str) -> Demand:
    """What asks for nothing but events of these kinds."""
    return Demand(frozenset(frozenset({kind}) for kind in kinds))
