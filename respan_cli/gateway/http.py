"""Requests that are no messages, and their responses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from respan_cli.errors import BadResponseError, RespanError
from respan_cli.gateway.api_errors import RequestContext, from_response
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.error_body import as_json, ids, words
from respan_cli.gateway.sdk import reading_errors

if TYPE_CHECKING:
    import httpx2

MAX_BODY_BYTES = 16 * 1024 * 1024
_REFUSALS = frozenset({401, 402, 403, 429})


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One response: its status, its headers (lower-case names), its body (parsed if it is JSON), its time."""

    status: int
    headers: Mapping[str, str]
    body: object
    ms: float

    @property
    def is_json(self) -> bool:
        """Whether a program answered, and not a page for people."""
        return isinstance(self.body, (dict, list))

    @property
    def what(self) -> str:
        """The status and the type, for people."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        return f"HTTP {self.status}" + (f" {kind}" if kind else "")

    @property
    def skew(self) -> float | None:
        """Seconds by which this machine's clock is ahead of the server's `Date`; None without one."""
        try:
            return time.time() - parsedate_to_datetime(self.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):
            return None

    def failure(self, context: RequestContext) -> RespanError:
        """The error that this response means. A refusal means the same as a page or a text as in JSON."""
        refused = self.status in _REFUSALS or self.status >= 500 or 300 <= self.status < 400
        if self.is_json or refused:
            return from_response(self.status, self.body, self.headers, context)
        message = f"{self.what} where the API answers with a JSON object"
        found = ids(self.headers, None)
        return BadResponseError(
            message, reason=words(self.body), request_id=found.request_id, log_id=found.log_id
        )


def fetch(client: httpx2.Client, method: str, url: str, body: object, deadline: Deadline) -> HttpResponse:
    """Make one request and read the response, as far as it is of a sane length and comes in time.

    Args:
        client: whose headers and limits.
        method, url: what to ask for.
        body: sent as JSON; None sends no body.
        deadline: for the end of the response.
    """
    start = time.monotonic()
    with client.stream(method, url, json=body) as response:
        text = _read(response, deadline)
    ms = round((time.monotonic() - start) * 1000, 1)
    return HttpResponse(response.status_code, dict(response.headers), as_json(text), ms)


def _read(response: httpx2.Response, deadline: Deadline) -> str:
    data = bytearray()
    try:
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_BODY_BYTES or deadline.passed:
                break
    except reading_errors():
        if response.is_success:
            raise
        # Of a refusal the status is known, and the words that came have to do.
    return data.decode("utf-8", "replace")
