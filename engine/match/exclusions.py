"""Exceptions on a step: `except "reason" on child when …` keeps an event from being taken for it.

The condition reads the step's own event by its capture; here that becomes the event's own fields.
"""

import msgspec
from chainrun.dsl.model import (
    Binary,
    Call,
    CaptureField,
    Exclusion,
    Expression,
    Field,
    Lookup,
    Negative,
    Not,
    RawField,
    Step,
    StepExclusion,
)


def settled(step: Step, names: tuple[str, ...]) -> Step:
    """The step with exceptions that read its own fields without the names it goes by."""
    if not step.exceptions:
        return step
    exceptions = tuple(msgspec.structs.replace(e, when=_own(e.when, names)) for e in step.exceptions)
    return msgspec.structs.replace(step, exceptions=exceptions)


def applies(exclusion: StepExclusion | Exclusion, at: int) -> bool:
    """Whether an exception is in force at a moment."""
    return exclusion.until is None or at <= exclusion.until


def _own(e: Expression, names: tuple[str, ...]) -> Expression:
    replace = msgspec.structs.replace
    match e:
        case CaptureField() if e.capture in names:
            return Field(name=e.name, type=e.type, many=e.many, span=e.span)
        case RawField() if e.capture in names:
            return replace(e, capture=None)
        case Binary():
            return replace(e, left=_own(e.left, names), right=_own(e.right, names))
        case Not() | Negative():
            return replace(e, operand=_own(e.operand, names))
        case Call():
            return replace(e, arguments=tuple(_own(a, names) for a in e.arguments))
        case Lookup(key=CaptureField() as key) if key.capture in names:
            return replace(e, key=Field(name=key.name, type=key.type, many=key.many, span=key.span))
        case _:
            return e
