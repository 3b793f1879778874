"""Kinds that a file, or the prelude, declares: another kind with a filter in front.

kind persist: write(LaunchPaths)
kind clone:   call("CreateVolume") { introduces: volume = aws.ec2.volume_id   tests: aws.ec2.snapshot_id }
"""

import msgspec
from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.types import Entity

from . import patterns
from .conditions import condition
from .scope import Meaning, Scope
from .steps import arguments

DEEPEST = 20  # kinds that filter kinds that filter kinds


def declare(declarations: list[tree.KindDeclaration], scope: Scope) -> None:
    """Add the declared kinds to `scope.kinds`; in any order, each after the kind that it filters."""
    waiting: dict[str, tree.KindDeclaration] = {}
    for declaration in declarations:
        name = declaration.name.text
        if name in scope.kinds or name in waiting:
            also = (Label(waiting[name].name.span, "first declared here"),) if name in waiting else ()
            base = scope.kinds.get(name)
            scope.faults.error(
                "C208",
                f"there is a kind `{name}` already",
                declaration.name.span,
                f"it takes {base.kind.takes}" if base is not None else "declared again here",
                also=also,
                helps=("give it a name of its own",),
            )
            continue
        waiting[name] = declaration
    for _ in range(DEEPEST):
        ready = [d for d in waiting.values() if d.step.parts[0].kind.text not in waiting]
        if not ready:
            break
        for declaration in ready:
            meaning = _meaning(declaration, scope)
            if meaning is not None:
                scope.kinds[declaration.name.text] = meaning
            else:
                scope.broken.add(declaration.name.text)
            del waiting[declaration.name.text]
    if waiting:
        _report_circle(waiting, scope)
        scope.broken.update(waiting)


def _report_circle(waiting: dict[str, tree.KindDeclaration], scope: Scope) -> None:
    """Report a kind that leads back to itself, or else one that lies too deep."""
    seen: dict[str, None] = {}
    name = next(iter(waiting))
    while name in waiting and name not in seen:
        seen[name] = None
        name = waiting[name].step.parts[0].kind.text
    declaration = next(iter(waiting.values()))
    span = declaration.step.parts[0].kind.span
    if name in seen:
        scope.faults.error("C215", f"kind `{declaration.name.text}` is made of itself", span, "this leads in a circle")
    else:
        scope.faults.error("C107", f"kinds that filter kinds, more than {DEEPEST} deep", span, "one too many")


def _meaning(declaration: tree.KindDeclaration, scope: Scope) -> Meaning | None:
    step = declaration.step
    part = step.parts[0]
    if len(step.parts) > 1 or part.links:
        odd = step.parts[1].span if len(step.parts) > 1 else part.links[0].span
        what = "filters one kind" if len(step.parts) > 1 else "has no links: captures belong to chains"
        scope.faults.error("C222", f"a declared kind {what}", odd)
        return None
    base = scope.meaning(part.kind)
    if base is None:
        return None
    given = arguments(part, base.kind, scope)
    where = condition(step.where, scope) if step.where is not None else None
    kind = _kind(declaration, base.kind, scope)
    if given is None or kind is None or (step.where is not None and where is None):
        return None
    if where is not None and base.where is not None:
        where = model.Binary(op="and", left=base.where, right=where, span=step.span)
    return Meaning(kind, base.base, base.arguments + given, where or base.where)


def _kind(declaration: tree.KindDeclaration, base: model.Kind, scope: Scope) -> model.Kind | None:
    introduces, tests, named = base.introduces, base.tests, dict(base.arguments)
    for entry in declaration.entries:
        field = ".".join(entry.field.parts)
        type_ = patterns.field_of(field, entry.field, scope)
        if type_ is None:
            return None
        match entry.key.text:
            case "introduces":
                entity = entry.entity
                if entity is None or entity.text not in list(Entity):
                    span = entity.span if entity is not None else entry.span
                    scope.faults.unknown(
                        "C222", "a kind introduces an entity", span, entity.text if entity else "", list(Entity),
                        "entities",
                    )  # fmt: skip
                    return None
                introduces = model.Introduced(Entity(entity.text), field)
            case "tests":
                tests = model.Target(type_, field)
            case name:
                named[name] = model.Target(type_, field)
    return msgspec.structs.replace(
        base, name=declaration.name.text, introduces=introduces, tests=tests, arguments=named
    )
