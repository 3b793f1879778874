"""Containers, instances, sessions, identities, images: which are the same, and which may have caused an event."""

from typing import Any

import pytest
from chainrun.dsl.types import Entity
from chainrun.dsl.vocabulary import vocabulary
from chainrun.engine.event import Event, Origin
from chainrun.engine.intake.inventory import read_inventory
from chainrun.engine.match.entities import NEEDS, READS, Cause, Entities
from chainrun.engine.match.files import FileKeys
from chainrun.engine.match.keys import EntityKey
from chainrun.engine.match.lineage import Lineage
from chainrun.engine.match.sessions import DEPTH_LIMIT, OPEN, Sessions

SECOND = 1_000_000
HOUR = 3600 * SECOND
FULL = "0049994ce2833493bb0eabaec941032fbf6101085423bcc7986c8850c8edf80d"
OTHER = "888b1632a59fd3e4cdbd23324a261b47507da04705e304be8abad63caa1a3ae6"


class World:
    """A stream in the making: each call is one event, placed and learnt as the engine does it."""

    def __init__(self, **options: Any) -> None:
        self.lineage = Lineage()
        self.entities = Entities(FileKeys(), **options)
        self.order = 0

    def __call__(self, seconds: float, kinds: str, host: str = "h", os: str = "linux", **fields: Any) -> Event:
        dotted = {name.replace("__", ".").replace("·", "_"): value for name, value in fields.items()}
        event = Event(
            int(seconds * SECOND), frozenset(kinds.split()), dotted, host=host, os=os, origin=Origin("in", 1, 0)
        )
        event.order = self.order = self.order + 1
        self.lineage.place(event)
        self.entities.learn(event)
        return event

    def causes(self, event: Event, entity: Entity) -> dict[str, bool]:
        """Name of the cause, with its host where it has one, and whether it is unlinked."""
        return {_told(key): unlinked for key, unlinked in self.entities.causes(event, entity)}

    def containers(self, event: Event) -> set[str]:
        return set(self.causes(event, Entity.CONTAINER))

    def instances(self, event: Event) -> set[str]:
        return set(self.causes(event, Entity.INSTANCE))


def _told(key: Any) -> str:
    assert isinstance(key, EntityKey)
    return f"{key.name}{f'@{key.host}' if key.host else ''}"


@pytest.fixture
def world() -> World:
    return World()


def test_every_field_that_is_read_is_canonical() -> None:
    fields = vocabulary().fields
    assert {f for read in READS.values() for f in read} <= set(fields)
    assert {k for needed in NEEDS.values() for k in needed} <= set(vocabulary().kinds)


# -- containers: which are the same ----------------------------------------


@pytest.mark.parametrize("id", [FULL[:12], FULL[:24], FULL[:31], f"containerd://{FULL}", FULL.upper()])
def test_a_shortened_container_id_is_the_one_that_begins_so(world: World, id: str) -> None:
    own = world.entities.key(world(0, "start", container__id=FULL), Entity.CONTAINER, "container.id")
    assert own == EntityKey(Entity.CONTAINER, FULL[:12], "h")
    assert world.entities.key(world(1, "egress", container__id=id), Entity.CONTAINER, "container.id") == own


@pytest.mark.parametrize(("id", "host"), [(OTHER, "h"), (FULL[:11], "h"), (FULL, "other"), ("web", "h")])
def test_another_id_or_another_host_is_another_container(world: World, id: str, host: str) -> None:
    own = world.entities.key(world(0, "start", container__id=FULL), Entity.CONTAINER, "container.id")
    assert world.entities.key(world(1, "egress", host, container__id=id), Entity.CONTAINER, "container.id") != own


def test_names_that_are_no_digits_are_compared_whole(world: World) -> None:
    keys = {
        world.entities.key(world(0, "start", container__id=id), Entity.CONTAINER, "container.id")
        for id in ("my-container-1", "my-container-2", "deadbeefcafe-1", "deadbeefcafe-2")
    }
    assert len(keys) == 4
    assert world.entities.key(world(0, "start"), Entity.CONTAINER, "container.id") is None
    assert world.entities.key(world(0, "start", container__id=7), Entity.CONTAINER, "container.id") is None


# -- containers: what they cause ----------------------------------------


def test_a_container_causes_what_carries_its_id(world: World) -> None:
    world(0, "start", container__id=FULL)
    assert world.containers(world(1, "egress", container__id=FULL[:12])) == {f"{FULL[:12]}@h"}
    assert world.containers(world(2, "egress", container__id=OTHER)) == {f"{OTHER[:12]}@h"}
    assert world.containers(world(3, "egress")) == set()


def test_a_container_causes_what_its_processes_and_their_descendants_do(world: World) -> None:
    world(0, "spawn exec", process__pid=10, process__parent__pid=5, container__id=FULL)
    world(1, "spawn exec", process__pid=11, process__parent__pid=10)  # a sensor that knows no containers
    assert world.containers(world(2, "egress", process__pid=11)) == {f"{FULL[:12]}@h"}
    assert world.containers(world(3, "egress", process__pid=5)) == set()
    assert world.containers(world(4, "egress", "other", process__pid=11)) == set()


def test_a_descendant_stays_in_when_its_parents_ended_and_are_forgotten(world: World) -> None:
    world(0, "spawn exec", process__pid=10, process__parent__pid=5, container__id=FULL)
    world(1, "spawn exec", process__pid=11, process__parent__pid=10)
    world(2, "exit", process__pid=10)
    world.lineage.forget(HOUR)
    world.entities.forget(HOUR)
    assert world.containers(world(3, "egress", process__pid=11)) == {f"{FULL[:12]}@h"}


def test_who_starts_a_container_is_not_in_it(world: World) -> None:
    world(0, "create start", process__pid=7, process__name="docker", container__id=FULL)
    assert world.containers(world(1, "egress", process__pid=7)) == set()


def test_a_process_in_one_container_that_starts_another_is_in_the_first(world: World) -> None:
    world(0, "spawn exec", process__pid=7, process__parent__pid=1, container__id=FULL)
    start = world(1, "start", process__pid=7, container__id=OTHER)
    assert world.containers(start) == {f"{FULL[:12]}@h", f"{OTHER[:12]}@h"}
    assert world.containers(world(2, "egress", process__pid=7)) == {f"{FULL[:12]}@h"}


def test_a_reused_pid_is_not_in_the_container_of_its_predecessor(world: World) -> None:
    world(0, "spawn exec", process__pid=10, process__parent__pid=5, container__id=FULL)
    world(1, "exit", process__pid=10)
    world(60, "spawn exec", process__pid=10, process__parent__pid=5)
    assert world.containers(world(61, "egress", process__pid=10)) == set()


def test_a_flow_is_of_the_container_that_had_its_source_address_then(world: World) -> None:
    world(0, "start", container__id=FULL, container__ip=("172.17.0.3",))
    assert world.containers(world(1, "connect", source__ip="172.17.0.3")) == {f"{FULL[:12]}@h"}
    assert world.containers(world(2, "connect", source__ip="172.17.0.4")) == set()
    assert world.containers(world(2, "connect", destination__ip="172.17.0.3")) == set()
    assert world.containers(world(3, "connect", "other", source__ip="172.17.0.3")) == set()
    assert world.containers(world(4, "connect", source__ip="172.17.0.3", container__id=OTHER)) == {f"{OTHER[:12]}@h"}


def test_an_address_that_another_container_has_later_is_that_ones(world: World) -> None:
    world(0, "start", container__id=FULL, container__ip=("172.17.0.3",))
    world(10, "stop", container__id=FULL)
    assert world.containers(world(11, "connect", source__ip="172.17.0.3")) == set()
    world(10, "start", container__id=OTHER, container__ip=("172.17.0.3",))
    assert world.containers(world(12, "connect", source__ip="172.17.0.3")) == {f"{OTHER[:12]}@h"}


def test_a_containers_own_connection_shows_its_address_unless_it_is_its_hosts(world: World) -> None:
    world(0, "connect", container__id=FULL, source__ip="::ffff:172.17.0.3")
    assert world.containers(world(1, "connect", source__ip="172.17.0.3")) == {f"{FULL[:12]}@h"}
    world(2, "event", host__ip=("10.0.0.1",))
    world(3, "connect", container__id=FULL, source__ip="10.0.0.1")  # --network host
    world(4, "event", host__ip=("10.0.0.1",))
    assert world.containers(world(5, "connect", source__ip="10.0.0.1")) == set()


def test_loopback_is_no_containers_own(world: World) -> None:
    world(0, "connect", container__id=FULL, source__ip="127.0.0.1")
    assert world.containers(world(1, "connect", source__ip="127.0.0.1")) == set()


def test_from_and_of_a_container(world: World) -> None:
    world(0, "start", container__id=FULL, container__ip=("172.17.0.3",))
    own = EntityKey(Entity.CONTAINER, FULL[:12], "h")
    accept = world(1, "accept", source__ip="172.17.0.3", container__id=OTHER)
    assert world.entities.source(accept, Entity.CONTAINER) == (own,)
    assert world.entities.source(world(2, "connect", container__id=FULL), Entity.CONTAINER) == (own,)
    assert world.entities.source(world(2, "connect", source__ip="172.17.0.9"), Entity.CONTAINER) == ()
    assert world.entities.concerns(world(3, "connect", destination__ip="172.17.0.3"), Entity.CONTAINER) == (own,)
    assert world.entities.concerns(world(4, "stop", container__id=FULL[:24]), Entity.CONTAINER) == (own,)
    assert world.entities.concerns(accept, Entity.CONTAINER) == (EntityKey(Entity.CONTAINER, OTHER[:12], "h"),)


# -- instances ----------------------------------------


def launch(world: World, seconds: float, id: str, account: str = "4444", **fields: Any) -> Event:
    return world(seconds, "launch call", "cloud", "", cloud__instance__id=id, cloud__account__id=account, **fields)


def flow(world: World, seconds: float, account: str = "4444", **fields: Any) -> Event:
    return world(seconds, "connect egress", "cloud", "", cloud__account__id=account, **fields)


def test_an_instance_causes_what_carries_its_id_on_any_host(world: World) -> None:
    launch(world, 0, "i-1")
    assert world.instances(world(1, "egress", "ip-10-1-0-14", cloud__instance__id="i-1")) == {"i-1"}
    assert world.instances(world(2, "egress", "ip-10-1-0-14")) == set()


def test_an_instance_causes_the_flows_of_its_interface(world: World) -> None:
    launch(world, 0, "i-1", cloud__interface__id=("eni-1", "eni-2"), cloud__instance__ip=("10.1.0.14",))
    assert world.instances(flow(world, 1, cloud__interface__id=("eni-2",), source__ip="10.9.9.9")) == {"i-1"}
    inbound = flow(world, 2, cloud__interface__id=("eni-2",), network__direction="ingress")
    assert world.instances(inbound) == set()
    assert world.instances(flow(world, 3, "5555", cloud__interface__id=("eni-2",))) == set()
    assert world.entities.concerns(inbound, Entity.INSTANCE) == (EntityKey(Entity.INSTANCE, "i-1"),)


def test_an_interface_that_is_not_its_own_is_not_an_instances_whatever_the_address(world: World) -> None:
    """Private addresses are used over and over: an1318_n3."""
    launch(world, 0, "i-1", cloud__interface__id=("eni-1",), cloud__instance__ip=("10.1.0.23",))
    assert world.instances(flow(world, 1, cloud__interface__id=("eni-9",), source__ip="10.1.0.23")) == set()
    named = flow(world, 1, cloud__interface__id=("eni-9",), source__ip="10.1.0.23", cloud__instance__id="i-9")
    assert world.instances(named) == {"i-9"}
    launch(world, 2, "i-2", cloud__instance__ip=("10.1.0.24",))  # a record without interfaces
    assert world.instances(flow(world, 3, cloud__interface__id=("eni-8",), source__ip="10.1.0.24")) == {"i-2"}


def test_an_instance_causes_what_comes_from_its_address_within_its_account_and_network(world: World) -> None:
    launch(world, 0, "i-1", cloud__network__id="vpc-1", cloud__instance__ip=("10.0.1.10",))
    assert world.instances(flow(world, 1, cloud__network__id="vpc-1", source__ip="10.0.1.10")) == {"i-1"}
    assert world.instances(flow(world, 1, source__ip="10.0.1.10")) == {"i-1"}
    assert world.instances(flow(world, 1, cloud__network__id="vpc-2", source__ip="10.0.1.10")) == set()
    assert world.instances(flow(world, 1, "5555", cloud__network__id="vpc-1", source__ip="10.0.1.10")) == set()
    launch(world, 2, "i-2", cloud__network__id="vpc-2", cloud__instance__ip=("10.0.1.10",))
    assert world.instances(flow(world, 3, cloud__network__id="vpc-1", source__ip="10.0.1.10")) == {"i-1"}
    assert world.instances(flow(world, 3, cloud__network__id="vpc-2", source__ip="10.0.1.10")) == {"i-2"}


def test_an_address_that_a_later_instance_is_given_is_that_ones(world: World) -> None:
    launch(world, 0, "i-1", cloud__instance__ip=("10.0.1.10",))
    launch(world, 7200, "i-2", cloud__instance__ip=("10.0.1.10",))
    assert world.instances(flow(world, 3600, source__ip="10.0.1.10")) == {"i-1"}  # a late record
    assert world.instances(flow(world, 7201, source__ip="10.0.1.10")) == {"i-2"}


def test_a_launch_that_failed_has_no_addresses(world: World) -> None:
    launch(world, 0, "i-1", cloud__interface__id=("eni-1",), event__outcome="failure")
    assert world.instances(flow(world, 1, cloud__interface__id=("eni-1",))) == set()


def test_azure_writes_one_id_in_many_cases(world: World) -> None:
    one = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/VM"
    event = launch(world, 0, one)
    assert world.instances(event) == world.instances(launch(world, 1, one.upper()))
    assert world.instances(launch(world, 2, "i-A")) != world.instances(launch(world, 3, "i-a"))


def test_from_an_instance(world: World) -> None:
    launch(world, 0, "i-1", cloud__interface__id=("eni-1",), cloud__instance__ip=("10.0.1.10",))
    own = (EntityKey(Entity.INSTANCE, "i-1"),)
    assert world.entities.source(flow(world, 1, cloud__interface__id=("eni-1",)), Entity.INSTANCE) == own
    assert world.entities.source(flow(world, 1, cloud__instance__id="i-1"), Entity.INSTANCE) == own
    assert world.entities.source(launch(world, 2, "i-1"), Entity.INSTANCE) == ()
    inbound = flow(world, 3, cloud__instance__id="i-9", source__ip="10.0.1.10", network__direction="inbound")
    assert world.entities.source(inbound, Entity.INSTANCE) == own


# -- sessions ----------------------------------------


def call(world: World, seconds: float, kinds: str = "call", **fields: Any) -> Event:
    return world(seconds, kinds, "cloud", "", **fields)


def test_a_session_causes_its_calls_and_those_of_sessions_that_it_assumed(world: World) -> None:
    call(world, 0, "signin", user__id="AIDA1", session__id="s1")
    call(world, 1, user__id="AIDA1", session__id="s2", session__parent__id="s1")
    call(world, 2, user__id="AROA2", session__id="s3", session__parent__id="s2")
    assert world.causes(call(world, 3, user__id="AROA3", session__id="s3"), Entity.SESSION) == {
        "s3": False,
        "s2": False,
        "s1": False,
    }
    assert world.causes(call(world, 4, user__id="AROA2", session__id="s2"), Entity.SESSION) == {
        "s2": False,
        "s1": False,
    }
    assert world.causes(call(world, 5, user__id="AIDA1", session__id="s9"), Entity.SESSION) == {"s9": False}


def test_a_session_that_two_assumed_is_caused_by_both(world: World) -> None:
    call(world, 0, session__id="role", session__parent__id="s1", user__id="a")
    call(world, 1, session__id="role", session__parent__id="s2", user__id="b")
    event = call(world, 2, session__id="role", user__id="c")
    assert world.causes(event, Entity.SESSION) == {"role": False, "s1": False, "s2": False}
    assert world.causes(event, Entity.IDENTITY) == {"a": False, "b": False, "c": False}


def test_a_cycle_of_assumed_sessions_ends(world: World) -> None:
    for one, parent in (("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")):
        call(world, 0, session__id=one, session__parent__id=parent)
    assert world.causes(call(world, 1, session__id="a"), Entity.SESSION) == {"a": False, "b": False, "c": False}


def test_a_forged_depth_costs_a_bounded_walk(world: World) -> None:
    for i in range(5_000):
        call(world, 0, session__id=f"s{i + 1}", session__parent__id=f"s{i}")
    assert len(world.causes(call(world, 1, session__id="s5000"), Entity.SESSION)) == DEPTH_LIMIT


def test_a_call_that_names_no_session_is_of_its_identitys_open_one_perhaps(world: World) -> None:
    call(world, 0, "signin", user__id="AIDA1", session__id="s1")
    assert world.causes(call(world, 1, user__id="AIDA1"), Entity.SESSION) == {"s1": True}
    assert world.causes(call(world, 2, user__id="AIDA2"), Entity.SESSION) == {}
    call(world, 3, "signoff", user__id="AIDA1", session__id="s1")
    assert world.causes(call(world, 4, user__id="AIDA1"), Entity.SESSION) == {}
    assert world.causes(call(world, 5, user__id="AIDA1", session__id="s1"), Entity.SESSION) == {"s1": False}


def test_a_signoff_without_a_session_ends_what_the_identity_has_open(world: World) -> None:
    call(world, 0, "signin", user__id="AIDA1", session__id="s1")
    call(world, 0, "signin", user__id="AIDA1", session__id="s2")
    call(world, 0, "signin", user__id="AIDA2", session__id="s3")
    assert world.causes(call(world, 1, user__id="AIDA1"), Entity.SESSION) == {"s2": True, "s1": True}
    call(world, 2, "signoff", user__id="AIDA1")
    assert world.causes(call(world, 3, user__id="AIDA1"), Entity.SESSION) == {}
    assert world.causes(call(world, 3, user__id="AIDA2"), Entity.SESSION) == {"s3": True}


def test_a_sign_in_that_numbers_no_session_opens_one_all_the_same(world: World) -> None:
    signin = call(world, 5, "signin", user__id="AIDA1")
    own = world.entities.key(signin, Entity.SESSION, "session.id")
    assert world.entities.causes(call(world, 6, user__id="AIDA1"), Entity.SESSION) == (Cause(own, True),)
    assert world.entities.key(call(world, 7, "signin"), Entity.SESSION, "session.id") is None


def test_a_sign_in_that_failed_opens_nothing(world: World) -> None:
    failed = call(world, 0, "signin", user__id="AIDA1", event__outcome="failure")
    assert world.entities.key(failed, Entity.SESSION, "session.id") is None
    call(world, 0, "signin", user__id="AIDA1", session__id="s1", event__outcome="failure")
    assert world.causes(call(world, 1, user__id="AIDA1"), Entity.SESSION) == {}


def test_a_logon_session_is_its_hosts_own_and_written_in_any_base(world: World) -> None:
    world(0, "signin", "pc", "windows", user__name="a", user__domain="CORP", session__id="0x5A1C")
    own = {"0x5a1c@pc": False}
    assert world.causes(world(1, "spawn exec", "pc", process__pid=7, session__id="23068"), Entity.SESSION) == own
    other = world(1, "spawn exec", "pc2", process__pid=7, session__id="0x5a1c")
    assert world.causes(other, Entity.SESSION) == {"0x5a1c@pc2": False}
    assert world.causes(world(2, "egress", "pc", process__pid=7), Entity.SESSION) == own
    assert world.causes(world(2, "egress", "pc", process__pid=8), Entity.SESSION) == {}
    assert world.causes(world(2, "egress", process__pid=9, session__id="4294967295"), Entity.SESSION) == {}


def test_a_process_started_as_another_is_caused_by_both_sessions(world: World) -> None:
    world(0, "spawn exec", process__pid=7, session__id="0x1")
    assert world.causes(
        world(1, "spawn exec", process__pid=8, process__parent__pid=7, session__id="0x2"), Entity.SESSION
    ) == {"0x1@h": False, "0x2@h": False}
    assert world.causes(world(2, "egress", process__pid=8), Entity.SESSION) == {"0x2@h": False}


def test_an_open_logon_session_of_another_host_is_not_meant(world: World) -> None:
    world(0, "signin", "pc", "windows", user__name="a", user__domain="CORP", session__id="0x5a1c")
    assert world.causes(world(1, "egress", "pc2", user__name="a", user__domain="CORP"), Entity.SESSION) == {}
    assert world.causes(world(1, "egress", "pc", user__name="A", user__domain="corp"), Entity.SESSION) == {
        "0x5a1c@pc": True
    }


def test_an_identity_causes_its_calls_and_those_of_sessions_that_it_opened(world: World) -> None:
    call(world, 0, "signin", user__id="AIDA1", session__id="s1")
    call(world, 1, user__id="AIDA1", session__id="s2", session__parent__id="s1")
    assert world.causes(call(world, 2, user__id="AROA2", session__id="s2"), Entity.IDENTITY) == {
        "AROA2": False,
        "AIDA1": False,
    }
    assert world.causes(call(world, 3, user__id="AROA2", session__id="s3"), Entity.IDENTITY) == {"AROA2": False}


def test_sessions_are_bounded_and_the_busy_stay() -> None:
    sessions = Sessions(most=100)

    def named(entity: Entity, number: int) -> EntityKey:
        return EntityKey(entity, str(number))

    one, user = named(Entity.SESSION, -1), named(Entity.IDENTITY, -1)
    sessions.open(one, user, None, 0)
    for i in range(1_000):
        sessions.open(named(Entity.SESSION, i), named(Entity.IDENTITY, i), None, i)
        sessions.open(one, named(Entity.IDENTITY, i), None, i)
        sessions.use(one, i)
    assert len(sessions) == 100 and list(sessions.up([one])) == [one]
    assert len(sessions._open) <= 101
    for i in range(1_000):
        sessions.open(named(Entity.SESSION, i), user, None, i)
    assert len(sessions.open_of(user, "")) == OPEN
    sessions.end(named(Entity.SESSION, 999), None, "", 1_000)
    sessions.forget(1_001)
    assert len(sessions) == 99 and named(Entity.SESSION, 999) not in sessions.open_of(user, "")
    assert str(sessions).splitlines()[0] == "session 900, by identity -1"


# -- identities ----------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"user__name": "A", "user__domain": "CORP", "user__id": "S-1-5-21-1-2-3-1001"}, r"corp\a"),
        ({"user__name": r"CORP\A"}, r"corp\a"),
        ({"user__id": "S-1-5-21-1-2-3-1001"}, "S-1-5-21-1-2-3-1001"),
        ({"user__id": "AIDA1", "user__name": "benjamin", "user__email": "b@corp"}, "AIDA1"),
        ({"user__email": "B@Corp", "user__name": "b"}, "b@corp"),
        ({"user__id": "1000", "user__name": "Dana"}, "Dana"),
        ({"user__id": "1000"}, "1000@h"),
        ({"user__id": "S-1-5-18", "user__name": "SYSTEM", "user__domain": "NT AUTHORITY"}, r"nt authority\system@h"),
        ({"user__id": "S-1-5-18", "user__name": "СИСТЕМА", "user__domain": "X"}, "x\\система@h"),
        ({"user__name": "A@Corp"}, "a@corp"),
    ],
)
def test_an_identity_is_called_by_what_its_records_share(world: World, fields: dict[str, Any], told: str) -> None:
    identity = world.entities.actor(world(0, "call", **fields), "user")
    assert _told(identity) == told


def test_nobody_is_nobody(world: World) -> None:
    assert world.entities.actor(world(0, "call", user__name="", user__domain="CORP"), "user") is None
    assert world.entities.actor(world(0, "call", user__id=("a", "b")), "user") is None
    assert world.causes(world(0, "call"), Entity.IDENTITY) == {}


def test_two_spellings_are_one_only_where_the_site_says_so() -> None:
    spellings = (
        {"user__name": "a", "user__domain": "CORP"},
        {"user__email": "a@corp"},
        {"user__id": "arn:aws:iam::4:user/A"},
    )
    apart, told = World(), World(aliases={r"CORP\a": "anna", "A@corp": "anna", "arn:aws:iam::4:user/A": "anna"})
    assert len({apart.entities.actor(apart(0, "call", **s), "user") for s in spellings}) == 3
    assert {told.entities.actor(told(0, "call", **s), "user") for s in spellings} == {
        EntityKey(Entity.IDENTITY, "anna")
    }


# -- images, volumes, messages, files, processes ----------------------------------------


@pytest.mark.parametrize("text", ["alpine", "alpine:latest", "docker.io/library/alpine", "index.docker.io/alpine"])
def test_an_image_is_its_whole_reference(world: World, text: str) -> None:
    pull = world(0, "pull", container__image__name=text)
    assert world.entities.key(pull, Entity.IMAGE, "container.image.name") == EntityKey(
        Entity.IMAGE, "docker.io/library/alpine:latest"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        (
            "tools.docker.io.mirror-hub.example/library/alpine",
            "tools.docker.io.mirror-hub.example/library/alpine:latest",
        ),
        (f"alpine@sha256:{FULL}", f"docker.io/library/alpine@sha256:{FULL}"),
        (f"alpine:3.20@sha256:{FULL}", "docker.io/library/alpine:3.20"),
        (FULL, f"sha256:{FULL}"),
        (f"docker://sha256:{FULL}", f"sha256:{FULL}"),
        ("x" * 5_000, None),
        ("", None),
    ],
)
def test_other_images_are_others(world: World, text: str, told: str | None) -> None:
    key = world.entities.key(world(0, "pull", container__image__name=text), Entity.IMAGE, "container.image.name")
    assert key == (None if told is None else EntityKey(Entity.IMAGE, told))


def test_things_without_acts_are_their_ids(world: World) -> None:
    entities = world.entities
    image = world(0, "makeimage", cloud__image__id="ami-1")
    assert entities.key(image, Entity.IMAGE, "cloud.image.id") == EntityKey(Entity.IMAGE, "ami-1")
    launched = world(1, "launch", "x", cloud__image__id="ami-1")
    assert entities.concerns(launched, Entity.IMAGE, "cloud.image.id") == (EntityKey(Entity.IMAGE, "ami-1"),)
    volume = world(2, "call", aws__ec2__volume·id="vol-1")
    assert entities.key(volume, Entity.VOLUME, "aws.ec2.volume_id") == EntityKey(Entity.VOLUME, "vol-1")
    assert entities.concerns(volume, Entity.VOLUME) == (EntityKey(Entity.VOLUME, "vol-1"),)
    mount = world(3, "mount", file__path="/Volumes/Setup")
    assert entities.key(mount, Entity.VOLUME, "file.path") == entities.key(mount, Entity.FILE, "file.path")
    mail = world(4, "mail", email__message·id="<1@x>")
    assert entities.concerns(mail, Entity.MESSAGE) == (EntityKey(Entity.MESSAGE, "1@x"),)


def test_processes_are_lineages(world: World) -> None:
    event = world(0, "spawn exec", process__pid=7, process__parent__pid=6)
    entities = world.entities
    assert entities.key(event, Entity.PROCESS, "process") is event.process
    assert entities.actor(event, "process.parent") is event.parent
    assert [cause.entity for cause in entities.causes(event, Entity.PROCESS)] == [event.parent]
    assert entities.concerns(event, Entity.PROCESS) == (event.process,)
    assert entities.causes(event, Entity.FILE) == ()


# -- hosts, and what is not asked for ----------------------------------------


def test_from_host_is_the_host_that_had_the_source_address_then(world: World) -> None:
    world(0, "event", "ws-1", host__ip=("10.0.0.5",))
    assert world.entities.source(world(1, "signin", "dc", source__ip="10.0.0.5"), None) == ("ws-1",)
    assert world.entities.source(world(1, "signin", "dc", source__ip="10.0.0.6"), None) == ()
    assert world.entities.source(world(1, "connect", "dc", source__ip="10.0.0.9"), None) == ("dc",)
    told = World(inventory=read_inventory("address,host\n10.0.0.6,ws-2\n", "i")[0])
    assert told.entities.source(told(1, "signin", "dc", source__ip="10.0.0.6"), None) == ("ws-2",)


def test_of_types_that_no_chain_asks_for_nothing_is_learnt() -> None:
    world = World(types=[Entity.SESSION])
    world(0, "start", container__id=FULL, container__ip=("172.17.0.3",), host__ip=("10.0.0.5",))
    assert world.containers(world(1, "connect", source__ip="172.17.0.3")) == set()
    assert world.entities.source(world(1, "signin", "dc", source__ip="10.0.0.5"), None) == ()
    call(world, 2, "signin", user__id="AIDA1", session__id="s1")
    assert world.causes(call(world, 3, user__id="AIDA1"), Entity.SESSION) == {"s1": True}


@pytest.mark.parametrize(
    "value", [None, 7, 1.5, True, (), ("",), (1, 2), {"a": 1}, "", "\x00", "x" * 100_000, "%", "::"]
)
def test_no_value_of_a_field_raises(world: World, value: Any) -> None:
    kinds = ("start", "stop", "connect egress", "launch call", "signin", "signoff", "spawn exec", "accept", "pull")
    names = {field for read in READS.values() for field in read} | {"container.image.name", "email.message_id"}
    fields = {name.replace("_", "·").replace(".", "__"): value for name in names}
    for kind in kinds:
        event = world(0, kind, **fields)
        for entity in Entity:
            world.entities.causes(event, entity)
            world.entities.concerns(event, entity)
            world.entities.source(event, entity)
            for name in names:
                world.entities.key(event, entity, name)
    world.entities.forget(HOUR)
