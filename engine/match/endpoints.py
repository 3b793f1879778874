"""The two ends of a connection as one thing: an address, with the name that goes with it.

Called by `words`; what a word means is told in `destinations`.
"""

from collections.abc import Iterable

from chainrun.dsl.model import FromCapture, Words
from chainrun.dsl.types import ValueType

from ..event import Event
from .equality import same
from .fields import Rename, Slots, Test, Values, captured
from .subjects import Leaf
from .wordsets import destinations

_NAMES = ("destination.domain", "dns.question.name", "url.domain")


def destination_fields(root: str) -> tuple[str, ...]:
    """The fields that tell where to (`destination`) or where from (`source`)."""
    return ("destination.ip", *_NAMES) if root == "destination" else (f"{root}.ip", f"{root}.domain")


def destination_leaf(root: str, rename: Rename, slot_of: Slots) -> Leaf:
    """Tests of an address and its name: one that passes is enough, and it is unknown only without either."""
    fields = tuple(rename(f) for f in destination_fields(root))
    names = fields[1:]

    def known(event: Event) -> list[str]:
        # The address in a DNS record is the resolver's: what is asked for is the destination.
        is_query = "resolve" in event.kinds and "connect" not in event.kinds and root == "destination"
        found: list[str] = []
        for field in names if is_query else fields:
            value = event.fields.get(field)
            if isinstance(value, str):
                found.append(value)
            elif isinstance(value, tuple):
                found += (v for v in value if isinstance(v, str))
        return found

    def leaf(pattern: Words | FromCapture) -> Test:
        if isinstance(pattern, FromCapture):
            is_same = same(ValueType.DESTINATION)
            given_by = captured(slot_of(pattern.capture, pattern.field or ""))

            def holds_captured(event: Event, values: Values) -> bool | None:
                given = given_by(event, values)
                candidates = given if isinstance(given, tuple) else (given,)
                return _of_what_is_known(is_same(g, own, event.os) for own in known(event) for g in candidates)

            return holds_captured
        holds = destinations(pattern.words).holds
        return lambda event, values: _of_what_is_known(map(holds.__getitem__, known(event)))

    return leaf


def _of_what_is_known(truths: Iterable[bool | None]) -> bool | None:
    """True if one is, False if one is and none is true, unknown if nothing is known."""
    result: bool | None = None
    for truth in truths:
        if truth:
            return True
        if truth is False:
            result = False
    return result
