"""What all tests share: where real telemetry lies, and `--accept` for goldens."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a property that fails, fails for everybody. HYPOTHESIS_PROFILE=default looks further.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite goldens with what the code says now")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--accept"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real telemetry with ground truth; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real telemetry beside the project (../shared/data)")
    return folder
