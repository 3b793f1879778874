"""The unit of docs/shippers.md, as systemd itself judges it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .recipes import recipe


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    file = tmp_path / "chainrun.service"
    file.write_text(recipe("/etc/systemd/system/chainrun.service"))
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
