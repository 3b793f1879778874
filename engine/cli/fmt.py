"""Bring chain files into the canonical form, comments kept.

Files are rewritten in place; `-` reads standard input and writes standard output. With `--check` or `--diff` nothing is
written, and the exit code is 1 where something would have been.
"""

import difflib
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.loader import read
from chainrun.dsl.parser import parse
from chainrun.dsl.printer import format_tree
from chainrun.dsl.render import to_text
from chainrun.dsl.source import Source

from ..chains import chain_files
from ..intake.source import STANDARD_INPUT
from ..report.escape import escape
from ..report.paint import is_wanted
from .arguments import expand, needs_chain
from .exits import Exit


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", show_default=False)],
    check: Annotated[bool, typer.Option("--check", help="Only list the files that would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Only show what would change.")] = False,
) -> int:
    paths = [path for word in files for path in expand(word)]
    needs_chain(paths, "fmt")
    found, faults = chain_files(paths)
    wrong, different = bool(faults), False
    for fault in faults:
        sys.stderr.write(to_text(fault.diagnostics, fault.source, is_wanted(sys.stderr)))
    for name in found:
        try:
            source = read(name) if name != STANDARD_INPUT else Source("<stdin>", sys.stdin.read())
            formatted = format_tree(parse(source))
        except ChainError as error:
            sys.stderr.write(to_text(error.diagnostics, error.source, is_wanted(sys.stderr)))
            wrong = True
            continue
        if formatted != source.text:
            different = True
        if diff:
            sys.stdout.write(_diff(source, formatted))
        elif check:
            sys.stdout.write(f"{escape(name)}\n" if formatted != source.text else "")
        elif name == STANDARD_INPUT:
            sys.stdout.write(formatted)
        elif formatted != source.text:
            _replace(Path(name), formatted)
            sys.stderr.write(f"{escape(name)}: formatted\n")
    return Exit.FOUND if wrong or (different and (check or diff)) else Exit.OK


def _diff(source: Source, formatted: str) -> str:
    name = escape(source.name)
    before, after = source.text.splitlines(), formatted.splitlines()
    lines = difflib.unified_diff(before, after, name, f"{name} (formatted)", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _replace(path: Path, text: str) -> None:
    """Writes the file as a whole or not at all; a link stays one, and the permissions stay."""
    target = path.resolve()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(target.stat().st_mode & 0o7777)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
