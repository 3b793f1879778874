"""Patterns and conditions of a checked chain as text: names of parameters where they have one, else what they hold.

Called by `explain`. It prints what was meant (the model), not what was written; `dsl.printer` does that.
"""

from chainrun.dsl import model
from chainrun.dsl.check.spelling import duration, literal, word, words
from chainrun.dsl.model import Expression, Pattern
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import TIME

_LISTED = 6  # words of a set without a name

# How tightly an operator binds; all comparisons alike.
_BINDS = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6}
_NOT, _COMPARISON, _MINUS = 3, 4, 7


def words_text(pattern: Pattern) -> str:
    """What a pattern names: `UserPaths`, `bash, sh or zsh`, `A or B`, `A except B`."""
    match pattern:
        case model.Words() | model.AnyOf() | model.ButNot() if pattern.name is not None:
            return f"`{pattern.name}`"
        case model.Words():
            return _enumerate([word(w) for w in pattern.words])
        case model.AnyOf():
            return _enumerate([words_text(p) for p in pattern.patterns])
        case model.ButNot():
            return f"{words_text(pattern.pattern)} except {words_text(pattern.without)}"
        case model.NotIn():
            return f"not {words_text(pattern.pattern)}"
        case model.FromCapture():
            return f"`{pattern.capture}.{pattern.field}`" if pattern.field else f"`{pattern.capture}`"


def clause(pattern: Pattern, type_: ValueType) -> str:
    """How a noun is narrowed by a pattern: `that is one of …`, `at or beneath …`, `outside of …`."""
    said = predicate(pattern, type_)
    shortens = type_ in (ValueType.PATH, ValueType.DESTINATION) and not isinstance(pattern, model.FromCapture)
    return said.removeprefix("is ") if shortens else f"that {said}"


def predicate(pattern: Pattern, type_: ValueType) -> str:
    """What a pattern says of a value: `is one of …`, `is at or beneath …`, `does not match …`."""
    negated = isinstance(pattern, model.NotIn)
    inner = pattern.pattern if isinstance(pattern, model.NotIn) else pattern
    words = words_text(inner)
    if isinstance(inner, model.FromCapture):
        return f"is {'not ' if negated else ''}{words if inner.field else f'that of {words}'}"
    match type_:
        case ValueType.PROGRAM:
            return f"is {'not ' if negated else ''}{'one of ' if words.startswith('`') else ''}{words}"
        case ValueType.PATH:
            return f"is {'outside of' if negated else 'at or beneath'} {words}"
        case ValueType.DESTINATION:
            return f"is {'outside of' if negated else 'in'} {words}"
        case _:
            return f"{'does not match' if negated else 'matches'} {words}"


def condition_text(expression: Expression) -> str:
    """A condition in the language's own form, names resolved."""
    return _show(expression, 0)


def _show(expression: Expression, outer: int) -> str:
    match expression:
        case model.Literal():
            return expression.name or literal(expression)
        case model.Field():
            return _field(expression.name)
        case model.CaptureField():
            return f"{expression.capture}.{_field(expression.name)}"
        case model.RawField():
            capture = f"{expression.capture}." if expression.capture else ""
            return f'{capture}raw."{expression.path}"'
        case model.Lookup():
            return f"{expression.map}[{_show(expression.key, 0)}]"
        case model.Call():
            return f"{expression.function}({', '.join(_show(a, 0) for a in expression.arguments)})"
        case model.New():
            fields = ", ".join(_field(f.name) for f in expression.fields)
            return f"new({fields} among {expression.kind} in {duration(expression.look_back)})"
        case model.Binary():
            binds = _BINDS.get(expression.op, _COMPARISON)
            text = f"{_show(expression.left, binds)} {expression.op} {_show(expression.right, binds + 1)}"
            return f"({text})" if binds < outer else text
        case model.Not():
            text = f"not {_show(expression.operand, _NOT + 1)}"
            return f"({text})" if outer > _NOT else text
        case model.Negative():
            return f"-{_show(expression.operand, _MINUS)}"
        case model.NotIn():
            return f"not {_set(expression.pattern)}"
        case model.Words() | model.AnyOf() | model.ButNot():
            return _set(expression)


def _field(name: str) -> str:
    return "time" if name == TIME else name


def _set(pattern: Pattern) -> str:
    match pattern:
        case model.Words() | model.AnyOf() | model.ButNot() if pattern.name is not None:
            return pattern.name
        case model.Words():
            return words(pattern.words)
        case model.AnyOf():
            return " + ".join(map(_set, pattern.patterns))
        case model.ButNot():
            return f"{_set(pattern.pattern)} - {_set(pattern.without)}"
        case model.NotIn():
            return f"not {_set(pattern.pattern)}"
        case model.FromCapture():
            return words_text(pattern).strip("`")


def _enumerate(items: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`, `a, b and 7 more`."""
    if len(items) > _LISTED:
        return f"{', '.join(items[: _LISTED - 1])} or {len(items) - _LISTED + 1} more"
    return " or ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items) or "nothing"
