"""Operators that compare: equality, order, membership, text and schedules.

Each operator asks something else of its sides; the two sides' types decide whether the question makes sense. `==`, `!=`
and `in` follow the same rules as arguments of kinds, so their words are checked by the same room.
"""

from typing import Protocol

from chainrun.dsl import model, tree
from chainrun.dsl.types import ValueType

from . import patterns, values, words
from .operands import NUMBERS, Typed, path
from .scope import Scope


class Reader(Protocol):
    """`conditions.typed`, which calls this room for what stands inside its expressions."""

    def __call__(self, node: tree.Expression, scope: Scope) -> Typed | None: ...


def comparison(node: tree.Binary, scope: Scope, typed: Reader) -> model.Expression | None:
    """The meaning of `left op right`; None after a reported fault."""
    match node.op.removeprefix("not "):
        case "==" | "!=":
            return _equality(node, scope, typed)
        case "<" | "<=" | ">" | ">=":
            return _order(node, scope, typed)
        case "in":
            return _membership(node, scope, typed)
        case "outside":
            return _schedule(node, scope, typed)
        case _:
            return _text(node, scope, typed)


def _binary(node: tree.Binary, left: model.Expression, right: model.Expression) -> model.Binary:
    return model.Binary(op=node.op, left=left, right=right, span=node.span)


def _name(node: tree.Expression) -> str:
    return f"`{'.'.join(node.parts)}`" if isinstance(node, tree.Path) else "this"


# -- equality and order ----------------------------------------


def _equality(node: tree.Binary, scope: Scope, typed: Reader) -> model.Expression | None:
    for null, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(null, tree.Truth) and null.value is None:
            name = ".".join(other.parts) if isinstance(other, tree.Path) else "field"
            scope.faults.error(
                "C406",
                "nothing equals `null`",
                null.span,
                "a test of a missing field is unknown, never true",
                helps=(f"`{'not ' if node.op == '==' else ''}exists({name})`",),
            )
            return None
        if isinstance(null, tree.WordSet | tree.Lookup):
            op = "in" if node.op == "==" else "not in"
            scope.faults.error("C401", f"`{node.op}` compares with one value, and this is a set", null.span,
                               helps=(f"`{op}` asks whether it is one of them",))  # fmt: skip
            return None
    left, right = typed(node.left, scope), typed(node.right, scope)
    if left is None or right is None or not _comparable(left, right, node, scope):
        return None
    for field, text, written in ((left, right, node.right), (right, left, node.left)):
        if not _fits_as_word(field, text, written, node, scope):
            return None
    return _binary(node, left.value, right.value)


def _comparable(left: Typed, right: Typed, node: tree.Binary, scope: Scope) -> bool:
    a, b = left.type, right.type
    if a is None or b is None or a is b or (left.is_text and right.is_text):
        return True
    if a in NUMBERS and b in NUMBERS and {a, b} != {ValueType.BYTES, ValueType.PERCENTAGE}:
        return True
    literal, other = (node.right, left) if isinstance(right.value, model.Literal) else (node.left, right)
    helps: tuple[str, ...] = ()
    code = "C401"
    if ValueType.DURATION in (a, b) and (a in NUMBERS or b in NUMBERS):
        code = "C407"
        helps = ('write a unit, as in `10m`; a field of seconds is `duration(field, "s")`',)
    elif isinstance(literal, tree.Text) and (
        (other.type in NUMBERS and literal.text.isdigit())
        or (other.type is ValueType.BOOLEAN and literal.text in ("true", "false"))
    ):
        helps = (f"without quotes: `{literal.text}`",)
    elif isinstance(literal, tree.Number) and other.is_text and not literal.unit:
        helps = (f'in quotes: `"{literal.text}"`',)
    scope.faults.error(code, f"{left.noun} is compared with {right.noun}", node.span, helps=helps)
    return False


def _fits_as_word(field: Typed, text: Typed, written: tree.Expression, node: tree.Binary, scope: Scope) -> bool:
    """Whether a literal text can equal the field that it is compared with."""
    literal = text.value
    if not isinstance(literal, model.Literal) or literal.type is not ValueType.TEXT or field.type is None:
        return True
    if isinstance(field.value, model.Literal):
        return True
    role = patterns.role_of(field.type)
    if literal.name is not None:
        known = scope.parameters.get(tree.Name(text=literal.name, span=written.span), scope.faults)
        return known is not None and scope.parameters.use(known, role, written.span, f"`{node.op}`", scope.faults)
    word = words.Written(model.Word(str(literal.value), literal.quote), written.span, scope.faults)
    words.check_word(word, role)
    words.check_form(word, getattr(field.value, "name", ""))
    return True


def _order(node: tree.Binary, scope: Scope, typed: Reader) -> model.Expression | None:
    left, right = typed(node.left, scope), typed(node.right, scope)
    if left is None or right is None:
        return None
    ordered = NUMBERS | {ValueType.DURATION, ValueType.TIME, None}
    for side, written in ((left, node.left), (right, node.right)):
        if side.type not in ordered:
            digits = isinstance(written, tree.Text) and written.text.isdigit()
            scope.faults.error(
                "C403",
                f"{_name(written)} is {side.noun}, which has no order",
                written.span,
                f"`{node.op}` compares numbers, durations and times",
                helps=(f"without quotes: `{written.text}`",) if digits and isinstance(written, tree.Text) else (),
            )
            return None
    return _binary(node, left.value, right.value) if _comparable(left, right, node, scope) else None


# -- sets ----------------------------------------


def _membership(node: tree.Binary, scope: Scope, typed: Reader) -> model.Expression | None:
    left = typed(node.left, scope)
    if left is None:
        return None
    if left.type is ValueType.TIME:
        return _schedule(node, scope, typed)
    right = node.right
    if isinstance(right, tree.Path) and not _is_constant(right, scope):
        found = path(right, scope)
        if found is None:
            return None
        if not found.many and found.type is not None:
            scope.faults.error(
                "C401", f"{_name(right)} is one value, not a list", right.span,
                helps=(f"compare with `{'!=' if node.op.startswith('not') else '=='}`",),
            )  # fmt: skip
            return None
        return _binary(node, left.value, found.value)
    if left.type in (ValueType.BOOLEAN, ValueType.DURATION):
        scope.faults.error("C401", f"{left.noun} is not a member of a set of words", left.span)
        return None
    found_set = members(right, left, scope, f"`{node.op}`")
    if found_set is not None and node.op == "in":
        patterns.warn_of_emptiness(found_set, right.span, scope)
    return _binary(node, left.value, found_set) if found_set else None


def members(
    node: tree.Expression, left: Typed, scope: Scope, user: str, *, neutral: bool = False
) -> model.Words | model.AnyOf | model.ButNot | model.NotIn | model.Lookup | None:
    """The set on the right of `in`, `like`, `matches` or `contains`."""
    if isinstance(node, tree.Lookup):
        return _lookup(node, left, scope, user, neutral)
    as_set = _as_pattern(node)
    if as_set is None:
        scope.faults.error("C401", f"{user} takes a set, and this is not one", node.span, helps=("`{ … }`",))
        return None
    target = model.Target(left.type or ValueType.TEXT, getattr(left.value, "name", ""))
    if isinstance(left.value, model.Field | model.CaptureField) and not neutral:
        user = f"`{left.value.name}`"
    found = patterns.pattern(as_set, target, scope, user, neutral=neutral or left.type is None)
    assert not isinstance(found, model.FromCapture)  # `_is_constant` keeps captures away
    return found


def _as_pattern(node: tree.Expression) -> tree.Pattern | None:
    """A set written in a condition as a set written in an argument: there `+` and `-` are operators of their own."""
    match node:
        case tree.Binary(op="+" | "-"):
            left, right = _as_pattern(node.left), _as_pattern(node.right)
            if left is None or right is None:
                return None
            join = tree.SetUnion if node.op == "+" else tree.SetDifference
            return join(left=left, right=right, span=node.span)
        case tree.WordSet() | tree.Text() | tree.Path():
            return node
        case _:
            return None


def _is_constant(node: tree.Path, scope: Scope) -> bool:
    """Whether a name on the right of an operator is a parameter (or should be), not a field."""
    name = node.parts[0]
    return len(node.parts) == 1 and name not in scope.captures and name not in scope.vocabulary.field_sets


def _lookup(node: tree.Lookup, left: Typed, scope: Scope, user: str, neutral: bool) -> model.Lookup | None:
    key = path(node.key, scope)
    known = scope.parameters.get(node.map, scope.faults)
    if key is None or known is None or known.valued is None:
        return None
    if not isinstance(known.valued.value, tuple):
        scope.faults.error(
            "C401",
            f"`{known.name}` is {values.NOUNS[known.valued.type]}, and only a map is read at a field",
            node.map.span,
        )
        return None
    if not isinstance(key.value, model.Field | model.CaptureField) or not key.is_text:
        scope.faults.error("C401", "a map is read at a field of text", node.key.span)
        return None
    if not neutral and not scope.parameters.use(
        known, patterns.role_of(left.type or ValueType.TEXT), node.span, user, scope.faults
    ):
        return None
    return model.Lookup(map=known.name, entries=known.valued.value, key=key.value, span=node.span)


# -- text ----------------------------------------


def _text(node: tree.Binary, scope: Scope, typed: Reader) -> model.Expression | None:
    """`like`, `matches` and `contains`."""
    operator = node.op.removeprefix("not ")
    left = typed(node.left, scope)
    if left is None:
        return None
    if not left.is_text:
        scope.faults.error(
            "C404",
            f"`{operator}` looks into text, and {_name(node.left)} is {left.noun}",
            node.left.span,
        )
        return None
    right = node.right
    match right:
        case tree.Text():
            if operator == "matches":
                word = words.Written(model.Word(right.text, right.quote), right.span, scope.faults)
                words.check_word(word, ValueType.REGEX)
            literal = values.constant(right)
            return _binary(node, left.value, _as_regex(literal) if operator == "matches" else literal)
        case tree.Path() if not _is_constant(right, scope):
            return _text_of_field(node, right, left, operator, scope)
        case tree.Number() | tree.Duration() | tree.Truth():
            scope.faults.error(
                "C404",
                f"`{operator}` looks for text, and this is {values.NOUNS[values.constant(right).type]}",
                right.span,
                helps=(f'in quotes: `"{right.text}"`',) if isinstance(right, tree.Number | tree.Duration) else (),
            )
            return None
    if operator == "matches":
        left = Typed(left.value, ValueType.REGEX, left.span, left.many)
        found = members(right, left, scope, f"`{operator}`")
    else:
        found = members(right, left, scope, f"`{operator}`", neutral=True)
    return _binary(node, left.value, found) if found else None


def _as_regex(literal: model.Literal) -> model.Literal:
    return model.Literal(value=literal.value, type=ValueType.REGEX, quote=literal.quote, span=literal.span)


def _text_of_field(
    node: tree.Binary, right: tree.Path, left: Typed, operator: str, scope: Scope
) -> model.Expression | None:
    found = path(right, scope)
    if found is None:
        return None
    if operator != "contains":
        scope.faults.error(
            "C404",
            f"`{operator}` takes its pattern from the chain, not from telemetry",
            right.span,
            "a text, a set or a parameter stands here",
            helps=("`contains` may look for the value of a field",),
        )
        return None
    if not found.is_text:
        scope.faults.error("C404", f"`contains` looks for text, and {_name(right)} is {found.noun}", right.span)
        return None
    return _binary(node, left.value, found.value)


# -- schedules ----------------------------------------


def _schedule(node: tree.Binary, scope: Scope, typed: Reader) -> model.Expression | None:
    """`time in Schedule` and `time outside Schedule`."""
    left = typed(node.left, scope)
    if left is None:
        return None
    if left.type is not ValueType.TIME:
        scope.faults.error("C401", f"`outside` asks of a time, and this is {left.noun}", node.left.span,
                           helps=("`time outside BusinessHours`",))  # fmt: skip
        return None
    right = node.right
    if isinstance(right, tree.Path) and _is_constant(right, scope):
        known = scope.parameters.get(right, scope.faults)
        if known is None or known.valued is None:
            return None
        literal = known.valued.value
        span = right.span if known.shared else known.declared.value.span
        if not isinstance(literal, model.Literal) or literal.type is not ValueType.TEXT:
            given = values.NOUNS[known.valued.type]
            scope.faults.error("C401", f"{_name(right)} is {given}, not a schedule", right.span)
            return None
        if known.role not in (None, ValueType.SCHEDULE) or not words.schedule(
            str(literal.value), span, known.valued.written[0].faults
        ):
            return None
        known.role, known.user = ValueType.SCHEDULE, f"`{node.op}`"
        name: str | None = known.name
    elif isinstance(right, tree.Text):
        if not words.schedule(right.text, right.span, scope.faults):
            return None
        literal, name = values.constant(right), None
    else:
        scope.faults.error("C401", "a schedule stands here", right.span,
                           helps=('"mon-fri 08:00-18:00 Europe/Berlin"',))  # fmt: skip
        return None
    schedule = model.Literal(
        value=literal.value, type=ValueType.SCHEDULE, name=name, quote=literal.quote, span=right.span
    )
    return _binary(node, left.value, schedule)
