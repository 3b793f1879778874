"""Objects laid flat: as they were, however long their chains, and nothing that a file names is called."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine.checkpoint import flat
from chainrun.engine.checkpoint.flat import LayoutError, dump, load
from chainrun.engine.event import Event, Origin
from chainrun.engine.match.groups import Node
from chainrun.engine.match.recent import Recent
from chainrun.engine.match.tallies import Line, Tally
from chainrun.engine.process import Process

from .test_oracle import checked

STEP = checked("spawn -> egress within 1h").chains[0]


def process(number: int, parent: Process | None) -> Process:
    made = Process(number, "h")
    made.parent = parent
    return made


def event(n: int, process: Process | None = None) -> Event:
    made = Event(n, frozenset({"spawn"}), {"file.path": ("/a", "/b"), "n": 1.5}, Origin("in", n, 0), raw=b"{}")
    made.process = process
    return made


def test_a_nest_of_a_hundred_thousand_processes_comes_back() -> None:
    row = None
    for n in range(100_000):
        row = process(n, row)
    found = load(dump(row))
    count = 0
    while found is not None:
        assert found.number == 99_999 - count
        found, count = found.parent, count + 1
    assert count == 100_000


def test_long_lists_of_links_come_back() -> None:
    node, line = None, None
    for n in range(20_000):
        later = Node(event=event(n), step=STEP, process=None, start=n)  # type: ignore[arg-type]
        later.via, node = node, later
        line = Line(Tally((0, (n,))), line)
    again, line = load(dump([node, line], [STEP]), [STEP])
    depth = 0
    while again is not None:
        assert again.step is STEP
        again, depth = again.via, depth + 1
    assert depth == 20_000
    places = []
    while line is not None:
        places.append(line.tally.place)
        line = line.rest
    assert places == [(0, (n,)) for n in reversed(range(20_000))]


def test_what_is_shared_stays_shared_and_a_cycle_is_one() -> None:
    parent = process(1, None)
    parent.parent = parent
    one, other = event(1, parent), event(2, parent)
    held: dict[str, Any] = {"set": {one, other}, "by": {parent: [one]}, "fields": [one.fields, one.fields]}
    found = load(dump(held))
    (row,) = found["by"]
    assert row.parent is row
    assert all(e.process is row for e in found["set"])
    assert found["by"][row][0] in found["set"]
    assert found["fields"][0] is found["fields"][1] is found["by"][row][0].fields


def test_a_table_with_fields_of_its_own_comes_back() -> None:
    table: Recent[str, int] = Recent(3)
    table["a"], table["b"] = 1, 2
    found = load(dump(table))
    assert type(found) is Recent and found == {"a": 1, "b": 2} and found.most == 3
    assert list(found) == ["a", "b"]


@pytest.mark.parametrize("held", [lambda: None, open, Path, object(), STEP])
def test_what_no_state_can_hold_is_refused_when_it_is_written(held: object) -> None:
    with pytest.raises(TypeError, match="nothing that a state can hold"):
        dump([held])


class Opens:
    def __reduce__(self) -> Any:
        return open, ("/dev/null",)


class Gets:
    def __reduce__(self) -> Any:
        return getattr, ("", "join")


@pytest.mark.parametrize("hostile", [Opens(), Gets(), Path, pickle, flat.dump])
def test_nothing_that_a_file_names_is_called(hostile: object) -> None:
    out = BytesIO()
    try:
        pickle.Pickler(out, 5).dump([hostile])
    except (pickle.PicklingError, TypeError):
        return
    with pytest.raises(LayoutError):
        load(out.getvalue())


@pytest.mark.parametrize(
    "name",
    [
        "os:system:",
        "chainrun.engine.process:Process:name",
        "chainrun.engine.process:Processes:",
        "chainrun.engine.checkpoint.flat:os.system:",
        "chainrun.engine.intake.source:Input:name,rank,size",
    ],
)
def test_an_object_of_another_layout_is_refused(name: str) -> None:
    class Named:
        def __reduce__(self) -> Any:
            return flat._object, (name,)

    out = BytesIO()
    pickle.Pickler(out, 5).dump(Named())
    with pytest.raises((LayoutError, ValueError)):
        load(out.getvalue())


def test_damaged_bytes_are_no_state() -> None:
    data = dump([event(n, process(n, None)) for n in range(20)])
    for cut in range(0, len(data), 7):
        with pytest.raises(
            (LayoutError, pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError)
        ):
            load(data[:cut])
