"""Which characters can be seen: the one answer for all that is shown of chains, telemetry and file names.

What is written instead of one that cannot be seen is for those who show it: `render` here, the engine's `escape`.
"""

# Letters by Unicode's book, and nothing to be seen: Hangul fillers, the blank Braille cell, the Khmer vowels.
_INVISIBLE = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def is_visible(character: str) -> bool:
    """No control (C0, C1, DEL), no format character, separator, odd space, lone surrogate nor unassigned character."""
    return character.isprintable() and character not in _INVISIBLE
