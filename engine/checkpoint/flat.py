"""Objects laid flat: what an engine and its intake hold, as bytes and back, however long the chains of references.

    Node ─ via ─ Node ─ via ─ …  (ten thousand)          wave 0    what the holders hold
     └ event ─ process ─ parent ─ …  (four thousand)     wave 1    the objects that wave 0 mentions, each once
                                                         wave 2    those that these mention, …

Pickle alone would walk such a chain by recursion, and its reader would call whatever a file names. Here an object of
the engine is written, where it is first mentioned, as nothing but its class; what it holds follows in the next wave,
and reading goes through the same waves. What is shared stays shared, cycles are no matter, and nothing is called but
the constructors of plain values. What an engine of the same chains has of its own (steps, states) is `lasting`: written
as its place in that list. Called by `engine.state`, which says what is held.
"""

import gc
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from fractions import Fraction
from functools import cache
from io import BytesIO
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import msgspec

# The classes outside the engine whose values pickle makes.
PLAIN: tuple[type, ...] = (Counter, OrderedDict, defaultdict, deque, Fraction)
VALUES = (tuple, Enum, msgspec.Struct)  # those of the product, frozen ones: made by their constructors


class _ByName(msgspec.Struct, kw_only=True):
    at: int = 0


_remade: Any = _ByName().__reduce__()[0]  # what pickle calls for a struct whose fields are given by name


class LayoutError(Exception):
    """Bytes that hold what this version of the product has no place for."""


class _Layout(NamedTuple):
    """A class of objects: how one is called in the bytes, made empty, taken apart and filled."""

    name: str
    make: Callable[[], Any]
    take: Callable[[Any], Any]
    fill: Callable[[Any, Any], None]


@cache
def _layout(cls: Any) -> _Layout | None:
    """How objects of a class are laid flat; None for values, which pickle knows how to write."""
    module, place = cls.__module__, cls.__qualname__
    if not module.startswith("chainrun.") or _is_value(cls):
        return None
    if issubclass(cls, msgspec.Struct):
        fields = cls.__struct_fields__
        nothing = [None] * (len(fields) - len(cls.__struct_defaults__))
        return _Layout(f"{module}:{place}:{','.join(fields)}", lambda: cls(*nothing), _taker(fields), _filler(fields))
    fields = tuple(sorted(f for c in cls.__mro__ for f in vars(c).get("__slots__", ()) if not f.startswith("__")))
    take, fill = _taker(fields), _filler(fields)
    name = f"{module}:{place}:{','.join(fields)}"
    if issubclass(cls, dict):

        def take_dict(one: Any) -> Any:
            return take(one), dict(one)

        def fill_dict(one: Any, values: Any) -> None:
            fill(one, values[0])
            dict.update(one, values[1])

        return _Layout(name, lambda: cls.__new__(cls), take_dict, fill_dict)
    if cls.__dictoffset__:

        def fill_more(one: Any, values: Any) -> None:
            fill(one, values[0])
            vars(one).update(values[1])

        return _Layout(name, lambda: cls.__new__(cls), lambda one: (take(one), vars(one)), fill_more)
    return _Layout(name, lambda: cls.__new__(cls), take, fill)


def _is_value(cls: type) -> bool:
    if issubclass(cls, msgspec.Struct):
        return bool(cls.__struct_config__.frozen)
    return issubclass(cls, VALUES)


def _taker(fields: Sequence[str]) -> Callable[[Any], Any]:
    """All that these fields hold, as a tuple."""
    if not fields:
        return lambda one: ()
    read = attrgetter(*fields)
    return read if len(fields) > 1 else lambda one: (read(one),)


def _filler(fields: Sequence[str]) -> Callable[[Any, Any], None]:
    def fill(one: Any, values: Any) -> None:
        for field, value in zip(fields, values, strict=True):
            setattr(one, field, value)

    return fill


# -- writing ----------------------------------------


def _object(name: str) -> Any:
    """Stands in the bytes for an object that follows; only a `_Reader` knows how to make it."""
    raise LayoutError(name)


def _lasting(place: int) -> Any:
    """Stands for what every engine of the same chains has."""
    raise LayoutError(str(place))


def _method(owner: Any, name: str) -> Any:
    """Stands for a method of such a thing."""
    raise LayoutError(name)


class _Writer(pickle.Pickler):
    def __init__(self, out: BytesIO, lasting: Sequence[object], model: bool) -> None:
        super().__init__(out, protocol=5)
        self._known = (*_STANDS, _remade) if model else _STANDS
        self.waiting: list[tuple[_Layout, Any]] = []
        self._places = {id(one): place for place, one in enumerate(lasting)}

    def reducer_override(self, one: Any) -> Any:
        """Asked for everything but plain containers and scalars, the first time that it is mentioned."""
        cls: Any = type(one)
        if (place := self._places.get(id(one))) is not None:
            return _lasting, (place,)
        if (layout := _layout(cls)) is not None:
            self.waiting.append((layout, one))
            return _object, (layout.name,)
        if cls in PLAIN or _is_known(cls):
            return NotImplemented
        if cls is MethodType and id(one.__self__) in self._places:
            return _method, (one.__self__, one.__name__)
        if (cls is FunctionType and one in self._known) or (isinstance(one, type) and (one in PLAIN or _is_known(one))):
            return NotImplemented
        raise TypeError(f"{one!r} of {cls.__module__}.{cls.__qualname__} is nothing that a state can hold")


_STANDS = (_object, _lasting, _method)


def _is_known(cls: type) -> bool:
    return cls.__module__.startswith("chainrun.") and _is_value(cls)


def dump(held: Any, lasting: Sequence[object] = (), model: bool = False) -> bytes:
    """What is held, and all that it leads to, as bytes. Parts of chains are lasting, or what is held is a `model`."""
    out = BytesIO()
    writer = _Writer(out, lasting, model)
    with _no_collector():
        writer.dump(held)
        while writer.waiting:
            wave, writer.waiting = writer.waiting, []
            writer.dump([layout.take(one) for layout, one in wave])
    return out.getvalue()


@contextmanager
def _no_collector() -> Iterator[None]:
    """While so much is made and nothing let go, the collector would walk over it again and again: half of the time."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


# -- reading ----------------------------------------


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, lasting: Sequence[object]) -> None:
        super().__init__(BytesIO(data))
        self.waiting: list[tuple[_Layout, Any]] = []
        self._all = lasting

    def find_class(self, module: str, name: str) -> Any:
        """Asked for everything that the bytes name; what is not here cannot be called."""
        if module == __name__:
            stands = {"_object": self._object, "_lasting": self._all.__getitem__, "_method": self._method}
            if name in stands:
                return stands[name]
        if (module, name) == (_remade.__module__, _remade.__qualname__):
            return _remade  # calls the class that it is given, which was asked for here too
        for cls in PLAIN:
            if (cls.__module__, cls.__qualname__) == (module, name):
                return cls
        cls = _class(module, name)
        if not _is_value(cls):
            raise LayoutError(f"{module}.{name} is no value")
        return cls

    def _object(self, name: str) -> Any:
        module, place, _ = name.split(":")
        layout = _layout(_class(module, place))
        if layout is None or layout.name != name:
            raise LayoutError(f"{module}.{place} holds other things")
        one = layout.make()
        self.waiting.append((layout, one))
        return one

    def _method(self, owner: Any, name: str) -> Any:
        if not any(owner is one for one in self._all) or name.startswith("_"):
            raise LayoutError(f"{name} of {owner!r}")
        return getattr(owner, name)


def _class(module: str, place: str) -> type:
    """A class of the product that is loaded already, as everything is that an engine holds."""
    found: Any = sys.modules.get(module) if module.startswith("chainrun.") else None
    for part in place.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or found.__module__ != module:
        raise LayoutError(f"there is no {module}.{place}")
    return found


def load(data: bytes, lasting: Sequence[object] = ()) -> Any:
    """What `dump` was given, anew, with these as its lasting things. Raises LayoutError where the bytes are another
    version's, and pickle's errors where they are no such bytes at all."""
    reader = _Reader(data, lasting)
    with _no_collector():
        held = reader.load()
        while reader.waiting:
            wave, reader.waiting = reader.waiting, []
            for (layout, one), values in zip(wave, reader.load(), strict=True):
                layout.fill(one, values)
    return held
