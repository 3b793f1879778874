"""`chainrun baseline --propose` counts what nearly matched, and tells it apart from what alerts."""

import tomllib
from pathlib import Path

import pytest
from chainrun.dsl.loader import load
from chainrun.dsl.overrides import Overrides
from chainrun.dsl.site import site
from chainrun.dsl.source import Source
from chainrun.engine.study.proposals import Group
from chainrun.engine.study.proposals_text import closing, page

from .test_proposals import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def nearly(world: World, path: str, without: int) -> None:
    """A story without one of its three steps."""
    world.happens(path)
    del world.lines[without - 4]


def commented(text: str) -> str:
    """The site file that stands in the comments at the end of another."""
    _, _, near = text.partition("# Nearly: ")
    lines = [line.removeprefix("#").removeprefix(" ") for line in near.splitlines()]
    return "\n".join(lines[lines.index("") :])


def test_near_misses_are_told_in_comments_and_what_is_in_them_checks(world: World) -> None:
    for _ in range(3):
        nearly(world, "~/bin/b.sh", without=3)
    found = world.proposed()
    assert (found.before, found.proposals, found.nearly) == (0, (), 3)
    text = page(found, "2026-06-30")
    assert tomllib.loads(text) == {}
    assert "# Nearly: 3 near misses besides, each all of a chain but one step." in text
    assert "# # 3 near misses, without step 3, on h1, of ada; the first began at " in text
    (entry,) = tomllib.loads(commented(text))["B1"]["except"]
    assert 'drop.file.name == "b.sh"' in entry["when"] and entry["owner"] == ""
    load(world.file, Overrides() + site(Source("near.toml", commented(text))))
    assert "nearly    3 near misses besides, told in comments at the end\n" in closing(found)


def test_what_is_a_part_of_an_alert_is_no_near_miss(world: World) -> None:
    world.happens()
    world.happens()
    found = world.proposed()
    assert (found.before, found.nearly, [p.near for p in found.proposals]) == (2, 0, [0])
    assert "ear" not in page(found, None)


def test_near_misses_like_what_is_excepted_stand_beside_it(world: World) -> None:
    world.happens()
    world.happens()
    for without in (3, 2):
        nearly(world, "~/bin/a.sh", without)
    nearly(world, "~/bin/c.sh", without=3)
    found = world.proposed(least=1)
    (group,) = found.proposals
    assert isinstance(group, Group) and (group.near, found.nearly) == (1, 1)
    assert "; 1 near miss alike\n" in page(found, None)


def test_each_step_that_is_missing_is_counted(world: World) -> None:
    for without in (1, 3, 3):
        nearly(world, "~/bin/b.sh", without)
    found = world.proposed(least=1)
    assert sorted(map(dict, (near.lacks for near in found.near)), key=str) == [{1: 1}, {3: 2}]


def test_one_of_two_steps_is_not_near(tmp_path: Path) -> None:
    world = World(tmp_path, 'analytic B1 "b" {\n  platform: linux\n}\nwrite as drop ~> exec(drop) within 10m\n')
    nearly(world, "~/bin/b.sh", without=2)
    assert (world.proposed().nearly, world.runs) == (0, 1)


def test_what_would_take_an_alert_that_must_stay_is_not_told_either(world: World) -> None:
    other = World(world.file.parent)
    other.happens("~/bin/b.sh")
    (kept,) = other.alerts()
    for _ in range(2):
        nearly(world, "~/bin/b.sh", without=3)
    assert world.proposed().near
    assert not world.proposed(must_keep=[kept]).near


@pytest.mark.parametrize("name", ["~/bin/a\\u{1b}[2J.sh", "~/bin/a\\n[B2].sh", "~/bin/*.sh", "~/bin/'''.sh"])
def test_no_name_breaks_out_of_the_comments(world: World, name: str) -> None:
    for _ in range(2):
        nearly(world, name, without=3)
    text = page(world.proposed(), None)
    assert tomllib.loads(text) == {} and text.isprintable() is False and "\x1b" not in text
    assert all(line.startswith("#") for line in text.splitlines())
