"""`respan sandbox`: one line with its URL, then a gateway until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

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


def test_at_a_terminal_it_says_how_to_use_it_and_shows_each_request(tmp_path: Path) -> None:
    with Pty("sandbox", env=process_env(tmp_path)) as pty:
        text = pty.read_until("Press Ctrl-C to stop.\r\n\r\n")
        url = text.splitlines()[0]
        export = f"  export RESPAN_BASE_URL={url} RESPAN_API_KEY=sandbox"
        assert text.split("\r\n") == [
            url,
            "",
            "In another terminal:",
            export,
            "Press Ctrl-C to stop.",
            "",
            "",
        ]
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": "sandbox", "RESPAN_BASE_URL": url}
        env["RESPAN_MAX_RETRIES"] = "0"
        assert run("send", "Hello", "-m", "claude-test", env=env).code == 0
        pty.read_until("POST /v1/messages claude-test 200 ")
        assert run("send", "Hello", "-m", "sandbox-429", env=env).code == 6
        pty.read_until("POST /v1/messages sandbox-429 429 ")
        assert run("send", "Hello", "-m", "sandbox-reset-early", env=env).code == 8
        pty.read_until("POST /v1/messages sandbox-reset-early - ")
        pty.read_until(" ms\r\n")
        pty.type("\x03")
        code, text = pty.finish()
    assert (code, text.count(" ms\r\n"), "Hello" in text) == (130, 3, False)


def test_a_request_cannot_steer_the_terminal_through_its_line(tmp_path: Path) -> None:
    with Pty("sandbox", env=process_env(tmp_path)) as pty:
        url = pty.read_until("Press Ctrl-C to stop.\r\n").splitlines()[0]
        env = {"HOME": str(tmp_path), "RESPAN_API_KEY": "sandbox", "RESPAN_BASE_URL": url}
        body = json.dumps({"model": "a\x1b[2J\nb" + "x" * 200}).encode()
        request = Request(url + "/v1/messages", body, {"X-Api-Key": "k"})
        with pytest.raises(HTTPError) as caught:
            urlopen(request)
        caught.value.close()
        run("send", "Hello", "-m", "last", env=env)
        text = pty.read_until("last 200 ")
    [line] = [line for line in text.splitlines() if " 400 " in line]
    assert line.startswith("POST /v1/messages a")
    assert "\x1b[2J" not in text
    assert len(line) < 100


def test_latency_and_limits_can_be_asked_for(tmp_path: Path) -> None:
    flags = ("--latency", "100000", "--max-concurrent", "1", "--retry-after", "7")
    with start_process("sandbox", *flags, env=process_env(tmp_path)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        env = {
            "HOME": str(tmp_path),
            "RESPAN_API_KEY": KEY,
            "RESPAN_BASE_URL": url,
            "RESPAN_MAX_RETRIES": "0",
        }
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as first:
            turn = {"role": "user", "content": "hi"}
            body = json.dumps({"model": "m", "max_tokens": 1, "messages": [turn]}).encode()
            head = f"POST /v1/messages HTTP/1.1\r\nX-Api-Key: k\r\nContent-Length: {len(body)}\r\n\r\n"
            first.sendall(head.encode() + body)
            while len(json.loads(urlopen(url + "/requests").read())) < 1:
                pass
            done = run("send", "hi", "--json", env=env)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    error = json.loads(done.err)["error"]
    assert (done.code, error["status"], error["retry_after"]) == (6, 429, 7.0)


def test_a_retry_after_without_a_limit_is_a_usage_error() -> None:
    done = run("sandbox", "--retry-after", "7")
    assert done == Outcome(
        2, "", "error: --retry-after needs --max-concurrent\n  next: add --max-concurrent N\n"
    )


@pytest.mark.parametrize("flag", ["--latency=-1", "--max-concurrent=0", "--retry-after=-1", "--latency=x"])
def test_numbers_of_no_use_are_usage_errors(flag: str) -> None:
    assert run("sandbox", flag).code == 2
