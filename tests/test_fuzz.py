"""The front end and hostile files: rubbish is refused, soon and with diagnostics, and nothing but `ChainError` comes out.

Three ways: megabytes of one thing; known texts mutated, seeded, so that a failure comes again (`CHAINRUN_FUZZ=N` makes
more of them); and Atheris, guided by coverage, where it is installed. Hostile telemetry goes through whole runs, as
many lines of it (`fuzz/lines.py`, which goes on for as long as one likes).
"""

import importlib.util
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chainrun.dsl.check import check
from chainrun.dsl.codes import CODES
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.parser import decode, parse
from chainrun.dsl.render import to_text

from .fuzz import lines
from .fuzz.front_end import read
from .test_check import FORMS
from .test_snippets import ACCEPTED, REFUSED

ROOT = Path(__file__).parent.parent
MEGABYTE = 1 << 20
# The figures are in `make bench` (all are well below a second); here, what grows with the square of the size is caught.
SECONDS = 20.0


# -- megabytes of one thing ----------------------------------------


def rows(row: str, size: int = MEGABYTE) -> bytes:
    return (row * (size // len(row) + 1)).encode()[:size]


RUBBISH = {
    "random bytes": random.Random(1).randbytes(MEGABYTE),
    "parentheses": rows("("),
    "steps": rows("a -> "),
    "one word": rows("a"),
    "braces": rows("{"),
    "a deep nest": b"open where " + b"(" * (MEGABYTE // 2) + b"a" + b")" * (MEGABYTE // 2),
    "a syntax fault a line": rows("open where a.b = 1\n"),
    "an unknown kind a line": "".join(f"chain c{i}: egres -> wrte within 5m\n" for i in range(30_000)).encode(),
    "one string of bad escapes": b'X = "' + rows("\\q") + b'"\nopen',
    "a set of bad words": b"S = { " + rows("b/c, ") + b" }\nspawn(S)",
    "event lines": b'open test "x" raises 1 {' + rows("open a b\n") + b"}",
    "zeros": bytes(MEGABYTE),
}
HALF = {name: text[: 200 * 1024] for name, text in RUBBISH.items()} | {
    "parameters in parameters": "".join(f"A{i} = {{ ...A{i + 1} }}\n" for i in range(9_000)).encode() + b"spawn(A0)",
    "sets that double": "".join(f"A{i} = A{i + 1} + A{i + 1}\n" for i in range(35)).encode()
    + b"A35 = { a }\nspawn(A0)",
    "kinds of kinds": "".join(f"kind k{i}: k{i + 1}\n" for i in range(9_000)).encode() + b"kind k9000: open\nk0",
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH.keys())
def test_a_megabyte_of_rubbish_is_refused_without_growing_over_our_heads(data: bytes) -> None:
    assert seconds_to_refuse(data) < SECONDS


@pytest.mark.parametrize("data", HALF.values(), ids=HALF.keys())
def test_rubbish_that_is_short_enough_to_be_read_is_refused_soon(data: bytes) -> None:
    assert seconds_to_refuse(data) < 2 * SECONDS


def seconds_to_refuse(data: bytes) -> float:
    """The processor's time from bytes to diagnostics on a terminal."""
    parse(decode("x.chain", b"open"))  # the grammar is read once a process
    began = time.process_time()
    with pytest.raises(ChainError) as raised:
        source = decode("x.chain", data)
        check(parse(source), source)
    shown = to_text(raised.value.diagnostics, raised.value.source)
    assert 1 <= len(raised.value.diagnostics) <= 70
    assert len(shown) < 100_000
    return time.process_time() - began


# -- mutations of what is known ----------------------------------------

# What a fuzzer once found; each must stay harmless.
CRASHERS: list[bytes] = []

WORDS = re.findall(
    r"\S+",
    """
    { } ( ) [ ] -> ->? ~> ! & | ? + - * / == != < <= > >= . .. ... , : = +- # ' " \\ % \x00 \ufeff \u202e é 😀
    analytic param kind chain except when on owner test raises as by under from of not and or in like matches contains
    where within per once until without prior severity true false null distinct sum count( share( new( every among all
    outside expect events open spawn write egress event signin 5m 0s 1h30m 40% 5MB 3 -1 2027-01-31 2027-02-30
    process.name process.args file.path destination.ip host.ip time raw.'A.B' labels.x app app.process.pid Shells External
    {*} {3} {2,1} {101} {3,} {>=3\tin\t1m} {>=6\tevery\t10m+-1m} ->[5s..1m] ~>[Window] "a\\n" 'b' {...Shells} \\u{110000}
    """,
)


def corpus() -> list[str]:
    files = sorted(
        [*ROOT.glob("analytics/*.chain"), *ROOT.glob("examples/*/*.chain"), *ROOT.glob("tests/goldens/**/*.chain")]
    )
    pages = [text for page in CODES.values() for text in (page.wrong, page.right) if text]
    snippets = [*ACCEPTED, *(text for text, _ in REFUSED), *FORMS, *FORMS]
    return [*(path.read_bytes().decode("utf-8", "replace") for path in files), *pages, *snippets]


def mutated(text: str, others: list[str], r: random.Random) -> bytes:
    """The text after one to six small accidents."""
    for _ in range(r.randint(1, 6)):
        a = r.randint(0, len(text))
        b = min(len(text), a + r.choice((1, 2, 5, 20, 200)))
        match r.randrange(8):
            case 0:
                text = text[:a] + text[b:]
            case 1:
                text = text[:a] + text[a:b] * r.choice((2, 3, 60)) + text[b:]
            case 2 | 3:
                text = (
                    f"{text[:a]}{r.choice(('', ' '))}{r.choice(WORDS)}{r.choice(('', ' '))}{text[r.choice((a, b)) :]}"
                )
            case 4:
                other = r.choice(others)
                c = r.randint(0, len(other))
                text = text[:a] + other[c : c + r.choice((10, 50, 500))] + text[b:]
            case 5:
                c = r.randint(0, len(text))
                text = text[:a] + text[c : c + 20] + text[a:]
            case 6:
                text = text[:a]
            case _:
                text = text[:a] + chr(r.choice((r.randrange(128), r.randrange(0x3000), 0x1F600))) + text[b:]
        text = text[:20_000]
    data = text.encode("utf-8", "replace")
    if r.random() < 0.02 and data:
        at = r.randrange(len(data))
        data = data[:at] + r.randbytes(2) + data[at:]
    return data


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_file_gives_diagnostics_or_a_chain_and_nothing_else(seed: int) -> None:
    texts = corpus()
    r = random.Random(seed)
    for number in range(int(os.environ.get("CHAINRUN_FUZZ", "4000")) // 4):
        data = mutated(r.choice(texts), texts, r)
        began = time.process_time()
        try:
            read(data)
        except Exception as error:
            pytest.fail(f"seed {seed}, number {number}: {type(error).__name__}: {error}\n{data!r}")
        assert time.process_time() - began < 5, data


@pytest.mark.parametrize("data", CRASHERS)
def test_what_once_broke_it_does_not_any_more(data: bytes) -> None:
    read(data)


# -- telemetry, through whole runs ----------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_mutated_lines_end_no_run_and_none_is_lost(seed: int, tmp_path: Path) -> None:
    """Files, archives and pipes, through several chains to all that a user is shown."""
    count = int(os.environ.get("CHAINRUN_FUZZ", "4000")) // 4
    ends = lines.once(seed, count, tmp_path)
    assert ends["read"] >= count
    assert ends["bad"] > 0


# -- guided by coverage ----------------------------------------


def test_atheris_finds_nothing_in_a_bounded_run(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("Atheris is not installed (pip install --group fuzz)")
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for number, text in enumerate(corpus()):
        (seeds / f"{number:04}").write_bytes(text.encode("utf-8", "replace"))
    command = [sys.executable, str(ROOT / "tests" / "fuzz" / "front_end.py"), "-seed=1", "-runs=4000", "-max_len=2000"]
    command += ["-max_total_time=10", f"-artifact_prefix={tmp_path}/", str(seeds)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
