"""The sieve: most lines of a stream are of the format that the last one was, and of no interest.

    line ─ its head, as of the expected format ─ is one like it known? ─ not needed: that is all
                                                      │       └───────── needed: its body is decoded
                                                      no ─ is it of this format? ─ its gate ─ known from now on
                                                                    └─ not plainly: all formats' struct

The head is what tells a record's format, sort, process and time: a small struct, decoded in a fifth of the time that
all formats' takes, and of the formats only those need ruling out that might describe the record first. The parser walks
over the whole line, so one that is left out has been proven to be JSON, of a known format and of no interest, however
it is spelled. Where most lines are needed they are decoded whole at once. A scan of whole blocks for literals
(Hyperscan) is faster still, and can prove none of this: not that an escaped key is another, nor that the line is not
broken; and beside what the lines cost that do matter it saves little. Called by `normalise`.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from chainrun.engine.formats.format import Field, Format, Recognition
from chainrun.engine.formats.rawpath import RawPath
from chainrun.engine.formats.recognise import excludes

from .decode import DecodeError, Decoder, Reader
from .demand import Demand
from .gate import HEAD, Gate, Verdict, is_asked_for
from .resolve import recognition
from .spelled import SECOND, is_in_span, is_spelled_out
from .telling import Unsure, is_plain, times

BEGINNINGS = 64  # of lines, by which is guessed what format they are of
MOST = 3  # formats that lines with the same beginning may take turns in
LIKES = 100_000  # heads of one format that are remembered
LOOKS = 4_096  # keys of one format, the same
DENSITY = 2_000  # lines by which is judged how many of them are needed
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecodeError)


class Deals(Protocol):
    """What deals with the records of one format. `count`: how many it met; `decode`: the whole record of a line;
    `judge_whole`: where the head leaves its gate unsure; `second`: the last one that was told."""

    count: int
    gate: Gate

    @property
    def second(self) -> Any: ...

    def judge(self, head: Any) -> Verdict: ...

    def decode(self, line: bytes) -> Any: ...

    def judge_whole(self, record: Any) -> Verdict: ...


Plan = TypeVar("Plan", bound=Deals)


class Found(NamedTuple, Generic[Plan]):
    """What deals with a record, its head, whether anybody needs it; the whole of it, where it was decoded for that."""

    plan: Plan
    head: Any
    verdict: Verdict
    record: Any = None


class Sieve(Generic[Plan]):
    """The sieve of some formats, in their order.

    whole   the decoder of all formats
    plan    makes what deals with the records of one format: with heads, as one decoder gives them, and with whole
            records of another
    """

    def __init__(
        self,
        formats: Sequence[Format],
        whole: Decoder,
        wanted: frozenset[str] | None,
        demand: Demand,
        plan: Callable[[int, Decoder, Decoder], Plan],
    ) -> None:
        self._formats = formats
        self._whole = whole
        self._wanted = wanted
        self._demand = demand
        self._plan = plan
        self._meshes: dict[tuple[int, bool], _Mesh[Plan]] = {}
        self._dense: set[int] = set()  # formats of which most lines are needed
        self._expected: dict[bytes, tuple[_Mesh[Plan], ...]] = {}  # by how lines begin, the latest first
        self.plans: list[Plan] = []

    def sift(self, lines: list[bytes], at: int, ticks: bool) -> tuple[int, Found[Plan] | None]:
        """The first of some lines, from a place on, that somebody may need, and what is found of it where it is plainly
        of an expected format. `ticks`: one that tells a new second is needed."""
        found, begun = None, -1
        while found is None and begun < at < len(lines):
            begun, beginning = at, _beginning(lines[at])
            for mesh in self._expected.get(beginning, ()):
                at, found = mesh.sift(lines, begun, beginning, ticks)
                if mesh.met >= DENSITY:
                    self._settle(mesh)
                if found is not None or at > begun:
                    break
        return at, found

    def _settle(self, mesh: "_Mesh[Plan]") -> None:
        """Where most lines of a format are needed, looking at their heads first is a loss."""
        was_dense = mesh.at in self._dense
        is_dense = mesh.taken > mesh.met * (0.4 if was_dense else 0.6)
        mesh.met = mesh.taken = 0
        if is_dense != was_dense:
            self._dense ^= {mesh.at}
            other = self._mesh(mesh.at, mesh.seen)
            for beginning, meshes in self._expected.items():
                self._expected[beginning] = tuple(other if m is mesh else m for m in meshes)

    def expect(self, line: bytes, at: int, record: Any) -> None:
        """Takes that lines of this format come that begin like this one, with such a record of all formats' decoder."""
        seen = {key for key in self._keys(at) if self._whole.begins((key,))(record) is not None}
        mesh, beginning = self._mesh(at, seen), _beginning(line)
        others = (m for m in self._expected.get(beginning, ()) if m.at != at)
        if len(self._expected) >= BEGINNINGS:
            self._expected.clear()
        self._expected[beginning] = (mesh, *others)[:MOST]

    def _keys(self, at: int) -> set[str]:
        """The outermost keys by which the formats before one are recognised."""
        return {path[0] for format in self._formats[:at] for group in format.recognise.has for path in group}

    def _mesh(self, at: int, seen: set[str]) -> "_Mesh[Plan]":
        """The mesh of a format. `seen`: outermost keys that its records have."""
        kind = at, at in self._dense
        mesh = self._meshes.get(kind)
        if mesh is None or not seen.isdisjoint(mesh.guards):
            mesh = self._made(at, seen if mesh is None else seen | mesh.seen)
            self._meshes[kind] = mesh
            self.plans.append(mesh.plan)
        return mesh

    def _made(self, at: int, seen: set[str]) -> "_Mesh[Plan]":
        format = self._formats[at]
        rivals, guards = [], []
        for rival in self._formats[:at]:
            if not excludes(rival.recognise, format.recognise):
                lacking = [g for g in rival.recognise.has if seen.isdisjoint(path[0] for path in g)]
                if lacking:  # a record without these keys is not of it
                    guards.append(min(lacking, key=len))
                else:
                    rivals.append(rival.recognise)
        known = [_recognised(format, one) for one in (*rivals, Recognition(has=tuple(dict.fromkeys(guards))))]
        refused = {path[0] for group in guards for path in group}
        if at in self._dense or self._demand.kinds_from(format) is None:  # most records are needed whole
            head = body = Decoder((*known, format), self._wanted, refused)
        else:
            head, body = Decoder((*known, _head(format, self._demand)), None, refused), Decoder((format,), self._wanted)
        return _Mesh(at, format, rivals, refused, seen, head, self._plan(at, head, body))


class _Mesh(Generic[Plan]):
    """Looks at the heads of one format's lines, and knows them from those of the formats that come before it.

    rivals   formats before it that are to be ruled out
    guards   keys that the others have: a head is refused where one of them is
    seen     keys of the format's records that no guard can be made of
    met      lines that were of it, since how dense they are was settled; `taken`: those that were needed
    """

    def __init__(
        self,
        at: int,
        format: Format,
        rivals: Sequence[Recognition],
        guards: set[str],
        seen: set[str],
        head: Decoder,
        plan: Plan,
    ) -> None:
        self.at = at
        self.met = self.taken = 0
        self.plan = plan
        self.seen = seen
        self.guards = guards
        self._head_of = head.quick
        self._is_its = recognition(format, head)
        self._are_others = tuple(recognition(_recognised(format, rival), head) for rival in rivals)
        self._times = times(format)
        all_ = (format.recognise, *rivals)
        self._there = {path for one in all_ for group in (*one.has, one.lacks) for path in group}
        tested = [r for one in all_ for condition in one.conditions for r in condition.readings if r.path]
        self._tested = {r.path for r in tested}
        self._is_of_text = not self._tested.isdisjoint(self._times) or not all(map(is_plain, tested))
        self._head = head
        self._keys = head.reader(plan.gate.keys)
        self._looks: dict[tuple[Any, ...], _Look] = {}
        self._likes: dict[int, _Like] = {}

    def sift(self, lines: list[bytes], at: int, beginning: bytes, ticks: bool) -> tuple[int, Found[Plan] | None]:
        """As the sieve's, of lines of this format that begin so."""
        plan, head_of, keys_of, looks, likes = self.plan, self._head_of, self._keys, self._looks, self._likes
        second = plan.second if ticks else None
        found, alike, begun = None, 0, at
        try:
            while at < len(lines):
                line = lines[at]
                if not line.startswith(beginning):
                    break
                if not line.isascii() and not _is_utf8(line):
                    break  # whether that matters is for the full decoder to say
                head = head_of(line)
                try:
                    look = looks[keys_of(head)]
                    values = look.read(head)
                    verdict, dated, earliest, clock = likes[look.key(head, values)]
                except (KeyError, TypeError, Unsure):  # none was like it, or what is there is no text or number
                    is_like = False
                else:
                    is_like = dated < 0 or is_in_span(values[dated], earliest, verdict.spelled)
                if is_like:
                    alike += 1
                    if verdict.is_taken or (ticks and (clock < 0 or values[clock][:SECOND] != second)):
                        found = Found(plan, head, verdict)
                        break
                else:
                    found = self._judged(head, line)
                    if found is None or found.verdict.is_taken or ticks:
                        break
                    found = None
                at += 1
        except _REFUSED:
            found = None
        plan.count += alike
        self.met += at - begun
        if found is not None:
            self.met += 1
            self.taken += found.verdict.is_taken
        return at, found

    def _judged(self, head: Any, line: bytes) -> Found[Plan] | None:
        """What becomes of a record that none was like before; of those that are like it the same."""
        if not self._is_its(head) or any(is_its(head) for is_its in self._are_others):
            return None
        try:
            found = Found(self.plan, head, self.plan.judge(head))
        except Unsure:
            record = self.plan.decode(line)
            return Found(self.plan, head, self.plan.judge_whole(record), record)
        with suppress(TypeError, Unsure):
            look = self._looks.get(keys := self._keys(head))
            if look is None:
                if len(self._looks) >= LOOKS:
                    self._looks.clear()
                look = self._looks[keys] = self._look(head)
            self._remember(look, head, found.verdict)
        return found

    def _look(self, head: Any) -> "_Look":
        deciding = None if self._is_of_text else self.plan.gate.deciding(head)
        if deciding is None:
            return _BLIND
        paths, there, answers = deciding
        valued = sorted(self._tested.union(paths, self.plan.gate.keys))
        rest = sorted(self._there.union(self._times, there).difference(valued))
        places = {path: at for at, path in enumerate((*valued, *rest))}
        answer = (lambda head: tuple(one(head) for one in answers)) if answers else None
        read = self._head.reader((*valued, *rest))
        if not {list, dict}.isdisjoint(map(type, read(head))):  # as categories are, in ECS
            return _Look(lambda head: _hashable(read(head)), len(valued), places, answer)
        return _Look(read, len(valued), places, answer)

    def _remember(self, look: "_Look", head: Any, verdict: Verdict) -> None:
        """Notes what becomes of records like one: the same, but that nothing is told twice."""
        values = look.read(head)
        dated, earliest = -1, None
        if verdict.spelled is not None:
            # behind which another is asked only where this one is not there
            dated = next((at for path in verdict.stamps if values[at := look.places[path]] is not None), -1)
            earliest = values[dated]
            if dated < 0 or not is_spelled_out(earliest):
                return
        clock = next((at for path in self._times if values[at := look.places[path]] is not None), -1)
        if clock >= 0 and type(values[clock]) is not str:
            clock = -1
        if len(self._likes) >= LIKES:
            self._likes.clear()
        self._likes[look.key(head, values)] = _Like(verdict._replace(is_taken=verdict.is_asked), dated, earliest, clock)


class _Look(NamedTuple):
    """How records with the same keys are looked at: `read` gives the values that decide, `valued` of them, and behind
    them those that only have to be there; `places`: where among them a time is; `answer`: what decides besides."""

    read: Reader
    valued: int
    places: dict[RawPath, int]
    answer: Callable[[Any], tuple[Hashable, ...]] | None

    def key(self, head: Any, values: tuple[Any, ...]) -> int:
        """What records have in common that are alike: 64 bits that nobody outside can foresee. With the types, because
        True and 1.0 are equal to 1."""
        return hash((values[: self.valued], tuple(map(type, values)), self.answer and self.answer(head)))


class _Like(NamedTuple):
    """What became of a record, and so becomes of those that are like it. `dated`: where among their values the time is
    that must be in the span of `earliest`, and not before it (below 0: any may be); `clock`: where the one is that
    tells a second."""

    verdict: Verdict
    dated: int
    earliest: Any
    clock: int


def _blind(head: Any) -> Any:
    raise TypeError


_BLIND = _Look(_blind, 0, {}, None)  # of records each of which is judged anew


def _hashable(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values, of which some may be lists. What stands in an object, or a list in a list, decides nothing as it stands:
    only that it is there."""
    found = []
    for value in values:
        kind = type(value)
        if kind is list:
            value = tuple([type(one) if type(one) in (list, dict) else one for one in value])
        found.append(dict if kind is dict else value)
    return tuple(found)


def _recognised(format: Format, recognition: Recognition) -> Format:
    """A format of which nothing is known but how its records are recognised."""
    return msgspec.structs.replace(
        format, recognise=recognition, platform=(), written=(), computer=(), number=(), keys=(), records=(), fields=()
    )


def _head(format: Format, demand: Demand) -> Format:
    """Of a format what its gate reads."""
    records = tuple(
        msgspec.structs.replace(
            record, each=(), also=(), fields=() if is_asked_for(record, format, demand) else _heading(record.fields)
        )
        for record in format.records
    )
    return msgspec.structs.replace(format, number=(), records=records, fields=_heading(format.fields))


def _heading(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(
        msgspec.structs.replace(field, readings=tuple(filter(is_plain, field.readings)))
        for field in fields
        if field.name in HEAD
    )


def _beginning(line: bytes) -> bytes:
    """How a line begins, up to the end of its first key where that is near: producers differ in it."""
    return line[: line.find(b'"', 2, 64) + 1]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
