"""What the sandbox knows and answers: routes, keys, the requests it received and their logs.

No sockets here: a request comes in as values and a `SandboxReply` goes out. Everything may be called by many
threads at once.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from socket import socket
from threading import Lock
from typing import NamedTuple
from urllib.parse import unquote

from respan_cli.sandbox import models
from respan_cli.sandbox.api import Json, to_bytes
from respan_cli.sandbox.faults import FAULTS, play_for
from respan_cli.sandbox.history import MAX_KEPT_BYTES, History, redact
from respan_cli.sandbox.log_entry import LogRecord, log_id
from respan_cli.sandbox.logs import Logs
from respan_cli.sandbox.queries import QueryError
from respan_cli.sandbox.replies import SandboxReply, SandboxRequest, refuse
from respan_cli.sandbox.validation import complaint

# Raw bytes of a whole HTTP response, in one piece or in several, or a function that sends them itself.
Script = bytes | Iterable[bytes] | Callable[[socket], None]

MESSAGES = "/v1/messages"
_MAX_MODELS = 10_000  # whose attempts are counted
_LOGS = "/api/request-logs/"
_MODELS = "/api/models/"


@dataclass(frozen=True, kw_only=True)
class SandboxBehavior:
    """How a sandbox behaves; `Sandbox` documents each."""

    key: str | None = None
    log_delay: int = 2
    keep_requests: bool = True
    latency_ms: float = 0
    max_concurrent: int | None = None
    retry_after: int | None = None
    any_host: bool = False


class Call(NamedTuple):
    """One request as it was received; `size` is that of its body in bytes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: object
    size: int = 0

    @property
    def route(self) -> tuple[str, str]:
        """Method and path, as the routes below name them; HEAD is answered as GET."""
        path = self.path.partition("?")[0].removeprefix("/api/anthropic").strip("/")
        return "GET" if self.method == "HEAD" else self.method, f"/{path}"

    @property
    def model(self) -> str:
        """The model it asks for, if it names one."""
        model = self.body.get("model") if isinstance(self.body, dict) else None
        return model if isinstance(model, str) else ""


class SandboxApp:
    """Answers calls, and records them."""

    def __init__(self, behavior: SandboxBehavior) -> None:
        self.replies: deque[Script] = deque()
        self.any_host = behavior.any_host
        self._behavior = behavior
        self._latency_s = behavior.latency_ms / 1000
        self._history = History()
        self._logs = Logs(behavior.log_delay, MAX_KEPT_BYTES)
        self._attempts: dict[str, int] = {}
        self._number = 0
        self._active = 0
        self._lock = Lock()

    @property
    def requests(self) -> list[Json]:
        return self._history.requests

    @contextmanager
    def answering(self, call: Call) -> Iterator[SandboxReply | Script]:
        """The answer to one call, with its IDs; or the next script, for a message.

        It counts as active for as long as this lasts: until it is sent.
        """
        route = call.route
        number = self._number if route == ("GET", "/requests") else self._record(call)
        if route != ("POST", MESSAGES):
            yield _identified(self._elsewhere(call), number, log_id(number))
            return
        script = self._next_script()
        if script is not None:
            yield script
            return
        with self._admission() as admitted:
            accepted = self._accepts(call.headers)
            reply = self._message(call, number, accepted=accepted) if admitted else self._too_many(number)
            unique_id = log_id(number)
            if accepted:
                self._log(call, unique_id, reply)
            yield _identified(reply, number, unique_id, delay=self._latency_s if admitted else 0)

    def _record(self, call: Call) -> int:
        with self._lock:
            self._number += 1
            if self._behavior.keep_requests:
                request = {"method": call.method, "path": call.path, "headers": call.headers}
                self._history.add({**request, "body": call.body}, call.size)
            return self._number

    def _next_script(self) -> Script | None:
        with self._lock:
            return self.replies.popleft() if self.replies else None

    @contextmanager
    def _admission(self) -> Iterator[bool]:
        """Whether a message may be answered now: at most `max_concurrent` at once."""
        limit = self._behavior.max_concurrent
        with self._lock:
            admitted = limit is None or self._active < limit
            self._active += admitted
        try:
            yield admitted
        finally:
            with self._lock:
                self._active -= admitted

    def _too_many(self, number: int) -> SandboxReply:
        wait = self._behavior.retry_after
        headers = {} if wait is None else {"Retry_After": str(wait)}
        message = f"The sandbox answers {self._behavior.max_concurrent} requests at once."
        return refuse(429, message, **headers)(SandboxRequest({}, number))

    def _message(self, call: Call, number: int, *, accepted: bool) -> SandboxReply:
        if not accepted:
            return refuse(401)(SandboxRequest({}, number))
        problem = complaint(call.body)
        if problem or not isinstance(call.body, dict):
            return refuse(400, problem or "")(SandboxRequest({}, number))
        request = SandboxRequest(call.body, number, self._attempt(call.model))
        return play_for(call.model)(request)

    def _attempt(self, model: str) -> int:
        with self._lock:
            attempt = self._attempts.pop(model, 0) + 1
            self._attempts[model] = attempt
            if len(self._attempts) > _MAX_MODELS:
                del self._attempts[next(iter(self._attempts))]
            return attempt

    def _log(self, call: Call, unique_id: str, reply: SandboxReply) -> None:
        record = LogRecord(
            unique_id,
            call.body,
            call.size,
            reply.status,
            reply.log,
            latency_s=self._latency_s,
            keep_content=self._behavior.keep_requests,
        )
        self._logs.add(record)

    def _accepts(self, headers: Mapping[str, str]) -> bool:
        """Whether a request brings the key, in either header: a profile may add an `X-Api-Key` of its own."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        keys = {headers.get("x-api-key", ""), token.strip() if scheme.lower() == "bearer" else ""} - {""}
        return bool(keys) if self._behavior.key is None else self._behavior.key in keys

    def _elsewhere(self, call: Call) -> SandboxReply:
        """The answer to anything but a message."""
        method, path = call.route
        try:
            reply = self._public(method, path, call)
            if reply is None and not self._accepts(call.headers):
                return _detail(401, "Authentication credentials were not provided.")
            return reply or self._private(method, path, call) or _detail(404, "Not found.")
        except QueryError as error:
            return _detail(400, str(error))

    def _public(self, method: str, path: str, call: Call) -> SandboxReply | None:
        """The routes that need no key."""
        if method != "GET":
            return None
        if path == "/":
            return _json({"name": "respan sandbox", "models": list(FAULTS)})
        if path == "/requests":
            return self._received()
        if path == f"{_MODELS}public":
            return _json(models.catalogue())
        if path.startswith(_MODELS) and path.endswith("/status"):
            name = unquote(path.removeprefix(_MODELS).removesuffix("/status"))
            return _json(models.status(name, _query(call), FAULTS))
        return None

    def _received(self) -> SandboxReply:
        if not self._behavior.keep_requests:
            return _detail(404, "This sandbox keeps no requests.")
        with self._lock:
            requests = self.requests.copy()
        return _json([redact({**request, "headers": dict(request["headers"])}) for request in requests])

    def _private(self, method: str, path: str, call: Call) -> SandboxReply | None:
        """The routes that need a key."""
        url = f"http://{call.headers.get('host', '')}{call.path.partition('?')[0]}"
        if (method, path) == ("GET", "/v1/models"):
            return _json({"data": [_model(name) for name in FAULTS], "has_more": False})
        if (method, path) == ("POST", f"{_LOGS}list"):
            return _json(self._logs.page(url, _query(call), call.body))
        if (method, path) == ("POST", f"{_LOGS}summary"):
            return _json(self._logs.summary(_query(call), call.body))
        if path == f"{_LOGS}groups" and method in ("GET", "POST"):
            return _json(self._logs.groups(url, _query(call), call.body))
        if method == "GET" and path.startswith(_LOGS):
            entry = self._logs.get(path.removeprefix(_LOGS))
            return _json(entry) if entry else None
        return None


def _query(call: Call) -> str:
    return call.path.partition("?")[2]


def _model(name: str) -> Json:
    return {"type": "model", "id": name, "display_name": FAULTS[name].help}


def _identified(reply: SandboxReply, number: int, unique_id: str, delay: float = 0) -> SandboxReply:
    ids = {"request-id": SandboxRequest({}, number).request_id, "X-Respan-Log-Id": unique_id}
    return replace(reply, headers={**ids, **reply.headers}, delay=delay)


def _json(value: object) -> SandboxReply:
    return SandboxReply(body=to_bytes(value))


def _detail(status: int, message: str) -> SandboxReply:
    """An error in the shape of Respan's own API."""
    return SandboxReply(status=status, body=to_bytes({"detail": message}))


def parsed(raw: bytes) -> object:
    """A body as JSON, or as text when it is not JSON."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
