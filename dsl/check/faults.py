"""The faults of one source, collected while the check goes on.

A fault is reported once a place: two ways of coming upon the same one (a set that two steps use) show it once.
"""

from chainrun.dsl.diagnostic import ChainError, Diagnostic, Fix, Label
from chainrun.dsl.nearest import nearest
from chainrun.dsl.source import Source, Span

MOST_FAULTS = 50  # errors, and warnings, of one source


class Faults:
    """Where every room of the check puts what it found wrong."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: dict[tuple[str, Span], Diagnostic] = {}

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        mark: str = "",
        *,
        also: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        helps: tuple[str, ...] = (),
        fix: Fix | None = None,
        severity: str = "error",
    ) -> None:
        diagnostic = Diagnostic(code, message, (Label(span, mark), *also), severity, notes, helps, fix)
        if len(self._found) < 2 * MOST_FAULTS or severity == "error":
            self._found.setdefault((code, span), diagnostic)
        if severity == "error" and len(self.errors) >= MOST_FAULTS:
            label = Label(max(d.span for d in self.errors))
            too_many = Diagnostic("C199", "too many faults; the rest of the file is not checked", (label,))
            raise ChainError(self.source, (*self.errors, too_many))

    def warning(self, code: str, message: str, span: Span, mark: str = "", *, helps: tuple[str, ...] = ()) -> None:
        self.error(code, message, span, mark, helps=helps, severity="warning")

    def unknown(self, code: str, message: str, span: Span, name: str, known: list[str], noun: str) -> None:
        """An unknown name: the nearest known one at the mark, where one is near, and all of them if they are few."""
        meant = nearest(name, known)
        self.error(
            code,
            message,
            span,
            f"did you mean `{meant}`?" if meant else "",
            notes=(f"{noun}: {', '.join(sorted(known))}",) if 0 < len(known) <= 30 else (),
        )

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self._found.values() if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        found = (d for d in self._found.values() if d.severity == "warning")
        return tuple(sorted(found, key=lambda d: (d.span, d.code)))

    def raise_errors(self) -> None:
        """Raise everything that is wrong, if anything is."""
        if self.errors:
            raise ChainError(self.source, self.errors)
