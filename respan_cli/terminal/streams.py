"""Reading all of a stream beside us, and writing all of a text to one that takes less than it is given."""

from __future__ import annotations

import os
import select
import threading
from typing import BinaryIO

_CHUNK = 1 << 20


class Reader(threading.Thread):
    """Reads a stream to its end beside us, so that Ctrl-C and the notice about silence work everywhere."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.chunks: list[bytes] = []
        self.failure: OSError | None = None
        self.stirred = threading.Event()  # the first bytes, or the end, have come

    def run(self) -> None:
        try:
            while chunk := self._read():
                self.chunks.append(chunk)
                self.stirred.set()
        except OSError as error:
            self.failure = error
        self.stirred.set()

    def _read(self) -> bytes:
        while True:
            try:
                # Past the buffer: a thread that holds its lock when the program ends is a fatal error.
                return os.read(self._stream.fileno(), _CHUNK)
            except (AttributeError, ValueError):
                return self._stream.read(_CHUNK)
            except BlockingIOError:  # a pipe that another program has set not to wait
                select.select([self._stream], [], [])


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all of it, and flush.

    Args:
        stream: where to.
        data: what.

    An unbuffered stream (`PYTHONUNBUFFERED`) takes what a disk that is nearly full has left, and says nothing
    of the rest; a pipe that another program has set not to wait takes what there is room for.

    Raises:
        OSError, ValueError: nothing more can be written.
    """
    left = memoryview(data)
    while left:
        try:
            taken = stream.write(left)
        except BlockingIOError as full:
            taken = full.characters_written
        left = left[taken or 0 :]
        if not taken:
            _wait_for_room(stream)
    while True:
        try:
            stream.flush()
        except BlockingIOError:
            _wait_for_room(stream)
        else:
            return


def _wait_for_room(stream: BinaryIO) -> None:
    from select import select

    select([], [stream], [])
