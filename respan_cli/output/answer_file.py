"""The file of `-o`: the answer complete, or the file as it was."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from respan_cli.errors import OutputError, ReaderClosedError
from respan_cli.terminal.text import clean

# What is open already, by the names that Linux and macOS give it: it is written on, and never replaced.
_OPEN = re.compile(r"(?:/dev|/proc/self)/fd/(?P<number>\d+)|/dev/std(?:out|(?P<err>err))")


class AnswerFile:
    """Takes an answer as it arrives and becomes the file only when `commit` is called.

    The text goes to a temporary file in the same folder, which then takes the file's name, its symbolic
    links followed and its permissions kept. A device or a named pipe has no name to take and is written to;
    so is /dev/stdout, even where that is a file. A terminal gets no control characters, whatever its name.

    Raises:
        UnwrittenError: the file, or its folder, is not writable. Known before anything is sent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._target = path
        self._temporary: Path | None = None
        try:
            with self._writing():
                self._target = Path(os.path.realpath(path))  # which fails if the working directory is gone
                self._file = self._open()
                self._is_terminal = self._file.isatty()
        except BaseException:
            self._remove()
            raise

    def _open(self) -> IO[str]:
        mode = self._path.stat().st_mode if self._path.exists() else None
        if found := _OPEN.fullmatch(str(self._path)):
            # Not opened anew: what the shell writes there next has to follow.
            handle = os.dup(int(found["number"] or (2 if found["err"] else 1)))
        elif mode is not None and not stat.S_ISREG(mode):
            # By the name that was given: one that leads to a pipe leads to no other.
            handle = os.open(self._path, os.O_WRONLY)
        else:
            if mode is not None:
                os.close(os.open(self._target, os.O_WRONLY))  # a read-only file stays as it is
            handle = self._open_beside()
            if mode is not None and os.name == "posix":
                os.fchmod(handle, stat.S_IMODE(mode))
        return os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="")

    def _open_beside(self) -> int:
        # A unique name, short enough for any file system. A process ID would not do: they repeat in
        # containers, and a killed process leaves its file behind.
        self._temporary = self._target.with_name(f".respan-{os.urandom(8).hex()}.tmp")
        try:
            return os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except PermissionError as error:
            reason = f"no file can be made in {self._target.parent}: {error.strerror}"
            raise OutputError(f"cannot write {self._path}", reason=reason) from None

    def write(self, text: str) -> None:
        """Add to the answer.

        Raises:
            ReaderGoneError: it is a pipe, whose reader went away.
            UnwrittenError: the disk is full, or the like.
        """
        with self._writing():
            self._file.write(clean(text) if self._is_terminal else text)

    def flush(self) -> None:
        """Do nothing: the file is not read before it is whole."""

    def commit(self, *, whole: bool) -> None:
        """Replace the file's content by the answer, if it is complete."""
        with self._writing():
            self._file.flush()
            if self._temporary and whole:
                os.fsync(self._file.fileno())
            self._file.close()
            if self._temporary and whole:
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
        except BrokenPipeError:
            raise ReaderClosedError from None
        except OSError as error:
            raise OutputError(f"cannot write {self._path}", reason=error.strerror) from None
