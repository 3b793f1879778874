"""How long an alert takes on a pipe: from the last byte of the line that completes it to the alert's own line.

Lines come at an even pace, so that the answer is that of a live stream and not of a file pushed through.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from .measuring import ANALYTICS
from .streams import Stream

PACE = 5_000  # lines a second
LINES = 30_000
WARM = 2_000  # lines whose alerts come while everything is met for the first time


def test_from_the_line_to_the_alert(benchmark: Any, stream: Callable[[str], Stream]) -> None:
    made = stream("Windows, tuned")
    lines = made.file.read_bytes().splitlines(keepends=True)[:LINES]
    delays: list[float] = []
    found = benchmark.pedantic(lambda: follow(lines, delays), rounds=1)
    hosts = {json.loads(line)["Hostname"].partition(".")[0].lower() for line in lines[-1:]}
    assert hosts and found == sum(1 for p in made.planted if is_within(p.scope, p.at, lines))
    delays.sort()
    benchmark.extra_info["lines/s"] = PACE
    benchmark.extra_info["alerts"] = len(delays)
    for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        benchmark.extra_info[f"{name} ms"] = round(delays[min(int(part * len(delays)), len(delays) - 1)] * 1e3, 2)


def is_within(scope: str, at: int, lines: list[bytes]) -> bool:
    """Whether the line that completes a planted chain is among these."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at / 1000)) + f".{at % 1000:03d}"
    return any(moment.encode() in line and scope.upper().encode() in line for line in lines)


def follow(lines: list[bytes], delays: list[float]) -> int:
    """Feed a pipe at the pace, and note for every alert how long after its line it came."""
    written = [0.0] * (len(lines) + 1)
    command = [sys.executable, "-m", "chainrun", "--quiet", str(ANALYTICS / "an1314.chain"), "-"]
    found = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None

        def read() -> None:
            nonlocal found
            assert process.stdout is not None
            for text in process.stdout:
                now = time.perf_counter()
                found += 1
                number = max(step["witness"]["line"] for step in json.loads(text)["steps"])
                if number > WARM:
                    delays.append(now - written[number])

        reader = Thread(target=read)
        reader.start()
        begin = time.perf_counter() + 1.0  # while it starts
        for number, line in enumerate(lines, 1):
            wait = begin + number / PACE - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            process.stdin.write(line)
            process.stdin.flush()
            written[number] = time.perf_counter()
        process.stdin.close()
        reader.join()
    return found


pytestmark = pytest.mark.benchmark(group="latency")
