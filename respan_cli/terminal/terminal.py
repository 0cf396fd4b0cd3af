"""The only owner of the standard streams and of the environment.

Everything a command says goes through a `Terminal`: text to standard output is the answer and nothing else,
notes go to standard error, and nothing from outside reaches a terminal with its control characters.
Tests build one from byte buffers and a dictionary.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, BinaryIO

from respan_cli.errors import OutputError, ReaderClosedError, RespanError, UsageError
from respan_cli.terminal.encoding import UTF8, encode, fit, settle
from respan_cli.terminal.error_block import error_block, error_json
from respan_cli.terminal.redact import HIDDEN, SHORTEST_SECRET
from respan_cli.terminal.status import Spinner, Words
from respan_cli.terminal.streams import Reader, write_all
from respan_cli.terminal.text import DIM, RESET, YELLOW, clean, fold

if TYPE_CHECKING:
    from respan_cli.terminal.tty_writer import TtyWriter

PATIENCE = 2.0  # seconds of silence on an open pipe before we say what is waited for
_A_WHILE = 0.1  # seconds
_USUAL_SIZE = (80, 24)  # columns and rows of a terminal that does not say


class Terminal:
    """Standard input, output and error, and the environment, as one value.

    Args:
        stdin, stdout, stderr: byte streams; None for one that is closed.
        env: the environment.
        encodings: what standard output and error can represent where they are terminals; pipes and files
            get UTF-8 always.
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
        self.color = "auto"  # what --color says
        self.json_errors = False  # whether --json or --events was given
        self.debug = False
        self._buffer: list[str] = []
        self._encodings = (
            encodings[0] if self.stdout_isatty else UTF8,
            encodings[1] if self.stderr_isatty else UTF8,
        )
        self._status: Spinner | None = None
        self._secrets: set[str] = set()
        self._tty_writer: TtyWriter | None = None

    @classmethod
    def standard(cls) -> Terminal:
        """The streams and the environment of this process."""
        if sys.platform == "win32":
            os.system("")  # noqa: S605, S607  # makes the console understand escape sequences
        stdin, stdout, stderr = (
            getattr(stream, "buffer", None) for stream in (sys.stdin, sys.stdout, sys.stderr)
        )
        # A copy: the gateway hides variables from the SDK while it is imported on another thread.
        encodings = (settle(sys.stdout), settle(sys.stderr))
        return cls(stdin, stdout, stderr, dict(os.environ), encodings)

    @property
    def stdout_isatty(self) -> bool:
        """Whether standard output is a terminal, with a person before it."""
        return _is_terminal(self._stdout)

    @property
    def stderr_isatty(self) -> bool:
        """Whether standard error is a terminal."""
        return _is_terminal(self._stderr)

    @property
    def shows_both_streams(self) -> bool:
        """Whether answers and notes end up in one place: a terminal, or what `2>&1` has made of two."""
        if self.stdout_isatty:
            return True
        with suppress(AttributeError, ValueError, OSError):  # closed, or a buffer of the tests
            return os.path.sameopenfile(self._stdout.fileno(), self._stderr.fileno())  # type: ignore[union-attr]
        return False

    @property
    def stdin_isatty(self) -> bool:
        """Whether standard input is a terminal: nothing is piped in, and a person could answer."""
        return _is_terminal(self._stdin)

    @property
    def stdin_is_piped(self) -> bool:
        """Whether something may be piped in: standard input is open, and no terminal."""
        return self._stdin is not None and not self.stdin_isatty

    @property
    def can_prompt(self) -> bool:
        """Whether a person can be asked: they see standard error and type into standard input."""
        return self.stdin_isatty and self.stderr_isatty

    @property
    def is_dumb(self) -> bool:
        """Whether the terminal says that it knows no escape sequences."""
        return self.env.get("TERM") in ("dumb", "unknown")

    @property
    def encoding(self) -> str:
        """What standard output can represent."""
        return self._encodings[0]

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
        told = (_positive(self.env.get(name)) for name in ("COLUMNS", "LINES"))
        columns, rows = (size or usual for size, usual in zip(told, _USUAL_SIZE, strict=True))
        return columns, rows

    @property
    def width(self) -> int:
        """The columns to lay a page out for: `COLUMNS` if that is set, else those of the terminal."""
        return _positive(self.env.get("COLUMNS")) or self.size()[0]

    def add_secrets(self, *secrets: str) -> None:
        """Never write these to standard error, whoever says them: a gateway may repeat a key it refuses."""
        long_enough = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        self._secrets |= {*long_enough, *(json.dumps(secret)[1:-1] for secret in long_enough)}

    def write(self, text: str) -> None:
        """Gather text for standard output; `flush` passes it on."""
        self._buffer.append(text)

    def flush(self) -> None:
        """Pass on what `write` has gathered: to a pipe as it is, to a terminal without control characters.

        Raises:
            ReaderGoneError: the reader of the pipe went away.
            UnwrittenError: the disk is full, or the stream is closed.
        """
        text = "".join(self._buffer)
        self._buffer.clear()
        if text:
            self.write_now(clean(text) if self.stdout_isatty else text)

    def commit(self, *, whole: bool) -> None:
        """As `flush`: a stream keeps what it has got, whole or not, and stays open until the program ends."""
        self.flush()

    def write_now(self, text: str) -> None:
        """Write to standard output at once, escape sequences included.

        Raises:
            ReaderGoneError, UnwrittenError: as `flush` does.
        """
        self.stop_status()
        data = encode(text, self._encodings[0])
        with self._writing() as stdout:
            if self._tty_writer:
                self._tty_writer.write(data)
            else:
                write_all(stdout, data)

    @contextmanager
    def interruptible_output(self) -> Iterator[None]:
        """Let a signal end what is drawn on a terminal there and then, and its line with it."""
        from respan_cli.terminal import tty_writer

        with tty_writer.opened(self._stdout) as self._tty_writer:
            try:
                yield
            finally:
                self._tty_writer = None

    @property
    def interrupted(self) -> bool:
        """Whether a signal came while an answer was drawn: nobody wants to see more of it."""
        return self._tty_writer is not None and self._tty_writer.stopped

    @contextmanager
    def status(self, words: str, *, quiet: bool = False) -> Iterator[None]:
        """Show a person at a terminal that something is being waited for, until the answer comes."""
        if quiet:
            self.stop_status()
        else:
            self.start_status(words)
        try:
            yield
        finally:
            self.stop_status()

    def start_status(self, words: str) -> None:
        """Begin to show what is being waited for; all that is written ends it, and so does `stop_status`.

        Like gh, only where both streams are a terminal: behind a pipe there may be a pager, which owns it.
        """
        if not self._status and self.stdout_isatty and self.stderr_isatty and not self.is_dumb:
            encoding = self._encodings[1]
            self._status = Spinner(
                self._write_raw_stderr, lambda: self.size(notes=True)[0], encoding=encoding
            )
        self.update_status(words)

    @property
    def shows_status(self) -> bool:
        """Whether a person sees what is being waited for."""
        return self._status is not None

    def update_status(self, words: str | Words) -> None:
        """Say what is being waited for now, if that is shown at all."""
        if self._status:
            told: Words = (lambda: words) if isinstance(words, str) else words
            self._status.say(lambda: self.redact_secrets(told()))

    def stop_status(self) -> None:
        """What was waited for has come."""
        spinner, self._status = self._status, None
        if spinner:
            spinner.stop()

    @contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        if self._stdout is None:
            raise OutputError("cannot write the answer", reason="standard output is closed")
        try:
            yield self._stdout
        except BrokenPipeError:
            raise ReaderClosedError from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError("cannot write the answer", reason=reason) from None

    def note(self, text: str, *, style: str = "", label: str = "", separators: Sequence[str] = ()) -> None:
        """Write a line to standard error. A standard error that is closed or full is no reason to fail.

        Args:
            text: the line.
            style: how to show it where colours are.
            label: what marks it as worth a look. It alone is coloured: yellow cannot be read on every white.
            separators: where a terminal that is too narrow for it may break it, the best first; elsewhere it
                wraps by itself, and what is copied from it stays whole.
        """
        lines = fit(clean(text), self._encodings[1]).split("\n")
        for separator in (fit(separator, self._encodings[1]) for separator in separators):
            lines = [part for line in lines for part in fold(line, self._width(), separator=separator)]
        self._write_stderr(self._paint(label, YELLOW) + self._paint("\n".join(lines), style) + "\n")

    def warn(self, text: str) -> None:
        """Write a warning to standard error, made to be seen by a person."""
        if not self.stderr_isatty:
            self.note(f"warning: {text}")
            return
        label = fit("⚠ warning: ", self._encodings[1])
        text = fit(clean(text), self._encodings[1])
        lines = fold(label + text, self._width(), indent=2)
        lines[0] = self._paint(lines[0][: len(label)], YELLOW) + lines[0][len(label) :]
        self._write_stderr("".join(line + "\n" for line in lines))

    def write_thinking(self, text: str) -> None:
        """Write what a model thinks to standard error, as it comes."""
        self.stop_status()
        if text:
            self._write_stderr(self._paint(clean(text), DIM))

    def _width(self) -> int | None:
        return self.size(notes=True)[0] if self.stderr_isatty else None

    def redact_secrets(self, text: str) -> str:
        """The text with everything replaced that was given to `add_secrets`."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def _write_stderr(self, text: str) -> None:
        text = self.redact_secrets(text)
        with self._status.paused() if self._status else nullcontext():
            self._write_raw_stderr(text)

    def _write_raw_stderr(self, text: str) -> None:
        if self._stderr is not None:
            with suppress(OSError, ValueError):
                write_all(self._stderr, encode(text, self._encodings[1]))

    def write_control(self, text: str) -> None:
        """Write to standard error at once, escape sequences included. Foreign text is cleaned before."""
        self._write_raw_stderr(text)

    def prompt(self, question: str, *, hidden: bool = False) -> str:
        """What the person at the terminal answers, without the white space around it.

        Args:
            question: shown on standard error, with the space that follows it.
            hidden: do not show what is typed.

        Raises:
            UsageError: standard input ended, or what was typed is not UTF-8.
        """
        self.stop_status()
        try:
            return (self._prompt_hidden(question) if hidden else self._prompt_visible(question)).strip()
        except KeyboardInterrupt:
            self._write_stderr("\n")
            raise
        except EOFError:
            self._write_stderr("\n")
            raise UsageError("no answer: standard input ended") from None
        except UnicodeDecodeError:
            raise UsageError("the answer is not UTF-8") from None

    def _prompt_visible(self, question: str) -> str:
        self._write_stderr(clean(question))
        line = self._stdin.readline() if self._stdin else b""
        if not line:
            raise EOFError
        return line.decode()

    def _prompt_hidden(self, question: str) -> str:
        from getpass import getpass  # which speaks to the terminal itself, and mends it after Ctrl-C

        return getpass(clean(question))

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Whether the person at the terminal says yes to a question."""
        answer = self.prompt(f"{question} [{'Y/n' if default else 'y/N'}] ").lower()
        return answer in ("y", "yes") if answer else default

    def print_error(self, error: RespanError) -> None:
        """Show an error: a block for people, or one JSON line where `--json` or `--events` was given."""
        self.stop_status()
        if self.json_errors:
            self._write_stderr(clean(json.dumps(error_json(error), ensure_ascii=False)) + "\n")
        else:
            self._write_stderr(error_block(error, self._width(), self._paint))

    def _paint(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if text and style and self.use_color(notes=True) else text

    def read_stdin(self, waiting_for: str) -> bytes:
        """Everything on standard input. After a silence of `PATIENCE` seconds, say what is waited for.

        Raises:
            UsageError: it is closed or cannot be read.
        """
        if self._stdin is None:
            raise UsageError("standard input is closed")
        self.stop_status()  # a person may type now, and what is piped in may show its own progress
        reader = Reader(self._stdin)
        reader.start()
        # A person who types sees the cursor wait; only a pipe stays silent unseen.
        if not self.stdin_isatty and not reader.stirred.wait(PATIENCE):
            self.note(waiting_for)
        while reader.is_alive():  # in pieces, so that no signal is missed in the moment before a wait
            reader.join(_A_WHILE)
        if reader.failure:
            raise UsageError("cannot read standard input", reason=reader.failure.strerror)
        return b"".join(reader.chunks)

    def stdin_lines(self, limit: int) -> Iterator[bytes]:
        """The lines of standard input, each as soon as it is there.

        Args:
            limit: bytes after which a line without an end is given as it is.

        Raises:
            UsageError: it is closed or cannot be read.
        """
        if self._stdin is None:
            raise UsageError("standard input is closed")
        from respan_cli.terminal.lines import read_lines

        try:
            yield from read_lines(self._stdin, limit)
        except OSError as error:
            raise UsageError("cannot read standard input", reason=error.strerror) from None


def _is_terminal(stream: BinaryIO | None) -> bool:
    with suppress(ValueError, OSError):
        return stream is not None and stream.isatty()
    return False


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and int(text) else None
