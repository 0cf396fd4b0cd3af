"""The API key: its places, and the command that prints it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from respan_cli.errors import SettingsError
from respan_cli.sandbox import Sandbox
from respan_cli.settings.key_command import key_from_command
from tests.support import KEY, PATIENCE, Outcome, process_env, run, run_process, start_process

Env = dict[str, str]
HERE = {"PATH": os.environ["PATH"]}


@pytest.fixture
def keyless(env: Env) -> Env:
    """The environment of a user without a key variable."""
    del env["RESPAN_API_KEY"]
    return {**env, **HERE}


def write_profile(env: Env, text: str) -> Path:
    path = Path(env["HOME"], ".config", "respan-cli", "config.toml")
    path.parent.mkdir(parents=True)
    path.write_text(f"[profiles.default]\n{text}\n")
    return path


def test_a_key_that_a_command_prints_is_sent(keyless: Env, sandbox: Sandbox) -> None:
    write_profile(keyless, f"api_key_command = \"printf '%s\\n' {KEY}\"")
    assert run("send", "Hello", env=keyless) == Outcome(0, "Hello\n", "")
    assert sandbox.requests[-1]["headers"]["authorization"] == f"Bearer {KEY}"


def test_the_command_runs_only_when_a_request_is_made(keyless: Env, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    write_profile(keyless, f"api_key_command = \"sh -c 'touch {ran}; echo {KEY}'\"")
    for argv in (
        ("send", "--dry-run", "Hello"),
        ("send", "--sandbox", "Hello"),
        ("config", "show", "--show-secrets"),
        ("config", "list"),
        ("config", "get", "api_key_command"),
        ("headers", "list", "--effective", "--show-secrets"),
    ):
        assert run(*argv, env=keyless).code == 0
    assert not ran.exists()
    assert run("send", "Hello", env=keyless).code == 0
    assert ran.exists()


def test_a_key_in_the_environment_keeps_the_command_from_running(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    write_profile(env, f'api_key_command = "touch {ran}"')
    assert run("send", "Hello", env={**env, **HERE}) == Outcome(0, "Hello\n", "")
    assert not ran.exists()
    assert sandbox.requests[-1]["headers"]["authorization"] == f"Bearer {KEY}"


def test_a_command_that_fails_is_an_error_in_its_own_words(keyless: Env, sandbox: Sandbox) -> None:
    write_profile(
        keyless, r'''api_key_command = "sh -c 'echo sk-half; printf \\\\033[31mlocked >&2; exit 4'"'''
    )
    assert run("send", "Hello", env=keyless) == Outcome(
        3,
        "",
        "error: the api_key_command ended with exit code 4\n"
        "  why:  [31mlocked\n"
        "  next: run it by hand: sh -c 'echo sk-half; printf \\\\033[31mlocked >&2; exit 4'\n",
    )
    assert sandbox.requests == []


def test_no_key_at_all_says_how_to_get_one(keyless: Env) -> None:
    assert run("send", "Hello", env=keyless) == Outcome(
        3,
        "",
        "error: no API key in profile 'default'\n"
        "  next: set RESPAN_API_KEY, or run 'respan config init'; "
        "create one at https://platform.respan.ai/platform/api/api-keys\n",
    )


def test_a_variable_that_is_set_but_empty_is_named(keyless: Env) -> None:
    write_profile(keyless, f'api_key = "{KEY}"')
    done = run("send", "Hello", env={**keyless, "RESPAN_API_KEY": ""})
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: no API key: RESPAN_API_KEY is set but empty, which takes away any key")


@pytest.mark.parametrize("key", ["two words", "kéy", "a\tb", "line\nline"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_quoted(env: Env, key: str) -> None:
    done = run("send", "Hello", env={**env, "RESPAN_API_KEY": key})
    assert done == Outcome(
        3,
        "",
        "error: the key from RESPAN_API_KEY does not look like an API key\n"
        "  why:  it has a space, a control character or one beyond ASCII\n",
    )


def test_white_space_around_a_key_is_not_part_of_it(env: Env, sandbox: Sandbox) -> None:
    assert run("send", "Hello", env={**env, "RESPAN_API_KEY": f" {KEY}\r\n"}).code == 0
    assert sandbox.requests[-1]["headers"]["authorization"] == f"Bearer {KEY}"


# The command itself


def failing(command: str, timeout_s: float = PATIENCE) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        key_from_command(command, HERE, "it", timeout_s)
    return caught.value


def test_the_command_is_split_like_a_shells_but_no_shell_reads_it() -> None:
    assert key_from_command("printf %s%s 'a'\\''b' ';x'", HERE, "it") == "a'b;x"


def test_the_command_gets_our_environment_and_no_input() -> None:
    assert key_from_command("sh -c 'cat; echo $SECRET'", {**HERE, "SECRET": "s"}, "it") == "s"


def test_the_command_does_not_eat_what_is_piped_in(tmp_path: Path) -> None:
    env = process_env(tmp_path)
    write_profile(env, "api_key_command = \"sh -c 'cat >&2; exit 1'\"")
    done = run_process("send", "Hello", env=env, stdin=b"the prompt")
    assert (done.code, done.out) == (3, "")
    assert "the prompt" not in done.err


def test_the_command_may_be_run_by_any_thread() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(key_from_command("echo k", HERE, "it")))
    thread.start()
    thread.join()
    assert found == ["k"]


@pytest.mark.parametrize(
    ("command", "message", "reason"),
    [
        ("false", "the api_key_command ended with exit code 1", None),
        ("sh -c 'kill -9 $$'", "was ended by signal 9", None),
        ("true", "printed nothing", None),
        ("sh -c 'echo; echo why >&2'", "printed nothing", "why"),
        (r"sh -c 'set -x; echo sk-sec''ret-0123; exit 3'", "exit code 3", "+ echo [hidden]"),
        (r"printf 'sk-\163ecret\nuser: ada'", "printed more than one line", None),
        ("no-such-program-here x", "cannot run the api_key_command 'no-such-program-here'", "No such file"),
        ("/", "cannot run the api_key_command '/'", "Permission denied"),
        ("echo 'half", "api_key_command is no command line: No closing quotation", None),
    ],
)
def test_a_command_that_gives_no_key_is_named(command: str, message: str, reason: str | None) -> None:
    error = failing(command)
    assert message in error.message
    assert "sk-secret" not in f"{error.reason} {error.hint}"
    assert (error.reason or "").startswith(reason or "")
    assert (error.reason is None) == (reason is None)


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    script = f"echo waiting >&2; sleep 1000 & echo $! > {tmp_path}/pid; wait"
    error = failing(f'sh -c "{script}"', timeout_s=0.5)
    assert error.message.endswith("took longer than 0.5 s")
    assert error.reason == "waiting"
    assert_gone(int((tmp_path / "pid").read_text()))


def test_ctrl_c_ends_the_command_with_all_it_started(tmp_path: Path) -> None:
    env = process_env(tmp_path, RESPAN_BASE_URL="http://127.0.0.1:9")
    script = f"sleep 1000 & echo $! > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"
    write_profile(env, f"api_key_command = '''sh -c \"{script}\"'''")
    with start_process("send", "--no-stdin", "Hello", env=env, stdin=subprocess.DEVNULL) as process:
        wait_for(tmp_path / "pid")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_ctrl_c_while_the_command_is_being_started_ends_it_too(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; kill -INT $PPID; wait"
    done = threading.Event()

    def compete() -> None:  # for the interpreter, as the import of the SDK does: starting takes longer
        while not done.is_set():
            pass

    threading.Thread(target=compete, daemon=True).start()
    try:
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                key_from_command(f'sh -c "{script}"', HERE, "it")
            assert_gone(int((tmp_path / "pid").read_text()))
    finally:
        done.set()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def assert_gone(pid: int) -> None:
    """Killed: gone, or a zombie that its new parent has not reaped yet."""
    deadline = time.monotonic() + PATIENCE
    while sys.platform == "linux" and Path(f"/proc/{pid}/stat").exists():
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        assert time.monotonic() < deadline, f"process {pid} is alive"
        time.sleep(0.01)
