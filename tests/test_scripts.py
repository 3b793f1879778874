"""The scripts: chains with the events that they must and must not raise an alert on.

A `.test` file holds cases; a line `=== title` begins one, which is a whole chain file with `test` blocks.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chainrun.dsl import tree
from chainrun.dsl.check import check
from chainrun.dsl.parser import parse
from chainrun.dsl.source import Source
from chainrun.engine.study.trial import raised

SCRIPTS = Path(__file__).parent / "scripts"


def cases() -> Iterator[object]:
    for path in sorted(SCRIPTS.glob("*.test")):
        for piece in re.split(r"^=== ", path.read_text(), flags=re.M)[1:]:
            title, _, text = piece.partition("\n")
            yield pytest.param(f"{path.name}: {title}", text, id=f"{path.stem}: {title}")


CASES = list(cases())


@pytest.mark.parametrize(("name", "text"), CASES)
def test_every_script_raises_what_it_says(name: str, text: str) -> None:
    source = Source(name, text)
    written = parse(source)
    analytic, _ = check(written, source)
    blocks = [t for item in written.items if isinstance(item, tree.Chain) for t in item.tests]
    assert blocks, "a case without a test block"
    for block in blocks:
        alerts = raised(analytic, block)
        assert len(alerts) == block.raises, f"{block.title.text}: {[a.steps for a in alerts]}"
