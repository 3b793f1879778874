"""Inventories: which host had which address or network, when, as the user's own records have it (`--inventory FILE`).

CSV with a header, or JSON lines with the same keys; blank lines and lines that begin with `#` are passed over:

    address,host,from,until,account
    10.1.2.3,ws-017,2026-01-05T08:00:00Z,2026-01-05T18:00:00Z,
    10.1.2.3,ws-018,2026-01-05T18:00:00Z,,
    10.8.0.0/16,vpn-gateway,,,444455556666

`address` and `host` are needed. A row holds from `from` on and until `until`, that moment excluded; a day alone is its
beginning in UTC as `from` and its end as `until`; without them it holds for ever. With `account`, only for events of
that cloud account. The longest network decides, and of equal ones that of the account. What is wrong with a line is a
value, with the mend; the other lines hold. Read by the run, asked by `whose`.
"""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from chainrun.dsl.nearest import nearest
from chainrun.engine import addresses
from chainrun.engine.formats.instants import LATEST, moment
from chainrun.engine.formats.values import host as host_name

COLUMNS = ("address", "host", "from", "until", "account")
NEEDED = ("address", "host")
DAY = 86_400_000_000
_SHOWN = 60  # characters of a value that a message repeats


class InventoryFault(msgspec.Struct, frozen=True):
    """What is wrong with a line (0: with the file), and what to write instead."""

    file: str
    line: int
    message: str
    help: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}{f'; {self.help}' if self.help else ''}"


class Lease(msgspec.Struct, frozen=True):
    """One row: who has a network (version, first address, bits) in [since, until)."""

    network: tuple[int, int, int]
    host: str
    since: int = 0
    until: int = LATEST
    account: str | None = None
    line: int = 0


class Inventory:
    """Leases, asked in one look-up for each length of network that occurs."""

    def __init__(self, leases: tuple[Lease, ...] = ()) -> None:
        self.leases = leases
        self._by_length: dict[tuple[int, int], dict[int, list[Lease]]] = {}
        for lease in leases:
            version, first, bits = lease.network
            shift = (32 if version == 4 else 128) - bits
            self._by_length.setdefault((version, shift), {}).setdefault(first >> shift, []).append(lease)
        self._lengths = sorted(self._by_length, key=lambda length: length[1])

    def host_at(self, address: str, at: int, account: object = None) -> str | None:
        """The host that had an address at a moment, in an account; None where no row says so."""
        found = addresses.address(address)
        if found is None:
            return None
        for version, shift in self._lengths:
            if version == found[0]:
                rows = self._by_length[version, shift].get(found[1] >> shift, ())
                valid = [r for r in rows if r.since <= at < r.until and r.account in (None, account)]
                if valid:
                    return max(valid, key=lambda r: r.account is not None).host
        return None


class InventoryError(Exception):
    """An inventory in which something is wrong; `faults` says what, one a line."""

    def __init__(self, faults: tuple["InventoryFault", ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def load_inventory(path: Path) -> tuple[Inventory, tuple[InventoryFault, ...]]:
    """The inventory of a file, and all that is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Inventory(), (InventoryFault(str(path), 0, f"cannot be read: {(error.strerror or str(error)).lower()}"),)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Inventory(), (InventoryFault(str(path), line, "is not UTF-8", "save the file as UTF-8"),)
    return read_inventory(text, str(path))


def read_inventory(text: str, file: str) -> tuple[Inventory, tuple[InventoryFault, ...]]:
    """The inventory of a text, and all that is wrong with it."""
    reader = _Reader(file)
    leases = tuple(reader.distinct(reader.leases(text)))
    return Inventory(leases), tuple(sorted(reader.faults, key=lambda fault: fault.line))


class _Reader:
    """Reads one file, collecting faults."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[InventoryFault] = []

    def fault(self, line: int, message: str, help: str = "") -> None:
        self.faults.append(InventoryFault(self.file, line, message, help))

    def leases(self, text: str) -> Iterator[Lease]:
        lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip() and line.lstrip()[0] != "#"]
        if lines and not lines[0][1].lstrip().startswith("{"):
            columns = self.header(*lines.pop(0))
            if columns is None:
                return
            rows = ((n, self.cells(n, line, columns)) for n, line in lines)
        else:
            rows = ((n, self.record(n, line)) for n, line in lines)
        for number, row in rows:
            lease = self.lease(number, row) if row is not None else None
            if lease is not None:
                yield lease

    # -- lines to cells ----------------------------------------

    def header(self, number: int, line: str) -> tuple[str, ...] | None:
        names = tuple(name.strip().casefold() for name in self.split(number, line) or ())
        missing = [name for name in NEEDED if name not in names]
        if missing:
            needs = " and ".join(f"`{name}`" for name in missing)
            self.fault(number, f"the header names no {needs}", f"begin the file with `{','.join(COLUMNS)}`")
            return None
        known = [self.is_known(number, name) for name in names]
        return names if all(known) else None

    def is_known(self, number: int, name: str) -> bool:
        if name not in COLUMNS:
            near = nearest(name, COLUMNS)
            help = f"did you mean `{near}`?" if near else f"columns are {', '.join(COLUMNS)}"
            self.fault(number, f"no column is called {_shown(name)}", help)
        return name in COLUMNS

    def split(self, number: int, line: str) -> list[str] | None:
        try:
            return next(csv.reader([line.rstrip("\r")], strict=True))
        except csv.Error:
            self.fault(number, "the quotes of this line do not match", 'write `"` as `""` within quotes')
        except StopIteration:  # a NUL byte, in some versions
            self.fault(number, "this line cannot be read")
        return None

    def cells(self, number: int, line: str, columns: tuple[str, ...]) -> dict[str, Any] | None:
        values = self.split(number, line)
        if values is None:
            return None
        if len(values) > len(columns):
            self.fault(number, f"{len(values)} values stand under {len(columns)} columns", "quote a value with a comma")
            return None
        return dict(zip(columns, (value.strip() for value in values), strict=False))

    def record(self, number: int, line: str) -> dict[str, Any] | None:
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            row = None
        if not isinstance(row, dict):
            self.fault(number, "this is no JSON object", 'write `{"address": "10.0.0.5", "host": "ws-1"}`')
            return None
        known = [self.is_known(number, name) for name in row]
        return row if all(known) else None

    # -- cells to a lease ----------------------------------------

    def lease(self, number: int, row: dict[str, Any]) -> Lease | None:
        address, host, account = row.get("address"), row.get("host"), row.get("account")
        network = self.network(number, address)
        name = host_name(host)
        if name is None:
            self.fault(number, "no host is named", "write what the telemetry calls it, its id or its name")
        since, until = self.at(number, row.get("from"), "from"), self.at(number, row.get("until"), "until")
        if network is None or name is None or since is None or until is None:
            return None
        if until <= since:
            self.fault(number, "`until` is not after `from`", "exchange them, or leave `until` empty")
            return None
        return Lease(network, name, since, until, str(account) if account not in (None, "") else None, number)

    def network(self, number: int, value: object) -> tuple[int, int, int] | None:
        text = value if isinstance(value, str) else ""
        found = addresses.network(text)
        if found is None:
            self.fault(number, f"{_shown(value)} is no address or network", "write `10.0.0.5` or `10.0.0.0/24`")
            return None
        head, slash, _ = text.partition("/")
        if slash and addresses.address(head) != found[:2]:
            right = f"{addresses.show(found[:2])}/{found[2]}"
            self.fault(number, f"{_shown(value)} is an address with a length", f"write `{head}` or `{right}`")
            return None
        return found

    def at(self, number: int, value: object, column: str) -> int | None:
        """The moment; the beginning or end of time where there is none; None where it is wrong."""
        if value is None or value == "":
            return 0 if column == "from" else LATEST
        found = moment(value)
        if found is None and isinstance(value, str):
            try:
                day = date.fromisoformat(value)
            except ValueError:
                pass
            else:
                found = (day - date(1970, 1, 1)) // timedelta(days=1) * DAY + (DAY if column == "until" else 0)
        if found is None or found < 0:
            self.fault(number, f"`{column}` is {_shown(value)}", "write a time, `2026-01-31T08:00:00Z`, or a day")
            return None
        return found

    def distinct(self, leases: Iterator[Lease]) -> Iterator[Lease]:
        """The leases, less those that give another host what an earlier line has given away for the same time."""
        taken: dict[tuple[object, str | None], list[Lease]] = {}
        for lease in sorted(leases, key=lambda lease: (lease.since, lease.line)):
            others = taken.setdefault((lease.network, lease.account), [])
            other = others[-1] if others else None  # of those before, the one that lasts longest
            if other is not None and other.until > lease.since and other.host != lease.host:
                self.fault(
                    max(lease.line, other.line),
                    f"line {min(lease.line, other.line)} gives this address to another host for the same time",
                    f"end `{other.host}`'s with an `until`",
                )
                continue
            if other is None or lease.until > other.until:
                others.append(lease)
            yield lease


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, str | int | float) else type(value).__name__
    text = "".join(c if c.isprintable() else "�" for c in text)
    return f"`{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}`"
