"""Reads format files into `Format` values.

A file describes one shape of records. Shapes that carry the same events (ten ways to export Windows event logs) share a
catalogue: the shape says where things are, the catalogue, once, what the events yield. Nothing here reads a record.
"""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from chainrun.dsl.prepared import prepared
from chainrun.dsl.vocabulary import vocabulary
from chainrun.engine.paths import PLATFORMS

from .format import Field, Format, Readings, Recognition, Record
from .rawpath import RawPath
from .spec import Fault, FormatError, Shape, Speller, nearest, values_of

_FORMAT_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "title": str,
    "os": str,
    "blind": str,
    "flow": bool,
    "recognise": dict,
    "unwrap": (str, list),
    "platform": (str, list),
    "time": dict,
    "host": (str, list),
    "number": (str, list),
    "catalogue": str,
    "places": dict,
    "moved": dict,
    "lost": list,
    "only": dict,
    "fields": dict,
    "dispatch": list,
    "groups": dict,
    "records": list,
}
_CATALOGUE_KEYS: dict[str, type | tuple[type, ...]] = {
    "catalogue": str,
    "title": str,
    "names": list,
    "dispatch": list,
    "groups": dict,
    "records": list,
    "fields": dict,
}


def load_formats(extra: tuple[Path, ...] = ()) -> tuple[Format, ...]:
    """The shipped formats by name, and before them the user's own, in the order given: of two formats that fit one
    record the earlier describes it. Raises FormatError with all faults of all files."""
    shipped = _shipped()
    known = {format.name for format in shipped}
    own: list[Format] = []
    faults: list[Fault] = []
    for path in extra:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            format = _read(str(path), table, _catalogues())
        except OSError as error:
            faults.append(Fault(str(path), "", f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError:
            faults.append(Fault(str(path), "", "is not UTF-8"))
        except tomllib.TOMLDecodeError as error:
            faults.append(Fault(str(path), "", f"is not TOML: {error}"))
        except RecursionError:
            faults.append(Fault(str(path), "", "is nested too deeply"))
        except FormatError as error:
            faults.extend(error.faults)
        else:
            if format.name in known:
                faults.append(Fault(str(path), "name", f"there is a format called `{format.name}` already"))
            known.add(format.name)
            own.append(format)
    if faults:
        raise FormatError(faults)
    return (*own, *shipped)


@cache
def _tables() -> dict[str, dict[str, Any]]:
    folder = files(__package__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {name: tomllib.loads((folder / name).read_text(encoding="utf-8")) for name in names}


@cache
def _catalogues() -> dict[str, dict[str, Any]]:
    return {table["catalogue"]: table for table in _tables().values() if "name" not in table and "catalogue" in table}


@cache
def _shipped() -> tuple[Format, ...]:
    # what is made of the files is decided by the code that reads them, too
    here = sorted((e for e in files(__package__).iterdir() if e.is_file()), key=lambda entry: entry.name)
    words = files("chainrun.dsl") / "vocabulary.toml"
    return prepared("formats", [entry.read_bytes() for entry in (words, *here)], _made)


def _made() -> tuple[Format, ...]:
    formats = [_read(name, table, _catalogues()) for name, table in _tables().items() if "name" in table]
    return tuple(sorted(formats, key=lambda format: format.name))


def _read(file: str, table: dict[str, Any], catalogues: dict[str, dict[str, Any]]) -> Format:
    """The format that a file describes; raises FormatError with all its faults."""
    os = table.get("os", "")
    spell = Speller(file, os if os in PLATFORMS else "")
    row = spell.table(table, "", _FORMAT_KEYS)
    for name in ("name", "title", "blind", "recognise"):
        if name not in table:
            spell.fault(name, "is missing")
    if os not in (*PLATFORMS, ""):
        spell.fault("os", f"must be one of {', '.join(PLATFORMS)}, or left out{nearest(str(os), PLATFORMS)}")
    time = spell.table(row.get("time", {}), "time", {"written": (str, list), "local": bool})

    # What a catalogue yields is spelled with this shape's places; what the file says itself, with plain paths.
    rooms = [(spell, row)]
    if "catalogue" in row:
        catalogue = catalogues.get(row["catalogue"])
        if catalogue is None:
            name = row["catalogue"]
            spell.fault("catalogue", f"there is no catalogue `{name}`{nearest(name, catalogues)}")
        else:
            shape = Shape(
                {name: spell.strings(value, f"places.{name}") for name, value in row.get("places", {}).items()},
                {name: spell.strings(value, f"moved.{name}") for name, value in row.get("moved", {}).items()},
                frozenset(spell.strings(row.get("lost", []), "lost")),
            )
            names = frozenset(catalogue["names"])
            for name in shape.places:
                if name not in names:
                    spell.fault(f"places.{name}", f"the catalogue has no such place{nearest(name, names)}")
            inside = Speller(f"{file} with {row['catalogue']}", spell.os, names, shape)
            rooms.append((inside, inside.table(catalogue, "", _CATALOGUE_KEYS)))

    owner, dispatching = next((room for room in reversed(rooms) if "dispatch" in room[1]), rooms[0])
    dispatch = owner.strings(dispatching.get("dispatch", []), "dispatch")
    fields: list[Field] = []
    records: list[Record] = []
    for speller, entries in rooms:
        speller.groups(entries.get("groups", {}))
        for at, record in enumerate(entries.get("records", ())):
            by = dispatch if speller is owner else ()
            found = speller.record(record, f"records[{at + 1}]", by)
            records.append(found if by else _any_key(found, len(dispatch)))
        fields.extend(speller.fields(entries.get("fields", {}), "fields"))

    keys = tuple(owner.readings(name, "dispatch") for name in dispatch)
    said = [_constant(key) for key in keys]
    records = [r for r in records if all(s is None or v is None or s in v for s, v in zip(said, r.keys, strict=True))]
    for name, values in row.get("only", {}).items():
        if name not in dispatch:
            spell.fault(f"only.{name}", f"records are not looked up by this{nearest(name, dispatch)}")
        else:
            at, kept = dispatch.index(name), values_of(values)
            records = [r for r in records if not (r.keys[at] or kept).isdisjoint(kept)]

    format = Format(
        name=row.get("name", ""),
        title=row.get("title", ""),
        os=spell.os,
        file=file,
        sees=_closure(frozenset(k for r in records for ks in (r.kinds, r.may, *(a.kinds for a in r.also)) for k in ks)),
        blind=" ".join(row.get("blind", "").split()),
        recognise=_recognition(spell, row.get("recognise", {})),
        flow=row.get("flow", False),
        unwrap=tuple(spell.path(text, "unwrap") for text in spell.strings(row.get("unwrap", []), "unwrap")),
        platform=spell.readings(row["platform"], "platform", "host.os.type") if "platform" in row else (),
        written=spell.readings(time["written"], "time.written", "@timestamp") if "written" in time else (),
        local=time.get("local", False),
        computer=spell.readings(row["host"], "host") if "host" in row else (),
        number=spell.readings(row["number"], "number", "event.sequence") if "number" in row else (),
        keys=keys,
        records=tuple(records),
        fields=tuple(fields),
    )
    faults = [fault for speller, _ in rooms for fault in speller.faults]
    if faults:
        raise FormatError(dict.fromkeys(faults))
    return format


def _constant(readings: Readings) -> str | None:
    """What a key always is in this shape, so that it can have no other records: the lone provider of a bare export."""
    if len(readings) == 1 and readings[0].converters and readings[0].converters[-1][0] == "always":
        return readings[0].converters[-1][1].lower()
    return None


def _any_key(record: Record, count: int) -> Record:
    return msgspec.structs.replace(record, keys=(None,) * count)


def _recognition(spell: Speller, value: Any) -> Recognition:
    row = spell.table(value, "recognise", {"has": list, "lacks": list, "is": dict})
    has: list[tuple[RawPath, ...]] = []
    for at, entry in enumerate(row.get("has", ())):
        key = f"recognise.has[{at + 1}]"
        has.append(tuple(spell.path(text, key) for text in spell.strings(entry, key)))
    if not has and not row.get("is"):
        spell.fault("recognise", "must say what a record has, or what some value is")
    return Recognition(
        tuple(has),
        tuple(spell.path(text, "recognise.lacks") for text in spell.strings(row.get("lacks", []), "recognise.lacks")),
        spell.conditions(row.get("is", {}), "recognise.is"),
    )


def _closure(kinds: frozenset[str]) -> frozenset[str]:
    """The kinds, and those that they also are."""
    return kinds | {kind for kind, of in vocabulary().of.items() if kinds & set(of)} | {"event"}
