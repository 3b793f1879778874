"""A completion: what the matcher says when a chain has come to its end. `identity` makes alerts of them."""

from typing import Any

from chainrun.dsl.model import Exclusion

from .automaton import Scope, State
from .groups import Node
from .trailing import Waiting

Key = tuple[Any, ...]


class Completion:
    """All matches that end at one event with one live key, before alert identity.

    at         when they were complete
    waited     whose deadline it was, of matches that waited for one; `start`: when they began, if that sets them apart
    exclusion  the exception that suppresses them
    until      how long the alert is open that they belong to
    """

    __slots__ = (
        "at",
        "exclusion",
        "identity",
        "key",
        "level",
        "node",
        "scope",
        "start",
        "state",
        "unproven",
        "until",
        "waited",
    )

    def __init__(self, node: Node, scope: Scope, identity: Key, level: int, at: int, state: State, key: Key) -> None:
        self.node = node
        self.scope = scope
        self.identity = identity
        self.level = level
        self.at = at
        self.state = state
        self.key = key
        self.waited: Waiting | None = None
        self.start: int | None = None
        self.exclusion: Exclusion | None = None
        self.until = at
        self.unproven = False  # nothing was seen after it, of what would have been seen
