"""A file that one process at a time changes, whole or not at all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_INTERVAL_S = 0.05


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, which ends with this process however that ends.

    Args:
        path: the file, its symbolic links resolved; it need not exist.
        on_wait: called once, if another process holds the lock.

    Raises:
        OSError: the lock cannot be made.
    """
    lock = path.with_name(f".{path.name}.lock")
    handle = _acquire(lock)
    if handle is None:
        on_wait()
        while (handle := _acquire(lock)) is None:
            time.sleep(POLL_INTERVAL_S)  # a blocking call could miss Ctrl-C in the moment before it
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()  # while it is held: whoever waits for it sees that the file is gone
        os.close(handle)


def _acquire(lock: Path) -> int | None:
    """The open lock file, or None while another process holds it."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with suppress(BlockingIOError, PermissionError, FileNotFoundError):
        _lock(handle)
        if os.path.samestat(os.fstat(handle), lock.stat()):
            return handle
    os.close(handle)
    return None


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def atomic_write(path: Path, data: bytes) -> None:
    """Make `data` the file's content, readable by its owner alone. The caller holds the lock.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # left by a process that was killed while it held the lock
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
