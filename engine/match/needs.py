"""What a pattern or condition reads, without running it: the event's fields, and the captures'.

`compile` derives from it which fields are decoded at all and which captured values stay alive.
"""

from collections.abc import Iterator

from chainrun.dsl.model import (
    AnyOf,
    Binary,
    ButNot,
    Call,
    CaptureField,
    Expression,
    Field,
    FromCapture,
    Literal,
    Lookup,
    Negative,
    New,
    Not,
    NotIn,
    Pattern,
    RawField,
    Step,
    Target,
    Word,
    Words,
)
from chainrun.dsl.types import ValueType

from .endpoints import destination_fields
from .fields import TIME, Rename, unchanged
from .programs import is_call, is_path
from .raw import raw_name
from .subjects import is_program_field

_PROGRAM = ("name", "executable", "args", "command_line")


def needs(
    tested: Expression | Pattern, target: Target | None = None, rename: Rename = unchanged, actor: str | None = None
) -> frozenset[str]:
    """The canonical fields of its own event that a condition reads, or a pattern when it tests `target`. A raw field is
    called `raw."path"`."""
    names = set(_own_fields(tested))
    if target is not None:
        names.update(_target_fields(tested, target, actor))
    return frozenset(TIME if n == "time" else rename(n) for n in names)


def step_needs(step: Step) -> frozenset[str]:
    """The fields of its own event that a step tests, its exceptions apart."""
    names: frozenset[str] = frozenset()
    for part in step.parts:
        for argument in part.arguments:
            names |= needs(argument.pattern, argument.target, actor=part.kind.actor)
    conditions = (step.where, *(part.where for part in step.parts))
    return names.union(*(needs(condition) for condition in conditions if condition is not None))


def step_requires(step: Step) -> frozenset[str]:
    """Fields without which no event can be the step: a comparison with what is missing is never true."""
    names: set[str] = set()
    conditions = [c for c in (step.where, *(part.where for part in step.parts)) if c is not None]
    while conditions:
        condition = conditions.pop()
        if isinstance(condition, Binary) and condition.op == "and":
            conditions += (condition.left, condition.right)
        elif isinstance(condition, Binary) and condition.op != "or":
            sides = (condition.left, condition.right)
            if not any(isinstance(side, Literal) and side.value is None for side in sides):
                names.update(side.name for side in sides if isinstance(side, Field))
    return frozenset(names)


def reads(tested: Expression | Pattern) -> frozenset[tuple[str, str]]:
    """The captured values that a pattern or condition reads: (capture, field); field "" is what the captured step
    introduced, and `raw."path"` a raw field of its record."""
    return frozenset(_captured_fields(tested))


def looks_back(tested: Expression | Pattern) -> bool:
    """Whether a condition asks what happened before among all events: `new(…)`."""
    return any(isinstance(part, New) for part in _walk(tested))


def look_backs(tested: Expression | Pattern) -> Iterator[int]:
    """How far back its questions for what is new reach, in microseconds."""
    return (part.look_back for part in _walk(tested) if isinstance(part, New))


def has_calls(tested: Expression | Pattern) -> bool:
    """Whether a word of it may name arguments besides a program."""
    return any(map(is_call, _words(tested)))


def _own_fields(tested: Expression | Pattern) -> Iterator[str]:
    for part in _walk(tested):
        match part:
            case Field():
                yield part.name
            case RawField(capture=None):
                yield raw_name(part.path)
            case New():
                yield from (f.name for f in part.fields)
            case Binary(left=Field(type=ValueType.PROGRAM) as field):
                yield from _neighbours(field.name, part.right)


def _captured_fields(tested: Expression | Pattern) -> Iterator[tuple[str, str]]:
    for part in _walk(tested):
        match part:
            case CaptureField():
                yield part.capture, part.name
            case RawField(capture=str() as capture):
                yield capture, raw_name(part.path)
            case FromCapture():
                yield part.capture, part.field or ""
            case Binary(left=CaptureField(type=ValueType.PROGRAM) as field):
                yield from ((field.capture, name) for name in _neighbours(field.name, part.right))


def _neighbours(field: str, right: Expression | Pattern) -> Iterator[str]:
    """What else is read of a program when one of its fields is compared: a word may name a path, or arguments."""
    root, _, attribute = field.rpartition(".")
    calls = has_calls(right)
    if attribute == "name" and (calls or any(map(is_path, _words(right)))):
        yield f"{root}.executable"
    if calls:
        yield f"{root}.args"
        yield f"{root}.command_line"


def _words(tested: Expression | Pattern) -> tuple[Word, ...]:
    words: list[Word] = []
    for part in _walk(tested):
        match part:
            case Words():
                words += part.words
            case Literal(value=str() as text):
                words.append(Word(text, part.quote))
            case Lookup():
                words += (w for _, held in part.entries for w in held.words)
    return tuple(words)


def _target_fields(tested: Expression | Pattern, target: Target, actor: str | None) -> Iterator[str]:
    field = target.field
    if field == "<ancestor>":
        return  # rows of lineage, which reads its own fields
    if field == "<actor>":
        if actor is not None and actor.startswith("process"):
            yield from (f"{actor}.{a}" for a in _PROGRAM)
    elif target.type is ValueType.PROGRAM and not is_program_field(field):
        yield from (f"{field}.{a}" for a in _PROGRAM)
        if field == "process.target":
            yield from ("process.target.entity_id", "process.target.pid")
    elif target.type is ValueType.PROGRAM:
        yield field
        yield from _neighbours(field, tested)
    elif target.type is ValueType.DESTINATION and field in ("destination", "source"):
        yield from destination_fields(field)
    else:
        yield field


def _walk(tested: Expression | Pattern) -> Iterator[Expression | Pattern]:
    """Every node of an expression or pattern."""
    waiting: list[Expression | Pattern] = [tested]
    while waiting:
        part = waiting.pop()
        yield part
        match part:
            case Binary():
                waiting += (part.right, part.left)
            case Not() | Negative():
                waiting.append(part.operand)
            case Call():
                waiting += part.arguments
            case Lookup():
                waiting.append(part.key)
            case AnyOf():
                waiting += part.patterns
            case ButNot():
                waiting += (part.pattern, part.without)
            case NotIn():
                waiting.append(part.pattern)
