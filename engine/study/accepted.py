"""Why a change that no test notices may stand: what a comment in the chain file says.

    # survives "in no scope": a file has a host
    chain dropped: write as drop -> exec(drop) within 10m

One comment accepts one change of that name: the first below it in the declaration, or the chain, that it stands in or
over. The formatter keeps it there. Called by `survivors`, which finds those that accept nothing.
"""

import re

import msgspec
from chainrun.dsl.source import Source
from chainrun.dsl.tree import File

_FORM = re.compile(r'#\s*survives\s+"([^"]+)"\s*:\s*(\S.*)')


class Acceptance(msgspec.Struct, frozen=True):
    """A reason, at a line, for a change by its name. `last`: the last line of what it stands in."""

    line: int
    last: int
    what: str
    reason: str

    def accepts(self, what: str, line: int) -> bool:
        return what == self.what and self.line <= line <= self.last


def acceptances(source: Source, file: File) -> list[Acceptance]:
    """The reasons that a file's comments state, in order."""
    ends = [source.position(item.span.end)[0] for item in file.items]
    found = []
    for comment in file.comments:
        said = _FORM.fullmatch(comment.text.strip())
        if said is not None:
            line = source.position(comment.span.start)[0]
            found.append(Acceptance(line, next((end for end in ends if end >= line), line), said[1], said[2]))
    return found
