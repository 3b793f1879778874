"""Peak memory on a stream, and on one ten times as long: of a pipe nothing is kept but what a window can still ask for.

Files are sorted exactly, so they are held whole: of what matters in them, that is.
"""

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


# The command, which tells at its end how much memory it had at most. (What the system tells of a process that has ended
# counts the one that started it too.)
COMMAND = """
import atexit, sys
from chainrun.engine.cli import main
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
main()
"""


def run(file: Path, through: str) -> tuple[int, int]:
    """The alerts of a run of its own process, and the most memory that it had, in MiB."""
    name = "-" if through == "pipe" else str(file)
    command = [sys.executable, "-c", COMMAND, "--quiet", str(ANALYTICS / "an1314.chain"), name]
    with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as source:
        done = subprocess.run(command, stdin=source.stdout, capture_output=True, text=True, check=True)
    (peak,) = (line.split()[1] for line in done.stderr.splitlines() if line.startswith("VmHWM:"))
    return done.stdout.count("\n"), int(peak) // 1024


pytestmark = [
    pytest.mark.benchmark(group="memory"),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its peak memory"),
]
