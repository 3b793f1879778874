"""What cloud records need of the format language: lists that are many events, JSON in texts, addresses in conditions."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.types import Entity
from chainrun.engine.event import Event, Origin
from chainrun.engine.formats import FormatError, load_formats
from chainrun.engine.formats.converters import CONVERTERS
from chainrun.engine.intake.normalise import Normaliser
from chainrun.engine.match.entities import Entities
from chainrun.engine.match.files import FileKeys
from chainrun.engine.match.keys import EntityKey

SAMPLES = Path(__file__).parent / "formats"
HEAD = 'name="lab"\ntitle="Lab"\nblind="much"\n[recognise]\nhas=["lab"]\n[time]\nwritten="at"\n'


def converted(name: str, argument: str, value: Any) -> Any:
    return CONVERTERS[name].make("", argument)(value)


def events(tmp_path: Path, format: str, record: dict[str, Any]) -> list[Event]:
    file = tmp_path / "lab.toml"
    file.write_text(HEAD + format, encoding="utf-8")
    line = json.dumps({"lab": 1, "at": "2026-01-01T00:00:00Z", **record}).encode()
    found = Normaliser(load_formats((file,))).normalise(line, Origin("x", 1, 0))
    assert isinstance(found, list)
    return found


EACH = """
[[records]]
each = "answer | json | at(machines.*)"
time = "each.at"
also = [{ when = { "each.state" = "up" }, kinds = ["launch"] }]
[records.fields]
"cloud.instance.id" = "each.id"
"user.name" = "who"
"""


def test_a_record_about_several_things_is_an_event_for_each(tmp_path: Path) -> None:
    """Kinds and times may be each one's own; what stands around the list is shared."""
    machines = [{"id": "a", "state": "up", "at": "2026-01-01T00:00:05Z"}, {"id": "b"}, "no object", {"id": ["odd"]}]
    found = events(tmp_path, EACH, {"who": "mia", "answer": json.dumps({"machines": machines})})
    assert [e.fields.get("cloud.instance.id") for e in found] == ["a", "b", None, None]
    assert ["launch" in e.kinds for e in found] == [True, False, False, False]
    assert [e.time % 60_000_000 for e in found] == [5_000_000, 0, 0, 0]
    assert {e.fields["user.name"] for e in found} == {"mia"}


@pytest.mark.parametrize("answer", ["", "[", '{"machines": []}', '{"machines": {"id": "a"}}', "[" * 100_000, None, 7])
def test_a_list_that_is_none_leaves_the_record_one_event(tmp_path: Path, answer: Any) -> None:
    [event] = events(tmp_path, EACH, {"who": "mia", "answer": answer})
    assert event.fields["user.name"] == "mia" and "launch" not in event.kinds


def test_elements_that_are_texts_are_read_as_they_are(tmp_path: Path) -> None:
    format = '[[records]]\neach="flows | at(*.tuples.*)"\n[records.fields]\n"source.ip"="each | split(,) | item(1)"\n'
    found = events(tmp_path, format, {"flows": [{"tuples": ["1,10.0.0.1", "2,10.0.0.2"]}, {"tuples": ["3,10.0.0.3"]}]})
    assert [e.fields["source.ip"] for e in found] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("10.1.2.3", {"connect", "egress"}),
        ("::ffff:10.1.2.3", {"connect", "egress"}),
        ("fd00::1", {"connect", "egress"}),
        ("203.0.113.9", {"accept"}),
        ("-", {"event"}),
        ("10.1.2", {"event"}),
        (7, {"event"}),
    ],
)
def test_a_condition_may_ask_for_the_network_of_an_address(tmp_path: Path, source: Any, kinds: set[str]) -> None:
    """What is no address is neither within nor outside."""
    format = """
[[records]]
when = { src = { within = ["10.0.0.0/8", "fc00::/7"] } }
kinds = ["connect"]
[[records]]
when = { src = { outside = ["10.0.0.0/8", "fc00::/7"] } }
kinds = ["accept"]
"""
    [event] = events(tmp_path, format, {"src": source})
    assert event.kinds == kinds


def test_a_network_that_is_none_is_a_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"records\[1\].when.src.within: `10.0.0` is no address and no network"):
        events(tmp_path, '[[records]]\nwhen={src={within="10.0.0"}}\n', {})


@pytest.mark.parametrize(
    ("name", "argument", "value", "expected"),
    [
        ("at", "a.1.b", {"a": [{}, {"b": 3}]}, 3),
        ("at", "a.*.b", {"a": [{"b": 1}, {}, {"b": 2}]}, [1, 2]),
        ("at", "*", [], None),
        ("at", '"a.b"', {"a.b": 1}, 1),
        ("at", "a.9", {"a": [1]}, None),
        ("json", "", '{"a":1}', {"a": 1}),
        ("json", "", {"a": 1}, {"a": 1}),
        ("json", "", "null", None),
        ("after", "projects/", "https://x/projects/p/z", "p/z"),
        ("after", ":", "none", None),
        ("from", "projects/", "https://x/projects/p/z", "projects/p/z"),
        ("from", "projects/", "folders/1", None),
        ("having", "@", "a@b", "a@b"),
        ("having", "@", "ab", None),
        ("direction", "", "Inbound", "ingress"),
        ("direction", "", "O", "egress"),
        ("direction", "", "Unknown", None),
        ("outcome", "", "Success", "success"),
        ("outcome", "", 2, "failure"),
        ("outcome", "", "Unknown", None),
        ("dns_code", "", "NXDomain", "NXDOMAIN"),
        ("dns_code", "", 3, "NXDOMAIN"),
        ("dns_code", "", "ServError", "SERVFAIL"),
        ("seconds", "", "1.5", 1_500_000),
    ],
)
def test_a_converter_gives(name: str, argument: str, value: Any, expected: Any) -> None:
    assert converted(name, argument, value) == expected


def test_json_nested_without_end_says_nothing() -> None:
    assert converted("json", "", '{"a":' * 100_000) is None


@pytest.mark.parametrize("format", ["cloudtrail", "ocsf"])
def test_a_failed_call_has_nothing_that_it_asked_for(format: str) -> None:
    """Its request may name an interface that another instance uses."""
    normaliser = Normaliser(load_formats())
    for at, line in enumerate((SAMPLES / format / "raw.jsonl").read_bytes().splitlines(), 1):
        found = normaliser.normalise(line, Origin("x", at, 0))
        for event in found if isinstance(found, list) else ():
            if "call" in event.kinds and event.fields.get("event.outcome") == "failure":
                assert event.kinds.isdisjoint({"launch", "makeimage"})
                assert not any(name in event.fields for name in ("cloud.instance.id", "cloud.interface.id"))


def test_a_role_taken_without_a_session_is_of_its_identitys_open_ones_perhaps() -> None:
    entities = Entities(FileKeys())

    def take(seconds: int, kinds: str, **fields: str) -> Event:
        named = {name.replace("__", "."): value for name, value in fields.items()}
        event = Event(seconds * 1_000_000, frozenset(kinds.split()), named, origin=Origin("x", seconds, 0))
        entities.learn(event)
        return event

    take(1, "signin", user__id="AIDA1")
    take(2, "call", user__id="AIDA1", session__id="AROA2:build", session__parent__id="AIDA1")
    call = take(3, "call", user__id="AROA2:build", session__id="AROA2:build")
    known = {str(cause.entity): cause.unlinked for cause in entities.causes(call, Entity.SESSION)}
    assert known == {"session AROA2:build": False, "session AIDA1": False, "session AIDA1@1000000": True}
    opener = EntityKey.of(Entity.IDENTITY, "AIDA1")
    assert any(c.entity == opener and not c.unlinked for c in entities.causes(call, Entity.IDENTITY))
