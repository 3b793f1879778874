"""`--inventory`: who had an address, from a file of the user's; and from what hosts show, where the file is silent."""

from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats.instants import moment
from chainrun.engine.intake.inventory import Inventory, load_inventory, read_inventory
from chainrun.engine.intake.tenure import EACH, HOUR, LONGEST, Tenures
from chainrun.engine.intake.whose import HostAddresses

MINUTE = 60_000_000
HEADER = "address,host,from,until,account\n"


def at(text: str) -> int:
    found = moment(text)
    assert found is not None
    return found


def read(text: str) -> Inventory:
    inventory, faults = read_inventory(text, "inventory.csv")
    assert faults == ()
    return inventory


def said(text: str) -> list[str]:
    return [str(fault) for fault in read_inventory(text, "inventory.csv")[1]]


# -- what a file says ----------------------------------------


def test_an_address_is_one_hosts_until_it_is_the_next_ones() -> None:
    inventory = read(
        HEADER + "10.1.2.3,ws-017,2026-01-05T08:00:00Z,2026-01-05T18:00:00Z,\n10.1.2.3,ws-018,2026-01-05T18:00:00Z,,\n"
    )
    assert inventory.host_at("10.1.2.3", at("2026-01-05T07:59:59Z")) is None
    assert inventory.host_at("10.1.2.3", at("2026-01-05T08:00:00Z")) == "ws-017"
    assert inventory.host_at("10.1.2.3", at("2026-01-05T18:00:00Z")) == "ws-018"
    assert inventory.host_at("10.1.2.4", at("2026-01-05T18:00:00Z")) is None


def test_a_day_is_its_beginning_and_its_end() -> None:
    inventory = read("address,host,from,until\n10.1.2.3,ws,2026-01-05,2026-01-06\n")
    assert inventory.host_at("10.1.2.3", at("2026-01-04T23:59:59Z")) is None
    assert inventory.host_at("10.1.2.3", at("2026-01-06T23:59:59Z")) == "ws"
    assert inventory.host_at("10.1.2.3", at("2026-01-07T00:00:00Z")) is None


def test_the_longest_network_decides() -> None:
    inventory = read("host,address\nsite,10.0.0.0/8\nfloor,10.1.0.0/16\nws,10.1.2.3\nsix,2001:db8::/32\n")
    asked = ("10.9.9.9", "10.1.9.9", "10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3", "11.0.0.1", "no address")
    assert [inventory.host_at(a, 0) for a in asked] == ["site", "floor", "ws", "six", "ws", None, None]


def test_an_account_has_addresses_of_its_own() -> None:
    inventory = read(HEADER + "10.0.0.5,everybody,,,\n10.0.0.5,mine,,,4444\n")
    assert inventory.host_at("10.0.0.5", 0, "4444") == "mine"
    assert inventory.host_at("10.0.0.5", 0, "5555") == "everybody"
    assert inventory.host_at("10.0.0.5", 0) == "everybody"


def test_json_lines_comments_blank_lines_and_other_line_ends() -> None:
    inventory = read('# exported\r\n\r\n{"address": "10.0.0.5", "host": "WS-1.corp.example", "until": null}\r\n')
    assert inventory.host_at("10.0.0.5", 0) == "ws-1"  # as the telemetry's hosts are called
    assert (
        read(HEADER.upper() + '"10.0.0.5", "ws-2" ,,,\r\n'.replace(', "ws-2" ', ",ws-2")).host_at("10.0.0.5", 0)
        == "ws-2"
    )
    assert read("").leases == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "10.0.0.5,ws-1\n",
            "inventory.csv:1: the header names no `address` and `host`; begin the file with `address,host,from,until,account`",
        ),
        ("address,host,untill\n", "inventory.csv:1: no column is called `untill`; did you mean `until`?"),
        (
            "address,host,colour\n",
            "inventory.csv:1: no column is called `colour`; columns are address, host, from, until, account",
        ),
        (
            HEADER + "\n10.0.0.300,ws-1,,,\n",
            "inventory.csv:3: `10.0.0.300` is no address or network; write `10.0.0.5` or `10.0.0.0/24`",
        ),
        (
            HEADER + "10.0.0.5/24,ws-1,,,\n",
            "inventory.csv:2: `10.0.0.5/24` is an address with a length; write `10.0.0.5` or `10.0.0.0/24`",
        ),
        (
            HEADER + "10.0.0.5,,,,\n",
            "inventory.csv:2: no host is named; write what the telemetry calls it, its id or its name",
        ),
        (
            HEADER + "10.0.0.5,ws-1,yesterday,,\n",
            "inventory.csv:2: `from` is `yesterday`; write a time, `2026-01-31T08:00:00Z`, or a day",
        ),
        (
            HEADER + "10.0.0.5,ws-1,2026-01-02,2026-01-01,\n",
            "inventory.csv:2: `until` is not after `from`; exchange them, or leave `until` empty",
        ),
        (
            HEADER + "10.0.0.5,ws-1,,,\n10.0.0.6,a,,,\n10.0.0.5,ws-2,2026-01-01,,\n",
            "inventory.csv:4: line 2 gives this address to another host for the same time; end `ws-1`'s with an `until`",
        ),
        (
            HEADER + "10.0.0.5,ws-1,,,,,\n",
            "inventory.csv:2: 7 values stand under 5 columns; quote a value with a comma",
        ),
        (
            HEADER + '10.0.0.5,"ws-1,,,\n',
            'inventory.csv:2: the quotes of this line do not match; write `"` as `""` within quotes',
        ),
        (
            '{"address": "10.0.0.5"\n',
            'inventory.csv:1: this is no JSON object; write `{"address": "10.0.0.5", "host": "ws-1"}`',
        ),
        (
            '{"address": 5, "host": "a"}\n',
            "inventory.csv:1: `5` is no address or network; write `10.0.0.5` or `10.0.0.0/24`",
        ),
        (
            '{"address": "10.0.0.5", "host": []}\n',
            "inventory.csv:1: no host is named; write what the telemetry calls it, its id or its name",
        ),
    ],
)
def test_a_line_that_is_wrong_is_told_with_the_mend(text: str, fault: str) -> None:
    assert said(text) == [fault]


def test_all_that_is_wrong_is_told_and_the_rest_holds() -> None:
    inventory, faults = read_inventory(HEADER + "x,,,,\n10.0.0.5,ws-1,,,\n10.0.0.6,b,x,y,\n", "i")
    assert [fault.line for fault in faults] == [2, 2, 4, 4]
    assert inventory.host_at("10.0.0.5", 0) == "ws-1"


def test_one_host_may_be_named_twice_for_one_time_and_conflicts_are_found_behind_short_rows() -> None:
    assert said(HEADER + "10.0.0.5,a,,,\n10.0.0.5,a,2026-01-01,,\n") == []
    long_before = (
        HEADER + "10.0.0.5,a,2026-01-01,2026-12-31,\n10.0.0.5,a,2026-02-01,2026-02-02,\n10.0.0.5,b,2026-03-01,,\n"
    )
    assert [fault.line for fault in read_inventory(long_before, "i")[1]] == [4]


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"\x00" * 9, b"[" * 100_000, b'"', b"{" * 9, b"address,host\n\x00,\x00"])
def test_nothing_in_a_file_raises(bad: bytes, tmp_path: Path) -> None:
    file = tmp_path / "i.csv"
    file.write_bytes(bad)
    inventory, faults = load_inventory(file)
    assert faults and inventory.leases == ()


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    _, faults = load_inventory(tmp_path / "none.csv")
    assert [str(f) for f in faults] == [f"{tmp_path}/none.csv: cannot be read: no such file or directory"]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    file = tmp_path / "i.csv"
    file.write_text("\ufeffaddress,host\n10.0.0.5,a\n", encoding="utf-8")
    assert load_inventory(file)[0].host_at("10.0.0.5", 0) == "a"


# -- tenures: from claims to times ----------------------------------------


def test_a_thing_is_the_last_claimers_until_another_claims_it() -> None:
    tenures = Tenures()
    tenures.claim("a", "x", 10 * MINUTE)
    tenures.claim("a", "y", 3 * HOUR)
    tenures.claim("a", "x", 9 * HOUR)  # a lease that comes back
    moments = (0, 10 * MINUTE, 2 * HOUR, 3 * HOUR, 8 * HOUR, 99 * HOUR)
    assert [tenures.holder("a", t) for t in moments] == ["x", "x", "x", "y", "y", "x"]
    assert tenures.holder("b", 0) is None


def test_what_two_claim_at_one_time_is_nobodys() -> None:
    tenures = Tenures()
    for t, holder in ((0, "x"), (10, "y"), (20, "x")):
        tenures.claim("a", holder, t * MINUTE)
    assert {tenures.holder("a", t * MINUTE) for t in (0, 5, 10, 15, 20, 500)} == {None}
    tenures.claim("a", "z", 9 * HOUR)
    assert tenures.holder("a", 9 * HOUR) == "z"  # alone since


def test_the_order_of_the_claims_is_nothing_to_the_tenures() -> None:
    claims = [("x", 0), ("x", 50), ("x", 100), ("y", 200), ("y", 230), ("x", 400)]
    drawn = set()
    for turn in range(len(claims)):
        tenures = Tenures()
        for holder, minute in (*claims[turn:], *claims[:turn]):
            tenures.claim("a", holder, minute * MINUTE)
        drawn.add(str(tenures))
    assert len(drawn) == 1


def test_who_lets_go_has_nothing_until_the_next_claim() -> None:
    tenures = Tenures()
    tenures.claim("a", "x", 0)
    tenures.release("x", 20)
    assert [tenures.holder("a", t) for t in (19, 20, 21)] == ["x", None, None]
    tenures.claim("a", "y", 20)
    assert tenures.holder("a", 20) == "y"
    tenures.release("nobody", 20)


def test_a_flood_of_claims_stays_bounded_and_leaves_others_theirs() -> None:
    tenures = Tenures(most=1_000)
    tenures.claim("10.0.0.1", "good", 0)
    for i in range(2 * EACH):
        tenures.claim(i, "flood", i)
    assert len(tenures) == EACH + 1
    assert tenures.holder("10.0.0.1", 5) == "good"
    for i in range(2_000):
        tenures.claim(("many", i), f"holder {i}", 0)
        tenures.claim("one", f"holder {i}", i * HOUR)
    assert len(tenures) == 1_000
    assert str(tenures).count("one:") <= LONGEST


def test_what_is_forgotten_is_gone_but_for_the_newest_that_still_holds() -> None:
    tenures = Tenures()
    tenures.claim("a", "x", 0)
    tenures.claim("a", "y", 2 * HOUR)
    tenures.claim("b", "z", 0)
    tenures.claim("c", "gone", 0)
    tenures.release("gone", 1)
    tenures.forget(9 * HOUR)
    assert str(tenures) == f"a: y {2 * HOUR}..{2 * HOUR}\nb: z 0..0"
    assert not tenures.has("gone") and not tenures.has("x") and tenures.has("z")


# -- hosts ----------------------------------------


def event(time: int, host: str = "", kinds: str = "event", **fields: Any) -> Event:
    dotted = {name.replace("_", ".", 1): value for name, value in fields.items()}
    return Event(time, frozenset(kinds.split()), dotted, host=host, origin=Origin("in", 1, 0))


def flow(time: int, source: str = "10.0.0.5") -> Event:
    return event(time, kinds="connect egress", source_ip=source)


def test_a_flow_is_of_the_host_that_had_its_address_then() -> None:
    hosts = HostAddresses()
    hosts.learn(event(0, "ws-1", host_ip=("10.0.0.5", "127.0.0.1", "fe80::1")))
    hosts.learn(event(5 * HOUR, "ws-2", "connect", source_ip="10.0.0.5"))
    assert [hosts.host_of(flow(t)) for t in (0, 4 * HOUR, 6 * HOUR)] == ["ws-1", "ws-1", "ws-2"]
    assert hosts.host_of(flow(0, "127.0.0.1")) is None
    assert hosts.host_of(event(0)) is None


def test_the_source_of_an_inbound_connection_or_of_a_containers_is_not_its_host() -> None:
    hosts = HostAddresses()
    hosts.learn(event(0, "ws-1", "accept", source_ip="10.0.0.5"))
    hosts.learn(
        Event(
            0,
            frozenset({"connect"}),
            {"source.ip": "10.0.0.5", "container.id": "c"},
            host="h",
            origin=Origin("i", 1, 0),
        )
    )
    assert hosts.host_of(flow(0)) is None


def test_an_inventory_decides_where_it_speaks() -> None:
    hosts = HostAddresses(read("address,host\n10.0.0.5,told\n"))
    hosts.learn(event(0, "seen", host_ip=("10.0.0.5", "10.0.0.6")))
    assert [hosts.host_of(flow(0, a)) for a in ("10.0.0.5", "10.0.0.6")] == ["told", "seen"]
