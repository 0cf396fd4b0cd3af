"""The lines of a stream, each as soon as it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from select import select
from typing import BinaryIO

_CHUNK_BYTES = 1 << 16


def read_lines(stream: BinaryIO, limit: int) -> Iterator[bytes]:
    """The lines of a stream, with their newlines; the last may have none.

    Args:
        stream: what to read. Its own buffer is passed by: a thread that holds the lock of that when the
            program ends is a fatal error.
        limit: bytes after which a line without an end is given as it is.

    Raises:
        OSError: it cannot be read.
    """
    rest: list[bytes] = []
    size = 0
    while chunk := _read(stream):
        *ended, last = chunk.split(b"\n")
        for line in ended:
            yield b"".join([*rest, line, b"\n"])
            rest, size = [], 0
        rest.append(last)
        size += len(last)
        if size > limit:
            yield b"".join(rest)
            rest, size = [], 0
    if size:
        yield b"".join(rest)


def _read(stream: BinaryIO) -> bytes:
    while True:
        try:
            return os.read(stream.fileno(), _CHUNK_BYTES)
        except (AttributeError, ValueError):  # a buffer of the tests
            return stream.read(_CHUNK_BYTES)
        except BlockingIOError:  # a pipe that another program has set not to wait
            select([stream], [], [])
