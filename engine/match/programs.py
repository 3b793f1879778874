"""Program words: `cmd.exe`, `/usr/bin/python3`, `~/bin/`, `"open -a Terminal"`, as they are meant on one platform.

A word without a separator is the file's name, with one the whole path, ending in one or beginning with a home or
variable everything beneath. A quoted word with a space is a program and then its first arguments, or a program with a
space in its name: both are tried. In a name or whole path the wildcards cross everything. Called by `words`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from chainrun.dsl.model import Word

from .. import paths
from .globs import any_of, anything, is_wild, plain, spelled
from .locations import Locations, is_place, places
from .memo import Memo

Arguments = Callable[[int], list[str] | None]  # the first n arguments, None where they are not known


def is_path(word: Word) -> bool:
    """Whether a word tests a path and not a name."""
    text = spelled(word)  # an escaped star is no separator
    return "/" in text or "\\" in text or is_place(text)


def is_call(word: Word) -> bool:
    """Whether a word may name arguments besides a program."""
    return bool(word.quote) and " " in word.text.strip()


class Programs:
    """A set of program words on one platform.

    `named[text]` is whether the last segment of a path or name is one of the words, `located[path]` whether the path
    is.
    """

    def __init__(self, words: Iterable[Word], os: str, *, split: bool = True) -> None:
        words = tuple(words)
        self.os = os
        self._names: set[str] = set()
        self._wholes: set[str] = set()
        wild_names: list[str] = []
        wild_wholes: list[str] = []
        beneath: list[Word] = []
        for word in words:
            text = spelled(word)
            if is_place(text) or text.endswith(("/", "\\")):
                beneath.append(word)
            elif is_path(word):
                for place in places(text, os):
                    self._add_whole(paths.key(place, os), wild_wholes)
            elif is_wild(text):
                wild_names.append(anything(paths.fold(text, os)))
            elif text:
                self._names.add(plain(paths.fold(text, os)))
        self._locations = Locations(beneath, os) if beneath else None
        self._is_wild_name = any_of(wild_names)
        self._is_wild_whole = any_of(wild_wholes)
        self.has_names = bool(self._names or wild_names)
        self.has_paths = bool(self._wholes or wild_wholes or beneath)
        self._calls = tuple(call for word in words if split and is_call(word) for call in _calls(word, os))
        self.named: Memo[bool] = Memo(self._named)
        self.located: Memo[bool] = Memo(self._located)

    def _add_whole(self, key: str, wild: list[str]) -> None:
        if self.os == "windows" and key[:1] == "\\" and key[:2] != "\\\\":
            key = "?:" + key
        if is_wild(key):
            wild.append(anything(key))
        else:
            self._wholes.add(plain(key))

    def _named(self, text: str) -> bool:
        name = paths.fold(paths.name(text, self.os), self.os)
        return name in self._names or self._is_wild_name(name)

    def _located(self, path: str) -> bool:
        key = paths.key(path, self.os)
        if key in self._wholes or self._is_wild_whole(key):
            return True
        return self._locations is not None and self._locations.holds[path]

    def holds(self, names: tuple[str, ...], path: str | None, arguments: Arguments) -> bool | None:
        """Whether a program of these names at this path, started with these arguments, is in the set."""
        for name in names:
            if self.named[name]:
                return True
        if path is not None and self.has_paths and self.located[path]:
            return True
        unknown = (self.has_names and not names) or (self.has_paths and path is None)
        for program, wanted in self._calls:
            if program.holds(names, path, arguments) is False:
                continue
            given = arguments(len(wanted))
            if given is None:
                unknown = True
            elif len(given) == len(wanted) and all(w[g] for w, g in zip(wanted, given, strict=True)):
                if program.holds(names, path, arguments):
                    return True
                unknown = True
        return None if unknown else False


def _calls(word: Word, os: str) -> Iterator[tuple[Programs, list[Memo[bool]]]]:
    """Every reading of a word as a program and its first arguments: the program's name may hold spaces too."""
    written = word.text.split()
    for cut in range(1, len(written)):
        program = Programs([Word(" ".join(written[:cut]), word.quote)], os, split=False)
        yield program, [_argument(Word(text, word.quote), os) for text in written[cut:]]


def _argument(word: Word, os: str) -> Memo[bool]:
    text = paths.fold(spelled(word), os)
    is_it = any_of([anything(text)]) if is_wild(text) else plain(text).__eq__
    return Memo(lambda given: is_it(paths.fold(given, os)))


def first_arguments(
    count: int, args: Any, command_line: Any, names: tuple[str, ...], path: str | None, os: str
) -> list[str] | None:
    """The first arguments after the program itself: of `process.args`, whose first element is the program as in ECS,
    else of the command line. None where the record has neither.

    A command line is cut at white space outside quotes. Backslashes are not escapes: on Windows they are the paths',
    and on Linux the command line is the arguments joined by spaces, with nothing quoted.
    """
    if isinstance(args, tuple | list):
        return [a for a in args[1 : 1 + count] if isinstance(a, str)]
    if not isinstance(command_line, str):
        return None
    rest = command_line.lstrip()
    for program in ((path,) if path is not None else ()) + names:  # unquoted, though its name holds spaces
        head, tail = rest[: len(program)], rest[len(program) :]
        if " " in program and (not tail or tail[0].isspace()) and paths.fold(head, os) == paths.fold(program, os):
            return list(islice(_cut(tail, os), count))
    return list(islice(_cut(rest, os), 1, 1 + count))


def _cut(text: str, os: str) -> Iterator[str]:
    quotes = '"' if os == "windows" else "\"'"
    pattern = _WINDOWS_ARGUMENT if os == "windows" else _ARGUMENT
    for found in pattern.finditer(text):
        yield found[0].translate(dict.fromkeys(map(ord, quotes)))


# The last alternative takes the rest where a quotation is not ended.
_WINDOWS_ARGUMENT = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')
_ARGUMENT = re.compile(r"""(?:[^\s"']|"[^"]*(?:"|$)|'[^']*(?:'|$))+""")
