"""One writer to a file, on this machine and, where its file system passes on locks, on others."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Self

from respan_cli.errors import OutputError, UsageError

_HOLDER_BYTES = 200  # of the name of the process that has the lock


class FileLock:
    """The lock of a file: a file beside it, which the system frees when its process is gone.

    It says who has it. A killed process leaves the file behind, unlocked, and it is taken over.

    Args:
        path: the file that is written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._handle = -1

    def acquire(self) -> Self:
        """Take the lock.

        Raises:
            UsageError: another process has it.
            OutputError: no file can be made there.
        """
        while True:
            try:
                handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise OutputError(f"cannot write {self._path}", reason=error.strerror) from None
            if not _is_taken(handle):
                holder = os.read(handle, _HOLDER_BYTES).decode(errors="replace").strip()
                os.close(handle)
                raise UsageError(
                    f"{self._path} is being written by {holder or 'another process'}",
                    hint="wait for it to end, or give this run another -o",
                    retryable=True,
                )
            if self._is_current(handle):
                break
            os.close(handle)  # it was removed by the process that had it, while this one opened it
        self._handle = handle
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return self

    def release(self) -> None:
        """Give the lock back and remove its file. May be called again."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            if sys.platform != "win32":  # where an open file cannot be removed
                self._lock.unlink(missing_ok=True)
            os.close(handle)

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._lock.stat())
        except FileNotFoundError:
            return False


def _is_taken(handle: int) -> bool:
    """Lock an open file; False if another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1024, os.SEEK_SET)  # clear of the holder's name, which others must read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
