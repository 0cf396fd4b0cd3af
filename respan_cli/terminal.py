"""The only owner of the standard streams and of the environment.

Everything a command says goes through a `Terminal`: text to standard output is the answer and nothing else,
notes go to standard error, and nothing from outside reaches a terminal with its control characters.
Tests build one from byte buffers and a dictionary.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

from respan_cli.clean import clean
from respan_cli.errors import RespanError, UnwrittenError, UsageError
from respan_cli.headers import HIDDEN

PATIENCE = 2.0  # seconds of silence on an open pipe before we say what is waited for
_CHUNK = 1 << 20
_SHORTEST_SECRET = 8  # characters; what is shorter would be found in every other word

RED, YELLOW, DIM, BOLD, _RESET = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


class ReaderGoneError(Exception):
    """Whoever read our standard output went away, as `head` does: nothing to complain about."""


class Terminal:
    """Standard input, output and error, and the environment, as one value.

    Args:
        stdin, stdout, stderr: byte streams; None for one that is closed.
        env: the environment.
    """

    def __init__(
        self,
        stdin: BinaryIO | None,
        stdout: BinaryIO | None,
        stderr: BinaryIO | None,
        env: Mapping[str, str],
    ) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self.env = env
        self.color = "auto"  # what --color says
        self.json_errors = False  # whether --json or --events was given
        self.debug = False
        self._gathered: list[str] = []
        self._hidden: set[str] = set()

    @classmethod
    def standard(cls) -> Terminal:
        """The streams and the environment of this process."""
        stdin, stdout, stderr = (
            getattr(stream, "buffer", None) for stream in (sys.stdin, sys.stdout, sys.stderr)
        )
        # A copy: the gateway hides variables from the SDK while it is imported on another thread.
        return cls(stdin, stdout, stderr, dict(os.environ))

    @property
    def shows_answers(self) -> bool:
        """Whether standard output is a terminal, with a person before it."""
        return _is_terminal(self._stdout)

    @property
    def shows_notes(self) -> bool:
        """Whether standard error is a terminal."""
        return _is_terminal(self._stderr)

    @property
    def asks(self) -> bool:
        """Whether standard input is a terminal: nothing is piped in, and a person could answer."""
        return _is_terminal(self._stdin)

    @property
    def piped(self) -> bool:
        """Whether something may be piped in: standard input is open, and no terminal."""
        return self._stdin is not None and not self.asks

    def colors(self, *, notes: bool = False) -> bool:
        """Whether to colour standard output (or, with `notes`, standard error)."""
        if self.color != "auto":
            return self.color == "always"
        if self.env.get("NO_COLOR"):
            return False
        if self.env.get("FORCE_COLOR"):
            return True
        return (self.shows_notes if notes else self.shows_answers) and self.env.get("TERM") != "dumb"

    def hide(self, *secrets: str) -> None:
        """Never write these to standard error, whoever says them: a gateway may repeat a key it refuses."""
        long_enough = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        self._hidden |= {*long_enough, *(json.dumps(secret)[1:-1] for secret in long_enough)}

    def write(self, text: str) -> None:
        """Gather text for standard output; `flush` passes it on."""
        self._gathered.append(text)

    def flush(self) -> None:
        """Pass on what `write` has gathered: to a pipe as it is, to a terminal without control characters.

        Raises:
            ReaderGoneError: the reader of the pipe went away.
            UnwrittenError: the disk is full, or the stream is closed.
        """
        text = "".join(self._gathered)
        self._gathered.clear()
        if not text:
            return
        with self._writing() as stdout:
            stdout.write(encode(clean(text) if self.shows_answers else text))
            stdout.flush()

    @contextmanager
    def _writing(self) -> Iterator[BinaryIO]:
        if self._stdout is None:
            raise UnwrittenError("cannot write the answer", reason="standard output is closed")
        try:
            yield self._stdout
        except BrokenPipeError:
            raise ReaderGoneError from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnwrittenError("cannot write the answer", reason=reason) from None

    def note(self, text: str, *, style: str = "") -> None:
        """Write a line to standard error. A standard error that is closed or full is no reason to fail."""
        text = clean(text)
        if style and self.colors(notes=True):
            text = f"{style}{text}{_RESET}"
        self._say(text + "\n")

    def without_secrets(self, text: str) -> str:
        """The text with everything replaced that was given to `hide`."""
        for secret in self._hidden:
            text = text.replace(secret, HIDDEN)
        return text

    def _say(self, text: str) -> None:
        text = self.without_secrets(text)
        if self._stderr is not None:
            with suppress(OSError, ValueError):
                self._stderr.write(encode(text))
                self._stderr.flush()

    def fail(self, error: RespanError) -> None:
        """Show an error: a block for people, or one JSON line where `--json` or `--events` was given."""
        if self.json_errors:
            self._say(clean(json.dumps(error_json(error), ensure_ascii=False)) + "\n")
            return
        self._say(self._paint("error: ", RED) + one_line(error.message) + "\n")
        for name, text in (("why", error.reason), ("next", error.hint), ("ids", _ids(error))):
            if text:
                self._say(self._paint(f"  {name + ':':6}", DIM) + one_line(text) + "\n")

    def _paint(self, text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if self.colors(notes=True) else text

    def read_all(self, waiting_for: str) -> bytes:
        """Everything on standard input. After a silence of `PATIENCE` seconds, say what is waited for.

        Raises:
            UsageError: it is closed or cannot be read.
        """
        if self._stdin is None:
            raise UsageError("standard input is closed")
        reader = _Reader(self._stdin)
        reader.start()
        # A person who types sees the cursor wait; only a pipe stays silent unseen.
        if not reader.stirred.wait(None if self.asks else PATIENCE):
            self.note(waiting_for)
        reader.join()
        if reader.failure:
            raise UsageError("cannot read standard input", reason=reader.failure.strerror)
        return b"".join(reader.chunks)


class _Reader(threading.Thread):
    """Reads a stream to its end beside us, so that Ctrl-C and the notice about silence work everywhere."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.chunks: list[bytes] = []
        self.failure: OSError | None = None
        self.stirred = threading.Event()  # the first bytes, or the end, have come

    def run(self) -> None:
        try:
            while chunk := self._read():
                self.chunks.append(chunk)
                self.stirred.set()
        except OSError as error:
            self.failure = error
        self.stirred.set()

    def _read(self) -> bytes:
        try:
            # Past the buffer: a thread that holds its lock when the program ends is a fatal error.
            return os.read(self._stream.fileno(), _CHUNK)
        except (AttributeError, ValueError):
            return self._stream.read(_CHUNK)


def error_json(error: RespanError) -> dict[str, object]:
    """The error as scripts read it (contract, section 8)."""
    said = [one_line(text) for text in (error.message, error.reason) if text]
    details = {
        "type": error.kind,
        "message": ": ".join(said),
        "status": error.status,
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "request_id": error.request_id,
        "log_id": error.log_id,
        "hint": error.hint,
    }
    return {"error": details, "exit_code": int(error.code)}


def one_line(text: str, limit: int = 600) -> str:
    """Text from outside as one clean line of a sane length (in characters)."""
    text = " ".join(clean(text[: 4 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def encode(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which has none, becomes the escape that JSON also uses."""
    return text.encode("utf-8", "backslashreplace")


def _is_terminal(stream: BinaryIO | None) -> bool:
    with suppress(ValueError, OSError):
        return stream is not None and stream.isatty()
    return False


def _ids(error: RespanError) -> str:
    ids = (("request", error.request_id), ("log", error.log_id))
    return ", ".join(f"{name} {value}" for name, value in ids if value)
