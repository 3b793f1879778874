"""Coverage-guided fuzzing of the front end: bytes, as a file may hold them, through decode, parse, print and check.

    python tests/fuzz/front_end.py [-runs=N] [-max_total_time=SECONDS] [-seed=N] [FOLDER]

`read` is what every fuzzer of the front end calls; it needs no Atheris. Atheris comes with the dependency group `fuzz`;
`tests/test_fuzz.py` starts this file where it is installed, and has a mutator of its own where it is not. What is found
becomes a line of `CRASHERS` there.
"""

import sys
from contextlib import suppress

from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.parser import decode, parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.render import to_text
from chainrun.dsl.sarif import to_sarif
from chainrun.dsl.source import Source
from chainrun.dsl.tree import same


def read(data: bytes) -> None:
    """Everything that the front end does with a file; whatever but `ChainError` comes out of it is a fault of ours."""
    with suppress(ChainError):
        source = decode("x.chain", data)
        try:
            file = parse(source)
        except ChainError as error:
            to_text(error.diagnostics, source)
            to_sarif([(source, error.diagnostics)], "0")
            raise
        printed = format_tree(file)
        again = parse(Source("x.chain", printed))
        assert same(file, again), "what is printed says something else"
        assert format_tree(again) == printed, "formatting twice is not formatting once"
        try:
            _, found = check(file, source)
        except ChainError as error:
            found = error.diagnostics
        to_text(found, source)


def main() -> None:
    import atheris

    # all modules are imported by now; what libFuzzer is to see is instrumented where it stands
    atheris.instrument_all()
    read(b"open")
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
