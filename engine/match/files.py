"""File identity: which paths name one file, on one host.

A file is its normalised path on its host, carried along when it is renamed or moved; what is written to the old path
afterwards is another file. Short (8.3) path components are resolved to the long names seen beside them.
"""

from collections.abc import Iterable

from ..event import Event
from ..paths import ShortNames, key

FileKey = tuple[str, str]

# How many moved files are remembered; of a flood of renames the oldest are forgotten.
MOST_MOVED = 100_000


class FileKeys:
    """The keys of files, by host; learns long names and moves as it goes."""

    def __init__(self) -> None:
        self.short: dict[str, ShortNames] = {}
        self.moved: dict[FileKey, FileKey] = {}
        self.moves = 0

    def key(self, event: Event, path: object) -> FileKey | None:
        """The key of the file that an event names by a path, or None where it names none."""
        found = self._place(event, path)
        return self.moved.get(found, found) if found is not None and self.moved else found

    def keys(self, event: Event, paths: object) -> Iterable[FileKey]:
        """The keys of one path or of several."""
        for path in paths if isinstance(paths, tuple) else (paths,):
            found = self.key(event, path)
            if found is not None:
                yield found

    def learn(self, event: Event) -> None:
        """Remember the long names in an event's file path, and where it moved a file."""
        path = event.fields.get("file.path")
        if event.os == "windows" and isinstance(path, str) and "~" not in path:
            self._names(event.host).learn(path)
        if "rename" in event.kinds:
            old, new = self._place(event, event.fields.get("file.previous_path")), self._place(event, path)
            if old is not None and new is not None and old != new:
                self._move(old, new)

    def _move(self, old: FileKey, new: FileKey) -> None:
        self.moves += 1
        self._remember(new, self.moved.get(old, old))
        # no path holds this character: whatever is at the old place from now on is none of the files before
        self._remember(old, (old[0], f"{old[1]}\0{self.moves}"))

    def _remember(self, place: FileKey, file: FileKey) -> None:
        self.moved.pop(place, None)
        if len(self.moved) >= MOST_MOVED:
            del self.moved[next(iter(self.moved))]
        self.moved[place] = file

    def _place(self, event: Event, path: object) -> FileKey | None:
        if not isinstance(path, str) or not path:
            return None
        if "~" in path:
            path = self._names(event.host).resolve(path)
        return event.host, key(path, event.os)

    def _names(self, host: str) -> ShortNames:
        names = self.short.get(host)
        if names is None:
            names = self.short[host] = ShortNames()
        return names
