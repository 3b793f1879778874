"""Explain a diagnostic's code: `chainrun help C201`."""

import sys
from typing import Annotated

import typer
from chainrun.dsl.codes import CODES, Code, explain
from chainrun.dsl.nearest import nearest

from ..report.escape import excerpt
from .exits import Exit, UsageError


def command(code: Annotated[str | None, typer.Argument(metavar="CODE", show_default=False)] = None) -> int:
    if code is None:
        sys.stdout.write("".join(f"{name}  {page.title}\n" for name, page in sorted(CODES.items())))
        return Exit.OK
    page = explain(code)
    if page is None:
        near = nearest(code.upper(), CODES)
        hint = f"did you mean `{near}`?" if near else "`chainrun help` lists them, `chainrun --help` the verbs"
        raise UsageError(f"no diagnostic has the code `{excerpt(code, 50)}`", hint)
    sys.stdout.write(_page(code.upper(), page))
    return Exit.OK


def _page(name: str, page: Code) -> str:
    text = f"{name}: {page.title}\n\n{page.explanation}\n"
    if page.wrong:
        text += f"\nrefused:\n\n{_indented(page.wrong)}\n"
    if page.right:
        text += f"\naccepted:\n\n{_indented(page.right)}\n"
    return text


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
