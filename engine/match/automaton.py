"""A chain as states and edges: immutable, printable, drawable. Made by `compile`, run by `matcher`.

A *state* means: these steps have matched, in one of the orders allowed. It keeps, for every partial match, the values
that something later still asks for: its *live key*, a tuple laid out as `State.layout` says. An *edge* is one event
more: which step it must satisfy, how it joins the live key of the state before, and how the new live key is made.

Slots of a layout, by name:

    #2         the entity that step 2 introduced (a Process, or a file as (host, path key), ...)
    @2         the actor of step 2
    app.x.y    the field x.y of the step captured as `app`
    %2.x.y     the field x.y by which step 2 is counted
    ^1         when the element at position 1 had happened; ^ when the match began
    =x.y       the field x.y of the event that completes the chain; =host its host, =user its canonical user
    ?          how many optional steps have matched

`A & B` becomes the lattice of its subsets, `A | B` several edges into one state, `A?` an edge round it, `A{3}` three
states. So one event costs one look-up for each edge that it satisfies, however the steps were grouped. An absence is
something that an edge asks besides: that another event lies in no interval, or at no time before.
"""

from collections.abc import Hashable, Iterator

import msgspec
from chainrun.dsl.model import Chain, Field, Literal, Measure, Step
from chainrun.dsl.types import Entity

# The values of a chain's scope: of a host, its name.
Scope = tuple[Hashable, ...]

LEVEL = "?"
START = "^"

# What a scope that is no field by itself is read from, first what alerts call it by; `host` is the event's own.
SCOPES = {"user": ("user.name", "user.domain", "user.email", "user.id")}

# Scopes of one host: what happens in them happens there.
HOST_SCOPES = frozenset({"host", "host.id", "host.name"})


class Join(msgspec.Struct, frozen=True):
    """What an edge asks of one slot of the state before.

    how     "caused":   the slot's entity caused the event: its process is the event's actor or an ancestor of it, ...
            "actor":    the slot's entity is the event's actor
            "entity":   the slot's entity is one that the event is about, tested at `field`
            "concerns": the event is about the slot's entity (`of`)
            "source":   the event's source address was the slot's entity's (`from`)
            "value":    the slot's value equals the event's `field`
            "unknown":  the slot has no value
            "open":     the event names no session, and its identity has the slot's one open
            "leads":    turned round, for what must not have happened before: what the event introduced, or its actor,
                        could cause the later event
    entity  what kind of entity the slot holds
    """

    slot: str
    how: str
    field: str = ""
    entity: Entity | None = None

    def __str__(self) -> str:
        return f"{self.how} {self.slot}{' = ' + self.field if self.field else ''}"


class Absence(msgspec.Struct, frozen=True):
    """What must not have happened.

    joins    what an event of the step has in common with the match that it would end
    reads    captured values that its conditions read besides: (capture, field, slot)
    limit    how far to look back, in microseconds; None: to the event before
    certain  only what is known to have happened counts (`until`); else what may have happened does
    """

    step: Step
    joins: tuple[Join, ...] = ()
    reads: tuple[tuple[str, str, str], ...] = ()
    limit: int | None = None
    certain: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """What of the match must be known to judge it."""
        return tuple(dict.fromkeys([j.slot for j in self.joins] + [slot for _, _, slot in self.reads]))

    def __str__(self) -> str:
        by = f" by {', '.join(map(str, self.joins))}" if self.joins else ""
        return f"{'until' if self.certain else 'no'} step {self.step.number}{by}"


class Trailing(msgspec.Struct, frozen=True):
    """An absence that lasts from the last event to `most` after it, or to the end of the window."""

    absence: Absence
    most: int | None = None


class CountedStep(msgspec.Struct, frozen=True):
    """One way in which a step's events are counted: its joins, what must not be known of an event that it takes, and
    whether it is loose, as in an edge."""

    step: Step
    joins: tuple[Join, ...]
    nobody: Join | None = None
    loose: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        return tuple(join.slot for join in self.joins)


class Count(msgspec.Struct, frozen=True):
    """What a counted step asks of the events in (t - within, t], or of their cadence.

    element    the number of its first step: what the counts are kept under
    steps      the steps whose events are counted together, in each way in which they can be joined
    shared     whether one count serves all matches that are joined alike
    reads      captured values that its steps and measures read: (capture, field, slot)
    shortest, longest  of a cadence: from one event to the next
    """

    element: int
    steps: tuple[CountedStep, ...]
    measures: tuple[Measure, ...]
    within: int | None = None
    shortest: int | None = None
    longest: int | None = None
    by: tuple[Field, ...] = ()
    reads: tuple[tuple[str, str, str], ...] = ()
    shared: bool = True

    @property
    def run(self) -> int:
        """How many events a cadence has, which is a constant."""
        (measure,) = self.measures
        assert isinstance(measure.bound, Literal) and isinstance(measure.bound.value, int)
        return measure.bound.value + (measure.op == ">")

    @property
    def span(self) -> int:
        """How long ago the events are on which a moment rests: less than this."""
        if self.within is not None:
            return self.within
        assert self.longest is not None
        return self.longest * (self.run - 1) + 1

    @property
    def reach(self) -> int:
        """How long ago those are that a new event is counted with: less than this. Of a cadence it asks for the last
        one alone, where the run that ends in that is known."""
        return self.longest + 1 if self.longest is not None and self.shared else self.span

    @property
    def slots(self) -> frozenset[str]:
        """What of the match must be known to judge it."""
        return frozenset(slot for step in self.steps for slot in step.slots).union(slot for _, _, slot in self.reads)

    def __str__(self) -> str:
        by = f" by {', '.join(f.name for f in self.by)}" if self.by else ""
        return f"{' and '.join(m.function for m in self.measures)} in {self.within or self.longest}us{by}"


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One way into a state.

    source       the state before, or None at the start of the chain
    number       the step's number, of alternatives the first one's: what its slots are called by
    position     the place of its element in the chain: what its moment is called by
    least, most  limits of the hop in microseconds, from the event before
    since        limits from an earlier event: (slot of its moment, least, most)
    reach        how long ago the match may have begun, at most
    joins        what the event must have in common with the state before
    reads        captured values that the step's conditions read besides: (capture, field, slot)
    names        what the file calls the step: its capture, and those of the alternatives that it is a branch of
    optional     the step is optional: it adds one to the level
    inside       it leads from one member of `&`, or of a repetition, to another
    loose        the arrow's link is not known to hold: the alert says `unlinked`
    nobody       what must not be known of the event, for a loose arrow to be followed
    count        of a counted step: what must hold when it happens
    absent       what must not lie between the event before and this one
    prior        what must not have happened before this event
    """

    source: int | None
    step: Step
    number: int
    position: int
    joins: tuple[Join, ...] = ()
    reads: tuple[tuple[str, str, str], ...] = ()
    least: int | None = None
    most: int | None = None
    since: tuple[tuple[str, int | None, int | None], ...] = ()
    reach: int | None = None
    optional: bool = False
    inside: bool = False
    names: tuple[str, ...] = ()
    loose: bool = False
    nobody: Join | None = None
    count: Count | None = None
    absent: tuple[Absence, ...] = ()
    prior: tuple[Absence, ...] = ()


class State(msgspec.Struct, frozen=True):
    """`number` is its index; states are in topological order. A final state's `identity` names the slots that tell one
    alert from another (None: a capture that is not bound there), `trailing` what must not happen after it, `bound` the
    captures that matched. `extra`: reached by a trailing optional step, it adds to an alert and raises none.
    `interior`: in the midst of a repetition."""

    number: int
    title: str
    layout: tuple[str, ...]
    edges: tuple[Edge, ...]
    final: bool = False
    identity: tuple[str | None, ...] = ()
    trailing: tuple[Trailing, ...] = ()
    bound: frozenset[str] = frozenset()
    extra: bool = False
    interior: bool = False


class Automaton(msgspec.Struct, frozen=True):
    """One chain, ready to run. `steps` are all steps as written; `fields` the canonical fields that matching reads."""

    analytic: str
    chain: Chain
    states: tuple[State, ...]
    steps: tuple[Step, ...]
    optional: frozenset[int]
    fields: frozenset[str]

    def lines(self) -> Iterator[str]:
        """The automaton in a few lines of text, the form that goldens keep."""
        for state in self.states:
            final = f" final, identity ({', '.join(map(str, state.identity))})" if state.final else ""
            yield f"state {state.number} [{', '.join(state.layout)}] {state.title}{final}"
            for edge in state.edges:
                source = "start" if edge.source is None else f"state {edge.source}"
                asked = list(_asked(edge))
                yield f"  from {source}: step {edge.step.number}{', '.join(['', *asked])}"
            for trailing in state.trailing:
                limit = "" if trailing.most is None else f" for {trailing.most}us"
                yield f"  then {trailing.absence}{limit}"


def _asked(edge: Edge) -> Iterator[str]:
    if edge.optional:
        yield "optional"
    if edge.joins:
        yield f"by {', '.join(map(str, edge.joins))}"
    if edge.loose:
        yield f"loosely, where not {edge.nobody}" if edge.nobody is not None else "loosely"
    if edge.least is not None or edge.most is not None:
        yield f"after {_range(edge.least, edge.most)}"
    for slot, least, most in edge.since:
        yield f"{_range(least, most)} after {slot}"
    if edge.reach is not None:
        yield f"{_range(None, edge.reach)} after the start"
    if edge.count is not None:
        yield str(edge.count)
    for absence in edge.absent:
        yield f"{absence} between"
    for absence in edge.prior:
        yield f"{absence} in the {absence.limit}us before"


def _range(least: int | None, most: int | None) -> str:
    return f"{least or 0}..{'' if most is None else most}us"
