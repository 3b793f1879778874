"""The stamp of a state: with which chains, formats and options it was made, so that it goes on with the same alone.

A state says how far partial matches have come through chains that it does not hold. With other chains it would mean
something else, so a stamp is compared first, and what differs is named. Written by `engine.restart`.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec


class Stamp(msgspec.Struct, frozen=True):
    """What a state rests on: analytic -> digest, telemetry format -> digest, option -> its value."""

    chains: dict[str, str]
    formats: dict[str, str]
    options: dict[str, str]


def differences(then: Stamp, now: Stamp) -> list[str]:
    """What is other now, each as a clause."""
    found = []
    for name in dict.fromkeys((*then.options, *now.options)):
        before, after = then.options.get(name), now.options.get(name)
        if before != after:
            is_now = f"is `{after}` now" if after else "is not now"
            found.append(f"`--{name}` was {f'`{before}`' if before else 'not given'}, and {is_now}")
    found += _of("analytic", then.chains, now.chains)
    return found + list(_of("telemetry format", then.formats, now.formats))


def _of(what: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*then, *now)):
        if name not in now:
            yield f"{what} `{name}` is not there any more"
        elif name not in then:
            yield f"{what} `{name}` was not there"
        elif then[name] != now[name]:
            yield f"{what} `{name}` says something else now"


def digest(value: Any, besides: Iterable[str] = ()) -> str:
    """A digest of a value of the model, equal in every process if it means the same. `besides`: parts of structs that
    are no part of the meaning."""
    return blake2b(msgspec.json.encode(_meaning(value, frozenset(besides))), digest_size=8).hexdigest()


def _meaning(value: Any, besides: frozenset[str]) -> Any:
    match value:
        case msgspec.Struct():
            parts = [name for name in value.__struct_fields__ if name not in besides]
            return [type(value).__name__, *(_meaning(getattr(value, name), besides) for name in parts)]
        case tuple() | list():
            return [_meaning(one, besides) for one in value]
        case frozenset() | set():
            return sorted((_meaning(one, besides) for one in value), key=msgspec.json.encode)
        case dict():
            return sorted((_meaning(pair, besides) for pair in value.items()), key=msgspec.json.encode)
    return value
