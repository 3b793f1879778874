"""One edge of an automaton: how its step joins what is known, what it defines, what must not have happened.

`compile` says from where to where; here everything that an edge asks is put together.
"""

from collections.abc import Iterable

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Chain, Hop, Step
from chainrun.dsl.vocabulary import vocabulary

from .automaton import LEVEL, START, Absence, Count, CountedStep, Edge
from .exclusions import settled
from .known import CAUSAL, Book, Exit, Known, Leaf, actor_entity, introduces_actor, leaves
from .linking import Arrow, Linking, is_joined
from .liveness import Draft
from .needs import reads
from .siblings import kept_name


class Approach(msgspec.Struct, frozen=True):
    """How an edge leads into a state, beside the step itself.

    link      the arrow that joins the step
    limits    the hop whose limits count from the event before
    since     the hops whose limits count from an earlier event, by the slot of its moment
    joined_to what the step is joined to, where that is not what stands right before it
    kept      fields of its own that wait for a sibling
    """

    link: Hop | None
    limits: tuple[Hop | None, ...] = ()
    since: tuple[tuple[str, Hop], ...] = ()
    optional: bool = False
    inside: bool = False
    joined_to: Known | None = None
    kept: tuple[str, ...] = ()
    count: Count | None = None
    priors: tuple[model.WithoutPrior, ...] = ()


class Edges:
    """Makes the edges of one chain. `captured`: the (capture, field) pairs that anything reads; `place` and `hop`: of
    the element that is being compiled."""

    def __init__(
        self, chain: Chain, book: Book, linking: Linking, draft: Draft, captured: frozenset[tuple[str, str]]
    ) -> None:
        self.chain = chain
        self.book = book
        self.linking = linking
        self.draft = draft
        self.captured = captured
        self.place = 0
        self.hop: Hop | None = None

    def add(self, state: int, exit: Exit, leaf: Leaf, number: int, way: Approach, arrow: Arrow) -> None:
        """An edge by one step into a state."""
        step, known = settled(leaf.step, leaf.names), exit.known
        if way.joined_to is not None:  # what it is linked to stands further back; it may read all that is bound
            known = msgspec.structs.replace(way.joined_to, captures=exit.known.captures)
        limits = [h for h in way.limits if h is not None] if exit.state is not None else []
        since = [] if exit.state is None else [(m, h) for m, h in way.since if h.least or h.most is not None]
        # of when a match began, a limit to the latest is no matter of its key
        reach = [h.most for m, h in since if m == START and not h.least and h.most is not None]
        since = [(m, h) for m, h in since if m != START or h.least]
        after = self.book.after(leaf, number, known, way.link)
        defines = {f"#{number}", f"@{number}", f"^{self.place}", LEVEL}
        if exit.state is None:
            defines.add(START)
        for name in leaf.names:
            defines |= {f"{name}.{f}" for c, f in self.captured if c == name and f}
        defines |= {f"{kept_name(step)}.{field}" for field in way.kept}
        if way.count is not None:
            defines |= {f"%{number}.{field.name}" for field in way.count.by}
        prior = tuple(self.priors(exit, leaf, way, after))
        absent = tuple(self.between(exit))
        count = self.count(way, number, known)
        edge = Edge(
            source=exit.state,
            step=step,
            number=number,
            position=self.place,
            joins=arrow.joins,
            reads=self.linking.reads(step, known),
            least=max((h.least for h in limits if h.least), default=None),
            most=min((h.most for h in limits if h.most is not None), default=None),
            since=tuple((m, h.least, h.most) for m, h in since),
            reach=min(reach, default=None),
            optional=way.optional,
            inside=way.inside,
            names=leaf.names,
            loose=arrow.loose,
            nobody=arrow.nobody,
            count=count,
            absent=absent,
            prior=prior,
        )
        self.draft.edges[state].append((edge, frozenset(defines)))

    def count(self, way: Approach, number: int, known: Known) -> Count | None:
        """The count of an edge, with all the ways in which its steps can be joined."""
        if way.count is None:
            return None
        steps: list[CountedStep] = []
        asked = {c for m in way.count.measures for c in measure_reads(m)}
        captures = dict(known.captures)
        read = {(c, f, self.linking.slot(captures, c, f)) for c, f in asked}
        for leaf in self.draft.counted[number]:
            read.update(self.linking.reads(leaf.step, known))
            for arrow in self.linking.arrows(leaf.step, known, leaf.hop):
                steps.append(CountedStep(leaf.step, arrow.joins, arrow.nobody, arrow.loose))
        shared = is_shared(way.count, steps)
        return msgspec.structs.replace(way.count, steps=tuple(steps), reads=tuple(sorted(read)), shared=shared)

    def between(self, exit: Exit) -> Iterable[Absence]:
        """What must not lie between the event before and the next."""
        if exit.state is None:
            return
        for pending in exit.pending:
            for leaf in leaves(pending.absent.element) or ():
                yield from self.linking.absences(leaf.step, exit.known, leaf.hop or pending.hop)
        until = self.until(exit.known)
        if until is not None:
            yield until

    @staticmethod
    def could_cause(absent: Step, arrow: Hop | None, step: Step) -> bool:
        """Whether what an absent step brings can cause the step at all: a process makes nobody sign in."""
        entity = absent.introduces.entity if introduces_actor(absent) and absent.introduces else actor_entity(absent)
        if arrow is None or arrow.arrow not in CAUSAL or entity is None:
            return True
        return all(vocabulary().can_cause(entity, part.kind) for part in step.parts)

    def until(self, known: Known) -> Absence | None:
        return self.linking.until(self.chain.until, known) if self.chain.until is not None else None

    def priors(self, exit: Exit, leaf: Leaf, way: Approach, after: Known) -> Iterable[Absence]:
        """What must not have happened before the step: leading absences, and its own `without prior`s."""
        if exit.state is None and exit.pending:
            # each by the arrow that follows it: the last by the step's own
            arrows = [p.hop for p in exit.pending[1:]] + [way.link]
            limits = [p.hop for p in exit.pending[1:]] + [self.hop]
            for pending, arrow, hop in zip(exit.pending, arrows, limits, strict=True):
                limit = hop.most if hop is not None and hop.most is not None else self.chain.within
                assert limit is not None  # the checker asks for one
                for absent in leaves(pending.absent.element) or ():
                    if not self.could_cause(absent.step, absent.hop or arrow, leaf.step):
                        continue
                    yield self.linking.leading(absent.step, absent.hop or arrow, limit)
        for prior in way.priors:
            yield self.linking.prior(prior.prior, after, prior.look_back)


def measure_reads(measure: model.Measure) -> frozenset[tuple[str, str]]:
    return reads(measure.bound) | (reads(measure.subject) if measure.subject is not None else frozenset())


def is_shared(count: Count, steps: list[CountedStep]) -> bool:
    """Whether one count serves all matches that are joined alike: the joins say all that it asks of a match, and what
    is counted in several ways (`->?`) adds up. That of two steps does not, since one event may be both; nor do runs."""
    alike = len({step.slots for step in steps}) == 1
    if count.within is None and (not alike or any(step.loose for step in steps)):
        return False
    if not alike and len({step.step.number for step in steps}) > 1:
        return False
    return not any(m.subject is not None and reads(m.subject) for m in count.measures) and all(
        is_joined(s.step, s.joins) and not any(reads(e.when) for e in s.step.exceptions) for s in steps
    )
