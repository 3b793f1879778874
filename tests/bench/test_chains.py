"""What more chains cost: one, fifty that differ in a parameter, all analytics on all platforms, and all that there are.

Compare the medians of one stream: an event that no chain reads should cost the same with fifty as with one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import MIXED
from .measuring import ANALYTICS, ROOT, found, measure
from .streams import Stream

AN1314 = ANALYTICS / "an1314.chain"
SHIPPED = sorted(file.stem for file in ANALYTICS.glob("an*.chain"))
MANY = 50


def copies(folder: Path, count: int) -> list[Path]:
    """So many analytics of one kind, each with a window of its own."""
    text = AN1314.read_text().partition("\ntest ")[0]
    files = [folder / f"copy{n:02d}.chain" for n in range(count)]
    for n, file in enumerate(files):
        file.write_text(text.replace("AN1314", f"LAB{n}").replace("= 15m", f"= {900 - n}s"))
    return files


@pytest.mark.parametrize("count", [1, MANY])
@pytest.mark.parametrize("world", ["Windows, everything", "Windows, tuned"])
def test_chains_that_differ_in_a_parameter(
    benchmark: Any, stream: Callable[[str], Stream], tmp_path: Path, world: str, count: int
) -> None:
    alerts = measure(benchmark, copies(tmp_path, count), stream(world))
    for n in range(count):
        assert found(a for a in alerts if a.analytic == f"LAB{n}") == stream(world).planted


@pytest.mark.parametrize("names", [["an1314"], SHIPPED], ids=["one", "all"])
def test_the_analytics_on_a_stream_of_all_platforms(
    benchmark: Any, stream: Callable[[str], Stream], names: list[str]
) -> None:
    alerts = measure(benchmark, [ANALYTICS / f"{name}.chain" for name in names], stream(MIXED))
    planted = stream(MIXED if names == SHIPPED else "Windows, everything").planted
    assert planted <= {one for name in names for one in found(a for a in alerts if a.analytic == name.upper())}


@pytest.mark.parametrize("world", ["Windows, everything", "Windows, tuned"])
def test_all_chains_that_there_are(benchmark: Any, stream: Callable[[str], Stream], world: str) -> None:
    chains = [*sorted(ANALYTICS.glob("*.chain")), *sorted((ROOT / "tests" / "attack").glob("*.chain"))]
    alerts = measure(benchmark, chains, stream(world))
    benchmark.extra_info["analytics"] = len(chains)
    assert found(a for a in alerts if a.analytic == "AN1314") == stream(world).planted


pytestmark = pytest.mark.benchmark(group="chains")
