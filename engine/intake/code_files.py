"""Which files a process start runs as code besides its image: an interpreter's script, a host program's library.

`wscript x.vbs`, `powershell -File y.ps1`, `rundll32 a.dll,Entry`, `java -jar b.jar`, `bash -c ". c"`. It reads what
is written on the command line; what a script loads by itself is not there. Called by `normalise` for `exec.path`, and
for `open.path`, the files that a program was given.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote

from chainrun.engine import paths

# A path that is none: addresses, and code given on the command line itself.
_NO_FILE = re.compile(r"[a-z][a-z0-9+.-]+:(?![\\/]?[^/\\]*\\)", re.I)
_DRIVE = re.compile(r"[A-Za-z]:")


def code_files(args: tuple[str, ...], os: str, directory: str | None) -> tuple[str, ...]:
    """The files that a command line gives an interpreter to run; relative ones stand in the working directory."""
    if len(args) < 2:
        return ()
    program = paths.name(args[0], os).casefold().removesuffix(".exe")
    find = _INTERPRETERS.get(program) or _INTERPRETERS.get(program.rstrip("0123456789."))
    if find is None:
        return ()
    words = map(_path, find(args[1:]))
    return tuple(dict.fromkeys(placed(word, os, directory) for word in words if _is_file(word)))


def documents(args: tuple[str, ...], os: str, directory: str | None) -> tuple[str, ...]:
    """The files that a program may have been started to open: its arguments but for options and addresses. That a
    word is the name of a file nobody can tell from the word; it is one where a file of that name was written."""
    words = (_path(word) for word in args[1:_MOST_DOCUMENTS] if word[:1] != "-" and "\n" not in word)
    return tuple(dict.fromkeys(placed(word, os, directory) for word in words if _is_file(word)))


_MOST_DOCUMENTS = 64


def _path(word: str) -> str:
    """The path of a file's URL; any other word as it is."""
    if word[:8].casefold() == "file:///":
        path = unquote(word[7:])
        return path[1:] if _DRIVE.match(path, 1) else path
    return word


def _is_file(word: str) -> bool:
    return bool(word) and "\0" not in word and (_DRIVE.match(word) is not None or _NO_FILE.match(word) is None)


# Libraries that command lines name without a folder, and mean Windows' own wherever they stand.
_SYSTEM_LIBRARIES = frozenset(
    f"{name}.dll"
    for name in (
        *("advpack", "comsvcs", "davclnt", "dfshim", "ieadvpack", "ieframe", "keymgr", "kernel32", "mshtml", "ole32"),
        *("pcwutl", "powrprof", "printui", "pubprn", "scrobj", "scrrun", "setupapi", "shdocvw", "shell32", "shimgvw"),
        *("syssetup", "themeui", "url", "user32", "uxtheme", "wininet", "zipfldr"),
    )
)


def placed(word: str, os: str, directory: str | None) -> str:
    """A path as it stands on a command line, or in a system call, as one from the root."""
    absolute = word[0] in "\\/%~$" or _DRIVE.match(word) is not None
    if absolute or not directory or _is_system(word):
        return paths.normalise(word, os)
    separator = "\\" if os == "windows" else "/"
    while word[:2] in (".\\", "./"):
        word = word[2:]
    return paths.normalise(directory.rstrip("\\/") + separator + word, os)


def _is_system(word: str) -> bool:
    """Whether a name without a folder is a library of Windows' own, or a panel, which Windows seeks in its folder."""
    folded = word.casefold()
    return folded.endswith(".cpl") or (folded if "." in folded else f"{folded}.dll") in _SYSTEM_LIBRARIES


# -- one function for each way of naming the code ----------------------------------------

_Find = Callable[[tuple[str, ...]], Iterable[str]]


def _is_option(word: str) -> bool:
    return word[:1] in "-/"


def _first_word(args: tuple[str, ...]) -> Iterable[str]:
    """The first argument that is no option of Windows' kind."""
    return next(([word] for word in args if not _is_option(word)), [])


def _first_unless(*codes: str) -> _Find:
    """The first argument that is no option, unless an option before it says that code follows, or a module's name."""

    def find(args: tuple[str, ...]) -> Iterable[str]:
        for word in args:
            if word in codes or any(len(c) == 2 and word.startswith(c) and word[:2] != "--" for c in codes):
                return []
            if word[:1] != "-":
                return [word]
        return []

    return find


def _after(*options: str) -> _Find:
    """The argument after one of the options, or glued to it."""

    def find(args: tuple[str, ...]) -> Iterable[str]:
        for at, word in enumerate(args):
            folded = word.casefold()
            for option in options:
                if folded == option and at + 1 < len(args):
                    return [args[at + 1]]
                if folded.startswith(option) and len(word) > len(option) and word[len(option)] in '"\\:':
                    return [word[len(option) :].lstrip(":")]
        return []

    return find


def _powershell(args: tuple[str, ...]) -> Iterable[str]:
    """`-File` may be written as short as `-f`; a script can also stand in the command's text."""
    for at, word in enumerate(args):
        option = word.casefold().lstrip("-/–")
        if word[:1] in "-/–" and option and "file".startswith(option) and at + 1 < len(args):
            return [args[at + 1]]
    return _ending(args, ".ps1")


def _cmd(args: tuple[str, ...]) -> Iterable[str]:
    return _ending(args, ".bat", ".cmd")


def _ending(args: tuple[str, ...], *extensions: str) -> list[str]:
    """The arguments that end so; one that is a whole command is looked into."""
    found: list[str] = []
    for arg in args:
        words = [arg] if arg.casefold().endswith(extensions) and '"' not in arg and "'" not in arg else []
        if not words and any(extension in arg.casefold() for extension in extensions):
            words = re.split(r"[\s\"'&|;()]+", arg)
        for word in (w.strip("\"'&|;()@") for w in words):
            if word.casefold().endswith(extensions):
                found.append(word)
    return found


def _rundll32(args: tuple[str, ...]) -> Iterable[str]:
    """`x.dll,Entry`; and the control panel file that Shell32's Control_RunDLL is given."""
    library = next(iter(_first_word(args)), "").partition(",")[0]
    return [library, *(word.rstrip(",").partition(".cpl,")[0] for word in args if _is_panel(word))]


def _control(args: tuple[str, ...]) -> Iterable[str]:
    return [word.rstrip(",") for word in args if _is_panel(word)]


def _is_panel(word: str) -> bool:
    return word.casefold().rstrip(",").endswith(".cpl")


def _regsvr32(args: tuple[str, ...]) -> Iterable[str]:
    """The libraries, and the scriptlet behind `/i:`."""
    return [
        word[3:] if word[:3].casefold() in ("/i:", "-i:") else word
        for word in args
        if not _is_option(word) or word[:3].casefold() in ("/i:", "-i:")
    ]


def _words(args: tuple[str, ...]) -> Iterable[str]:
    return [word for word in args if not _is_option(word)]


_SOURCED = re.compile(r"(?:^|[;&|{(\n])[^\S\n]*(?:source|\.)\s+(?:--\s+)?(\"[^\"]*\"|'[^']*'|[^\s;&|)]+)")


def _shell(args: tuple[str, ...]) -> Iterable[str]:
    """The script, and start-up files named by option; of code on the command line (`-c`) the files that it sources."""
    found: list[str] = []
    at = 0
    while at < len(args):
        word = args[at]
        if word in ("--rcfile", "--init-file") and at + 1 < len(args):
            found.append(args[at + 1])
            at += 1
        elif word in ("-o", "+o", "-O", "+O"):
            at += 1  # the name of a setting follows
        elif word[:1] not in "-+" or word in ("-", "--"):
            return [*found, *args[at + (word in ("-", "--")) :][:1]]
        elif word[:2] != "--" and "c" in word:
            code = next((arg for arg in args[at + 1 :] if arg[:1] not in "-+"), "")
            return [*found, *(file.strip("\"'") for file in _SOURCED.findall(code))]
        at += 1
    return found


def _launcher(args: tuple[str, ...]) -> Iterable[str]:
    """The desktop entries that a desktop's launcher is given: they say which command to run."""
    return [word for word in args if word.casefold().endswith(".desktop")]


_INTERPRETERS: dict[str, _Find] = {
    **dict.fromkeys(("wscript", "cscript", "mshta", "hh"), _first_word),
    **dict.fromkeys(("powershell", "pwsh", "powershell_ise"), _powershell),
    "cmd": _cmd,
    "rundll32": _rundll32,
    "regsvr32": _regsvr32,
    "control": _control,
    "msiexec": _after("/i", "-i", "/package", "-package", "/a", "-a", "/y", "-y", "/z", "-z", "/update", "/p"),
    **dict.fromkeys(("installutil", "regasm", "regsvcs", "msbuild"), _words),
    **dict.fromkeys(("java", "javaw"), _after("-jar")),
    **dict.fromkeys(("python", "pythonw", "py", "pypy"), _first_unless("-c", "-m")),
    **dict.fromkeys(("perl", "ruby", "lua", "rscript"), _first_unless("-e", "-E")),
    **dict.fromkeys(("node", "nodejs"), _first_unless("-e", "-p", "--eval", "--print")),
    "php": _first_unless("-r"),
    **dict.fromkeys(("sh", "bash", "zsh", "dash", "ksh", "mksh", "ash"), _shell),
    "fish": _first_unless("-c"),
    **dict.fromkeys(("xdg-open", "gio", "kde-open", "kde-open5", "kioclient", "exo-open", "dex"), _launcher),
    "osascript": _first_unless("-e"),
}
