"""One connection of the sandbox: requests read from a socket, replies written to it."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import BinaryIO, NamedTuple, cast

from respan_cli.sandbox.api import error_body
from respan_cli.sandbox.app import Call, SandboxApp, Script, parsed
from respan_cli.sandbox.http import Head, HttpError, check_host, encode, read_body, read_head
from respan_cli.sandbox.replies import SandboxReply

BUFFER_BYTES = 64 * 1024
DISCARD_TIMEOUT_S = 1.0
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Served(NamedTuple):
    """One request that was answered; `status` is None if no status was sent."""

    method: str
    path: str
    model: str
    status: int | None
    elapsed_ms: float


Observer = Callable[[Served], None]


class Connection:
    """One connection and its requests, one after the other."""

    def __init__(
        self, accepted: socket.socket, app: SandboxApp, closing: Event, observer: Observer | None
    ) -> None:
        self._socket = accepted
        self._app = app
        self._closing = closing
        self._observer = observer

    def serve(self) -> None:
        """Answer until either side has had enough. A client may leave whenever it likes."""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._socket, self._socket.makefile("rb", BUFFER_BYTES) as stream:
                while self._serve_next(cast("BinaryIO", stream)):
                    pass
        except OSError:
            pass

    def _serve_next(self, stream: BinaryIO) -> bool:
        """Whether another request may follow."""
        try:
            head = read_head(stream)
            if head is None:
                return False
            if not self._app.any_host:
                check_host(head)
            if head.expects_continue:
                self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            raw = read_body(stream, head)
        except HttpError as error:
            self._send_error(error)
            return False
        return self._answer(head, raw)

    def _answer(self, head: Head, raw: bytes) -> bool:
        began = time.perf_counter()
        call = Call(head.method, head.path, head.headers, parsed(raw), len(raw))
        with self._app.answering(call) as reply:
            if isinstance(reply, SandboxReply):
                keeps, status = self._send(reply, head), None if reply.body is None else reply.status
            else:
                keeps, status = self._recite(reply), None
        if self._observer:
            elapsed_ms = (time.perf_counter() - began) * 1000
            self._observer(Served(head.method, head.path, call.model, status, elapsed_ms))
        return keeps

    def _send(self, reply: SandboxReply, head: Head) -> bool:
        if reply.delay and self._closing.wait(reply.delay):
            return False
        keeps = reply.end == "keep" and head.keeps_alive
        for data in encode(reply, head_only=head.method == "HEAD", keep_alive=keeps):
            self._socket.sendall(data)
            if reply.pause and self._closing.wait(reply.pause):
                return False
        if reply.end == "stall":
            # Until the client leaves, or `close` shuts the connection down.
            while self._socket.recv(BUFFER_BYTES):
                pass
        if reply.end == "reset":
            # A lingering time of zero turns the close that follows into a reset.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return keeps

    def _recite(self, script: Script) -> bool:
        """Send a script, and end the connection."""
        if callable(script):
            script(self._socket)
        else:
            for piece in [script] if isinstance(script, bytes) else script:
                self._socket.sendall(piece)
        return False

    def _send_error(self, error: HttpError) -> None:
        self._socket.sendall(_encode_error(error))
        self._discard_input()

    def _discard_input(self) -> None:
        """Briefly read pending input: closing a socket with unread input would reset the response."""
        self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + DISCARD_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            if not self._socket.recv(BUFFER_BYTES):
                return

    def turn_away(self) -> None:
        """Refuse the connection itself: there are too many, or no thread for it."""
        error = HttpError(503, "api_error", "The sandbox has too many connections")
        with suppress(OSError), self._socket:
            self._socket.sendall(_encode_error(error))

    def shut_down(self) -> None:
        """End the connection from another thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _encode_error(error: HttpError) -> bytes:
    reply = SandboxReply(status=error.status, body=error_body(error.kind, str(error), ""))
    return b"".join(encode(reply, head_only=False, keep_alive=False))
