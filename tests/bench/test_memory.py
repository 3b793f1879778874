"""Peak memory on a stream, and on one ten times as long: of a pipe nothing is kept but what a window can still ask for.

Files are sorted exactly, so they are held whole: of what matters in them, that is.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .measuring import ANALYTICS
from .streams import MEGABYTES, write
from .windows import Fleet


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize("through", ["pipe", "file"])
def test_peak(benchmark: Any, tmp_path: Path, through: str, times: int) -> None:
    # of one pace: ten times the lines take ten times the hours
    made = write(tmp_path / "stream.jsonl", Fleet(1), megabytes=MEGABYTES * times, hours=2.0 * times)
    alerts, peak = benchmark.pedantic(lambda: run(made.file, through), rounds=1)
    assert alerts == len(made.planted)
    benchmark.extra_info["MB"] = round(made.size / 1e6)
    benchmark.extra_info["peak MiB"] = peak


def run(file: Path, through: str) -> tuple[int, int]:
    """The alerts of a run of its own process, and the most memory that it had, in MiB."""
    name = "-" if through == "pipe" else str(file)
    command = [sys.executable, "-m", "chainrun", "--quiet", str(ANALYTICS / "an1314.chain"), name]
    with (
        subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as source,
        subprocess.Popen(command, stdin=source.stdout, stdout=subprocess.PIPE) as process,
    ):
        assert source.stdout is not None and process.stdout is not None
        source.stdout.close()
        alerts = sum(1 for _ in process.stdout)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return alerts, usage.ru_maxrss // 1024


pytestmark = pytest.mark.benchmark(group="memory")
