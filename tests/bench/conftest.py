"""What the benchmarks measured in the field's own units, below their table."""

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    rows = [b for b in getattr(session, "benchmarks", ()) if b.extra_info]
    if not rows:
        return
    terminalreporter.section("throughput and cost")
    for bench in rows:
        figures = ", ".join(f"{name} {value:,}" for name, value in bench.extra_info.items())
        terminalreporter.write_line(f"{bench.name}: {figures}")
