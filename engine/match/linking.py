"""What an event of a step must have in common with the match before it: its joins.

Explicit links, whole captures as arguments, equalities of plain values, and the arrow's own causation become joins: one
look-up each instead of a scan. Made by `compile`; asked at run time by `joining`.
"""

from collections.abc import Iterable, Iterator

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Hop, Step
from chainrun.dsl.types import Entity
from chainrun.dsl.vocabulary import vocabulary

from .automaton import Absence, Join
from .conditions import members, reads
from .equality import same, same_plain
from .known import CAUSAL, Book, Known, actor_entity, has_actor, introduces_actor, named
from .siblings import compared, is_kept

LINKS = {"by": "actor", "under": "caused", "of": "concerns", "from": "source"}

# The slot that stands for who caused an event, where something is linked to what comes after it.
LED = "<led>"


class Arrow(msgspec.Struct, frozen=True):
    """One way in which a step can be joined: `loose` and `nobody` as in an edge. `adrift`: by nothing that the step
    could hang on."""

    joins: tuple[Join, ...]
    loose: bool = False
    nobody: Join | None = None
    adrift: bool = False


class Linking:
    def __init__(self, book: Book) -> None:
        self.book = book

    def arrows(self, step: Step, known: Known, hop: Hop | None) -> list[Arrow]:
        """The ways in which a step follows on what is known."""
        own = tuple(self._own(step, known))
        linked = any(part.links for part in step.parts)
        if linked or known.subject is None or hop is None or hop.arrow not in CAUSAL:
            return [Arrow(own)]
        subject, entity = known.subject, self.book.entity(known.subject)
        caused = Join(subject, "caused", entity=entity)
        ways = [Arrow((*own, caused))]
        if entity in (Entity.SESSION, Entity.IDENTITY):
            ways.append(Arrow((*own, Join(subject, "open", entity=entity)), loose=True))
        if hop.arrow == "->?":
            ways.append(Arrow(own, loose=True, nobody=caused, adrift=True))
            ways.append(Arrow((*own, Join(subject, "unknown")), loose=True, adrift=True))
        return ways

    def absences(self, step: Step, known: Known, hop: Hop | None) -> Iterator[Absence]:
        """A step that must not happen, linked as written. What is unknown counts without a way of its own."""
        for arrow in self.arrows(step, known, hop):
            if not arrow.adrift:
                yield Absence(step, arrow.joins, self.reads(step, known))

    def leading(self, step: Step, hop: Hop | None, limit: int) -> Absence:
        """A step that must not have happened before the first: after `->`, none that could have caused it."""
        entity = step.introduces.entity if step.introduces and introduces_actor(step) else actor_entity(step)
        joins: tuple[Join, ...] = ()
        if hop is not None and hop.arrow in CAUSAL and (introduces_actor(step) or has_actor(step)):
            joins = (Join(LED, "leads", "#" if introduces_actor(step) else "@", entity),)
        return Absence(step, joins, limit=limit)

    def prior(self, step: Step, known: Known, limit: int) -> Absence:
        """The step of a `without prior`, linked by nothing but what it says of captures."""
        return Absence(step, tuple(self._own(step, known)), self.reads(step, known), limit)

    def until(self, step: Step, known: Known) -> Absence | None:
        """What ends a match: linked as written, else by the subject itself; a step without an actor ends all.
        None where what it is linked to is not there yet."""
        captures = dict(known.captures)
        if any(c not in captures for c in (*named(step), *(c for c, _ in step_reads(step)))):
            return None
        joins = tuple(self._own(step, known))
        if not any(part.links for part in step.parts) and has_actor(step):
            if known.subject is None:
                return None
            joins = (*joins, Join(known.subject, "actor", entity=self.book.entity(known.subject)))
        return Absence(step, joins, self.reads(step, known), certain=True)

    def reads(self, step: Step, known: Known) -> tuple[tuple[str, str, str], ...]:
        """The captured values that a step reads, with their slots: (capture, field, slot)."""
        captures = dict(known.captures)
        found = ((c, f) for c, f in step_reads(step) if c in captures or is_kept(c))
        return tuple(sorted((c, f, self.slot(captures, c, f)) for c, f in found))

    def slot(self, captures: dict[str, int], name: str, field: str) -> str:
        return f"{name}.{field}" if field else self.book.entity_slot(captures[name])

    def _own(self, step: Step, known: Known) -> Iterator[Join]:
        captures = dict(known.captures)
        for part in step.parts:
            for link in part.links:
                if link.capture in captures:
                    slot = self.book.entity_slot(captures[link.capture])
                    yield Join(slot, LINKS[link.word], self.book.field(slot), self.book.entity(slot))
            for argument in part.arguments:
                pattern = argument.pattern
                if isinstance(pattern, model.FromCapture) and pattern.field is None and pattern.capture in captures:
                    slot = self.book.entity_slot(captures[pattern.capture])
                    yield Join(slot, "entity", argument.target.field, self.book.entity(slot))
                elif isinstance(pattern, model.FromCapture) and pattern.field is not None:
                    yield from self._same_value(argument.target, pattern, captures)
            for condition in (part.where, step.where):
                yield from self._equalities(captures, condition)

    @staticmethod
    def _same_value(target: model.Target, other: model.FromCapture, captures: dict[str, int]) -> Iterator[Join]:
        """`user: app.user.name` is such an equality too."""
        assert other.field is not None
        own, theirs = vocabulary().field(target.field), vocabulary().field(other.field)
        if other.capture not in captures or own is None or theirs is None or own.many or theirs.many:
            return
        plain = same(own.type, target.field) is same(theirs.type, other.field) is same_plain
        if plain and own.type == theirs.type:
            yield Join(f"{other.capture}.{other.field}", "value", target.field)

    def _equalities(self, captures: dict[str, int], condition: model.Expression | None) -> Iterator[Join]:
        """`field == capture.field` of plain values becomes a join."""
        for part in members(condition, "and") if condition is not None else ():
            pair = compared(part)
            if pair is None or not (pair[1].capture in captures or is_kept(pair[1].capture)):
                continue
            own, other = pair
            plain = same(own.type, own.name) is same(other.type, other.name) is same_plain
            if plain and own.type == other.type and not own.many and not other.many:
                yield Join(f"{other.capture}.{other.name}", "value", own.name)


def is_joined(step: Step, joins: Iterable[Join]) -> bool:
    """Whether the joins say all that a step asks of captures: each of its conditions on them became one."""
    asked: list[model.Pattern | model.Expression] = list(conditions(step))
    for part in step.parts:
        # a capture as the whole argument is a join, exact by itself
        patterns = (a.pattern for a in part.arguments)
        asked += (p for p in patterns if not (isinstance(p, model.FromCapture) and p.field is None))
    return sum(join.how == "value" for join in joins) == sum(bool(reads(one)) for one in asked)


def conditions(step: Step) -> Iterator[model.Expression]:
    """What a step asks after `where`, one by one."""
    for condition in (*(part.where for part in step.parts), step.where):
        yield from members(condition, "and") if condition is not None else ()


def step_reads(step: Step) -> frozenset[tuple[str, str]]:
    """(capture, field) pairs that a step reads, its exceptions too; field '' is the entity itself."""
    pairs: set[tuple[str, str]] = set()
    for part in step.parts:
        for argument in part.arguments:
            pairs |= reads(argument.pattern)
        if part.where is not None:
            pairs |= reads(part.where)
    if step.where is not None:
        pairs |= reads(step.where)
    for exclusion in step.exceptions:
        pairs |= reads(exclusion.when)
    return frozenset(pairs)
