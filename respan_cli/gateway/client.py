"""One message over the network: attempts, the pauses between them, and the reply that begins at last.

What the SDK and its HTTP client raise becomes one of our errors here.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from respan_cli.errors import RespanError, ResponseTimeoutError, UsageError
from respan_cli.gateway import connection_errors, proxy
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.connection_errors import Route
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.http import HttpResponse, fetch
from respan_cli.gateway.interruptible import run_interruptibly
from respan_cli.gateway.response import StreamedResponse, refusal
from respan_cli.gateway.sdk import client_for, http_client_for, load_sdk, reading_errors
from respan_cli.messages.request import MessageRequest
from respan_cli.settings.headers import WireHeader

if TYPE_CHECKING:
    import anthropic
    import httpx2

CONNECT_TIMEOUT = 10.0  # seconds for TCP and TLS of one attempt, unless --timeout is shorter
LONGEST_WAIT = 60.0  # seconds; a server that asks for more gets its error reported instead
FIRST_WAIT, LONGEST_BACKOFF = 0.5, 8.0  # seconds; doubled at every attempt, as the SDK does

# Set by the HTTP client from the request itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class RetryWait:
    """A pause before the next attempt: how many seconds, after which failure."""

    seconds: float
    failure: RespanError


@dataclass(frozen=True, slots=True, repr=False)
class RequestSent:
    """A request as it is sent, secrets and all; `through` says which proxy is in force."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    through: str


class RequestObserver:
    """Told of an exchange as it happens. This one keeps still."""

    def request(self, sent: RequestSent) -> None:
        """A request is about to be sent."""

    def sent(self) -> None:
        """The request is on its way whole, and its reply is waited for."""

    def response(self, status: int, headers: Mapping[str, str]) -> None:
        """The headers of a response have come."""

    def wait(self, wait: RetryWait) -> None:
        """An attempt failed, and another one follows after a pause."""

    def end(self, events: int) -> None:
        """The stream ended, well or not, after so many events."""


class GatewayClient:
    """One gateway, with the headers and limits of its requests.

    Args:
        asked: what failures say about the request; its `url` is the base URL.
        headers: every header of the request, the key's among them; no other leaves this machine.
        timeout: seconds without a byte before giving up.
        max_retries: further attempts after the first.
        watcher: told of what happens.
        on_warning: told what the SDK warns of, a line each.
    """

    def __init__(
        self,
        asked: RequestContext,
        headers: list[WireHeader],
        *,
        timeout: float,
        max_retries: int,
        watcher: RequestObserver,
        on_warning: Callable[[str], None],
    ) -> None:
        self.url = asked.url
        self._asked = asked
        self._headers = headers
        self._max_retries = max_retries
        self._watcher = watcher
        self._on_warning = on_warning
        self._kept: anthropic.Anthropic | None = None
        self.on_step: Callable[[str, object], None] = lambda name, info: None  # each step of the HTTP client
        self._way = Route(asked.url, proxy.in_force(asked.url), timeout, min(timeout, CONNECT_TIMEOUT))

    @contextmanager
    def keep(self) -> Iterator[None]:
        """One client, and with it one connection, for every message until this ends."""
        with client_for(self._way, self._before, self._after, keep=True) as self._kept:
            try:
                yield
            finally:
                self._kept = None

    @contextmanager
    def ask(self, request: MessageRequest) -> Iterator[StreamedResponse]:
        """Send the request; give the reply once its headers have come. No answer is ever asked for twice.

        Args:
            request: what to send.

        Raises:
            RespanError: the gateway was not reached, or refused, and that was the last attempt.
        """
        with (
            self._client() as client,
            closing(self._open(client, request)) as response,
        ):
            kept = self._kept is not None
            yield StreamedResponse(
                response, self._asked, self._way.timeout, self._watcher.end, to_the_end=kept
            )

    def _client(self) -> AbstractContextManager[anthropic.Anthropic]:
        return nullcontext(self._kept) if self._kept else client_for(self._way, self._before, self._after)

    def call(self, method: str, url: str, body: object, deadline: Deadline) -> HttpResponse:
        """Make one request that is no message, once; any response is an answer to it.

        Args:
            method, url: what to ask for.
            body: sent as JSON; None sends no body.
            deadline: for the end of the response.

        Raises:
            RespanError: no response came.
        """
        with http_client_for(self._way, self._before, self._seen) as client:
            try:
                return run_interruptibly(lambda: fetch(client, method, url, body, deadline))
            except reading_errors() as error:
                raise self._failure(error) from error

    def _open(self, client: anthropic.Anthropic, request: MessageRequest) -> httpx2.Response:
        """Try until a reply begins, the failure is final, or the attempts are used up."""
        attempts = 0
        while True:
            try:
                return run_interruptibly(lambda: self._attempt(client, request))
            except RespanError as failure:
                wait = self.wait_after(failure, attempts)
                if wait is None:
                    raise
            attempts += 1
            self._watcher.wait(wait)
            time.sleep(wait.seconds)

    def wait_after(self, failure: RespanError, attempts: int) -> RetryWait | None:
        """The pause before another attempt, or None when there is to be none.

        Args:
            failure: how the last attempt failed.
            attempts: how many have been repeated already.
        """
        if (
            not failure.retryable
            or isinstance(failure, ResponseTimeoutError)
            or attempts >= self._max_retries
        ):
            return None
        backoff = min(LONGEST_BACKOFF, FIRST_WAIT * 2**attempts) * random.uniform(0.75, 1)  # noqa: S311
        seconds = backoff if failure.retry_after is None else failure.retry_after
        return RetryWait(seconds, failure) if seconds <= LONGEST_WAIT else None

    def _attempt(self, client: anthropic.Anthropic, request: MessageRequest) -> httpx2.Response:
        sdk = load_sdk()
        body = request.body()
        named = {name: body.pop(name) for name in ("model", "max_tokens", "messages", "stream")}
        stream: anthropic.Stream[anthropic.types.RawMessageStreamEvent]
        try:
            with self._tidy_warnings():
                stream = client.messages.create(**named, extra_body=body)
        except sdk.APIConnectionError as error:
            raise self._failure(error) from error
        except UnicodeEncodeError:
            raise UsageError(
                "the request holds half of a character", reason="a lone surrogate has no UTF-8"
            ) from None
        return stream.response

    def _failure(self, error: Exception) -> RespanError:
        cause = error.__cause__
        return cause if isinstance(cause, RespanError) else connection_errors.unreached(error, self._way)

    def _before(self, request: httpx2.Request) -> None:
        """Replace what the SDK and the HTTP client say of this machine by what the user can list."""
        for name in [name for name in request.headers if name not in _FRAMING]:
            del request.headers[name]
        request.headers.update({header.name: header.value for header in self._headers})
        through = self._way.through
        sent = RequestSent(request.method, str(request.url), dict(request.headers), request.content, through)
        self._watcher.request(sent)
        # The HTTP client tells its steps to whoever asks (its extension "trace").
        request.extensions["trace"] = self._step

    def _step(self, name: str, info: Mapping[str, object]) -> None:
        self.on_step(name, info)
        if name.endswith(".send_request_body.complete"):
            self._watcher.sent()

    def _after(self, response: httpx2.Response) -> None:
        """Turn a refusal into its error here: the SDK would read a body of any length first."""
        self._seen(response)
        if response.status_code == 407 and self._way.proxy:
            # Only a proxy says so (RFC 9110, 15.5.8); where it is to make a tunnel, the HTTP client hears it.
            raise connection_errors.refused_by_proxy(f"407 {response.reason_phrase}", self._way)
        if not response.is_success:
            raise refusal(response, self._asked)

    def _seen(self, response: httpx2.Response) -> None:
        self._watcher.response(response.status_code, dict(response.headers))

    @contextmanager
    def _tidy_warnings(self) -> Iterator[None]:
        """Pass the SDK's warnings (a deprecated model) on as one line each, instead of Python's own form."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for warning in caught:
            self._on_warning(str(warning.message).partition("\n")[0])
