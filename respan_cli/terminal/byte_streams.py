"""Reading all of a byte stream, and writing all of a text to one that accepts less than it is given."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import BinaryIO

SILENCE_NOTICE_S = 2.0
_CHUNK_SIZE = 1 << 20  # bytes


def read_all(stream: BinaryIO, on_silence: Callable[[], None]) -> bytes:
    """Everything on a stream, to its end.

    Args:
        on_silence: called if nothing has arrived after `SILENCE_NOTICE_S`.

    Raises:
        OSError: it cannot be read.
    """
    from respan_cli.terminal.background import BackgroundTask

    ready = threading.Event()  # the first bytes, or the end, have arrived
    # On another thread, so that Ctrl-C and the notice about silence work everywhere.
    reading = BackgroundTask(lambda: _read_to_end(stream, ready), name="respan-stdin").start()
    if not ready.wait(SILENCE_NOTICE_S):
        on_silence()
    return reading.result()


def _read_to_end(stream: BinaryIO, ready: threading.Event) -> bytes:
    chunks = []
    try:
        while chunk := _read_chunk(stream):
            chunks.append(chunk)
            ready.set()
    finally:
        ready.set()
    return b"".join(chunks)


def _read_chunk(stream: BinaryIO) -> bytes:
    while True:
        try:
            # Past the buffer: a thread that holds its lock when the program ends is a fatal error.
            return os.read(stream.fileno(), _CHUNK_SIZE)
        except (AttributeError, ValueError):
            return stream.read(_CHUNK_SIZE)
        except BlockingIOError:  # a pipe that another program has set to non-blocking
            select.select([stream], [], [])


def write_all(stream: BinaryIO, data: bytes) -> None:
    """Write all of `data`, and flush.

    An unbuffered stream (`PYTHONUNBUFFERED`) accepts only what still fits on a disk that is nearly full, and
    does not report the rest; a pipe that another program has set to non-blocking accepts what fits in it.

    Raises:
        OSError, ValueError: nothing more can be written.
    """
    rest = memoryview(data)
    while rest:
        try:
            accepted = stream.write(rest)
        except BlockingIOError as full:
            accepted = full.characters_written
        rest = rest[accepted or 0 :]
        if not accepted:
            _wait_until_writable(stream)
    while True:
        try:
            stream.flush()
        except BlockingIOError:
            _wait_until_writable(stream)
        else:
            return


def _wait_until_writable(stream: BinaryIO) -> None:
    from select import select

    select([], [stream], [])
