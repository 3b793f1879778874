"""Fuzzing of whole runs: telemetry as it may be broken, forged and mixed, through several chains to what a user is shown.

    python -m tests.fuzz.lines [--lines 5000000] [--each 50000] [--seed N]

Whatever comes out of a run as an exception, and whatever is not accounted for when it has ended, is a fault of ours; it
comes again with its seed. No Atheris here: a run is too much for it to see through. `tests/test_fuzz.py` has a few
thousand lines of it in every build.
"""

import argparse
import gzip
import io
import json
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from chainrun.dsl.check import check
from chainrun.dsl.model import Analytic
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.chains import load_all
from chainrun.engine.intake.span import Span
from chainrun.engine.report.balance import uneven
from chainrun.engine.report.dead_letters import DeadLetters
from chainrun.engine.report.jsonl import to_line
from chainrun.engine.report.metrics import families, to_text
from chainrun.engine.report.stats import stats
from chainrun.engine.report.summary import to_summary
from chainrun.engine.report.text import to_block
from chainrun.engine.run import Options, Run

from ..test_sieve import MUTATIONS, SAMPLES, at_another_time

ROOT = Path(__file__).parent.parent.parent
STORIES = [path.read_bytes().splitlines() for path in sorted(ROOT.glob("examples/*/events.jsonl"))]

# What nearly every record is a step of, so that groups come to every end, whatever the telemetry.
LOOSE = """\
analytic loose { severity: low }
TimeWindow = 10m
chain pair: spawn as s -> (egress | write | read) within 5m
chain hand: write as w -> open of w within TimeWindow
chain away: spawn -> !egress within 1m
chain much: write{>=3 in 1m} -> egress within 5m
chain kept: spawn as s -> write+ as w -> egress? within 10m until exit of s
chain wide: signin ~> spawn where new(process.name among spawn in 1h) within 30m
chain sums: egress{sum destination.bytes > 100 in 1m} within 5m
"""

# What values may turn into: texts that steer, numbers without measure, times of all ages.
EVIL: list[Any] = [
    "\x1b]0;x\x07\u202e\u2028\x00", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "a" * 5_000, "..\\..\\..\\x", "\\\\?\\C:\\x",
    "::ffff:10.0.0.1", "fe80::1%eth0", "999.1.1.1", "0x1F", "1e5", "NaN", "-0", "é" * 400, "٣", "𝟗", "\ufeff",
    -1, 0, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**40, 1e308, -0.0, 0.1,
    "1601-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-02-30T25:61:61Z", "2026-03-02T09:00:60Z", "0000-00-00",
    "2026-03-02 09:00:00+99:99", 253402300800, -62135596801, 1772442000, 1772442000000, 1772442000000000000,
    [], {}, [[]], [None, {}], {"": {"": ""}}, True, None,
]  # fmt: skip
_NUMBER = re.compile(rb"(?<![\w.])\d{1,6}(?![\w.])")


def evil(r: Random, line: bytes) -> bytes:
    """Another value at a place, anywhere in the record."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return line
    places = [record]
    for place in places:
        inside = place.values() if isinstance(place, dict) else place
        places += [value for value in inside if isinstance(value, dict | list) and value]
    place = r.choice(places)
    if not isinstance(place, dict | list) or not place:
        return line
    place[r.choice(list(place) if isinstance(place, dict) else range(len(place)))] = r.choice(EVIL)  # type: ignore[index]
    return json.dumps(record, ensure_ascii=r.random() < 0.5).encode("utf-8", "surrogatepass")


def renumbered(r: Random, line: bytes) -> bytes:
    """Other pids, ids and ports: somebody else's, or everybody's."""
    return _NUMBER.sub(lambda found: b"%d" % r.randrange(12) if r.random() < 0.3 else found[0], line)


def flipped(r: Random, line: bytes) -> bytes:
    """A bit of it another one."""
    if not line:
        return line
    at = r.randrange(len(line))
    return line[:at] + bytes((line[at] ^ 1 << r.randrange(8),)) + line[at + 1 :]


def spliced(r: Random, line: bytes) -> bytes:
    """The beginning of one and the end of another, or two in one line."""
    other = r.choice(r.choice(list(SAMPLES.values())))
    return line[: r.randint(0, len(line))] + other[r.randint(0, len(other)) :] if r.random() < 0.7 else line + other


CHANGES = (*MUTATIONS, at_another_time, at_another_time, evil, evil, evil, renumbered, renumbered, flipped, spliced)


def stream(r: Random, count: int) -> list[bytes]:
    """Lines of a few sources in turns, many of them mutated, some twice, blank, or no telemetry at all."""
    lines: list[bytes] = []
    while len(lines) < count:
        chosen = [SAMPLES[name] for name in r.sample(list(SAMPLES), 2)] + [r.choice(STORIES)]
        source = r.choice(chosen)
        at = r.randrange(len(source))
        for line in source[at : at + r.randint(1, 40)]:
            chance = r.random()
            for _ in range(r.choice((0, 0, 1, 1, 1, 2, 4))):
                line = r.choice(CHANGES)(r, line)
            lines.append(line)
            if chance < 0.02:
                lines.append(r.choice((line, line, b"", b" \t\r", r.randbytes(r.randrange(40)), b"\x00" * 30)))
    if r.random() < 0.3:
        r.shuffle(lines)
    return lines[:count]


@cache
def shipped() -> tuple[Analytic, ...]:
    return tuple(load_all([ROOT / "analytics", ROOT / "tests" / "attack"]))


@cache
def loose() -> Analytic:
    source = Source("loose.chain", LOOSE)
    return check(parse(source), source)[0]


def drawn(r: Random) -> Options:
    """Options that change what becomes of an event."""
    at = 1_772_442_000_000_000  # when the samples' world happens
    return Options(
        evidence=r.choice((1, 20)),
        raw=r.random() < 0.7,
        lateness=r.choice((0, 0, 1_000_000, 600_000_000)),
        updates=r.random() < 0.5,
        show_suppressed=r.random() < 0.5,
        allow_unproven=r.random() < 0.5,
        host=r.choice((None, "h")),
        max_state=r.choice((None, None, 1 << 20, 20_000)),
        span=r.choice((Span(), Span(), Span(), Span(since=at), Span(at - 3_600_000_000, at + 3_600_000_000))),
        whole=r.random() < 0.1,
        sieve=r.random() < 0.8,
    )


def once(seed: int, count: int, folder: Path) -> Counter[str]:
    """One run over so many lines, and all that can be said of it; returns what became of them."""
    r = Random(seed)
    data = b"\n".join(stream(r, count)) + r.choice((b"", b"\n"))
    analytics = [loose(), *r.sample(shipped(), r.randint(1, 4))]
    way, options = r.choice(("file", "files", "gz", "pipe", "pipe")), drawn(r)
    inputs, stdin = _laid_out(way, data, r, folder)
    letters = DeadLetters(io.BytesIO())
    run = Run(analytics, inputs, options, stdin=stdin, on_bad=letters.take)
    for alert in run:
        to_line(alert)
        to_block(alert)
    lost = uneven(run.balances)
    assert not lost, "; ".join(map(str, lost))
    assert not run.tally.errors, run.tally.errors
    to_summary(run.tally, run.funnels, None, run.given_up)
    to_text(families(stats(run.tally, run.funnels, "0"), run.engine.now))
    lines, *groups = run.balances
    ends = Counter({**lines.became, "alerts": run.alerts, "read": run.tally.lines})
    for group in groups:
        ends.update(f"groups {end}" for end, number in group.became.items() for _ in range(bool(number)))
    return ends


def _laid_out(way: str, data: bytes, r: Random, folder: Path) -> tuple[list[str], io.BytesIO]:
    """The lines as inputs."""
    if way == "pipe":
        return ["-"], io.BytesIO(data)
    parts = [data]
    if way == "files" and b"\n" in data:
        at = data.index(b"\n", r.randrange(data.rindex(b"\n") + 1)) + 1
        parts = [data[:at], data[at:]]
    names = []
    for number, part in enumerate(parts):
        file = folder / f"{number}.jsonl"
        file.write_bytes(gzip.compress(part, 1) if way == "gz" else part)
        names.append(str(file))
    return names, io.BytesIO()


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutated telemetry through whole runs.")
    parser.add_argument("--lines", type=int, default=5_000_000, help="how many in all")
    parser.add_argument("--each", type=int, default=50_000, help="how many of one run")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    words = parser.parse_args()
    total: Counter[str] = Counter()
    failed = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(words.seed, words.seed - (-words.lines // words.each)):
            try:
                total += once(seed, words.each, Path(folder))
            except Exception:
                failed += 1
                sys.stderr.write(f"--seed {seed} --lines {words.each} --each {words.each}\n{traceback.format_exc()}")
            sys.stderr.write(f"{total['read']:,} lines, {time.monotonic() - began:,.0f} s\n")
    sys.stdout.write(f"{json.dumps(total)}\n{failed} runs failed\n")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
