"""Forty analytics of ATT&CK, and the shipped ones: each checks without a word, and passes its own tests in all ways."""

from pathlib import Path

import pytest
from chainrun.dsl.loader import load_with_warnings
from chainrun.dsl.model import Analytic
from chainrun.engine.formats import load_formats
from chainrun.engine.study.trial import trials

ROOT = Path(__file__).parent.parent
ATTACK = sorted((ROOT / "tests" / "attack").glob("*.chain"))
SHIPPED = sorted((ROOT / "analytics").glob("*.chain"))


def analytic(path: Path) -> Analytic:
    return load_with_warnings(path)[0]


@pytest.mark.parametrize("path", [*SHIPPED, *ATTACK], ids=lambda p: p.stem)
def test_it_passes_its_own_tests(path: Path) -> None:
    results = list(trials(analytic(path), load_formats()))
    failed = [f"{r.title} ({r.file}:{r.line})\n  " + "\n  ".join(r.faults) for r in results if not r.passed]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("path", [*SHIPPED, *ATTACK], ids=lambda p: p.stem)
def test_it_has_tests_that_raise_and_tests_that_do_not(path: Path) -> None:
    tests = analytic(path).tests
    assert any(t.raises for t in tests)
    assert any(not t.raises for t in tests)


def test_there_are_forty_and_they_span_the_platforms() -> None:
    assert len(ATTACK) >= 40
    platforms = {platform for path in ATTACK for platform in analytic(path).platforms}
    wanted = {"windows", "linux", "macos", "esxi", "containers", "iaas", "identity", "saas", "office", "network"}
    assert wanted <= platforms
