"""From the bytes of a line to the few values that anybody asks for.

One msgspec Struct is made for all loaded formats together, nested as their paths are, so that of each line only those
keys become Python objects (measured: a 2 KB flat record decodes in 2 µs instead of 9). What stands behind a path is got
by `getter`, a C call for nearly all records. What msgspec refuses and Python's own decoder takes (a lone surrogate in a
file's name, 1e999) is decoded by that and put into the same Struct. Called by `normalise`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from chainrun.engine.formats.format import EACH, Format, Readings
from chainrun.engine.formats.rawpath import RawPath

# What lineage reads: whose event it is, and who started whom.
LINEAGE = (
    "process.entity_id",
    "process.previous.entity_id",
    "process.pid",
    "process.name",
    "process.executable",
    "process.command_line",
    "process.parent.entity_id",
    "process.parent.pid",
    "process.parent.name",
    "process.parent.executable",
    "process.parent.command_line",
)

# Asked for whatever the chains read: lineage, order, the host, and what decides an event's kinds.
ALWAYS = frozenset(
    {
        *LINEAGE,
        "event.provider",
        "event.action",
        "host.id",
        "host.ip",
        "container.id",
        "process.target.entity_id",
        "process.target.pid",
        "process.target.name",
        "process.target.executable",
        "source.ip",
        "source.port",
        "destination.ip",
        "destination.domain",
        "destination.port",
        "network.transport",
        "dns.question.name",
        "dns.resolved_ip",
        "file.path",
        "file.stream",
        "file.origin_url",
        "file.origin_referrer_url",
        "registry.path",
    }
)

# Fields that `normalise` makes of others.
MADE_OF = {
    "exec.path": ("process.working_directory", "process.args"),
    "open.path": ("process.working_directory", "process.args"),
    "file.path": ("process.working_directory",),
    "process.command_line": ("process.args",),
    "process.parent.command_line": ("process.parent.args",),
    "url.full": ("url.domain", "url.path"),
    "event.duration": ("event.start", "event.end"),
}

# Whatever else stands in an event that no record says in so many words.
MADE = frozenset({
    *MADE_OF, "file.name", "file.directory", "file.extension", "process.args", "process.parent.args",
    "process.target.args", "process.name", "process.parent.name", "process.target.name", "host.name", "host.os.type",
    "event.sequence", "destination.domain",
})  # fmt: skip

MALFORMED = "malformed JSON"
NOT_UTF8 = "invalid UTF-8"
NOT_OBJECT = "not an object"
TOO_DEEP = "nested too deeply"


_MISSING = type(None)
VARIANTS = 64  # of what records lack that is remembered: a hostile stream lacks it in every combination


class DecodeError(Exception):
    """A line that is no record. `cause` is one of the closed list that `normalise` documents."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(cause)


def is_wanted(field: str, wanted: frozenset[str] | None) -> bool:
    """Whether a format's field is extracted; `wanted` None: every field is."""
    if wanted is None or field in ALWAYS or field in wanted:
        return True
    return any(field in parts and made in wanted for made, parts in MADE_OF.items())


def needed_paths(format: Format, wanted: frozenset[str] | None) -> set[RawPath]:
    """The raw paths that a format reads for the wanted fields."""
    readings: list[Readings] = [format.written, format.computer, format.number, format.platform, *format.keys]
    readings += [f.readings for f in format.fields if is_wanted(f.name, wanted)]
    readings += [c.readings for c in format.recognise.conditions]
    for record in format.records:
        readings += [record.time, record.spare, record.each, *(c.readings for c in record.when)]
        readings += [c.readings for also in record.also for c in also.when]
        readings += [f.readings for f in record.fields if is_wanted(f.name, wanted)]
    return {reading.path for alternatives in readings for reading in alternatives if reading.path}


def sought_paths(format: Format) -> set[RawPath]:
    """The raw paths at which a format is known by there being anything, or nothing."""
    return {*format.recognise.lacks, *(path for group in format.recognise.has for path in group)}


class _Node:
    """A key of the merged record: the keys below it, or, where some path ends at it, whatever is there."""

    __slots__ = ("below", "is_leaf", "is_refused", "slot", "type")

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self.below: dict[str, _Node] = {}
        self.is_leaf = False
        self.is_refused = False
        self.type: Any = None


Getter = Callable[[Any], Any]
Reader = Callable[[Any], tuple[Any, ...]]


class Decoder:
    """Decodes lines for these formats. Records are opaque: ask them through `getter` and `reader`. `quick` refuses
    records that have anything at one of some outermost keys, `without`."""

    def __init__(self, formats: Iterable[Format], wanted: frozenset[str] | None, without: Iterable[str] = ()) -> None:
        self._root = _Node("record")
        formats = tuple(formats)
        needed = {path for format in formats for path in needed_paths(format, wanted)}
        sought = {path for format in formats for path in sought_paths(format)}
        slots = 0
        for path in sorted(needed | sought):
            node = self._root
            for key in path:
                if key not in node.below:
                    slots += 1
                    node.below[key] = _Node(f"f{slots}")
                node = node.below[key]
            node.is_leaf = True
        for key in {path[0] for path in sought - needed if len(path) == 1}:
            # whether an outermost object is there can be told though only some of it is decoded
            self._root.below[key].is_leaf = not self._root.below[key].below
        for key in without:
            node = self._root.below[key]
            node.is_leaf = node.is_refused = True
            node.below.clear()
        self._type = _make_struct(self._root)
        # for what is no trouble; raises what msgspec raises
        self.quick: Callable[[bytes | str], Any] = msgspec.json.Decoder(self._type).decode

    def decode(self, line: bytes | str) -> Any:
        """The record of a line; raises DecodeError."""
        try:
            return self.quick(line)
        except RecursionError:
            raise DecodeError(TOO_DEEP) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.from_object(_decode_slowly(line))

    def with_element(self, record: Any, element: Any) -> Any:
        """The record once more, with an element of a list of its own under the key `each`."""
        node = self._root.below.get(EACH)
        if node is None:  # nobody reads anything of it
            return record
        value = _fill(node, element) if isinstance(element, dict) and not node.is_leaf else element
        return msgspec.structs.replace(record, **{node.slot: value})

    def from_object(self, value: Mapping[str, Any]) -> Any:
        """The record of an object that is decoded already."""
        return _fill(self._root, value)

    def has(self, path: RawPath) -> bool:
        """Whether what stands behind a path is read."""
        node = self._root
        for key in path:
            if node.is_leaf or key not in node.below:
                break
            node = node.below[key]
        return node.is_leaf

    def begins(self, path: RawPath) -> Getter:
        """Gets what stands under the first key of a path: where that is missing, so is all behind it."""
        return attrgetter(self._root.below[path[0]].slot)

    def heads(self, keys: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
        """Gets what stands under several outermost keys."""
        return _slots([self._root.below[key].slot for key in keys])

    def getter(self, path: RawPath) -> Getter:
        """Gets the value behind a path: None where there is none."""
        return _getter(self._root, path)

    def reader(self, paths: tuple[RawPath, ...]) -> Reader:
        """Gets the values behind several paths at once."""
        return _reader(self._root, paths)


def _slots(slots: Sequence[str]) -> Reader:
    """Gets what stands at several keys of an object."""
    if not slots:
        return lambda value: ()
    get: Getter = attrgetter(*slots)
    return get if len(slots) > 1 else lambda value: (get(value),)


def _getter(node: _Node, path: RawPath) -> Getter:
    attributes, rest = _resolve(node, path)
    get: Getter = attrgetter(attributes)
    if len(path) == 1:
        return get
    outermost = attrgetter(node.below[path[0]].slot)

    def follow(value: Any) -> Any:
        if outermost(value) is None:
            return None
        try:
            found = get(value)
        except AttributeError:
            return None
        return _follow(found, rest) if rest else found

    return follow


def _reader(node: _Node, paths: tuple[RawPath, ...]) -> Reader:
    """Gets what stands behind paths below a node, of its object: None where there is nothing."""
    if not paths:
        return lambda value: ()
    if len(paths) == 1:
        get_one = _getter(node, paths[0])
        return lambda value: (get_one(value),)
    attributes, rests = zip(*(_resolve(node, path) for path in paths), strict=True)
    gets = attrgetter(*attributes)
    deep = tuple((at, rest) for at, rest in enumerate(rests) if rest)
    # One C call for all of them, and one for records that lack the same outermost objects.
    objects = tuple(dict.fromkeys(below.slot for path in paths if not (below := node.below[path[0]]).is_leaf))
    outermost = _slots(objects)
    variants: dict[tuple[type, ...], Getter] = {}

    def read(value: Any) -> tuple[Any, ...]:
        try:
            values: tuple[Any, ...] = gets(value)
        except AttributeError:
            values = read_without(value)
        if not deep:
            return values
        found = list(values)
        for at, rest in deep:
            if (below := found[at]) is not None:
                found[at] = _follow(below, rest)
        return tuple(found)

    def read_without(value: Any) -> tuple[Any, ...]:
        types = tuple(map(type, outermost(value)))
        get = variants.get(types)
        if get is None:
            missing = {slot for slot, type_ in zip(objects, types, strict=True) if type_ is _MISSING}
            # a missing object stands for all that is looked for in it: None
            get = attrgetter(*(slot if (slot := a.partition(".")[0]) in missing else a for a in attributes))
            if len(variants) >= VARIANTS:
                variants.clear()
            variants[types] = get
        try:
            found: tuple[Any, ...] = get(value)
        except AttributeError:  # something else stands where an object should
            found = tuple(_get(value, a) for a in attributes)
        return found

    return read


def _get(value: Any, attributes: str) -> Any:
    try:
        return attrgetter(attributes)(value)
    except AttributeError:
        return None


def _follow(value: Any, keys: RawPath) -> Any:
    for key in keys:
        value = value.get(key) if type(value) is dict else None
    return value


def _resolve(node: _Node, path: RawPath) -> tuple[str, RawPath]:
    """The attributes to follow in a record, and the keys to follow in what is found there."""
    attributes: list[str] = []
    for at, key in enumerate(path):
        node = node.below[key]
        attributes.append(node.slot)
        if node.is_leaf:
            return ".".join(attributes), path[at + 1 :]
    return ".".join(attributes), ()


def decode_whole(line: bytes | str) -> dict[str, Any]:
    """The object of a line with all that it holds; raises DecodeError."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except RecursionError:
        raise DecodeError(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_slowly(line)


def _decode_slowly(line: bytes | str) -> dict[str, Any]:
    try:
        # As UTF-8, with or without its mark: left to itself, json would take NUL bytes for UTF-32.
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer)
        if not isinstance(value, dict):
            raise DecodeError(NOT_OBJECT)
        mended: dict[str, Any] = _mended(value) if _HALF.search(text) else value
    except RecursionError:
        raise DecodeError(TOO_DEEP) from None
    except UnicodeDecodeError:
        raise DecodeError(NOT_UTF8) from None
    except ValueError:
        raise DecodeError(MALFORMED) from None
    return mended


def _make_struct(node: _Node, is_within: bool = False) -> Any:
    fields = []
    for below in node.below.values():
        missing = None
        if below.is_refused:
            type_: Any = None
        elif below.is_leaf:
            # It may be an object here and a text there (`EventID`, `host`): anything goes.
            type_ = Any
        else:
            made = _make_struct(below, is_within=True)
            # The other types keep a record alive that has something else where an object is expected.
            type_ = made | str | int | float | bool | list[Any] | None
            # Within an object one that is missing is an empty one: nothing stands in it, and no look into it fails.
            missing = made() if is_within else None
        fields.append((below.slot, type_, missing))
    names = {below.slot: key for key, below in node.below.items()}
    node.type = msgspec.defstruct(f"Record_{node.slot}", fields, rename=names, frozen=True, gc=False)
    return node.type


def _fill(node: _Node, value: Mapping[str, Any]) -> Any:
    entries = {}
    for key, below in node.below.items():
        if key in value:
            found = value[key]
            entries[below.slot] = _fill(below, found) if isinstance(found, dict) and not below.is_leaf else found
    return node.type(**entries)


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are not JSON


_LONGEST_INTEGER = 4_000  # digits; Python converts no more than 4,300


def _integer(digits: str) -> int | float:
    """A number that is as good JSON as any, whatever its length."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # without such an escape there is no half of a surrogate pair
_SURROGATE = re.compile("[\ud800-\udfff]")


def _mended(value: Any) -> Any:
    """The value with U+FFFD where a text has half a surrogate pair, which no encoder would take later. It takes
    more of the stack than the decoder did, and may raise RecursionError."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
