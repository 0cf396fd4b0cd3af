"""Standard input as it is in the wild: silent, closed, a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox
from tests.support import KEY, PATIENCE, Outcome, Pty, process_env, run_process, start_process

NOTICE = b"respan: waiting for standard input to end (--no-stdin ignores it)\n"


def key_and_gateway(home: Path, sandbox: Sandbox) -> dict[str, str]:
    return process_env(home, RESPAN_API_KEY=KEY, RESPAN_BASE_URL=sandbox.url)


def test_a_pipe_that_stays_silent_is_named_and_still_read(tmp_path: Path, sandbox: Sandbox) -> None:
    with start_process("send", "Read", env=key_and_gateway(tmp_path, sandbox)) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == NOTICE
        out, err = process.communicate(b"late", timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, b"Read\n\nlate\n", b"")


@pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")
def test_a_pipe_that_was_set_not_to_wait_is_waited_for(tmp_path: Path, sandbox: Sandbox) -> None:
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)
    process = start_process("send", "Read", env=key_and_gateway(tmp_path, sandbox), stdin=theirs)
    os.close(theirs)
    with process, os.fdopen(ours, "wb", buffering=0) as pipe:
        assert process.stderr is not None
        assert process.stderr.readline() == NOTICE
        pipe.write(b"late")
        pipe.close()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, b"Read\n\nlate\n", b"")


def test_no_stdin_does_not_wait_for_an_open_pipe(tmp_path: Path, sandbox: Sandbox) -> None:
    with start_process("send", "--no-stdin", "Hello", env=key_and_gateway(tmp_path, sandbox)) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"Hello\n"  # to the end, while our end of its input is still open
        assert process.wait(PATIENCE) == 0


def test_a_closed_standard_input_is_no_input(tmp_path: Path, sandbox: Sandbox) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m respan_cli send Hello <&-', sys.executable],
        env=key_and_gateway(tmp_path, sandbox),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Hello\n", b"")


def test_an_argument_that_is_not_utf8_is_named_by_its_byte(tmp_path: Path) -> None:
    done = run_process("send", os.fsdecode(b"gr\xfc\xdf"), env=process_env(tmp_path, RESPAN_API_KEY=KEY))
    assert done == Outcome(
        2,
        "",
        "error: the prompt is not UTF-8 at byte offset 2\n"
        "  next: if it is Western European text, convert it first: iconv -f WINDOWS-1252 -t UTF-8\n",
    )


def test_a_dash_on_a_terminal_reads_what_is_typed(tmp_path: Path, sandbox: Sandbox) -> None:
    with Pty("send", "-q", "-", env=key_and_gateway(tmp_path, sandbox)) as terminal:
        terminal.type("typed by hand\r\x04")
        code, _ = terminal.finish()
    assert code == 0
    assert sandbox.requests[0]["body"]["messages"][0]["content"] == "typed by hand\n"


def test_a_terminal_without_a_prompt_is_told_how(tmp_path: Path, sandbox: Sandbox) -> None:
    with Pty("send", env=key_and_gateway(tmp_path, sandbox)) as terminal:
        code, text = terminal.finish()
    assert code == 2
    assert "there is no prompt" in text
    assert sandbox.requests == []
