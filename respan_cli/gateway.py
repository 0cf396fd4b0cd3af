"""The network. The only file that names the SDK; its errors, and its HTTP client's, become ours here.

Nothing of the SDK is imported before a message is sent: it takes the better part of a second.
"""

from __future__ import annotations

import gc
import json
import os
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from respan_cli import failures
from respan_cli.errors import BrokenReplyError, RespanError, UnreachedError
from respan_cli.failures import Asked
from respan_cli.headers import WireHeader
from respan_cli.message import Event, MessageRequest
from respan_cli.values import is_this_machine

if TYPE_CHECKING:
    import anthropic
    import httpx2

CONNECT_TIMEOUT = 10.0  # seconds for DNS, TCP and TLS of one attempt, unless --timeout is shorter
LONGEST_WAIT = 60.0  # seconds; a server that asks for more gets its error reported instead
FIRST_WAIT, LONGEST_BACKOFF = 0.5, 8.0  # seconds; doubled at every attempt, as the SDK does

# What the SDK reads from the environment: none of it may change a request (contract, section 1).
_SDK_VARIABLES = ("ANTHROPIC_", "OTEL_")
# Set by the HTTP client from the request itself.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause before the next attempt: how many seconds, after which failure."""

    seconds: float
    failure: RespanError


class Gateway:
    """One gateway, with the headers and limits of its requests.

    Args:
        asked: what failures say about the request; its `url` is the base URL.
        headers: every header of the request, the key's among them; no other leaves this machine.
        timeout: seconds without a byte before giving up.
        max_retries: further attempts after the first.
        on_wait: told before each pause.
        on_warning: told what the SDK warns of, a line each.
    """

    def __init__(
        self,
        asked: Asked,
        headers: list[WireHeader],
        *,
        timeout: float,
        max_retries: int,
        on_wait: Callable[[Wait], None],
        on_warning: Callable[[str], None],
    ) -> None:
        self.url = asked.url
        self._asked = asked
        self._headers = headers
        self._timeout = timeout
        self._max_retries = max_retries
        self._on_wait = on_wait
        self._on_warning = on_warning

    @contextmanager
    def ask(self, request: MessageRequest) -> Iterator[Reply]:
        """Send the request; give the reply once its headers have come. No answer is ever asked for twice.

        Args:
            request: what to send.

        Raises:
            RespanError: the gateway was not reached, or refused, and that was the last attempt.
        """
        with self._client() as client, closing(self._open(client, request)) as response:
            yield Reply(response, self._asked, self._timeout)

    def _open(self, client: anthropic.Anthropic, request: MessageRequest) -> httpx2.Response:
        """Try until a reply begins, the failure is final, or the attempts are used up."""
        attempts = 0
        while True:
            try:
                return self._attempt(client, request)
            except RespanError as failure:
                wait = self._wait(failure, attempts)
                if wait is None:
                    raise
            attempts += 1
            self._on_wait(wait)
            time.sleep(wait.seconds)

    def _wait(self, failure: RespanError, attempts: int) -> Wait | None:
        if not failure.retryable or attempts >= self._max_retries:
            return None
        backoff = min(LONGEST_BACKOFF, FIRST_WAIT * 2**attempts) * random.uniform(0.75, 1)  # noqa: S311
        seconds = backoff if failure.retry_after is None else failure.retry_after
        return Wait(seconds, failure) if seconds <= LONGEST_WAIT else None

    def _attempt(self, client: anthropic.Anthropic, request: MessageRequest) -> httpx2.Response:
        sdk = load_sdk()
        body = request.body()
        named = {name: body.pop(name) for name in ("model", "max_tokens", "messages", "stream")}
        stream: anthropic.Stream[anthropic.types.RawMessageStreamEvent]
        try:
            with self._tidy_warnings():
                stream = client.messages.create(**named, extra_body=body)
        except sdk.APIStatusError as error:
            headers = dict(error.response.headers)
            raise failures.from_response(error.status_code, error.body, headers, self._asked) from error
        except sdk.APIConnectionError as error:
            raise unreached(error, self._asked.url, self._timeout) from error
        return stream.response

    @contextmanager
    def _client(self) -> Iterator[anthropic.Anthropic]:
        sdk = load_sdk()
        with _without_sdk_variables():
            http_client = sdk.DefaultHttpxClient(
                follow_redirects=False,
                event_hooks={"request": [self._only_our_headers]},
                mounts=_direct(self._asked.url),
            )
            client = sdk.Anthropic(
                # The key is among our own headers: the SDK never holds it, so nothing of it can show it.
                api_key="unused",
                base_url=self._asked.url,
                timeout=sdk.Timeout(self._timeout, connect=min(self._timeout, CONNECT_TIMEOUT)),
                max_retries=0,
                open_telemetry=False,
                http_client=http_client,
            )
        with client:
            yield client

    def _only_our_headers(self, request: httpx2.Request) -> None:
        """Replace what the SDK and the HTTP client say of this machine by what the user can list."""
        for name in [name for name in request.headers if name not in _FRAMING]:
            del request.headers[name]
        request.headers.update({header.name: header.value for header in self._headers})

    @contextmanager
    def _tidy_warnings(self) -> Iterator[None]:
        """Pass the SDK's warnings (a deprecated model) on as one line each, instead of Python's own form."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for warning in caught:
            self._on_warning(str(warning.message).partition("\n")[0])


class Reply:
    """A reply whose headers have come, with the events of its body still on their way.

    Args:
        response: the open response.
        asked: what was asked.
        timeout: seconds without a byte before the HTTP client gives up, for the message.
    """

    def __init__(self, response: httpx2.Response, asked: Asked, timeout: float) -> None:
        self._response = response
        self._headers = dict(response.headers)
        self._asked = asked
        self._timeout = timeout

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._headers.get("request-id")

    @property
    def log_id(self) -> str | None:
        """The id of the request in Respan's log, when the gateway gives one."""
        return self._headers.get("x-respan-log-id")

    def events(self, idle: Callable[[], None] = lambda: None) -> Iterator[Event]:
        """The events of the stream, pings left out, up to and including `message_stop`.

        Args:
            idle: called when every event that has arrived is taken and the network is waited for.

        Raises:
            BrokenReplyError: the stream broke off, ended early, or is not the API's.
            RespanError: an `error` event, by its type.
        """
        arrived = _Arrived(self._response, idle)
        try:
            for event in self._parse(arrived):
                yield event
                if event["type"] == "message_stop":
                    return
        except _reading_errors() as error:
            raise self._broken(_why_broken(error, self._timeout)) from error
        if "text/event-stream" not in self._headers.get("content-type", "") or not arrived.start:
            raise failures.not_the_api(self._headers, arrived.start, self._asked)
        raise self._broken("the stream ended before message_stop")

    def _parse(self, arrived: _Arrived) -> Iterator[Event]:
        from anthropic import Stream

        for sse in Stream.raw_events(cast("httpx2.Response", arrived)):
            if sse.event == "error":
                raise failures.from_stream(sse.data, self._headers, self._asked)
            if not sse.data or sse.event == "ping":
                continue
            event = json.loads(sse.data)
            if not isinstance(event, dict) or "type" not in event:
                raise ValueError("an event is not the API's")
            yield event

    def _broken(self, reason: str) -> BrokenReplyError:
        return BrokenReplyError(
            "the answer broke off",
            reason=reason,
            hint="what has arrived is not the whole answer; send it again",
            retryable=True,
            request_id=self.request_id,
            log_id=self.log_id,
        )


class _Arrived:
    """The bytes of a response, as the SDK's decoder takes them: it calls nothing but `iter_bytes`.

    It remembers how the body starts, to tell an HTML page from a stream.
    """

    def __init__(self, response: httpx2.Response, idle: Callable[[], None]) -> None:
        self._response = response
        self._idle = idle
        self.start = ""

    def iter_bytes(self) -> Iterator[bytes]:
        for chunk in self._response.iter_bytes():
            self.start = self.start or chunk[:2000].decode("utf-8", "replace")
            yield chunk
            self._idle()


@cache
def load_sdk() -> ModuleType:
    """Import the SDK, without the garbage collector looking at its 2,900 modules again and again."""
    gc.disable()
    try:
        with _without_sdk_variables():
            import anthropic
    finally:
        gc.enable()
    gc.freeze()  # what was imported stays: no later collection need look at it
    return anthropic


def preload() -> None:
    """Begin to import the SDK on a thread of its own, while the prompt is read and the key is fetched."""
    Thread(target=load_sdk, daemon=True).start()


@contextmanager
def _without_sdk_variables() -> Iterator[None]:
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_SDK_VARIABLES)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _direct(url: str) -> dict[str, None] | None:
    """No proxy between this machine and itself, whatever the environment says."""
    host = urlsplit(url).hostname or ""
    if not is_this_machine(host):
        return None
    return {f"all://[{host}]" if ":" in host else f"all://{host}": None}


def _reading_errors() -> tuple[type[Exception], ...]:
    import httpx2

    return (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError)


def _why_broken(error: Exception, timeout: float) -> str:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return f"no byte came for {timeout:g} s"
    if isinstance(error, ValueError):
        return "the stream is damaged: an event cannot be read"
    return str(error) or type(error).__name__


def unreached(error: Exception, url: str, timeout: float) -> UnreachedError:
    """The error that a failed connection means, from the chain of what caused it.

    Args:
        error: the SDK's connection error.
        url: the base URL.
        timeout: seconds without a byte before the HTTP client gave up.
    """
    import httpx2

    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    chain = list(_causes(error))
    slow = next((cause for cause in chain if isinstance(cause, httpx2.TimeoutException)), None)
    if slow is not None and not isinstance(slow, httpx2.ConnectTimeout):
        return UnreachedError(
            f"no answer from {host}", reason=f"no byte came for {timeout:g} s", hint="--timeout waits longer"
        )
    root = chain[-1]
    return UnreachedError(
        f"cannot reach {host}",
        reason="the connection took too long" if slow is not None else str(root) or type(root).__name__,
        hint="is the network up, and the base URL right? see 'respan config show --origin'",
        retryable=True,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
