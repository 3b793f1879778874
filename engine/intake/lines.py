"""Lines: chunks of bytes, cut anywhere, become numbered lines.

A `Splitter` belongs to one input and gives the same lines however its bytes were cut into chunks. It does not look
inside a line: NUL bytes and invalid UTF-8 go on to the decoder, which counts them. Called by `intake`.
"""

from collections.abc import Iterator

LONGEST = 16 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# 1-based number, offset of the first byte in the uncompressed text, the bytes without their line break;
# None for bytes: longer than the limit.
Line = tuple[int, int, bytes | None]


class Splitter:
    """Cuts at "\\n"; a "\\r" before it, and a byte order mark before everything, are not part of the line.

    A line longer than `longest` bytes is skipped as it comes, without being held.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._number = 0
        self._offset = 0
        self._parts: list[bytes] = []  # the line whose end has not come yet; empty when it is too long
        self._length = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that end in this chunk. Must be run to its end before the next chunk."""
        # Cutting a whole chunk in C and walking the pieces is about three times as fast as a `find` for each line.
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        if not pieces:
            self._hold(rest)
            return
        if self._length or (self._number == 0 and pieces[0].startswith(BYTE_ORDER_MARK)):
            yield self._held_line(pieces[0])
            pieces = pieces[1:]
        number, offset, longest = self._number, self._offset, self._longest
        for piece in pieces:
            number += 1
            size = len(piece)
            if size > longest:
                yield number, offset, None
            elif piece.endswith(b"\r"):
                yield number, offset, piece[:-1]
            else:
                yield number, offset, piece
            offset += size + 1
        self._number, self._offset = number, offset
        self._hold(rest)

    def take(self, chunk: bytes | None) -> Iterator[Line]:
        """The lines that end with what a pipe gave; None is nothing yet, and nothing at all its end."""
        if chunk is None:
            return iter(())
        return self.feed(chunk) if chunk else self.end()

    def end(self) -> Iterator[Line]:
        """The last line, where the text does not end with a line break."""
        if self._length:
            yield self._held_line(b"")

    @property
    def is_torn(self) -> bool:
        """Whether a line has begun that has not ended."""
        return self._length > 0

    def _hold(self, part: bytes) -> None:
        if part:
            self._length += len(part)
            if self._length <= self._longest:
                self._parts.append(part)
            else:
                self._parts.clear()

    def _held_line(self, rest: bytes) -> Line:
        size = self._length + len(rest)
        self._number += 1
        offset = self._offset
        self._offset += size + 1
        line = None if size > self._longest else b"".join((*self._parts, rest)).removesuffix(b"\r")
        self._parts.clear()
        self._length = 0
        if line is not None and self._number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        return self._number, offset, line
