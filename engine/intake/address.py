"""Addresses on this machine, at which lines are waited for.

    unix:/run/chainrun.sock    tcp:5514    tcp:[::1]:5514    http:127.0.0.1:8514

Never another machine's: nothing here asks who sends, or hides what is sent. That is a shipper's or a proxy's to do.
"""

import ipaddress
from typing import Literal

import msgspec


class AddressError(ValueError):
    """What is wrong with an address, and `hint`: what one looks like."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Address(msgspec.Struct, frozen=True):
    """Where: of `unix` a path, of the others a host of this machine and a port."""

    way: Literal["unix", "tcp", "http"]
    place: str
    port: int = 0

    def __str__(self) -> str:
        if self.way == "unix":
            return f"unix:{self.place}"
        return f"{self.way}:[{self.place}]:{self.port}" if ":" in self.place else f"{self.way}:{self.place}:{self.port}"


_HINT = "`unix:/run/chainrun.sock`, `tcp:5514` or `http:8514`"


def parse_address(text: str) -> Address:
    """The address that a text means; raises AddressError."""
    way, _, rest = text.partition(":")
    if way == "unix" and rest:
        if len(rest.encode(errors="replace")) > 100:  # the system's own limit, with nothing to spare
            raise AddressError(f"`{rest}` is too long for a socket's name", _HINT)
        return Address("unix", rest)
    if way not in ("tcp", "http"):
        raise AddressError(f"`{text}` is no address to listen at", _HINT)
    host, _, port = rest.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise AddressError(f"`{text}` names no port", _HINT)
    try:
        place = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise AddressError(f"`{host}` is no address of this machine", _HINT) from None
    if not place.is_loopback:
        raise AddressError(
            f"`{host}` can be reached from other machines, and nothing here asks who sends",
            f"listen at `{way}:{port}`, and let a shipper or a proxy that knows its senders send there",
        )
    return Address("tcp" if way == "tcp" else "http", str(place), int(port))
