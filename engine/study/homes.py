r"""Where a file lies, for any user: `C:\Users\ada\Downloads\a.exe` is `~\Downloads\a.exe`, and lies in `~\Downloads`.

The way back from `match.locations`, which knows what `~` stands for. Called by `proposals`.
"""

import re

_HOME = re.compile(r"(?:[A-Za-z]:\\Users\\[^\\]+|/home/[^/]+|/Users/[^/]+|/root)(?=[\\/]|$)")


def at_home(path: str) -> str:
    """The path with `~` for a user's folder; another path as it is."""
    found = _HOME.match(path)
    return f"~{path[found.end() :]}" if found is not None else path


def folder_of(path: str) -> str:
    """The folder of a file, without the separator at its end; of one at the root the root."""
    at = max(path.rfind("/"), path.rfind("\\"))
    return path[:at] or path[: at + 1]
