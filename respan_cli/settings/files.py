"""Files that are replaced whole, one writer at a time. Generic: the caller words the errors.

Everything here raises `OSError` with a `strerror` fit for people, or `LockTimeoutError`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_TIMEOUT_S = 10.0
LOCK_POLL_INTERVAL_S = 0.02

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_HOLDER_LENGTH = 20  # bytes of "process 1234567"


class LockTimeoutError(Exception):
    """Another process kept the lock for too long.

    Args:
        lock: the lock file.
        holder: the process that holds it, as far as it is known.
        timeout_s: how long this one waited.
    """

    def __init__(self, lock: Path, holder: str, timeout_s: float) -> None:
        super().__init__(f"{holder} holds {lock}")
        self.lock = lock
        self.holder = holder
        self.timeout_s = timeout_s


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file; the null device counts as an empty one.

    A named pipe is not waited for, and a device is not read: it might never end.

    Raises:
        OSError: it cannot be read, is not a regular file, or is longer than `limit` bytes.
    """

    def open_without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            if os.path.samestat(status, os.stat(os.devnull)):  # noqa: PTH116 - a device has no folder
                return b""
            raise OSError(errno.EINVAL, "not a regular file")
        return _at_most(file.read(limit + 1), limit)


def read_any(path: Path, limit: int) -> bytes:
    """The content of any file, also of a pipe, which is waited for.

    Raises:
        OSError: it cannot be read, or is longer than `limit` bytes.
    """
    with path.open("rb") as file:
        return _at_most(file.read(limit + 1), limit)


def _at_most(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit >> 20} MiB")
    return data


def atomic_write(target: Path, data: bytes, *, owner_of: Path | None = None) -> None:
    """Replace a file whole or leave it alone. The new one is mode 0600 from the first byte on.

    The caller holds the lock of `target` (see `locked`), which is not a symbolic link.

    Args:
        owner_of: whose owner the new file gets where root writes; by default that of the old file.

    Raises:
        OSError: nothing was replaced.
    """
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)  # left by a killed writer: no living one has it while we hold the lock
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            _give_to_owner_of(owner_of or target, file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _give_to_owner_of(path: Path, handle: int) -> None:
    """Where root writes, keep the owner: another user must still be able to read their own file."""
    if os.name != "posix" or os.geteuid() != 0:
        return
    with suppress(FileNotFoundError):
        status = path.stat()
        if status.st_uid != os.geteuid():
            os.fchown(handle, status.st_uid, status.st_gid)


def _sync_folder(folder: Path) -> None:
    # Not every system can; the file is whole and in its place already.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(
    path: Path,
    timeout_s: float = LOCK_TIMEOUT_S,
    *,
    on_wait: Callable[[str], None] | None = None,
    keep_lock_file: bool = True,
) -> Iterator[Path]:
    """Hold the lock of a file, and give the file behind any symbolic links.

    The lock is a file beside it, since a replaced file is another one. The system releases the lock of a
    process that has ended.

    Args:
        on_wait: called once with the holder ("process 42") if it has to be waited for.
        keep_lock_file: whether the lock file stays, as it may beside a configuration file.

    Raises:
        LockTimeoutError: another process holds it for longer than `timeout_s`.
        OSError: the lock file cannot be made.
    """
    target = Path(os.path.realpath(path))
    lock = target.with_name(f".{target.name}.lock")
    handle = _acquire(lock, timeout_s, on_wait)
    try:
        _write_holder(handle)
        yield target
    finally:
        if not keep_lock_file and sys.platform != "win32":  # where an open file cannot be removed
            with suppress(OSError):
                lock.unlink()  # while it is held: a process that waits for it sees that the file is gone
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, for their owner alone."""
    missing = [level for level in (folder, *folder.parents) if not level.exists()]
    for level in reversed(missing):
        with suppress(FileExistsError):  # another writer was quicker
            level.mkdir(mode=0o700)


def _open_lock(lock: Path) -> int:
    flags = os.O_RDWR | _NOFOLLOW
    try:
        handle = os.open(lock, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(lock, flags)
    _give_to_owner_of(lock.parent, handle)  # or root's lock would shut the owner of the folder out
    return handle


def _acquire(lock: Path, timeout_s: float, on_wait: Callable[[str], None] | None) -> int:
    """The open lock file, locked. Waits in short sleeps, so that Ctrl-C is answered."""
    deadline = time.monotonic() + timeout_s
    while True:
        handle = _open_lock(lock)
        try:
            if _try_lock(handle) and _is_current(handle, lock):
                return handle
            holder = _read_holder(handle)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() >= deadline:
            raise LockTimeoutError(lock, holder, timeout_s)
        if on_wait:
            on_wait(holder)
            on_wait = None
        time.sleep(LOCK_POLL_INTERVAL_S)


def _is_current(handle: int, lock: Path) -> bool:
    """Whether the file was not removed by its last holder after this process had opened it."""
    try:
        return os.path.samestat(os.fstat(handle), lock.stat())
    except FileNotFoundError:
        return False


def _read_holder(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, _HOLDER_LENGTH).decode(errors="replace") or "another process"


def _write_holder(handle: int) -> None:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return  # a hard link: what it also names is not ours to empty
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, f"process {os.getpid()}".encode())


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1024, os.SEEK_SET)  # clear of the holder's name, which others must read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
