"""Respan's own API beside a gateway: on the same host, under `/api/`; its log and models come from there.

None of it was tried against the hosted service: responses are read leniently, and failures say what was seen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from respan_cli.errors import BadResponseError, RespanError
from respan_cli.gateway.client import GatewayClient
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.error_body import words
from respan_cli.gateway.http import HttpResponse
from respan_cli.gateway.observer import RequestObserver, RetryWait

ABSENT = "log_none"  # the kind of a failure that says: there is no such API here
LIMIT_WINDOW_S = 60.0  # management calls: 60 a minute for each organization (docs.respan.ai)
_TRANSIENT = frozenset({408, 429})
_ABSENT_STATUSES = frozenset({404, 405, 501})


def api_root(base_url: str) -> str:
    """The root of Respan's API for a gateway's base URL.

    `https://host/api/anthropic/` has it at `https://host/api/`, whatever stands before `/api/`; any other
    base URL has it at `/api/` of its host.
    """
    parts = urlsplit(base_url)
    prefix = parts.path.removesuffix("/").removesuffix("/anthropic")
    path = prefix + "/" if prefix.endswith("/api") else "/api/"
    return f"{parts.scheme}://{parts.netloc}{path}"


class RespanApi:
    """Requests to Respan's API, retried as a message would be.

    Args:
        client: open.
        deadline: for all requests together.
        observer: told of each request.
    """

    subject: ClassVar[str] = "Respan's API"  # in error messages: "cannot read …"
    absent: ClassVar[str] = "this gateway has no such API"

    def __init__(
        self, client: GatewayClient, deadline: Deadline, observer: RequestObserver | None = None
    ) -> None:
        self.root = api_root(client.url)
        self._client = client
        self._deadline = deadline
        self._observer = observer or RequestObserver()
        self._waited_for_limit = False

    def call(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> object:
        """Make a request and return the JSON of its response.

        A rate limit is waited for once, if it ends within a minute and before the deadline; other transient
        failures are retried as often as the client retries a message.

        Raises:
            RespanError: the API refused, was not reached, or is not there (its kind is `ABSENT`).
        """
        retries = 0
        while True:
            try:
                return self.accept(self.attempt(method, path, params, body))
            except RespanError as failure:
                wait = self._wait_after(failure, retries)
                if wait is None or wait.seconds > self._deadline.left():
                    raise
            retries += 1
            self._observer.wait(wait)
            time.sleep(wait.seconds)

    def attempt(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> HttpResponse:
        """Make a request once; a response of any status is returned.

        Raises:
            RespanError: no response came.
        """
        query = "?" + urlencode(params) if params else ""
        return self._client.request(method, self.root + path + query, body, self._deadline, self._observer)

    def accept(self, response: HttpResponse) -> object:
        """The JSON of a successful response.

        Raises:
            RespanError: it is none.
        """
        if response.status < 300 and response.is_json:
            return response.body
        raise self.refusal(response)

    def refusal(self, response: HttpResponse) -> RespanError:
        """The error that a response means."""
        failure = response.failure(self._client.context)
        if is_absent(response):
            return self.absence(
                failure, f"{response.what} from {self.root}: {words(response.body) or 'empty'}"
            )
        message = f"cannot read {self.subject} at {self.root}: {failure.message}"
        return failure.with_message(message)

    def absence(self, failure: RespanError, seen: str) -> RespanError:
        """The failure of an API that is not there, and will not appear by waiting."""
        hint = f"it is on Respan's own hosts; the base URL is {self._client.url}"
        return failure.with_message(self.absent).with_reason(seen).with_hint(hint).with_kind(ABSENT)

    def unexpected(self, value: object) -> RespanError:
        """The failure for a URL that is not the API's."""
        seen = f"{self.root} answered {words(value) or 'nothing'}"
        return self.absence(BadResponseError(self.absent), seen)

    def _wait_after(self, failure: RespanError, retries: int) -> RetryWait | None:
        if failure.status != 429:
            return self._client.wait_after(failure, retries)
        if self._waited_for_limit:
            return None
        self._waited_for_limit = True
        seconds = LIMIT_WINDOW_S if failure.retry_after is None else failure.retry_after
        return RetryWait(seconds, failure, 1, 1) if seconds <= LIMIT_WINDOW_S else None


def is_absent(response: HttpResponse) -> bool:
    """Whether there is nothing at this address, or something else than the API: waiting will not help."""
    if response.status in _ABSENT_STATUSES:
        return True
    is_final = response.status < 500 and response.status not in (*_TRANSIENT, 401, 403)
    return is_final and (not response.is_json or 300 <= response.status < 400)


def is_transient(response: HttpResponse) -> bool:
    """Whether the same request may succeed in a moment."""
    return response.status in _TRANSIENT or (response.status >= 500 and response.status != 501)
