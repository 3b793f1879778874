"""Where a value stands in a raw record: the keys to follow, outermost first.

Written with dots, a key that itself holds a dot or any odd character in double quotes: `Event.System.EventID`,
`"id.orig_h"`, `winlog.event_data."#text"`. Read by `spec`, followed by `intake.decode`.
"""

import re

RawPath = tuple[str, ...]

_KEY = re.compile(r'"([^"]+)"|([^".|()\s]+)')


def parse_path(text: str) -> RawPath | None:
    """The keys of a written path, or None where it is not one."""
    keys: list[str] = []
    at = 0
    while True:
        key = _KEY.match(text, at)
        if key is None:
            return None
        keys.append(key[1] or key[2])
        at = key.end()
        if at == len(text):
            return tuple(keys)
        if text[at] != ".":
            return None
        at += 1


def show_path(path: RawPath) -> str:
    """The path as it is written."""
    return ".".join(f'"{key}"' if re.search(r'[".|()\s]', key) else key for key in path)
