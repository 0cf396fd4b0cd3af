"""What the sandbox refuses and forgets, so that running one is harmless."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from respan_cli.sandbox import Sandbox, history, http, server
from tests.sandbox_client import BEARER, call, message, read_to_the_end, send
from tests.support import PATIENCE, ROOT, process_env


def port_of(sandbox: Sandbox) -> int:
    return int(sandbox.url.rpartition(":")[2])


def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """Everything that comes back for these bytes, until the sandbox closes the connection."""
    with socket.create_connection(("127.0.0.1", port_of(sandbox)), timeout=PATIENCE) as connection:
        connection.sendall(request)
        return read_to_the_end(connection)


def get(sandbox: Sandbox, host: str) -> bytes:
    return raw(sandbox, f"GET /requests HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", ""),
        *("[::1].x", "10.0.0.1", "notlocalhost", "[::2]", "evil.example:127.0.0.1"),
    ],
)
def test_a_host_of_another_machine_is_refused(host: str) -> None:
    with Sandbox() as sandbox:
        head, _, body = get(sandbox, host).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 421 ")
        assert json.loads(body)["error"]["type"] == "misdirected_request"
        assert sandbox.requests == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost", "LOCALHOST:1", "[::1]:{port}", "[::1]", "a.b.localhost:9"]
)
def test_every_name_of_this_machine_is_served(host: str) -> None:
    with Sandbox() as sandbox:
        assert get(sandbox, host.format(port=port_of(sandbox))).startswith(b"HTTP/1.1 200 ")


def test_a_host_of_another_machine_is_refused_before_its_body_is_read() -> None:
    with Sandbox() as sandbox:
        answer = raw(
            sandbox, b"POST /v1/messages HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 9999\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 421 ")


def test_what_it_keeps_is_bounded_and_the_oldest_goes_first() -> None:
    size = history.MAX_KEPT_BYTES // 4
    with Sandbox() as sandbox:
        for number in range(6):
            call(sandbox, "POST", "/elsewhere", {"number": number, "text": "x" * size})
        kept = [request["body"]["number"] for request in sandbox.requests]
    assert kept == [3, 4, 5]


def test_the_number_of_kept_requests_is_bounded() -> None:
    kept = history.History()
    for number in range(history.MAX_REQUESTS + 5):
        kept.add({"number": number}, 1)
    assert len(kept.requests) == history.MAX_REQUESTS
    assert kept.requests[0] == {"number": 5}


def test_the_logs_are_bounded_by_the_size_of_their_requests() -> None:
    size = history.MAX_KEPT_BYTES // 4
    with Sandbox(log_delay=0) as sandbox:
        for _ in range(5):
            send(sandbox, "x" * size, model="sandbox-markdown")
        listed = call(sandbox, "POST", "/api/request-logs/list/", {}).json()
    assert listed["count"] == 3


def test_secrets_are_hidden_at_every_depth_and_counts_are_not() -> None:
    secret = "s3cr3t-0123456789"
    body = message(
        metadata={
            "respan_params": {"customer_credentials": {"anthropic": secret}, "metadata": {"api_key": secret}},
            "extra_headers": {"X-Provider-Key": secret, "authorization": [secret]},
        },
        tools=[{"name": "t", "access_token": secret, "idempotency-key": "shown"}],
    )
    headers = {**BEARER, "Cookie": secret, "X-Auth": secret, "Proxy-Authorization": secret}
    with Sandbox() as sandbox:
        call(sandbox, "POST", "/v1/messages", body, headers)
        shown = call(sandbox, "GET", "/requests", headers={})
        assert sandbox.requests[0]["body"] == body  # in the process itself everything is as it came
    assert secret not in shown.body.decode()
    assert "sk-test" not in shown.body.decode()
    [request] = shown.json()
    assert request["headers"]["cookie"] == "[hidden]"
    assert request["body"]["max_tokens"] == 4096
    assert request["body"]["tools"][0]["idempotency-key"] == "shown"


def test_a_sandbox_that_keeps_nothing_has_neither_requests_nor_the_content_of_logs() -> None:
    with Sandbox(keep_requests=False, log_delay=0) as sandbox:
        sent = send(sandbox, "my prompt", metadata={"respan_params": {"customer_identifier": "acme"}})
        shown = call(sandbox, "GET", "/requests", headers={})
        log = call(sandbox, "GET", f"/api/request-logs/{sent.headers['x-respan-log-id']}/")
    assert (shown.status, sandbox.requests) == (404, [])
    assert b"my prompt" not in log.body
    assert log.json()["customer_identifier"] == "acme"
    assert (log.json()["prompt_messages"], log.json()["completion_message"]) == ([], None)


SEND = """
import sys, threading, urllib.request
from respan_cli.sandbox import server
original = server.Sandbox.start
def start(sandbox):
    started = original(sandbox)
    print(started.url, file=sys.stderr, flush=True)
    return started
server.Sandbox.start = start
from respan_cli.cli import main
sys.exit(main())
"""


def test_another_process_can_neither_read_nor_use_the_sandbox_of_a_send(tmp_path: Path) -> None:
    """Played from outside while the answer to the prompt stalls."""
    argv = [sys.executable, "-c", SEND, "send", "--no-stdin", "--sandbox", "-m", "sandbox-stall", "my prompt"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=process_env(tmp_path), cwd=ROOT
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            port = int(process.stderr.readline().decode().rpartition(":")[2])
            assert process.stdout.read(9) == b"my prompt"
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"GET /requests HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                requests = read_to_the_end(connection)
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                head = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                connection.sendall(head + b"X-Api-Key: sandbox\r\nContent-Length: 2\r\n\r\n{}")
                answer = read_to_the_end(connection)
        finally:
            process.kill()
    assert requests.startswith(b"HTTP/1.1 404 ")
    assert b"my prompt" not in requests
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_body_beyond_the_limit_of_the_api_is_refused_with_413() -> None:
    with Sandbox() as sandbox:
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        head = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = raw(sandbox, head + chunk * (http.MAX_BODY_BYTES // 0x100000 + 1))
        assert sandbox.requests == []
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / SPDY/3\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * http.MAX_HEAD_BYTES + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * http.MAX_HEAD_BYTES, b"431"),
        (b"\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"200"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
    ],
    ids=["nonsense", "protocol", "header", "long header", "many headers", "empty line first", "HTTP/1.0"],
)
def test_every_head_gets_an_answer(request_bytes: bytes, status: bytes) -> None:
    with Sandbox() as sandbox:
        answer = raw(sandbox, request_bytes)
    assert answer.startswith(b"HTTP/1.1 " + status)
    json.loads(answer.partition(b"\r\n\r\n")[2])


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    with (
        Sandbox() as sandbox,
        socket.create_connection(("127.0.0.1", port_of(sandbox)), timeout=PATIENCE) as connection,
    ):
        head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Api-Key: k\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 404 ")


def test_one_connection_too_many_is_turned_away_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    with Sandbox() as sandbox, ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(sandbox))))
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert raw(sandbox, b"").startswith(b"HTTP/1.1 503 ")


WITHOUT_DESCRIPTORS = """
import os, resource, socket, threading, time
from urllib.request import urlopen
from respan_cli.sandbox import Sandbox
with Sandbox() as sandbox:
    port = int(sandbox.url.rpartition(":")[2])
    urlopen(sandbox.url).read()  # so that everything is imported
    clients = [socket.socket() for _ in range(3)]
    used = os.dup(0)
    os.close(used)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, used))  # not one more
    for client in clients:
        client.connect(("127.0.0.1", port))
    before = time.process_time()
    threading.Event().wait(1)
    print(time.process_time() - before < 0.1)  # of CPU: a loop that spins has more, however busy the machine
    clients.pop().close()
    clients[0].sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
    clients[0].settimeout(20)
    print(clients[0].recv(12))
"""


def test_it_does_not_spin_when_file_descriptors_run_out_and_recovers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DESCRIPTORS], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nb'HTTP/1.1 200'\n", "")


def test_a_send_that_has_too_little_memory_for_the_sandbox_says_so(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (200_000 * 1024, 200_000 * 1024))

    done = subprocess.run(
        [sys.executable, "-m", "respan_cli", "send", "--no-stdin", "--sandbox", "hi"],
        capture_output=True,
        text=True,
        env=process_env(tmp_path),
        cwd=ROOT,
        preexec_fn=limit,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "error: not enough memory for the sandbox\n"
        "  why:  this process is limited to 200000 KiB of address space\n"
        "  next: raise the limit to 393216 or more: 'ulimit -v' shows it\n",
    )


WITHOUT_THREADS = """
import threading
from respan_cli.errors import UsageError
from respan_cli.sandbox import Sandbox
threading.stack_size(1 << 46)  # more than there is, so that the system refuses every thread
try:
    Sandbox().start()
except UsageError as error:
    print(error.message, error.reason, error.hint, sep="; ")
"""


def test_a_system_without_a_thread_to_spare_is_an_error_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THREADS], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "cannot start the sandbox; can't start new thread; "
        "raise the limit on processes: 'ulimit -u' shows it\n",
        "",
    )


WITHOUT_A_THREAD_FOR_THIS_ONE = """
import socket, threading
from respan_cli.sandbox import Sandbox
with Sandbox() as sandbox:
    address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    usual = threading.stack_size(1 << 46)
    with socket.create_connection(address, timeout=20) as refused:
        print(refused.recv(12))
    threading.stack_size(usual)
    with socket.create_connection(address, timeout=20) as served:
        served.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
        print(served.recv(12))
"""


def test_a_connection_without_a_thread_for_it_is_turned_away_and_the_next_one_served() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_THREAD_FOR_THIS_ONE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'HTTP/1.1 503'\nb'HTTP/1.1 200'\n", "")
