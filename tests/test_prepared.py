"""What takes long to make is kept from run to run, and nothing that lies where it is kept can stand in the way."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chainrun.dsl import parser
from chainrun.dsl import prepared as room
from chainrun.dsl.prelude import prelude
from chainrun.dsl.prepared import prepared
from chainrun.engine.formats import load_formats, loader

FILE = f"numbers.{sys.implementation.cache_tag}.prepared"


class Maker:
    """Makes a value of some sources, and counts how often it had to."""

    def __init__(self, *sources: bytes) -> None:
        self.sources = sources
        self.made = 0

    def __call__(self) -> list[bytes]:
        return prepared("numbers", self.sources, self._make)

    def _make(self) -> list[bytes]:
        self.made += 1
        return list(self.sources)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(room, "places", lambda: iter([tmp_path / "cache"]))
    return tmp_path / "cache"


@pytest.mark.usefixtures("folder")
def test_it_is_made_once() -> None:
    make = Maker(b"one", b"two")
    assert make() == make() == [b"one", b"two"]
    assert make.made == 1


@pytest.mark.usefixtures("folder")
def test_of_other_sources_it_is_made_anew() -> None:
    for sources in ((b"one", b"two"), (b"one",), (b"onetwo",), (b"on", b"etwo")):
        make = Maker(*sources)
        assert make() == list(sources) and make.made == 1


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 63, 64, 70, -1])
def test_what_is_not_whole_is_made_anew(folder: Path, cut: int) -> None:
    make = Maker(b"one")
    make()
    data = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(data[:cut])
    assert make() == [b"one"] and make.made == 2
    assert (folder / FILE).read_bytes() == data  # and mended


def test_what_was_changed_is_made_anew(folder: Path) -> None:
    make = Maker(b"one")
    make()
    data = (folder / FILE).read_bytes()
    for place in range(0, len(data), 7):
        (folder / FILE).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert make() == [b"one"]
    (folder / FILE).write_bytes(os.urandom(1000))
    assert make() == [b"one"]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the folder is the user's own")
@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_what_others_may_write_is_not_trusted(folder: Path, mode: int) -> None:
    make = Maker(b"one")
    make()
    (folder / FILE).chmod(mode)
    assert make() == [b"one"] and make.made == 2
    assert make() == [b"one"] and make.made == 2  # it has been written anew, for us alone


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_what_is_anothers_is_not_trusted(folder: Path) -> None:
    make = Maker(b"one")
    make()
    os.chown(folder / FILE, 12345, -1)
    assert make() == [b"one"] and make.made == 2


def test_a_folder_in_its_place_is_no_fault(folder: Path) -> None:
    (folder / FILE).mkdir(parents=True)
    make = Maker(b"one")
    assert make() == make() == [b"one"]
    assert [entry.name for entry in folder.iterdir()] == [FILE]  # and nothing half written is left


def test_what_cannot_be_written_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(room, "places", lambda: iter([tmp_path / "file" / "below"]))
    make = Maker(b"one")
    assert make() == make() == [b"one"]
    assert make.made == 2


def test_where_the_first_place_cannot_be_written_the_next_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(room, "places", lambda: iter([tmp_path / "file" / "below", tmp_path / "cache"]))
    make = Maker(b"one")
    assert make() == make() == [b"one"]
    assert make.made == 1


def test_it_lies_beside_the_compiled_modules_or_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert [place.name for place in room.places()] == ["__pycache__", "chainrun"]
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert list(room.places()) == [tmp_path / "chainrun"]
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("LOCALAPPDATA", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    if os.name == "posix":
        assert list(room.places()) == [tmp_path / ".cache" / "chainrun"]


# -- what is kept ----------------------------------------


@pytest.fixture
def fresh(folder: Path) -> Iterator[Path]:
    """Nothing is kept yet, and nothing known from before."""
    parser._lark.cache_clear()
    loader._shipped.cache_clear()
    yield folder
    parser._lark.cache_clear()
    loader._shipped.cache_clear()


def test_the_parser_and_the_formats_are_the_same_when_kept(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = prelude()
    made = parser.parse(source), load_formats()
    assert {entry.name.partition(".")[0] for entry in fresh.iterdir()} == {"grammar", "formats"}
    parser._lark.cache_clear()
    loader._shipped.cache_clear()
    for place in (parser._tables, loader._made):
        monkeypatch.setattr(sys.modules[place.__module__], place.__name__, None)
    assert (parser.parse(source), load_formats()) == made


def test_many_that_start_at_once_disturb_nobody(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "from chainrun.engine.formats import load_formats; print(len(load_formats()))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert [entry.name.partition(".")[0] for entry in (tmp_path / "chainrun").iterdir()] == ["formats"]
