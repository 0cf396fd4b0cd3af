"""The standard streams and the environment as one value: what each of them is and can show."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO, Self

from respan_cli.terminal.encoding import UTF8, configure_encoding

_DEFAULT_SIZE = (80, 24)  # columns and rows of a terminal that does not say


class Streams:
    """Standard input, output and error, and the environment.

    Args:
        stdin, stdout, stderr: byte streams; None for one that is closed.
        encodings: what standard output and error can represent where they are terminals; pipes and files
            always get UTF-8.
    """

    def __init__(
        self,
        stdin: BinaryIO | None,
        stdout: BinaryIO | None,
        stderr: BinaryIO | None,
        env: Mapping[str, str],
        encodings: tuple[str, str] = (UTF8, UTF8),
    ) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self.env = env
        self.color = "auto"  # the value of --color
        self.encoding = encodings[0] if self.stdout_isatty else UTF8
        self.stderr_encoding = encodings[1] if self.stderr_isatty else UTF8

    @classmethod
    def standard(cls) -> Self:
        """The streams and the environment of this process."""
        if sys.platform == "win32":
            os.system("")  # noqa: S605, S607  # makes the console understand escape sequences
        stdin, stdout, stderr = (
            getattr(stream, "buffer", None) for stream in (sys.stdin, sys.stdout, sys.stderr)
        )
        # A copy: the gateway hides variables from the SDK while it is imported on another thread.
        encodings = (configure_encoding(sys.stdout), configure_encoding(sys.stderr))
        return cls(stdin, stdout, stderr, dict(os.environ), encodings)

    @property
    def stdin_isatty(self) -> bool:
        """Whether standard input is a terminal: nothing is piped in, and a person could answer."""
        return _isatty(self._stdin)

    @property
    def stdout_isatty(self) -> bool:
        """Whether standard output is a terminal."""
        return _isatty(self._stdout)

    @property
    def stderr_isatty(self) -> bool:
        """Whether standard error is a terminal."""
        return _isatty(self._stderr)

    @property
    def stdin_is_piped(self) -> bool:
        """Whether something may be piped in: standard input is open, and no terminal."""
        return self._stdin is not None and not self.stdin_isatty

    @property
    def can_prompt(self) -> bool:
        """Whether a person can be asked: they see standard error and type into standard input."""
        return self.stdin_isatty and self.stderr_isatty

    @property
    def shows_both_streams(self) -> bool:
        """Whether answers and notes end up in one place: a terminal, or what `2>&1` has made of two."""
        if self.stdout_isatty:
            return True
        with suppress(AttributeError, ValueError, OSError):  # closed, or a buffer of the tests
            return os.path.sameopenfile(self._stdout.fileno(), self._stderr.fileno())  # type: ignore[union-attr]
        return False

    @property
    def is_dumb(self) -> bool:
        """Whether the terminal says that it knows no escape sequences."""
        return self.env.get("TERM") in ("dumb", "unknown")

    def use_color(self, *, notes: bool = False) -> bool:
        """Whether to colour standard output (or, with `notes`, standard error)."""
        if self.color != "auto":
            return self.color == "always"
        if self.env.get("NO_COLOR"):
            return False
        if self.env.get("FORCE_COLOR"):
            return True
        return (self.stderr_isatty if notes else self.stdout_isatty) and not self.is_dumb

    def size(self, *, notes: bool = False) -> tuple[int, int]:
        """Columns and rows of the terminal behind standard output (or, with `notes`, standard error)."""
        with suppress(AttributeError, ValueError, OSError):
            columns, rows = os.get_terminal_size((self._stderr if notes else self._stdout).fileno())  # type: ignore[union-attr]
            if columns > 0 and rows > 0:
                return columns, rows
        named = (_positive(self.env.get(name)) for name in ("COLUMNS", "LINES"))
        columns, rows = (size or usual for size, usual in zip(named, _DEFAULT_SIZE, strict=True))
        return columns, rows

    @property
    def width(self) -> int:
        """The columns to lay a page out for: `COLUMNS` if that is set, else those of the terminal."""
        return _positive(self.env.get("COLUMNS")) or self.size()[0]

    @property
    def stderr_width(self) -> int | None:
        """The columns of standard error; None where it is no terminal, and lines are not to be broken."""
        return self.size(notes=True)[0] if self.stderr_isatty else None


def _isatty(stream: BinaryIO | None) -> bool:
    with suppress(ValueError, OSError):
        return stream is not None and stream.isatty()
    return False


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and int(text) else None
