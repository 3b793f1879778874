"""Streams made once for all benchmarks, and what these measured in the field's own units, below their table."""

from collections.abc import Callable
from typing import Any

import pytest

from . import cloud, containers, linux, macos, windows
from .streams import Stream, World, mix, write

WORLDS: dict[str, Callable[[], World]] = {
    "Windows, everything": lambda: windows.Fleet(1),
    "Windows, tuned": lambda: windows.Fleet(1, shares=windows.DENSE),
    "Linux": lambda: linux.Fleet(1),
    "macOS": lambda: macos.Fleet(1),
    "containers": lambda: containers.Fleet(1),
    "cloud": lambda: cloud.Account(1),
}

MIXED = "all platforms"
MIX = ("Windows, everything", "Linux", "macOS", "containers", "cloud")


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stream]:
    """The stream of a world, by its name; or of those in `MIX`."""
    folder = tmp_path_factory.mktemp("streams")
    made: dict[str, Stream] = {}

    def of(name: str) -> Stream:
        if name not in made:
            parts = [of(part) for part in MIX] if name == MIXED else []
            file = folder / f"{len(made)}.jsonl"
            made[name] = mix(file, parts) if parts else write(file, WORLDS[name]())
        return made[name]

    return of


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    rows = [b for b in getattr(session, "benchmarks", ()) if b.extra_info]
    if not rows:
        return
    terminalreporter.section("throughput and cost")
    for bench in rows:
        figures = ", ".join(f"{name} {value:,}" for name, value in bench.extra_info.items())
        terminalreporter.write_line(f"{bench.name}: {figures}")
