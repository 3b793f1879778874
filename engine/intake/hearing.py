"""What all who listen have in common: what is sent to them cannot be read again, and it never ends by itself.

An address that cannot be had is no reason to read the other inputs: whoever sends there would go unheard for as long as
the run lasts. So it is raised at once, with the mend. Called by `listen`, `post` and `opening`.
"""

import errno

from .address import Address
from .source import Input, InputError

_MENDS = {
    errno.EADDRINUSE: "somebody listens there already: end that run, or name another address",
    errno.EEXIST: "name another file",
    errno.ENOENT: "make its folder first",
}
_FORBIDDEN = {"unix": "name a file in a folder that you may write to"}
_RESERVED = "ports below 1024 are the system's: name a higher one"


class ListenError(Exception):
    """Why nobody can be heard at an address, and what to do."""

    def __init__(self, address: Address, problem: OSError) -> None:
        super().__init__(f"{address} cannot be listened at: {(problem.strerror or str(problem)).lower()}")
        forbidden = _FORBIDDEN.get(address.way, _RESERVED)
        self.help = forbidden if problem.errno == errno.EACCES else _MENDS.get(problem.errno or 0, "")


class Hearing:
    """An input that others send to, as far as all ways are alike; else as `opening.Readable` says."""

    def __init__(self, input: Input) -> None:
        self.input = input
        self.consumed = 0
        self.error: InputError | None = None
        self.file: tuple[int, int] | None = None
        self.mark = b""

    @property
    def is_ready(self) -> bool:
        """Its descriptor tells."""
        return False

    def renew(self) -> bool:
        return False

    def skip(self, text: int, file: tuple[int, int] | None, mark: bytes) -> bool:
        """Nothing that was sent can be read again."""
        return False

    def settle(self) -> None:
        """Nobody waits for an answer."""
