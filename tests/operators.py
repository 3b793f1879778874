"""Which operators of the language a chain uses, by name: what the random worlds are counted by.

Called by `test_worlds`, which asks that each occurs, and occurs in chains that alert.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element, Hop, Step
from chainrun.dsl.types import ValueType

# In the order of docs/language.md; the names are the forms as written.
OPERATORS = (
    *("->", "~>", "->?", "->[b]", "->[a..b]", "->[a..]", "->[b] A{n}", "->[b] A{in}", "->[b] (A & B)", "(A & B) ->[b]"),
    *("A & B", "( -> A & B )", "( ->[b] A & B )", "A & B as x", "A | B", "(A | B) as x"),
    *("A & B | C", "A{n} | B", "A{in} | B", "A?", "A{n}?", "A{in}?", "(A | B)?", "A without prior?"),
    *("A{n}", "A{n,m}", "A{n,}", "A{n} as x", "(A | B){n}", "A{in} as x", "(A | B){in}"),
    *("count >=", "count >", "distinct", "sum", "count(…)", "share >", "share <", "several measures", "by field"),
    *("by process", "by user", "by host"),
    *("by process", "by user", "by host"),
    *("every ±", "every ..", "bound of a field", "bound of a capture"),
    *("!A between", "!A after", "!A before", "!A !B", "!(A | B)", "-> !A", "->? !A", "~> !A", "->[b] !A", "!A by x"),
    *(
        "!A … A?",
        "!A … A{n}",
        "!A … A{in}",
        "!A … (A & B)",
        "without prior",
        "A{n} without prior",
        "A{in} without prior",
    ),
    *("(A without prior & B)", "without prior by x", "without prior (x)", "until", "until by x", "until where"),
    *(
        "by",
        "under",
        "of",
        "A(x)",
        "A(not …)",
        "A and B",
        "x.field",
        "x.field == in &",
        "not",
        "and",
        "or",
        "time",
        "+ - *",
    ),
    *("in {}", "in list", "list", "exists", "at_least", "length", "new", "new(a, b)"),
    *("once per", "once per host", "once per x", "once per x.field", "once in", "per user.name", "per all"),
    *("severity when x", "severity when …", "except", "except until", "except on", "except on until"),
)


def operators(chain: Chain) -> set[str]:
    """The operators of a chain, as `OPERATORS` names them."""
    return {found for found in _chain(chain) if found in OPERATORS}


def _chain(chain: Chain) -> Iterator[str]:
    places = list(chain.positions)
    present = [not isinstance(p.element, model.Absent) for p in places]
    first, last = present.index(True), len(present) - 1 - present[::-1].index(True)
    for i, position in enumerate(places):
        yield from _element(position.element)
        hop = position.hop
        if not present[i]:
            yield "!A before" if i < first else "!A after" if i > last else "!A between"
            yield from ("!A !B",) if i and not present[i - 1] else ()
            yield from (f"{_shape(position.element.element)} {{}}".replace("(A | B) {}", "!(A | B)"),)  # type: ignore[union-attr]
            if hop is not None and i > first:
                yield f"{hop.arrow} !A"
                yield from ("->[b] !A",) if hop.most is not None else ()
        elif hop is not None and first < i:
            yield from _hop(hop)
            yield from (f"->[b] {_shape(position.element)}",) if hop.most is not None else ()
            yield from ("(A & B) ->[b]",) if hop.most is not None and _shape(places[i - 1].element) == "(A & B)" else ()
            yield from (f"!A … {_shape(position.element)}",) if not present[i - 1] else ()
    yield from _clauses(chain)


def _shape(element: Element) -> str:
    match element:
        case model.All():
            return "(A & B)"
        case model.Either():
            return "(A | B)"
        case model.Optional():
            return "A?"
        case model.Repeat():
            return "A{n}"
        case model.Counted():
            return "A{in}"
        case model.WithoutPrior():
            return "A without prior"
        case _:
            return "A"


def _hop(hop: Hop) -> Iterator[str]:
    yield hop.arrow
    if hop.most is not None:
        yield "->[b]" if hop.least is None else "->[a..b]"
    elif hop.least is not None:
        yield "->[a..]"


def _element(element: Element) -> Iterator[str]:
    yield _shape(element)
    inner = getattr(element, "element", None)
    match element:
        case Step():
            yield from _step(element)
        case model.All():
            yield "A & B"
            for hop, member in element.members:
                yield from _element(member)
                yield from ("( -> A & B )",) if hop is not None else ()
                yield from ("( ->[b] A & B )",) if hop is not None and hop.most is not None else ()
                yield f"({_shape(member)} & B)"
            if any(s.capture for s in model.steps(element)):
                yield "A & B as x"
                yield from (
                    ("x.field == in &",) if "x.field" in {o for s in model.steps(element) for o in _step(s)} else ()
                )
        case model.Either():
            yield "A | B"
            yield from ("(A | B) as x",) if element.capture else ()
            for _, member in element.members:
                yield from _element(member)
                yield f"{_shape(member).strip('()')} | {'C' if isinstance(member, model.All) else 'B'}"
        case model.Repeat():
            yield "A{n,}" if element.most is None else "A{n,m}" if element.most > element.least else "A{n}"
        case model.Counted():
            yield from _counted(element)
        case model.WithoutPrior():
            prior = set(_step(element.prior))
            yield f"{_shape(element.element)} without prior".removeprefix("A ")
            yield "without prior"
            yield from ("without prior by x",) if prior & {"by", "under"} else ()
            yield from ("without prior (x)",) if "A(x)" in prior else ()
        case model.Optional():
            yield f"{_shape(element.element)}?"
        case model.Absent():
            yield from ("!A by x",) if any(p.links for s in model.steps(element) for p in s.parts) else ()
    if inner is not None:
        yield from _element(inner)
        for form in (model.Repeat, model.Counted):
            if isinstance(element, form):
                yield from (
                    f"{_shape(inner)}{_shape(element)[1:]}",
                    *([f"{_shape(element)} as x"] if element.capture else []),
                )


def _counted(counted: model.Counted) -> Iterator[str]:
    for measure in counted.measures:
        if measure.function == "count":
            yield f"count {measure.op}" if measure.subject is None else "count(…)"
        yield measure.function
        yield f"{measure.function} {measure.op[0]}"
        parts = [type(e) for e in _expressions(measure.bound)]
        yield from ("bound of a field",) if model.Field in parts else ()
        yield from ("bound of a capture",) if model.CaptureField in parts else ()
        yield from _condition(measure.subject) if measure.function in ("count", "share") else ()
    yield from ("several measures",) if len(counted.measures) > 1 else ()
    yield from (f"by {f.name if f.type is ValueType.ENTITY else 'field'}" for f in counted.by)
    if counted.every is not None:
        yield "every ±" if counted.tolerance is not None else "every .."


def _step(step: Step) -> Iterator[str]:
    yield from ("A and B",) if len(step.parts) > 1 else ()
    for part in step.parts:
        yield from (link.word for link in part.links)
        for argument in part.arguments:
            yield from ("A(x)",) if isinstance(argument.pattern, model.FromCapture) else ()
            yield from ("A(not …)",) if isinstance(argument.pattern, model.NotIn) else ()
    yield from _condition(step.where)
    for exclusion in step.exceptions:
        yield "except on"
        yield from ("except on until",) if exclusion.until is not None else ()


def _condition(condition: Any) -> Iterator[str]:
    for e in _expressions(condition):
        match e:
            case model.Binary(op="and" | "or"):
                yield e.op
            case model.Binary(op="+" | "-" | "*") | model.Negative():
                yield "+ - *"
            case model.Binary(op="in" | "not in"):
                yield "in list" if isinstance(e.right, model.Field | model.CaptureField) else "in {}"
            case model.Not():
                yield "not"
            case model.Call():
                yield e.function
            case model.New():
                yield "new" if len(e.fields) == 1 else "new(a, b)"
            case model.CaptureField():
                yield "x.field"
        if isinstance(e, model.Field | model.CaptureField):
            yield from ("list",) if e.many else ()
            yield from ("time",) if e.name == "@timestamp" else ()


def _expressions(node: Any) -> Iterator[Any]:
    """A condition and all parts of it."""
    if isinstance(node, tuple):
        for one in node:
            yield from _expressions(one)
    elif isinstance(node, msgspec.Struct):
        yield node
        for name in node.__struct_fields__:
            yield from _expressions(getattr(node, name))


def _clauses(chain: Chain) -> Iterator[str]:
    if chain.until is not None:
        yield "until"
        until = set(_step(chain.until))
        yield from ("until by x",) if until & {"by", "under", "of"} else ()
        yield from ("until where",) if chain.until.where is not None else ()
    for name in chain.once_per or ():
        yield "once per"
        yield "once per host" if name == "host" else "once per x.field" if "." in name else "once per x"
    yield from ("once in",) if chain.once_within is not None else ()
    yield from ("per all",) if not chain.scope else ("per user.name",) if "user.name" in chain.scope else ()
    for rule in chain.severities:
        yield "severity when x" if isinstance(rule.when, str) else "severity when …"
    for exclusion in chain.exceptions:
        yield "except until" if exclusion.until is not None else "except"
