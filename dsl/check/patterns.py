"""Arguments of kinds, and the sets of conditions: what a field is tested against.

The type of the target decides how the words match, so it is here that words are checked and that a set used as two
types is found.
"""

from chainrun.dsl import model, tree
from chainrun.dsl.nearest import nearest
from chainrun.dsl.source import Span
from chainrun.dsl.types import Entity, ValueType

from . import values, words
from .scope import Capture, Scope

TEXTUAL = frozenset({ValueType.TEXT, ValueType.PROGRAM, ValueType.PATH, ValueType.DESTINATION, ValueType.IMAGE})
_ROLES = {
    ValueType.PROGRAM: ValueType.PROGRAM,
    ValueType.PATH: ValueType.PATH,
    ValueType.DESTINATION: ValueType.DESTINATION,
    ValueType.IMAGE: ValueType.IMAGE,
    ValueType.NUMBER: ValueType.NUMBER,
    ValueType.BYTES: ValueType.NUMBER,
    ValueType.REGEX: ValueType.REGEX,
}
_PROCESS_FIELDS = frozenset({"process", "process.parent", "process.target", "<actor>", "<ancestor>"})


def role_of(type_: ValueType) -> ValueType:
    """The type of word that a field of this type is tested with."""
    return _ROLES.get(type_, ValueType.TEXT)


def pattern(
    node: tree.Pattern, target: model.Target, scope: Scope, user: str, *, whole: bool = False, neutral: bool = False
) -> model.Pattern | None:
    """The pattern that an argument means; None after a reported fault.

    `user` is what the words are for, as a diagnostic says it (`` `spawn` ``). `neutral`: the words are plain text to
    the operator (`like`, `contains`), whatever else their set is used for.
    """
    match node:
        case tree.SetUnion():
            left = pattern(node.left, target, scope, user, whole=whole, neutral=neutral)
            right = pattern(node.right, target, scope, user, neutral=neutral)
            return model.AnyOf(patterns=(left, right), span=node.span) if left and right else None
        case tree.SetDifference():
            left = pattern(node.left, target, scope, user, whole=True, neutral=neutral)
            right = pattern(node.right, target, scope, user, neutral=neutral)
            return model.ButNot(pattern=left, without=right, span=node.span) if left and right else None
        case tree.SetNot():
            inner = pattern(node.operand, target, scope, user, neutral=neutral)
            return model.NotIn(pattern=inner, span=node.span) if inner else None
        case tree.WordSet() | tree.Text():
            return _written(node, target, scope, user, whole, neutral)
        case tree.Number():
            if role_of(target.type) is ValueType.NUMBER and not (node.unit and target.type is ValueType.NUMBER):
                number = values.constant(node).value
                return model.Words(words=(model.Word(str(number)),), span=node.span)
            _mismatch(node, values.constant(node).type, target, scope, user)
            return None
        case tree.Duration():
            _mismatch(node, ValueType.DURATION, target, scope, user)
            return None
        case tree.Truth(value=None):
            scope.faults.error("C406", "nothing equals `null`", node.span, helps=("`exists(field)` asks for a field",))
            return None
        case tree.Truth():
            if target.type is ValueType.BOOLEAN:
                return model.Words(words=(model.Word("true" if node.value else "false"),), span=node.span)
            _mismatch(node, ValueType.BOOLEAN, target, scope, user)
            return None
        case tree.Path(parts=(name,)) if name in scope.captures:
            return _captured(node, target, scope, user)
        case tree.Path(parts=(_,)):
            return _parameter(node, target, scope, user, neutral)
        case tree.Path():
            return _field(node, target, scope, user)


def warn_of_emptiness(found: model.Pattern | model.Lookup, span: Span, scope: Scope) -> None:
    """Warn of a test against a set without words."""
    if isinstance(found, model.Words) and not found.words:
        name = f"`{found.name}` is empty" if found.name is not None else "an empty set"
        scope.faults.warning("C419", name, span, "so this test never passes")


def _written(
    node: tree.WordSet | tree.Text, target: model.Target, scope: Scope, user: str, whole: bool, neutral: bool
) -> model.Pattern | None:
    valued = scope.parameters.evaluate(node, scope.faults)
    if valued is None:
        return None
    role = role_of(target.type)
    if not neutral:
        inherited: set[words.Written] = set()
        for name in valued.includes:
            included = scope.parameters.get(tree.Name(text=name, span=node.span), scope.faults)
            if included is None or not scope.parameters.use(included, role, node.span, user, scope.faults):
                return None
            inherited.update(included.valued.written if included.valued is not None else ())
        for written in valued.written:
            if written not in inherited:
                written.whole = written.whole or whole
                words.check_word(written, role)
            if role is not ValueType.REGEX:
                words.check_form(written, target.field)
    return values.as_pattern(valued.value)


def _parameter(node: tree.Path, target: model.Target, scope: Scope, user: str, neutral: bool) -> model.Pattern | None:
    known = scope.parameters.get(node, scope.faults, scope.captures)
    if known is None or known.valued is None:
        return None
    type_ = known.valued.type
    if type_ in values.WORDY:
        if not neutral and not scope.parameters.use(known, role_of(target.type), node.span, user, scope.faults):
            return None
        for written in () if neutral or target.type is ValueType.REGEX else known.valued.written:
            words.check_form(written, target.field)
        found = values.named(known.valued.value, known.name, node.span)
        return values.as_pattern(found)
    literal = known.valued.value
    if isinstance(literal, model.Literal) and (
        type_ is target.type or (type_ is ValueType.NUMBER and target.type is ValueType.BYTES)
    ):
        text = ("true" if literal.value else "false") if isinstance(literal.value, bool) else str(literal.value)
        return model.Words(words=(model.Word(text),), name=known.name, span=node.span)
    _mismatch(node, type_, target, scope, user)
    return None


def _mismatch(node: tree.Node, given: ValueType, target: model.Target, scope: Scope, user: str) -> None:
    quoted = isinstance(node, tree.Number | tree.Duration) and target.type in TEXTUAL
    scope.faults.error(
        "C401",
        f"{user} tests {values.NOUNS[target.type]}, and this is {values.NOUNS[given]}",
        node.span,
        helps=("if it is a word, put it in a set or in quotes",) if quoted else (),
    )


def _captured(node: tree.Path, target: model.Target, scope: Scope, user: str) -> model.Pattern | None:
    """A capture as an argument: the entity that it introduced, or else the value that it tested."""
    capture = scope.capture(node.parts[0], node.span)
    if capture is None or capture.kinds is None:
        return None
    introduced = capture.introduced
    if introduced is not None and _fits(introduced, target):
        type_ = target.type if introduced.entity in (Entity.FILE, Entity.IMAGE) else ValueType.ENTITY
        return model.FromCapture(capture=capture.name, field=None, type=type_, span=node.span)
    for tested in capture.tested:
        same_type = tested.type is target.type and target.type is not ValueType.TEXT
        if same_type or tested.field == target.field:
            return model.FromCapture(capture=capture.name, field=tested.field, type=tested.type, span=node.span)
    _cannot_pass(node, capture, target, scope, user)
    return None


def _fits(introduced: model.Introduced, target: model.Target) -> bool:
    if introduced.entity is Entity.PROCESS:
        return target.field in _PROCESS_FIELDS
    if introduced.entity is Entity.FILE:
        return target.type is ValueType.PATH
    return introduced.field == target.field


def _cannot_pass(node: tree.Path, capture: Capture, target: model.Target, scope: Scope, user: str) -> None:
    field = {ValueType.PATH: "file.path", ValueType.PROGRAM: "process.executable"}.get(target.type, "user.name")
    scope.faults.error(
        "C216",
        f"`{capture.name}` cannot be passed to {user}",
        node.span,
        f"{user} tests {values.NOUNS[target.type]}; this is {capture.noun}",
        notes=("only what a step introduces or tests can be passed whole",),
        helps=(f"pass one of its fields: `{capture.name}.{field}`",),
    )


def _field(node: tree.Path, target: model.Target, scope: Scope, user: str) -> model.Pattern | None:
    first, name = node.parts[0], ".".join(node.parts[1:])
    if first not in scope.captures:
        whole = ".".join(node.parts)
        if scope.vocabulary.field(whole) is not None:
            scope.faults.error(
                "C217",
                f"`{whole}` is a field of this step's own event",
                node.span,
                "an argument is a set, a parameter, a capture or a capture's field",
                helps=(f"compare two fields of one event with `where … == {whole}`",),
            )
        else:
            scope.capture(first, node.span)
        return None
    capture = scope.capture(first, node.span)
    if capture is None:
        return None
    field = field_of(name, node, scope)
    if field is None:
        return None
    textual = target.type in TEXTUAL and field in TEXTUAL and ValueType.TEXT in (target.type, field)
    if field is not target.type and not textual:
        scope.faults.error(
            "C401",
            f"{user} tests {values.NOUNS[target.type]}, and `{first}.{name}` is {values.NOUNS[field]}",
            node.span,
        )
        return None
    return model.FromCapture(capture=first, field=name, type=field, span=node.span)


def field_of(name: str, node: tree.Node, scope: Scope) -> ValueType | None:
    """The type of a canonical field; an unknown one is reported."""
    found = scope.vocabulary.field(name)
    if found is None:
        report_field(name, node, scope)
        return None
    return found.type


def report_field(name: str, node: tree.Node, scope: Scope) -> None:
    """Report a field that the vocabulary does not have."""
    known = [f for f in scope.vocabulary.fields if not f.startswith(("@", "labels."))]
    below = sorted(f for f in known if f.startswith(f"{name}."))
    meant = nearest(name, known) or next((f for f in sorted(known) if len(name) > 6 and f.startswith(name)), None)
    helps: tuple[str, ...] = ()
    mark = f"did you mean `{meant}`?" if meant else ""
    if below:
        mark, helps = "this is a group of fields", (f"its fields: {', '.join(below[:12])}",)
    elif not meant:
        helps = ('a field that only the record has: `raw."Some.Field"`', "`chainrun fields` lists all others")
    scope.faults.error("C204", f"no field is called `{name}`", node.span, mark, helps=helps)
