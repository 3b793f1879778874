"""A case: what a file of events is to raise, as the file beside it says.

    raises 1 lolbin
    expect at 9s
    10m

The first line is a test's head, the others are lines of a test's body, of which none tells an event: those are in the
file of events. Called by the engine's study of cases.
"""

import re

from chainrun.dsl import model, tree
from chainrun.dsl.source import Source, Span
from chainrun.dsl.testbody import split
from chainrun.dsl.vocabulary import vocabulary

from .faults import Faults
from .parameters import Parameters
from .scope import Scope
from .tests import test

_HEAD = re.compile(
    r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*raises[ \t]+([0-9]{1,9})(?:[ \t]+([A-Za-z_]\w*))?[ \t]*(?:#[^\n]*)?(?=\n|$)"
)


def case(source: Source, title: str, files: list[str], analytic: model.Analytic) -> model.Test:
    """The test that a case is; raises `ChainError` with what is wrong in its text."""
    text = source.text.replace("\r", " ")
    faults = Faults(source)
    head = _HEAD.match(text)
    if head is None:
        end = len(text.partition("\n")[0].rstrip())
        faults.error("C622", "the first line says how many alerts", Span(0, end), "write `raises 1`, or `raises 0`")
        faults.raise_errors()
        raise AssertionError
    said = split(text[head.end() :], head.end())
    for span, message in said.flaws:
        faults.error("C134", "a line of a test that cannot be read", span, message)
    for line in said.lines:
        if line.kinds:
            faults.error("C622", "an event outside of the file of events", line.span, "here a time stands alone")
    chain = tree.Name(span=Span(*head.span(2)), text=head[2]) if head[2] else None
    node = tree.Test(
        span=Span(head.start(1), len(text)),
        title=tree.Text(span=Span(0, 0), text=title),
        raises=int(head[1]),
        chain=chain,
        body="",
        lines=tuple(line for line in said.lines if not line.kinds),
        files=tuple(tree.Text(span=Span(0, 0), text=file) for file in files) + said.files,
        expects=said.expects,
    )
    found = test(node, analytic.chains, Scope(vocabulary(), Parameters(()), {}, faults))
    faults.raise_errors()
    assert found is not None
    return found
