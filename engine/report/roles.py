"""What each step of a chain is there for: it must happen, it may, it must not, or it ends a match.

Of the model only, nothing of a match. Read by the alert, the funnel and `explain`; matching needs none of it.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

from chainrun.dsl import model
from chainrun.dsl.model import Chain, Element

Sort = TypeVar("Sort", bound=Element)


class Role(StrEnum):
    REQUIRED = "required"
    OPTIONAL = "optional"
    ABSENT = "absent"  # `!A`
    PRIOR = "prior"  # `without prior A`
    UNTIL = "until"

    @property
    def is_positive(self) -> bool:
        """Whether an event of the step is evidence."""
        return self in (Role.REQUIRED, Role.OPTIONAL)


def roles(chain: Chain) -> dict[int, Role]:
    """The role of every step, by number, in the order written."""
    found = dict(pair for position in chain.positions for pair in _roles(position.element, Role.REQUIRED))
    if chain.until is not None:
        found[chain.until.number] = Role.UNTIL
    return found


def _roles(element: Element, role: Role) -> Iterator[tuple[int, Role]]:
    match element:
        case model.Step():
            yield element.number, role
        case model.All() | model.Either():
            for _, member in element.members:
                yield from _roles(member, role)
        case model.Optional():
            yield from _roles(element.element, Role.OPTIONAL)
        case model.Absent():
            yield from _roles(element.element, Role.ABSENT)
        case model.WithoutPrior():
            yield from _roles(element.element, role)
            yield element.prior.number, Role.PRIOR
        case _:
            yield from _roles(element.element, role)


def within(element: Element, sort: type[Sort]) -> Iterator[Sort]:
    """The parts of an element, itself among them, that are of this sort."""
    if isinstance(element, sort):
        yield element
    match element:
        case model.Step():
            pass
        case model.All() | model.Either():
            for _, member in element.members:
                yield from within(member, sort)
        case _:
            yield from within(element.element, sort)


def positive(element: Element) -> tuple[int, ...]:
    """The numbers of an element's steps whose events are evidence."""
    return tuple(number for number, role in _roles(element, Role.REQUIRED) if role.is_positive)
