"""What is told of how far chains got: values, as `--format json` has them. Made by `why`, told by `why_text`."""

import msgspec

from ..report.funnel import Funnel
from .why_change import Change
from .why_entity import EntityFilter
from .why_weaker import Asked


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for. `step`: what stopped there alone; `most`: how many near misses of a chain are told."""

    host: str | None = None
    entities: tuple[EntityFilter, ...] = ()
    step: int | None = None
    most: int = 5


class Place(msgspec.Struct, frozen=True):
    """An event: when, where, what happened, and where it was read."""

    time: str
    host: str
    what: str
    input: str
    line: int


class Matched(msgspec.Struct, frozen=True):
    """A step that has an event."""

    step: int
    name: str
    place: Place


class Stop(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that, had it not been asked, would have let the step match, or the chain.

    asked    what sort of thing; `what`: as the chain has it
    events   how many events would have been the step but for that; `at_least`: there may be more
    unknown  they do not say what is asked
    took     how long it took, of limits of time, in microseconds; `limit`: how long it may
    nearest  the first of those events
    broken   of what must not happen: an event that did, where one is known
    change   the smallest change of the chain that lets it match, all else being there
    """

    asked: Asked
    what: str
    events: int
    at_least: bool = False
    unknown: bool = False
    took: int | None = None
    limit: int | None = None
    nearest: Place | None = None
    broken: Place | None = None
    change: Change | None = None


class Missing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step without an event.

    stops  what, had it not been asked, would have given it one
    kinds  events of its kinds on this host
    alone  those of them that satisfy it by themselves; `nearest`: of those the nearest in time
    elsewhere  events of its kinds on other hosts
    """

    step: int
    name: str
    stops: tuple[Stop, ...] = ()
    kinds: int = 0
    alone: int = 0
    nearest: Place | None = None
    elsewhere: int = 0


class Miss(msgspec.Struct, frozen=True):
    """A partial match: what is there, and what is missing. Of the `steps` that the chain has `there` are; with
    `together`, it takes all the changes that are told."""

    scope: tuple[str, ...]
    steps: int
    there: int
    together: bool
    matched: tuple[Matched, ...]
    missing: tuple[Missing, ...]


class ChainWhy(msgspec.Struct, frozen=True):
    """One chain: how far all events got, and its nearest misses. `more`: how many others there are."""

    funnel: Funnel
    misses: tuple[Miss, ...]
    more: int = 0


class Report(msgspec.Struct, frozen=True):
    """`starts`, `linked`: starts of processes, and those that say who started them; `events`: how many there were;
    `unseen`: of what is looked for, what none of them had to do with, and `hosts`, where there are others, are some."""

    chains: tuple[ChainWhy, ...]
    starts: int = 0
    linked: int = 0
    events: int = 0
    unseen: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
