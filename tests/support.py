"""What the tests share: one command line run inside this process, in one of its own, or in a terminal."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from respan_cli.cli import main
from respan_cli.terminal.terminal import Terminal

ROOT = Path(__file__).parent.parent
KEY = "respan-test-key-0123456789"
PATIENCE = 30.0  # seconds after which a test that waits has failed


class Outcome(NamedTuple):
    """Exit code, standard output and standard error: compared together."""

    code: int
    out: str
    err: str


class Screen(io.BytesIO):
    """A byte stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(
    *argv: str,
    stdin: bytes | None = b"",
    env: Mapping[str, str] | None = None,
    stdout_is_terminal: bool = False,
    stderr_is_terminal: bool = False,
) -> Outcome:
    """Run a command line inside this process; `stdin=None` is a terminal without input."""
    out, err = (Screen() if shown else io.BytesIO() for shown in (stdout_is_terminal, stderr_is_terminal))
    terminal = Terminal(Screen() if stdin is None else io.BytesIO(stdin), out, err, dict(env or {}))
    code = main(list(argv), terminal)
    return Outcome(code, out.getvalue().decode(), err.getvalue().decode())


def process_env(home: Path, **env: str) -> dict[str, str]:
    """The environment of a process of its own: nothing of this one that could change what it does."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **env}


def run_process(
    *argv: str, env: Mapping[str, str], stdin: bytes = b"", command: Sequence[str] = ("-m", "respan_cli")
) -> Outcome:
    """Run a command line in a process of its own, to its end."""
    done = subprocess.run(
        [sys.executable, *command, *argv],
        input=stdin,
        capture_output=True,
        env=dict(env),
        cwd=ROOT,
        timeout=2 * PATIENCE,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def start_process(
    *argv: str,
    env: Mapping[str, str],
    stdin: int = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a command line in a process of its own; the test talks to it while it runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "respan_cli", *argv],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=dict(env),
        cwd=ROOT,
    )


class Pty:
    """A pseudo-terminal of a given size with a command line running in it.

    `text` holds every byte the program wrote to it so far; a terminal emulator makes a screen of that.
    """

    def __init__(
        self,
        *argv: str,
        env: Mapping[str, str],
        columns: int = 80,
        rows: int = 24,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "respan_cli", *argv],
            stdin=slave if stdin is None else stdin,
            stdout=slave if stdout is None else stdout,
            stderr=slave if stderr is None else stderr,
            env={"TERM": "xterm-256color", **env},
            cwd=ROOT,
            preexec_fn=own_terminal,
            pass_fds=(slave,),
        )
        os.close(slave)
        self.text = b""

    def type(self, text: str) -> None:
        """Type into the terminal: "\\r" is Enter, "\\x03" Ctrl-C, "\\x04" Ctrl-D."""
        os.write(self.master, text.encode())

    def read_until(self, wanted: str) -> str:
        """Read until the program has written `wanted`; everything so far is returned."""
        deadline = time.monotonic() + 2 * PATIENCE  # a spinner would be read for ever
        while wanted.encode() not in self.text:
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"{wanted!r} never came; the terminal shows {self.text.decode()!r}")
        return self.text.decode("utf-8", "replace")

    def finish(self) -> tuple[int, str]:
        """Read to the end; the exit code and everything that was written."""
        deadline = time.monotonic() + 2 * PATIENCE
        while self._read():
            assert time.monotonic() < deadline, f"it never ends; the terminal shows {self.text[-500:]!r}"
        code = self.process.wait(PATIENCE)
        return code, self.text.decode("utf-8", "replace")

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], PATIENCE)
        if not ready:
            raise AssertionError(f"the terminal stays silent after {self.text.decode()!r}")
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux says EIO when the last writer has gone
            return False
        self.text += data
        return bool(data)

    def close(self) -> None:
        """End the program and the terminal."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def __enter__(self) -> Pty:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
