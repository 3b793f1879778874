"""What an event also is: the kinds that follow from other kinds and from its fields.

A format says what a record is as such (a process start is `spawn` and `exec`). Here is what only the fields tell: that
the start of a browser by Explorer, a click that Explorer notes in the registry, and a download's mark of origin are an
`open`, and that a connection or DNS query is `egress` unless it stays on the host. Called by `normalise`; where lineage
finds a parent that the record did not name, the engine asks `is_open_start` once more and adds `open`.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from chainrun.dsl.vocabulary import vocabulary
from chainrun.engine import addresses

Fields = Mapping[str, Any]

# -- open ----------------------------------------

# Where Explorer and Office note what the user opened. The names below UserAssist\{…}\Count are those of programs and
# links (ROT13, undone by then); UEME_CTLSESSION, UEME_CTLCUACount and their like are its own counters.
_CLICK = re.compile(
    r"\\Explorer\\(?:UserAssist\\[^\\]+\\Count\\(?!UEME_)."
    r"|RecentDocs(?:\\|$)|RunMRU(?:\\|$)|TypedPaths(?:\\|$)|ComDlg32\\(?:OpenSave|LastVisited)Pidl\w*(?:\\|$))"
    r"|\\Office\\[^\\]+\\[^\\]+\\"
    r"(?:(?:User MRU\\[^\\]+\\)?File MRU\\Item |Security\\Trusted Documents\\TrustRecords\\.)",
    re.I,
)
_REMOVALS = frozenset({"DeleteKey", "DeleteValue"})


def is_click(fields: Fields) -> bool:
    """Whether a registry event is the trace of something that the user opened or clicked."""
    path = fields.get("registry.path")
    return path is not None and _CLICK.search(path) is not None and fields.get("event.action") not in _REMOVALS


def is_open_start(child: str | None, parent: str | None) -> bool:
    """Whether the start of a process is an `open`: by something else than itself (a browser's own helpers are none).
    Where a name is not known it is not said to be; lineage may know the parent's later."""
    return child is not None and parent is not None and child.casefold() != parent.casefold()


# -- egress ----------------------------------------

_STAYS = addresses.Networks(("127.0.0.0/8", "::1", "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255"))
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "broadcasthost"})


_LONGEST_NAME = 512  # longer names are forged, and must not fill the memory


def _own_names(host: str, computer: str) -> frozenset[str]:
    """What a host may call itself: its name alone and with the domain that its records give."""
    return (_kept_names if len(host) + len(computer) <= _LONGEST_NAME else _made_names)(host, computer)


def _made_names(host: str, computer: str) -> frozenset[str]:
    computer = computer.casefold()
    return frozenset({host, computer, f"{host}.local", f"{host}.localdomain"}) if host else frozenset()


_kept_names = lru_cache(4_096)(_made_names)


@lru_cache(65_536)
def _stays(address: str) -> bool:
    found = addresses.address(address)
    return found is not None and found in _STAYS


def is_local(fields: Fields, host: str, computer: str) -> bool:
    """Whether a connection or query does not leave the host: loopback, multicast, broadcast, unspecified addresses,
    names of localhost, the host's own name, or its own address. Private addresses do leave it."""
    address = fields.get("destination.ip")
    if address is not None and (_stays(address) or address == fields.get("source.ip")):
        return True
    name = fields.get("dns.question.name") or (fields.get("destination.domain") if address is None else None)
    if name is None:
        return False
    name = name.casefold()
    return name in _LOCAL_NAMES or name.endswith(".localhost") or name in _own_names(host, computer)


# -- together ----------------------------------------

_CONDITIONS: dict[str, Callable[[Fields, str, str], bool]] = {"local": is_local}
_FOLLOWS = tuple(
    (kind, frozenset(of), _CONDITIONS[unless] if (unless := vocabulary().unless.get(kind)) else None)
    for kind, of in vocabulary().of.items()
)
_EVENT = frozenset({"event"})


@cache
def _following(kinds: frozenset[str]) -> tuple[tuple[str, Callable[[Fields, str, str], bool] | None], ...]:
    """The kinds that follow from these, and what may speak against each."""
    return tuple((kind, unless) for kind, of, unless in _FOLLOWS if not kinds.isdisjoint(of))


@cache
def _with(kinds: frozenset[str], more: tuple[str, ...]) -> frozenset[str]:
    return kinds.union(more)


def complete(kinds: frozenset[str], fields: Fields, host: str = "", computer: str = "") -> frozenset[str]:
    """All kinds that an event is; one that is of no other kind is an `event`."""
    more: tuple[str, ...] = ()
    if "spawn" in kinds:
        if is_open_start(fields.get("process.name"), fields.get("process.parent.name")):
            more = ("open",)
    elif "registry.path" in fields:
        if is_click(fields):
            more = ("open",)
    elif "write" in kinds and ("file.origin_url" in fields or "file.origin_referrer_url" in fields):
        more = ("download", "open")
    for kind, unless in _following(kinds):
        if unless is None or not unless(fields, host, computer):
            more = (*more, kind)
    return (_with(kinds, more) if more else kinds) or _EVENT


def possible(kinds: frozenset[str]) -> frozenset[str]:
    """The kinds that events of these kinds can be besides; of `event` is everything."""
    return kinds | {kind for kind, of, _ in _FOLLOWS if kinds & of} | _EVENT
