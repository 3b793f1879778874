"""What the checker accepts and the engine cannot run: refused by name, before a chain runs.

Called before `compile`. Each construct has a sentence of its own; when the engine learns one, its row goes.
"""

from collections.abc import Iterator

from chainrun.dsl import model
from chainrun.dsl.diagnostic import Diagnostic, Label
from chainrun.dsl.model import Chain, Step
from chainrun.dsl.source import Span

from .known import leaves
from .linking import step_reads
from .siblings import waiting

CODE = "C901"


def unsupported(chain: Chain) -> tuple[Diagnostic, ...]:
    """One diagnostic for each thing in a chain that this version cannot run; empty for a chain that it can."""
    groups = (p.element for p in chain.positions)
    return tuple(_refusal(what, span) for group in groups for what, span in _siblings(group))


def _refusal(what: str, span: Span) -> Diagnostic:
    return Diagnostic(
        code=CODE,
        message=f"{what} cannot be run yet",
        labels=(Label(span, "this version checks it and does not run it"),),
    )


def _siblings(element: model.Element) -> Iterator[tuple[str, Span]]:
    """Comparisons between members of `&` that are not of two single steps' fields, for equality."""
    if isinstance(element, model.Either):
        for _, member in element.members:
            yield from _siblings(member)
    if not isinstance(element, model.All):
        return
    found = [list(leaves(member) or ()) for _, member in element.members]
    for i, ((_, member), own) in enumerate(zip(element.members, found, strict=True)):
        names = frozenset(name for j, each in enumerate(found) if j != i for leaf in each for name in leaf.names)
        for step in [leaf.step for leaf in own] + [prior.prior for leaf in own for prior in leaf.priors]:
            read = {(c, f) for c, f in step_reads(step) if c in names}
            served = {(other.capture, other.name) for _, other in waiting(step, names)}
            linked = any(link.capture in names for part in step.parts for link in part.links)
            is_prior = all(leaf.step is not step for leaf in own)
            if linked or (read and (read != served or is_prior or not isinstance(member, Step))):
                yield "this comparison between members of `&`", step.span
