"""The file of `-o`: the answer complete, or the file as it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

from respan_cli.errors import UnwrittenError


class AnswerFile:
    """Takes an answer as it arrives and becomes the file only when `commit` is called.

    The text goes to a temporary file in the same folder, which then takes the file's name, its symbolic
    links followed and its permissions kept. A device or a named pipe has no name to take and is written to.

    Raises:
        UnwrittenError: the file, or its folder, is not writable. Known before anything is sent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._target = Path(os.path.realpath(path))
        self._temporary: Path | None = None
        try:
            with self._writing():
                self._file = self._open()
        except BaseException:
            self._remove()
            raise

    def _open(self) -> IO[str]:
        mode = self._target.stat().st_mode if self._target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            handle = os.open(self._target, os.O_WRONLY)
        else:
            if mode is not None:
                os.close(os.open(self._target, os.O_WRONLY))  # a read-only file stays as it is
            handle = self._open_beside()
            if mode is not None and os.name == "posix":
                os.fchmod(handle, stat.S_IMODE(mode))
        return os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="")

    def _open_beside(self) -> int:
        # A name that nobody had before: in containers the numbers of processes repeat, and a killed one
        # leaves its file behind.
        self._temporary = self._target.with_name(f".respan-{token_hex(8)}.tmp")
        try:
            return os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except PermissionError as error:
            reason = f"no file can be made in {self._target.parent}: {error.strerror}"
            raise UnwrittenError(f"cannot write {self._path}", reason=reason) from None

    def write(self, text: str) -> None:
        """Add to the answer."""
        with self._writing():
            self._file.write(text)

    def flush(self) -> None:
        """Nothing: nobody reads the file before it is whole."""

    def commit(self) -> None:
        """Make the answer the file's content."""
        with self._writing():
            self._file.flush()
            if self._temporary:
                os.fsync(self._file.fileno())
            self._file.close()
            if self._temporary:
                self._temporary.replace(self._target)
                self._temporary = None

    def discard(self) -> None:
        """Leave the file as it was; after `commit`, nothing."""
        with suppress(OSError):
            self._file.close()
        self._remove()

    def _remove(self) -> None:
        if self._temporary:
            with suppress(OSError):
                self._temporary.unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnwrittenError(f"cannot write {self._path}", reason=error.strerror) from None
