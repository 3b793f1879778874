"""The unit of docs/shippers.md: what it runs, and as systemd itself judges it."""

import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from .daemon import until
from .load import Load
from .recipes import recipe

UNIT = "/etc/systemd/system/chainrun.service"


def test_what_it_runs_goes_on_after_a_kill_where_it_was(tmp_path: Path) -> None:
    (command,) = re.findall("^ExecStart=(.+)$", recipe(UNIT, tmp_path), re.M)
    load = Load(tmp_path, 3000)
    text = load.events.read_bytes()
    cuts = [0, len(text) // 3, len(text) // 2, len(text)]
    load.events.write_bytes(b"")
    for since, end in pairwise(cuts):
        with load.events.open("ab") as out:
            out.write(text[since:end])
        whole = text[:end].count(b"\n")
        with subprocess.Popen(shlex.split(command), stderr=subprocess.PIPE) as child:
            until(lambda whole=whole, at=child: load.written >= whole or at.poll() is not None)  # type: ignore[misc]
            child.kill()
            assert child.communicate()[1] == b""
    assert set(load.ids()) == load.expected()
    assert set(load.ids().values()) == {1}


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    file = tmp_path / "chainrun.service"
    file.write_text(recipe(UNIT).replace("/opt/chainrun/bin/chainrun", sys.executable))  # which must be there
    return file


def analyze(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_systemd_has_nothing_to_say_against_the_unit(unit: Path) -> None:
    said = analyze("verify", str(unit))  # of the machine's own units too
    assert [line for line in said.splitlines() if "chainrun" in line] == []


def test_the_unit_may_do_next_to_nothing_besides_its_work(unit: Path) -> None:
    said = analyze("security", "--offline=true", "--no-pager", str(unit))
    if "unrecognized option" in said:
        pytest.skip("this systemd-analyze judges no unit that is not installed")
    exposure = re.search(r"Overall exposure level for chainrun.service: (\d\.\d)", said)
    assert exposure is not None, said
    assert float(exposure[1]) < 1  # of 10; "safe" is below 2
