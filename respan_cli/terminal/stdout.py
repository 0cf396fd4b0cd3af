"""Writing to standard output: all of a text, or up to the signal that ends the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from respan_cli.errors import OutputError, ReaderClosedError
from respan_cli.terminal.byte_streams import write_all

if TYPE_CHECKING:
    from respan_cli.terminal.tty_writer import TtyWriter


class StdoutWriter:
    """Writes bytes to standard output, and turns what the system says against it into our errors.

    Args:
        stream: standard output; None where it is closed.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream
        self._tty_writer: TtyWriter | None = None

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            ReaderClosedError: the reader of the pipe went away.
            OutputError: the disk is full, or the stream is closed.
        """
        if self._stream is None:
            raise OutputError("cannot write the answer", reason="standard output is closed")
        try:
            if self._tty_writer:
                self._tty_writer.write(data)
            else:
                write_all(self._stream, data)
        except BrokenPipeError:
            raise ReaderClosedError from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError("cannot write the answer", reason=reason) from None

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Drop what a terminal has not accepted yet as soon as a signal arrives, and end its line."""
        from respan_cli.terminal.tty_writer import open_tty_writer

        with open_tty_writer(self._stream) as self._tty_writer:
            try:
                yield
            finally:
                self._tty_writer = None

    @property
    def interrupted(self) -> bool:
        """Whether a signal has arrived while output was interruptible."""
        return self._tty_writer is not None and self._tty_writer.stopped
