"""A checked value back in the language: canonical, on one line.

What `explain` shows of parameters, what the fingerprint of an analytic's parameters is taken over, and what diagnostics
say of a value.
"""

from chainrun.dsl import model
from chainrun.dsl.literal import quoted
from chainrun.dsl.types import ValueType

UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"))
SIZES = ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))


def duration(microseconds: int) -> str:
    """`1h30m`."""
    if microseconds <= 0:
        return f"-{duration(-microseconds)}" if microseconds else "0s"
    text, rest = "", microseconds
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text


def word(value: model.Word) -> str:
    """A word as it was written; bare where nothing asks for quotes."""
    return quoted(value.text, value.quote) if value.quote else value.text


def words(value: tuple[model.Word, ...]) -> str:
    return f"{{ {', '.join(map(word, value))} }}" if value else "{}"


def pattern(value: model.Pattern) -> str:
    """A pattern with every parameter's words in full."""
    match value:
        case model.Words():
            return words(value.words)
        case model.AnyOf():
            return " + ".join(_operand(p) for p in value.patterns)
        case model.ButNot():
            return f"{pattern(value.pattern)} - {_operand(value.without)}"
        case model.NotIn():
            return f"not {pattern(value.pattern)}"
        case model.FromCapture():
            return value.capture if value.field is None else f"{value.capture}.{value.field}"


def _operand(value: model.Pattern) -> str:
    text = pattern(value)
    return f"({text})" if isinstance(value, model.AnyOf | model.ButNot) else text


def literal(value: model.Literal) -> str:
    """A constant with its unit."""
    match value.value:
        case None:
            return "null"
        case bool(truth):
            return "true" if truth else "false"
        case str(text):
            return quoted(text, value.quote)
        case int(number) if value.type is ValueType.DURATION:
            return duration(number)
        case int(number) | float(number) if value.type is ValueType.PERCENTAGE:
            return f"{round(number * 100, 9):g}%"
        case int(number) if value.type is ValueType.BYTES:
            size, unit = next(((s, u) for s, u in SIZES if number and number % s == 0), (1, ""))
            return f"{number // size}{unit}"
        case number:
            return str(number)


Entries = tuple[tuple[model.Word, model.Words], ...]


def value(given: model.Literal | model.Pattern | Entries) -> str:
    """Any parameter's value."""
    match given:
        case tuple():
            return f"{{ {', '.join(f'{word(k)}: {words(v.words)}' for k, v in given)} }}"
        case model.Literal():
            return literal(given)
        case _:
            return pattern(given)
