"""Run the tests of chain files: their `test` blocks, and the cases that stand beside them.

PATHS are chain files and folders of them. Each test runs several times, as it stands and in other ways that must change
nothing. `--mutate` asks what the tests would miss: clauses of the chain are relaxed, and events of the tests that raise
an alert are lost, late, out of order or of others. The exit code is 1 where a test failed, a chain is wrong, or such a
change goes unnoticed; a file without tests is none of these.
"""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from chainrun.dsl.loader import read
from chainrun.dsl.render import to_text

from ..chains import Faults, Library, chain_files
from ..formats import Format
from ..report.escape import escape, escape_json, excerpt
from ..report.paint import Paint, is_wanted
from ..run import choose_formats
from ..study.junit import to_junit
from ..study.trial import Result, trials
from .arguments import TelemetryFileOption, expand, needs_chain
from .begin import sound
from .chains import SetOption, SiteOption, open_library
from .exits import Exit
from .outputs import needs_spare, write


class Form(StrEnum):
    TEXT = "text"
    JSON = "json"


def command(
    files: Annotated[list[str], typer.Argument(metavar="PATH", show_default=False)],
    only_failing: Annotated[bool, typer.Option("--only-failing", help="Show only the tests that failed.")] = False,
    mutate: Annotated[bool, typer.Option("--mutate", help="Show which changes of the chain the tests miss.")] = False,
    form: Annotated[Form, typer.Option("--format", "-f", help="How results are written.")] = Form.TEXT,
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
            if not (result.passed and (only_failing or mutate)):
                sys.stdout.write(_row(result) if form is Form.JSON else "".join(_block(result, paint)))
    if junit is not None:
        write(junit, to_junit(results, wrong).encode("utf-8", "backslashreplace"))
    every = [result for found in results.values() for result in found]
    failed = sum(not result.passed for result in every)
    if not quiet:
        sys.stderr.write(_closing(len(every), failed, library.files))
    missed = mutate and _mutate(library, set(wrong), formats, form, quiet)
    return Exit.FOUND if failed or wrong or missed else Exit.OK


def _mutate(library: Library, wrong: set[str], formats: tuple[Format, ...], form: Form, quiet: bool) -> bool:
    """Shows what the tests of each file miss; whether that is anything without a reason."""
    # difflib and the mutants are loaded only when they are asked for
    from ..study.survivors import survey
    from ..study.survivors_text import closing, to_rows, to_text

    surveys = []
    for analytic in library.analytics:
        if analytic.file not in wrong:
            found = survey(read(analytic.file), library.overrides, formats)
            text = (
                "".join(map(_json, to_rows(found)))
                if form is Form.JSON
                else to_text(found, Paint(is_wanted(sys.stdout)))
            )
            sys.stdout.write(text)
            sys.stdout.flush()
            surveys.append(found)
    if not quiet:
        sys.stderr.write(closing(surveys))
    return any(found.unexplained or found.stale for found in surveys)


def _row(result: Result) -> str:
    return _json(
        {
            "file": result.file,
            "line": result.line,
            "test": result.title,
            "passed": result.passed,
            "faults": list(result.faults),
        }
    )


def _json(row: dict[str, object]) -> str:
    return escape_json(msgspec.json.encode(row).decode()) + "\n"


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
