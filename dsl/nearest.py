"""The name that somebody probably meant, or nothing.

A wrong suggestion is worse than none: only what is a slip of the fingers away is offered. Asked by the checker, the
overrides and whoever else reports an unknown name.
"""

from collections.abc import Iterable


def edits(a: str, b: str) -> int:
    """How many insertions, deletions, replacements and swaps of neighbours lie between two texts.

    Optimal string alignment (Damerau 1964); quadratic, so callers bound the lengths.
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is a slip away from: one edit up to 5 characters, two up to 10, then three.

    Names of two characters have to begin alike; a single character is never completed.
    """
    folded = name.casefold()
    allowed = 0 if len(name) < 2 else 1 if len(name) <= 5 else 2 if len(name) <= 10 else 3
    best: tuple[int, str] | None = None
    for candidate in sorted(known):
        other = candidate.casefold()
        if abs(len(other) - len(folded)) > allowed or len(other) > 100 or (len(name) == 2 and other[:1] != folded[:1]):
            continue
        found = edits(folded, other)
        if found <= allowed and (best is None or found < best[0]):
            best = (found, candidate)
    return best[1] if best else None
