"""A checked chain becomes an automaton: states, joins, live keys, identity.

Three walks. *Forward* over the elements in the order written, carrying what is known by then (`Known`: the subject, the
captures), making states and edges. *Backward* over the states for liveness: which slots something later still asks for.
Then the layouts are cut to what lives, and the automaton is a value.

What the engine cannot run yet is refused before, by `unsupported`.
"""

from collections.abc import Iterator

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Element, Hop, Step
from chainrun.dsl.types import ACTORS

from ..intake.decode import LINEAGE
from .automaton import LEVEL, SCOPES, Automaton, Edge, Join, State
from .conditions import members, needs, reads
from .equality import same, same_plain
from .siblings import asked, compared, kept_name, waiting
from .unsupported import step_reads


class Acted(msgspec.Struct, frozen=True, order=True):
    """A member of `&` that has matched: its place, the slot of what it introduced or of who acted, its identity."""

    member: int
    subject: str | None
    identity: tuple[str, ...]


class Known(msgspec.Struct, frozen=True):
    """What is known of a partial match at one place of the chain.

    subject     the slot of what acts now, or None
    introduced  whether the subject was introduced (else it is an actor, and a later actor takes its place)
    captures    capture -> the step or alternative (by its id) that it names
    identity    slots that tell one alert from another, of the last required step written so far
    group       inside `&`: the members that have matched
    """

    subject: str | None = None
    introduced: bool = False
    captures: tuple[tuple[str, int], ...] = ()
    identity: tuple[str, ...] = ()
    group: tuple[Acted, ...] = ()


class Exit(msgspec.Struct, frozen=True):
    """A place from which the chain goes on: a state (None: the start) and what is known there."""

    state: int | None
    known: Known


class _Draft:
    """States under construction: edges into each, and the slots that each edge defines."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.edges: list[list[tuple[Edge, frozenset[str]]]] = []

    def state(self, title: str) -> int:
        self.titles.append(title)
        self.edges.append([])
        return len(self.titles) - 1


def compile_chain(analytic: Analytic, chain: Chain) -> Automaton:
    """The automaton of a checked chain in which `unsupported` finds nothing."""
    all_steps = tuple(s for p in chain.positions for s in model.steps(p.element))
    return _Compiler(analytic, chain, all_steps).compile()


class _Compiler:
    def __init__(self, analytic: Analytic, chain: Chain, all_steps: tuple[Step, ...]) -> None:
        self.analytic = analytic
        self.chain = chain
        self.steps = all_steps
        # (capture, field) that anything reads: steps, and exceptions of the whole match
        tested = [step_reads(step) for step in all_steps] + [reads(e.when) for e in chain.exceptions]
        self.captured = frozenset().union(*tested)
        self.draft = _Draft()
        self.optional: set[int] = set()

    def compile(self) -> Automaton:
        positions = list(self.chain.positions)
        # a trailing optional step never delays the alert and begins no match: it is listed, not waited for
        while len(positions) > 1 and isinstance(positions[-1].element, model.Optional):
            self.optional.update(s.number for s in model.steps(positions.pop().element))
        exits = [Exit(None, Known())]
        for position in positions:
            exits = self.element(position.element, exits, position.hop)
        finals = {e.state: e.known for e in exits if e.state is not None}
        return self.freeze(finals)

    # -- forward: elements to edges ----------------------------------------

    def element(self, element: Element, exits: list[Exit], hop: Hop | None, optional: bool = False) -> list[Exit]:
        match element:
            case Step():
                return self.either([(hop, element)], exits, None, optional)
            case model.Either():
                members = [(m_hop or hop, m) for m_hop, m in element.members]
                if all(isinstance(m, Step) for _, m in members):
                    return self.either(
                        [(h, m) for h, m in members if isinstance(m, Step)], exits, element.capture, optional
                    )
                return [e for h, m in members for e in self.element(m, exits, h, optional)]
            case model.All():
                return self.all(element, exits, hop)
            case model.Optional():
                self.optional.update(s.number for s in model.steps(element))
                return [*exits, *self.element(element.element, exits, hop, optional=True)]
            case _:
                raise AssertionError(f"not refused: {type(element).__name__}")

    def either(
        self, members: list[tuple[Hop | None, Step]], exits: list[Exit], capture: str | None, optional: bool
    ) -> list[Exit]:
        """Edges for one step, or for alternatives that feed one state."""
        number = members[0][1].number
        grouped: dict[Known, list[tuple[Exit, Hop | None, Step]]] = {}
        for exit in exits:
            for hop, step in members:
                after = self.after(step, number, exit.known, hop, capture)
                if optional:
                    after = msgspec.structs.replace(after, identity=exit.known.identity)
                grouped.setdefault(after, []).append((exit, hop, step))
        result = []
        for known, ways in grouped.items():
            state = self.draft.state(" | ".join(dict.fromkeys(step.title for _, _, step in ways)))
            for exit, hop, step in ways:
                self.edge(state, exit, step, number, hop, hop, optional, capture)
            result.append(Exit(state, known))
        return result

    def all(self, element: model.All, exits: list[Exit], hop: Hop | None) -> list[Exit]:
        """The lattice of subsets: from each subset any missing member may come next. Every member is linked to what
        stood before the group; only the first event is held to the hop's limits."""
        count = len(element.members)
        result: list[Exit] = []
        for before in exits:
            lattice: dict[frozenset[int], list[Exit]] = {frozenset(): [before]}
            for size in range(count):
                for done in [d for d in lattice if len(d) == size]:
                    for i in range(count):
                        if i not in done:
                            for exit in lattice[done]:
                                ways = lattice.setdefault(done | {i}, [])
                                self.member(ways, element, i, done, before.known, exit, hop)
            result += [Exit(w.state, self.after_all(before.known, w.known)) for w in lattice[frozenset(range(count))]]
        return result

    def member(
        self,
        ways: list[Exit],
        group: model.All,
        i: int,
        done: frozenset[int],
        before: Known,
        exit: Exit,
        hop: Hop | None,
    ) -> None:
        """The edges by which member `i` comes after those that are `done`; the states that they reach join `ways`."""
        own, member = group.members[i]
        others = {j: model.steps(m) for j, (_, m) in enumerate(group.members) if j != i}
        earlier = tuple(s for j, steps in others.items() if j in done for s in steps)
        later = frozenset(s.capture for j, steps in others.items() if j not in done for s in steps if s.capture)
        branches = member.members if isinstance(member, model.Either) else ((None, member),)
        capture = member.capture if isinstance(member, model.Either) else None
        number = model.steps(member)[0].number
        for arrow, step in branches:
            assert isinstance(step, Step)  # the checker allows steps and alternatives of steps
            link = arrow or own or hop
            # joined as if nothing of the group had matched; what it captures is added to what the others captured
            alone = self.after(step, number, before, link, capture)
            acted = Acted(i, alone.subject if alone.subject in (f"#{number}", f"@{number}") else None, alone.identity)
            known = msgspec.structs.replace(
                exit.known,
                captures=tuple(sorted({*exit.known.captures, *alone.captures})),
                group=tuple(sorted((*exit.known.group, acted))),
            )
            same = next((w for w in ways if w.known == known), None)
            if same is None:
                before_it = f"{self.draft.titles[exit.state]} & " if done and exit.state is not None else ""
                same = Exit(self.draft.state(before_it + step.title), known)
                ways.append(same)
            assert same.state is not None
            kept = tuple(field.name for field, _ in waiting(step, later))
            limits = hop if not done else None
            step = asked(step, later, earlier)
            self.edge(same.state, exit, step, number, link, limits, False, capture, before, kept)

    def after_all(self, before: Known, inside: Known) -> Known:
        """The subject after a group: what the member written last introduced, of those that did; else what it was. Its
        identity is that of the member written last."""
        subject, introduced = before.subject, before.introduced
        for acted in inside.group:
            if acted.subject is not None and acted.subject.startswith("#"):
                subject, introduced = acted.subject, True
            elif acted.subject is not None and before.subject is None and not introduced:
                subject = acted.subject
        identity = inside.group[-1].identity
        return msgspec.structs.replace(inside, subject=subject, introduced=introduced, identity=identity, group=())

    def after(self, step: Step, number: int, known: Known, hop: Hop | None, capture: str | None) -> Known:
        """What is known once a step has matched."""
        subject, introduced = known.subject, known.introduced
        if _introduces_actor(step):
            subject, introduced = f"#{number}", True
        elif _has_actor(step) and (not introduced or (hop is not None and hop.arrow == "~>")):
            subject, introduced = f"@{number}", False
        captures = known.captures
        for name in (step.capture, capture):
            if name is not None:
                captures = (*captures, (name, number))
        return Known(subject, introduced, captures, self.identity(step, number, known, hop))

    def identity(self, step: Step, number: int, known: Known, hop: Hop | None) -> tuple[str, ...]:
        """What a last required step hangs on: captures in its links or arguments; else the subject; else its actor."""
        named = [link.capture for part in step.parts for link in part.links]
        for part in step.parts:
            for argument in part.arguments:
                if isinstance(argument.pattern, model.FromCapture):
                    named.append(argument.pattern.capture)
        captures = dict(known.captures)
        if named:
            return tuple(
                dict.fromkeys(f"#{captures[n]}" if self.introduces(captures[n]) else f"@{captures[n]}" for n in named)
            )
        if hop is not None and hop.arrow == "->" and known.subject is not None:
            return (known.subject,)
        return (f"@{number}",) if _has_actor(step) else ()

    def introduces(self, number: int) -> bool:
        return next(s for s in self.steps if s.number == number).introduces is not None

    def edge(
        self,
        state: int,
        exit: Exit,
        step: Step,
        number: int,
        link: Hop | None,
        limits: Hop | None,
        optional: bool,
        capture: str | None,
        linked_to: Known | None = None,
        kept: tuple[str, ...] = (),
    ) -> None:
        """One edge. `linked_to` is what the step is joined to where that is not what stands right before it; `kept`
        are fields of its own that wait for a sibling."""
        known = linked_to or exit.known
        joins = tuple(self.joins(step, known, link))
        captures = dict(known.captures)
        read = tuple(sorted((c, f, self.slot(captures, c, f)) for c, f in step_reads(step)))
        defines = {f"#{number}", f"@{number}", LEVEL}
        for name in {step.capture, capture} - {None}:
            defines |= {f"{name}.{f}" for f in self.captured_fields(str(name))}
        defines |= {f"{kept_name(step)}.{field}" for field in kept}
        edge = Edge(
            source=exit.state,
            step=step,
            number=number,
            joins=joins,
            reads=read,
            least=limits.least if limits and exit.state is not None else None,
            most=limits.most if limits and exit.state is not None else None,
            optional=optional,
            inside=linked_to is not None and exit.known is not linked_to,
            capture=capture,
        )
        self.draft.edges[state].append((edge, frozenset(defines)))

    def joins(self, step: Step, known: Known, hop: Hop | None) -> Iterator[Join]:
        captures = dict(known.captures)
        explicit = False
        for part in step.parts:
            for link in part.links:
                explicit = True
                slot = self.entity_slot(captures, link.capture)
                yield Join(slot, "actor" if link.word == "by" else "lineage")
            for argument in part.arguments:
                pattern = argument.pattern
                if isinstance(pattern, model.FromCapture) and pattern.field is None:
                    yield Join(self.entity_slot(captures, pattern.capture), "entity", argument.target.field)
            for condition in (part.where, step.where):
                yield from self.equalities(captures, condition)
        if not explicit and known.subject is not None and hop is not None and hop.arrow == "->":
            yield Join(known.subject, "lineage")

    def equalities(self, captures: dict[str, int], condition: model.Expression | None) -> Iterator[Join]:
        """`field == capture.field` of plain values becomes a join: one look-up instead of a scan."""
        for part in members(condition, "and") if condition is not None else ():
            pair = compared(part)
            if pair is None:
                continue
            own, other = pair
            plain = same(own.type, own.name) is same(other.type, other.name) is same_plain
            if plain and own.type == other.type and not own.many and not other.many:
                yield Join(self.slot(captures, other.capture, other.name), "value", own.name)

    def entity_slot(self, captures: dict[str, int], name: str) -> str:
        number = captures[name]
        return f"#{number}" if self.introduces(number) else f"@{number}"

    def slot(self, captures: dict[str, int], name: str, field: str) -> str:
        return f"{name}.{field}" if field else self.entity_slot(captures, name)

    def captured_fields(self, name: str) -> frozenset[str]:
        """The fields of a capture that anything reads."""
        return frozenset(f for c, f in self.captured if c == name and f)

    # -- backward: liveness ------------------------------------------------

    def freeze(self, finals: dict[int, Known]) -> Automaton:
        edges = self.draft.edges
        count = len(edges)
        live: list[set[str]] = [set() for _ in range(count)]
        excepted = {(c, f"{c}.{f}") for e in self.chain.exceptions for c, f in reads(e.when)}
        level = {LEVEL} if self.optional else set()
        for number in reversed(range(count)):
            if number in finals:
                # of a capture that an optional step did not make here, nothing is known
                bound = dict(finals[number].captures)
                live[number] |= {*finals[number].identity, *(slot for c, slot in excepted if c in bound), *level}
            for target in range(number + 1, count):
                for edge, defines in edges[target]:
                    if edge.source == number:
                        live[number] |= {j.slot for j in edge.joins} | {slot for _, _, slot in edge.reads}
                        live[number] |= (live[target] - defines) | (level & live[target])
        states = tuple(
            State(
                number=n,
                title=self.draft.titles[n],
                layout=tuple(sorted(live[n] - {LEVEL})) + ((LEVEL,) if LEVEL in live[n] else ()),
                edges=tuple(e for e, _ in edges[n]),
                final=n in finals,
                identity=finals[n].identity if n in finals else (),
            )
            for n in range(count)
        )
        return Automaton(
            analytic=self.analytic.id,
            chain=self.chain,
            states=states,
            steps=self.steps,
            optional=frozenset(self.optional),
            fields=self.fields(),
        )

    def fields(self) -> frozenset[str]:
        wanted = {*LINEAGE, *(SCOPES.get(f, f) for f in self.chain.scope)} - {"host"}
        for step in self.steps:
            for part in step.parts:
                for argument in part.arguments:
                    wanted |= needs(argument.pattern, argument.target, actor=part.kind.actor)
                if part.where is not None:
                    wanted |= needs(part.where, None)
            if step.where is not None:
                wanted |= needs(step.where, None)
        return frozenset(wanted).union(field for _, field in self.captured if field)


def _introduces_actor(step: Step) -> bool:
    return step.introduces is not None and step.introduces.entity in ACTORS


def _has_actor(step: Step) -> bool:
    return step.parts[0].kind.actor is not None
