"""The output for finished rows, in the order in which they finish or that of the input."""

from __future__ import annotations

from collections.abc import Callable

Write = Callable[[str], None]


class CompletionOrder:
    """Writes each line at once.

    Args:
        write: takes a line with its end.
    """

    def __init__(self, write: Write) -> None:
        self._write = write

    def finish(self, number: int, line: str | None) -> None:
        """A row has ended: with a line, or without one because it failed."""
        if line is not None:
            self._write(line)

    def close(self) -> None:
        """Nothing is held back."""


class InputOrder:
    """Holds lines back until all rows before theirs have ended.

    Args:
        write: takes a line with its end.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._next = 0
        self._held: dict[int, str | None] = {}

    def finish(self, number: int, line: str | None) -> None:
        """A row has ended: with a line, or without one because it failed.

        Args:
            number: its place in the order of the input, from 0.
            line: what to write.
        """
        self._held[number] = line
        while self._next in self._held:
            held = self._held.pop(self._next)
            self._next += 1
            if held is not None:
                self._write(held)

    def close(self) -> None:
        """Write the lines held back for order: the rows before them will never finish."""
        for number in sorted(self._held):
            if (line := self._held[number]) is not None:
                self._write(line)
        self._held.clear()
