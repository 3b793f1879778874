"""The shipped analytics beside ATT&CK's own text: what it calls mutable is a parameter, under the name that it has there."""

import json
from pathlib import Path
from typing import Any

import pytest
from chainrun.dsl.loader import load

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "analytics").glob("*.chain"))


@pytest.fixture(scope="module")
def attack(shared_data: Path) -> dict[str, dict[str, Any]]:
    """ATT&CK's analytics by their ids."""
    text = (shared_data / "attack" / "product_six.json").read_text(encoding="utf-8")
    return {analytic["id"]: analytic for analytic in json.loads(text)}


def test_all_of_them_ship(attack: dict[str, dict[str, Any]]) -> None:
    assert {load(file).id for file in SHIPPED} == set(attack)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_mutable_element_is_a_parameter(file: Path, attack: dict[str, dict[str, Any]]) -> None:
    analytic = load(file)
    own = {parameter.name for parameter in analytic.parameters}
    assert {element["field"] for element in attack[analytic.id]["mutable_elements"]} <= own


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_header_says_what_attack_says(file: Path, attack: dict[str, dict[str, Any]]) -> None:
    analytic = load(file)
    text = attack[analytic.id]
    assert analytic.platforms == (text["platform"].lower(),)
    assert analytic.strategy == text["strategy"]
    assert analytic.attack == tuple(technique["id"] for technique in text["techniques"])
    assert analytic.references == (text["url"],)
