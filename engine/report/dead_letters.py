"""Dead letters: lines that could not be used, one JSON object each, for somebody to look at and to send again.

    {"cause":"malformed JSON","input":"a.jsonl","line":17,"offset":10233,"length":6,"text":"{\\"a\\":"}

What is no UTF-8 stands there as `base64`; of a long line the beginning, `length` being that of the whole. Nothing in
it can steer a terminal. The command line gives `take` to the run as `on_bad`.
"""

import base64
import codecs
from typing import IO

import msgspec

from ..event import Origin
from .escape import escape_json

KEPT = 4_096  # bytes of one line
MOST = 64 << 20  # bytes of the file: after that lines are counted only

_utf8 = codecs.getincrementaldecoder("utf-8")


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `length` is missing where it was too long to be held, and with it what it says."""

    cause: str
    input: str
    line: int
    offset: int
    length: int | None = None
    text: str | None = None
    base64: str | None = None


class DeadLetters:
    """Writes each at once. `left`: bytes that the file may still take; `untold`: lines for which it had no room."""

    def __init__(self, out: IO[bytes], left: int = MOST) -> None:
        self._out = out
        self._left = left
        self.untold = 0

    def take(self, line: bytes | None, origin: Origin, cause: str) -> None:
        letter = escape_json(msgspec.json.encode(_letter(line, origin, cause)).decode()).encode() + b"\n"
        if len(letter) > self._left:
            self._left = 0  # a later, shorter one would look as if nothing were missing before it
            self.untold += 1
            return
        self._left -= len(letter)
        self._out.write(letter)
        self._out.flush()


def _letter(line: bytes | None, origin: Origin, cause: str) -> DeadLetter:
    place = (cause, origin.input, origin.line, origin.offset)
    if line is None:
        return DeadLetter(*place)
    head = line[:KEPT]
    try:
        # where the cut goes through a character, that is left out
        text = _utf8().decode(head, final=len(head) == len(line))
    except UnicodeDecodeError:
        return DeadLetter(*place, len(line), base64=base64.b64encode(head).decode())
    return DeadLetter(*place, len(line), text)
