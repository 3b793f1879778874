"""The gate: of which sort a record is, and whether anybody needs it.

    record ─ platform ─ keys ─ when ─ its sort ─ asked for? ─ yes: its verdict
                                                   └───────── no: the first to tell something? ─ yes: its verdict
                                                                                          └───── no: nothing

A record is asked for by its kind; for its process, if that may be an app that a chain takes for open without a start;
or else taken for what it is the first to tell (`telling`). Gates of one format share their `Memory`, so a record is
judged alike whichever decoder it comes from. Called by `normalise`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from chainrun.engine.formats.envelope import Outside
from chainrun.engine.formats.format import Format, Record
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.values import platform

from .decode import Decoder, Reader
from .demand import Demand
from .kinds import complete, possible
from .resolve import Test, comparable, conversion, converted, recognition, slots, tests
from .telling import TELLING, Few, FirstSights, Memory, OpenApps, is_plain, tells_places

OUTERMOST = Outside()
NO_SORT = Record(title="", keys=())  # what is of no sort that the format knows

_LONGEST_KEY = 512  # longer texts name no provider; a flood of them must not fill the memory

# The fields that decide whether a record that may be an `open` or a `download` is one (`kinds.complete`).
_DECIDABLE = frozenset({"open", "download"})
_DECIDE = ("registry.path", "event.action", "file.origin_url", "file.origin_referrer_url")

# The canonical fields that a gate reads.
HEAD = frozenset({*TELLING, *_DECIDE})

Asked = frozenset[frozenset[str]]  # an event is asked for that is of all the kinds of one of these


class Sort(NamedTuple):
    """A sort of record: the platform, and the place among the format's records; behind the last: of none of them."""

    os: str
    at: int


class Verdict(NamedTuple):
    """What a record is, and whether it is asked for: else it is taken for what it tells, if `is_taken`.

    spelled  how much of a record's time, as it is written at the first of `stamps` where anything is, must be the same
             in a later record that is like this one: that is not taken, then. None: one that is like it is judged the
             same at any time
    """

    sort: Sort
    is_asked: bool
    is_taken: bool = True
    spelled: int | None = None
    stamps: tuple[RawPath, ...] = ()


class Deciding(NamedTuple):
    """What decides about records: places by their values, and by whether anything is there; and answers that hang on
    more values than can be remembered, of which each may raise Unsure."""

    paths: set[RawPath]
    there: set[RawPath]
    answers: tuple[Callable[[Any], bool], ...]


class Gate:
    """The gate of one format, on records of one decoder, or their heads. `asked`: the kinds that are asked for of it;
    None: all."""

    def __init__(
        self,
        format: Format,
        decoder: Decoder,
        wanted: frozenset[str] | None,
        demand: Demand,
        memory: Memory | None = None,
        is_head: bool = False,
    ) -> None:
        self.is_head = is_head
        self.format = format
        self.decoder = decoder
        self.wanted = wanted
        self.demand = demand
        self.asked = demand.kinds_from(format)
        self.memory = memory or Memory()
        self.matches = recognition(format, decoder)
        paths: list[RawPath] = []
        self._platform = slots(format.platform, "", paths)
        self._said = decoder.reader(tuple(paths))
        self._sorts: dict[str, _Sorts] = {}
        # what tells which sorts a record may be of
        self.keys = tuple(dict.fromkeys(r.path for some in (format.platform, *format.keys) for r in some if r.path))

    def judge(self, record: Any, outside: Outside = OUTERMOST) -> Verdict:
        """What a record is, and whether anybody needs it. Once it was taken for what it tells, it is not again. Raises
        Unsure of a head."""
        candidates = self._candidates(record)
        values = candidates.read(record)
        for sort, when in candidates.sorts:
            if when is None or when(values):
                return sort.judge(record, outside)
        raise AssertionError("the last sort takes everything")

    def deciding(self, record: Any) -> Deciding | None:
        """What decides about a record, and all with the same `keys`, besides these and its time. None where that may be
        a piece of a longer text: to ask for it costs as much as to judge."""
        sorts = [sort for sort, _ in self._candidates(record).sorts]
        if not all(sort.is_plain for sort in sorts):
            return None
        paths: set[RawPath] = set().union(*(sort.paths for sort in sorts))
        there: set[RawPath] = set().union(*(sort.there for sort in sorts))
        return Deciding(paths, there, tuple(answer for sort in sorts for answer in sort.answers))

    def _candidates(self, record: Any) -> "_Candidates":
        """The sorts that a record may be of: the first is it of which all holds."""
        os = self.format.os
        if self._platform:
            values = self._said(record)
            said = (platform(converted(convert, values[at])) for at, convert in self._platform)
            os = next(filter(None, said), os)
        sorts = self._sorts.get(os)
        if sorts is None:
            sorts = self._sorts[os] = _Sorts(msgspec.structs.replace(self.format, os=os), self)
        return sorts.find(record)


def _is_asked(kinds: frozenset[str], asked: Asked) -> bool:
    return any(one <= kinds for one in asked)


def is_asked_for(record: Record, format: Format, demand: Demand) -> bool:
    """Whether every record of a sort is, by its kinds or its fields."""
    asked = demand.kinds_from(format)
    if asked is None or _is_asked(possible(_kinds(record)), asked):
        return True
    return _is_asked(frozenset(field.name for field in (*record.fields, *format.fields)), demand.fields)


def _kinds(record: Record) -> frozenset[str]:
    return record.kinds.union(*(also.kinds for also in record.also))


class _Candidates(NamedTuple):
    """Sorts that a record may be of, each with what must hold (None: nothing) of the values that `read` gives."""

    sorts: tuple[tuple["_Sort", Test | None], ...]
    read: Reader


class _Sorts:
    """The sorts of record of one format, on one platform. Each is resolved when its first record comes, for a stream
    holds few of all that there are (resolving every one took longer than most runs)."""

    def __init__(self, format: Format, gate: Gate) -> None:
        self._format = format
        self._gate = gate
        decoder = gate.decoder
        self._keys = tuple(
            tuple((decoder.getter(r.path), conversion(r, format.os)) for r in key) for key in format.keys
        )
        self._raw_key = decoder.reader(tuple(r.path for key in format.keys for r in key))
        self._records = (*format.records, msgspec.structs.replace(NO_SORT, keys=(None,) * len(format.keys)))
        self._resolved: dict[int, _Sort] = {}
        self._candidates: dict[tuple[int, ...], _Candidates] = {}
        self._by_raw_key: dict[tuple[Any, ...], _Candidates] = {}

    def find(self, record: Any) -> _Candidates:
        raw = self._raw_key(record)
        # With their types, because True and 1.0 are equal to 1.
        raw_key = (*raw, *map(type, raw))
        try:
            return self._by_raw_key[raw_key]
        except (KeyError, TypeError):
            return self._look_up(record, raw_key)

    def _look_up(self, record: Any, raw_key: tuple[Any, ...]) -> _Candidates:
        """The sorts whose keys fit, kept by the raw values: there are a few hundred of them."""
        key = tuple(_key(record, alternatives) for alternatives in self._keys)
        places = tuple(
            at
            for at, sort in enumerate(self._records)
            if all(values is None or text in values for values, text in zip(sort.keys, key, strict=True))
        )
        candidates = self._candidates.get(places)
        if candidates is None:
            candidates = self._candidates[places] = self._made(places)
        if all(map(_is_kept, raw_key[: len(raw_key) // 2])):
            if len(self._by_raw_key) >= 4_096:
                self._by_raw_key.clear()
            self._by_raw_key[raw_key] = candidates
        return candidates

    def _made(self, places: tuple[int, ...]) -> _Candidates:
        paths: list[RawPath] = []
        sorts = []
        for at in places:
            when = self._records[at].when
            sorts.append((self._sort(at), tests(when, self._format.os, paths) if when else None))
        return _Candidates(tuple(sorts), self._gate.decoder.reader(tuple(paths)))

    def _sort(self, at: int) -> "_Sort":
        if at not in self._resolved:
            self._resolved[at] = _Sort(Sort(self._format.os, at), self._records[at], self._format, self._gate)
        return self._resolved[at]


def _key(record: Any, alternatives: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...]) -> str:
    for get, convert in alternatives:
        found = comparable(converted(convert, get(record)))
        if found is not None:
            return found
    return ""


def _is_kept(value: Any) -> bool:
    return len(value) <= _LONGEST_KEY if type(value) is str else value is None or type(value) is int


class _Sort:
    """One sort of record: when it is needed. `paths`: what decides that, and of which sort a record is, besides the
    time; `is_plain`: as it stands there; `there`: what need only be there or not; `answers`: what it hangs on
    besides."""

    def __init__(self, sort: Sort, record: Record, format: Format, gate: Gate) -> None:
        decoder = gate.decoder
        self._asked_for = Verdict(sort, True)
        self._left = Verdict(sort, False, False)
        self.paths = {reading.path for condition in record.when for reading in condition.readings}
        self.there: set[RawPath] = set()
        self.is_plain = all(is_plain(reading) for condition in record.when for reading in condition.readings)
        self._asked = gate.asked or frozenset()
        self._kinds = _kinds(record)
        may = _is_asked(possible(self._kinds | record.may), self._asked)
        self._is_asked = (
            is_asked_for(record, format, gate.demand)
            or (may and not record.may <= _DECIDABLE)
            # one of many elements may be
            or (bool(record.each) and (may or bool(gate.demand.apps) or tells_places(record, format)))
        )
        self._decide = (
            Few(_DECIDE, record, format, decoder, gate.is_head, cuts=True) if may and not self._is_asked else None
        )
        self.answers: tuple[Callable[[Any], bool], ...] = (
            (self._is_asked_by_fields,) if self._decide is not None else ()
        )
        self._apps = self._sights = None
        if self._is_asked or record.each:
            return
        if gate.demand.apps:
            self._apps = OpenApps(record, format, decoder, gate.demand.apps, gate.is_head)
            self.paths.update(self._apps.paths)
            self.there.update(self._apps.there)
        sights = FirstSights(record, format, decoder, gate.wanted, gate.memory, gate.is_head)
        if sights.is_any:
            self._sights = sights
            self.paths.update(sights.paths)
            written = (*record.time, *record.spare, *format.written)
            stamps = tuple(r.path for r in written if r.path) if all(map(is_plain, written)) else ()
            self._told = Verdict(sort, False, True, sights.spelled, stamps)
            self._left = Verdict(sort, False, False, sights.spelled, stamps)

    def judge(self, record: Any, outside: Outside) -> Verdict:
        if self._is_asked:
            return self._asked_for
        if self._decide is not None and self._is_asked_by_fields(record):
            return self._asked_for
        try:
            if self._apps is not None and self._apps.may_be(record):
                return self._asked_for
            if self._sights is not None and self._sights.is_new(record, outside):
                return self._told
        except TypeError:  # a list or an object, where a name or a number should be
            return self._asked_for
        return self._left

    def _is_asked_by_fields(self, record: Any) -> bool:
        assert self._decide is not None
        return _is_asked(complete(self._kinds, self._decide(record)), self._asked)
