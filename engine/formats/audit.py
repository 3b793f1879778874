"""What only Linux's audit log writes: numbers of system calls, socket addresses as bytes.

Listed by name in `converters`, used by the formats of audit records.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import unquote_to_bytes

# linux/audit.h: AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64; the calls that the formats tell apart.
_CALLS: dict[str, dict[int, str]] = {
    "0xc000003e": {
        2: "open",
        42: "connect",
        43: "accept",
        59: "execve",
        82: "rename",
        85: "creat",
        86: "link",
        87: "unlink",
        88: "symlink",
        165: "mount",
        231: "exit_group",
        257: "openat",
        263: "unlinkat",
        264: "renameat",
        265: "linkat",
        266: "symlinkat",
        288: "accept4",
        316: "renameat2",
        322: "execveat",
        437: "openat2",
    },
    "0xc00000b7": {
        35: "unlinkat",
        36: "symlinkat",
        37: "linkat",
        38: "renameat",
        40: "mount",
        56: "openat",
        94: "exit_group",
        202: "accept",
        203: "connect",
        221: "execve",
        242: "accept4",
        276: "renameat2",
        281: "execveat",
        437: "openat2",
    },
}


def system_call(value: Any) -> str | None:
    """The name of the call of a `SYSCALL` record: as auditd or Laurel added it, else from its number."""
    if type(value) is not dict:
        return None
    name = value.get("SYSCALL")
    if type(name) is str and name:
        return name.lower()
    arch, number = value.get("arch"), value.get("syscall")
    return _CALLS.get(arch.lower(), {}).get(number) if type(arch) is str and type(number) is int else None


# What auditd adds where it enriches: `{ saddr_fam=inet laddr=192.0.2.1 lport=443 }`.
_ENRICHED = re.compile(r"saddr_fam=inet6? laddr=([0-9A-Fa-f.:]+) lport=(\d{1,5})\b")
_INET, _INET6 = 2, 10


def _socket(value: Any) -> tuple[str, int] | None:
    """Address and port of a `SOCKADDR` record, or of the first of several; None where it is none of the internet."""
    if type(value) is list:
        value = value[0] if value else None
    if type(value) is not dict:
        return None
    said = value.get("SADDR")
    if type(said) is dict and type(said.get("addr")) is str and type(said.get("port")) is int:
        return said["addr"], said["port"]
    if type(said) is str and (found := _ENRICHED.search(said)):
        return found[1], int(found[2])
    return _unpacked(value["saddr"]) if type(value.get("saddr")) is str else None


def _unpacked(saddr: str) -> tuple[str, int] | None:
    """A `struct sockaddr_in` or `sockaddr_in6`, of which Laurel writes every byte that is no letter as `%00`."""
    raw = unquote_to_bytes(saddr[:256])
    family = {raw[:1], raw[1:2]} - {b"\0"}  # the byte order of the host
    port = int.from_bytes(raw[2:4], "big")
    if family == {bytes([_INET])} and len(raw) >= 8:
        return str(IPv4Address(raw[4:8])), port
    if family == {bytes([_INET6])} and len(raw) >= 24:
        return str(IPv6Address(raw[8:24])), port
    return None


def socket_address(value: Any) -> str | None:
    """The address that a `SOCKADDR` record names."""
    found = _socket(value)
    return found[0] if found else None


def socket_port(value: Any) -> int | None:
    """The port that a `SOCKADDR` record names."""
    found = _socket(value)
    return found[1] if found else None
