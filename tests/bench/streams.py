"""A stream of telemetry with ground truth: what a world does of itself, and stories planted into it at even distances.

The same seed gives the same bytes. A world (`windows`, `linux`, …) makes records; here they are put in order and written.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

# Megabytes of the streams: small ones show ratios, and `CHAINRUN_BENCH_MB=1000` gives figures that may be quoted.
MEGABYTES = float(os.environ.get("CHAINRUN_BENCH_MB", "10"))

HOUR = 3_600_000
MIDNIGHT = 1_693_958_400  # the sixth of September 2023, in seconds
BEGIN = MIDNIGHT * 1000 + 6 * HOUR

H = TypeVar("H")
Record = dict[str, Any]
Timed = tuple[int, Record]  # milliseconds since 1970


class Planted(NamedTuple):
    """A chain that is really there: which, where, and the moment at which it is complete."""

    chain: str
    scope: str
    at: int


class Story(NamedTuple):
    """Records that belong together. `truth` None: a decoy, which lacks one thing."""

    records: list[Timed]
    truth: Planted | None = None


class World(Protocol):
    """What makes records. Times rise from call to call."""

    def life(self, at: int) -> Iterable[Record]:
        """What goes on at a moment anyway: one record, or some."""

    def attack(self, at: int) -> Story: ...

    def decoy(self, at: int) -> Story: ...


class Stream(NamedTuple):
    """A file, and what is in it."""

    file: Path
    lines: int
    size: int
    planted: frozenset[Planted]


def write(
    file: Path, world: World, *, megabytes: float = MEGABYTES, attacks: int = 20, decoys: int = 20, hours: float = 2
) -> Stream:
    """Write a world's stream of about this size, which takes `hours` of event time."""
    end = BEGIN + int(hours * HOUR)
    encode = msgspec.json.encode
    typical = _typical(world)
    gap = hours * HOUR / (megabytes * 1e6 / typical)
    planned = _planned(attacks, decoys, end)
    planted: set[Planted] = set()
    waiting: list[tuple[int, int, Record]] = []
    lines = size = told = 0
    at = float(BEGIN)
    with file.open("wb") as out:
        while at < end or waiting:
            while planned and planned[0][0] <= at:
                begins, is_attack = planned.pop(0)
                story = world.attack(begins) if is_attack else world.decoy(begins)
                if story.truth is not None:
                    planted.add(story.truth)
                for when, record in story.records:
                    told += 1
                    heappush(waiting, (when, told, record))
            while waiting and (waiting[0][0] <= at or at >= end):
                size += out.write(encode(heappop(waiting)[2]) + b"\n")
                lines += 1
            if at < end:
                for record in world.life(int(at)):
                    size += out.write(encode(record) + b"\n")
                    lines += 1
            at += gap
    return Stream(file, lines, size, frozenset(planted))


def save(file: Path, records: Iterable[Timed], planted: frozenset[Planted]) -> Stream:
    """Write records in the order in which they come."""
    lines = [msgspec.json.encode(record) + b"\n" for _, record in records]
    file.write_bytes(b"".join(lines))
    return Stream(file, len(lines), file.stat().st_size, planted)


def mix(file: Path, streams: Sequence[Stream]) -> Stream:
    """Write streams as one shipper sends them: line by line among each other, each in its order."""
    parts = [stream.file.read_bytes().splitlines(keepends=True) for stream in streams]
    placed = sorted((at / len(lines), n, at) for n, lines in enumerate(parts) for at in range(len(lines)))
    file.write_bytes(b"".join(parts[n][at] for _, n, at in placed))
    return Stream(file, len(placed), file.stat().st_size, frozenset().union(*(s.planted for s in streams)))


def _typical(world: World) -> float:
    """How many bytes a moment of a world's life takes: tried out, in a time before the stream."""
    sizes = [len(msgspec.json.encode(record)) + 1 for n in range(500) for record in world.life(BEGIN - 500 + n)]
    return sum(sizes) / 500


def _planned(attacks: int, decoys: int, end: int) -> list[tuple[int, bool]]:
    """When stories begin: evenly, and none so late that it would not end in the stream."""
    span = end - BEGIN
    begins = [(BEGIN + int(span * (n + 0.3) / attacks * 0.7), True) for n in range(attacks)]
    begins += [(BEGIN + int(span * (n + 0.6) / decoys * 0.7), False) for n in range(decoys)]
    return sorted(begins)


class Stage(Generic[H]):
    """Hosts on which stories happen: each only once, so that no two of them are one."""

    def __init__(self, hosts: Sequence[H]) -> None:
        self._hosts = hosts
        self._told = 0

    def next(self) -> H:
        self._told += 1
        if self._told > len(self._hosts):
            raise ValueError(f"{len(self._hosts)} hosts are too few for so many stories")
        return self._hosts[self._told * 7919 % len(self._hosts)]


class Clock:
    """Writes moments as telemetry does; what two of them share is formatted once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, at: int, between: str = " ") -> str:
        """`2023-09-06 06:00:00.000`"""
        second, ms = divmod(at, 1000)
        if second != self._second:
            day, rest = divmod(second - MIDNIGHT, 86_400)
            self._text = f"2023-09-{6 + day:02d}|{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
            self._second = second
        return f"{self._text.replace('|', between)}.{ms:03d}"


def guids(rng: Random) -> Iterator[str]:
    """Process ids as Sysmon makes them."""
    count = 0
    machine = f"{rng.getrandbits(32):08x}"
    while True:
        count += 1
        yield f"{{{machine}-{count >> 16 & 0xFFFF:04x}-64f8-{count & 0xFFFF:04x}-000000000500}}"
