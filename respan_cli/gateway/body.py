"""The body of a response as events of the Messages API, whatever form it has.

A gateway may answer a streamed request with a stream of the API, with one whole message, with an error under
status 200, or with the stream of another API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from respan_cli.gateway import api_errors
from respan_cli.gateway.api_errors import RequestContext
from respan_cli.gateway.error_body import is_error, is_of_openai
from respan_cli.gateway.sse import MAX_EVENT_BYTES, EventTooLargeError, ServerSentEvent, SseDecoder
from respan_cli.messages.answer import Event, events_of_message
from respan_cli.settings.strict_json import loads_finite as decode

_DONE = "[DONE]"  # how streams of OpenAI's API end; some gateways send it here too


def starts_a_document(start: bytes) -> bool:
    """Whether a body that starts like this is one document, JSON or HTML, and no stream of events."""
    return start[:1] in (b"{", b"[", b'"', b"<")


def events_of_document(
    body: Iterator[bytes], headers: Mapping[str, str], context: RequestContext
) -> Iterator[Event]:
    """The events that a whole message would have had.

    Raises:
        RespanError: the document is an error, or nothing of the API.
        EventTooLargeError: it is longer than an event may be.
    """
    data = bytearray()
    for chunk in body:
        data += chunk
        if len(data) > MAX_EVENT_BYTES:
            raise EventTooLargeError("the body is too large")
    try:
        value = decode(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        value = None
    if not is_message(value):
        raise api_errors.from_document(bytes(data), headers, context)
    yield from events_of_message(value)


def events_of_stream(
    body: Iterator[bytes], headers: Mapping[str, str], context: RequestContext
) -> Iterator[Event]:
    """The events of a stream, each as the API sent it.

    Raises:
        RespanError: an event is an error, or belongs to another API.
        ValueError: an event is damaged.
    """
    decoder = SseDecoder()
    for chunk in body:
        for name, data, value in _decoded(decoder.feed(chunk)):
            kind = value.get("type") if isinstance(value, dict) else None
            if name == "ping":  # a sign of life, whatever a gateway puts into it
                yield {"type": "ping"}
            elif name == "error":
                raise api_errors.from_stream(data, headers, context)
            elif isinstance(kind, str) and kind == name:  # as the API has it, and neither of these
                yield value
            elif data and data != _DONE:
                yield from _checked(decode(data), data, headers, context)


def _decoded(events: Iterator[ServerSentEvent]) -> Iterator[tuple[str, str, Any]]:
    """The events of one chunk, with their data decoded: all of it at once, which costs a third.

    The value is None where the data cannot be decoded like that, or is not the API's.
    """
    batch: list[ServerSentEvent] = []
    try:
        batch.extend(events)
    except ValueError:  # what came before the damaged event is given first
        yield from ((name, data, None) for name, data in batch)
        raise
    try:
        values = decode(f"[{','.join(data for _, data in batch)}]")
    except (ValueError, RecursionError):
        values = ()
    if len(values) != len(batch):
        values = [None] * len(batch)
    for (name, data), value in zip(batch, values, strict=True):
        yield name, data, value


def _checked(value: Any, data: str, headers: Mapping[str, str], context: RequestContext) -> Iterator[Event]:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind not in ("error", "message"):
        yield value
    elif is_message(value):
        yield from events_of_message(value)
    elif is_error(value):
        raise api_errors.from_stream(data, headers, context)
    elif is_of_openai(value):
        raise api_errors.of_openai(headers, context)
    else:
        raise ValueError("an event is not the API's")


def is_message(value: object) -> bool:
    """Whether a JSON value is a complete message of the API."""
    return (
        isinstance(value, dict) and value.get("type") == "message" and isinstance(value.get("content"), list)
    )
