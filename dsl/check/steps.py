"""One step: its kinds, arguments, links and condition."""

from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.nearest import nearest
from chainrun.dsl.source import Span
from chainrun.dsl.types import ACTORS, Entity
from chainrun.dsl.vocabulary import ACTOR_ENTITIES

from .conditions import condition
from .patterns import pattern, warn_of_emptiness
from .scope import Capture, Scope, an

ORIGINS = frozenset({Entity.CONTAINER, Entity.INSTANCE})  # entities that have an address of their own


def step(node: tree.Step, scope: Scope, number: int, title: str, capture: str | None = None) -> model.Step | None:
    """The step; None where something in it is wrong."""
    parts = [_part(p, scope) for p in node.parts]
    where = condition(node.where, scope) if node.where is not None else None
    if not all(parts) or (node.where is not None and where is None):
        return None
    return model.Step(
        number=number,
        parts=tuple(p for p in parts if p is not None),
        where=where,
        capture=capture,
        title=title,
        span=node.span,
    )


def kinds_of(node: tree.Step, scope: Scope) -> tuple[model.Kind, ...] | None:
    """The kinds of a step, without a word about unknown ones: None if there is any."""
    found = [scope.kinds.get(p.kind.text) for p in node.parts]
    return tuple(m.kind for m in found if m is not None) if all(found) else None


def _part(node: tree.Part, scope: Scope) -> model.Part | None:
    meaning = scope.meaning(node.kind)
    links = [_link(link, meaning.kind if meaning else None, scope) for link in node.links]
    if meaning is None:
        return None
    own = arguments(node, meaning.kind, scope)
    if own is None or not all(links):
        return None
    return model.Part(
        kind=meaning.kind,
        base=meaning.base,
        arguments=meaning.arguments + own,
        links=tuple(link for link in links if link is not None),
        where=meaning.where,
        span=node.span,
    )


def arguments(node: tree.Part, kind: model.Kind, scope: Scope) -> tuple[model.Argument, ...] | None:
    """The arguments as tests of fields; None where one is wrong."""
    found: list[model.Argument] = []
    first: dict[str | None, Span] = {}
    faulty = False
    for given in node.arguments or ():
        name = given.name.text if given.name is not None else None
        place = given.name.span if given.name is not None else given.span
        if first.setdefault(name, place) is not place:
            what = f"`{name}:` is given twice" if name else f"`{node.kind.text}` takes one positional argument"
            also = (Label(first[name], "first here"),)
            helps = () if name else ("several sets are joined with `+`",)
            scope.faults.error("C417", what, place, also=also, helps=helps)
            faulty = True
            continue
        target = _target(given, kind, scope)
        user = f"`{node.kind.text}`" if name is None else f"`{name}:`"
        tested = pattern(given.value, target, scope, user) if target is not None else None
        if target is None or tested is None:
            faulty = True
            continue
        warn_of_emptiness(tested, given.span, scope)
        found.append(model.Argument(name=name, target=target, pattern=tested, span=given.span))
    return None if faulty else tuple(found)


def _target(given: tree.Argument, kind: model.Kind, scope: Scope) -> model.Target | None:
    if given.name is None:
        if kind.tests is None:
            scope.faults.error(
                "C417",
                f"`{kind.name}` has no positional argument",
                given.span,
                f"`{kind.name}` takes {kind.takes}" if kind.takes else "",
                helps=("name what is tested: `user: …`, or use `where`",),
            )
        return kind.tests
    found = kind.arguments.get(given.name.text)
    if found is None:
        meant = nearest(given.name.text, kind.arguments)
        scope.faults.error(
            "C205",
            f"`{kind.name}` has no argument `{given.name.text}`",
            given.name.span,
            f"did you mean `{meant}`?" if meant else "",
            notes=(f"arguments of `{kind.name}`: {', '.join(sorted(kind.arguments))}",),
        )
    return found


# -- links ----------------------------------------


def _link(node: tree.Link, kind: model.Kind | None, scope: Scope) -> model.Link | None:
    name = node.capture.text
    link = model.Link(word=node.word, capture=name, span=node.span)
    if node.word == "from" and name == "host":
        return link
    capture = scope.capture(name, node.capture.span)
    if capture is None:
        return None
    if capture.kinds is None or kind is None:
        return link  # a kind that is not known was reported where it stands
    if node.word in ("by", "under"):
        return link if _can_act(node, capture, kind, scope) else None
    introduced = capture.introduced
    if introduced is None or (node.word == "from" and introduced.entity not in ORIGINS):
        needs = "a container, an instance or `host`" if node.word == "from" else "something that a step introduced"
        scope.faults.error(
            "C219",
            f"`{node.word} {name}` cannot hold",
            node.span,
            f"`{node.word}` takes {needs}",
            also=(Label(capture.span, f"this is {capture.noun}"),),
        )
        return None
    return link


def _can_act(node: tree.Link, capture: Capture, kind: model.Kind, scope: Scope) -> bool:
    subject = capture.subject
    if subject is None or subject not in ACTORS:
        scope.faults.error(
            "C219",
            f"`{capture.name}` cannot act",
            node.span,
            f"`{node.word}` takes a process, container, instance, identity or session",
            also=(Label(capture.span, f"this is {capture.noun}"),),
            helps=("capture the step that introduces who acts, an `open` or a `spawn`",),
        )
        return False
    if not scope.vocabulary.can_cause(subject, kind):
        actor = ACTOR_ENTITIES.get(kind.actor or "")
        scope.faults.error(
            "C219",
            f"`{kind.name}` is never by {an(subject)}",
            node.span,
            f"`{capture.name}` is {an(subject)}; `{kind.name}` is done by {an(actor) if actor else 'something else'}",
            also=(Label(capture.span, "captured here"),),
        )
        return False
    return True
