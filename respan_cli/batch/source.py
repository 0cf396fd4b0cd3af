"""The source of the rows: a file that can be read twice, or a stream that cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from respan_cli.batch.rows import MAX_LINE_BYTES
from respan_cli.errors import UsageError
from respan_cli.terminal.lines import read_lines
from respan_cli.terminal.terminal import Terminal

STDIN = "-"
STDIN_NAME = "standard input"


class Source(Protocol):
    """The lines of an input.

    Args:
        name: what messages call it.
        is_repeatable: whether it can be read again from the start.
    """

    name: str
    is_repeatable: bool

    def lines(self) -> Iterator[bytes]:
        """Its lines, with their newlines."""


class FileSource:
    """A file, or a named pipe.

    Args:
        path: where it is.

    Raises:
        UsageError: it is not there, or is a folder.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        try:
            self.is_repeatable = path.is_file()
            path.stat()
        except OSError as error:
            raise UsageError(f"cannot read {path}", reason=error.strerror) from None

    def lines(self) -> Iterator[bytes]:
        """Its lines, with their newlines.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                yield from read_lines(file, MAX_LINE_BYTES)
        except OSError as error:
            raise UsageError(f"cannot read {self.name}", reason=error.strerror) from None


class StdinSource:
    """Standard input.

    Args:
        terminal: whose.
    """

    name = STDIN_NAME
    is_repeatable = False

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def lines(self) -> Iterator[bytes]:
        """Its lines, each as soon as it is there."""
        return self._terminal.stdin_lines(MAX_LINE_BYTES)
