"""Where an answer is written: standard output, or the file of `-o`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from respan_cli.output.answer_file import AnswerFile
from respan_cli.terminal.terminal import Terminal


class AnswerSink(Protocol):
    """Where an answer is written."""

    def write(self, text: str) -> None:
        """Add to it."""

    def flush(self) -> None:
        """Pass on what was added."""

    def commit(self, *, whole: bool) -> None:
        """Finish the answer. Only a `whole` one replaces a file."""


@contextmanager
def open_sink(path: Path | None, terminal: Terminal) -> Iterator[AnswerSink]:
    """Standard output, or a file, which keeps its old content unless all goes well.

    Raises:
        OutputError: the file cannot be written.
    """
    if path is None:
        with terminal.interruptible_output():
            yield terminal
        return
    file = AnswerFile(path)
    try:
        yield file
    finally:
        file.discard()
