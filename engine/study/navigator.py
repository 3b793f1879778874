"""Coverage as a layer of the ATT&CK Navigator (layer format 4.5): each technique by its best chain."""

from typing import Any

from .verdicts import ChainCoverage, Report, Verdict

_SCORES = {Verdict.BLIND: 0, Verdict.PARTIAL: 50, Verdict.VISIBLE: 100}
_COLORS = {Verdict.BLIND: "#d94f4f", Verdict.PARTIAL: "#e8c14a", Verdict.VISIBLE: "#5aa469"}


def layer(found: Report) -> dict[str, Any]:
    """The layer, as JSON values."""
    by_technique: dict[str, list[ChainCoverage]] = {}
    for chain in found.chains:
        for technique in chain.attack:
            by_technique.setdefault(technique, []).append(chain)
    return {
        "name": "chainrun coverage",
        "versions": {"layer": "4.5", "navigator": "5.1.0"},
        "domain": "enterprise-attack",
        "description": "What telemetry can show of the techniques that the chains detect.",
        "techniques": [_technique(name, chains) for name, chains in sorted(by_technique.items())],
        "gradient": {
            "colors": list(_COLORS.values()),
            "minValue": 0,
            "maxValue": 100,
        },
        "legendItems": [{"label": str(v), "color": _COLORS[v]} for v in Verdict],
    }


def _technique(name: str, chains: list[ChainCoverage]) -> dict[str, Any]:
    best = max((c.verdict for c in chains), key=_SCORES.__getitem__)
    return {
        "techniqueID": name,
        "score": _SCORES[best],
        "color": _COLORS[best],
        "comment": "\n".join(f"{c.analytic}/{c.chain}: {c.verdict}{_blind(c)}" for c in chains),
    }


def _blind(chain: ChainCoverage) -> str:
    titles = [f"{s.number} {s.title}" for s in chain.steps if s.verdict is Verdict.BLIND]
    return f" (blind: {', '.join(titles)})" if titles else ""
