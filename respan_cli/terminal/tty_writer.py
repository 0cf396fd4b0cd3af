"""Writing to a terminal that stops the moment the user presses Ctrl-C."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TypeGuard

from respan_cli.terminal.signals import in_main_thread, signal_pending, wakeup_pipe

_LINE_END_TIMEOUT_S = 0.2  # for a terminal to take the end of a line before the program ends
_SMALL_WRITE = 16  # bytes: a terminal that accepts any output takes them at once, or nearly


class TtyWriter:
    """Writes to a terminal until a signal asks the program to end; after that, writes nothing.

    Ctrl-C makes the terminal's driver throw away what the terminal has not taken yet. Whatever we wrote
    after that would look as if it followed the text before: an answer with a hole in it. And a terminal
    that accepts no more output must not keep the program from ending.

    Args:
        signalled: a file descriptor that can be read once a signal has come.
    """

    def __init__(self, stream: BinaryIO, signalled: int) -> None:
        self._signalled = signalled
        self._shared = stream.fileno()
        self._fd, self._most = self._open()
        self._last = b"\n"
        self._styled = False
        self._cut = False

    def _open(self) -> tuple[int, int]:
        """Open the terminal anew: programs that share the old description expect writes to block."""
        try:
            return os.open(os.ttyname(self._shared), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY), sys.maxsize
        except OSError:  # another user's, or in another container
            return self._shared, _SMALL_WRITE

    @property
    def stopped(self) -> bool:
        """Whether a signal has arrived, even if the main thread has not handled it yet."""
        return signal_pending() or bool(select.select([self._signalled], [], [], 0)[0])

    def write(self, data: bytes) -> None:
        """Write, blocking while the terminal is full; drop the rest when a signal arrives.

        Raises:
            OSError: the terminal is gone.
        """
        self._styled = self._styled or b"\x1b" in data
        while data:
            select.select([self._signalled], [self._fd], [])
            if self.stopped:
                self._cut = True
                return
            with suppress(BlockingIOError):
                count = os.write(self._fd, data[: self._most])
                self._last = data[count - 1 : count]
                data = data[count:]

    def end(self) -> None:
        """End the line that a signal has left unfinished, if the terminal takes it soon."""
        if self._last == b"\n" and not self._cut:
            return
        ending = b"\r\n"
        if self._styled:
            ending = b"\x1b[0m\r\n\x1b[J" if self._cut else b"\x1b[0m\r\n"
        with suppress(OSError):
            if select.select([], [self._fd], [], _LINE_END_TIMEOUT_S)[1]:
                os.write(self._fd, ending)

    def close(self) -> None:
        """Give back what was opened."""
        if self._fd != self._shared:
            os.close(self._fd)


@contextmanager
def open_tty_writer(stream: BinaryIO | None) -> Iterator[TtyWriter | None]:
    """A writer to a terminal that notices signals for as long as this lasts.

    None where there are none to notice: the stream is no terminal, or this is not the main thread.
    """
    if sys.platform == "win32" or not in_main_thread() or not _is_system_terminal(stream):
        yield None
        return
    with wakeup_pipe() as signalled:
        writer = TtyWriter(stream, signalled)
        try:
            yield writer
        except BaseException as ending:
            if not isinstance(ending, Exception):  # a signal
                writer.end()
            raise
        finally:
            writer.close()


def _is_system_terminal(stream: BinaryIO | None) -> TypeGuard[BinaryIO]:
    with suppress(OSError, ValueError):  # a buffer of the tests has no descriptor
        return stream is not None and os.isatty(stream.fileno())
    return False
