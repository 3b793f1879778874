"""Opening: what reads an input, by the way it comes in."""

from typing import IO, Protocol

from .follow import Follower
from .source import Input, InputError, Reader


class Readable(Protocol):
    """What `Reader`, of files and pipes, and its like for other ways in have in common.

    file    which file it is, by device and number; None of what is none
    mark    the last bytes that were read of a file that is followed
    renew   whether another file took the place of the one that has been read
    settle  told, before more is waited for, that all that came of what was read has been dealt with
    """

    input: Input
    consumed: int
    error: InputError | None
    file: tuple[int, int] | None
    mark: bytes

    @property
    def is_ready(self) -> bool: ...
    def fileno(self) -> int | None: ...
    def read(self) -> bytes | None: ...
    def renew(self) -> bool: ...
    def settle(self) -> None: ...
    def skip(self, text: int, file: tuple[int, int] | None, mark: bytes) -> bool: ...
    def close(self) -> None: ...


def open_input(input: Input, stdin: IO[bytes] | int = 0) -> Readable:
    """What reads an input. Never raises: what is wrong is its `error`."""
    if input.is_followed:
        return Follower(input)
    if input.address is None:
        return Reader(input, stdin)
    # those who listen are few, and a server takes time to import
    if input.address.way == "http":
        from .post import PostListener

        return PostListener(input, input.address)
    from .listen import Listener

    return Listener(input, input.address)
