"""The subject of a chain, position by position, and whether what follows `->` can be caused by it.

    mail -> open -> write -> spawn -> call
    identity  process        process  ^ a process makes no cloud calls: `~>` is offered

The subject is what the nearest earlier step introduced; before any has, the actor of the nearest earlier step that has
one; right after `~>` what that step introduced, else its actor. An optional step leaves two possibilities, and both
must hold (docs/language.md, "The subject").
"""

import msgspec
from chainrun.dsl import model
from chainrun.dsl.diagnostic import Fix, Label
from chainrun.dsl.source import Span
from chainrun.dsl.types import ACTORS, Entity
from chainrun.dsl.vocabulary import ACTOR_ENTITIES

from .scope import Scope, actor_of, an

CAUSAL = frozenset({"->", "->?"})


class Subject(msgspec.Struct, frozen=True):
    """One possibility of what the subject is: its entity (None: not known), who brought it, and how."""

    entity: Entity | None = None
    introduced: bool = False
    span: Span | None = None


Subjects = tuple[set[Subject], model.Either | None]  # and the alternative that leaves none, where one does


def check_causes(positions: tuple[model.Position, ...], scope: Scope) -> None:
    """Report every step that its arrow's subject cannot cause, and alternatives that leave no single subject."""
    before: Subjects = ({Subject()}, None)
    for position, after in zip(positions, _after_each(positions), strict=True):
        hop, element = position.hop, position.element
        subjects, mixed = before
        if hop is not None:
            if mixed is not None and _leans_on_subject(hop, element):
                _report_mixed(mixed, hop, scope)
            else:
                _check(element, hop, subjects, scope)
        before = after


def check_until(positions: tuple[model.Position, ...], until: model.Step, scope: Scope) -> None:
    """Report an `until` without a link whose actor no subject of the chain can be."""
    last_is_absent = bool(positions) and isinstance(positions[-1].element, model.Absent)
    begun = _after_each(positions)[: None if last_is_absent else -1]
    subjects = {subject for found, _ in begun for subject in found}
    kind = next((p.kind for p in until.parts if p.kind.actor is not None), None)
    if kind is None or _has_link(until) or not subjects or any(_can_end(s.entity, kind) for s in subjects):
        return
    entities = sorted({s.entity for s in subjects if s.entity is not None})
    actor = ACTOR_ENTITIES.get(kind.actor or "")
    about = kind.introduces is not None and kind.introduces.entity in entities
    named = next((c.name for c in scope.captures.values() if c.introduced == kind.introduces), "box")
    scope.faults.error(
        "C314",
        f"`{kind.name}` never ends this chain",
        until.span,
        f"it is done by {an(actor)}, and the chain is about {' or '.join(map(an, entities))}" if actor else "",
        notes=("without a link, `until` takes what the chain's subject itself does",),
        helps=(f"link it: `until {kind.name} of {named}`",) if about else (),
    )


def _can_end(subject: Entity | None, kind: model.Kind) -> bool:
    """Whether the subject itself may be who acts in such an event; of one that is not known it may."""
    actor = ACTOR_ENTITIES.get(kind.actor or "")
    if subject is None or actor is None or subject is actor:
        return True
    if subject is Entity.SESSION:
        return actor is Entity.IDENTITY  # what an identity does, it does in a session
    # containers and instances act by what runs in them; who starts and stops them is somebody else
    in_it = subject in (Entity.CONTAINER, Entity.INSTANCE) and actor is Entity.PROCESS
    return in_it and (kind.introduces is None or kind.introduces.entity is not subject)


def _after_each(positions: tuple[model.Position, ...]) -> list[Subjects]:
    """What the subject may be after each position."""
    found: list[Subjects] = []
    subjects: set[Subject] = {Subject()}
    mixed: model.Either | None = None
    for position in positions:
        hop, element = position.hop, position.element
        if not (isinstance(element, model.Absent) and hop is not None):
            mixed = _mixed(element)
            subjects = {after for subject in subjects for after in _after(subject, hop, element)}
            if mixed is not None:
                subjects = {Subject()}
        found.append((subjects, mixed))
    return found


def _after(subject: Subject, hop: model.Hop | None, element: model.Element) -> set[Subject]:
    """The subjects that an element leaves behind."""
    match element:
        case model.Optional():
            return {subject, *_after(subject, hop, element.element)}
        case model.WithoutPrior():
            return _after(subject, hop, element.element)
        case model.Absent():  # a leading one: what it names could have caused what follows
            return _after(subject, hop, element.element)
        case model.All():
            for _, member in reversed(element.members):
                step = _introducing(member)
                if step is not None:
                    return {Subject(_introduced(step), True, step.span)}
            return {subject if subject.introduced or hop is not None else _acting(element) or subject}
        case model.Repeat() | model.Counted():
            return {subject if subject.introduced else _acting(element) or subject}
    step = _introducing(element)
    if step is not None:
        return {Subject(_introduced(step), True, step.span)}
    if subject.introduced and (hop is None or hop.arrow in CAUSAL):
        return {subject}
    return {_acting(element) or subject}


def _introduced(step: model.Step) -> Entity | None:
    introduced = step.introduces
    return introduced.entity if introduced is not None and introduced.entity in ACTORS else None


def _introducing(element: model.Element) -> model.Step | None:
    """The step of an element that introduces a subject, if there is one."""
    if isinstance(element, model.Repeat | model.Counted | model.Absent):
        return None
    return next((s for s in _leaves(element) if _introduced(s) is not None), None)


def _acting(element: model.Element) -> Subject | None:
    """The actor of an element's last step that has one."""
    for step in reversed(_leaves(element)):
        actor = actor_of(tuple(p.kind for p in step.parts))
        if actor is not None:
            return Subject(actor, False, step.span)
    return None


def _leaves(element: model.Element) -> tuple[model.Step, ...]:
    """The steps of an element that can match, priors excluded."""
    match element:
        case model.Step():
            return (element,)
        case model.All() | model.Either():
            return tuple(s for _, m in element.members for s in _leaves(m))
        case _:
            return _leaves(element.element)


# -- alternatives ----------------------------------------


def _mixed(element: model.Element) -> model.Either | None:
    """The alternative whose branches introduce different types, where the element is one."""
    match element:
        case model.Either():
            kinds = set()
            for _, member in element.members:
                step = _introducing(member)
                kinds.add(_introduced(step) if step is not None else None)
            return element if len(kinds) > 1 else None
        case model.Optional() | model.WithoutPrior():
            return _mixed(element.element)
        case _:
            return None


def _leans_on_subject(hop: model.Hop, element: model.Element) -> bool:
    return any(arrow.arrow in CAUSAL and not _has_link(step) for arrow, step in _arrows(element, hop))


def _report_mixed(either: model.Either, hop: model.Hop, scope: Scope) -> None:
    says = []
    for _, member in either.members:
        step = _introducing(member)
        entity = _introduced(step) if step is not None else None
        name = (step or _leaves(member)[0]).kind
        says.append(f"`{name}` introduces {an(entity)}" if entity else f"`{name}` introduces nothing that acts")
    scope.faults.error(
        "C220",
        "the branches of this alternative introduce different things",
        either.span,
        "; ".join(says),
        also=(Label(_arrow(hop), "so what follows is caused by nobody in particular"),),
        helps=("link the next step to a capture with `by`, or write two chains",),
        fix=Fix(_arrow(hop), "~>", "or drop the causation"),
    )


# -- causes ----------------------------------------


def _arrows(element: model.Element, hop: model.Hop) -> list[tuple[model.Hop, model.Step]]:
    """Each step of an element with the arrow that leads to it."""
    match element:
        case model.Step():
            return [(hop, element)]
        case model.All() | model.Either():
            return [pair for own, member in element.members for pair in _arrows(member, own or hop)]
        case _:
            return _arrows(element.element, hop)


def _has_link(step: model.Step) -> bool:
    return any(part.links for part in step.parts)


def _check(element: model.Element, hop: model.Hop, subjects: set[Subject], scope: Scope) -> None:
    for arrow, step in _arrows(element, hop):
        if arrow.arrow not in CAUSAL or _has_link(step):
            continue
        for subject in sorted(subjects, key=lambda s: s.entity or ""):
            wrong = next(
                (p for p in step.parts if subject.entity and not scope.vocabulary.can_cause(subject.entity, p.kind)),
                None,
            )
            if wrong is not None:
                _report(wrong, arrow, subject, scope)
                break


def _report(part: model.Part, hop: model.Hop, subject: Subject, scope: Scope) -> None:
    assert subject.entity is not None
    kind = part.kind
    also: tuple[Label, ...] = ()
    if subject.span is not None:
        brought = "introduced here" if subject.introduced else "who acts here"
        also = (Label(subject.span, f"the {subject.entity} {brought}"),)
    actor = ACTOR_ENTITIES.get(kind.actor or "")
    scope.faults.error(
        "C219",
        f"`{kind.name}` cannot be caused by {an(subject.entity)}",
        part.span,
        f"it is done by {an(actor)}" if actor else "",
        also=also,
        fix=Fix(_arrow(hop), "~>", "let it merely come later, whoever acts"),
    )


def _arrow(hop: model.Hop) -> Span:
    return Span(hop.span.start, hop.span.start + len(hop.arrow))
