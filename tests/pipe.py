"""Data that comes through a pipe."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def piped(data: bytes) -> Iterator[int]:
    """The end at which it is read. It must be read to its end."""
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield reader
    finally:
        thread.join()
        os.close(reader)
