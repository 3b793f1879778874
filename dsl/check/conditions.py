"""Conditions: what an expression means, and that its types fit.

`condition` gives what is true or false, `typed` what has a value. Operators that compare are in `comparisons`. A fault
is reported where it is and then makes no others: what holds it is None, and None is passed on in silence.
"""

from chainrun.dsl import model, tree
from chainrun.dsl.functions import FUNCTIONS, UNITS, Function
from chainrun.dsl.types import ValueType

from . import comparisons, patterns, values
from .operands import NUMBERS, Typed, path
from .scope import Scope

ARITHMETIC = frozenset("+-*/")
MOST_WORDS = 200  # that a function is called with


def condition(node: tree.Expression, scope: Scope) -> model.Expression | None:
    """An expression that is true, false or unknown."""
    match node:
        case tree.Binary(op="and" | "or"):
            left, right = condition(node.left, scope), condition(node.right, scope)
            return model.Binary(op=node.op, left=left, right=right, span=node.span) if left and right else None
        case tree.Unary(op="not"):
            operand = condition(node.operand, scope)
            return model.Not(operand=operand, span=node.span) if operand else None
    found = typed(node, scope)
    if found is None:
        return None
    if found.type not in (None, ValueType.BOOLEAN):
        name = isinstance(node, tree.Path) and isinstance(found.value, model.Field | model.CaptureField)
        scope.faults.error(
            "C402",
            f"this is {found.noun}, and a condition is true or false",
            node.span,
            helps=(f"whether there is one: `exists({'.'.join(node.parts)})`",)
            if name and isinstance(node, tree.Path)
            else (),
        )
        return None
    return found.value


def typed(node: tree.Expression, scope: Scope) -> Typed | None:
    """An expression and its type."""
    match node:
        case tree.Text() | tree.Number() | tree.Duration() | tree.Truth():
            literal = values.constant(node)
            return Typed(literal, literal.type, node.span)
        case tree.Word():
            word = model.Literal(value=node.text, type=ValueType.TEXT, quote=node.quote, span=node.span)
            return Typed(word, ValueType.TEXT, node.span)
        case tree.Path():
            return path(node, scope)
        case tree.Unary(op="-"):
            return _negative(node, scope)
        case tree.Binary() if node.op in ARITHMETIC:
            return _arithmetic(node, scope)
        case tree.Binary(op="and" | "or") | tree.Unary():
            inner = condition(node, scope)
            return Typed(inner, ValueType.BOOLEAN, node.span) if inner else None
        case tree.Binary():
            compared = comparisons.comparison(node, scope, typed)
            return Typed(compared, ValueType.BOOLEAN, node.span) if compared else None
        case tree.Call():
            return _call(node, scope)
        case tree.New():
            return _new(node, scope)
        case tree.Lookup() | tree.WordSet():
            scope.faults.error("C401", "a set stands where one value is needed", node.span, helps=("`… in { … }`",))
            return None


# -- numbers ----------------------------------------


def _negative(node: tree.Unary, scope: Scope) -> Typed | None:
    operand = typed(node.operand, scope)
    if operand is None:
        return None
    if operand.type is not None and operand.type not in NUMBERS | {ValueType.DURATION}:
        scope.faults.error("C401", f"`-` takes numbers and durations, and this is {operand.noun}", operand.span)
        return None
    type_ = operand.type or ValueType.NUMBER
    return Typed(model.Negative(operand=operand.value, type=type_, span=node.span), type_, node.span)


def _arithmetic(node: tree.Binary, scope: Scope) -> Typed | None:
    left, right = typed(node.left, scope), typed(node.right, scope)
    if left is None or right is None:
        return None
    for side in (left, right):
        if (side.type is not None and side.type not in NUMBERS | {ValueType.DURATION, ValueType.TIME}) or side.many:
            what = "a list" if side.many else side.noun
            scope.faults.error("C401", f"`{node.op}` takes numbers and durations, and this is {what}", side.span)
            return None
    result = _result(node.op, left.type or ValueType.NUMBER, right.type or ValueType.NUMBER)
    if result is None:
        scope.faults.error(
            "C407",
            f"`{node.op}` cannot join {left.noun} and {right.noun}",
            node.span,
            helps=('a number of seconds as a duration: `duration(number, "s")`',)
            if ValueType.DURATION in (left.type, right.type)
            else (),
        )
        return None
    value = model.Binary(op=node.op, left=left.value, right=right.value, type=result, span=node.span)
    return Typed(value, result, node.span)


def _result(op: str, left: ValueType, right: ValueType) -> ValueType | None:
    """The type of a sum or product; None where there is no sense in it."""
    long, when = ValueType.DURATION, ValueType.TIME
    match op, left, right:
        case "-", ValueType.TIME, ValueType.TIME:
            return long
        case "+" | "-", ValueType.TIME, ValueType.DURATION:
            return when
        case "+", ValueType.DURATION, ValueType.TIME:
            return when
        case "+" | "-", ValueType.DURATION, ValueType.DURATION:
            return long
        case "*", ValueType.DURATION, _ if right in NUMBERS:
            return long
        case "*", _, ValueType.DURATION if left in NUMBERS:
            return long
        case "/", ValueType.DURATION, ValueType.DURATION:
            return ValueType.NUMBER
        case "/", ValueType.DURATION, _ if right in NUMBERS:
            return long
        case _ if left in NUMBERS and right in NUMBERS:
            if op == "/" and left is right:
                return ValueType.NUMBER
            return ValueType.BYTES if ValueType.BYTES in (left, right) else ValueType.NUMBER
    return None


# -- functions ----------------------------------------


def _call(node: tree.Call, scope: Scope) -> Typed | None:
    function = FUNCTIONS.get(node.name.text)
    if function is None:
        scope.faults.unknown(
            "C206", f"no function is called `{node.name.text}`", node.name.span, node.name.text, list(FUNCTIONS),
            "functions",
        )  # fmt: skip
        return None
    given, least = len(node.arguments), len(function.takes)
    if given < least or (given > least and not function.repeats):
        count = f"{least} or more arguments" if function.repeats else f"{least} argument{'s' * (least != 1)}"
        scope.faults.error(
            "C405", f"`{function.name}` takes {count}, and here are {given}", node.span, function.signature,
            notes=(function.doc[:1].lower() + function.doc[1:].rstrip("."),),
        )  # fmt: skip
        return None
    takes = (*function.takes, *(function.takes[-1] for _ in range(given - least)))
    arguments = [
        _words(a, function, scope)
        if function.greatest and a is node.arguments[-1] and _is_set(a, scope)
        else _argument(a, t, function, scope)
        for a, t in zip(node.arguments, takes, strict=True)
    ]
    if not all(arguments) or not _fitting(node, function, scope):
        return None
    value = model.Call(
        function=function.name,
        arguments=tuple(a for a in arguments if a is not None),
        type=function.gives,
        span=node.span,
    )
    return Typed(value, function.gives, node.span)


def _argument(node: tree.Expression, takes: ValueType, function: Function, scope: Scope) -> model.Expression | None:
    if takes is ValueType.BOOLEAN:
        return condition(node, scope)
    if function.name == "exists":
        found = path(node, scope) if isinstance(node, tree.Path) else None
        if found is None and isinstance(node, tree.Path):
            return None
        if found is None or isinstance(found.value, model.Literal):
            scope.faults.error("C405", "`exists` asks for a field", node.span, "a field of the event, or of a capture")
            return None
        return found.value
    found = typed(node, scope)
    if found is None:
        return None
    fits = found.is_text if takes is ValueType.TEXT else found.type is None or found.type in NUMBERS
    if (not fits and not (found.many and function.lists)) or (found.many and not function.lists):
        what = "a list" if found.many else found.noun
        scope.faults.error(
            "C405", f"`{function.name}` takes {values.NOUNS[takes]} here, and this is {what}", node.span,
            function.signature, notes=(function.doc[:1].lower() + function.doc[1:].rstrip("."),),
        )  # fmt: skip
        return None
    return found.value


def _is_set(node: tree.Expression, scope: Scope) -> bool:
    """Whether a set of words stands here, and not one text."""
    match node:
        case tree.WordSet():
            return True
        case tree.Binary(op="+" | "-"):
            return _is_set(node.left, scope)
        case tree.Path(parts=(name,)) if name in scope.parameters:
            known = scope.parameters.get(node, scope.faults)
            return known is not None and known.valued is not None and known.valued.type is ValueType.WORDS
    return False


def _words(node: tree.Expression, function: Function, scope: Scope) -> model.Expression | None:
    """The words of a set, each an argument of its own."""
    text = Typed(model.Literal(value="", type=ValueType.TEXT), ValueType.TEXT, node.span)
    found = comparisons.members(node, text, scope, f"`{function.name}`", neutral=True)
    if found is None:
        return None
    patterns.warn_of_emptiness(found, node.span, scope)
    each = _flat(found)
    if len(each) > MOST_WORDS:
        scope.faults.error("C405", f"`{function.name}` takes a set of at most {MOST_WORDS:,} words", node.span,
                           f"these are {len(each):,}")  # fmt: skip
        return None
    return model.Words(words=tuple(each), name=getattr(found, "name", None), span=node.span)


def _flat(pattern: model.Expression | model.Pattern) -> dict[model.Word, None]:
    """The words of a set, of sets joined and taken away; in the order written."""
    match pattern:
        case model.Words():
            return dict.fromkeys(pattern.words)
        case model.AnyOf():
            return {word: None for inner in pattern.patterns for word in _flat(inner)}
        case model.ButNot():
            gone = {word.text for word in _flat(pattern.without)}
            return {word: None for word in _flat(pattern.pattern) if word.text not in gone}
        case _:
            raise AssertionError(type(pattern).__name__)


def _fitting(node: tree.Call, function: Function, scope: Scope) -> bool:
    """What the types cannot say of `duration` and `at_least`."""
    if function.name == "duration":
        unit = node.arguments[1]
        if not isinstance(unit, tree.Text) or unit.text not in UNITS:
            units = ", ".join(f'"{u}"' for u in UNITS)
            scope.faults.error("C405", "the unit of `duration` is not one", unit.span, f"one of {units}")
            return False
    if function.name == "at_least":
        number, conditions = node.arguments[0], len(node.arguments) - 1
        if isinstance(number, tree.Number) and not (number.text.isdigit() and 1 <= int(number.text) <= conditions):
            scope.faults.error(
                "C405",
                f"`at_least` cannot find {number.text} among {conditions} condition{'s' * (conditions != 1)}",
                number.span,
            )
            return False
    return True


def _new(node: tree.New, scope: Scope) -> Typed | None:
    fields: list[model.Field] = []
    for given in node.fields:
        found = path(given, scope)
        if found is not None and not isinstance(found.value, model.Field):
            scope.faults.error("C405", "`new` compares fields of the event itself", given.span)
        elif found is not None and isinstance(found.value, model.Field):
            fields.append(found.value)
    meaning = scope.meaning(node.kind)
    look_back = scope.parameters.limit(node.look_back, scope.faults)
    if meaning is not None and meaning.kind.name != meaning.base:
        scope.faults.error(
            "C405",
            f"`new` looks among events of a base kind, and `{node.kind.text}` filters `{meaning.base}`",
            node.kind.span,
        )
        return None
    if meaning is None or look_back is None or len(fields) < len(node.fields):
        return None
    value = model.New(fields=tuple(fields), kind=meaning.base, look_back=look_back, span=node.span)
    return Typed(value, ValueType.BOOLEAN, node.span)
