"""`respan check --count` over a connection that the gateway keeps, or closes: neither is an outage."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
import trustme

from respan_cli.sandbox.api import answer_to
from tests.check_support import EMPTY, UNKEYED, at, check
from tests.hosts import host, read_head
from tests.support import process_env, run_process

ASKED = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "ping"}]}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CA = trustme.CA()


def stream() -> bytes:
    """A whole answer, but for the chunk that ends the body."""
    told = answer_to(ASKED, 1)
    events = b"".join([*told.opening(), *told.deltas(), *told.closing()])
    return HEAD + b"%x\r\n%s\r\n" % (len(events), events)


STREAM = stream()


def read_request(connection: socket.socket) -> bytes:
    """One request with its body; nothing where the client has left."""
    data = read_head(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body if head else b""


def reply_to(request: bytes) -> bytes:
    """What a gateway answers: probes are refused, a message is answered."""
    head, _, body = request.partition(b"\r\n\r\n")
    if json.loads(body)["messages"]:
        return STREAM + LAST_CHUNK
    return EMPTY if b"authorization:" in head.lower() else UNKEYED


def test_the_last_chunk_of_an_answer_is_waited_for_so_that_the_connection_can_be_kept(
    env: dict[str, str],
) -> None:
    """A gateway may send it late. A client that does not wait would open another connection."""
    on_a_connection: list[int] = []

    def dawdle(connection: socket.socket) -> None:
        count = 0
        while request := read_request(connection):
            count += 1
            reply = reply_to(request)
            connection.sendall(reply.removesuffix(LAST_CHUNK))
            if reply.endswith(LAST_CHUNK):
                Event().wait(0.2)  # late
                connection.sendall(LAST_CHUNK)
        on_a_connection.append(count)

    with host(dawdle) as port:
        done = check("--count", "1", env=at(port, env))
    assert done.code == 0
    assert sorted(on_a_connection) == [0, 1, 2]  # the look at TCP, the request without a key, two messages
    assert done.facts("repeat")["kept"]["connect_ms"] is None


def closing_after(seconds: float | None) -> Callable[[socket.socket], None]:
    """A gateway that says it keeps connections, and closes each after one answer, so much later."""

    def handle(connection: socket.socket) -> None:
        if request := read_request(connection):
            connection.sendall(reply_to(request))
            if seconds:
                Event().wait(seconds)

    return handle


def resetting(connection: socket.socket) -> None:
    """The same, but with a reset, and only when the next request comes."""
    closing_after(None)(connection)
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@contextmanager
def gateway(handle: Callable[[socket.socket], None], scheme: str) -> Iterator[int]:
    """A gateway that plays `handle`, with or without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert("127.0.0.1").configure_cert(context)

    def encrypted(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            handle(secured)

    with host(encrypted if scheme == "https" else handle) as port:
        yield port


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "handle",
    [*(closing_after(seconds) for seconds in (None, 0.001, 0.003, 0.01)), resetting],
    ids=["at once", "1 ms", "3 ms", "10 ms", "reset"],
)
def test_a_connection_that_the_gateway_has_closed_is_opened_again(
    env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    handle: Callable[[socket.socket], None],
    scheme: str,
) -> None:
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with gateway(handle, scheme) as port:
        done = check("--count", "10", "--timeout", "60", env=at(port, env, scheme))
    assert (done.code, done.error and done.error["error"]["message"]) == (0, None)
    assert done.facts("repeat")["kept"]["total_ms"]["n"] == 10


SLOW_IMPORT = """
import sys, time

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "httpx2":  # which the SDK imports
            sys.meta_path.remove(self)
            time.sleep(4)

sys.meta_path.insert(0, Slow())
"""


def test_the_time_that_the_program_needs_to_start_is_not_taken_for_an_outage(tmp_path: Path) -> None:
    """On a busy machine the SDK may take longer to import than the whole check is given."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_IMPORT)
    env = process_env(tmp_path, PYTHONPATH=str(tmp_path))
    done = run_process("check", "--sandbox", "-m", "sandbox-slow", "--timeout", "3", env=env)
    assert (done.code, done.err) == (0, "")
