"""HTTP/1.1 as far as a sandbox needs it: one request read from a connection, one reply as bytes.

The standard library's `http.server` parses headers as mail, refuses in HTML and writes many small pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

from respan_cli.sandbox.replies import SandboxReply, http_date

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024  # the Messages API's own limit
# Events are small: many of them go out with one system call.
BLOCK_BYTES = 64 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")  # noqa: S104  # compared, not bound to


class HttpError(Exception):
    """A request that is refused before its body is read; the connection ends with it."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class Head:
    """A request without its body. Names of headers are lower-case; a repeated header is joined by commas."""

    method: str
    path: str
    version: str
    headers: dict[str, str]

    @property
    def keeps_alive(self) -> bool:
        return self.version != "HTTP/1.0" and self.headers.get("connection", "").lower() != "close"

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body, as curl does with a long one."""
        return self.headers.get("expect", "").lower() == "100-continue"


def read_head(stream: BinaryIO) -> Head | None:
    """The head of the next request; None if the client has left instead.

    Raises:
        HttpError: it is malformed or too long.
        ConnectionAbortedError: the client left in the middle of it.
    """
    lines = _head_lines(stream)
    first = next(lines, None)
    if first is None:
        return None
    parts = first.split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise HttpError(400, "invalid_request_error", "The request line is malformed")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise HttpError(400, "invalid_request_error", "A header is malformed")
        lower, value = name.lower(), value.strip()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    method, path, version = parts
    return Head(method, path, version, headers)


def _head_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines up to the first empty one; none if the stream has ended."""
    left = MAX_HEAD_BYTES
    first = True
    while line := stream.readline(left):
        left -= len(line)
        if not left:
            raise HttpError(431, "invalid_request_error", "The request's headers are too long")
        text = line.decode("latin-1").rstrip("\r\n")
        if not text and not first:
            return
        if text:
            first = False
            yield text
    if not first:
        raise ConnectionAbortedError("the client left in the middle of its request")


def check_host(head: Head) -> None:
    """Refuse a request that was addressed to another machine.

    A web page whose name is made to resolve to this machine (DNS rebinding) could read the recorded requests.

    Raises:
        HttpError: the `Host` is not one of this machine.
    """
    host = head.headers.get("host", "localhost").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in _LOCAL_HOSTS and not name.endswith(".localhost"):
        raise HttpError(421, "misdirected_request", "The sandbox serves this machine: 127.0.0.1 or localhost")


def read_body(stream: BinaryIO, head: Head) -> bytes:
    """The body of a request.

    Raises:
        HttpError: its length is missing or beyond the limit.
        ConnectionAbortedError: the client left in the middle of it.
    """
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        return b"".join(_chunks(stream))
    return _read(stream, _length(head.headers.get("content-length") or "0", 10))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    total = 0
    while size := _length(stream.readline(1024).partition(b";")[0], 16):
        total += size
        yield _read(stream, size, total)
        stream.readline(1024)
    while stream.readline(MAX_HEAD_BYTES).strip():
        pass  # trailers have no meaning here


def _length(digits: str | bytes, base: int) -> int:
    try:
        length = int(digits, base)
    except ValueError:
        length = -1
    if length < 0:
        raise HttpError(400, "invalid_request_error", "The length of the request body is not a number")
    return length


def _read(stream: BinaryIO, size: int, total: int = 0) -> bytes:
    if max(size, total) > MAX_BODY_BYTES:
        raise HttpError(413, "request_too_large", "Request exceeds the maximum size")
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionAbortedError("the client left in the middle of its request")
    return data


def encode(reply: SandboxReply, *, head_only: bool, keep_alive: bool) -> Iterator[bytes]:
    """A reply as bytes: in one piece if it has a length, else in as few as it may without a pause."""
    if reply.body is None:
        return
    data = _encode_head(reply, keep_alive=keep_alive)
    if head_only:
        yield data
    elif isinstance(reply.body, bytes):
        yield data + reply.body
    else:
        for piece in filter(None, reply.body):
            data += b"%x\r\n%b\r\n" % (len(piece), piece)
            if reply.pause or len(data) >= BLOCK_BYTES:
                yield data
                data = b""
        yield data + b"0\r\n\r\n" * (reply.end == "keep")


def _encode_head(reply: SandboxReply, *, keep_alive: bool) -> bytes:
    sized = isinstance(reply.body, bytes)
    headers = {
        "Server": "respan-sandbox",
        "Date": http_date(),
        "Content-Type": reply.type,
        **({"Content-Length": str(len(reply.body))} if isinstance(reply.body, bytes) else {}),
        **({} if sized else {"Transfer-Encoding": "chunked"}),
        **({} if keep_alive else {"Connection": "close"}),
        **reply.headers,
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    status = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, '')}"
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1", "replace")
