"""`api_key_command`: the command that prints the API key."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO

from respan_cli.errors import SettingsError
from respan_cli.settings.api_key import check_key
from respan_cli.terminal.secret_filter import SecretFilter
from respan_cli.terminal.signals import defer_signals

KEY_COMMAND_TIMEOUT_S = 30.0  # time enough to touch a security key
MAX_OUTPUT_BYTES = 64 << 10
_READ_TIMEOUT_S = 1.0  # for the last output of a command that was killed
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish")
_NO_SHELL = "no shell reads it: no ~, no $VARIABLE, no pipe; sh -c '…' starts one"
# As words of their own, operators; within a word, a variable or a command substitution.
_SHELL_SYNTAX = re.compile(r"[|&;<>]+|~(?:/.*)?|[0-9]?>.*|.*(?:\$[A-Za-z_{(]|`).*", re.DOTALL)


def key_from_command(
    command: str, env: Mapping[str, str], source: str, timeout_s: float = KEY_COMMAND_TIMEOUT_S
) -> str:
    """The key that a command prints. It is run without a shell, and may be from any thread.

    It gets no input and a session of its own: so it can be ended with all that it started, and a program
    that would ask for a password on the terminal fails at once, instead of waiting unseen.

    Args:
        env: its environment.
        source: the name of the command's source, for messages.

    Raises:
        SettingsError: it cannot be run, fails, takes too long, or prints too much, nothing, or no key.
            Its own words (standard error) are the reason; its output is never shown.
    """
    words = _split(command)
    try:
        key = check_key(_output_of(command, words, env, timeout_s), source)
        if any(_SHELL_SYNTAX.fullmatch(word) and word in key for word in words[1:]):
            raise SettingsError("the api_key_command printed a part of its own command line")
    except SettingsError as error:
        shell_syntax = any(map(_SHELL_SYNTAX.fullmatch, words)) and not _is_shell(words)
        raise error.with_hint(_NO_SHELL) if shell_syntax else error from None
    return key


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command) or [command]
    except ValueError as error:
        raise SettingsError(f"api_key_command is no command line: {error}") from None


def _is_shell(words: list[str]) -> bool:
    return "-c" in words and any(Path(word).name in _SHELLS for word in words)


def _output_of(command: str, words: list[str], env: Mapping[str, str], timeout_s: float) -> str:
    deadline = time.monotonic() + timeout_s
    with _running(words, env) as process:
        out, err = _Reader(process.stdout), _Reader(process.stderr, keep_reading=True)
        out.join(_until(deadline))
        err.join(0 if out.is_full else _until(deadline))
        failure = f"printed more than {MAX_OUTPUT_BYTES >> 10} KiB" if out.is_full else None
        if not failure and (out.is_alive() or err.is_alive() or not _ends_before(process, deadline)):
            failure = f"took longer than {timeout_s:g} s"
        if failure:
            _kill(process)
        for reader in (out, err):
            reader.stop(_READ_TIMEOUT_S)
    if failure:
        raise _failed(command, failure, out.data, err.data)
    if process.returncode:
        raise _failed(command, _end_of(process.returncode), out.data, err.data)
    return _single_line(command, out.data, err.data)


def _until(deadline: float) -> float:
    return max(0, deadline - time.monotonic())


class _Reader(Thread):
    """Reads a pipe, up to a limit, while the command runs.

    Args:
        keep_reading: beyond the limit too, without keeping anything, so that the command does not block.
    """

    def __init__(self, pipe: IO[bytes] | None, *, keep_reading: bool = False) -> None:
        super().__init__(daemon=True)
        self.data = b""
        self._stopped = False
        self._handle = pipe.fileno() if pipe else -1
        self._keep_reading = keep_reading
        self.start()

    @property
    def is_full(self) -> bool:
        """Whether there was more than the limit."""
        return len(self.data) > MAX_OUTPUT_BYTES

    def stop(self, timeout_s: float) -> None:
        """Wait for the last output. A process that left the session may keep the pipe open for ever."""
        self.join(timeout_s)
        self._stopped = True  # the handle may be that of another file from now on

    def run(self) -> None:
        with suppress(OSError):
            while not self._stopped and (chunk := os.read(self._handle, MAX_OUTPUT_BYTES)):
                if not self.is_full:
                    self.data += chunk
                if self.is_full and not self._keep_reading:
                    return


def _ends_before(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(_until(deadline))
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def _running(words: list[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command while it runs. Ctrl-C, which does not reach another session, ends it too."""
    process = None
    try:
        with defer_signals():  # a Popen that is interrupted half-way leaves an unknown process behind
            process = _start(words, env)
        yield process
    except BaseException as error:
        if process and not isinstance(error, Exception):
            _kill(process)
        raise
    finally:
        if process:
            with process:  # which closes its pipes, and waits for its end
                pass


def _start(words: list[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(  # noqa: S603 - the user's own command, and no shell
            words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=dict(env), start_new_session=True
        )
    except OSError as error:
        message = f"cannot run the api_key_command {words[0]!r}"
        raise SettingsError(message, reason=error.strerror, hint=_NO_SHELL) from None
    except ValueError as error:
        raise SettingsError(f"api_key_command is no command line: {error}") from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        import signal

        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _end_of(code: int) -> str:
    return f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"


def _single_line(command: str, out: bytes, err: bytes) -> str:
    text = out.decode("utf-8", "replace").strip()
    if not text:
        raise _failed(command, "printed nothing", out, err)
    if len(text.splitlines()) > 1:
        raise _failed(command, "printed more than one line: it must print the key alone", out, err)
    return text


def _failed(command: str, failure: str, out: bytes, err: bytes) -> SettingsError:
    # What it printed may be the key, which 'set -x' in a shell, or a tool's own log, repeats.
    secrets = SecretFilter()
    secrets.add(*(line.strip() for line in out.decode("utf-8", "replace").splitlines()))
    words = secrets.hide(err.decode("utf-8", "replace").strip())
    return SettingsError(
        f"the api_key_command {failure}", reason=words or None, hint=f"run it by hand: {command}"
    )
