"""A reply whose headers have come: its body read as events, and everything that can be wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, cast

from respan_cli.errors import BadResponseError, RespanError
from respan_cli.gateway import api_errors
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.connection_errors import dropped
from respan_cli.gateway.sdk import reading_errors
from respan_cli.messages.answer import SEND_AGAIN, Event

if TYPE_CHECKING:
    import httpx2

LONGEST_REFUSAL = 64 * 1024  # bytes of an error's body that are read; the words of it are cut much shorter


class StreamedResponse:
    """A reply whose headers have come, with the events of its body still on their way.

    Args:
        response: the open response.
        asked: what was asked.
        timeout: seconds without a byte before the HTTP client gives up, for the message.
        on_end: told the number of events when the stream has ended, well or not.
        to_the_end: read what comes after `message_stop` too: only then can the connection be used again.
    """

    def __init__(
        self,
        response: httpx2.Response,
        asked: RequestContext,
        timeout: float,
        on_end: Callable[[int], None] = lambda count: None,
        *,
        to_the_end: bool = False,
    ) -> None:
        self._response = response
        self._headers = dict(response.headers)
        self._asked = asked
        self._timeout = timeout
        self._on_end = on_end
        self._to_the_end = to_the_end

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self._headers.get("request-id")

    @property
    def log_id(self) -> str | None:
        """The id of the request in Respan's log, when the gateway gives one."""
        return self._headers.get("x-respan-log-id")

    def events(self, idle: Callable[[], None] = lambda: None) -> Iterator[Event]:
        """The events of the stream, up to and including `message_stop`.

        Args:
            idle: called when every event that has arrived is taken and the network is waited for.

        Raises:
            BrokenReplyError: the stream broke off, ended early, or is not the API's.
            RespanError: an `error` event, by its type.
        """
        arrived = _Arrived(self._response, idle)
        events = self._parse(arrived)
        count = 0
        try:
            for event in events:
                count += 1
                yield event
                if event["type"] == "message_stop":
                    self._drain(events)
                    return
        except reading_errors() as error:
            raise self.broken(_why_broken(error, self._timeout)) from error
        finally:
            self._on_end(count)
        if "text/event-stream" not in self._headers.get("content-type", "") or not arrived.start:
            raise api_errors.not_the_api(self._headers, arrived.start, self._asked)
        raise self.broken("the stream ended before message_stop")

    def _drain(self, events: Iterator[Event]) -> None:
        """The answer is whole: what goes wrong after it costs the connection and nothing else."""
        with suppress(RespanError, *reading_errors()):
            while self._to_the_end and next(events, None):
                pass

    def _parse(self, arrived: _Arrived) -> Iterator[Event]:
        from anthropic import Stream

        for sse in Stream.raw_events(cast("httpx2.Response", arrived)):
            if sse.event == "error":
                raise api_errors.from_stream(sse.data, self._headers, self._asked)
            if sse.event == "ping":  # a sign of life: whatever a gateway puts into it
                yield {"type": "ping"}
                continue
            if not sse.data:
                continue
            event = _decode(sse.data)
            kind = event["type"] if isinstance(event, dict) and "type" in event else None
            if kind == "error":  # whatever its line `event:` says, or does not say
                raise api_errors.from_stream(sse.data, self._headers, self._asked)
            if not isinstance(kind, str):
                raise ValueError("an event is not the API's")
            yield event

    def broken(self, reason: str) -> BadResponseError:
        """The error that a damaged or unfinished stream means.

        Args:
            reason: what is wrong with it.
        """
        return BadResponseError(
            "the answer broke off",
            reason=reason,
            hint=SEND_AGAIN,
            retryable=True,
            request_id=self.request_id,
            log_id=self.log_id,
        )


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number beyond all numbers")
    return number


# What JSON does not have, NaN and the infinities, would come out of `--json` again as what is not JSON.
_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_finite).decode


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


def refusal(response: httpx2.Response, asked: RequestContext) -> Exception:
    """The error that a response without an answer means; of its body no more is read than could be shown.

    Args:
        response: an open response whose status is not a success.
        asked: what was asked.
    """
    headers = dict(response.headers)
    body = api_errors.as_json(_start_of(response))
    if response.status_code < 300:
        return api_errors.not_the_api(headers, str(body), asked)
    return api_errors.from_response(response.status_code, body, headers, asked)


def _start_of(response: httpx2.Response) -> str:
    data = bytearray()
    try:
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) >= LONGEST_REFUSAL:
                break
    except reading_errors():
        pass  # the status is known, and what came of the words will have to do
    return data[:LONGEST_REFUSAL].decode("utf-8", "replace")


def _why_broken(error: Exception, timeout: float) -> str:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return f"no byte came for {timeout:g} s"
    if isinstance(error, ValueError | RecursionError):
        return "the stream is damaged: an event cannot be read"
    return dropped(error)
