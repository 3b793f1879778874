"""Opening: what reads an input, by the way it comes in."""

from collections.abc import Sequence
from typing import IO, Protocol

from .address import Address
from .follow import Follower
from .hearing import ListenError
from .held import Held
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


class Opening:
    """Opens the inputs of a run, each once."""

    def __init__(self, inputs: Sequence[Input], stdin: IO[bytes] | int = 0) -> None:
        self._inputs = inputs
        self._stdin = stdin
        self._heard: dict[int, Readable] = {}  # by rank: what is listened at, and not read yet

    def listen(self) -> None:
        """Begins to listen at every address, so that it is known before anything is read; raises ListenError, and
        listens at none, where one cannot be had."""
        try:
            for input in self._inputs:
                if input.address is not None and input.rank not in self._heard:
                    self._heard[input.rank] = listening(input, input.address)
        except ListenError:
            for reader in self._heard.values():
                reader.close()
            self._heard.clear()
            raise

    def open(self, input: Input, held: Held) -> Readable:
        """What reads an input, from where it was left. Never raises once all is listened at: what is wrong with a file
        is its `error`."""
        reader: Readable
        if input.is_followed:
            reader = Follower(input)
        else:
            reader = self._heard[input.rank] if input.address is not None else Reader(input, self._stdin)
        place = held.places[input.rank]
        is_begun = place.text > 0 or place.file is not None
        is_known = is_begun and not input.is_pipe and reader.error is None
        if is_known and not reader.skip(place.text, place.file, place.mark):
            is_begun = False
            held.begin(input)
        if input.is_followed and not is_begun:  # by which it is found again, though nothing has been read of it
            held.begin(input, reader.file)
        return reader


def listening(input: Input, address: Address) -> Readable:
    """What listens at an address; raises ListenError. Those who listen are few, and a server takes time to import."""
    if address.way == "http":
        from .post import PostListener

        return PostListener(input, address)
    from .listen import Listener

    return Listener(input, address)
