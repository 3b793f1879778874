"""What names mean at one place of a chain: parameters, kinds, and the captures that are bound there.

    open as app -> ( write as drop & ~> mount as disk ) -> ( spawn as a | exec as b )? -> egress
    position 0     position 1, members 0 and 1             position 2: optional, branches

A later step may read what is bound whatever happened; members of one group may compare each other's captures. All
captures of a chain are collected before its steps are checked, so that a name that exists elsewhere is told from one
that does not exist.
"""

from enum import StrEnum

from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.nearest import nearest
from chainrun.dsl.source import Span
from chainrun.dsl.types import ACTORS, Entity
from chainrun.dsl.vocabulary import ACTOR_ENTITIES, Vocabulary

from .faults import Faults
from .parameters import Parameters


class Meaning:
    """A kind as steps use it; of a declared one, the filter that stands before the step's own."""

    def __init__(
        self,
        kind: model.Kind,
        base: str,
        arguments: tuple[model.Argument, ...] = (),
        where: model.Expression | None = None,
    ) -> None:
        self.kind = kind
        self.base = base
        self.arguments = arguments
        self.where = where


class Binding(StrEnum):
    """Whether a later step can count on a capture."""

    BOUND = "bound"
    OPTIONAL = "optional"
    BRANCH = "branch"
    ABSENT = "absent"


# Where something stands: ("at", position), then ("all", member) or ("either", branch) on the way in.
Place = tuple[tuple[str, int], ...]


class Capture:
    """A name for what a step matched. `kinds` holds the kinds of each branch; None where one is not known."""

    def __init__(
        self,
        name: tree.Name,
        kinds: tuple[tuple[model.Kind, ...], ...] | None,
        place: Place,
        binding: Binding,
        repeated: bool,
    ) -> None:
        self.name = name.text
        self.span = name.span
        self.kinds = kinds
        self.place = place
        self.binding = binding
        self.repeated = repeated
        self.used = False
        self.broken = False  # reported where it is written, and not again where it is read

    @property
    def introduced(self) -> model.Introduced | None:
        """What it introduces: nothing if it is repeated, or if its branches differ."""
        found = {_introduced(kinds) for kinds in self.kinds or ()}
        return found.pop() if len(found) == 1 and not self.repeated else None

    @property
    def actor(self) -> Entity | None:
        found = {actor_of(kinds) for kinds in self.kinds or ()}
        return found.pop() if len(found) == 1 else None

    @property
    def subject(self) -> Entity | None:
        """The entity that it stands for in `by` and `under`: what it introduces if that can act; a step that introduces
        nothing stands for its actor."""
        introduced = self.introduced
        if introduced is not None:
            return introduced.entity if introduced.entity in ACTORS else None
        return self.actor

    @property
    def tested(self) -> tuple[model.Target, ...]:
        """What every branch tests with its positional argument."""
        found = [{k.tests for k in kinds if k.tests is not None} for kinds in self.kinds or ()]
        return tuple(set.intersection(*found)) if found else ()

    @property
    def noun(self) -> str:
        introduced = self.introduced
        if introduced is not None:
            return an(introduced.entity)
        kinds = " or ".join(dict.fromkeys(k.name for kinds in self.kinds or () for k in kinds))
        return f"what `{kinds}` matched, which introduces nothing"


def _introduced(kinds: tuple[model.Kind, ...]) -> model.Introduced | None:
    return next((k.introduces for k in kinds if k.introduces is not None), None)


def an(noun: str) -> str:
    """`a process`, `an instance`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def actor_of(kinds: tuple[model.Kind, ...]) -> Entity | None:
    """Who acts in a step of these kinds."""
    return next((ACTOR_ENTITIES[k.actor] for k in kinds if k.actor in ACTOR_ENTITIES), None)


class Scope:
    """The names of one place.

    own_fields  a bare field means the step's event
    loose       captures that may be missing can be read: in exceptions and severities, where a missing one is unknown
    reads_own   the step's own capture can be read: by what is checked at the step, not of it
    broken      declared kinds that are faulty: reported where they are declared, and not again where they are used
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        parameters: Parameters,
        kinds: dict[str, Meaning],
        faults: Faults,
        captures: dict[str, Capture] | None = None,
        place: Place = (),
        *,
        own_fields: bool = True,
        loose: bool = False,
        reads_own: bool = False,
        broken: set[str] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.parameters = parameters
        self.kinds = kinds
        self.faults = faults
        self.captures = captures if captures is not None else {}
        self.place = place
        self.own_fields = own_fields
        self.loose = loose
        self.reads_own = reads_own
        self.broken = broken if broken is not None else set()

    def with_captures(self, captures: dict[str, Capture]) -> "Scope":
        """The names of one chain of the file."""
        return Scope(self.vocabulary, self.parameters, self.kinds, self.faults, captures, broken=self.broken)

    def reporting(self, faults: Faults) -> "Scope":
        """The same names for a text of another source."""
        return Scope(self.vocabulary, self.parameters, self.kinds, faults, self.captures, broken=self.broken)

    def at(self, place: Place, *, own_fields: bool = True, loose: bool = False, reads_own: bool = False) -> "Scope":
        """The same names seen from another place of the chain."""
        return Scope(
            self.vocabulary, self.parameters, self.kinds, self.faults, self.captures, place,
            own_fields=own_fields, loose=loose, reads_own=reads_own, broken=self.broken,
        )  # fmt: skip

    def meaning(self, name: tree.Name) -> Meaning | None:
        """The kind of this name; an unknown one is reported."""
        found = self.kinds.get(name.text)
        if found is None and name.text not in self.broken:
            known = list(self.kinds)
            meant = nearest(name.text, known)
            if name.text in self.parameters:
                helps: tuple[str, ...] = (f"this is a parameter; a step begins with a kind: `spawn({name.text})`",)
            else:
                helps = ()
            self.faults.error(
                "C201",
                f"no kind is called `{name.text}`",
                name.span,
                f"did you mean `{meant}`?" if meant else "",
                notes=(f"kinds known here: {', '.join(sorted(known))}",) if not helps and not meant else (),
                helps=helps,
            )
        return found

    def capture(self, name: str, span: Span) -> Capture | None:
        """The capture of this name where it can be read from here; anything else is reported."""
        capture = self.captures.get(name)
        if capture is None:
            bound = sorted(c.name for c in self.captures.values() if self._is_readable(c))
            meant = nearest(name, bound)
            self.faults.error(
                "C203",
                f"no capture is called `{name}`",
                span,
                f"did you mean `{meant}`?" if meant else "",
                notes=(f"captures known here: {', '.join(bound)}",) if bound else (),
                helps=() if meant else (f"name a step with `as {name}`",),
            )
            return None
        capture.used = True
        if capture.broken:
            return None
        if self._is_readable(capture):
            return capture
        self._unreadable(capture, span)
        return None

    def is_sibling(self, capture: Capture) -> bool:
        """Whether it belongs to another member of the same `&`."""
        return self._parting(capture) == "all"

    def _parting(self, capture: Capture) -> str:
        """Where the ways to the capture and to here part: "before" or "later" in the chain, in an "all" or an "either",
        or not at all ("own")."""
        for theirs, ours in zip(capture.place, self.place, strict=False):
            if theirs != ours:
                if theirs[0] == "at":
                    return "before" if theirs[1] < ours[1] else "later"
                return theirs[0]
        return "own"

    def _is_readable(self, capture: Capture) -> bool:
        parting = self._parting(capture)
        if parting == "own":
            return self.reads_own
        if parting in ("before", "all"):
            return capture.binding is Binding.BOUND or (self.loose and capture.binding is not Binding.ABSENT)
        return False

    def _unreadable(self, capture: Capture, span: Span) -> None:
        name = capture.name
        parting = self._parting(capture)
        if parting == "own":
            self.faults.error(
                "C211",
                f"`{name}` is this step itself",
                span,
                "a step reads its own fields without a name",
                also=(Label(capture.span, "captured here"),),
                helps=("leave the name out: `process.name`, not `child.process.name`",),
            )
        elif parting == "later":
            self.faults.error(
                "C211",
                f"`{name}` does not exist yet",
                span,
                "when this step happens, that one has not",
                also=(Label(capture.span, "captured only here"),),
                helps=("move the comparison to the later step",),
            )
        elif capture.binding is Binding.ABSENT:
            self.faults.error(
                "C213",
                f"`{name}` is never bound",
                span,
                "an absent step has no event to read",
                also=(Label(capture.span, "captured under `!`"),),
            )
        elif capture.binding is Binding.OPTIONAL:
            self.faults.error(
                "C212",
                f"`{name}` may not be bound",
                span,
                "the chain can come here without it",
                also=(Label(capture.span, "its step is optional"),),
                helps=("make that step required, or write two chains",),
            )
        else:
            self.faults.error(
                "C212",
                f"`{name}` may not be bound",
                span,
                "another branch may have matched",
                also=(Label(capture.span, "captured in one branch of an alternative"),),
                helps=(f"capture the whole alternative: `( … | … ) as {name}`",),
            )
