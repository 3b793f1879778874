"""The `analytic` block: who the analytic is, where it runs, what it refers to."""

import re

import msgspec
from chainrun.dsl import tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.vocabulary import Vocabulary

from . import lines
from .faults import Faults
from .scope import Scope

_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?")
_STRATEGY = re.compile(r"DET\d{4}")
_MANY = frozenset({"platform", "attack", "reference"})
_PLURALS = {"platforms": "platform", "references": "reference"}
KEYS = ("platform", "attack", "strategy", "severity", "version", "reference")


class About(msgspec.Struct, frozen=True):
    """What the block says; without one, the defaults."""

    id: str
    title: str = ""
    platforms: tuple[str, ...] = ()
    attack: tuple[str, ...] = ()
    strategy: str | None = None
    severity: str = "medium"
    version: str | None = None
    references: tuple[str, ...] = ()


def about(node: tree.Header | None, stem: str, scope: Scope) -> About:
    """The block's meaning; what is wrong in it is reported and left out."""
    if node is None:
        return About(id=stem)
    faults = scope.faults
    given: dict[str, tree.Entry] = {}
    for entry in node.entries:
        key = _PLURALS.get(entry.key.text, entry.key.text)
        if key not in KEYS:
            text = f"an analytic has no `{entry.key.text}`"
            faults.unknown("C207", text, entry.key.span, entry.key.text, list(KEYS), "keys of the `analytic` block")
        elif key in given:
            also = (Label(given[key].key.span, "first here"),)
            helps = ("several values are separated by commas",) if key in _MANY else ()
            faults.error("C609", f"`{key}` is given twice", entry.key.span, also=also, helps=helps)
        elif key not in _MANY and len(entry.values) > 1:
            faults.error("C609", f"`{key}` has one value", entry.values[1].span, "one too many")
        else:
            given[key] = entry
    severity = lines.level(given["severity"].values[0], scope) if "severity" in given else None
    return About(
        id=node.id.text,
        title=node.title.text if node.title is not None else "",
        platforms=_platforms(given.get("platform"), scope.vocabulary, faults),
        attack=_matching(given.get("attack"), _TECHNIQUE, "a technique of ATT&CK", "T1204.002", faults),
        strategy=next(
            iter(_matching(given.get("strategy"), _STRATEGY, "a detection strategy of ATT&CK", "DET0478", faults)), None
        ),
        severity=severity or "medium",
        version=given["version"].values[0].text if "version" in given else None,
        references=tuple(v.text for v in given["reference"].values) if "reference" in given else (),
    )


def _platforms(entry: tree.Entry | None, vocabulary: Vocabulary, faults: Faults) -> tuple[str, ...]:
    found = []
    for word in entry.values if entry is not None else ():
        name = word.text.casefold()
        if name in vocabulary.platforms:
            found.append(name)
        else:
            known = list(vocabulary.platforms)
            faults.unknown("C605", f"no platform is called `{word.text}`", word.span, word.text, known, "platforms")
    return tuple(dict.fromkeys(found))


def _matching(
    entry: tree.Entry | None, form: re.Pattern[str], noun: str, example: str, faults: Faults
) -> tuple[str, ...]:
    found = []
    for word in entry.values if entry is not None else ():
        if form.fullmatch(word.text):
            found.append(word.text)
        else:
            faults.error("C610", f"`{word.text}` is not {noun}", word.span, f"as in `{example}`")
    return tuple(found)
