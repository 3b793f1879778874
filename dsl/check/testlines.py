"""One event line of a test: its kinds, and what it says of the event, by canonical fields with typed values.

    8s  spawn  zsh  pid=11 ppid=10      kinds (spawn)   process.name = "zsh", process.pid = 11, process.parent.pid = 10

Fields have their canonical names, the names of the kind's arguments (`user=`, `to=`, `image=`), the few short names
below, and the entity that the kind introduces (`volume=`); `raw."Some.Field"=` is of the record as it came. What a line
leaves out the harness fills in, not this.
"""

import re
from ipaddress import ip_address

from chainrun.dsl import model, tree
from chainrun.dsl.literal import DURATION, microseconds
from chainrun.dsl.nearest import nearest
from chainrun.dsl.source import Span
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import TIME

from .scope import Scope
from .values import FACTORS, NOUNS

Scalar = str | int | float | bool
Typed = Scalar | tuple[Scalar, ...]

# Names for what nearly every line says; they go before a kind's arguments, so that they mean one thing in all lines.
SHORT = {
    "pid": model.Target(ValueType.NUMBER, "process.pid"),
    "ppid": model.Target(ValueType.NUMBER, "process.parent.pid"),
    "name": model.Target(ValueType.PROGRAM, "process"),
    "parent": model.Target(ValueType.PROGRAM, "process.parent"),
    "target": model.Target(ValueType.NUMBER, "process.target.pid"),
    "container": model.Target(ValueType.TEXT, "container.id"),
    "instance": model.Target(ValueType.TEXT, "cloud.instance.id"),
    "session": model.Target(ValueType.TEXT, "session.id"),
}
HOST = "host"
RAW = "raw."

_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(KB|MB|GB)?")
_ADDRESSED = re.compile(r"(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})")
_MEANT = {
    ValueType.NUMBER: "a number: `443`",
    ValueType.BYTES: "bytes: `512`, `5MB`",
    ValueType.PERCENTAGE: "a percentage: `40%`",
    ValueType.BOOLEAN: "`true` or `false`",
    ValueType.DURATION: "a duration: `5s`",
    ValueType.TIME: "a time since the test began: `5s`, or before it: `-5m`",
}


def line(node: tree.TestLine, scope: Scope) -> model.TestLine | None:
    """What the line means; None where something in it is wrong."""
    number, _ = scope.faults.source.position(node.span.start)
    parts = [_part(name, scope) for name in node.kinds]
    if not all(parts):
        return None
    known = [p for p in parts if p is not None]
    said = _Said(known, scope)
    if node.positional is not None:
        said.positional(node.positional)
    for field in node.fields:
        said.field(field)
    if said.is_faulty:
        return None
    return model.TestLine(
        at=node.at,
        line=number,
        parts=tuple(known),
        fields=tuple(said.fields.items()),
        record=tuple((name.removeprefix(RAW), value) for name, value in said.record.items()),
        host=said.host,
        text=node.text,
        span=node.span,
    )


def _part(name: tree.Name, scope: Scope) -> model.Part | None:
    meaning = scope.meaning(name)
    if meaning is None:
        return None
    return model.Part(
        kind=meaning.kind, base=meaning.base, arguments=meaning.arguments, where=meaning.where, span=name.span
    )


class _Said:
    """What a line says of its event, so far."""

    def __init__(self, parts: list[model.Part], scope: Scope) -> None:
        self.parts = parts
        self.scope = scope
        self.fields: dict[str, Typed] = {}
        self.record: dict[str, Typed] = {}
        self.host: str | None = None
        self.is_faulty = False

    def positional(self, node: tree.Text) -> None:
        kind = self.parts[0].kind
        if kind.tests is None:
            helps = ("say what is so by fields: `process.name=x`",)
            self._fault(f"a line of `{kind.name}` takes no value", node.span, "there is nothing that it says", helps)
        else:
            self._tell(kind.tests, (node.text,), node.span)

    def field(self, node: tree.TestField) -> None:
        name = node.name.text.replace('"', "")
        if name == HOST:
            self.host = ",".join(node.values)
            return
        if name.startswith(RAW) and name != RAW:
            found = tuple(map(_bare, node.values)) if node.is_bare else node.values
            self._put(self.record, name, found if len(found) > 1 else found[0], node.span)
            return
        target = self._target(name)
        if target is None:
            self._unknown(name, node.name.span)
        else:
            self._tell(target, node.values, node.span)

    def _target(self, name: str) -> model.Target | None:
        if name in SHORT:
            return SHORT[name]
        kinds = [part.kind for part in self.parts]
        for kind in kinds:
            if kind.introduces is not None and kind.introduces.entity == name and "." in kind.introduces.field:
                return model.Target(ValueType.TEXT, kind.introduces.field)
        for kind in kinds:
            if (found := kind.arguments.get(name)) is not None and found.field != "<ancestor>":
                return model.Target(found.type, kind.actor or "process") if found.field == "<actor>" else found
        known = self.scope.vocabulary.field(name)
        return model.Target(known.type, name) if known is not None and name != TIME else None

    def _unknown(self, name: str, span: Span) -> None:
        self.is_faulty = True
        arguments = {a for part in self.parts for a in part.kind.arguments}
        known = {*SHORT, HOST, *arguments, *self.scope.vocabulary.fields} - {TIME}
        meant = nearest(name, known)
        helps: tuple[str, ...] = ()
        if not meant:
            helps = (f"short names: {', '.join(sorted({*SHORT, HOST}))}", "`chainrun kinds` lists others")
        mark = f"did you mean `{meant}`?" if meant else ""
        self.scope.faults.error("C204", f"no field is called `{name}`", span, mark, helps=helps)

    # -- values ----------------------------------------

    def _tell(self, target: model.Target, values: tuple[str, ...], span: Span) -> None:
        """Puts a value into the field, or the fields of the set, that a target names."""
        field, text = target.field, ",".join(values)
        if self.scope.vocabulary.field(field) is not None:
            self._set(field, values, span)
        elif target.type is ValueType.DESTINATION:
            self._destination(field, text, span)
        else:
            self._program(field, text, span)

    def _program(self, field: str, text: str, span: Span) -> None:
        name = re.split(r"[/\\]", text)[-1]
        self._set(f"{field}.name", (name or text,), span)
        if name != text:
            self._set(f"{field}.executable", (text,), span)

    def _destination(self, field: str, text: str, span: Span) -> None:
        """`203.0.113.9:443`, `[2001:db8::1]:443`, `evil.example`."""
        if addressed := _ADDRESSED.fullmatch(text):
            text = addressed[1] or addressed[2]
            self._set(f"{field}.port", (addressed[3],), span)
        self._set(f"{field}.ip" if _is_address(text) else f"{field}.domain", (text,), span)

    def _set(self, field: str, values: tuple[str, ...], span: Span) -> None:
        known = self.scope.vocabulary.field(field)
        assert known is not None, field
        typed = [self._typed(field, known.type, text, span) for text in (values if known.many else (",".join(values),))]
        found = [t for t in typed if t is not None]
        if len(found) < len(typed):
            return
        self._put(self.fields, field, tuple(found) if known.many else found[0], span)

    def _put(self, held: dict[str, Typed], name: str, value: Typed, span: Span) -> None:
        if held.setdefault(name, value) != value:
            self._fault(f"`{name}` is given twice", span, f"it is `{held[name]}` already")

    def _typed(self, field: str, type_: ValueType, text: str, span: Span) -> Scalar | None:
        match type_:
            case ValueType.NUMBER if _NUMBER.fullmatch(text):
                return float(text) if "." in text else int(text)
            case ValueType.BYTES if found := _SIZE.fullmatch(text):
                return int(float(found[1]) * FACTORS[found[2] or ""])
            case ValueType.BOOLEAN if text in ("true", "false"):
                return text == "true"
            case ValueType.PERCENTAGE if text[-1:] == "%" and _NUMBER.fullmatch(text[:-1]):
                return float(text[:-1]) / 100
            case ValueType.TIME if DURATION.fullmatch(text.removeprefix("-")):
                return microseconds(text) * (-1 if text[0] == "-" else 1)
            case ValueType.DURATION if DURATION.fullmatch(text):
                return microseconds(text)
            case ValueType.DESTINATION if field.rpartition(".")[2].endswith("ip"):
                if _is_address(text):
                    return str(ip_address(text))
                self._bad(field, text, span, "an address: `203.0.113.9`")
            case _ if type_ in _MEANT:
                self._bad(field, text, span, _MEANT[type_])
            case _:
                return text
        return None

    def _bad(self, field: str, text: str, span: Span, meant: str) -> None:
        known = self.scope.vocabulary.field(field)
        noun = NOUNS[known.type] if known is not None and known.type is not ValueType.DESTINATION else "an address"
        self._fault(f"`{text}` is not {noun}", span, f"`{field}` is {meant}")

    def _fault(self, message: str, span: Span, mark: str, helps: tuple[str, ...] = ()) -> None:
        self.is_faulty = True
        self.scope.faults.error("C620", message, span, mark, helps=helps)


def _bare(text: str) -> Scalar:
    """What a value is in JSON, where it is one: a number, true or false; else text."""
    if _JSON_NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text == "true" if text in ("true", "false") else text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
