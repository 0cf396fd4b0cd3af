"""What a refusal means: HTTP statuses, error bodies and stream errors become our errors. Pure.

The gateway stands between two others and passes on what it gets, so a body may have any of three documented
shapes: `{"detail": "…"}`, `{"error": "…"}`, `{"error": {"type", "message"}}`. Or none of them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import urljoin

from respan_cli.errors import (
    AuthenticationError,
    BadResponseError,
    LimitError,
    ProviderError,
    RejectedError,
    RespanError,
)
from respan_cli.settings.pages import CREDITS_PAGE, KEYS_PAGE, PROVIDERS_PAGE

_FOREVER = 1e9  # seconds: who asks for more wants no number of three hundred digits told
_RETRYABLE = frozenset({408, 409, 429})
_ENOUGH = 4000  # characters of a page or a message to look at: an error shows less
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

# An error event inside a stream has the status 200; its type says what it is (platform.claude.com, errors).
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a message about a failure needs to know of the request.

    Args:
        url: the base URL.
        model: the model's name, and `model_source` where it came from.
        key_source: where the key came from; never the key.
    """

    url: str
    model: str
    model_source: str
    key_source: str


def from_response(
    status: int, body: object, headers: Mapping[str, str], asked: RequestContext
) -> RespanError:
    """The error that an HTTP response of this status means.

    Args:
        status: the HTTP status, 3xx to 5xx.
        body: the body, decoded if it was JSON, else its text.
        headers: the response's headers, their names in lower case.
        asked: what was asked.
    """
    wait = retry_after(headers, body)
    return _class_of(status)(
        f"{_what(status)} (HTTP {status})",
        reason=_target(headers, asked) if status < 400 else words(body),
        hint=_hint(status, asked, wait),
        kind=error_type(body),
        status=status,
        retryable=status in _RETRYABLE or status >= 500,
        retry_after=wait,
        **ids(headers, body),
    )


def from_stream(data: str, headers: Mapping[str, str], asked: RequestContext) -> RespanError:
    """The error that an `error` event inside a stream means; the type in it decides, not the status 200.

    Args:
        data: the event's data, JSON as a rule.
        headers: the response's headers.
        asked: what was asked.
    """
    body = as_json(data)
    status = _STATUS_OF_TYPE.get(error_type(body) or "", 500)
    wait = retry_after({}, body)
    return _class_of(status)(
        "the stream ended with an error",
        reason=words(body),
        hint=_hint(status, asked, wait),
        kind=error_type(body),
        status=200,
        retryable=status in _RETRYABLE or status >= 500,
        retry_after=wait,
        **ids(headers, body),
    )


def not_the_api(headers: Mapping[str, str], start: str, asked: RequestContext) -> RespanError:
    """A success that is not an answer: an HTML page, an empty body.

    Args:
        headers: the response's headers.
        start: the beginning of its body.
        asked: what was asked.
    """
    content_type = headers.get("content-type")
    what = "an empty reply" if not start.strip() else f"a reply of type {content_type or 'unknown'}"
    return BadResponseError(
        f"{asked.url} sent {what} where the API sends a stream of events",
        reason=words(as_json(start)),
        hint="is the base URL right? 'respan config show --origin' tells where it came from; "
        "a captive portal or a company proxy answers like this too",
        **ids(headers, None),
    )


class Ids(TypedDict):
    """What a failure can be looked up by."""

    request_id: str | None
    log_id: str | None


def ids(headers: Mapping[str, str], body: object) -> Ids:
    """The provider's id of the request, and its id in Respan's log, where there are any.

    Args:
        headers: the response's headers.
        body: its body, which may have the first of them too.
    """
    in_body = _member(body, "request_id")
    given = headers.get("request-id") or (in_body if isinstance(in_body, str) else None)
    return {"request_id": given, "log_id": headers.get("x-respan-log-id")}


def words(body: object) -> str | None:
    """What the other side said, from any of the error shapes; the title of an HTML page; or nothing."""
    error = _member(body, "error")
    for found in (_member(error, "message"), error, _member(body, "detail"), _member(body, "message"), body):
        if isinstance(found, str) and found.strip():
            return _plain(found)
    return json.dumps(body) if body else None


def error_type(body: object) -> str | None:
    """The API's own name for the error, when the body has one."""
    kind = _member(_member(body, "error"), "type")
    return kind if isinstance(kind, str) else None


def retry_after(headers: Mapping[str, str], body: object) -> float | None:
    """Seconds to wait: `Retry-After` (seconds or an HTTP date), or `retry_after` in the body."""
    found = (
        headers.get("retry-after"),
        _member(body, "retry_after"),
        _member(_member(body, "error"), "retry_after"),
    )
    return next((wait for value in found if (wait := _seconds(value)) is not None), None)


def _seconds(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return _until(str(value))
    return min(max(0.0, seconds), _FOREVER) if math.isfinite(seconds) else None


def _until(date: str) -> float | None:
    from email.utils import parsedate_to_datetime
    from time import time

    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def as_json(text: str) -> object:
    """The JSON value of a text, or the text itself when it is none. A message that was cut off is mended."""
    for tail in ("", '"}', '"}}'):
        try:
            return json.loads(text + tail)
        except (ValueError, RecursionError):
            continue
    return text


def _plain(text: str) -> str:
    text = text[:_ENOUGH]
    if not text.lstrip().startswith("<"):
        return text
    from html import unescape

    title = _TITLE.search(text)
    return unescape(title.group(1).strip() if title else re.sub(r"<[^>]*>", " ", text))


def _member(body: object, name: str) -> Any:
    return body.get(name) if isinstance(body, dict) else None


def _target(headers: Mapping[str, str], asked: RequestContext) -> str | None:
    """Where a redirect points: always a whole URL."""
    location = headers.get("location")
    try:
        return location and f"it points to {urljoin(asked.url + 'v1/messages', location)}"
    except ValueError:
        return f"it points to {location}"


def _class_of(status: int) -> type[RespanError]:
    if status in (401, 403):
        return AuthenticationError
    if status in (402, 429):
        return LimitError
    return ProviderError if status >= 500 else RejectedError


def _what(status: int) -> str:
    if status < 400:
        return "the gateway redirected the request, which is not followed: key and prompt go to one host"
    if status >= 500:
        return "the gateway or the provider failed"
    return _WHAT.get(status, "the request was refused")


_WHAT = {
    401: "the key was refused",
    402: "no credits, or no provider key",
    403: "the key was refused",
    404: "not found",
    413: "the request is too large",
    429: "too many requests, or the quota is used up",
}


def _hint(status: int, asked: RequestContext, wait: float | None) -> str | None:
    if status in (401, 403):
        return f"the key came from {asked.key_source}; keys are made at {KEYS_PAGE}"
    if status == 402:
        return f"add credits at {CREDITS_PAGE}, or a provider key at {PROVIDERS_PAGE}"
    if status == 404:
        return f"model {asked.model!r} came from {asked.model_source}; the base URL is {asked.url}"
    if status < 400:
        return "set the base URL to where it points, if you trust that host"
    if status in _RETRYABLE or status >= 500:
        return f"wait {math.ceil(wait)} s, then try again" if wait else "wait a moment, then try again"
    return "a shorter prompt, or fewer files" if status == 413 else "--dry-run shows the request"
