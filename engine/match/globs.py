r"""Words with `*` and `?`: what is wild in them, and many of them as one regular expression of linear time.

A wild word is text in which `*` and `?` stand for themselves; the literal ones of a quoted word (`"100\*"`) travel as
two private code points, so that a word can be normalised and folded like any text before it is translated.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from chainrun.dsl.model import Word

_STAR, _QUESTION = "\ue02a", "\ue03f"  # a literal * and ?
_LITERAL = str.maketrans({_STAR: "*", _QUESTION: "?"})

# RE2 gives every program a share of this for its states; past it, it grows slower, never wrong.
_MEMORY = 64 << 20
_CHUNK = 2000  # words in one regular expression: RE2 refuses a program that grows too large


def spelled(word: Word) -> str:
    r"""The word's text with its literal stars protected: those written `\*` and `\?` between double quotes."""
    return spelled_text(word.text, word.quote)


def spelled_text(text: str, quote: str) -> str:
    """As `spelled`, of a text and its quote."""
    if quote != '"' or "\\" not in text:
        return text
    return text.replace("\\*", _STAR).replace("\\?", _QUESTION)


def plain(text: str) -> str:
    """A word without wildcards, its protected stars given back."""
    return text.translate(_LITERAL)


def is_wild(text: str) -> bool:
    return "*" in text or "?" in text


def anything(text: str) -> str:
    """The regular expression of a wild word whose stars cross everything."""
    return "".join(_part(p, ".*", ".") for p in _parts(text))


def segments(text: str, separator: str) -> str:
    r"""The regular expression of a wild path: `*` and `?` stay within a segment, `**` crosses; a segment that is one
    star is never empty, and `/**/` may stand for no segment at all."""
    s = re.escape(separator)
    inside = f"[^{s}]"
    pieces: list[str] = []
    written = text.split(separator)
    for i, segment in enumerate(written):
        last = i == len(written) - 1
        if segment == "**":
            pieces.append(".+" if last else f"(?:{inside}+{s})*")
            continue
        pieces.append(
            f"{inside}+" if segment == "*" else "".join(_part(p, f"{inside}*", inside) for p in _parts(segment))
        )
        if not last:
            pieces.append(s)
    return "".join(pieces)


def _parts(text: str) -> list[str]:
    return [p for p in re.split(r"(\*+|\?)", text) if p]


def _part(part: str, star: str, question: str) -> str:
    if part[0] == "*":
        return star if len(part) == 1 else ".*"
    return question if part == "?" else escape(plain(part))


def escape(text: str) -> str:
    """The regular expression of a literal text. (`re.escape` writes what RE2 reads too, but for NUL.)"""
    return re.escape(text).replace("\0", r"\x00")


@cache
def _re2() -> Any:
    import re2  # type: ignore[import-untyped]  # 20 ms to load: only where a chain has a wildcard or a `matches`

    return re2


def compile_regex(pattern: str, *, whole: bool) -> Callable[[str], bool]:
    """Whether a text holds, or (`whole`) is, a match. Raises ValueError where RE2 refuses the expression."""
    re2 = _re2()
    options = re2.Options()
    options.dot_nl = whole  # in a word `*` is anything; in a `matches` the dot is the user's
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(str(error)) from None
    run = compiled.fullmatch if whole else compiled.search

    def holds(text: str) -> bool:
        # RE2 works on bytes: given a text, its wrapper counts characters too, which takes as long again. Half of a
        # surrogate pair, which JSON can write and UTF-8 cannot, becomes a question mark.
        return run(text.encode("utf-8", "replace")) is not None

    return holds


def any_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text as a whole is one of these expressions."""
    distinct = sorted(set(patterns))
    if not distinct:
        return lambda text: False
    chunks = [distinct[i : i + _CHUNK] for i in range(0, len(distinct), _CHUNK)]
    tests = [compile_regex("(?:" + "|".join(f"(?:{p})" for p in chunk) + ")", whole=True) for chunk in chunks]
    if len(tests) == 1:
        return tests[0]
    return lambda text: any(test(text) for test in tests)
