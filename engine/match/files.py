"""File identity: which paths name one file, on one host.

A file is its normalised path on its host. Short (8.3) path components are resolved to the long names seen beside them.
"""

from collections.abc import Iterable

from ..event import Event
from ..paths import ShortNames, key

FileKey = tuple[str, str]


class FileKeys:
    """The keys of files, by host; learns long names as it goes."""

    def __init__(self) -> None:
        self.short: dict[str, ShortNames] = {}

    def key(self, event: Event, path: object) -> FileKey | None:
        """(host, path key) of a path that an event names, or None where it names none."""
        if not isinstance(path, str) or not path:
            return None
        if "~" in path:
            path = self._names(event.host).resolve(path)
        return event.host, key(path, event.os)

    def keys(self, event: Event, paths: object) -> Iterable[FileKey]:
        """The keys of one path or of several."""
        for path in paths if isinstance(paths, tuple) else (paths,):
            found = self.key(event, path)
            if found is not None:
                yield found

    def learn(self, event: Event) -> None:
        """Remember the long names in an event's file path."""
        path = event.fields.get("file.path")
        if event.os == "windows" and isinstance(path, str) and "~" not in path:
            self._names(event.host).learn(path)

    def _names(self, host: str) -> ShortNames:
        names = self.short.get(host)
        if names is None:
            names = self.short[host] = ShortNames()
        return names
