"""The file of `-o`: a line for each finished row, and so the memory of what need not be sent again.

A line is written by one call to the system and is in the system's hands then: killing this process loses
none. It begins with the row's id and the hash of its request; the rest is of no interest here.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from respan_cli.batch.digests import DigestMap, word
from respan_cli.errors import OutputError, UsageError
from respan_cli.settings.files import LockTimeoutError, locked

_CHUNK_BYTES = 1024 * 1024
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)  # the last is for Windows
# As this program writes it; a line in any other spelling is parsed as JSON.
_START = re.compile(rb'\{"id": ?"((?:[^"\\]|\\.)*)", ?"request_sha256": ?"([0-9a-f]{64})"')


def start_of_line(row_id: str, digest: bytes) -> dict[str, str]:
    """The first two keys of a line."""
    return {"id": row_id, "request_sha256": digest.hex()}


class Journal:
    """An output file that is added to, and that knows which requests it has the answers of.

    Args:
        path: the file; made if it is not there. Of a pipe or a device nothing is read.

    Raises:
        OutputError: it cannot be written.
        UsageError: another process writes it, or it holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished = DigestMap("Q")
        self._target = Path(os.path.realpath(path))
        self._is_file = path.is_file() or not path.exists()
        self._open_resources = ExitStack()
        try:
            if self._is_file:
                self._acquire_lock()
            self._handle = self._open()
        except BaseException:
            self._open_resources.close()
            raise

    def _acquire_lock(self) -> None:
        try:
            self._open_resources.enter_context(locked(self._target, 0, keep_lock_file=False))
        except LockTimeoutError as timeout:
            raise UsageError(
                f"{self.path} is being written by {timeout.holder}",
                hint="wait for it to end, or give this run another -o",
                retryable=True,
            ) from None
        except OSError as error:
            raise OutputError(f"cannot write {self.path}", reason=error.strerror) from None

    def _open(self) -> int:
        try:
            if not self._is_file:
                # By the name that was given: one that leads to a pipe leads to no other.
                return os.open(self.path, os.O_WRONLY)
            handle = os.open(self._target, _APPEND, 0o666)
            with os.fdopen(os.dup(handle), "r+b", buffering=_CHUNK_BYTES) as file:
                self._scan(file)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}", reason=error.strerror) from None
        return handle

    def _scan(self, file: BinaryIO) -> None:
        """Read which rows are finished, and drop an incomplete last line."""
        end = 0
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                self._mend(file, line, end)
                return
            if line.strip():
                self._learn(line, number)
            end += len(line)

    def _mend(self, file: BinaryIO, line: bytes, end: int) -> None:
        """Keep a last line that lacks only its newline, and drop an incomplete one."""
        if _parsed(line):
            self._learn(line, 0)
            os.write(file.fileno(), b"\n")
        else:
            os.ftruncate(file.fileno(), end)

    def _learn(self, line: bytes, number: int) -> None:
        found = _START.match(line)
        if found and line.rstrip().endswith(b"}"):
            row_id = found[1] if b"\\" not in found[1] else json.loads(b'"' + found[1] + b'"').encode()
            self.finished.set(sha256(row_id).digest(), word(bytes.fromhex(found[2].decode())))
        elif parsed := _parsed(line):
            self.finished.set(sha256(parsed[0].encode()).digest(), word(parsed[1]))
        else:
            raise UsageError(
                f"{self.path}, line {number}: not a line of respan batch",
                reason="batch adds to this file, and reads in it which rows are finished",
                hint="give another -o, or remove that line",
            )

    def is_finished(self, row: bytes, request: bytes) -> bool:
        """Whether the file has the answer to this very request of this row.

        Args:
            row: the digest of the row's id.
            request: the digest of its request.
        """
        return self.finished.get(row) == word(request)

    def write(self, line: str) -> None:
        """Append a line with its newline, completely or not at all.

        Raises:
            OutputError: the disk is full, or the like. The file ends with a whole line.
        """
        data = memoryview(line.encode("utf-8", "backslashreplace"))
        size = os.fstat(self._handle).st_size if self._is_file else 0
        try:
            while data:
                written = os.write(self._handle, data)
                if written == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                data = data[written:]
        except OSError as error:
            if self._is_file:
                os.ftruncate(self._handle, size)
            hint = "make room, then run the same command again: finished rows are not sent again"
            raise OutputError(f"cannot write {self.path}", reason=error.strerror, hint=hint) from None

    def close(self) -> None:
        """Pass everything on to the disk. May be called again."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        try:
            if self._is_file:
                os.fsync(handle)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}", reason=error.strerror) from None
        finally:
            os.close(handle)
            self._open_resources.close()


def _parsed(line: bytes) -> tuple[str, bytes] | None:
    """The id and the request's hash of a line, in any JSON spelling; None if it is not a result line."""
    try:
        value = json.loads(line)
        return str(value["id"]), bytes.fromhex(value["request_sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
