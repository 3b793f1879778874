"""A checked chain becomes an automaton: states, joins, live keys, identity.

*Forward* over the elements in the order written, carrying what is known by then (`known`: the subject, the captures;
`linking`: what joins a step to it), making states and edges. Then *backward* over the states (`liveness`): which slots
something later still asks for.
"""

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Analytic, Chain, Element, Hop

from .automaton import START, Automaton, Count, Trailing
from .edges import Approach, Edges, measure_reads
from .exclusions import settled
from .known import Acted, Book, Exit, Known, Leaf, Pending, leaves, names
from .linking import Arrow, Linking, step_reads
from .liveness import Draft, Final, freeze
from .needs import reads
from .siblings import asked, waiting
from .spelled import spelled
from .wanted import wanted


def compile_chain(analytic: Analytic, chain: Chain, extras: bool = False) -> Automaton:
    """The automaton of a checked chain. `extras`: optional steps at the end, which
    nobody waits for, are followed all the same, for what they add to an alert."""
    return _Compiler(analytic, spelled(chain)).compile(extras)


class _Compiler:
    def __init__(self, analytic: Analytic, chain: Chain) -> None:
        self.analytic = analytic
        self.chain = chain
        self.steps = tuple(s for p in chain.positions for s in model.steps(p.element))
        if chain.until is not None:
            self.steps += (chain.until,)
        self.book = Book(self.steps)
        self.linking = Linking(self.book)
        self.draft = Draft()
        self.optional: set[int] = set()
        self.trails = False  # the chain ends with an absence
        # (capture, field) that anything reads
        tested = [step_reads(step) for step in self.steps]
        tested += [reads(e.when) for e in chain.exceptions]
        tested += [reads(r.when) for r in chain.severities if not isinstance(r.when, str)]
        tested += [_count_reads(p.element) for p in chain.positions]
        named = (name.partition(".") for name in chain.once_per or ())
        self.names = frozenset(n for p in chain.positions for n in names(p.element))
        tested.append(frozenset((capture, field) for capture, _, field in named if capture in self.names and field))
        self.captured = frozenset().union(*tested)
        self.edges = Edges(chain, self.book, self.linking, self.draft, self.captured)

    def compile(self, extras: bool) -> Automaton:
        positions = list(self.chain.positions)
        # a trailing optional step never delays the alert and begins no match: it is listed, not waited for
        after: list[model.Position] = []
        while len(positions) > 1 and isinstance(positions[-1].element, model.Optional):
            after.insert(0, positions.pop())
            self.optional.update(s.number for s in model.steps(after[0].element))
        self.trails = isinstance(positions[-1].element, model.Absent)
        exits = [Exit(None, Known())]
        for place, position in enumerate(positions):
            exits = self.advance(place, position, exits)
        finals = {e.state: self.final(e) for e in exits if e.state is not None}
        if extras and not any(f.trailing for f in finals.values()):
            for place, position in enumerate(after, len(positions)):
                exits = self.advance(place, position, exits)
            for exit in exits:
                if exit.state is not None and exit.state not in finals:
                    finals[exit.state] = msgspec.structs.replace(self.final(exit), extra=True)
        states = freeze(self.chain, self.draft, finals, bool(self.optional))
        fields = wanted(self.chain, self.steps) | {field for _, field in self.captured if field}
        return Automaton(self.analytic.id, self.chain, states, self.steps, frozenset(self.optional), frozenset(fields))

    def advance(self, place: int, position: model.Position, exits: list[Exit]) -> list[Exit]:
        """The exits after a position. Those that it made have the slot of its moment."""
        self.edges.place, self.edges.hop = place, position.hop
        return [
            exit
            if exit.state is None or exit.moment is not None
            else msgspec.structs.replace(exit, moment=self.moment(exit.state, place))
            for exit in self.element(position.element, exits, position.hop)
        ]

    def moment(self, state: int, place: int) -> str:
        """The slot of when the element at `place` had happened: of a first event, when the match began."""
        first = all(edge.source is None for edge, _ in self.draft.edges[state])
        return START if first else f"^{place}"

    def final(self, exit: Exit) -> Final:
        """What a final state asks: who the alert is of, and what must not come after."""
        trailing = [
            Trailing(absence, pending.hop.most if pending.hop is not None else None)
            for pending in exit.pending
            for leaf in leaves(pending.absent.element) or ()
            for absence in self.linking.absences(leaf.step, exit.known, leaf.hop or pending.hop)
        ]
        until = self.edges.until(exit.known) if trailing else None
        if until is not None:
            trailing.append(Trailing(until))
        captures = dict(exit.known.captures)
        identity: tuple[str | None, ...] = exit.known.identity
        if self.chain.once_per is not None:
            identity = tuple(self.once(name, captures) for name in self.chain.once_per)
        return Final(identity, tuple(trailing), frozenset(captures))

    def once(self, name: str, captures: dict[str, int]) -> str | None:
        """The slot of a part of `once per`; None for a capture that is not bound here."""
        capture, _, field = name.partition(".")
        if capture in captures:
            return self.linking.slot(captures, capture, field)
        return None if capture in self.names else f"={name}"

    # -- elements ------------------------------------------------------------

    def element(self, element: Element, exits: list[Exit], hop: Hop | None, optional: bool = False) -> list[Exit]:
        found = leaves(element, hop)
        if found is not None:
            return self.step(list(found), exits, optional)
        match element:
            case model.Either():
                members = [(own or hop, m) for own, m in element.members]
                simple = [x for h, m in members for x in leaves(m, h) or ()]
                ways = self.step(simple, exits, optional) if simple else []
                for own, member in members:
                    if leaves(member) is None:
                        ways += self.element(member, exits, own, optional)
                return ways
            case model.All():
                return self.all(element, exits, hop, optional)
            case model.Optional():
                self.optional.update(s.number for s in model.steps(element))
                return [*exits, *self.element(element.element, exits, hop, optional=True)]
            case model.Absent():
                return [msgspec.structs.replace(e, pending=(*e.pending, Pending(hop, element))) for e in exits]
            case model.Repeat():
                return self.repeat(element, exits, hop, optional)
            case model.Counted():
                return self.counted(element, exits, hop, optional)
            case model.WithoutPrior():  # of a repetition or a count: asked at its last event
                inner = element.element
                while isinstance(inner, model.WithoutPrior):
                    inner = inner.element
                priors = _priors(element)
                if isinstance(inner, model.Repeat):
                    return self.repeat(inner, exits, hop, optional, priors)
                assert isinstance(inner, model.Counted)
                return self.counted(inner, exits, hop, optional, priors)
            case _:
                raise AssertionError(type(element).__name__)

    def step(self, found: list[Leaf], exits: list[Exit], optional: bool) -> list[Exit]:
        """Edges for one step, or for alternatives that feed one state."""
        number = found[0].step.number
        ways = [Approach(leaf.hop, (leaf.hop,), optional=optional, priors=leaf.priors) for leaf in found]
        return self.feed([(exit, *way) for exit in exits for way in zip(found, ways, strict=True)], number)

    def feed(self, ways: list[tuple[Exit, Leaf, Approach]], number: int) -> list[Exit]:
        """A state for each thing that can be known after these ways, and the edges into it."""
        grouped: dict[Known, list[tuple[Exit, Leaf, Approach, Arrow]]] = {}
        for exit, leaf, way in ways:
            before = way.joined_to or exit.known
            for arrow in self.linking.arrows(leaf.step, before, way.link):
                after = self.after(leaf, number, before, way, arrow)
                if way.optional:
                    after = msgspec.structs.replace(after, identity=before.identity)
                grouped.setdefault(after, []).append((exit, leaf, way, arrow))
        result = []
        for known, into in grouped.items():
            state = self.draft.state(" | ".join(dict.fromkeys(leaf.step.title for _, leaf, _, _ in into)))
            for exit, leaf, way, arrow in into:
                self.edges.add(state, exit, leaf, number, way, arrow)
            result.append(Exit(state, known))
        return result

    def after(self, leaf: Leaf, number: int, before: Known, way: Approach, arrow: Arrow) -> Known:
        """What is known after a step. A count hangs on its `by` values and what it is linked to, never on an actor."""
        after = self.book.after(leaf, number, before, way.link, arrow.adrift)
        if way.count is None:
            return after
        by = tuple(f"%{number}.{field.name}" for field in way.count.by)
        linked = self.book.linked(leaf.step, before, None if arrow.adrift else way.link)
        return msgspec.structs.replace(after, identity=(*by, *linked))

    # -- repetition and counts -------------------------------------------------

    def repeat(
        self,
        element: model.Repeat,
        exits: list[Exit],
        hop: Hop | None,
        optional: bool,
        priors: tuple[model.WithoutPrior, ...] = (),
    ) -> list[Exit]:
        """As many states as the lower bound, and few more. Of the events that fit, any one and the last are among n
        that fit, so `A{2,}` is `A{2}`, and `A+` is `A | A{2}`. Where more is asked of the first (an absence before it,
        or when a deadline has passed), any one, the first and the last are among n of three or more. Only under an
        `until`, which an event of the repetition may be itself, must all be followed: by a state that leads to itself,
        where there is no upper bound."""
        found = self.repeated(element, hop)
        least, most = element.least, element.most
        if self.chain.until is not None:
            top = least if most is None else most
        else:
            enough = 3 if self.trails or any(e.pending for e in exits) else 2
            top = max(least, enough) if most is None else min(max(least, enough), most)
        endless = self.chain.until is not None and most is None
        return [e for exit in exits for e in self.times(least, top, endless, found, exit, optional, priors)]

    def repeated(self, element: model.Repeat | model.Counted, hop: Hop | None) -> list[Leaf]:
        """The steps of a repetition; none of them introduces anything."""
        named = (element.capture,) if element.capture else ()
        found = []
        for leaf in leaves(element.element, hop) or ():
            names = (*leaf.names, *named)
            found.append(msgspec.structs.replace(leaf, step=settled(leaf.step, names), names=names))
        self.book.repeated.update(x.step.number for x in found)
        return found

    def times(
        self,
        least: int,
        top: int,
        endless: bool,
        found: list[Leaf],
        before: Exit,
        optional: bool,
        priors: tuple[model.WithoutPrior, ...],
    ) -> list[Exit]:
        """The steps `least` to `top` times, or more: every event is linked to what stood before. The last of them is
        held to the hop's limits, and leads on."""
        number = found[0].step.number
        # runs of which all events are linked are kept apart from the others: of one witness the linked run counts
        at: dict[bool, Exit] = {False: before}
        result: list[Exit] = []
        for count in range(1, top + 1):
            if count >= least:
                result += self.last(count, found, at, before, optional, priors)
            if count < top or endless:
                at = self.one_more(count, endless and count == top, found, number, at, before.known)
        if endless:
            result += self.last(top + 1, found, at, before, optional, priors)
        return result

    def one_more(
        self, count: int, more: bool, found: list[Leaf], number: int, at: dict[bool, Exit], before: Known
    ) -> dict[bool, Exit]:
        """The exits by one of a repetition's events that is not its last; `more`: by any number of them."""
        exits: dict[bool, Exit] = {}

        def lead(sources: dict[bool, Exit], inside: bool) -> None:
            for leaf in found:
                way = Approach(leaf.hop, inside=inside, joined_to=before, priors=leaf.priors)
                for arrow in self.linking.arrows(leaf.step, before, leaf.hop):
                    for loose, exit in sources.items():
                        is_loose = loose or arrow.loose
                        if is_loose not in exits:
                            state = self.draft.state(f"{leaf.step.title} {count}{'+' if more else ''} times")
                            self.draft.interior.add(state)
                            exits[is_loose] = Exit(state, before)
                        into = exits[is_loose].state
                        assert into is not None
                        self.edges.add(into, exit, leaf, number, way, arrow)

        lead(at, count > 1)
        if more:
            lead(dict(exits), inside=True)
        return exits

    def last(
        self,
        count: int,
        found: list[Leaf],
        at: dict[bool, Exit],
        before: Exit,
        optional: bool,
        priors: tuple[model.WithoutPrior, ...],
    ) -> list[Exit]:
        """The exits by the last of `count` events."""
        ways = []
        for leaf in found:
            since: tuple[tuple[str, Hop], ...] = ()
            if count > 1 and leaf.hop is not None and before.moment is not None:
                since = ((before.moment, leaf.hop),)
            way = Approach(
                leaf.hop,
                (leaf.hop,) if count == 1 else (),
                since,
                optional=optional,
                inside=count > 1,
                joined_to=before.known,
                priors=(*leaf.priors, *priors),
            )
            ways += [(exit, leaf, way) for exit in at.values()]
        return self.feed(ways, found[0].step.number)

    def counted(
        self,
        element: model.Counted,
        exits: list[Exit],
        hop: Hop | None,
        optional: bool,
        priors: tuple[model.WithoutPrior, ...] = (),
    ) -> list[Exit]:
        count, found = self.count(element, hop)
        number = found[0].step.number
        ways = [Approach(x.hop, (x.hop,), optional=optional, count=count, priors=(*x.priors, *priors)) for x in found]
        return self.feed([(exit, *way) for exit in exits for way in zip(found, ways, strict=True)], number)

    def count(self, element: model.Counted, hop: Hop | None) -> tuple[Count, list[Leaf]]:
        """A count, and the steps that are counted."""
        found = self.repeated(element, hop)
        number = found[0].step.number
        self.draft.counted[number] = found
        every, tolerance = element.every, element.tolerance or 0
        count = Count(
            element=number,
            steps=(),
            measures=element.measures,
            within=element.within,
            shortest=every - tolerance if every is not None else None,
            longest=element.longest or (every + tolerance if every is not None else None),
            by=element.by,
        )
        return count, found

    # -- any order ---------------------------------------------------------------

    def all(self, element: model.All, exits: list[Exit], hop: Hop | None, optional: bool) -> list[Exit]:
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
                                last = optional and size == count - 1
                                self.member(ways, element, i, done, before, exit, hop, last)
            for whole in lattice[frozenset(range(count))]:
                known = self.after_all(before.known, whole.known)
                if optional:
                    known = msgspec.structs.replace(known, identity=before.known.identity)
                result.append(Exit(whole.state, known))
        return result

    def member(
        self,
        ways: list[Exit],
        group: model.All,
        i: int,
        done: frozenset[int],
        before: Exit,
        exit: Exit,
        hop: Hop | None,
        optional: bool,
    ) -> None:
        """The edges by which member `i` comes after those that are `done`; the states that they reach join `ways`.
        `optional`: it is the last of an optional group."""
        own, member = group.members[i]
        others = {j: [x.step for x in leaves(m) or ()] for j, (_, m) in enumerate(group.members) if j != i}
        earlier = tuple(s for j, steps in others.items() if j in done for s in steps)
        later = frozenset(s.capture for j, steps in others.items() if j not in done for s in steps if s.capture)
        count: Count | None = None
        if isinstance(member, model.Counted):
            count, found = self.count(member, own or hop)
        else:
            found = list(leaves(member, own) or ())
        number = found[0].step.number
        for leaf in found:
            link = leaf.hop or hop
            # a member's own limits count from what stands before the group, the group's hop is for its first event
            limit = leaf.hop if leaf.hop is not hop else None
            since = ((before.moment, limit),) if done and limit is not None and before.moment is not None else ()
            way = Approach(
                link,
                () if done else (hop, limit),
                since=since,
                optional=optional,
                inside=bool(done),
                joined_to=before.known,
                kept=tuple(field.name for field, _ in waiting(leaf.step, later)),
                count=count,
                priors=leaf.priors,
            )
            step = msgspec.structs.replace(leaf, step=asked(leaf.step, later, earlier))
            # an arrow reads what stands before the group, and what siblings before it left
            bound = msgspec.structs.replace(before.known, captures=exit.known.captures)
            for arrow in self.linking.arrows(step.step, bound, link):
                alone = self.after(leaf, number, before.known, way, arrow)
                into = self.among(ways, exit, i, leaf.step.title, alone, number)
                self.edges.add(into, exit, step, number, way, arrow)

    def among(self, ways: list[Exit], exit: Exit, i: int, title: str, alone: Known, number: int) -> int:
        """The state that member `i` leads to: one of `ways`, or a new one that joins them. `alone`: what would be known
        if nothing else of the group had matched; what it captures is added to what the others captured."""
        acted = Acted(i, alone.subject if alone.subject in (f"#{number}", f"@{number}") else None, alone.identity)
        known = msgspec.structs.replace(
            exit.known,
            captures=tuple(sorted({*exit.known.captures, *alone.captures})),
            group=tuple(sorted((*exit.known.group, acted))),
        )
        same = next((w for w in ways if w.known == known), None)
        if same is None:
            before_it = f"{self.draft.titles[exit.state]} & " if exit.known.group and exit.state is not None else ""
            same = Exit(self.draft.state(before_it + title), known)
            ways.append(same)
        assert same.state is not None
        return same.state

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


def _priors(element: model.WithoutPrior) -> tuple[model.WithoutPrior, ...]:
    inner = element.element
    return (*(_priors(inner) if isinstance(inner, model.WithoutPrior) else ()), element)


def _count_reads(element: Element) -> frozenset[tuple[str, str]]:
    """What the measures of counted steps read of captures."""
    match element:
        case model.Counted():
            found: frozenset[tuple[str, str]] = frozenset()
            return found.union(*map(measure_reads, element.measures))
        case model.All() | model.Either():
            return frozenset().union(*(_count_reads(m) for _, m in element.members))
        case model.Step():
            return frozenset()
        case _:
            return _count_reads(element.element)
