r"""One name for one file: the many spellings of a path, undone.

`normalise` gives the form to show and to keep in an event, `key` the form to compare and to join by, `ShortNames`
undoes the 8.3 names of one host. Text only: nothing here touches a file system. Used by the formats (`intake`), by
file identity and by the words of chains.
"""

import re
import unicodedata
from collections import OrderedDict

PLATFORMS = ("windows", "linux", "macos")

# What may stand before a Windows path, in any order and more than once (`\\?\GLOBALROOT\Device\...`).
_NT_PREFIX = re.compile(
    r"(?:[\\/]{2}[?.]|[\\/]\?\?)[\\/](?=UNC[\\/]|[A-Za-z]:|GLOBALROOT[\\/]|HarddiskVolume\d+[\\/])", re.I
)
_GLOBAL_ROOT = re.compile(r"GLOBALROOT(?=[\\/])", re.I)
_UNC = re.compile(r"UNC[\\/]", re.I)
_REDIRECTOR = re.compile(r"\\Device\\(?:Mup|LanmanRedirector)\\(?:;[^\\]*\\)*", re.I)
_SYSTEM_ROOT = re.compile(r"(?:[\\/]SystemRoot|%SystemRoot%|%windir%)(?=[\\/]|$)", re.I)

# A drive letter is not in the record: volume numbers are given at boot, and only the host's mount table names them. We
# take every volume for C:, an assumption that is right for nearly all that telemetry speaks of (programs, profiles,
# temporary files) and without which a source that writes NT paths never joins one that writes drive letters. Where
# it is wrong, a file of another volume is taken for the one of the same path on C:. A shadow copy
# (`HarddiskVolumeShadowCopy1`) is no such volume and keeps its name.
_VOLUME = re.compile(r"(?:[\\/]Device[\\/])?HarddiskVolume\d+(?=[\\/]|$)", re.I)

# macOS: /var, /tmp and /etc are links into /private; everything of the user lies on the Data volume behind firmlinks.
_PRIVATE = re.compile(r"/private(?=/(?:var|tmp|etc)(?:/|$))", re.I)
_DATA_VOLUME = re.compile(r"/System/Volumes/Data(?=/|$)", re.I)

_DRIVE = re.compile(r"[A-Za-z]:")
_DELETED = " (deleted)"  # what Linux adds to /proc/PID/exe once the file is gone


def platform_of(os: str, text: str) -> str:
    """The platform whose rules a path or program name follows: the event's own, else what the text looks like."""
    if os in PLATFORMS:
        return os
    if "\\" in text or _DRIVE.match(text) or text[-4:].lower() == ".exe":
        return "windows"
    return "linux"


def fold(text: str, os: str) -> str:
    """The text as the platform's file system compares it. APFS and NTFS ignore case, and APFS the composition of
    letters too; Linux ignores neither."""
    if os == "windows":
        return text.casefold()
    if os == "macos":
        return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text.casefold())
    return text


def normalise(path: str, os: str) -> str:
    r"""The path as a person would write it: `\\?\C:\a`, `\??\C:\a`, `\Device\HarddiskVolume3\a` are `C:\a`."""
    os = platform_of(os, path)
    if os == "windows":
        return _normalise_windows(path)
    if os == "macos":
        if path[:8].lower() == "/system/" and (found := _DATA_VOLUME.match(path)):
            path = path[found.end() :] or "/"
        if path[:9].lower() == "/private/" and (found := _PRIVATE.match(path)):
            path = path[found.end() :]
        return path
    return path.removesuffix(_DELETED) if path.endswith(_DELETED) and path.startswith("/") else path


def _normalise_windows(path: str) -> str:
    if _DRIVE.match(path):  # nearly all
        return path
    if found := _NT_PREFIX.match(path):
        path = path[found.end() :]
        if found := _GLOBAL_ROOT.match(path):
            path = path[found.end() :]
    if found := _UNC.match(path):
        return "\\\\" + path[found.end() :]
    if found := _VOLUME.match(path):
        return "C:" + (path[found.end() :] or "\\")
    if found := _REDIRECTOR.match(path):
        return "\\\\" + path[found.end() :]
    if found := _SYSTEM_ROOT.match(path):
        return "C:\\Windows" + path[found.end() :]
    return path


def key(path: str, os: str) -> str:
    r"""The path to compare by: normalised, one kind of separator, no `.` or `..`, no separator at the end, and folded
    where the platform ignores case. Two spellings of one file have one key."""
    os = platform_of(os, path)
    if os == "windows" and _is_settled(path):
        return path.casefold()
    path = normalise(path, os)
    if os == "windows":
        path = path.replace("/", "\\")
        separator, root = "\\", _windows_root(path)
    else:
        separator, root = "/", ("/" if path.startswith("/") else "")
    rest = path[len(root) :]
    if separator + "." in path or separator * 2 in rest or rest[:1] in (".", separator) or rest.endswith(separator):
        path = root + separator.join(_segments(rest, separator, rooted=bool(root)))
    return fold(path, os)


def _is_settled(path: str) -> bool:
    """Whether a Windows path is written as its key is but for its case, as nearly all are (a third of the time)."""
    return (
        path[1:3] == ":\\"
        and path[0].isalpha()
        and path[0].isascii()
        and "/" not in path
        and "\\." not in path
        and "\\\\" not in path
        and path[-1] != "\\"
    )


def _windows_root(path: str) -> str:
    if path[:4] in ("\\\\.\\", "\\\\?\\"):  # a device that no prefix rule took away, as a pipe
        return path[:4]
    return path[: len(path) - len(path.lstrip("\\"))][:2]


def _segments(rest: str, separator: str, *, rooted: bool) -> list[str]:
    kept: list[str] = []
    for segment in rest.split(separator):
        if segment in ("", "."):
            continue
        if segment == "..":
            if kept and kept[-1] != ".." and not _is_drive(kept):
                kept.pop()
                continue
            if rooted or _is_drive(kept):
                continue  # above the root is the root
        kept.append(segment)
    return kept


def _is_drive(segments: list[str]) -> bool:
    return len(segments) == 1 and len(segments[0]) == 2 and segments[0][1] == ":"


def name(path: str, os: str) -> str:
    r"""The last segment: `C:\a\b.exe` and `/a/b.exe` give `b.exe`. On Linux and macOS a backslash is a letter."""
    cut = path.rfind("/")
    if os != "linux" and os != "macos":
        cut = max(cut, path.rfind("\\"))
    return path[cut + 1 :]


def split_stream(path: str) -> tuple[str, str | None]:
    r"""A Windows path and the alternate data stream behind it: `C:\x\a.exe:Zone.Identifier` is `C:\x\a.exe` and
    `Zone.Identifier`. The drive's colon starts no stream, `::$DATA` is the file itself, and a path that is not a
    Windows one has none: elsewhere a colon is a letter like any other."""
    # beside a drive's there is no colon in nearly any path
    if path.find(":", 2) < 0 and (":" not in path or path[0].isalpha()):
        return path, None
    if not ("\\" in path or _DRIVE.match(path)):
        return path, None
    start = max(path.rfind("\\"), path.rfind("/")) + 1
    if _DRIVE.match(path, start) and not path[:start].strip("\\/?."):
        start += 2  # a bare drive, `C:` or `\\?\C:`
    colon = path.find(":", start)
    if colon < 0:
        return path, None
    stream = path[colon + 1 :]
    stream = stream.rsplit(":", 1)[0] if ":" in stream else stream  # the stream's type, `:$DATA`
    return path[:colon], stream or None


# -- 8.3 names ----------------------------------------

_SHORT = re.compile(r"([^~\\/.]{1,6})~(\d{1,6})(?:\.([^.\\/]{1,3}))?")
_PLAIN = re.compile(r"[^ .+,;=\[\]]{1,8}(?:\.[^ .+,;=\[\]]{1,3})?")  # a name that is its own short name
_LONGEST_PLAIN = len("FILENAME.EXT")
_STEM = str.maketrans({" ": None, ".": None, **dict.fromkeys("+,;=[]", "_")})

# These three begin alike, stand in every root, and are numbered in the order in which Windows' set-up makes them.
_ROOT_NAMES = {"progra~1": "Program Files", "progra~2": "Program Files (x86)", "progra~3": "ProgramData"}

_LONGEST, _DEEPEST = 4096, 64  # a longer or deeper path is not looked into


class ShortNames:
    r"""The long names behind the 8.3 names of hosts' paths: `STEVIE~1.MAR` is `stevie.marie`.

    The short name is not in most records, and is not a function of the long one alone (the number). So the long names
    that were seen are remembered by folder and by what their short name must begin with; a short one that fits exactly
    one of them is it, and any other is left as it is. Memory is bounded, for all hosts together: what was not seen for
    the longest time is forgotten.
    """

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        # (host and folder's key, first letters, extension) -> the long name, or None where two fit
        self._long: OrderedDict[tuple[str, str, str], str | None] = OrderedDict()
        self._forgotten = 0
        # folders learnt lately, host and as written -> key: all but the last segment of most paths is known (5x faster)
        self._folders: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._long)

    def learn(self, path: str, host: str = "") -> None:
        """Remember the long segments of a Windows path."""
        folder, separator, segment = path.rpartition("\\")
        if not separator or len(path) > _LONGEST:
            return
        place = f"{host}\0{folder}"
        known = self._folders.get(place)
        if known is None:
            if folder.count("\\") >= _DEEPEST:
                return
            self.learn(folder, host)
            known = f"{host}\0{self.resolve(folder, host).casefold()}"
            if len(self._folders) >= self._limit // 4:
                self._folders.clear()
            self._folders[place] = known
        if len(segment) <= _LONGEST_PLAIN and _PLAIN.fullmatch(segment):
            return
        if 0 < len(segment) <= 255 and not ("~" in segment and _SHORT.fullmatch(segment)):
            self._remember((known, *_stem(segment)), segment)

    def _remember(self, entry: tuple[str, str, str], segment: str) -> None:
        known = self._long.setdefault(entry, segment)
        self._long.move_to_end(entry)
        if known is not None and known != segment and known.casefold() != segment.casefold():
            self._long[entry] = None
        if len(self._long) > self._limit:
            self._long.popitem(last=False)
            self._forgotten += 1
            if self._forgotten % max(self._limit // 4, 1) == 0:
                self._folders.clear()  # so that a folder in use is met afresh before its name is the oldest

    def resolve(self, path: str, host: str = "") -> str:
        """The path with every 8.3 segment replaced whose long name is known beyond doubt."""
        if "~" not in path or len(path) > _LONGEST:
            return path
        resolved: list[str] = []
        folder = ""
        for segment in path.split("\\"):
            long = self._resolve_segment(host, folder, segment) if "~" in segment else segment
            resolved.append(long)
            folder = f"{folder}\\{long.casefold()}" if folder else long.casefold()
        return "\\".join(resolved)

    def _resolve_segment(self, host: str, folder: str, segment: str) -> str:
        found = _SHORT.fullmatch(segment)
        if found is None:
            return segment
        if len(folder) == 2 and (fixed := _ROOT_NAMES.get(segment.casefold())):
            return fixed
        letters, _, extension = found.groups()
        long = self._long.get((f"{host}\0{folder}", letters.casefold(), (extension or "").casefold()))
        return segment if long is None else long


def _stem(segment: str) -> tuple[str, str]:
    """What the short name of a long one begins with, and its extension."""
    stem, dot, extension = segment.lstrip(".").rpartition(".")
    if not dot:
        stem, extension = extension, ""
    return stem.casefold().translate(_STEM)[:6], extension.casefold().translate(_STEM)[:3]
