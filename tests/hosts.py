"""Hosts on 127.0.0.1, each broken in its own way: played by real sockets."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread

from respan_cli.sandbox import Sandbox
from tests.support import PATIENCE

Handler = Callable[[socket.socket], None]


@contextmanager
def host(handle: Handler) -> Iterator[int]:
    """A listener that gives each connection to `handle`, in a thread, and closes it afterwards; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threads: list[Thread] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threads.append(Thread(target=_handle, args=(handle, connection), daemon=True))
                threads[-1].start()

        acceptor = Thread(target=serve, daemon=True)
        acceptor.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        acceptor.join(PATIENCE)
        for thread in threads:
            thread.join(PATIENCE)


def _handle(handle: Handler, connection: socket.socket) -> None:
    connection.settimeout(PATIENCE)
    with connection, suppress(OSError):
        handle(connection)


@contextmanager
def deaf_host() -> Iterator[int]:
    """A port that never accepts: its queue is full, so the system answers no new connection."""
    with ExitStack() as stack, socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port: int = server.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        yield port


def free_port() -> int:
    """A port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def read_head(connection: socket.socket) -> bytes:
    """The head of an HTTP request, and what came with it."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        if not more:
            break
        head += more
    return head


def silent(connection: socket.socket) -> None:
    """Takes everything and says nothing, until the other side leaves."""
    while connection.recv(65536):
        pass


def saying(response: bytes) -> Handler:
    """A server that gives the same bytes to everybody, whatever the request."""

    def handle(connection: socket.socket) -> None:
        read_head(connection)
        saying_now(connection, response)

    return handle


def saying_now(connection: socket.socket, response: bytes) -> None:
    """Say it, and wait until the other side leaves."""
    connection.sendall(response)
    connection.shutdown(socket.SHUT_WR)
    silent(connection)


def page(status: str, body: str, **headers: str) -> bytes:
    """An HTTP response with a page, or whatever type `headers` say."""
    fields = {
        "Content-Type": "text/html",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    data = body.encode()
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def encrypted(context: ssl.SSLContext, sandbox: Sandbox | None) -> Handler:
    """TLS in front of a sandbox, or of nothing."""

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            if sandbox:
                forward(secured, int(sandbox.url.rpartition(":")[2]))

    return handle


def in_front(port: int, path: str, answers: list[bytes]) -> Handler:
    """A host that passes everything on to a port of this machine, but answers for one path itself.

    Args:
        port: where the rest goes.
        path: how the paths begin that are answered here.
        answers: one a request; the last stays.
    """

    def handle(connection: socket.socket) -> None:
        head = read_head(connection)
        if head.split(b" ")[1:2] and head.split(b" ")[1].startswith(path.encode()):
            saying_now(connection, answers.pop(0) if len(answers) > 1 else answers[0])
        else:
            forward(connection, port, head)

    return handle


def forward(client: socket.socket, port: int, head: bytes = b"") -> None:
    """Carry `head`, then bytes both ways between a client and a port of this machine, until either leaves."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as server:
        server.sendall(head)
        back = Thread(target=_carry, args=(server, client), daemon=True)
        back.start()
        _carry(client, server)
        back.join(PATIENCE)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class ProxyServer:
    """An HTTP proxy for CONNECT and for plain requests, which leads everybody to one port of this machine."""

    def __init__(self, port: int, refusal: bytes = b"") -> None:
        self.port = port
        self.refusal = refusal
        self.heads: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        head = read_head(connection)
        if not head:  # a connection that only tests for a listener
            return
        self.heads.append(head)
        if self.refusal:
            connection.sendall(self.refusal)
            return
        if head.startswith(b"CONNECT "):
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            forward(connection, self.port)
        else:
            self._pass_on(connection, head)

    def _pass_on(self, connection: socket.socket, head: bytes) -> None:
        method, url, rest = head.split(b" ", 2)
        path = b"/" + url.split(b"/", 3)[3]
        forward(connection, self.port, b" ".join([method, path, rest]))


def http_date(seconds_from_now: float) -> str:
    """A `Date` header of a clock that is off by so many seconds."""
    from email.utils import formatdate

    return formatdate(time.time() + seconds_from_now, usegmt=True)
