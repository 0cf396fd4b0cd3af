"""A log API on 127.0.0.1 whose answers are those of a function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.support import PATIENCE


class Asked(NamedTuple):
    """One request that a stand-in was sent."""

    method: str
    path: str
    params: dict[str, str]
    body: Any
    headers: dict[str, str]


class Reply(NamedTuple):
    """What a stand-in answers: JSON, or a text as it is."""

    status: int
    body: object
    headers: Mapping[str, str] = MappingProxyType({})


Answer = Callable[[Asked], "Reply | tuple[int, object]"]


class StandIn(NamedTuple):
    """A log played by a function, and what it was asked."""

    url: str
    asked: list[Asked]

    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


@contextmanager
def log_host(answer: Answer) -> Iterator[StandIn]:
    """A host on 127.0.0.1 whose answers are those of a function."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Asked(
                self.command, parts.path, dict(parse_qsl(parts.query)), raw and json.loads(raw), headers
            )
            asked.append(one)
            reply = Reply(*answer(one))
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            kind = "text/html" if isinstance(reply.body, str) else "application/json"
            fields = {"Content-Type": kind, "Content-Length": str(len(text.encode()))}
            for name, value in {**fields, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield StandIn(f"http://127.0.0.1:{server.server_port}/api/anthropic/", asked)
        finally:
            server.shutdown()
            thread.join(PATIENCE)
