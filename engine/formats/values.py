"""From what a record holds to a plain canonical value: texts, numbers, ids, addresses, names, accounts.

Each function takes any JSON value and gives a canonical one, or None where the value says nothing ("-", "", an all-zero
id) or is of the wrong type. Listed by name in `converters`.
"""

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from chainrun.engine import addresses

# What sources write where there is nothing to write.
NOTHING = frozenset({"", "-", "<unknown process>", "(null)", "<NA>"})


class Known(dict[str, Any]):
    """What a slow conversion gave for the texts seen lately. Long texts are not kept, and a full table starts anew, so
    that a hostile stream costs time and not memory. (With five times as many hardly more are found, as of `Memo`.)"""

    def __init__(self, convert: Callable[[str], Any], most: int = 4096) -> None:
        super().__init__()
        self._convert = convert
        self._most = most

    def __missing__(self, text: str) -> Any:
        value = self._convert(text)
        if type(text) is str and len(text) <= 512:
            if len(self) >= self._most:
                self.clear()
            self[text] = value
        return value


def remembered(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same conversion, of which the answers to texts are remembered, for values that telemetry repeats. For one
    that can do nothing with a list or an object: of these it raises TypeError."""
    return Known(convert).__getitem__


# -- plain values ----------------------------------------


def text(value: Any) -> str | None:
    """Text that says something; a number or a truth as its text."""
    if type(value) is str:
        return None if value in NOTHING else value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return str(value)
    return None


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts; a single text is a list of one."""
    if type(value) is list:
        return tuple(found for item in value if (found := text(item)) is not None) or None
    found = text(value)
    return None if found is None else (found,)


_LARGEST = 2**64


def number(value: Any) -> int | float | None:
    """A number, also from decimal or hexadecimal (`0x1a74`) text."""
    if type(value) is str:
        if len(value) > 32 or value in NOTHING:
            return None
        # int() would take "1_0" and "٣"; no source means a number by these.
        if value.isdecimal() and value.isascii():
            value = int(value)
        elif value[:2] in ("0x", "0X"):
            value = int(value, 16)
        else:
            value = float(value) if re.fullmatch(r"\s*[-+]?[0-9]+(\.[0-9]+)?\s*", value) else None
    if type(value) is float:
        if not -_LARGEST < value < _LARGEST:  # infinities and NaN too
            return None
        return int(value) if value.is_integer() else value
    return value if type(value) is int and -_LARGEST < value < _LARGEST else None


def pid(value: Any) -> int | None:
    """A process id; 0 is nobody's: the idle process, or a record that knows none."""
    found = number(value)
    return found if type(found) is int and 0 < found < 2**32 else None


def hexadecimal(value: Any) -> int | None:
    """A process id in hexadecimal, with 0x or without."""
    if type(value) is not str:
        return pid(value)
    return pid(int(value, 16)) if re.fullmatch(r"(0[xX])?[0-9A-Fa-f]{1,8}", value) else None


_TRUTHS = {"true": True, "yes": True, "1": True, "valid": True, "false": False, "no": False, "0": False}


def boolean(value: Any) -> bool | None:
    """A truth, also from `true`, `yes`, `1` and their opposites."""
    if type(value) is bool:
        return value
    if type(value) is int:
        return {0: False, 1: True}.get(value)
    return _TRUTHS.get(value.lower()) if type(value) is str else None


def guid(value: Any) -> str | None:
    """A GUID in small letters without braces; an all-zero one names nothing. One that ends in zeros is what Sysmon for
    Linux gives to every process of a second that it knows too little of."""
    if type(value) is not str:
        return None
    if value[:1] == "{":
        value = value[1:-1]
    return None if len(value) != 36 or value.endswith("-0000-000000000000") else value.lower()


def exec_pid(value: Any) -> int | None:
    """The pid in a Tetragon `exec_id`, which is `node:ticks:pid` in base64: all that is known of an unseen parent."""
    if type(value) is not str or len(value) > 512:
        return None
    return pid(b64decode(value, validate=True).rpartition(b":")[2].decode())


# -- names and addresses ----------------------------------------


def _shown(value: str) -> str | None:
    found = addresses.address(value)
    return None if found is None else addresses.show(found)


_addresses = Known(_shown)
_domains = Known(addresses.domain)


def address(value: Any) -> str | None:
    """An IP address in its shortest form; `::ffff:10.0.0.1` is 10.0.0.1."""
    return _addresses[value] if type(value) is str else None


def address_texts(value: Any) -> tuple[str, ...] | None:
    """The addresses of a list, or of Sysmon's `type:  5 alias.example;::ffff:10.0.0.1;`."""
    items = value if type(value) is list else value.split(";", 256) if type(value) is str else ()
    return tuple(found for item in items if (found := address(item)) is not None) or None


def domain(value: Any) -> str | None:
    """A domain name in small letters without the root's dot; an address is none."""
    return _domains[value] if type(value) is str and value not in NOTHING else None


_MULTICAST = addresses.Networks(("224.0.0.0/4", "ff00::/8", "255.255.255.255"))


def multicast(value: Any) -> str | None:
    """The address, where it is a multicast or broadcast one."""
    found = addresses.address(value) if type(value) is str else None
    return addresses.show(found) if found is not None and found in _MULTICAST else None


def _first_label(value: str) -> str:
    if addresses.address(value) is not None:
        return value
    return value.partition(".")[0].lower()


_hosts = Known(_first_label)


def host(value: Any) -> str | None:
    """A computer's name: its first label in small letters. One host's records name it with and without its domain, and
    in any case."""
    return (_hosts[value] or None) if type(value) is str and value not in NOTHING else None


_INSIDE = re.compile("[0-9a-f]{12}")


def machine(value: Any) -> str | None:
    """A computer's name, which is not the short id that a container has for one on its inside."""
    found = text(value)
    return None if found is None or _INSIDE.fullmatch(found) else found


_NO_CONTAINER = frozenset({"", "host", "<na>"})  # Falco's words for processes outside of all containers


def container_id(value: Any) -> str | None:
    """A container's id without the `docker://` or `containerd://` that Kubernetes writes before it."""
    if type(value) is not str:
        return None
    found = value.rpartition("://")[2].lower()
    return None if found in _NO_CONTAINER else found


_TRANSPORTS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp"}


def transport(value: Any) -> str | None:
    """`tcp`, `udp`, …, also from the protocol's number."""
    found = text(value)
    return None if found is None else _TRANSPORTS.get(found) or found.lower()


_PLATFORMS = {
    **dict.fromkeys(("windows", "win"), "windows"),
    **dict.fromkeys(("macos", "mac", "darwin", "osx"), "macos"),
    **dict.fromkeys(
        ("linux", "lin", "unix", "debian", "redhat", "rhel", "fedora", "suse", "ubuntu", "centos"), "linux"
    ),
    **dict.fromkeys(("amazon", "arch", "alpine", "rocky", "almalinux", "oracle"), "linux"),
}


def platform(value: Any) -> str | None:
    """`windows`, `macos` or `linux`, from the many names that sources give them."""
    return _PLATFORMS.get(value.lower()) if type(value) is str else None


_DIRECTIONS = {
    **dict.fromkeys(("ingress", "inbound", "incoming", "in", "i"), "ingress"),
    **dict.fromkeys(("egress", "outbound", "outgoing", "out", "o"), "egress"),
}


def direction(value: Any) -> str | None:
    """`ingress` or `egress`, from the names that sources give them."""
    return _DIRECTIONS.get(value.lower()) if type(value) is str else None


_OUTCOMES = {
    **dict.fromkeys(("success", "succeeded", "1"), "success"),
    **dict.fromkeys(("failure", "failed", "2"), "failure"),
}


def outcome(value: Any) -> str | None:
    """`success` or `failure`, also from OCSF's status ids."""
    found = text(value)
    return None if found is None else _OUTCOMES.get(found.lower())


_DNS_CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_DNS_NAMES = {"FORMERROR": "FORMERR", "SERVERROR": "SERVFAIL"}


def dns_code(value: Any) -> str | None:
    """`NXDOMAIN`, also from its number, and from the names that OCSF gives."""
    found = text(value)
    if found is None:
        return None
    if found.isdecimal():
        return _DNS_CODES[int(found)] if len(found) == 1 and int(found) < len(_DNS_CODES) else found
    return _DNS_NAMES.get(found.upper()) or found.upper()


def lower(value: Any) -> str | None:
    """A text in small letters."""
    found = text(value)
    return None if found is None else found.lower()


# -- who ----------------------------------------


def account_name(value: Any) -> str | None:
    r"""The `a` of `CORP\a`."""
    found = text(value)
    return None if found is None else text(found.rpartition("\\")[2])


def account_domain(value: Any) -> str | None:
    r"""The `CORP` of `CORP\a`."""
    found = text(value)
    return None if found is None else text(found.rpartition("\\")[0])


_INTEGRITY = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "Medium Plus",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
}


def integrity(value: Any) -> str | None:
    """An integrity level's name, also from its label's SID."""
    found = text(value)
    return None if found is None else _INTEGRITY.get(found, found)


def elevated(value: Any) -> bool | None:
    """Security 4688's kind of token: %%1937 is elevated, %%1938 limited; %%1936 (no split token) says neither."""
    return {"%%1937": True, "%%1938": False}.get(value) if type(value) is str else None
