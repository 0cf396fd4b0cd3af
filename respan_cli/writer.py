"""All of what is to be written, to streams that take less than they are given."""

from __future__ import annotations

from typing import BinaryIO


def pour(stream: BinaryIO, data: bytes) -> None:
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
