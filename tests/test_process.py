"""What only a process of its own shows: signals, pipes whose reader leaves, full disks, closed streams."""

from __future__ import annotations

import array
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox, api
from tests.support import PATIENCE, ROOT, Outcome, Pty, process_env, start_process

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and terminals as POSIX has them")

PROMPT = "first half of it, second half of it"
HALF = "first half of it, "
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
# An import that takes for ever, and swallows whatever is thrown at it.
STUBBORN = """
import sys, time
words = ["importing"]
while True:
    try:
        print(words.pop(), file=sys.stderr, flush=True)
    except BaseException:
        pass
    try:
        time.sleep(60)
    except BaseException:
        pass
"""


# A standard error in the middle of whose first write Ctrl-C is typed.
INTERRUPTING = """
import io, os, signal, sys
class Raw(io.FileIO):
    signals = [signal.SIGINT]
    def write(self, data):
        if self.signals:
            os.kill(os.getpid(), self.signals.pop())
        return super().write(data)
sys.stderr = io.TextIOWrapper(io.BufferedWriter(Raw(2, "w", closefd=False)), "utf-8")
"""


@pytest.fixture
def env(tmp_path: Path, sandbox: Sandbox) -> dict[str, str]:
    """The environment of a process with a key and the sandbox for a gateway."""
    key = {"RESPAN_API_KEY": "respan-test-key-0123456789", "RESPAN_BASE_URL": sandbox.url}
    return process_env(tmp_path, **key)


class Silence:
    """A reply that never comes: `begun` is set when the request has arrived."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.begun = threading.Event()
        sandbox.replies.append(self._wait)

    def _wait(self, connection: socket.socket) -> None:
        self.begun.set()
        while connection.recv(4096):
            pass


def end(process: subprocess.Popen[bytes], number: int) -> Outcome:
    """Send a signal, and see what comes of it."""
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_the_wait_for_an_answer_at_once_and_without_a_word(
    number: int, code: int, env: dict[str, str], sandbox: Sandbox
) -> None:
    silence = Silence(sandbox)
    process = start_process("send", "--no-stdin", PROMPT, env=env)
    assert silence.begun.wait(PATIENCE)
    assert end(process, number) == Outcome(code, "", "")


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_leaves_the_file_of_output_as_it_was_and_no_other_beside_it(
    number: int, code: int, env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "a.txt").write_text("the old answer")
    argv = ("send", "--no-stdin", PROMPT, "-m", "sandbox-stall", "-o", str(folder / "a.txt"))
    process = start_process(*argv, env=env)
    wait_until(lambda: len(list(folder.iterdir())) == 2)
    assert end(process, number) == Outcome(code, "", "")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a.txt": "the old answer"}


def test_what_a_killed_process_left_behind_is_in_nobodys_way(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    same_number = "import os; os.getpid = lambda: 7\n"  # as in every container
    same_number += "import runpy; runpy.run_module('respan_cli', run_name='__main__')"

    def asked(model: str) -> subprocess.Popen[bytes]:
        argv = ("send", "--no-stdin", PROMPT, "-m", model, "-o", str(folder / "a.txt"))
        return subprocess.Popen([sys.executable, "-c", same_number, *argv], env=env, cwd=ROOT)

    killed = asked("sandbox-stall")
    wait_until(lambda: len(list(folder.iterdir())) == 1)
    killed.kill()
    killed.wait(PATIENCE)
    assert asked("any").wait(PATIENCE) == 0
    assert (folder / "a.txt").read_text() == PROMPT + "\n"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("read-only.txt", "Permission denied"),
        ("folder/old.txt", "no file can be made in {folder}: Permission denied"),
        ("folder/new.txt", "no file can be made in {folder}: Permission denied"),
    ],
)
def test_a_file_or_folder_that_is_read_only_is_known_before_anything_is_sent(
    name: str, why: str, env: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    folder, file = tmp_path / "folder", tmp_path / "read-only.txt"
    folder.mkdir()
    for path, mode in ((folder / "old.txt", 0o644), (file, 0o444), (folder, 0o555)):
        if path is not folder:
            path.write_text("the old answer")
        path.chmod(mode)
    path = tmp_path / name
    process = start_process("send", "--no-stdin", PROMPT, "-o", str(path), env=env)
    out, err = process.communicate(timeout=PATIENCE)
    folder.chmod(0o755)
    block = f"error: cannot write {path}\n  why:  {why.format(folder=folder)}\n"
    assert Outcome(process.returncode, out.decode(), err.decode()) == Outcome(12, "", block)
    assert sandbox.requests == []
    assert file.read_text() == (folder / "old.txt").read_text() == "the old answer"


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.01)


def test_a_hang_up_is_ignored_where_nohup_ignores_it(env: dict[str, str], sandbox: Sandbox) -> None:
    silence = Silence(sandbox)
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    ignoring += "import runpy; runpy.run_module('respan_cli', run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", ignoring, "send", "--no-stdin", PROMPT],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert silence.begun.wait(PATIENCE)
    process.send_signal(signal.SIGHUP)
    assert end(process, signal.SIGTERM) == Outcome(143, "", "")


def test_ctrl_c_ends_an_import_that_swallows_it(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "anthropic").mkdir()
    (tmp_path / "anthropic" / "__init__.py").write_text(STUBBORN)
    process = start_process("send", "--no-stdin", PROMPT, env={**env, "PYTHONPATH": str(tmp_path)})
    assert process.stderr
    assert process.stderr.readline() == b"importing\n"
    assert end(process, signal.SIGINT) == Outcome(130, "", "")


def test_ctrl_c_in_the_first_sign_of_life_leaves_nothing_of_it(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING)
    with Pty("send", PROMPT, env={**env, "PYTHONPATH": str(tmp_path)}) as pty:
        code, text = pty.finish()
    assert (code, "Traceback" in text) == (130, False)
    assert text.endswith("\r\x1b[K")


def test_ctrl_c_keeps_the_partial_answer_on_its_own_line(env: dict[str, str]) -> None:
    with Pty("send", PROMPT, "-m", "sandbox-stall", "--color", "never", env=env) as pty:
        pty.read_until(HALF.strip())
        pty.type("\x03")
        code, text = pty.finish()
    assert code == 130
    assert HALF.strip() in text
    assert text.rstrip("^C\r\n \x1b[?25h").endswith("half of it,")
    assert text.endswith("\n")
    assert text.count("\x1b[?25l") <= text.count("\x1b[?25h"), "the cursor stays hidden"


@pytest.mark.parametrize("render", ["plain", "markdown"])
def test_in_a_log_of_both_streams_an_error_does_not_follow_the_answer_on_its_line(
    render: str, env: dict[str, str]
) -> None:
    argv = ("send", "--no-stdin", PROMPT, "-m", "sandbox-cut", "--render", render)
    with start_process(*argv, env=env, stderr=subprocess.STDOUT) as process:
        log, _ = process.communicate(timeout=PATIENCE)
    answer, _, rest = log.decode().partition("\n")
    assert (process.returncode, answer.strip()) == (9, HALF.strip())
    assert rest.startswith("error: the answer broke off\n")


WORDS = [f"w{number:05}" for number in range(20_000)]


def flood(connection: socket.socket) -> None:
    """More output, and faster, than the buffer of a terminal that is not read can hold."""
    deltas = (api.delta(f"{' '.join(WORDS[at : at + 10])}\n") for at in range(0, len(WORDS), 10))
    start = api.event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    opening = api.event("message_start", message={"id": "msg_1", "content": [], "usage": {}})
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + opening + start)
    connection.sendall(b"".join(deltas))
    while connection.recv(4096):
        pass


def flooded(render: str, env: dict[str, str], sandbox: Sandbox) -> Pty:
    """A terminal that has shown the first words of a flood, and takes no more since then."""
    sandbox.replies.append(flood)
    pty = Pty("send", PROMPT, "--render", render, env=env)
    pty.read_until(WORDS[5])
    sizes = [0] * 20  # 20 readings without a change: the buffer is full, and the program blocks

    def full() -> bool:
        waiting = array.array("i", [0])
        fcntl.ioctl(pty.master, termios.FIONREAD, waiting)
        sizes[:] = [*sizes[1:], waiting[0]]
        return sizes[0] > 1000 and len(set(sizes)) == 1

    wait_until(full)
    return pty


@pytest.mark.parametrize("render", ["markdown", "plain"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, None], ids=str)
def test_an_interrupted_answer_has_no_hole(
    number: int | None, render: str, env: dict[str, str], sandbox: Sandbox
) -> None:
    # Ctrl-C makes the terminal's driver throw away what waits in it: what followed that would follow a hole.
    with flooded(render, env, sandbox) as pty:
        if number is None:
            pty.type("\x03")
        else:
            pty.process.send_signal(number)
        code, text = pty.finish()
    assert code == (143 if number == signal.SIGTERM else 130)
    seen = re.findall(r"w\d{5}", text)
    assert len(seen) > 5
    assert seen == WORDS[: len(seen)]
    if number is None:  # then the buffer has space for the end of the line
        assert re.search(r"\^C(\x1b\[0m)?[\r\n]+(\x1b\[J)?$", text)


@pytest.mark.parametrize("render", ["markdown", "plain"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_that_takes_nothing_more_keeps_nobody_waiting(
    number: int, render: str, env: dict[str, str], sandbox: Sandbox
) -> None:
    with flooded(render, env, sandbox) as pty:
        pty.process.send_signal(number)
        assert pty.process.wait(PATIENCE) == 128 + number


def test_ctrl_c_ends_the_wait_between_two_attempts(env: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.replies.append(b"HTTP/1.1 529 X\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n")
    with Pty("send", PROMPT, "--color", "never", env=env) as pty:
        pty.read_until(" in 50 s")
        pty.type("\x03")
        code, text = pty.finish()
    assert code == 130
    assert "Traceback" not in text
    assert len(sandbox.requests) == 1


def test_ctrl_c_ends_the_wait_for_standard_input(env: dict[str, str], sandbox: Sandbox) -> None:
    process = start_process("send", env=env)
    assert process.stderr
    assert process.stderr.readline().startswith(b"respan: waiting for standard input")
    assert end(process, signal.SIGINT) == Outcome(130, "", "")
    assert sandbox.requests == []


@pytest.mark.parametrize("flags", [(), ("-o", "/dev/stdout")], ids=str)
def test_a_reader_that_leaves_early_is_no_error(flags: tuple[str, ...], env: dict[str, str]) -> None:
    with start_process("send", "--no-stdin", PROMPT, "-m", "sandbox-long-120000", *flags, env=env) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(11) == b"lorem ipsum"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0


def test_ctrl_c_ends_a_send_whose_reader_has_stopped_reading(env: dict[str, str]) -> None:
    process = start_process("send", "--no-stdin", PROMPT, "-m", "sandbox-long-120000", env=env)
    assert process.stdout
    sizes = [0] * 20  # as many looks at the pipe that show no change: it is full

    def full() -> bool:
        waiting = array.array("i", [0])
        assert process.stdout
        fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
        sizes[:] = [*sizes[1:], waiting[0]]
        return sizes[0] > 30_000 and len(set(sizes)) == 1

    wait_until(full)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    process.communicate()


def unwritten(what: str, why: str) -> tuple[str, str]:
    """The error of the sandbox's first answer that cannot be written: for people, and for scripts."""
    request, log = "req_000000000000000000000001", "23cd0118-8a49-58a7-92f7-c1bb4388b5f6"
    hint = "the log may still have the answer: https://platform.respan.ai/platform/requests"
    details = {
        "type": "unwritten",
        "message": f"cannot write {what}: {why}",
        "status": None,
        "retryable": False,
        "retry_after": None,
        "request_id": request,
        "log_id": log,
        "hint": hint,
    }
    lines = f"why:  {why}", f"next: {hint}", f"ids:  request {request}, log {log}"
    block = "".join([f"error: cannot write {what}\n", *(f"  {line}\n" for line in lines)])
    return block, json.dumps({"error": details, "exit_code": 12}) + "\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("script", "what"),
    [('exec "$@" > /dev/full', "the answer"), ('exec "$@" -o /dev/full', "/dev/full")],
)
@pytest.mark.parametrize("flags", [(), ("--json",), ("--events",)], ids=str)
def test_a_full_disk_is_told_with_what_the_answer_can_be_found_by(
    script: str, what: str, flags: tuple[str, ...], env: dict[str, str]
) -> None:
    done = through_shell(script, "send", "--no-stdin", PROMPT, *flags, env=env)
    assert done == Outcome(12, "", unwritten(what, "No space left on device")[bool(flags)])


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is no /dev/stdout")
def test_a_pipe_that_only_the_system_names_is_written_to(env: dict[str, str]) -> None:
    done = through_shell('exec "$@" -o /dev/stdout', "send", "--no-stdin", PROMPT, env=env)
    assert done == Outcome(0, PROMPT + "\n", "")


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=str)
def test_a_file_that_grows_too_large_keeps_its_old_content(
    flags: tuple[str, ...], env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "answers" / "a.txt"
    path.parent.mkdir()
    path.write_text("the old answer")
    argv = ("send", "--no-stdin", PROMPT, "-m", "sandbox-long-1000", "-o", str(path), *flags)
    done = through_shell('ulimit -f 1 && exec "$@"', *argv, env={**env, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done == Outcome(12, "", unwritten(str(path), "File too large")[bool(flags)])
    assert {entry.name: entry.read_text() for entry in path.parent.iterdir()} == {"a.txt": "the old answer"}


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_a_full_disk_takes_is_not_taken_for_the_whole_answer(
    unbuffered: str, env: dict[str, str], tmp_path: Path
) -> None:
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": unbuffered}
    argv = ("send", "--no-stdin", PROMPT, "-m", "sandbox-long-1000", "--json")
    done = through_shell(f'ulimit -f 1 && exec "$@" > {tmp_path}/a.json', *argv, env=env)
    assert done == Outcome(12, "", unwritten("the answer", "File too large")[1])


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_was_set_not_to_wait_gets_every_byte(unbuffered: str, env: dict[str, str]) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    argv = ("send", "--no-stdin", PROMPT, "-m", "sandbox-long-20000")
    process = start_process(*argv, env={**env, "PYTHONUNBUFFERED": unbuffered}, stdout=theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe, process:
        wait_until(lambda: waiting_in(pipe.fileno()) >= 4096)
        time.sleep(0.5)  # a program that does not wait has met the full pipe by now
        answer = pipe.read()
        assert (process.wait(PATIENCE), len(answer)) == (0, 20_000 * 11 + 1)


def waiting_in(descriptor: int) -> int:
    """How many bytes a pipe holds."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def test_an_answer_without_ids_that_cannot_be_written_has_no_made_up_ones(
    env: dict[str, str], sandbox: Sandbox
) -> None:
    stream = b'data: {"type":"message_start","message":{}}\n\ndata: {"type":"message_stop"}\n\n'
    sandbox.replies.append(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + stream)
    done = through_shell('exec "$@" >&-', "send", "--no-stdin", "--json", PROMPT, env=env)
    error = json.loads(done.err)["error"]
    assert (done.code, error["request_id"], error["log_id"], error["hint"]) == (12, None, None, None)


@pytest.mark.parametrize(
    ("closed", "model", "outcome"),
    [
        (
            ">&-",
            "any",
            Outcome(12, "", unwritten("the answer", "standard output is closed")[0]),
        ),
        ("2>&-", "any", Outcome(0, PROMPT + "\n", "")),
        ("2>&-", "sandbox-401", Outcome(4, "", "")),
        ("<&- 2>&-", "sandbox-max-tokens", Outcome(0, PROMPT + "\n", "")),
    ],
)
def test_a_closed_stream_is_no_defect(closed: str, model: str, outcome: Outcome, env: dict[str, str]) -> None:
    assert through_shell(f'exec "$@" {closed}', "send", "--no-stdin", PROMPT, "-m", model, env=env) == outcome


def through_shell(script: str, *argv: str, env: dict[str, str]) -> Outcome:
    """Run a command line from a shell script, which has it as its arguments."""
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "respan_cli", *argv],
        env=env,
        cwd=ROOT,
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_the_key_is_not_in_the_list_of_processes(env: dict[str, str], sandbox: Sandbox) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("there is no /proc")
    silence = Silence(sandbox)
    process = start_process("send", "--no-stdin", PROMPT, env=env)
    assert silence.begun.wait(PATIENCE)
    shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    end(process, signal.SIGTERM)
    assert PROMPT.encode() in shown
    assert env["RESPAN_API_KEY"].encode() not in shown


@pytest.mark.skipif(sys.platform == "win32", reason="a working directory cannot be removed there")
@pytest.mark.parametrize("name", ["answer.txt", "below/answer.txt"])
def test_an_answer_for_a_folder_that_is_gone_is_an_error_in_words(
    name: str, tmp_path: Path, env: dict[str, str], sandbox: Sandbox
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, folder, sys.executable, "-m", "respan_cli", "send", "hi", "-o", name],
        env=process_env(tmp_path, **{**env, "PYTHONPATH": str(ROOT)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (
        12,
        "",
        f"error: cannot write {name}\n  why:  No such file or directory\n",
    )
    assert sandbox.requests == []
