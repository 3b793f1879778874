r"""Path words: `~/Downloads`, `%TEMP%\*`, `/var/folders`, `*.lnk`, as they are meant on one platform.

A word is that path and everything beneath it; a word without a separator is a file's name; one that does not begin at
a root (`Startup\*.lnk`) may stand at any depth. A variable becomes the places that it stands for, for any user, written
as globs themselves; so the tables below read like a list of folders. Called by `words` and `programs`.
"""

import re
from collections.abc import Iterable

from chainrun.dsl.model import Word

from .. import paths
from .globs import any_of, is_wild, plain, segments, spelled
from .memo import Memo

# `?:` is any drive. Profiles lay under `Documents and Settings` before Vista, and under its 8.3 name in old software;
# `systemprofile` and `ServiceProfiles` are the homes of services.
_WINDOWS_HOMES = (
    r"?:\Users\*",
    r"?:\Documents and Settings\*",
    r"?:\DOCUME~1\*",
    r"?:\Windows\System32\config\systemprofile",
    r"?:\Windows\SysWOW64\config\systemprofile",
    r"?:\Windows\ServiceProfiles\*",
)
_HOMES = {
    "windows": _WINDOWS_HOMES,
    "linux": ("/home/*", "/root", "/var/home/*"),  # /var/home: image-based distributions, where /home is a link
    "macos": ("/Users/*", "/var/root"),
}

_PROGRAM_FILES = (r"?:\Program Files", r"?:\PROGRA~1")
_PROGRAM_FILES_X86 = (r"?:\Program Files (x86)", r"?:\PROGRA~2")
_PROGRAM_DATA = (r"?:\ProgramData", r"?:\Documents and Settings\All Users\Application Data")
_WINDOWS = (r"?:\Windows", r"?:\WINNT")


def _in_homes(*folders: str) -> tuple[str, ...]:
    return tuple(f"{home}\\{folder}" for home in _WINDOWS_HOMES for folder in folders)


_WINDOWS_TEMP = _in_homes(r"AppData\Local\Temp", r"Local Settings\Temp", r"LOCALS~1\Temp")

# Variables by platform; one that a platform lacks stands for no place there.
_VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "windows": {
        "HOME": _WINDOWS_HOMES,
        "USERPROFILE": _WINDOWS_HOMES,
        "HOMEPATH": _WINDOWS_HOMES,
        "TEMP": (*_WINDOWS_TEMP, r"?:\Windows\Temp", r"?:\Windows\SystemTemp"),  # services write to the latter two
        "APPDATA": _in_homes(r"AppData\Roaming", "Application Data"),
        "LOCALAPPDATA": _in_homes(r"AppData\Local", r"Local Settings\Application Data"),
        "ONEDRIVE": _in_homes("OneDrive*"),  # `OneDrive - Company` is the business account's
        "PUBLIC": (r"?:\Users\Public", r"?:\Documents and Settings\All Users"),
        "PROGRAMDATA": _PROGRAM_DATA,
        "ALLUSERSPROFILE": _PROGRAM_DATA,
        "WINDIR": _WINDOWS,
        "SYSTEMROOT": _WINDOWS,
        "SYSTEMDRIVE": ("?:",),
        "HOMEDRIVE": ("?:",),
        "PROGRAMFILES": (*_PROGRAM_FILES, *_PROGRAM_FILES_X86),  # the latter in a 32-bit process
        "PROGRAMFILES(X86)": _PROGRAM_FILES_X86,
        "PROGRAMW6432": _PROGRAM_FILES,
        "COMMONPROGRAMFILES": tuple(rf"{p}\Common Files" for p in (*_PROGRAM_FILES, *_PROGRAM_FILES_X86)),
        "COMMONPROGRAMFILES(X86)": tuple(rf"{p}\Common Files" for p in _PROGRAM_FILES_X86),
        "COMMONPROGRAMW6432": tuple(rf"{p}\Common Files" for p in _PROGRAM_FILES),
    },
    "linux": {
        "HOME": _HOMES["linux"],
        "USERPROFILE": _HOMES["linux"],
        "TEMP": ("/tmp", "/var/tmp"),
    },
    "macos": {
        "HOME": _HOMES["macos"],
        "USERPROFILE": _HOMES["macos"],
        "TEMP": ("/tmp", "/var/tmp", "/var/folders/*/*/T"),  # the last is each user's own
    },
}
_SAME = {"TMP": "TEMP", "TMPDIR": "TEMP"}

_LEADING = re.compile(r"(?:(~)([\w.-]*)|\$(\w+)|\$\{(\w+)\}|%([^%\\/]+)%)(?=[\\/]|$)")
_USER_NAME = re.compile(r"%USERNAME%|\$USER\b|\$\{USER\}", re.I)


def is_place(text: str) -> bool:
    """Whether a word begins with a home or a variable: then it is a folder, whatever its type."""
    found = _LEADING.match(text)
    return found is not None and (not found[2] or found.end() < len(text))


def places(text: str, os: str) -> tuple[str, ...]:
    """What a word stands for on a platform, as globs: each meaning of its leading variable, or the word itself."""
    text = _USER_NAME.sub("*", text)
    if not is_place(text):
        return (text,)
    found = _LEADING.match(text)
    assert found is not None
    rest = text[found.end() :]
    if os != "windows":
        rest = rest.replace("\\", "/")  # `%TEMP%\*` and `~\Downloads` are no less clear there
    if found[1]:
        roots = _home_of(found[2], os) if found[2] else _HOMES[os]
    else:
        variable = next(v for v in found.group(3, 4, 5) if v).upper()
        known = _VARIABLES[os].get(_SAME.get(variable, variable))
        if known is None:
            return ()
        roots = known
    return tuple(root + rest for root in roots)


def _home_of(user: str, os: str) -> tuple[str, ...]:
    """`~bob` is bob's home, where homes are called by their users."""
    if user == "root" and os != "windows":
        return tuple(h for h in _HOMES[os] if h.endswith("root"))
    return tuple(h[:-1] + user for h in _HOMES[os] if h.endswith("*"))


class Locations:
    """A set of path words on one platform: `locations.holds[path]` tells whether a path is in one of them."""

    def __init__(self, words: Iterable[Word], os: str) -> None:
        self._os = os
        self._separator = "\\" if os == "windows" else "/"
        self._names: set[str] = set()
        self._roots: set[str] = set()
        wild_names: list[str] = []
        wild_paths: dict[str, list[str]] = {}  # by the first folder, or "" for those of any
        for word in words:
            for place in places(spelled(word), os):
                self._add(paths.key(place, os), wild_names, wild_paths)
        # a literal folder is found by cutting the path at the lengths that occur: no walk up a hostile depth
        self._lengths = sorted({len(root) for root in self._roots})
        self._is_wild_name = any_of(wild_names)
        beneath = f"(?:{re.escape(self._separator)}.*)?"
        self._is_wild_path = {
            folder: any_of(f"(?:{p}){beneath}" for p in patterns) for folder, patterns in wild_paths.items()
        }
        self._is_wild_anywhere = self._is_wild_path.pop("", None)
        self.holds: Memo[bool] = Memo(self._holds)

    def _add(self, key: str, wild_names: list[str], wild_paths: dict[str, list[str]]) -> None:
        separator = self._separator
        if separator not in key and not _is_drive(key, self._os):
            if is_wild(key):
                wild_names.append(segments(key, separator))
            elif key:
                self._names.add(plain(key))
            return
        if self._os == "windows" and key[0] == "\\" and key[:2] != "\\\\":
            key = "?:" + key  # rooted, on whatever drive
        rooted = key[0] == separator or _is_drive(key[:2], self._os)
        if rooted and not is_wild(key):
            self._roots.add(plain(key) if key != separator else "")
        elif rooted:
            root, folder = key.partition(separator)[0], self._first_folder(key)
            place = "" if len(root) > len("?:") or is_wild(folder) else plain(folder)
            wild_paths.setdefault(place, []).append(segments(key, separator))
        else:
            wild_paths.setdefault("", []).append(f"(?:.*{re.escape(separator)})?" + segments(key, separator))

    def _first_folder(self, key: str) -> str:
        """`users` of `c:\\users\\ann`: most paths lie in a folder in which no word does."""
        found = key.split(self._separator, 2)
        return found[1] if len(found) > 1 else ""

    def _holds(self, path: str) -> bool:
        if self._os == "windows":
            path = paths.split_stream(path)[0]
        key = paths.key(path, self._os)
        for length in self._lengths:
            if length > len(key):
                break
            if (length == len(key) or key[length] == self._separator) and key[:length] in self._roots:
                return True
        name = key[key.rfind(self._separator) + 1 :]
        if name in self._names or self._is_wild_name(name):
            return True
        is_wild_path = self._is_wild_path.get(self._first_folder(key))
        if is_wild_path is not None and is_wild_path(key):
            return True
        return self._is_wild_anywhere is not None and self._is_wild_anywhere(key)


def _is_drive(text: str, os: str) -> bool:
    return os == "windows" and len(text) == 2 and text[1] == ":"
