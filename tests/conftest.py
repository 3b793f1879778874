"""What all tests share: where real telemetry lies, the command line, and `--accept` for goldens."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chainrun.engine import cli
from chainrun.engine.cli.exits import Exit
from chainrun.engine.intake.intake import Intake
from chainrun.engine.report.balance import line_balance, uneven
from chainrun.engine.run import Run
from hypothesis import settings

from .command import CHAIN, EVENTS, Command, Shown

# The same examples in every run: a property that fails, fails for everybody. HYPOTHESIS_PROFILE=default looks further.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite goldens with what the code says now")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--accept"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a chain and events in which it is found once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.chain").write_text(CHAIN)
    (tmp_path / "hit.jsonl").write_text(EVENTS)
    return tmp_path


@pytest.fixture
def chainrun(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process. No traceback, whatever it was."""

    def run(*words: str) -> Shown:
        code = cli.main(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert code != Exit.INTERNAL, err
        return int(code), out, err

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real telemetry with ground truth; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real telemetry beside the project (../shared/data)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def nothing_is_lost() -> Iterator[None]:
    """Every run of every test that comes to its end accounts for each line and each partial match."""
    run, intake = Run.__iter__, Intake.__iter__

    def counted_run(self: Run) -> Iterator[Any]:
        yield from run(self)
        assert not uneven(self.balances)

    def counted_intake(self: Intake) -> Iterator[Any]:
        yield from intake(self)
        assert not uneven([line_balance(self.tally)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "__iter__", counted_run)
        patch.setattr(Intake, "__iter__", counted_intake)
        yield
