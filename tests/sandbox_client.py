"""A client of the sandbox made of the standard library: what the tests of the sandbox ask it with."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, NamedTuple

from respan_cli.sandbox import Sandbox

Json = dict[str, Any]
BEARER = {"Authorization": "Bearer sk-test"}


class Answered(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Json]:
        data = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: ")]
        return [json.loads(line) for line in data]

    def text(self) -> str:
        return "".join(event["delta"].get("text", "") for event in self.of_type("content_block_delta"))

    def of_type(self, kind: str) -> list[Json]:
        return [event for event in self.events() if event["type"] == kind]

    def delta(self) -> Json:
        [event] = self.of_type("message_delta")
        return {**event["delta"], **event["usage"]}


def connect(sandbox: Sandbox) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=10)


def call(
    sandbox: Sandbox, method: str, path: str, body: Any = None, headers: dict[str, str] = BEARER
) -> Answered:
    connection = connect(sandbox)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        return Answered(response.status, response.headers, response.read())
    finally:
        connection.close()


def message(text: Any = "Hello, gateway!", **fields: Any) -> Json:
    turns = [{"role": "user", "content": text}]
    return {"model": "claude-test", "max_tokens": 4096, "messages": turns, **fields}


def send(sandbox: Sandbox, text: Any = "Hello, gateway!", **fields: Any) -> Answered:
    return call(sandbox, "POST", "/v1/messages", message(text, **fields))


def stream(sandbox: Sandbox, text: Any = "Hello, gateway!", **fields: Any) -> Answered:
    return send(sandbox, text, stream=True, **fields)


def open_stream(sandbox: Sandbox, model: str) -> socket.socket:
    """A bare connection on which a streamed request has been sent."""
    host, port = sandbox.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    body = json.dumps(message("one two three four five six seven eight", model=model, stream=True)).encode()
    head = "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: k\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))
