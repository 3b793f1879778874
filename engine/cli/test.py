"""Run the tests of chain files: their `test` blocks, and the cases that stand beside them.

PATHS are chain files and folders of them. Each test runs several times, as it stands and in other ways that must change
nothing. The exit code is 1 where a test failed or a chain is wrong; a file without tests is none.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from chainrun.dsl.render import to_text

from ..chains import Faults, chain_files
from ..report.escape import escape, excerpt
from ..report.paint import Paint, is_wanted
from ..run import choose_formats
from ..study.junit import to_junit
from ..study.trial import Result, trials
from .arguments import TelemetryFileOption, expand, needs_chain
from .begin import sound
from .chains import SetOption, SiteOption, open_library
from .exits import Exit
from .outputs import needs_spare, write


def command(
    files: Annotated[list[str], typer.Argument(metavar="PATH", show_default=False)],
    only_failing: Annotated[bool, typer.Option("--only-failing", help="Show only the tests that failed.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit's XML too, for build servers.")
    ] = None,
    settings: SetOption = None,
    site: SiteOption = None,
    telemetry_file: TelemetryFileOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No closing line.")] = False,
) -> int:
    paths = [path for word in files for path in expand(word)]
    needs_chain(paths, "test")
    if junit is not None:
        needs_spare(junit, [*chain_files(paths)[0], *(telemetry_file or ())])
    with sound():
        formats = choose_formats((), telemetry_file or ())
    library = open_library(paths, settings, site)
    wrong = {faults.source.name: _shown(faults, False) for faults in library.errors}
    for faults in library.errors:
        sys.stderr.write(_shown(faults, is_wanted(sys.stderr)) + "\n")
    paint = Paint(is_wanted(sys.stdout))
    results: dict[str, list[Result]] = {}
    for analytic in library.analytics:
        if analytic.file in wrong:
            continue
        for result in trials(analytic, formats):
            results.setdefault(analytic.file, []).append(result)
            if not (result.passed and only_failing):
                sys.stdout.write("".join(_block(result, paint)))
    if junit is not None:
        write(junit, to_junit(results, wrong).encode("utf-8", "backslashreplace"))
    every = [result for found in results.values() for result in found]
    failed = sum(not result.passed for result in every)
    if not quiet:
        sys.stderr.write(_closing(len(every), failed, library.files))
    return Exit.FOUND if failed or wrong else Exit.OK


def _block(result: Result, paint: Paint) -> Iterator[str]:
    """A test on one line; below a failed one, what was expected and what came."""
    verdict = "ok    " if result.passed else paint("FAILED", "bold", "red")
    yield f"{verdict}  {paint(f'{escape(result.file)}:{result.line}', 'dim')}  {excerpt(result.title, 200)}\n"
    for fault in result.faults:
        for number, line in enumerate(fault.split("\n")):
            yield f"        {'  ' if number else ''}{excerpt(line, 500)}\n"


def _closing(tests: int, failed: int, files: int) -> str:
    where = f"{files} file{'' if files == 1 else 's'}"
    if not tests:
        return f"no tests in {where}\n"
    return f"{tests} test{'' if tests == 1 else 's'} in {where}: {f'{failed} failed' if failed else 'all passed'}\n"


def _shown(faults: Faults, color: bool) -> str:
    return to_text(faults.diagnostics, faults.source, color)
