"""Network addresses and domain names, one spelling each, and sets of networks.

What a destination's words are tested with, and what the intake asks to tell a local address. Everything here takes text
of unknown origin and answers None where it is no address and no name.
"""

import ipaddress
from collections.abc import Iterable
from contextlib import suppress

# (4 or 6, the address as a number)
Address = tuple[int, int]

_LONGEST_ADDRESS = 64  # with a zone; more is not parsed
_LONGEST_NAME = 253  # RFC 1035
_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96


def address(text: str) -> Address | None:
    """The address that a text writes, with its brackets and zone removed: `[fe80::1%eth0]`. An IPv4 address in IPv6's
    clothes (`::ffff:10.0.0.1`) is the IPv4 address: dual-stack sockets report it so."""
    if not 2 <= len(text) <= _LONGEST_ADDRESS:
        return None
    if text[0] == "[" and text[-1] == "]":
        text = text[1:-1]
    text = text.partition("%")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if found.version == 6 and int(found) >> 32 == 0xFFFF:
        return 4, int(found) & 0xFFFFFFFF
    return found.version, int(found)


def show(found: Address) -> str:
    """The address as text, in its shortest form."""
    version, number = found
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def network(text: str) -> tuple[int, int, int] | None:
    """Version, first address and prefix length of `10.0.0.0/8`, or of a single address; host bits are dropped."""
    if len(text) > _LONGEST_ADDRESS:
        return None
    head, slash, length = text.partition("/")
    found = address(head)
    if found is None:
        return None
    version, number = found
    bits = 32 if version == 4 else 128
    if not slash:
        return version, number, bits
    if not (length.isascii() and length.isdigit()):
        return None
    prefix = int(length)
    if version == 4 and ":" in head:  # a mapped network: its length is counted in IPv6's bits
        if prefix < 96:
            return (6, _MAPPED >> (128 - prefix) << (128 - prefix), prefix)
        prefix -= 96
    if prefix > bits:
        return None
    return version, number >> (bits - prefix) << (bits - prefix), prefix


def domain(text: str) -> str | None:
    """The name in small letters without the root's dot, non-ASCII labels in their `xn--` form; None where it can be no
    name, and for an address."""
    text = text.removesuffix(".")
    if not text or len(text) > _LONGEST_NAME or "\0" in text or address(text) is not None:
        return None
    if not text.isascii():
        with suppress(UnicodeError):  # no registrable name: compared as it is
            text = text.encode("idna").decode("ascii")
    return text.casefold()


class Networks:
    """Addresses and networks, asked in a few hash look-ups: one for each prefix length that occurs.

    (A radix tree asks as many questions, one by one, in Python; real lists have between one and ten lengths.)
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._by_length: dict[tuple[int, int], set[int]] = {}
        for text in texts:
            self.add(text)

    def add(self, text: str) -> bool:
        """Add an address or network; False where the text is neither."""
        found = network(text)
        if found is None:
            return False
        version, first, prefix = found
        shift = (32 if version == 4 else 128) - prefix
        self._by_length.setdefault((version, shift), set()).add(first >> shift)
        return True

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def __contains__(self, found: Address) -> bool:
        version, number = found
        return any(v == version and number >> shift in firsts for (v, shift), firsts in self._by_length.items())
