"""The API key: where it comes from, and the command that prints it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from respan_cli.errors import SettingsError
from respan_cli.settings.fields import BY_NAME, KEY_FIELDS
from respan_cli.settings.pages import KEYS_PAGE
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.secret_filter import SecretFilter

if TYPE_CHECKING:
    import subprocess

KEY_VARIABLE = BY_NAME["api_key"].env or ""
PATIENCE = 30.0  # seconds that the command may take: time enough to touch a security key


def find_key(current: Settings, env: Mapping[str, str]) -> tuple[str, str]:
    """The API key, and where it came from. Runs `api_key_command` if that is in force.

    Args:
        current: the settings.
        env: the environment, which the command gets too.

    Raises:
        SettingsError: there is none, the command failed, or the key cannot be sent as a header.
    """
    source = key_origin(current) or ""
    if current.api_key is not None:
        return check_key(current.api_key.reveal(), source), source
    if current.api_key_command is not None:
        return check_key(key_from_command(current.api_key_command, env), source), source
    made = f"keys are made at {KEYS_PAGE}"
    if env.get(KEY_VARIABLE) == "":
        raise SettingsError(
            f"no API key: {KEY_VARIABLE} is set but empty, which takes away any key of the profile",
            hint=f"give it a value, or unset it; {made}",
        )
    raise SettingsError(
        f"no API key in profile {current.profile!r}",
        hint=f"set {KEY_VARIABLE}, or run 'respan config init'; {made}",
    )


def key_origin(current: Settings) -> str | None:
    """Where the key comes from, without running a command to get it; None if from nowhere."""
    for name in KEY_FIELDS:
        if source := current.sources.get(name):
            return source if name == "api_key" else f"{name} of {source}"
    return None


def check_key(key: str, source: str) -> str:
    """The key without the white space around it.

    Raises:
        SettingsError: it is empty, or has a character that no header, and no key, has. It is not quoted.
    """
    key = key.strip()
    if not key:
        raise SettingsError(f"the key from {source} is empty")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(f"the key from {source} has a character that no key has")
    return key


def key_from_command(command: str, env: Mapping[str, str], patience: float = PATIENCE) -> str:
    """What a command prints. It is run without a shell, and may be from any thread.

    It gets no input and a session of its own: so it can be ended with all that it started, and a program
    that would ask for a password on the terminal fails at once, instead of waiting unseen.

    Args:
        command: the command line, split as a shell would split it.
        env: its environment.
        patience: seconds until it is ended.

    Raises:
        SettingsError: it cannot be run, fails, takes too long, or prints nothing or more than one line.
            Its own words (standard error) are the reason; what it printed is never shown.
    """
    import subprocess

    with _running(command, env) as process:
        try:
            out, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            _end(process)
            out, err = process.communicate()
            raise _failed(command, f"took longer than {patience:g} s", out, err) from None
    if process.returncode:
        raise _failed(command, _how_it_ended(process.returncode), out, err)
    return _single_line(command, out, err)


@contextmanager
def _running(command: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command while it runs. Ctrl-C, which does not reach another session, ends it too."""
    from respan_cli.terminal.signals import defer_signals

    process = None
    try:
        with defer_signals():  # a Popen that is interrupted half-way leaves a process that nobody knows
            process = _started(command, env)
        yield process
    except BaseException as error:
        if process and not isinstance(error, Exception):
            _end(process)
        raise
    finally:
        if process:
            with process:  # which closes its pipes, and waits for its end
                pass


def _started(command: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    import shlex
    import subprocess

    pipe = subprocess.PIPE
    try:
        words = shlex.split(command) or [command]
        return subprocess.Popen(  # noqa: S603 - the user's own command, and no shell
            words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=dict(env), start_new_session=True
        )
    except OSError as error:
        raise SettingsError(
            f"cannot run the api_key_command {words[0]!r}",
            reason=error.strerror,
            hint="no shell reads it: no ~, no $VARIABLE, no pipe; sh -c '…' starts one",
        ) from None
    except ValueError as error:
        raise SettingsError(f"api_key_command is no command line: {error}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        import signal
        from contextlib import suppress

        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _how_it_ended(code: int) -> str:
    return f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"


def _single_line(command: str, out: bytes, err: bytes) -> str:
    text = out.decode("utf-8", "replace").strip()
    if not text:
        raise _failed(command, "printed nothing", out, err)
    if len(text.splitlines()) > 1:
        raise _failed(command, "printed more than one line: the key and nothing else belongs there", out, err)
    return text


def _failed(command: str, what: str, out: bytes, err: bytes) -> SettingsError:
    secrets = SecretFilter()
    # What it printed may be the key, which 'set -x' in a shell, or a tool's own log, repeats.
    secrets.add(*(line.strip() for line in out.decode("utf-8", "replace").splitlines()))
    words = secrets.hide(err.decode("utf-8", "replace").strip())
    return SettingsError(
        f"the api_key_command {what}", reason=words or None, hint=f"run it by hand: {command}"
    )
