"""The requests that the sandbox has received: kept within bounds, and shown without secrets."""

from __future__ import annotations

import re
from collections import deque

from respan_cli.sandbox.api import Json

MAX_REQUESTS = 10_000
MAX_KEPT_BYTES = 64 * 1024 * 1024  # of bodies as they were received
HIDDEN = "[hidden]"

# Names of headers and fields whose values are credentials. `max_tokens` and other counts are none, and an
# idempotency key opens nothing.
_SECRET_NAME = re.compile(
    r"auth|api[-_]?key|cookie|token(?!s$)|secret|password|credential|signature|(?<!idempotency)[-_]key$",
    re.IGNORECASE,
)


class History:
    """Received requests, the oldest dropped first. Not safe for threads: its owner has the lock."""

    def __init__(self) -> None:
        self.requests: list[Json] = []
        self._sizes: deque[int] = deque()
        self._total_bytes = 0

    def add(self, request: Json, size: int) -> None:
        """Keep a request whose body had `size` bytes."""
        self.requests.append(request)
        self._sizes.append(size)
        self._total_bytes += size
        while self._sizes and (self._total_bytes > MAX_KEPT_BYTES or len(self._sizes) > MAX_REQUESTS):
            self._total_bytes -= self._sizes.popleft()
            del self.requests[:1]


def redact(value: object) -> object:
    """A copy of JSON with the values under secret names hidden, at any depth."""
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, dict):
        return {name: HIDDEN if _SECRET_NAME.search(name) else redact(item) for name, item in value.items()}
    return value
