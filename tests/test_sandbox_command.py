"""`respan sandbox`: one line with its URL, then a gateway until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from urllib.request import urlopen

from tests.support import KEY, PATIENCE, Outcome, Pty, process_env, run, start_process


def test_it_prints_its_url_on_one_line_and_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    with start_process("sandbox", "--port", "0", env=process_env(tmp_path)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode()
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("\n")
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": KEY, "RESPAN_BASE_URL": url.strip()}
        assert run("send", "Hello", env=env) == Outcome(0, "Hello\n", "")
        with urlopen(url.strip() + "/requests") as received:
            text = received.read().decode()
        assert json.loads(text)[0]["body"]["messages"] == [{"role": "user", "content": "Hello"}]
        assert KEY not in text
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_ctrl_c_on_a_terminal_leaves_the_prompt_a_line_of_its_own(tmp_path: Path) -> None:
    with Pty("sandbox", env=process_env(tmp_path)) as pty:
        pty.read_until("http://127.0.0.1:")
        pty.read_until("\n")
        pty.type("\x03")
        code, text = pty.finish()
    assert code == 130
    assert text.endswith("^C\r\n")


def test_a_port_that_is_taken_is_a_usage_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("sandbox", "--port", str(port))
    free = "'respan sandbox --port 0' takes a port that is free"
    assert done == Outcome(
        2, "", f"error: cannot listen on port {port}\n  why:  Address already in use\n  next: {free}\n"
    )


def test_a_script_can_try_its_handling_of_a_fault(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    done = run("send", "--sandbox", "-m", "sandbox-429", "--max-retries", "0", "--json", "hi", env=env)
    assert (done.code, done.out) == (6, "")
    error = json.loads(done.err)["error"]
    assert (error["status"], error["retryable"], error["retry_after"]) == (429, True, 1.0)
