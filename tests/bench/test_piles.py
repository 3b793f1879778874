"""The ugly shapes: what an engine drowns in that keeps every partial match apart."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from .measuring import ANALYTICS, found, measure
from .streams import BEGIN, MEGABYTES, Planted, Stream, Timed, save
from .windows import EDGE, SYSTEM32, Fleet, Host

AN1314 = [ANALYTICS / "an1314.chain"]
FULL = min(MEGABYTES / 100, 1)  # what part of the whole shape


def host() -> Host:
    return Host(Random(1), 1, Fleet(1, hosts=1))


def piled(file: Path, records: list[Timed], *planted: Planted) -> Stream:
    return save(file, sorted(records, key=lambda timed: timed[0]), frozenset(planted))


def writes(of: Host, count: int) -> tuple[list[Timed], dict[str, Any]]:
    """A browser that was opened writes files, all inside one window; and the browser."""
    browser = of.process(EDGE)
    drops = (f"C:\\Users\\ann\\Downloads\\part{n}.bin" for n in range(count))
    records = [of.file(BEGIN + 1_000 + n * 600_000 // count, browser, drop) for n, drop in enumerate(drops)]
    return [of.start(BEGIN, browser, of.explorer), *records], browser


def test_one_browser_writes_a_hundred_thousand_files(benchmark: Any, tmp_path: Path) -> None:
    mine = host()
    records, browser = writes(mine, int(100_000 * FULL))
    child = mine.process(SYSTEM32 + "cmd.exe")
    at = BEGIN + 700_000
    records += [mine.start(at, child, browser), mine.connection(at + 1, child, "203.0.113.77", 443)]
    stream = piled(tmp_path / "writes.jsonl", records, Planted("lolbin", mine.name, at + 1))
    assert found(measure(benchmark, AN1314, stream)) == stream.planted


def test_and_starts_a_thousand_children(benchmark: Any, tmp_path: Path) -> None:
    mine = host()
    records, browser = writes(mine, int(20_000 * FULL))
    planted = []
    for n in range(int(1_000 * FULL)):
        child, at = mine.process(SYSTEM32 + "cmd.exe"), BEGIN + 700_000 + 10 * n
        records += [mine.start(at, child, browser), mine.connection(at + 5, child, "203.0.113.77", 443)]
        planted.append(Planted("lolbin", mine.name, at + 5))
    stream = piled(tmp_path / "children.jsonl", records, *planted)
    assert found(measure(benchmark, AN1314, stream)) == stream.planted


@pytest.mark.parametrize("count", [1_000, 4_000, 16_000])
def test_open_chains(benchmark: Any, tmp_path: Path, count: int) -> None:
    mine, count = host(), int(count * FULL)
    records: list[Timed] = []
    for n in range(count):
        browser, at = mine.process(EDGE), BEGIN + n * 600_000 // count
        records.append(mine.start(at, browser, mine.explorer))
        records.append(mine.file(at + 1, browser, f"C:\\Users\\ann\\Downloads\\part{n}.bin"))
    child, at = mine.process(SYSTEM32 + "cmd.exe"), BEGIN + 700_000
    records += [mine.start(at, child, browser), mine.connection(at + 1, child, "203.0.113.77", 443)]
    stream = piled(tmp_path / "opens.jsonl", records, Planted("lolbin", mine.name, at + 1))
    assert found(measure(benchmark, AN1314, stream)) == stream.planted


pytestmark = pytest.mark.benchmark(group="piles")
