"""The slow, obvious matcher: enumerates every assignment of events to steps, straight from the language's definitions.

Shares nothing with the engine but the model and the event. It knows a small world (exact words, no paths to normalise),
which `tests/worlds.py` generates. What it says of a stream is the truth that the engine is compared with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Hop, Step
from chainrun.engine.event import Event

HOUR = 3_600_000_000
CAN_ACT = {"process"}


@dataclass(frozen=True)
class Proc:
    """A process of the oracle's own world: its host and pid are its identity."""

    host: str
    pid: int


@dataclass
class World:
    """Who started whom and when, from the starts in the stream."""

    parents: dict[Proc, Proc] = field(default_factory=dict)
    starts: dict[Proc, int] = field(default_factory=dict)

    def line(self, process: Proc | None) -> list[Proc]:
        found = []
        while process is not None:
            found.append(process)
            process = self.parents.get(process)
        return found


@dataclass(frozen=True)
class Taken:
    """An event in the place of a step."""

    step: Step
    event: Event
    introduced: Any
    actor: Proc | None
    implicit: bool
    fields: dict[str, Any] = field(compare=False, hash=False)


@dataclass(frozen=True)
class Partial:
    """An assignment so far: the events taken, in the order of their steps, and what the next step hangs on."""

    taken: tuple[Taken, ...] = ()
    subject: Any = None
    introduced: bool = False
    captures: tuple[tuple[str, Taken], ...] = ()
    identity: tuple[Any, ...] = ()
    level: int = 0

    @property
    def first_time(self) -> int:
        return min(t.event.time for t in self.taken)

    @property
    def last(self) -> Taken:
        return max(reversed(self.taken), key=lambda t: t.event.order)

    def capture(self, name: str) -> Taken | None:
        return dict(self.captures).get(name)


# A member of a group, the partial with it alone, and the hop that links it.
Choice = tuple[Taken | None, Partial, Hop | None]


@dataclass(frozen=True)
class Found:
    """An alert as the oracle sees it: orders of events by step number."""

    at: int
    evidence: dict[int, tuple[int, ...]]
    witness: dict[int, int]


def alerts(chain: Chain, events: list[Event]) -> list[Found]:
    """Every alert of a stream, in order."""
    return Oracle(chain, events).run()


class Oracle:
    def __init__(self, chain: Chain, events: list[Event]) -> None:
        self.chain = chain
        self.events = events
        self.world = World()
        for event in events:
            if "spawn" in event.kinds:
                child = Proc(event.host, event.fields["process.pid"])
                self.world.parents[child] = Proc(event.host, event.fields["process.parent.pid"])
                self.world.starts[child] = event.time

    # -- what an event can be ------------------------------------------------

    def readings(self, step: Step, event: Event) -> Iterator[Taken]:
        kinds = {part.base for part in step.parts}
        own = event.fields
        child = Proc(event.host, own["process.pid"]) if "process.pid" in own else None
        is_start = "spawn" in event.kinds
        actor = Proc(event.host, own["process.parent.pid"]) if is_start else child
        if "open" not in kinds:
            if kinds <= event.kinds:
                introduced = None
                entity = step.introduces
                if entity is not None and entity.entity == "process":
                    introduced = child
                elif entity is not None and entity.entity == "file" and own.get("file.path") is not None:
                    introduced = (event.host, own["file.path"])
                yield Taken(step, event, introduced, actor, False, own)
            return
        if not kinds - {"open"} <= event.kinds:
            return
        if "open" in event.kinds:
            yield Taken(step, event, child, child, self.open_before(child, event), own)
            if actor == child:
                return
        if self.open_before(actor, event):
            seen = dict(own)
            if is_start:
                seen = {k: v for k, v in own.items() if not k.startswith("process.")}
                seen |= {f"process.{k[15:]}": v for k, v in own.items() if k.startswith("process.parent.")}
            yield Taken(step, event, actor, actor, True, seen)

    def open_before(self, process: Proc | None, event: Event) -> bool:
        if process is None:
            return False
        start = self.world.starts.get(process)
        if start is None:
            return True
        return self.chain.within is not None and event.time - start > self.chain.within

    # -- conditions, three-valued ---------------------------------------------

    def value(self, e: Any, taken: Taken, partial: Partial) -> Any:
        match e:
            case model.Literal():
                return e.value
            case model.Field():
                return taken.fields.get(e.name)
            case model.CaptureField():
                other = partial.capture(e.capture)
                return None if other is None else other.fields.get(e.name)
        raise AssertionError(e)

    def truth(self, e: Any, taken: Taken, partial: Partial) -> bool | None:
        match e:
            case model.Binary(op="and"):
                both = (self.truth(e.left, taken, partial), self.truth(e.right, taken, partial))
                return False if False in both else None if None in both else True
            case model.Binary(op="or"):
                both = (self.truth(e.left, taken, partial), self.truth(e.right, taken, partial))
                return True if True in both else None if None in both else False
            case model.Not():
                inner = self.truth(e.operand, taken, partial)
                return None if inner is None else not inner
            case model.Binary():
                left, right = self.value(e.left, taken, partial), self.value(e.right, taken, partial)
                if left is None or right is None:
                    return None
                return {
                    "==": lambda: left == right,
                    "!=": lambda: left != right,
                    "<": lambda: left < right,
                    "<=": lambda: left <= right,
                    ">": lambda: left > right,
                    ">=": lambda: left >= right,
                }[e.op]()
        raise AssertionError(e)

    def tested(self, target: model.Target, taken: Taken) -> Any:
        if target.field in ("process", "process.parent"):
            return taken.fields.get(f"{target.field}.name")
        if target.field == "destination":
            return taken.fields.get("destination.domain")
        return taken.fields.get(target.field)

    def passes(self, pattern: Any, target: model.Target, taken: Taken, partial: Partial) -> bool | None:
        match pattern:
            case model.Words():
                value = self.tested(target, taken)
                values = value if isinstance(value, tuple) else (value,)
                return None if value is None else any(v == w.text for v in values for w in pattern.words)
            case model.NotIn():
                inner = self.passes(pattern.pattern, target, taken, partial)
                return None if inner is None else not inner
            case model.FromCapture():
                other = partial.capture(pattern.capture)
                assert other is not None
                if pattern.field is not None:
                    known = other.fields.get(pattern.field)
                    value = self.tested(target, taken)
                    return None if known is None or value is None else known == value
                if isinstance(other.introduced, Proc):
                    mine = Proc(taken.event.host, taken.event.fields["process.pid"])
                    return mine == other.introduced
                path = taken.fields.get(target.field)
                paths = path if isinstance(path, tuple) else (path,)
                return other.introduced is not None and any((taken.event.host, p) == other.introduced for p in paths)
        raise AssertionError(pattern)

    # -- one step -------------------------------------------------------------

    def fits(self, taken: Taken, before: Partial, hop: Hop | None) -> bool:
        step = taken.step
        explicit = False
        for part in step.parts:
            for argument in part.arguments:
                if self.passes(argument.pattern, argument.target, taken, before) is not True:
                    return False
            for link in part.links:
                explicit = True
                other = before.capture(link.capture)
                if other is None or taken.actor is None:
                    return False
                entity = other.introduced if isinstance(other.introduced, Proc) else other.actor
                if link.word == "by" and taken.actor != entity:
                    return False
                if link.word == "under" and entity not in self.world.line(taken.actor):
                    return False
            if part.where is not None and self.truth(part.where, taken, before) is not True:
                return False
        if step.where is not None and self.truth(step.where, taken, before) is not True:
            return False
        linked = hop is not None and hop.arrow == "->" and before.subject is not None and not explicit
        return not linked or before.subject in self.world.line(taken.actor)

    def tells(self, part: model.Part, taken: Taken) -> bool:
        """Whether the arguments that read nothing but the event hold; spares the rest of a group's choices."""
        return all(
            isinstance(a.pattern, model.FromCapture) or self.passes(a.pattern, a.target, taken, Partial()) is True
            for a in part.arguments
        )

    def after(self, taken: Taken, before: Partial, hop: Hop | None, capture: str | None, optional: bool) -> Partial:
        step = taken.step
        subject, introduced = before.subject, before.introduced
        acts = step.introduces is not None and step.introduces.entity in CAN_ACT
        has_actor = step.parts[0].kind.actor is not None
        if acts:
            subject, introduced = taken.introduced, True
        elif has_actor and (not introduced or (hop is not None and hop.arrow == "~>")):
            subject, introduced = taken.actor, False
        captures = before.captures + tuple((n, taken) for n in (step.capture, capture) if n is not None)
        return Partial(
            (*before.taken, taken),
            subject,
            introduced,
            captures,
            before.identity if optional else self.hangs_on(taken, before, hop),
            before.level + optional,
        )

    def hangs_on(self, taken: Taken, before: Partial, hop: Hop | None) -> tuple[Any, ...]:
        names = [link.capture for part in taken.step.parts for link in part.links]
        names += [
            a.pattern.capture for p in taken.step.parts for a in p.arguments if isinstance(a.pattern, model.FromCapture)
        ]
        if names:
            result = []
            for name in dict.fromkeys(names):
                other = before.capture(name)
                assert other is not None
                result.append(other.introduced if other.step.introduces is not None else other.actor)
            return tuple(dict.fromkeys(result))
        if hop is not None and hop.arrow == "->" and before.subject is not None:
            return (before.subject,)
        return (taken.actor,) if taken.step.parts[0].kind.actor is not None else ()

    # -- elements -------------------------------------------------------------

    def ways(self, element: Element, before: Partial, hop: Hop | None, optional: bool = False) -> Iterator[Partial]:
        match element:
            case Step():
                yield from self.step_ways(element, before, hop, None, optional)
            case model.Either():
                for own, member in element.members:
                    if isinstance(member, Step):
                        yield from self.step_ways(member, before, own or hop, element.capture, optional)
                    else:
                        yield from self.ways(member, before, own or hop, optional)
            case model.Optional():
                yield before
                yield from self.ways(element.element, before, hop, True)
            case model.All():
                yield from self.all_ways(element, before, hop)
            case _:
                raise AssertionError(element)

    def step_ways(
        self, step: Step, before: Partial, hop: Hop | None, capture: str | None, optional: bool
    ) -> Iterator[Partial]:
        for event in self.events:
            for taken in self.readings(step, event):
                if before.taken and not self.may_follow(taken, before, hop):
                    continue
                if self.fits(taken, before, hop):
                    yield self.after(taken, before, hop, capture, optional)

    @staticmethod
    def may_follow(taken: Taken, before: Partial, hop: Hop | None) -> bool:
        last = before.last
        gap = taken.event.time - last.event.time
        if hop is not None and hop.most is not None and gap > hop.most:
            return False
        if hop is not None and hop.least is not None and gap < hop.least:
            return False
        if taken.event.order > last.event.order:
            return True
        same = taken.event.order == last.event.order
        return same and last.implicit and not taken.implicit and not (hop is not None and hop.least)

    def all_ways(self, group: model.All, before: Partial, hop: Hop | None) -> Iterator[Partial]:
        """Each member takes an event after what stands before the group; all different; the first within the hop."""

        def choose(i: int, so_far: list[Choice]) -> Iterator[list[Choice]]:
            if i == len(group.members):
                yield so_far
                return
            own, member = group.members[i]
            inner = member.element if isinstance(member, model.Optional) else member
            if isinstance(member, model.Optional):
                yield from choose(i + 1, [*so_far, (None, before, None)])
            arrow = own or hop
            branches = inner.members if isinstance(inner, model.Either) else ((None, inner),)
            capture = inner.capture if isinstance(inner, model.Either) else None
            for branch_hop, step in branches:
                link = branch_hop or arrow
                for event in self.events:
                    if any(t is not None and t.event is event for t, _, _ in so_far):
                        continue
                    for taken in self.readings(step, event):
                        loose = Hop(arrow=link.arrow) if link is not None else None
                        if before.taken and not self.may_follow(taken, before, loose):
                            continue
                        one = self.after(taken, before, link, capture, isinstance(member, model.Optional))
                        if all(self.tells(part, taken) for part in step.parts):
                            yield from choose(i + 1, [*so_far, (taken, one, link)])

        for choice in choose(0, []):
            members = [(t, p) for t, p, _ in choice if t is not None]
            if not members:
                yield before
                continue
            # members may compare each other's captures, whichever came first
            seen = tuple(c for _, one in members for c in one.captures[len(before.captures) :])
            among = replace(before, captures=before.captures + seen)
            if not all(t is None or self.fits(t, among, link) for t, _, link in choice):
                continue
            first = min(t.event.time for t, _ in members)
            order_first = min(members, key=lambda m: m[0].event.order)[0]
            if before.taken and hop is not None:
                gap = first - before.last.event.time
                if (hop.most is not None and gap > hop.most) or (hop.least is not None and gap < hop.least):
                    continue
            # an implicit open before the group may be the event of one member, the first
            coinciding = [t for t, _ in members if before.taken and t.event.order == before.last.event.order]
            if coinciding and (coinciding[0] is not order_first or (hop is not None and hop.least)):
                continue
            subject, introduced, identity = before.subject, before.introduced, before.identity
            captures, level = before.captures, before.level
            for (taken, one, _), (_, member) in zip(choice, group.members, strict=True):
                if taken is None:
                    continue
                step = taken.step
                if step.introduces is not None and step.introduces.entity in CAN_ACT:
                    subject, introduced = taken.introduced, True
                elif before.subject is None and not introduced and step.parts[0].kind.actor is not None:
                    subject = taken.actor
                captures = captures + one.captures[len(before.captures) :]
                if isinstance(member, model.Optional):
                    level += 1
                else:
                    identity = one.identity
            taken_all = before.taken + tuple(t for t, _ in members)
            yield Partial(taken_all, subject, introduced, captures, identity, level)

    # -- alerts ---------------------------------------------------------------

    def matches(self) -> list[Partial]:
        positions = list(self.chain.positions)
        while len(positions) > 1 and isinstance(positions[-1].element, model.Optional):
            positions.pop()
        partials = [Partial()]
        for position in positions:
            partials = [after for before in partials for after in self.ways(position.element, before, position.hop)]
        return [p for p in partials if self.holds(p)]

    def scope(self, event: Event) -> tuple[Any, ...]:
        return tuple(event.host if f == "host" else event.fields.get(f) for f in self.chain.scope)

    def holds(self, partial: Partial) -> bool:
        if not partial.taken:
            return False
        if len({self.scope(t.event) for t in partial.taken}) != 1 or None in self.scope(partial.taken[0].event):
            return False
        if self.chain.within is not None and partial.last.event.time - partial.first_time > self.chain.within:
            return False
        for exclusion in self.chain.exceptions:
            if self.truth(exclusion.when, partial.taken[-1], partial) is True:
                return False
        return True

    def run(self) -> list[Found]:
        by_event: dict[int, list[Partial]] = {}
        for partial in self.matches():
            by_event.setdefault(partial.last.event.order, []).append(partial)
        window = self.chain.within if self.chain.within is not None else HOUR
        until: dict[tuple[Any, Any], int] = {}
        found = []
        for order in sorted(by_event):
            at = self.events[order].time
            places: dict[tuple[Any, Any], list[Partial]] = {}
            for partial in by_event[order]:
                places.setdefault((self.scope(partial.last.event), partial.identity), []).append(partial)

            def depth(place: tuple[Any, Any]) -> int:
                identity = place[1]
                is_process = len(identity) == 1 and isinstance(identity[0], Proc)
                return len(self.world.line(identity[0])) if is_process else 0

            for place in sorted(places, key=depth):
                scope, identity = place
                above = [place]
                if len(identity) == 1 and isinstance(identity[0], Proc):
                    above = [(scope, (p,)) for p in self.world.line(identity[0])]
                if any(until.get(p, at - 1) >= at for p in above):
                    continue
                until[place] = at + window
                level = max(p.level for p in places[place])
                best = [p for p in places[place] if p.level == level]
                found.append(self.alert(order, best))
        return found

    @staticmethod
    def alert(order: int, partials: list[Partial]) -> Found:
        evidence: dict[int, set[int]] = {}
        for partial in partials:
            for taken in partial.taken:
                evidence.setdefault(taken.step.number, set()).add(taken.event.order)

        def tightness(p: Partial) -> tuple[int, list[int], list[int]]:
            last_first = sorted(((t.event.order, i, -t.step.number) for i, t in enumerate(p.taken)), reverse=True)
            return p.first_time, [order for order, _, _ in last_first], [number for _, _, number in last_first]

        tightest = max(partials, key=tightness)
        return Found(
            order,
            {n: tuple(sorted(s)) for n, s in sorted(evidence.items())},
            {t.step.number: t.event.order for t in tightest.taken},
        )
