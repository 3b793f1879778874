"""Events of a container engine name no host: they are of the host whose own records name the container."""

import json
from pathlib import Path

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.intake.intake import Intake
from chainrun.engine.intake.normalise import Normaliser
from chainrun.engine.intake.whose import ContainerHosts

ID = "5e1f00d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee"


def docker(action: str, id: str = ID, at: int = 1_757_835_000) -> dict[str, object]:
    attributes = {"image": "evil.example/kit", "name": "kit"}
    return {"Type": "container", "Action": action, "Actor": {"ID": id, "Attributes": attributes}, "time": at}


def tetragon(host: str, id: str, second: int = 5) -> dict[str, object]:
    process = {"exec_id": f"{host}-{second}", "pid": 100 + second, "binary": "/entry.sh", "docker": id}
    process["flags"] = "execve clone"
    return {"process_exec": {"process": process}, "node_name": host, "time": f"2025-09-14T07:30:{second:02}.000000000Z"}


def hosts(tmp_path: Path, *records: dict[str, object], stream: bool = False, host: str | None = None) -> list[str]:
    """The hosts of the docker events among the records."""
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    events = Intake([str(file)], Normaliser(load_formats()), stream=stream, host=host)
    return [event.host for event in events if event.format == "docker-events"]


@pytest.mark.parametrize("digits", [12, 24, 31, 64])
def test_a_container_that_a_host_names_is_its_own(tmp_path: Path, digits: int) -> None:
    assert hosts(tmp_path, docker("create"), docker("start"), tetragon("dev-1", ID[:digits])) == ["dev-1", "dev-1"]


def test_another_container_belongs_to_the_input_or_to_the_host_that_the_user_names(tmp_path: Path) -> None:
    file = str(tmp_path / "events.jsonl")
    assert hosts(tmp_path, docker("start", "ab" * 32), tetragon("dev-1", ID)) == [file]
    assert hosts(tmp_path, docker("start", "ab" * 32), tetragon("dev-1", ID), host="box-7") == ["box-7"]


def test_a_container_that_two_hosts_name_is_nobodys(tmp_path: Path) -> None:
    found = hosts(tmp_path, docker("start"), tetragon("dev-1", ID), tetragon("dev-2", ID, 6), host="box-7")
    assert found == ["box-7"]


def test_on_a_pipe_only_what_has_come_counts(tmp_path: Path) -> None:
    records = (docker("create"), tetragon("dev-1", ID), docker("start", at=1_757_835_010))
    assert hosts(tmp_path, *records, stream=True, host="box-7") == ["box-7", "dev-1"]


def test_a_container_is_never_found_by_its_address(tmp_path: Path) -> None:
    """Every engine's first bridge has the same addresses."""
    connection = {
        "rule": "Outbound",
        "priority": "Notice",
        "time": "2025-09-14T07:30:09Z",
        "output_fields": {"container.id": ID[:12], "evt.type": "connect", "fd.name": "172.17.0.4:1->198.51.100.7:443"},
    }
    flow = {"sock_arg": {"saddr": "172.17.0.4", "daddr": "198.51.100.7", "dport": 443}}
    other = tetragon("dev-2", "", 4)
    process = other.pop("process_exec")
    assert isinstance(process, dict)
    del process["process"]["docker"]
    other["process_kprobe"] = {**process, "function_name": "tcp_connect", "args": [flow]}
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in (other, connection)))
    found = {e.format: e.host for e in Intake([str(file)], Normaliser(load_formats()), host="box-7")}
    assert found == {"tetragon": "dev-2", "falco": "box-7"}


def test_of_too_many_containers_the_first_is_forgotten() -> None:
    memory = ContainerHosts(most=2)
    ids = [f"{n:012x}" for n in range(3)]

    def event(id: str, host: str = "") -> Event:
        return Event(0, frozenset({"start"}), {"container.id": id}, host=host, origin=Origin("x", 1, 0))

    for id in ids:
        memory.learn(event(id, "dev-1"))
    assert [memory.host_of(event(id)) for id in ids] == [None, "dev-1", "dev-1"]
    assert memory.host_of(event("my-own-name")) is None


# -- what a shipper says ----------------------------------------

SAMPLES = Path(__file__).parent / "formats"
CONTAINER_FORMATS = ("docker-events", "falco", "kubernetes-audit", "podman-events", "tetragon", "tracee", "tracee-v1")


@pytest.mark.parametrize("key", ["message", "log", "event.original"])
@pytest.mark.parametrize("name", CONTAINER_FORMATS)
def test_a_wrapped_record_is_the_record_and_has_the_shippers_host(name: str, key: str) -> None:
    normaliser = Normaliser(load_formats())
    for line in (SAMPLES / name / "raw.jsonl").read_text().splitlines():
        plain = normaliser.normalise(line.encode(), Origin("x", 1, 0))
        envelope: dict[str, object] = {"@timestamp": "2026-01-01T00:00:00Z", "host": {"name": "node-9.example.com"}}
        outer, _, inner = key.partition(".")
        envelope[outer] = {inner: line} if inner else line
        wrapped = normaliser.normalise(json.dumps(envelope).encode(), Origin("x", 1, 0))
        assert isinstance(plain, list) and isinstance(wrapped, list)
        assert [(e.format, e.time, e.kinds, e.host) for e in wrapped] == [
            (name, e.time, e.kinds, e.host or "node-9") for e in plain
        ]
