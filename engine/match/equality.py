"""Whether two values of one type are the same thing: a field and a captured field, or what a step introduced.

The rules are those of words, without their wildcards: what telemetry brings is never a pattern. Called by `words` and
`conditions`.
"""

import re
from collections.abc import Callable
from typing import Any

from chainrun.dsl.types import ValueType

from .. import paths
from ..addresses import address, domain
from .images import reference

Same = Callable[[Any, Any, str], bool | None]  # the two values and the platform

_HEX = re.compile(r"[0-9a-f]{12,64}")


def is_number(value: Any) -> bool:
    """A number that can be compared: no boolean, no NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def same(type: ValueType, field: str = "") -> Same:
    """The comparison for a type, and for a field whose values have a spelling of their own."""
    if field == "container.id" or type is ValueType.ENTITY:
        return _texts(lambda a, b, os: same_id(a, b))
    if ".hash." in field:
        return _texts(lambda a, b, os: a.casefold() == b.casefold())
    return _BY_TYPE.get(type, same_plain)


def same_plain(a: Any, b: Any, os: str) -> bool | None:
    """Values of one class are compared; of two, nothing is known."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b if isinstance(a, bool) and isinstance(b, bool) else None
    if (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str)):
        return bool(a == b)
    return None


def same_id(a: str, b: str) -> bool:
    """A container's id of 12 digits is the one of 64 that begins so; Tetragon writes 24 or 31 of them."""
    if a == b:
        return True
    if _HEX.fullmatch(a) and _HEX.fullmatch(b):
        return a.startswith(b) or b.startswith(a)
    return False


def same_program(a: str, b: str, os: str) -> bool:
    """Two paths are compared as paths; a path and a name, or two names, by their names."""
    os = paths.platform_of(os, a)
    name_a, name_b = paths.name(a, os), paths.name(b, os)
    if len(name_a) < len(a) and len(name_b) < len(b):
        return paths.key(a, os) == paths.key(b, os)
    return paths.fold(name_a, os) == paths.fold(name_b, os)


def _same_path(a: str, b: str, os: str) -> bool:
    return paths.key(a, os) == paths.key(b, os)


def _same_destination(a: str, b: str, os: str) -> bool | None:
    found = address(a)
    if found is not None:
        return found == address(b)
    name = domain(a)
    return None if name is None else name == domain(b)


def _same_image(a: str, b: str, os: str) -> bool | None:
    if a == b:
        return True
    one, other = reference(a), reference(b)
    return None if one is None or other is None else one == other


def _texts(compare: Callable[[str, str, str], bool | None]) -> Same:
    def same_texts(a: Any, b: Any, os: str) -> bool | None:
        return compare(a, b, os) if isinstance(a, str) and isinstance(b, str) else None

    return same_texts


_BY_TYPE: dict[ValueType, Same] = {
    ValueType.PROGRAM: _texts(same_program),
    ValueType.PATH: _texts(_same_path),
    ValueType.DESTINATION: _texts(_same_destination),
    ValueType.IMAGE: _texts(_same_image),
}
