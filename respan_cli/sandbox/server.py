"""The sandbox on a socket: HTTP/1.1 with keep-alive, a thread for each connection, loopback only."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Event, Thread
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from respan_cli.sandbox.app import Call, SandboxApp, Script, parsed
from respan_cli.sandbox.faults import SandboxReply, SandboxRequest, refuse

# The API takes 32 MB; this limit only keeps a wrong Content-Length from taking all memory.
LARGEST_BODY = 256 * 1024 * 1024
# Events are small: many of them go out with one system call.
BLOCK = 64 * 1024
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Sandbox:
    """A gateway that speaks Respan's Anthropic endpoint on 127.0.0.1, for trying things out and for tests.

        with Sandbox() as sandbox:
            client = Anthropic(base_url=sandbox.url, api_key="any")

    `key`: the only key it accepts; None accepts any. `log_delay`: how many look-ups miss a request's log
    before one finds it, since Respan's logs come late as well.

    `requests`: what it received, oldest first, each with `method`, `path`, `headers` (lower-case names) and
    `body` (parsed if it was JSON). `replies`: raw responses for the next `POST …/v1/messages`, each followed
    by the end of its connection.

    Raises:
        OSError: when the port is taken.
    """

    def __init__(self, *, port: int = 0, key: str | None = None, log_delay: int = 2) -> None:
        self._gateway = SandboxApp(key, log_delay)
        self._server = _Server(port, self._gateway)
        self._thread: Thread | None = None
        self.requests = self._gateway.requests
        self.replies = self._gateway.replies
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Serve in a daemon thread."""
        self._thread = Thread(target=self.serve_forever, name="respan-sandbox", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve until `close`, or until an exception such as KeyboardInterrupt passes through."""
        try:
            while not self._server.closing.is_set():
                self._server.handle_request()
        finally:
            self._server.server_close()

    def close(self) -> None:
        """Stop serving and end every connection. May be called again."""
        self._server.stop()
        if self._thread:
            self._thread.join()
        self._server.server_close()
        self._server.drop_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = os.name != "nt"
    request_queue_size = 128
    # Python cannot be interrupted inside select() on Windows, so it looks up twice a second.
    timeout = 0.5

    def __init__(self, port: int, gateway: SandboxApp) -> None:
        self.gateway = gateway
        self.closing = Event()
        self._connections: dict[Any, Thread] = {}
        super().__init__(("127.0.0.1", port), _Handler)

    def stop(self) -> None:
        """End the loop at once: a connection of our own wakes it."""
        if not self.closing.is_set():
            self.closing.set()
            with suppress(OSError):
                socket.create_connection(cast("tuple[str, int]", self.server_address), timeout=1).close()

    def process_request(self, request: Any, client_address: Any) -> None:
        # The mixin forgets its daemon threads; ours are ended and awaited, or a test would see them leak.
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[request] = thread
        thread.start()

    # No SHUT_WR first, as the base class does: after it there is no resetting a connection.
    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)
        self._connections.pop(request, None)

    def drop_connections(self) -> None:
        for connection, thread in self._connections.copy().items():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may leave whenever it likes. Anything else is a defect here, and should be seen.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _LengthError(Exception):
    """A body that is not read: it is too long, or nobody can tell how long it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _length(digits: str | bytes, base: int) -> int:
    try:
        length = int(digits, base)
    except ValueError:
        length = -1
    if length < 0:
        raise _LengthError(400, "The length of the request body is not a number")
    return length


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True

    def _answer(self) -> None:
        try:
            raw = self._read_body()
        except _LengthError as error:
            self.close_connection = True
            return self._play(refuse(error.status, str(error))(SandboxRequest({}, 0)))
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
        reply = self.server.gateway.reply(Call(self.command, self.path, headers, parsed(raw)))
        return self._play(reply) if isinstance(reply, SandboxReply) else self._recite(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self._read(_length(self.headers.get("Content-Length") or "0", 10))

    def _chunks(self) -> Iterator[bytes]:
        total = 0
        while size := _length(self.rfile.readline(1024).partition(b";")[0], 16):
            total += size
            yield self._read(size, total)
            self.rfile.readline(1024)
        while self.rfile.readline(BLOCK).strip():
            pass  # trailers say nothing to us

    def _read(self, size: int, total: int = 0) -> bytes:
        if max(size, total) > LARGEST_BODY:
            raise _LengthError(413, "Request exceeds the maximum size")
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionAbortedError("the client left in the middle of its request")
        return data

    def _play(self, reply: SandboxReply) -> None:
        if reply.body is not None:
            self._send_head(reply)
            if self.command != "HEAD":
                self._send_body(reply)
        if reply.end != "keep":
            self.close_connection = True
        if reply.end == "stall":
            # Until the client leaves, or `close` shuts the connection down.
            while self.connection.recv(BLOCK):
                pass
        if reply.end == "reset":
            # A lingering time of zero turns the close that follows into a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _send_head(self, reply: SandboxReply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.type)
        if isinstance(reply.body, bytes):
            self.send_header("Content-Length", str(len(reply.body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        for name, value in reply.headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def _send_body(self, reply: SandboxReply) -> None:
        if isinstance(reply.body, bytes):
            self.wfile.write(reply.body)
            return
        pieces = reply.body or ()
        for piece in pieces if reply.pause else _blocks(pieces):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if reply.pause and self.server.closing.wait(reply.pause):
                return
        if reply.end == "keep":
            self.wfile.write(b"0\r\n\r\n")

    def _recite(self, script: Script) -> None:
        self.close_connection = True
        if callable(script):
            return script(self.connection)
        for piece in [script] if isinstance(script, bytes) else script:
            self.connection.sendall(piece)
        return None

    def version_string(self) -> str:
        return "respan-sandbox"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Stay quiet: what came in is at GET /requests."""


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
