"""All shipped analytics at once, over the telemetry of one platform: its own chains fire, and of the others the run says
what this telemetry could not have shown."""

from pathlib import Path

import pytest
from chainrun.engine.chains import load_all
from chainrun.engine.cli import main
from chainrun.engine.run import Options, Run

ROOT = Path(__file__).parent.parent
ANALYTICS = ROOT / "analytics"

# sample -> the host of records that name none, the analytics that fire, those that could not have
SAMPLES = {
    "01-first-chain": (None, {"AN1314"}, set()),
    "an1315": (None, {"AN1315"}, {"AN1318"}),
    "an1316": ("mac-ann-01", {"AN1316", "AN0994"}, {"AN1318"}),
    "an1317": (None, {"AN1317"}, {"AN1318"}),
    "an1318": (None, {"AN1318"}, {"AN0994", "AN1314", "AN1315", "AN1316", "AN1317"}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_platforms_sample_under_all_analytics(name: str) -> None:
    host, fire, blind = SAMPLES[name]
    run = Run(load_all([ANALYTICS]), [str(ROOT / "examples" / name / "events.jsonl")], Options(host=host))
    assert fire <= {alert.analytic for alert in run}
    unshown = {funnel.analytic for funnel in run.funnels if funnel.blind}
    shown = {funnel.analytic for funnel in run.funnels if not funnel.blind}
    assert unshown - shown >= blind
    assert not fire & (unshown - shown)


def test_the_summary_names_what_could_not_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(ANALYTICS), str(ROOT / "examples" / "an1318" / "events.jsonl"), "--format", "jsonl"]) == 0
    lines = capsys.readouterr().err.splitlines()
    (lolbin,) = [line for line in lines if line.startswith("AN1314/lolbin")]
    assert "no format that was read can show open(HighRiskParents), write(" in lolbin
    (own,) = [line for line in lines if line.startswith("AN1318/instance")]
    assert "no format" not in own
