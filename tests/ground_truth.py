"""What the platforms' real and composed telemetry comes with: the parameters and the lines of every step, and how an
alert is compared with them."""

import json
from pathlib import Path
from typing import Any

from chainrun.dsl.overrides import Overrides
from chainrun.dsl.site import site
from chainrun.dsl.source import Source
from chainrun.engine.report.alert import Alert


def ground_truth(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return found


def set_by_site(analytic: str, values: dict[str, Any]) -> Overrides:
    """The parameters of an analytic as a site file sets them."""
    lines = (f"{name} = {_toml(value)}" for name, value in values.items())
    return site(Source("site.toml", "\n".join((f"[{analytic}]", *lines))))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {json.dumps(words)}" for name, words in value.items()) + " }"
    return json.dumps(value)


def lines(alert: Alert) -> list[int]:
    """The lines of an alert's witnesses, step by step."""
    return [step.witness.line for step in alert.steps if step.witness]


def listed(step: dict[str, Any]) -> set[int]:
    """The lines that the ground truth takes for a step."""
    return {step["line"], *(also["line"] for also in step["also_acceptable"])}
