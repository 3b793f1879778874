"""What is wrong with a chain, as a value: code, message, marks, notes, help and mend.

Diagnostics are collected, never raised one by one; `ChainError` carries all of a file's at once. `codes` has the title
and long explanation of each code, `render` shows them.
"""

import msgspec

from .source import Source, Span


class Label(msgspec.Struct, frozen=True):
    """A mark under some text, with the words beside it (may be empty). The first of a diagnostic is the primary one."""

    span: Span
    message: str = ""


class Fix(msgspec.Struct, frozen=True):
    """A mend that can be shown in place: `text` replaces `span` (an empty span inserts)."""

    span: Span
    text: str
    message: str = "write"


class Diagnostic(msgspec.Struct, frozen=True):
    """One fault. `severity` is error or warning; `message` is one line, lower case, no full stop."""

    code: str
    message: str
    labels: tuple[Label, ...]
    severity: str = "error"
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def span(self) -> Span:
        return self.labels[0].span


class ChainError(Exception):
    """A file that does not check. Holds every diagnostic, in order of place."""

    def __init__(self, source: Source, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.source = source
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: (d.span, d.code)))
        super().__init__(f"{source.name}: {len(diagnostics)} diagnostic(s), the first: {self.diagnostics[0].message}")
