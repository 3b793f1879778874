"""What the formats of container hosts must get right: one claim a trap, over the samples and over made records."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import load_formats
from chainrun.engine.formats.converters import CONVERTERS
from chainrun.engine.intake.normalise import Normaliser
from chainrun.engine.match import keys
from chainrun.engine.match.lineage import Lineage

SAMPLES = Path(__file__).parent / "formats"


def events(name: str) -> list[Event]:
    """The events of a format's sample, in their order."""
    normaliser = Normaliser(load_formats())
    found: list[Event] = []
    for at, line in enumerate((SAMPLES / name / "raw.jsonl").read_bytes().splitlines(), 1):
        result = normaliser.normalise(line, Origin("raw.jsonl", at, 0))
        assert isinstance(result, list)
        found += result
    return sorted(found, key=lambda e: e.time)


def of(name: str, kind: str) -> list[dict[str, Any]]:
    return [event.fields for event in events(name) if kind in event.kinds]


@pytest.mark.parametrize(
    ("converter", "argument", "value", "expected"),
    [
        ("container_id", "", "containerd://ABCDEF012345", "abcdef012345"),
        ("container_id", "", "host", None),
        ("container_id", "", "<NA>", None),
        ("machine", "", "node-7.example.com", "node-7.example.com"),
        ("machine", "", "0a1b2c3d4e5f", None),
        ("machine", "", "0a1b2c3d4e5", "0a1b2c3d4e5"),
        ("rooted", "", "etc/passwd", "/etc/passwd"),
        ("rooted", "", "/etc/passwd", "/etc/passwd"),
        ("before_last", ":", "2001:db8::5:443", "2001:db8::5"),
        ("after_last", ":", "2001:db8::5:443", "443"),
        ("after_last", ":", "socket", None),
        ("lists", "a, b", {"a": [1], "b": [2, 3], "c": [4]}, [1, 2, 3]),
        ("lists", "a, b", {"b": [2]}, [2]),
        ("lists", "a, b", {"a": "x"}, None),
        ("seconds_nanos", "", {"seconds": "1732454400", "nanos": 5_000}, 1_732_454_400_000_005),
        ("seconds_nanos", "", {"seconds": 1732454400}, 1_732_454_400_000_000),
        ("seconds_nanos", "", {"seconds": "1732454400", "nanos": 1_000_000_000}, None),
        ("seconds_nanos", "", {"nanos": 5}, None),
        (
            "pair",
            "argv",
            [{"name": "x", "str": "1"}, {"name": "argv", "str_array": {"value": ["a"]}}],
            {"value": ["a"]},
        ),
    ],
)
def test_a_converter_takes_what_container_sources_write(
    converter: str, argument: str, value: Any, expected: Any
) -> None:
    assert CONVERTERS[converter].make("linux", argument)(value) == expected


def test_tetragon_an_exec_without_a_clone_is_the_same_process_going_on() -> None:
    lineage = Lineage()
    rows = {}
    for event in events("tetragon"):
        lineage.place(event)
        if "spawn" in event.kinds:
            rows[event.fields["process.name"]] = event.process
    assert rows["curl"] is rows["python3"] is not None
    assert rows["top"] is not rows["curl"]


def test_tetragon_arguments_are_quoted_and_do_not_hold_the_program() -> None:
    [python] = [e for e in of("tetragon", "spawn") if e["process.name"] == "python3"]
    assert python["process.args"] == ("/usr/bin/python3", "-c", "import os; os.getcwd()")
    [top] = [e for e in of("tetragon", "spawn") if e["process.name"] == "top"]
    assert top["process.command_line"] == "/usr/bin/top"


def test_tetragon_only_a_pods_first_process_is_a_containers_start() -> None:
    [start] = of("tetragon", "start")
    assert start["process.name"] == "cart"
    assert start["container.image.name"] == "ghcr.io/example-shop/cart:2.4"


@pytest.mark.parametrize(
    ("name", "connected", "refused"),
    [
        ("tetragon", {"198.51.100.24", "198.51.100.25", "2001:db8::24", "198.51.100.28", "::1"}, "198.51.100.26"),
        ("tracee", {"198.51.100.24", "198.51.100.25", "2001:db8::24"}, None),
        ("falco", {"198.51.100.24", "2001:db8::24"}, None),
    ],
)
def test_a_refused_connect_is_no_connection_and_one_in_progress_is(
    name: str, connected: set[str], refused: str | None
) -> None:
    assert {e["destination.ip"] for e in of(name, "connect")} == connected
    if refused is not None:
        [plain] = [e for e in events(name) if e.fields.get("destination.ip") == refused]
        assert plain.kinds == {"event"}


def test_tracee_an_attempt_or_a_thread_is_no_process() -> None:
    starts, ends = of("tracee", "spawn"), of("tracee", "exit")
    assert {e["event.action"] for e in starts} == {"sched_process_exec"}
    assert [e["process.exit_code"] for e in ends] == [1]


def test_a_pulled_image_and_the_one_of_its_container_are_one() -> None:
    for name in ("docker-events", "podman-events"):
        found = [e for e in events(name) if not e.kinds.isdisjoint({"pull", "create", "start", "stop"})][:4]
        images = {keys.image(e, e.fields["container.image.name"]) for e in found}
        assert len(images) == 1 and None not in images, name


def test_podmans_local_times_are_put_right() -> None:
    pull, create, _, start, died, _ = events("podman-events")
    assert [e.time - pull.time for e in (create, start, died)] == [750_000, 1_500_000, 8_500_000]


def test_falco_a_process_of_the_host_is_in_no_container() -> None:
    [host] = [e for e in of("falco", "spawn") if "container.id" not in e]
    assert host["rule.name"] == "Netcat Remote Code Execution"
    assert "container.image.name" not in host


def test_kubernetes_a_pod_is_created_once_and_is_several_containers() -> None:
    created = of("kubernetes-audit", "create")
    assert [e["container.name"] for e in created] == ["fetch", "scan", "log"]


def test_kubernetes_a_container_starts_when_its_kubelet_says_and_on_its_node() -> None:
    [start] = [e for e in events("kubernetes-audit") if "start" in e.kinds]
    assert (start.host, start.time % 60_000_000) == ("ip-10-1-0-7", 4_000_000)
    assert start.fields["container.ip"] == ("10.244.9.4", "fd00::4")


def test_a_place_stands_for_the_star_of_groups_and_is_asked_for(tmp_path: Path) -> None:
    head = 'name="mine"\ntitle="M"\nblind="-"\n[recognise]\nhas=["when"]\n[time]\nwritten="when"\n'
    group = '[groups.who]\n"process.pid"="*.pid"\n'
    record = '[[records]]\nwhen={ "*.pid" = { present = true } }\nplace="%s"\nkinds=["exit"]\nuse=["who"]\n'
    file = tmp_path / "mine.toml"
    file.write_text(head + group + record % "end" + record % "halt")
    normaliser = Normaliser(load_formats((file,)))
    for place in ("end", "halt"):
        line = json.dumps({"when": "2025-09-14T07:30:00Z", place: {"pid": 7}})
        [event] = normaliser.normalise(line.encode(), Origin("x", 1, 0))  # type: ignore[misc]
        assert event.kinds == {"exit"} and event.fields["process.pid"] == 7

    file.write_text(head + group + '[[records]]\nuse=["who"]\n[records.fields]\n"user.id"="*.user"\n')
    with pytest.raises(Exception, match=r"`\*` stands for the `place` of the record, which has none") as raised:
        load_formats((file,))
    assert "`*` of group `who` stands for the `place` of the record, which has none" in str(raised.value)
