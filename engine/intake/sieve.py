"""The sieve: most lines of a stream are of the format that the last one was, and of no interest.

    line ─ the expected format's own struct ─ is it of this format? ─ its gate ─ needed: its events
                                                    │                     └───── not needed: that is all
                                                    └─ not plainly: all formats' struct, and its format is expected next

A struct of one format is small, so it decodes in a third of the time, and of the formats only those need ruling out
that might describe the record first. The parser walks over the whole line, so one that is left out has been proven to
be JSON, of a known format and of no interest, however it is spelled. A scan of whole blocks for literals (Hyperscan:
ten times as fast as any parser) can prove none of this: not that an escaped key is another, nor that the line is not
broken; and beside what is done for the lines that do matter it would save little. Called by `normalise`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from chainrun.engine.formats.format import Format
from chainrun.engine.formats.recognise import Recogniser, excludes

from .decode import DecodeError, Decoder
from .resolve import recognition

MOST = 3  # formats that the lines of one stream may take turns in

Plan = TypeVar("Plan")


class Sieve(Generic[Plan]):
    """The sieve of some formats, in their order. `plan` makes what deals with the records that a decoder gives of one
    of them."""

    def __init__(
        self, formats: Sequence[Format], wanted: frozenset[str] | None, plan: Callable[[int, Decoder], Plan]
    ) -> None:
        self._formats = formats
        self._wanted = wanted
        self._plan = plan
        self._meshes: dict[int, _Mesh[Plan]] = {}
        self._expected: tuple[_Mesh[Plan], ...] = ()  # the latest first

    def find(self, line: bytes) -> tuple[Plan, Any] | None:
        """The record of a line, and what deals with it; None where it is not plainly of a format that is expected."""
        if not line.isascii() and not _is_utf8(line):
            return None  # whether that matters is for the full decoder to say
        for mesh in self._expected:
            try:
                record = mesh.decode(line)
            except DecodeError:
                return None
            if mesh.is_its(record):
                return mesh.plan, record
        return None

    def expect(self, at: int) -> None:
        """Takes that lines of this format come."""
        mesh = self._meshes.get(at)
        if mesh is None:
            mesh = self._meshes[at] = _Mesh(at, self._formats, self._wanted, self._plan)
        self._expected = (mesh, *(m for m in self._expected if m is not mesh))[:MOST]


class _Mesh(Generic[Plan]):
    """Decodes the lines of one format, and knows them from those of the formats that come before it."""

    def __init__(
        self,
        at: int,
        formats: Sequence[Format],
        wanted: frozenset[str] | None,
        plan: Callable[[int, Decoder], Plan],
    ) -> None:
        format = formats[at]
        others = [f for f in formats[:at] if not excludes(f.recognise, format.recognise)]
        known = (*map(_recognised, others), format)
        decoder = Decoder(known, wanted)
        self.decode = decoder.decode
        self.plan = plan(at, decoder)
        tests = tuple(recognition(one, decoder) for one in known)
        self._find = Recogniser(known, tests, decoder.heads).find
        self._own = len(others)

    def is_its(self, record: Any) -> bool:
        """Whether a record is of this format, and of none that comes before."""
        return self._find(record) == self._own


def _recognised(format: Format) -> Format:
    """Of a format nothing but how its records are recognised."""
    return msgspec.structs.replace(
        format, platform=(), written=(), computer=(), number=(), keys=(), records=(), fields=()
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
