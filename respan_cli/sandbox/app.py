"""What the sandbox knows and answers: routes, keys, the requests it received and their logs.

No sockets here: a request comes in as values, a `SandboxReply` goes out. Everything may be called by many
threads at once.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from socket import socket
from threading import Lock
from typing import NamedTuple

from respan_cli.sandbox.api import Json, complaint, input_tokens, to_bytes
from respan_cli.sandbox.faults import FAULTS, SandboxReply, SandboxRequest, play_for, refuse

# Raw bytes of a whole HTTP response, in one piece or in several, or a function that sends them itself.
Script = bytes | Iterable[bytes] | Callable[[socket], None]

# A sandbox left running must not grow without end.
KEPT = 10_000
# Respan's own limit: longer identifiers are cut without a word.
IDENTIFIER_LENGTH = 254
_SECRET = {"authorization", "x-api-key", "proxy-authorization", "cookie"}
_NOT_FOUND = SandboxReply(status=404, body=to_bytes({"detail": "Not found."}))


class Call(NamedTuple):
    """One request as it was received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: object


@dataclass
class Log:
    """A request's log, and how many more look-ups will not find it yet."""

    entry: Json
    misses: int


class SandboxApp:
    """Answers calls, and remembers them."""

    def __init__(self, key: str | None, log_delay: int) -> None:
        self.requests: list[Json] = []
        self.replies: deque[Script] = deque()
        self._key = key
        self._log_delay = log_delay
        self._logs: dict[str, Log] = {}
        self._attempts: Counter[str] = Counter()
        self._number = 0
        self._lock = Lock()

    def reply(self, call: Call) -> SandboxReply | Script:
        """The answer to one call, with its ids; or the next script, if it asks for a message."""
        method = "GET" if call.method == "HEAD" else call.method
        name = "/" + call.path.partition("?")[0].removeprefix("/api/anthropic").strip("/")
        number = self._number if name == "/requests" else self._record(call)
        if (method, name) == ("POST", "/v1/messages"):
            script = self._next_script()
            return self._message(call, number) if script is None else script
        return _identified(self._elsewhere(method, name, call), number)

    def _record(self, call: Call) -> int:
        with self._lock:
            self._number += 1
            self.requests.append(call._asdict())
            del self.requests[:-KEPT]
            return self._number

    def _next_script(self) -> Script | None:
        with self._lock:
            return self.replies.popleft() if self.replies else None

    def _elsewhere(self, method: str, name: str, call: Call) -> SandboxReply:
        if (method, name) == ("GET", "/"):
            return _json({"name": "respan sandbox", "models": list(FAULTS)})
        if (method, name) == ("GET", "/requests"):
            return _json([_redacted(request) for request in self.requests.copy()])
        if not self._knows(call.headers):
            return replace(_json({"detail": "Authentication credentials were not provided."}), status=401)
        if (method, name) == ("GET", "/v1/models"):
            models = [
                {"type": "model", "id": name, "display_name": fault.help} for name, fault in FAULTS.items()
            ]
            return _json({"data": models, "has_more": False})
        if (method, name) == ("POST", "/api/request-logs/list"):
            return self._find_logs(call.body)
        if method == "GET" and name.startswith("/api/request-logs/"):
            return self._log(name.removeprefix("/api/request-logs/"))
        return _NOT_FOUND

    def _message(self, call: Call, number: int) -> SandboxReply:
        body = call.body
        if not self._knows(call.headers):
            return _identified(refuse(401)(SandboxRequest({}, number)), number)
        problem = complaint(body)
        if problem or not isinstance(body, dict):
            return _identified(refuse(400, problem or "")(SandboxRequest({}, number)), number)
        with self._lock:
            self._attempts[body["model"]] += 1
            attempt = self._attempts[body["model"]]
        reply = play_for(body["model"])(SandboxRequest(body, number, attempt))
        self._keep_log(body, number, reply)
        return _identified(reply, number)

    def _knows(self, headers: Mapping[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        return key == self._key if self._key is not None else bool(key)

    def _keep_log(self, body: Json, number: int, reply: SandboxReply) -> None:
        entry = {**_log_entry(body, number, reply.status), **reply.log}
        with self._lock:
            self._logs[entry["id"]] = Log(entry, self._log_delay)
            if len(self._logs) > KEPT:
                del self._logs[next(iter(self._logs))]

    def _log(self, log_id: str) -> SandboxReply:
        with self._lock:
            log = self._logs.get(log_id)
            return _json(log.entry) if log and _has_arrived(log) else _NOT_FOUND

    def _find_logs(self, body: object) -> SandboxReply:
        wanted = body.get("filters", {}) if isinstance(body, dict) else {}
        if not _are_filters(wanted):
            return replace(
                _json({"detail": "filters: each is an object with a list as its value."}), status=400
            )
        with self._lock:
            matching = [log for log in reversed(self._logs.values()) if _matches(log.entry, wanted)]
            results = [log.entry for log in matching if _has_arrived(log)]
        return _json({"count": len(results), "next": None, "previous": None, "results": results})


def _has_arrived(log: Log) -> bool:
    log.misses -= 1
    return log.misses < 0


def _are_filters(wanted: object) -> bool:
    rules = list(wanted.values()) if isinstance(wanted, dict) else [None]
    return all(isinstance(rule, dict) and isinstance(rule.get("value", []), list) for rule in rules)


def _matches(entry: Json, filters: Mapping[str, Mapping[str, list[object]]]) -> bool:
    return all(entry.get(name) in rule.get("value", []) for name, rule in filters.items())


def _log_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"respan-sandbox/{number}"))


def _log_entry(body: Json, number: int, status: int) -> Json:
    """What Respan's log keeps of a request: identifiers cut to 254 characters, metadata as strings."""
    params = body.get("metadata", {}).get("respan_params")
    params = params if isinstance(params, dict) else {}
    metadata = params.get("metadata")
    return {
        "id": _log_id(number),
        "unique_id": _log_id(number),
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": body["model"],
        "status_code": status,
        "customer_identifier": str(params.get("customer_identifier", ""))[:IDENTIFIER_LENGTH],
        "custom_identifier": str(params.get("custom_identifier", ""))[:IDENTIFIER_LENGTH],
        "metadata": {k: str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {},
        "prompt_tokens": input_tokens(body),
        "completion_tokens": 0,
    }


def _identified(reply: SandboxReply, number: int) -> SandboxReply:
    ids = {"request-id": SandboxRequest({}, number).request_id, "X-Respan-Log-Id": _log_id(number)}
    return replace(reply, headers={**ids, **reply.headers})


def _json(value: object) -> SandboxReply:
    return SandboxReply(body=to_bytes(value))


def _redacted(request: Json) -> Json:
    shown = {name: "[redacted]" if name in _SECRET else value for name, value in request["headers"].items()}
    return {**request, "headers": shown}


def parsed(raw: bytes) -> object:
    """A body as JSON, or as text when it is not JSON."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
