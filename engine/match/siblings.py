"""Members of `A & B` that compare each other's captures for equality.

Either member may come first, so a comparison waits for the later of the two: where the member that wrote it comes
first, its own value is kept under a name of its own (`&3`, of step 3) and the other's edge asks the question.
"""

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Binary, CaptureField, Expression, Field, Step

from .conditions import members


def kept_name(step: Step) -> str:
    """The name under which a step's own values wait for a sibling."""
    return f"&{step.number}"


def is_kept(capture: str) -> bool:
    """Whether a name is one under which a value waits, and no capture."""
    return capture.startswith("&")


def compared(part: Expression) -> tuple[Field, CaptureField] | None:
    """The two sides of `field == capture.field`, whichever way it was written."""
    match part:
        case (
            Binary(op="==", left=Field() as own, right=CaptureField() as other)
            | Binary(op="==", left=CaptureField() as other, right=Field() as own)
        ):
            return own, other
    return None


def _parts(step: Step) -> list[Expression]:
    return members(step.where, "and") if step.where is not None else []


def waiting(step: Step, names: frozenset[str]) -> tuple[tuple[Field, CaptureField], ...]:
    """What a step compares with captures of these names."""
    pairs = (compared(part) for part in _parts(step))
    return tuple(pair for pair in pairs if pair is not None and pair[1].capture in names)


def asked(step: Step, later: frozenset[str], earlier: tuple[Step, ...]) -> Step:
    """The step as an edge asks it: without what it compares with members still to come (captures named `later`), and
    with what those before it (`earlier`) compare with its own capture."""
    parts = [p for p in _parts(step) if (pair := compared(p)) is None or pair[1].capture not in later]
    for sibling in earlier:
        for own, other in waiting(sibling, frozenset({step.capture} if step.capture else ())):
            mine = Field(name=other.name, type=other.type, many=other.many, span=other.span)
            kept = CaptureField(capture=kept_name(sibling), name=own.name, type=own.type, many=own.many, span=own.span)
            parts.append(Binary(op="==", left=mine, right=kept, span=other.span))
    where: model.Expression | None = None
    for part in parts:
        where = part if where is None else Binary(op="and", left=where, right=part, span=part.span)
    return msgspec.structs.replace(step, where=where)
