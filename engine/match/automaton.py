"""A chain as states and edges: immutable, printable, drawable. Made by `compile`, run by `matcher`.

A *state* means: these steps have matched, in one of the orders allowed. It keeps, for every partial match, the values
that something later still asks for: its *live key*, a tuple laid out as `State.layout` says. An *edge* is one event
more: which step it must satisfy, how it joins the live key of the state before, and how the new live key is made.

Slots of a layout, by name:

    #2         the entity that step 2 introduced (a Process, or a file as (host, path key))
    @2         the actor of step 2
    app.x.y    the field x.y of the step captured as `app`
    ?          how many optional steps have matched

`A & B` becomes the lattice of its subsets, `A | B` several edges into one state, `A?` an edge round it. So one event
costs one look-up for each edge that it satisfies, however the steps were grouped.
"""

from collections.abc import Iterator

import msgspec
from chainrun.dsl.model import Chain, Step

LEVEL = "?"

# What a scope that is no field by itself is read from; `host` is the event's own.
SCOPES = {"user": "user.name"}


class Join(msgspec.Struct, frozen=True):
    """What an edge asks of one slot of the state before.

    how   "lineage": the slot's process is the event's actor or an ancestor of it
          "actor":   the slot's process is the event's actor
          "entity":  the slot's entity is one that the event is about, tested at `field`
          "value":   the slot's value equals the event's `field`
    """

    slot: str
    how: str
    field: str = ""


class Edge(msgspec.Struct, frozen=True):
    """One way into a state.

    source       the state before, or None at the start of the chain
    number       the step's number, of alternatives the first one's: what its slots are called by
    least, most  limits of the hop in microseconds
    joins        what the event must have in common with the state before
    reads        captured values that the step's conditions read besides: (capture, field, slot)
    capture      the name given to the alternative that the step is a branch of
    optional     the step is optional: it adds one to the level
    inside       it leads from one member of `&` to another
    """

    source: int | None
    step: Step
    number: int
    joins: tuple[Join, ...] = ()
    reads: tuple[tuple[str, str, str], ...] = ()
    least: int | None = None
    most: int | None = None
    optional: bool = False
    inside: bool = False
    capture: str | None = None


class State(msgspec.Struct, frozen=True):
    """`number` is its index; states are in topological order. A final state's `identity` names the slots that tell one
    alert from another."""

    number: int
    title: str
    layout: tuple[str, ...]
    edges: tuple[Edge, ...]
    final: bool = False
    identity: tuple[str, ...] = ()


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
            final = f" final, identity ({', '.join(state.identity)})" if state.final else ""
            yield f"state {state.number} [{', '.join(state.layout)}] {state.title}{final}"
            for edge in state.edges:
                source = "start" if edge.source is None else f"state {edge.source}"
                joins = ", ".join(f"{j.how} {j.slot}{' = ' + j.field if j.field else ''}" for j in edge.joins)
                limits = "" if edge.least is None and edge.most is None else f" after {edge.least or 0}..{edge.most}us"
                optional = " optional" if edge.optional else ""
                yield f"  from {source}{limits}: step {edge.step.number}{optional}{' by ' + joins if joins else ''}"
