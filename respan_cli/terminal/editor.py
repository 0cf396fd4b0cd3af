"""A text edited in the user's own editor."""

from __future__ import annotations

import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from respan_cli.errors import RespanError, UsageError
from respan_cli.terminal.signals import ignore_interrupts
from respan_cli.terminal.terminal import Terminal

VARIABLES = ("VISUAL", "EDITOR")  # the first that is set, as for git and crontab
FALLBACK = "notepad" if sys.platform == "win32" else "vi"
_CONSOLE = "CON" if sys.platform == "win32" else "/dev/tty"


class EditedFile:
    """A private copy of a text, for as long as it is edited and what was written is used.

    It lies in a folder that only its owner may enter, with whatever the editor puts beside it. The folder is
    removed at the end, unless the text was changed and using it failed: then the error says where it is.

    Args:
        terminal: the terminal to edit in, and the environment that names the editor.
        name: the file's name, whose ending tells the editor what it is.
        error: the class of the errors raised here.
        outcome: what an error says of a text that could not be edited, such as "nothing was sent".
    """

    def __init__(self, terminal: Terminal, name: str, error: type[RespanError], outcome: str) -> None:
        self._terminal = terminal
        self._name = name
        self._error = error
        self._outcome = outcome
        self._path: Path | None = None
        self._start = b""

    def write(self, data: bytes) -> None:
        """Set the text to begin with.

        Raises:
            RespanError: there is no folder for temporary files, or it is full.
        """
        import tempfile

        folder = self._terminal.env.get("TMPDIR") or None
        self._start = data
        try:
            self._path = Path(tempfile.mkdtemp(prefix="respan-", dir=folder)) / self._name
            self._path.touch(0o600)
            self._path.write_bytes(data)
        except OSError as failure:
            self._remove()
            raise self._failed(
                f"cannot make a file to edit in {folder or 'the folder for temporary files'}",
                reason=failure.strerror,
                hint="set TMPDIR to a folder with room in it",
            ) from None

    def edit_bytes(self) -> bytes:
        """Open the editor, wait until it ends, and return what it saved.

        Raises:
            RespanError: there is no such editor, it failed, or it left no file.
        """
        assert self._path
        command = self._command()
        self._terminal.stop_status()
        self._run([*command, str(self._path)], shown=" ".join(command))
        saved = self._saved()
        if saved is None:
            raise self._failed(f"the editor left no file {self._path.name!r}: {self._outcome}")
        return saved

    def _command(self) -> list[str]:
        """The words of `$VISUAL`, else of `$EDITOR`, else the editor that every system of this kind has."""
        for name in VARIABLES:
            if value := self._terminal.env.get(name, "").strip():
                try:
                    return [value] if sys.platform == "win32" else shlex.split(value)
                except ValueError as failure:
                    raise self._cannot_run(value, str(failure)) from None
        return [FALLBACK]

    def _run(self, command: list[str], shown: str) -> None:
        import subprocess

        env = dict(self._terminal.env)
        try:
            with _streams(self._terminal) as streams, ignore_interrupts():
                code = subprocess.run(command, check=False, env=env, **streams).returncode  # noqa: S603
        except OSError as failure:
            raise self._cannot_run(shown, failure.strerror) from None
        if code != 0:
            raise self._failed(f"the editor {shown!r} ended with exit code {code}: {self._outcome}")

    def _saved(self) -> bytes | None:
        """The text as it is now; None if it is no regular file, or gone."""
        with suppress(OSError):
            if self._path and stat.S_ISREG(self._path.stat().st_mode):  # reading a pipe could take for ever
                return self._path.read_bytes()
        return None

    def _failed(self, message: str, *, reason: str | None = None, hint: str | None = None) -> RespanError:
        return self._error(message, reason=reason, hint=hint)

    def _cannot_run(self, command: str, reason: str | None) -> RespanError:
        hint = "name one in VISUAL or EDITOR, such as EDITOR=nano"
        return self._failed(f"cannot run the editor {command!r}", reason=reason, hint=hint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        saved = self._saved()
        if error is None or saved is None or saved == self._start or not saved.strip():
            self._remove()
            return
        kept = f"your text is kept in {self._path}"
        if isinstance(error, RespanError):
            hint = f"{error.hint}; {kept}" if error.hint else kept
            raise error.with_hint(hint) from error.__cause__
        self._terminal.note(kept, label="respan: ")

    def _remove(self) -> None:
        import shutil

        if self._path:
            shutil.rmtree(self._path.parent, ignore_errors=True)
            self._path = None


class Draft(EditedFile):
    """A prompt that is written in the editor."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal, "message.md", UsageError, "nothing was sent")

    def edit(self, text: str) -> str:
        """Open the editor on `text`; return what was saved, without the newline that editors add.

        Raises:
            UsageError: the editor failed, or nothing was written.
        """
        from respan_cli.terminal.encoding import decode, encode

        self.write(encode(text))
        written = decode(self.edit_bytes(), "what the editor saved").rstrip("\r\n")
        if not written.strip():
            raise UsageError("there is nothing to send: the editor saved an empty text")
        return written


@contextmanager
def _streams(terminal: Terminal) -> Iterator[dict[str, Any]]:
    """The editor's streams: our own where they are the terminal, else the terminal by its own name.

    An editor with a window of its own needs no terminal, so that lacking one is no error here.
    """
    import subprocess

    console: IO[bytes] | None = None
    if not (terminal.stdin_isatty and terminal.stdout_isatty):
        with suppress(OSError):
            console = Path(_CONSOLE).open("r+b", buffering=0)  # noqa: SIM115  # closed below
    try:
        yield {
            "stdin": None if terminal.stdin_isatty else console or subprocess.DEVNULL,
            "stdout": None if terminal.stdout_isatty else console or subprocess.DEVNULL,
        }
    finally:
        if console:
            console.close()
