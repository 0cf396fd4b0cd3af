"""A text written in the editor of whoever sits at the terminal."""

from __future__ import annotations

import os
import subprocess
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


class Draft:
    """A file of its owner's alone, for as long as it takes to write a text in it and to use that text.

    It is removed at the end, unless the text was written and what was to be done with it failed: then it is
    kept, and standard error says where.

    Args:
        terminal: the terminal to edit in, and the environment that names the editor.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._path: Path | None = None

    def edit(self, text: str) -> str:
        """Open the editor on `text`; return what was saved, without the newline that editors add.

        Raises:
            UsageError: the editor failed, or nothing was written.
        """
        import tempfile

        handle, name = tempfile.mkstemp(prefix="respan-", suffix=".md")
        path = Path(name)
        try:
            os.close(handle)
            path.write_bytes(text.encode("utf-8", "backslashreplace"))
            run_editor(self._terminal, path)
            written = _read(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._path = path
        return written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        if error is None:
            self._path.unlink(missing_ok=True)
            return
        kept = f"what you wrote is kept in {self._path}"
        if isinstance(error, RespanError):
            error.hint = f"{error.hint}; {kept}" if error.hint else kept
        else:
            self._terminal.note(f"respan: {kept}")


def _read(path: Path) -> str:
    from respan_cli.terminal.encoding import decode

    text = decode(path.read_bytes(), "what the editor saved").rstrip("\r\n")
    if not text.strip():
        raise UsageError("there is nothing to send: the editor saved an empty text")
    return text


def run_editor(terminal: Terminal, path: Path) -> None:
    """Let a person edit a file, and wait until the editor ends.

    Args:
        terminal: the environment that names the editor, and whether its streams are free.
        path: the file.

    Raises:
        UsageError: there is no such editor, or it failed.
    """
    command = editor_command(terminal)
    terminal.stop_status()
    try:
        with _streams(terminal) as streams, ignore_interrupts():
            code = subprocess.run(  # noqa: S603  # the user's own command, without a shell
                [*command, str(path)], check=False, env=dict(terminal.env), **streams
            ).returncode
    except OSError as error:
        raise UsageError(
            f"cannot start the editor {command[0]!r}",
            reason=error.strerror,
            hint="name one in VISUAL or EDITOR, such as EDITOR=nano",
        ) from None
    if code != 0:
        raise UsageError(f"the editor {command[0]!r} ended with exit code {code}: nothing was sent")


def editor_command(terminal: Terminal) -> list[str]:
    """The words of `$VISUAL`, else of `$EDITOR`, else the editor that every system of this kind has.

    Raises:
        UsageError: the variable's quotes do not match.
    """
    import shlex

    for name in VARIABLES:
        if value := terminal.env.get(name, "").strip():
            if sys.platform == "win32":
                return [value]
            try:
                return shlex.split(value)
            except ValueError as error:
                raise UsageError(f"{name}={value!r} is no command line", reason=str(error)) from None
    return [FALLBACK]


@contextmanager
def _streams(terminal: Terminal) -> Iterator[dict[str, Any]]:
    """The editor's streams: our own where they are the terminal, else the terminal by its own name.

    An editor with a window of its own needs no terminal, so that lacking one is no error here.
    """
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
