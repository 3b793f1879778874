"""The kinds of value a chain speaks of, and the entities that events are about.

A field of the vocabulary has a `ValueType`; it decides how words match it (docs/language.md, "How words match").
"""

from enum import StrEnum


class ValueType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BYTES = "bytes"
    PERCENTAGE = "percentage"
    DURATION = "duration"
    TIME = "time"
    BOOLEAN = "boolean"
    PROGRAM = "program"
    PATH = "path"
    DESTINATION = "destination"
    IMAGE = "image"
    REGEX = "regex"
    SCHEDULE = "schedule"
    WORDS = "words"
    MAP = "map"
    ENTITY = "entity"


class Entity(StrEnum):
    """What can be introduced. The first five can act: they can be a chain's subject."""

    PROCESS = "process"
    CONTAINER = "container"
    INSTANCE = "instance"
    IDENTITY = "identity"
    SESSION = "session"
    FILE = "file"
    IMAGE = "image"
    VOLUME = "volume"
    MESSAGE = "message"


ACTORS = frozenset({Entity.PROCESS, Entity.CONTAINER, Entity.INSTANCE, Entity.IDENTITY, Entity.SESSION})
