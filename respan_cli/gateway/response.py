"""A response whose headers have come: its body read as events, and everything that can be wrong with it.

What a gateway sends is judged by what it is, not by its label: a whole JSON message is an answer, an error
object is that error, whatever the status and the content type say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from respan_cli.errors import BadResponseError, RespanError
from respan_cli.gateway import api_errors, error_body
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.body import events_of_document, events_of_stream, starts_a_document
from respan_cli.gateway.connection_errors import dropped
from respan_cli.gateway.error_body import ResponseIds
from respan_cli.gateway.observer import RequestObserver
from respan_cli.gateway.sdk import reading_errors
from respan_cli.messages.answer import RESEND_HINT, Event, has_content

if TYPE_CHECKING:
    import httpx2

MAX_ERROR_BODY_BYTES = 64 * 1024  # messages show far less of it
_SNIFF_BYTES = 64 * 1024  # of a body that brings no event, to say what it is


class StreamedResponse:
    """A response with the events of its body still on their way.

    Args:
        timeout: seconds without data before the HTTP client gives up, for the message.
        observer: told when the network is waited for, and when the stream has ended.
        keep_alive: whether to read what follows `message_stop`, so that the connection can be used again.
    """

    def __init__(
        self,
        response: httpx2.Response,
        context: RequestContext,
        timeout: float,
        observer: RequestObserver,
        *,
        keep_alive: bool,
    ) -> None:
        self._response = response
        self._headers = dict(response.headers)
        self._context = context
        self._timeout = timeout
        self._observer = observer
        self._keep_alive = keep_alive
        self._ahead: deque[Event] = deque()
        self._incoming = self._read()

    @property
    def ids(self) -> ResponseIds:
        """The IDs of the request."""
        return error_body.ids(self._headers, None)

    def read_ahead(self) -> None:
        """Read up to the first event that brings content: until then, a failure can still be retried.

        Raises:
            RespanError: as `events`.
        """
        for event in self._incoming:
            self._ahead.append(event)
            if has_content(event):
                return

    def events(self) -> Iterator[Event]:
        """The events of the stream, up to and including `message_stop`.

        Raises:
            BadResponseError: the stream ended early, or is not the API's.
            RespanError: an `error` event, by its type.
        """
        while self._ahead:
            yield self._ahead.popleft()
        yield from self._incoming

    def close(self) -> None:
        """Return the connection to the pool, or close it."""
        self._response.close()

    def _read(self) -> Iterator[Event]:
        count = 0
        body = _Body(self._response, self._observer)
        try:
            for event in self._parse(body):
                count += 1
                yield event
                if event["type"] == "message_stop":
                    self._drain(body)
                    return
        except reading_errors() as error:
            raise self._broken(_why_broken(error, self._timeout)) from error
        finally:
            self._observer.end(count)
        if count:
            raise self._broken("the stream ended before message_stop")
        raise api_errors.from_document(body.start, self._headers, self._context)

    def _parse(self, body: _Body) -> Iterator[Event]:
        if "," in self._headers.get("content-encoding", ""):
            raise self._broken("its content is encoded more than once")
        if starts_a_document(body.sniff()):
            return events_of_document(body, self._headers, self._context)
        return events_of_stream(body, self._headers, self._context)

    def _drain(self, body: _Body) -> None:
        """The answer is complete: a later failure loses only the connection."""
        with suppress(RespanError, *reading_errors()):
            while self._keep_alive and next(body, None) is not None:
                pass

    def _broken(self, reason: str) -> BadResponseError:
        return BadResponseError(
            "the answer broke off",
            reason=reason,
            hint=RESEND_HINT,
            retryable=True,
            request_id=self.ids.request_id,
            log_id=self.ids.log_id,
        )


class _Body:
    """The chunks of a response's body as they arrive; it remembers how the body starts."""

    def __init__(self, response: httpx2.Response, observer: RequestObserver) -> None:
        self._chunks = response.iter_bytes()
        self._observer = observer
        self._sniffed: deque[bytes] = deque()
        self._taken = False
        self.start = b""

    def sniff(self) -> bytes:
        """The first bytes that are not white space; nothing where the body has none."""
        while not (found := b"".join(self._sniffed).lstrip(b"\xef\xbb\xbf \t\r\n")):
            chunk = next(self._chunks, None)
            if chunk is None or len(self._sniffed) > _SNIFF_BYTES:
                break
            self._sniffed.append(chunk)
        return found

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._taken:
            self._observer.idle()
        self._taken = True
        chunk = self._sniffed.popleft() if self._sniffed else next(self._chunks)
        if len(self.start) < _SNIFF_BYTES:
            self.start += chunk[:_SNIFF_BYTES]
        return chunk


def read_refusal(response: httpx2.Response, context: RequestContext) -> RespanError:
    """The error that a response of a status other than 200 means; only the start of its body is read."""
    headers = dict(response.headers)
    start = _start_of(response)
    if response.status_code < 300:
        return api_errors.from_document(start, headers, context)
    body = error_body.as_json(start.decode("utf-8", "replace"))
    return api_errors.from_response(response.status_code, body, headers, context)


def _start_of(response: httpx2.Response) -> bytes:
    data = bytearray()
    try:
        for chunk in response.iter_bytes() if "," not in response.headers.get("content-encoding", "") else ():
            data += chunk
            if len(data) >= MAX_ERROR_BODY_BYTES:
                break
    except reading_errors():
        pass  # the status is known, and the words that came will have to do
    return bytes(data[:MAX_ERROR_BODY_BYTES])


def _why_broken(error: Exception, timeout: float) -> str:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return f"no byte came for {timeout:g} s"
    if isinstance(error, ValueError | RecursionError):
        return "the stream is damaged: an event cannot be read"
    return dropped(error)
