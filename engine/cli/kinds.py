"""List the kinds of event that steps may name, or explain one of them: what it takes, its arguments, who shows it."""

import sys
from typing import Annotated

import typer
from chainrun.dsl.model import Kind
from chainrun.dsl.nearest import nearest
from chainrun.dsl.vocabulary import vocabulary

from ..formats import load_formats
from ..report.escape import excerpt
from .exits import Exit, UsageError


def command(kind: Annotated[str | None, typer.Argument(metavar="KIND", show_default=False)] = None) -> int:
    kinds = vocabulary().kinds
    if kind is None:
        width = max(map(len, kinds))
        sys.stdout.write("".join(f"{name:<{width}}  {k.takes}\n" for name, k in kinds.items()))
        return Exit.OK
    if kind not in kinds:
        near = nearest(kind, kinds)
        hint = f"did you mean `{near}`?" if near else "`chainrun kinds` lists them"
        raise UsageError(f"no kind is called `{excerpt(kind, 100)}`", hint)
    sys.stdout.write("\n".join(_page(kinds[kind])) + "\n")
    return Exit.OK


def _page(kind: Kind) -> list[str]:
    vocabulary_ = vocabulary()
    rows = [("takes", kind.takes), ("actor", kind.actor or "whatever is known")]
    if kind.introduces is not None:
        rows.append(("introduces", f"{kind.introduces.entity.value} ({kind.introduces.field})"))
    if kind.tests is not None:
        rows.append(("argument", f"{kind.tests.type.value} ({kind.tests.field})"))
    if kind.name in vocabulary_.of:
        rows.append(("includes", f"every {' and '.join(vocabulary_.of[kind.name])}"))
    rows.append(("platforms", ", ".join(kind.platforms) or "all"))
    seen = [f.name for f in load_formats() if kind.name in f.sees]
    rows.append(("shown by", ", ".join(seen) or "no telemetry format that is known"))
    lines = [kind.name, *(f"  {label:<10}  {text}" for label, text in rows), "", "  named arguments"]
    width = max(map(len, kind.arguments), default=0)
    lines += [f"    {name:<{width}}  {t.type.value:<11}  {t.field}" for name, t in sorted(kind.arguments.items())]
    return lines
