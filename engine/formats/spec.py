"""Reads what the values of a format file say: paths with converters, conditions, fields.

`"data.ProcessGuid | guid"` is a reading, a list of such are alternatives, `{ value = "x" }` is a constant. A
catalogue's own names (`data.Image`, `provider`) are replaced by what the shape that uses it says they are. Faults are
collected, each with the key path in the file and the nearest known word. Called by `loader`.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import msgspec
from chainrun.dsl.vocabulary import ANY_LABEL, vocabulary
from chainrun.engine.addresses import network

from .converters import CONVERTERS, default_converter
from .format import Also, Condition, Field, Reading, Readings, Record
from .rawpath import RawPath, parse_path

_NO_KEY = re.compile(r"[\x00-\x1f\\]")  # what a JSON decoder of msgspec's takes in no key
_STEP = re.compile(r"\s*([a-z_]+)(?:\((.*)\))?\s*", re.DOTALL)
_LATER = re.compile(r"\|(?![^(]*\))")  # a bar outside of an argument


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a format file: where, and what."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}" if self.key else f"{self.file}: {self.message}"


class FormatError(Exception):
    """A format file that cannot be used. Holds every fault, in the order found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Shape(msgspec.Struct, frozen=True):
    """What a catalogue's names stand for.

    places  name -> readings as written, of which `data` is a template with `*` for the field's name
    moved   names of data fields that stand elsewhere in this shape
    lost    names of data fields that are not the event's own in this shape
    """

    places: dict[str, tuple[str, ...]] = {}
    moved: dict[str, tuple[str, ...]] = {}
    lost: frozenset[str] = frozenset()


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?`, or nothing where no known word is near."""
    found = get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


class Speller:
    """Reads the parts of one file. `names`: the catalogue's own names, empty outside of one."""

    def __init__(self, file: str, os: str, names: frozenset[str] = frozenset(), shape: Shape | None = None) -> None:
        self.file = file
        self.os = os
        self.faults: list[Fault] = []
        self._names = names
        self._shape = shape or Shape()
        self._groups: dict[str, Any] = {}
        self._group_fields: dict[tuple[str, str], tuple[Field, ...]] = {}

    def fault(self, key: str, message: str) -> None:
        self.faults.append(Fault(self.file, key, message))

    # -- tables ----------------------------------------

    def table(self, value: Any, key: str, known: dict[str, type | tuple[type, ...]]) -> dict[str, Any]:
        """The entries of a table that are known and of the right type; the others are faults."""
        if not isinstance(value, dict):
            self.fault(key, "must be a table")
            return {}
        good: dict[str, Any] = {}
        for name, entry in value.items():
            where = f"{key}.{name}" if key else name
            wanted = known.get(name)
            if wanted is None:
                self.fault(where, f"no such key here{nearest(name, known)}")
            elif not isinstance(entry, wanted) or (isinstance(entry, bool) and wanted is int):
                types = wanted if isinstance(wanted, tuple) else (wanted,)
                self.fault(where, f"must be {' or '.join(_TYPE_NAMES[t] for t in types)}")
            else:
                good[name] = entry
        return good

    def strings(self, value: Any, key: str) -> tuple[str, ...]:
        """A string, or a list of strings."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.fault(key, "must be a string or a list of strings")
        return ()

    def kinds(self, value: Any, key: str) -> frozenset[str]:
        """Names of kinds of the vocabulary."""
        found = self.strings(value, key)
        for kind in found:
            if kind not in vocabulary().kinds:
                self.fault(key, f"no kind is called `{kind}`{nearest(kind, vocabulary().kinds)}")
        return frozenset(found)

    # -- readings ----------------------------------------

    def path(self, text: str, key: str) -> RawPath:
        found = parse_path(text)
        if found is None:
            self.fault(key, f"`{text}` is not a path: keys with dots between them, odd ones in double quotes")
            return ("",)
        if any(_NO_KEY.search(part) for part in found):
            self.fault(key, f"`{text}` has a key with a backslash or a control character, which cannot be read")
            return ("",)
        return found

    def readings(self, value: Any, key: str, field: str | None = None) -> Readings:
        """A constant, a reading, or alternatives. For a canonical field the last converter is the one that its type
        asks for, where the file names none."""
        if isinstance(value, dict):
            if set(value) != {"value"} or isinstance(value["value"], dict):
                self.fault(key, "must be a reading, a list of readings, or { value = ... }")
                return ()
            constant = value["value"]
            return (Reading((), (), tuple(constant) if isinstance(constant, list) else constant),)
        found: list[Reading] = []
        for text in self.strings(value, key):
            for resolved in self._resolve(text, key):
                reading = self._reading(resolved, key, field)
                if reading is not None and reading not in found:
                    found.append(reading)
        return tuple(found)

    def _resolve(self, text: str, key: str) -> tuple[str, ...]:
        """The readings of this shape that a catalogue's reading stands for; outside of a catalogue, itself."""
        if not self._names:
            return (text,)
        head, bar, rest = text.partition("|")
        name = head.strip()
        place, dot, data = name.partition(".")
        if place not in self._names:
            self.fault(key, f"the catalogue has no place called `{place}`{nearest(place, self._names)}")
            return ()
        if not dot:
            return tuple(f"{written} {bar} {rest}".rstrip("| ") for written in self._shape.places.get(name, ()))
        if data in self._shape.lost:
            return ()
        written = self._shape.moved.get(data) or tuple(
            template.replace("*", data) for template in self._shape.places.get(place, ())
        )
        return tuple(f"{w} {bar} {rest}".rstrip("| ") for w in written)

    def _reading(self, text: str, key: str, field: str | None) -> Reading | None:
        head, *steps = _LATER.split(text)
        path = self.path(head.strip(), key)
        converters: list[tuple[str, str]] = []
        for step in steps:
            found = _STEP.fullmatch(step)
            name, argument = (found[1], found[2] or "") if found else (step.strip(), "")
            converter = CONVERTERS.get(name)
            if converter is None:
                self.fault(key, f"no converter is called `{name}`{nearest(name, CONVERTERS)}")
                return None
            if converter.takes_argument != bool(argument):
                self.fault(key, f"`{name}` takes {'an' if converter.takes_argument else 'no'} argument in parentheses")
                return None
            try:
                converter.make(self.os, argument)
            except ValueError:
                self.fault(key, f"`{name}` cannot use `{argument}`")
                return None
            converters.append((name, argument))
        if field is not None and (not converters or CONVERTERS[converters[-1][0]].cuts):
            type_ = vocabulary().field(field)
            if type_ is not None:
                converters.append((default_converter(field, type_.type, type_.many), ""))
        return Reading(path, tuple(converters))

    # -- conditions, fields, records ----------------------------------------

    def conditions(self, value: Any, key: str) -> tuple[Condition, ...]:
        """A table of readings and what they must be."""
        if not isinstance(value, dict):
            self.fault(key, "must be a table of conditions")
            return ()
        found = (self._condition(name, test, f"{key}.{name}") for name, test in value.items())
        return tuple(condition for condition in found if condition is not None)

    def _condition(self, name: str, test: Any, key: str) -> Condition | None:
        readings = self.readings(name, key)
        if isinstance(test, dict):
            known = self.table(test, key, _TESTS)
            if len(known) != 1:
                self.fault(key, f"must have one of {', '.join(_TESTS)}")
                return None
            if "within" in known or "outside" in known:
                name = next(iter(known))
                return Condition(
                    readings, within=self._networks(known[name], f"{key}.{name}"), negated=name == "outside"
                )
            if "not" in known:
                return Condition(readings, values=values_of(known["not"]), negated=True)
            starts, ends = known.get("starts"), known.get("ends")
            return Condition(
                readings,
                bits=known.get("bits"),
                present=known.get("present"),
                starts=starts and starts.lower(),
                ends=ends and ends.lower(),
            )
        if not isinstance(test, str | int | list):
            self.fault(key, "must be a value, a list of values, or a test")
            return None
        return Condition(readings, values=values_of(test))

    def _networks(self, value: Any, key: str) -> frozenset[str]:
        found = self.strings(value, key)
        for text in found:
            if network(text) is None:
                self.fault(key, f"`{text}` is no address and no network")
        return frozenset(found)

    def fields(self, value: Any, key: str) -> tuple[Field, ...]:
        """A table of canonical fields and where they are. `"*" = "*"`: all others are called as they are here."""
        if not isinstance(value, dict):
            self.fault(key, "must be a table of fields")
            return ()
        found: list[Field] = []
        rest = value.get("*", "")
        here = {*value, "@timestamp", ANY_LABEL}
        others = (name for name in vocabulary().fields if rest and name not in here)
        table = {**value, **{name: str(rest).replace("*", name) for name in others}}
        table.pop("*", None)
        for name, reading in table.items():
            where = f'{key}."{name}"'
            if vocabulary().field(name) is None:
                self.fault(where, f"no canonical field is called `{name}`{nearest(name, vocabulary().fields)}")
                continue
            readings = self.readings(reading, where, name)
            if readings:
                found.append(Field(name, readings))
        return tuple(found)

    def groups(self, tables: dict[str, Any]) -> None:
        """Takes the groups that records may `use`. One that reads below `*` is spelled for each place it is used at."""
        self._groups = tables
        for name in tables:
            if not _is_placed(tables[name]):
                self._group(name, "", "")

    def _group(self, name: str, place: str, key: str) -> tuple[Field, ...]:
        """The fields of a group, for a record whose things stand at a place."""
        table = self._groups.get(name)
        if table is None:
            self.fault(f"{key}.use", f"no group is called `{name}`{nearest(name, self._groups)}")
            return ()
        if not _is_placed(table):
            place = ""
        elif not place:
            self.fault(f"{key}.use", f"`*` of group `{name}` stands for the `place` of the record, which has none")
            return ()
        if (name, place) not in self._group_fields:
            self._group_fields[name, place] = self.fields(_placed(table, place), f"groups.{name}")
        return self._group_fields[name, place]

    def record(self, value: Any, key: str, dispatch: tuple[str, ...]) -> Record:
        """One `[[records]]` table."""
        row = self.table(value, key, _RECORD_KEYS)
        place = row.get("place", "")
        if place:
            row = _placed(row, place)
        elif _is_placed(row):
            self.fault(key, "`*` stands for the `place` of the record, which has none")
        when = dict(row.get("when", {}))
        keys: list[frozenset[str] | None] = []
        for name in dispatch:
            test = when.pop(name, None)
            if isinstance(test, dict):
                self.fault(f"{key}.when.{name}", "records are looked up by this: it must be a value, or a list of them")
                test = None
            keys.append(None if test is None else values_of(test))
        fields: dict[str, Field] = {field.name: field for field in self.fields(row.get("fields", {}), f"{key}.fields")}
        for group in self.strings(row.get("use", []), f"{key}.use"):
            for field in self._group(group, place, key):
                fields.setdefault(field.name, field)
        also: list[Also] = []
        for at, entry in enumerate(row.get("also", ())):
            where = f"{key}.also[{at + 1}]"
            known = self.table(entry, where, {"when": dict, "kinds": list})
            also.append(
                Also(
                    self.conditions(known.get("when", {}), f"{where}.when"),
                    self.kinds(known.get("kinds", []), f"{where}.kinds"),
                )
            )
        return Record(
            title=row.get("title", ""),
            keys=tuple(keys),
            when=self.conditions(when, f"{key}.when"),
            kinds=self.kinds(row.get("kinds", []), f"{key}.kinds"),
            also=tuple(also),
            may=self.kinds(row.get("may", []), f"{key}.may"),
            time=self.readings(row["time"], f"{key}.time", "@timestamp") if "time" in row else (),
            spare=self.readings(row["spare_time"], f"{key}.spare_time", "@timestamp") if "spare_time" in row else (),
            each=self.readings(row["each"], f"{key}.each") if "each" in row else (),
            fields=tuple(fields.values()),
        )


def values_of(test: Any) -> frozenset[str]:
    """The texts of a value, or of a list of them, as `Condition` compares them."""
    return frozenset(str(value).lower() for value in (test if isinstance(test, list) else [test]))


def _is_placed(value: Any) -> bool:
    """Whether something in a table is read below the place of the record that uses it."""
    if isinstance(value, dict):
        return any(map(_is_placed, value.values()))
    return any(map(_is_placed, value)) if isinstance(value, list) else isinstance(value, str) and value.startswith("*.")


def _placed(value: Any, place: str) -> Any:
    """A table with a place for the `*` that its keys and readings begin with."""
    if isinstance(value, dict):
        return {_placed(name, place): _placed(entry, place) for name, entry in value.items()}
    if isinstance(value, list):
        return [_placed(item, place) for item in value]
    return place + value[1:] if isinstance(value, str) and value.startswith("*.") else value


_TYPE_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}
_TESTS: dict[str, type | tuple[type, ...]] = {
    "bits": int,
    "present": bool,
    "starts": str,
    "ends": str,
    "within": (str, list),
    "outside": (str, list),
    "not": (str, int, list),
}
_RECORD_KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "place": str,
    "when": dict,
    "kinds": list,
    "also": list,
    "may": list,
    "time": (str, list),
    "spare_time": (str, list),
    "each": (str, list),
    "use": list,
    "fields": dict,
}
