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


class Cut:
    """The lines that one chunk of an input ended, in order.

    first     the line that began in an earlier chunk, or with a byte order mark
    pieces    those behind it, each still with a "\\r" at its end
    is_short  none of these is longer than a line may be
    """

    __slots__ = ("_longest", "_number", "_offset", "_passed", "first", "is_short", "pieces")

    def __init__(self, number: int, offset: int, longest: int, first: Line | None, pieces: list[bytes]) -> None:
        self._number = number  # of the first piece
        self._offset = offset  # of the piece that is the next to be asked for
        self._passed = 0  # pieces before that
        self._longest = longest
        self.is_short = not pieces or max(map(len, pieces)) <= longest
        self.first = first
        self.pieces = pieces

    def line(self, at: int) -> Line:
        """The line of a piece. To be asked for in order; some may be left out."""
        passed, pieces = self._passed, self.pieces
        if at > passed:
            self._offset += sum(map(len, pieces[passed:at])) + at - passed
        piece, offset = pieces[at], self._offset
        size = len(piece)
        self._passed = at + 1
        self._offset += size + 1
        if size > self._longest:
            return self._number + at, offset, None
        return self._number + at, offset, piece[:-1] if piece.endswith(b"\r") else piece

    def __iter__(self) -> Iterator[Line]:
        if self.first is not None:
            yield self.first
        for at in range(len(self.pieces)):
            yield self.line(at)


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

    def feed(self, chunk: bytes) -> Cut:
        """The lines that end in this chunk."""
        # Cutting a whole chunk in C and walking the pieces is about three times as fast as a `find` for each line.
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        first = None
        size = len(chunk) - len(rest)
        if pieces and (self._length or (self._number == 0 and pieces[0].startswith(BYTE_ORDER_MARK))):
            piece = pieces.pop(0)
            size -= len(piece) + 1
            first = self._held_line(piece)
        cut = Cut(self._number + 1, self._offset, self._longest, first, pieces)
        self._number += len(pieces)
        self._offset += size
        self._hold(rest)
        return cut

    def take(self, chunk: bytes | None) -> Cut:
        """The lines that end with what a pipe gave; None is nothing yet, and nothing at all its end."""
        return self.end() if chunk == b"" else self.feed(chunk or b"")

    def end(self) -> Cut:
        """The last line, where the text does not end with a line break."""
        first = self._held_line(b"") if self._length else None
        return Cut(self._number, self._offset, self._longest, first, [])

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
