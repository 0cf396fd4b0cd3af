"""Errors of the API: HTTP statuses, error bodies and stream errors become our errors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urljoin

from respan_cli.errors import (
    AuthenticationError,
    BadResponseError,
    LimitError,
    ProviderError,
    RejectedError,
    RespanError,
)
from respan_cli.gateway.error_body import (
    as_json,
    error_type,
    ids,
    is_error,
    is_of_openai,
    retry_after,
    status_in,
    words,
)
from respan_cli.settings.pages import CREDITS_PAGE, KEYS_PAGE, PROVIDERS_PAGE
from respan_cli.terminal.text import duration

_RETRYABLE = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a message about a failure needs to know of the request.

    Args:
        model: the model's name, and `model_source` where it came from.
        key_source: where the key came from; never the key.
    """

    url: str
    model: str
    model_source: str
    key_source: str


def from_response(
    status: int, body: object, headers: Mapping[str, str], context: RequestContext
) -> RespanError:
    """The error that an HTTP response of this status means.

    Args:
        status: the HTTP status, 3xx to 5xx.
        body: the body, decoded if it was JSON, else its text.
    """
    wait = retry_after(headers, body)
    return _class_of(status)(
        f"{_what(status)} (HTTP {status})",
        reason=_target(headers, context) if status < 400 else words(body),
        hint=_hint(status, context, wait, words(body) or ""),
        kind=error_type(body),
        status=status,
        retryable=_is_retryable(status, headers),
        retry_after=wait,
        **_error_ids(headers, body),
    )


def from_stream(data: str, headers: Mapping[str, str], context: RequestContext) -> RespanError:
    """The error that an `error` event inside a stream means; the type in it decides, not the status 200.

    Args:
        data: the event's data, JSON as a rule.
    """
    return _from_body("the stream ended with an error", as_json(data), headers, context)


def from_document(start: bytes, headers: Mapping[str, str], context: RequestContext) -> RespanError:
    """The error that a success without an answer means: an error object, an HTML page, an empty body.

    Args:
        start: the body, or the beginning of a long one.
    """
    text = start.decode("utf-8", "replace")
    value = as_json(text)
    if is_error(value):
        failure = _from_body("the gateway answered with an error", value, headers, context)
        # Missing credits are reported like this, without a type. A retry would be useless.
        failure.retryable = failure.retryable and status_in(value) is not None
        return failure
    if is_of_openai(value):
        return of_openai(headers, context)
    content_type = headers.get("content-type")
    what = "an empty reply" if not text.strip() else f"a reply of type {content_type or 'unknown'}"
    return BadResponseError(
        f"{context.url} sent {what} where the API sends a stream of events",
        reason=words(value),
        hint="is the base URL right? 'respan config show --origin' tells where it came from; "
        "a captive portal or a company proxy answers like this too",
        **_error_ids(headers, None),
    )


def of_openai(headers: Mapping[str, str], context: RequestContext) -> RespanError:
    """The answer came from an endpoint of OpenAI's chat API: the base URL leads to the wrong place."""
    return BadResponseError(
        f"{context.url} answered in the format of OpenAI's chat API",
        reason="its events are chat.completion objects, not those of the Messages API",
        hint="the base URL must be that of an Anthropic endpoint, such as "
        "https://api.respan.ai/api/anthropic/; 'respan config show --origin' tells where it came from",
        **_error_ids(headers, None),
    )


def _from_body(
    message: str, body: object, headers: Mapping[str, str], context: RequestContext
) -> RespanError:
    status = status_in(body) or 500
    wait = retry_after(headers, body)
    return _class_of(status)(
        message,
        reason=words(body),
        hint=_hint(status, context, wait, words(body) or ""),
        kind=error_type(body),
        status=200,
        retryable=_is_retryable(status, headers),
        retry_after=wait,
        **_error_ids(headers, body),
    )


class _ErrorIds(TypedDict):
    request_id: str | None
    log_id: str | None


def _error_ids(headers: Mapping[str, str], body: object) -> _ErrorIds:
    found = ids(headers, body)
    return {"request_id": found.request_id, "log_id": found.log_id}


def _is_retryable(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a retry may succeed; what the server says about it takes precedence."""
    wish = headers.get("x-should-retry")
    if wish in ("true", "false"):
        return wish == "true"
    return status in _RETRYABLE or status >= 500


def _target(headers: Mapping[str, str], context: RequestContext) -> str | None:
    """The target of a redirect, always an absolute URL."""
    location = headers.get("location")
    try:
        return location and f"it points to {urljoin(context.url + 'v1/messages', location)}"
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
    401: "the key was not accepted",
    402: "no credits, or no provider key",
    403: "not permitted",
    404: "not found",
    413: "the request is too large",
    429: "too many requests, or the quota is used up",
}


def _hint(status: int, context: RequestContext, wait: float | None, said: str) -> str | None:
    for pattern, hint in _HINTS_BY_WORDS:
        if status in (400, 404, 422) and pattern.search(said):
            return hint
    if status == 401:
        return f"the key came from {context.key_source}; create one at {KEYS_PAGE}"
    if status == 403:
        return f"the key from {context.key_source} may not do this; see what it may do at {KEYS_PAGE}"
    if status == 402:
        return f"add credits at {CREDITS_PAGE}, or a provider key at {PROVIDERS_PAGE}"
    if status == 404:
        return f"model {context.model!r} came from {context.model_source}; the base URL is {context.url}"
    if status < 400:
        return "set the base URL to where it points, if you trust that host"
    if status in _RETRYABLE or status >= 500:
        return (
            f"wait {duration(math.ceil(wait))}, then try again" if wait else "wait a moment, then try again"
        )
    return "a shorter prompt, or fewer files" if status == 413 else "--dry-run shows the request"


_HINTS_BY_WORDS = (
    # respan-gateway 0.3, in front of a provider that speaks OpenAI's API.
    (
        re.compile("'metadata'.* cannot be translated"),
        "identity (--customer-id, --custom-id, -M) and forwarded headers (-H) are sent in 'metadata', "
        "which this gateway cannot pass on to that provider: leave them out, or use a provider with an "
        "Anthropic endpoint",
    ),
    # Respan's own client sends 2023-06-01; whether its gateway minds a newer version is not documented.
    (
        re.compile("anthropic[-_]version", re.IGNORECASE),
        "respan headers set --gateway anthropic-version 2023-06-01",
    ),
)
