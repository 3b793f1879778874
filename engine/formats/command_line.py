"""A command line, taken apart as the program itself would see it.

Windows hands a program one string and the C runtime splits it (CommandLineToArgvW: a backslash escapes only before a
quote, two quotes inside quotes are one); POSIX shells have already split, so a joined line is cut at white space
outside quotes. Used by `intake` for `process.args` and for the files that an interpreter runs.
"""

import re

from .values import Known

# Nobody's command line has more words than this; a hostile one is cut.
MOST_WORDS = 4_096
MOST_LINES = 1_024  # of which the words are remembered

_PLAIN = re.compile(r"[^\s\"]+")
# Possessive throughout: nothing here is ever tried again, and to remember each step would cost 100 bytes a character.
_POSIX = re.compile(r"""(?:[^\s"'\\]++|\\.|"(?:[^"\\]++|\\.)*+"?|'[^']*+'?)++""", re.DOTALL)
_POSIX_PART = re.compile(r"""\\(.)|"((?:[^"\\]++|\\.)*+)"?|'([^']*+)'?|([^\s"'\\]++)""", re.DOTALL)


def split(command_line: str, os: str) -> tuple[str, ...]:
    """The words of a command line, the program first."""
    words: tuple[str, ...] = (_windows if os == "windows" else _posix)[command_line]
    return words


def split_windows(command_line: str) -> tuple[str, ...]:
    """The words that CommandLineToArgvW gives."""
    if '"' not in command_line:
        return tuple(_PLAIN.findall(command_line)[:MOST_WORDS])
    words: list[str] = []
    text = command_line
    # The first word knows no escapes: a quote ends it, backslashes are path separators.
    if text[0] == '"':
        first, _, rest = text[1:].partition('"')
    elif text[0].isspace():
        first, rest = "", text
    else:
        plain = re.match(r"\S+", text)
        first, rest = (plain[0], text[plain.end() :]) if plain else ("", text)
    if first:
        words.append(first)
    at, end = 0, len(rest)
    while len(words) < MOST_WORDS:
        while at < end and rest[at].isspace():
            at += 1
        if at >= end:
            break
        word: list[str] = []
        quoted = False
        while at < end:
            here = rest[at]
            if here == "\\":
                stop = at
                while stop < end and rest[stop] == "\\":
                    stop += 1
                count = stop - at
                if stop < end and rest[stop] == '"':
                    word.append("\\" * (count // 2))
                    if count % 2:
                        word.append('"')
                        stop += 1
                else:
                    word.append("\\" * count)
                at = stop
            elif here == '"':
                if quoted and at + 1 < end and rest[at + 1] == '"':
                    word.append('"')
                    at += 1
                else:
                    quoted = not quoted
                at += 1
            elif here.isspace() and not quoted:
                break
            else:
                word.append(here)
                at += 1
        words.append("".join(word))
    return tuple(words)


def split_posix(command_line: str) -> tuple[str, ...]:
    """The words of a joined POSIX command line, quotes resolved; an unclosed quote runs to the end."""
    return tuple(
        "".join(a or b or c or d for a, b, c, d in _POSIX_PART.findall(word))
        for word in _POSIX.findall(command_line)[:MOST_WORDS]
    )


# What a process does is told with its command line again and again.
_windows, _posix = Known(split_windows, MOST_LINES), Known(split_posix, MOST_LINES)
