"""Files of words, which site files take in with `@children.txt`: one word a line, `#` comments, nothing else.

    # what our people double-click
    winword.exe
    Adobe Acrobat*      # a word may hold white space, and needs no quotes

Words are as in single quotes: a backslash is a backslash, `*` and `?` are wild. The file is opened by `loader`; called
by `site`.
"""

import re

from . import tree
from .diagnostic import ChainError, Diagnostic, Label
from .source import Source, Span
from .visible import is_visible

MOST_FAULTS = 20
PLAIN_WORD = re.compile(r"""(?!\.\.\.)[^\s,{}"'#]+""")
_LINE = re.compile(r"[^\r\n]+")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#.*")


def words(source: Source) -> tuple[tree.Word, ...]:
    """The words of a file, each with its place; raises `ChainError` where lines are no words."""
    faults: list[Diagnostic] = []
    found: list[tree.Word] = []
    for line in _LINE.finditer(source.text):
        word = _COMMENT.sub("", line[0]).strip()
        if not word:
            continue
        start = line.start() + line[0].index(word)
        span = Span(start, start + len(word))
        if label := _fault(word, span):
            faults.append(Diagnostic("C509", "this line is no word", (label,)))
            if len(faults) == MOST_FAULTS:
                break
        found.append(tree.Word(span=span, text=word, quote="" if PLAIN_WORD.fullmatch(word) else "'"))
    if faults:
        raise ChainError(source, tuple(faults))
    return tuple(found)


def _fault(word: str, span: Span) -> Label | None:
    hidden = next((i for i, c in enumerate(word) if not is_visible(c) and c != " "), None)
    if hidden is not None:
        at = span.start + hidden
        return Label(Span(at, at + 1), "a character that cannot be seen; is this a file of text?")
    if word[0] in "\"'" and word[-1] == word[0]:
        return Label(span, "words need no quotes here")
    if word.endswith(","):
        return Label(Span(span.end - 1, span.end), "one word a line, without commas")
    return None
