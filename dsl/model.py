"""What is meant: names resolved, types known, parameters in place, immutable.

Made by `check`; the only room of `dsl` that matching needs. Everything here is a value that can be printed.
Durations are microseconds.
"""

import msgspec

from .source import Span
from .types import Entity, ValueType


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all model nodes: where it was written (not part of its meaning)."""

    span: Span = Span(0, 0)


# -- patterns: what a field is tested against ----------------------------------------


class Word(msgspec.Struct, frozen=True):
    """A word of a set. `quote` as written: '"', "'" or '' (bare). In a '"' word `\\*` and `\\?` are literal."""

    text: str
    quote: str = ""


class Words(Value, frozen=True, kw_only=True):
    """Any of these words. `name` is the parameter they came from, for explanations."""

    words: tuple[Word, ...]
    name: str | None = None


class AnyOf(Value, frozen=True, kw_only=True):
    """`A + B`. `name`: the parameter it came from."""

    patterns: tuple["Pattern", ...]
    name: str | None = None


class ButNot(Value, frozen=True, kw_only=True):
    """`A - B`: A passes and B does not."""

    pattern: "Pattern"
    without: "Pattern"
    name: str | None = None


class NotIn(Value, frozen=True, kw_only=True):
    """`not A`: of a list, no element passes."""

    pattern: "Pattern"


class FromCapture(Value, frozen=True, kw_only=True):
    """A capture as an argument (field None: the entity that the step introduced), or a field of a capture."""

    capture: str
    field: str | None
    type: ValueType


Pattern = Words | AnyOf | ButNot | NotIn | FromCapture


# -- conditions ----------------------------------------


class Literal(Value, frozen=True, kw_only=True):
    """A constant: str, int (numbers, bytes, microseconds), float, bool, or None (`null`). `name`: its parameter."""

    value: str | int | float | bool | None
    type: ValueType
    name: str | None = None
    quote: str = '"'


class Field(Value, frozen=True, kw_only=True):
    """A canonical field of the step's own event."""

    name: str
    type: ValueType
    many: bool = False


class CaptureField(Value, frozen=True, kw_only=True):
    """A field of an earlier step's event."""

    capture: str
    name: str
    type: ValueType
    many: bool = False


class RawField(Value, frozen=True, kw_only=True):
    """`raw."Some.Field"`: a path in the record as it came; its type is whatever is there."""

    path: str
    capture: str | None = None


class Lookup(Value, frozen=True, kw_only=True):
    """`Map[field]`: the words that the map holds for the field's value, else none."""

    map: str
    entries: tuple[tuple[Word, Words], ...]
    key: Field | CaptureField


class Call(Value, frozen=True, kw_only=True):
    """A function of dsl/functions.py."""

    function: str
    arguments: tuple["Expression", ...]
    type: ValueType


class New(Value, frozen=True, kw_only=True):
    fields: tuple[Field, ...]
    kind: str
    look_back: int


class Binary(Value, frozen=True, kw_only=True):
    """`op`: or and == != < <= > >= in like matches contains outside + - * /, and `not in` and its like."""

    op: str
    left: "Expression"
    right: "Expression"
    type: ValueType = ValueType.BOOLEAN


class Not(Value, frozen=True, kw_only=True):
    operand: "Expression"


class Negative(Value, frozen=True, kw_only=True):
    operand: "Expression"
    type: ValueType


Expression = (
    Literal
    | Field
    | CaptureField
    | RawField
    | Lookup
    | Call
    | New
    | Binary
    | Not
    | Negative
    | Words
    | AnyOf
    | ButNot
    | NotIn
)


# -- kinds ----------------------------------------


class Target(msgspec.Struct, frozen=True):
    """What an argument is tested against: `field` is a field set ("process", "destination") for programs and
    destinations, else one field; "<actor>" and "<ancestor>" are the acting program and any program above it."""

    type: ValueType
    field: str


class Introduced(msgspec.Struct, frozen=True):
    """The entity that a kind introduces and the field, or field set, that identifies it."""

    entity: Entity
    field: str


class Kind(msgspec.Struct, frozen=True):
    """A kind of event. A declared kind is its base kind with a filter in front: `base` and `filter`."""

    name: str
    takes: str = ""
    actor: str | None = None
    introduces: Introduced | None = None
    tests: Target | None = None
    arguments: dict[str, Target] = {}
    platforms: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)


# -- steps ----------------------------------------


class Argument(Value, frozen=True, kw_only=True):
    """`name` is None for the positional one."""

    name: str | None
    target: Target
    pattern: Pattern


class Link(Value, frozen=True, kw_only=True):
    """`word` is by, under, of or from."""

    word: str
    capture: str


class Part(Value, frozen=True, kw_only=True):
    """One kind of a step. `base` is the vocabulary's kind that events carry; a declared kind has its filter merged into
    `arguments` and `where`."""

    kind: Kind
    base: str
    arguments: tuple[Argument, ...] = ()
    links: tuple[Link, ...] = ()
    where: Expression | None = None


class StepExclusion(Value, frozen=True, kw_only=True):
    """`except "reason" on child when …`, hung on the step that it keeps from matching."""

    reason: str
    when: Expression
    owner: str | None = None
    until: int | None = None  # microseconds since 1970, the end of that day in UTC


class Step(Value, frozen=True, kw_only=True):
    """One event. `number` counts the steps of the chain as written, from 1; `name` is the capture, or the kind."""

    number: int
    parts: tuple[Part, ...]
    where: Expression | None = None
    capture: str | None = None
    exceptions: tuple[StepExclusion, ...] = ()
    title: str = ""  # the step as written, on one line

    @property
    def kind(self) -> str:
        return self.parts[0].kind.name

    @property
    def introduces(self) -> Introduced | None:
        return next((p.kind.introduces for p in self.parts if p.kind.introduces is not None), None)


class Hop(Value, frozen=True, kw_only=True):
    """How a step follows what stands before it; limits in microseconds, both ends included."""

    arrow: str = "->"
    least: int | None = None
    most: int | None = None


class All(Value, frozen=True, kw_only=True):
    """`A & B`: each member in any order, by different events. `hop` of a member: its own arrow, else None.
    `capture`: one given to the whole in parentheses is refused by the checker."""

    members: tuple[tuple[Hop | None, "Element"], ...]


class Either(Value, frozen=True, kw_only=True):
    """`A | B`. `capture` names whichever matched."""

    members: tuple[tuple[Hop | None, "Element"], ...]
    capture: str | None = None


class Optional(Value, frozen=True, kw_only=True):
    element: "Element"


class Repeat(Value, frozen=True, kw_only=True):
    element: "Element"
    least: int
    most: int | None
    capture: str | None = None


class Measure(msgspec.Struct, frozen=True):
    """`function` is count, distinct, sum or share."""

    function: str
    subject: Expression | None
    op: str
    bound: Expression


class Counted(Value, frozen=True, kw_only=True):
    """An aggregate over (t − within, t], or a cadence (every, tolerance or longest). `by`: fields, and of the type
    ENTITY `process`, `user` and `host` as wholes."""

    element: "Element"
    measures: tuple[Measure, ...]
    within: int | None
    every: int | None = None
    tolerance: int | None = None
    longest: int | None = None
    by: tuple[Field, ...] = ()
    capture: str | None = None


class WithoutPrior(Value, frozen=True, kw_only=True):
    element: "Element"
    prior: Step
    look_back: int


class Absent(Value, frozen=True, kw_only=True):
    element: "Element"


Element = Step | All | Either | Optional | Repeat | Counted | WithoutPrior | Absent


class Position(Value, frozen=True, kw_only=True):
    """One place of the chain's expression; the first has no hop."""

    hop: Hop | None
    element: Element


class Exclusion(Value, frozen=True, kw_only=True):
    """Drops whole matches for which `when` holds."""

    reason: str
    when: Expression
    owner: str | None = None
    until: int | None = None


LEVELS = ("informational", "low", "medium", "high", "critical")


class SeverityRule(Value, frozen=True, kw_only=True):
    """`level` when the capture's optional step matched (str), or when the condition holds."""

    level: str
    when: str | Expression


class Chain(Value, frozen=True, kw_only=True):
    name: str
    positions: tuple[Position, ...]
    within: int | None
    scope: tuple[str, ...] = ("host",)  # fields; () is `per all`; "host" is the host
    once_per: tuple[str, ...] | None = None
    once_within: int | None = None
    until: Step | None = None
    exceptions: tuple[Exclusion, ...] = ()
    severities: tuple[SeverityRule, ...] = ()
    text: str = ""  # the chain as written, canonical


class Parameter(Value, frozen=True, kw_only=True):
    """An effective parameter. `value` printed canonically; `origin` says who set it ("default", "--set", a file)."""

    name: str
    type: ValueType
    value: str
    default: str
    origin: str = "default"
    description: str = ""


# -- tests ----------------------------------------


class TestLine(Value, frozen=True, kw_only=True):
    """One event of a test, `at` microseconds after it began; without parts time passes. `fields` holds what is said of
    it, by canonical names and typed; times among them count from the test's beginning too. `record` holds what the
    record as it came says, by paths."""

    at: int
    line: int  # of the file
    parts: tuple[Part, ...] = ()
    fields: tuple[tuple[str, str | int | float | bool | tuple[str | int | float, ...]], ...] = ()
    record: tuple[tuple[str, str | int | float | bool | tuple[str | int | float, ...]], ...] = ()
    host: str | None = None
    text: str = ""


class Moment(Value, frozen=True, kw_only=True):
    """An event as an expectation names it: by its time in the test, or its line in a file of events."""

    at: int | None = None
    line: int | None = None


class Expectation(Value, frozen=True, kw_only=True):
    """What is expected of a test's alerts, besides their number. `what`: step, no step, at, severity, flag, no flag,
    stuck or except; `name`: the step, the severity, the flag, the reason; `steps`: those of that name, by chain."""

    what: str
    name: str = ""
    steps: tuple[tuple[str, int], ...] = ()
    moments: tuple[Moment, ...] = ()


class Test(Value, frozen=True, kw_only=True):
    """Events, from lines and from files beside the chain, and what they raise: in one chain, or in all of the file."""

    title: str
    line: int
    raises: int
    chain: str | None = None
    lines: tuple[TestLine, ...] = ()
    files: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()


class Analytic(Value, frozen=True, kw_only=True):
    """A checked file, as a site wants it. `id` is the analytic's, or the file's stem where it has no header; `aliases`:
    names of users, each with the one that stands for all of that user's."""

    id: str
    title: str
    file: str
    platforms: tuple[str, ...] = ()
    attack: tuple[str, ...] = ()
    strategy: str | None = None
    severity: str = "medium"
    version: str | None = None
    references: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    chains: tuple[Chain, ...] = ()
    tests: tuple[Test, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()


def steps(element: Element) -> tuple[Step, ...]:
    """The steps inside an element, in the order written (absent ones and priors included)."""
    match element:
        case Step():
            return (element,)
        case All() | Either():
            return tuple(s for _, m in element.members for s in steps(m))
        case WithoutPrior():
            return (*steps(element.element), element.prior)
        case _:
            return steps(element.element)
