"""The one list that chains and formats are checked against, read from `vocabulary.toml`.

Canonical fields with their types, the kinds of event, what each can be caused by, and the platforms that an analytic
may name. Read by `check` (dsl) and by the format loader and the event side (engine). It knows no events and no chains.
"""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from .model import Introduced, Kind, Target
from .types import Entity, ValueType

LABELS = "labels."
ANY_LABEL = "labels.*"  # the one open family of fields: whatever labels an organisation attaches
TIME = "@timestamp"  # the field that `time` in a condition means

# Who acts, by the field set that a kind's `actor` names.
ACTOR_ENTITIES = {
    "process": Entity.PROCESS,
    "process.parent": Entity.PROCESS,
    "user": Entity.IDENTITY,
}


class FieldType(msgspec.Struct, frozen=True):
    """The type of a canonical field, and whether it is a list (a test holds if any element passes)."""

    type: ValueType
    many: bool = False


class Vocabulary(msgspec.Struct, frozen=True):
    """The vocabulary as a value.

    fields      canonical field -> type, `labels.*` among them
    kinds       name -> Kind, `arguments` complete (the shared ones and the kind's own)
    of          kind -> the kinds of which every event is also one of this kind
    unless      kind -> the named condition under which `of` does not hold
    caused_by   entity that can be a subject -> the actors whose events it can cause
    platforms   name -> what it is
    scopes      platform without hosts -> the field that is a chain's default scope there
    """

    fields: dict[str, FieldType]
    kinds: dict[str, Kind]
    of: dict[str, tuple[str, ...]]
    unless: dict[str, str]
    caused_by: dict[Entity, frozenset[str]]
    platforms: dict[str, str]
    scopes: dict[str, str]

    def field(self, name: str) -> FieldType | None:
        """The type of a field, a `labels.` field included; None where there is none of that name."""
        if name.startswith(LABELS) and name != LABELS:
            return self.fields[ANY_LABEL]
        return self.fields.get(name)

    @property
    def field_sets(self) -> frozenset[str]:
        """The first parts of all fields (`process`, `user`, …): names that no parameter or capture may have."""
        return frozenset(name.split(".", 1)[0] for name in self.fields if not name.startswith("@")) | {"raw", "time"}

    def can_cause(self, subject: Entity, kind: Kind) -> bool:
        """Whether an event of this kind can be caused by such a subject (a kind without a known actor always can)."""
        return kind.actor is None or kind.actor in self.caused_by[subject]


def _target(row: list[str]) -> Target:
    type_, field = row
    return Target(ValueType(type_), field)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that comes with the product."""
    table = tomllib.loads((files(__package__) / "vocabulary.toml").read_text(encoding="utf-8"))
    fields = {
        name: FieldType(ValueType(type_.removesuffix("[]")), type_.endswith("[]"))
        for name, type_ in table["fields"].items()
    }
    fields[ANY_LABEL] = FieldType(ValueType.TEXT)
    arguments = {kind: {name: _target(row) for name, row in rows.items()} for kind, rows in table["arguments"].items()}
    kinds = {}
    for name, row in table["kinds"].items():
        introduces = row.get("introduces")
        kinds[name] = Kind(
            name=name,
            takes=row["takes"],
            actor=row.get("actor"),
            introduces=Introduced(Entity(introduces[0]), introduces[1]) if introduces else None,
            tests=_target(row["tests"]) if "tests" in row else None,
            arguments=arguments["*"] | arguments.get(name, {}),
            platforms=tuple(row.get("platforms", ())),
        )
    return Vocabulary(
        fields=fields,
        kinds=kinds,
        of={name: tuple(row["of"]) for name, row in table["kinds"].items() if "of" in row},
        unless={name: row["unless"] for name, row in table["kinds"].items() if "unless" in row},
        caused_by={Entity(subject): frozenset(actors) for subject, actors in table["caused_by"].items()},
        platforms=table["platforms"],
        scopes=table["scopes"],
    )
