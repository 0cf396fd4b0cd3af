"""One gateway as a client: attempts, the pauses between them, and the response that begins at last.

What the SDK and its HTTP client raise becomes one of our errors here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from respan_cli.errors import BadResponseError, RespanError, ResponseTimeoutError, UsageError
from respan_cli.gateway import connection_errors, sdk
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.connection_errors import Route
from respan_cli.gateway.deadline import Deadline
from respan_cli.gateway.http import HttpResponse, fetch
from respan_cli.gateway.interruptible import run_interruptibly
from respan_cli.gateway.observer import RequestObserver, RequestSent, RetryWait
from respan_cli.gateway.proxy import proxy_for
from respan_cli.gateway.response import StreamedResponse, read_refusal
from respan_cli.messages.request import MessageRequest
from respan_cli.settings.headers import WireHeader

if TYPE_CHECKING:
    import anthropic
    import httpx2

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0  # for TCP and TLS of one attempt, unless --timeout is shorter
MAX_WAIT_S = 60.0  # a server that asks for more gets its error reported instead
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.5, 8.0  # doubled at every attempt, as the SDK does

# Set by the HTTP client from the request itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class GatewayClient:
    """One gateway, for any number of requests and threads; as a context manager it opens its connections.

    Args:
        context: what failures say about a request; its `url` is the base URL.
        headers: every header of a request, the key's among them; no other is sent.
        timeout: seconds without data before giving up.
        max_retries: further attempts after the first.
        keep_alive: connections that are kept for another request. With none, each request has its own: one
            that the gateway closes after a refusal would cost the next attempt.
    """

    def __init__(
        self,
        context: RequestContext,
        headers: list[WireHeader],
        *,
        timeout: float,
        max_retries: int = 0,
        keep_alive: int = 0,
    ) -> None:
        self.url = context.url
        self.context = context
        self._headers = {header.name: header.value for header in headers}
        self._max_retries = max_retries
        self._keep_alive = keep_alive
        connect_timeout = min(timeout, CONNECT_TIMEOUT_S)
        self._route = Route(context.url, proxy_for(context.url), timeout, connect_timeout)

    def __enter__(self) -> Self:
        """Import the SDK, and get ready to send.

        Raises:
            NetworkError: the proxy or the certificates that the environment names cannot be used.
        """
        self._http = sdk.http_client(self._route, self._before, self._after, keep_alive=self._keep_alive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @cached_property
    def _sdk(self) -> anthropic.Anthropic:
        return sdk.sdk_client(self._route, self._http)

    @contextmanager
    def stream(
        self, request: MessageRequest, observer: RequestObserver | None = None
    ) -> Iterator[StreamedResponse]:
        """Send the request; give the response once an answer has begun. No answer is ever asked for twice.

        Raises:
            RespanError: the gateway was not reached, or refused, and that was the last attempt.
        """
        response = self._open(request, observer or RequestObserver())
        try:
            yield response
        finally:
            response.close()

    def request(
        self,
        method: str,
        url: str,
        body: object,
        deadline: Deadline,
        observer: RequestObserver | None = None,
    ) -> HttpResponse:
        """Make one request that is no message, once; a response of any status is returned.

        Args:
            method, url: the request line.
            body: sent as JSON; None sends no body.
            deadline: for the end of the response.

        Raises:
            RespanError: no response came.
        """
        return run_interruptibly(
            lambda: self._reconnecting(
                lambda: _Connection(observer or RequestObserver(), refusals_are_errors=False),
                lambda: fetch(self._http, method, url, body, deadline),
            )
        )

    def _open(self, request: MessageRequest, observer: RequestObserver) -> StreamedResponse:
        """Try until an answer begins, the failure is final, or the attempts are used up."""
        retries = 0
        while True:
            try:
                return run_interruptibly(lambda: self._begin(request, observer))
            except RespanError as failure:
                wait = self.wait_after(failure, retries)
                if wait is None and retries == 0:
                    raise
                if wait is None:
                    told = failure.with_message(f"{failure.message} after {retries + 1} attempts")
                    raise told from failure.__cause__
            retries += 1
            observer.wait(wait)
            time.sleep(wait.seconds)

    def wait_after(self, failure: RespanError, retries: int) -> RetryWait | None:
        """The pause before another attempt, or None when there is to be none.

        Args:
            failure: how the last attempt failed.
            retries: how many there have been.
        """
        # What was sent and perhaps answered is not sent again: it would be paid for twice.
        final = isinstance(failure, ResponseTimeoutError | BadResponseError)
        if final or not failure.retryable or retries >= self._max_retries:
            return None
        backoff = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2**retries) * random.uniform(0.75, 1)  # noqa: S311
        seconds = backoff if failure.retry_after is None else failure.retry_after
        if seconds > MAX_WAIT_S:
            return None
        return RetryWait(seconds, failure, retries + 1, self._max_retries)

    def _begin(self, request: MessageRequest, observer: RequestObserver) -> StreamedResponse:
        response = self._reconnecting(lambda: _Connection(observer), lambda: self._post(request))
        streamed = StreamedResponse(
            response, self.context, self._route.timeout, observer, keep_alive=self._keep_alive > 0
        )
        try:
            streamed.read_ahead()
        except BaseException:
            streamed.close()
            raise
        return streamed

    def _post(self, request: MessageRequest) -> httpx2.Response:
        """Send the message by the SDK's way for any request.

        Its `messages.create` sends the same, but warns of deprecated models on stderr.
        """
        from anthropic import Stream

        kind: type[anthropic.Stream[object]] = Stream[object]
        stream = self._sdk.post(
            "/v1/messages", cast_to=object, body=request.body(), stream=True, stream_cls=kind
        )
        return stream.response

    def _reconnecting(self, new: Callable[[], _Connection], send: Callable[[], T]) -> T:
        """Send, and once more for each kept connection that turns out to have been closed by the gateway."""
        while True:
            connection = new()
            _connection.set(connection)
            try:
                return send()
            except UnicodeEncodeError:
                raise UsageError(
                    "the request holds half of a character", reason="a lone surrogate has no UTF-8"
                ) from None
            except (sdk.connection_error(), *sdk.reading_errors()) as error:
                if not (connection.was_kept and connection_errors.is_dropped(error)):
                    raise self._failure(error) from error

    def _failure(self, error: Exception) -> RespanError:
        cause = error.__cause__
        return (
            cause if isinstance(cause, RespanError) else connection_errors.network_error(error, self._route)
        )

    def _before(self, request: httpx2.Request) -> None:
        """Replace the SDK's headers, which describe this machine, by those that the user can list."""
        for name in [name for name in request.headers if name not in _FRAMING]:
            del request.headers[name]
        request.headers.update(self._headers)
        connection = _connection.get()
        sent = RequestSent(
            request.method, str(request.url), dict(request.headers), request.content, self._route.via
        )
        connection.observer.request(sent)
        # The HTTP client tells its steps to the extension "trace".
        request.extensions["trace"] = connection.trace

    def _after(self, response: httpx2.Response) -> None:
        """Turn a refusal into its error here: the SDK would read a body of any length."""
        connection = _connection.get()
        connection.observer.response(response.status_code, dict(response.headers))
        if not connection.refusals_are_errors:
            return
        if response.status_code == 407 and self._route.proxy:
            # Only a proxy says so (RFC 9110, 15.5.8); where it is to make a tunnel, the HTTP client hears it.
            raise connection_errors.refused_by_proxy(f"407 {response.reason_phrase}", self._route)
        if not response.is_success:
            raise read_refusal(response, self.context)


class _Connection:
    """The events of one attempt below HTTP, from the HTTP client's `trace`."""

    def __init__(self, observer: RequestObserver, *, refusals_are_errors: bool = True) -> None:
        self.observer = observer
        self.refusals_are_errors = refusals_are_errors
        self.was_kept = True
        self._started = 0.0

    def trace(self, step: str, _facts: Mapping[str, Any]) -> None:
        """Take one step, such as `connection.connect_tcp.started`."""
        if step.endswith(".connect_tcp.started"):
            self.was_kept = False
            self._started = time.monotonic()
        elif step.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self.observer.connected(round((time.monotonic() - self._started) * 1000, 1))
        elif step.endswith(".send_request_body.complete"):
            self.observer.sent()


# Of the attempt that this thread makes: the HTTP client's hooks get the request alone.
_connection: ContextVar[_Connection] = ContextVar("connection")
