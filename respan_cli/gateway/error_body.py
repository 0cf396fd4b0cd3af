"""What the body and the headers of a failed response say, in whichever shape.

The gateway stands between two others and passes on what it gets, so a body may have any of these documented
shapes: `{"detail": "…"}`, `{"error": "…"}`, `{"error": {"type", "message"}}`, `{"detail", "errors"}`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_MAX_WAIT_S = 1e9  # what asks for more is not told as a number of three hundred digits
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


def is_error(value: object) -> bool:
    """Whether a JSON value is an error in one of the documented shapes, with or without a type."""
    if not isinstance(value, dict) or "choices" in value:
        return False
    return value.get("type") == "error" or any(
        isinstance(value.get(name), kinds) and value[name]
        for name, kinds in (("error", (dict, str)), ("detail", str), ("errors", (dict, list)))
    )


def is_of_openai(value: object) -> bool:
    """Whether a JSON value is an answer, or a piece of one, in the shape of OpenAI's chat API."""
    return isinstance(value, dict) and (
        "choices" in value or str(value.get("object", "")).startswith(("chat.completion", "text_completion"))
    )


def status_in(body: object) -> int | None:
    """The HTTP status that an error body stands for, by its type or else its code; None without either."""
    error = _member(body, "error")
    if (status := _STATUS_OF_TYPE.get(error_type(body) or "")) is not None:
        return status
    if error_type(body) and _member(body, "type") == "error":
        return 500  # a type of the API that is not known yet
    for found in (
        _member(error, "code"),
        _member(error, "status"),
        _member(body, "code"),
        _member(body, "status"),
    ):
        if str(found).isdecimal() and 400 <= int(str(found)) < 600:
            return int(str(found))
    return None


class ResponseIds(NamedTuple):
    """The IDs of a request."""

    request_id: str | None = None
    log_id: str | None = None
    gateway_request_id: str | None = None


def ids(headers: Mapping[str, str], body: object) -> ResponseIds:
    """The ids of a response.

    Args:
        body: its body, which may have the provider's id too.
    """
    in_body = _member(body, "request_id")
    request_id = headers.get("request-id") or (in_body if isinstance(in_body, str) else None)
    return ResponseIds(request_id, headers.get("x-respan-log-id"), headers.get("x-respan-gateway-request-id"))


def words(body: object) -> str | None:
    """The server's message, from any format of an error; the title of an HTML page; or an empty text."""
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
    """Seconds to wait, by the most exact of what the server says.

    `retry-after-ms`, `Retry-After` (seconds or an HTTP date), or `retry_after` in the body.
    """
    if (exact := _seconds(headers.get("retry-after-ms"))) is not None:
        return exact / 1000
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
    return min(max(0.0, seconds), _MAX_WAIT_S) if math.isfinite(seconds) else None


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
