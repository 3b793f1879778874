"""File identity: which paths name one file, on one host.

A file is its normalised path on its host, carried along when it, or a folder above it, is renamed or moved; what is
written to the old path afterwards is another file. Short (8.3) path components are resolved to the long names seen
beside them. Of a long path the key is the digest, and all that is remembered here is bounded.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..event import Event
from ..paths import ShortNames, key
from .digests import LONGEST, Digest, digested
from .recent import Recent

FileKey = tuple[str, str | Digest]

# How many moved files are remembered: of a flood the oldest are forgotten.
MOST_MOVED = 100_000


class Move(NamedTuple):
    """What came to a place, or has left it: the number of the move, the file's key, and the place that it came from."""

    number: int
    file: FileKey
    origin: FileKey


class FileKeys:
    """The keys of files, by host; learns long names and moves as it goes."""

    def __init__(self) -> None:
        self.short = ShortNames()
        self.moved: Recent[FileKey, Move] = Recent(MOST_MOVED)
        self.moves = 0

    def key(self, event: Event, path: object) -> FileKey | None:
        """The key of the file that an event names by a path, or None where it names none."""
        found = self._place(event, path)
        return self._file(found) if found is not None and self.moved else found

    def keys(self, event: Event, paths: object) -> Iterator[FileKey]:
        """The keys of one path or of several."""
        for path in paths if isinstance(paths, tuple) else (paths,):
            found = self.key(event, path)
            if found is not None:
                yield found

    def above(self, event: Event, paths: object) -> Iterator[FileKey]:
        """The same, and of each the keys of all folders above: on which mounted volume it may lie."""
        for path in paths if isinstance(paths, tuple) else (paths,):
            text = self._text(event, path) or ""
            separator = "\\" if "\\" in text else "/"
            while text:
                place = event.host, digested(text)
                yield self._file(place)
                # nothing is mounted deeper; and of a forged path all folders would be long texts by the million
                text = text[: LONGEST + 1].rpartition(separator)[0]

    def learn(self, event: Event) -> None:
        """Remember the long names in an event's file path, and where it moved a file."""
        path = event.fields.get("file.path")
        if event.os == "windows" and isinstance(path, str) and "~" not in path:
            self.short.learn(path, event.host)
        if "rename" in event.kinds:
            old, new = self._place(event, event.fields.get("file.previous_path")), self._place(event, path)
            if old is not None and new is not None and old != new:
                self._move(old, new)

    def _move(self, old: FileKey, new: FileKey) -> None:
        self.moves += 1
        self.moved[new] = Move(self.moves, self._file(old), old)
        # no path holds this character: whatever is at the old place from now on is none of the files before
        empty = old[0], f"{old[1]}\0{self.moves}"
        self.moved[old] = Move(self.moves, empty, empty)

    def _file(self, place: FileKey) -> FileKey:
        """The file at a place: of what has moved there, and of the folders above, the last move says whence it is."""
        host, text = place
        last, below = self.moved.get(place), ""
        if isinstance(text, str):
            separator = "\\" if "\\" in text else "/"
            cut = text.rfind(separator)
            while cut > 0:
                move = self.moved.get((host, text[:cut]))
                if move is not None and (last is None or move.number > last.number):
                    last, below = move, text[cut:]
                cut = text.rfind(separator, 0, cut)
        if last is None:
            return place
        if not below:
            return last.file
        for folder in (last.origin[1], last.file[1]):
            before = self.moved.get((host, digested(f"{folder}{below}")))
            if before is not None and before.number < last.number:  # it had been moved into the folder itself
                return before.file
        return host, digested(f"{last.file[1]}{below}")

    def _place(self, event: Event, path: object) -> FileKey | None:
        text = self._text(event, path)
        return None if text is None else (event.host, digested(text))

    def _text(self, event: Event, path: object) -> str | None:
        if not isinstance(path, str) or not path:
            return None
        if "~" in path:
            path = self.short.resolve(path, event.host)
        return key(path, event.os)
