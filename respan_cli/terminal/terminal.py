"""The only owner of the standard streams and of the environment.

Everything a command says goes through a `Terminal`: standard output gets the answer and nothing else, notes
go to standard error, and no control character from outside reaches a terminal.
Tests build one from byte buffers and a dictionary.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import BinaryIO

from respan_cli.errors import RespanError, UsageError
from respan_cli.terminal.byte_streams import read_all, write_all
from respan_cli.terminal.encoding import UTF8, as_displayed, encode
from respan_cli.terminal.error_block import error_block, error_json
from respan_cli.terminal.secret_filter import SecretFilter, SecretStream
from respan_cli.terminal.status import Spinner, StatusLine, StatusText
from respan_cli.terminal.stdout import StdoutWriter
from respan_cli.terminal.streams import Streams
from respan_cli.terminal.text import DIM, RESET, YELLOW, clean, fold


class Terminal(Streams):
    """The standard streams, and everything written to them.

    The arguments are those of `Streams`.
    """

    def __init__(
        self,
        stdin: BinaryIO | None,
        stdout: BinaryIO | None,
        stderr: BinaryIO | None,
        env: Mapping[str, str],
        encodings: tuple[str, str] = (UTF8, UTF8),
    ) -> None:
        super().__init__(stdin, stdout, stderr, env, encodings)
        self.json_errors = False  # whether --json or --events was given
        self.debug = False
        self._buffer: list[str] = []
        self._shown_last = ""  # the last character that a terminal was given
        self._output = StdoutWriter(stdout)
        self._status = StatusLine(self._new_spinner)
        self._secrets = SecretFilter()

    # --- standard output

    def write(self, text: str) -> None:
        """Gather text for standard output; `flush` passes it on."""
        self._buffer.append(text)

    def flush(self) -> None:
        """Pass on what `write` has gathered: to a pipe as it is, to a terminal without control characters.

        Raises:
            ReaderClosedError, OutputError: as `StdoutWriter.write` does.
        """
        text = "".join(self._buffer)
        self._buffer.clear()
        if text and self.stdout_isatty:
            # What two pieces hide together is found with the end of the piece before.
            cleaned = clean(self._shown_last + text).removeprefix(self._shown_last)
            self._shown_last = cleaned[-1:] or self._shown_last
            self.write_now(cleaned)
        elif text:
            self.write_now(text)

    def commit(self, *, whole: bool) -> None:
        """As `flush`: a stream keeps what it has got, whole or not, and stays open until the program ends."""
        self.flush()

    def write_now(self, text: str) -> None:
        """Write to standard output at once, escape sequences included.

        Raises:
            ReaderClosedError, OutputError: as `StdoutWriter.write` does.
        """
        self.stop_status()
        self._output.write(encode(text, self.encoding))

    def interruptible_output(self) -> AbstractContextManager[None]:
        """Let a signal stop output to a terminal at once, and end its line."""
        return self._output.interruptible()

    @property
    def interrupted(self) -> bool:
        """Whether a signal arrived while an answer was drawn: no more of it is wanted."""
        return self._output.interrupted

    # --- the status line

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
        """Show a status line until something is written to stdout, or `stop_status`.

        Like gh, only where both streams are a terminal: behind a pipe there may be a pager, which owns it.
        """
        if self.stdout_isatty and self.stderr_isatty and not self.is_dumb:
            self._status.start()
        self.update_status(words)

    @property
    def shows_status(self) -> bool:
        """Whether the status line is shown."""
        return self._status.active

    def update_status(self, words: str | StatusText) -> None:
        """Change the text of the status line, if there is one."""
        text: StatusText = (lambda: words) if isinstance(words, str) else words
        self._status.update(lambda: self.redact_secrets(text()))

    def stop_status(self) -> None:
        """Erase the status line."""
        self._status.stop()

    def _new_spinner(self) -> Spinner:
        return Spinner(
            self._write_raw_stderr, lambda: self.size(notes=True)[0], encoding=self.stderr_encoding
        )

    # --- standard error

    def note(self, text: str, *, style: str = "", label: str = "", break_at: Sequence[str] = ()) -> None:
        """Write a line to standard error. A standard error that is closed or full is no reason to fail.

        Args:
            style: how to show it where colours are.
            label: whose line it is, such as "respan: "; dim, so that it is no warning.
            break_at: where a terminal that is too narrow for it may break it, the best first; elsewhere it
                wraps by itself, and what is copied from it stays whole.
        """
        lines = as_displayed(clean(text), self.stderr_encoding).split("\n")
        for separator in (as_displayed(separator, self.stderr_encoding) for separator in break_at):
            lines = [part for line in lines for part in fold(line, self.stderr_width, separator=separator)]
        self._write_stderr(self._paint(label, DIM) + self._paint("\n".join(lines), style) + "\n")

    def warn(self, text: str) -> None:
        """Write a warning to standard error. Its label alone is coloured: few can read yellow on white."""
        if not self.stderr_isatty:
            self.note(f"warning: {text}")
            return
        label, text = (as_displayed(part, self.stderr_encoding) for part in ("⚠ warning: ", clean(text)))
        lines = fold(label + text, self.stderr_width, indent=2)
        lines[0] = self._paint(lines[0][: len(label)], YELLOW) + lines[0][len(label) :]
        self._write_stderr("".join(line + "\n" for line in lines))

    def print_error(self, error: RespanError) -> None:
        """Show an error: a block for people, or one JSON line where `--json` or `--events` was given."""
        self.stop_status()
        if self.json_errors:
            line = json.dumps(error_json(error, self.redact_secrets), ensure_ascii=False)
            self._write_stderr(clean(line) + "\n")
        else:
            self._write_stderr(error_block(error, self.stderr_width, self._paint, self.redact_secrets))

    def write_thinking(self, text: str) -> None:
        """Write what a model thinks to standard error, as it comes."""
        self.stop_status()
        if text:
            self._write_stderr(self._paint(clean(text), DIM))

    def add_secrets(self, *secrets: str) -> None:
        """Never write these to standard error: a gateway may repeat a key that it refuses."""
        self._secrets.add(*secrets)

    def redact_secrets(self, text: str) -> str:
        """The text with everything replaced that was given to `add_secrets`."""
        return self._secrets.hide(text)

    def secret_stream(self) -> SecretStream:
        """As `redact_secrets`, for a text that arrives in pieces."""
        return SecretStream(self._secrets)

    def _paint(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if text and style and self.use_color(notes=True) else text

    def _write_stderr(self, text: str) -> None:
        text = self.redact_secrets(text)
        with self._status.paused():
            self._write_raw_stderr(text)

    def _write_raw_stderr(self, text: str) -> None:
        if self._stderr is not None:
            with suppress(OSError, ValueError):
                write_all(self._stderr, encode(text, self.stderr_encoding))

    def write_control(self, text: str) -> None:
        """Write to standard error at once, escape sequences included. Foreign text is cleaned before."""
        self._write_raw_stderr(text)

    # --- standard input

    def prompt(self, question: str, *, hidden: bool = False) -> str:
        """Ask the person at the terminal; see `prompts.ask`.

        Raises:
            UsageError: standard input ended, or what was typed is not UTF-8.
        """
        from respan_cli.terminal.prompts import ask

        self.stop_status()
        return ask(clean(question), self._stdin, self._write_stderr, hidden=hidden)

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Whether the person at the terminal says yes to a question."""
        answer = self.prompt(f"{question} [{'Y/n' if default else 'y/N'}] ").lower()
        return answer in ("y", "yes") if answer else default

    def read_stdin(self, waiting_for: str) -> bytes:
        """Everything on stdin. After two seconds without data, say that stdin is waited for.

        Raises:
            UsageError: it is closed or cannot be read.
        """
        if self._stdin is None:
            raise UsageError("standard input is closed")
        self.stop_status()  # a person may type now, and the program that feeds the pipe may show its progress
        try:
            # A person who types sees the cursor wait; silence on a pipe is explained.
            return read_all(self._stdin, lambda: None if self.stdin_isatty else self.note(waiting_for))
        except OSError as error:
            raise UsageError("cannot read standard input", reason=error.strerror) from None

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
