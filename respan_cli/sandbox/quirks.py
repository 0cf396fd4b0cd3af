"""Models that answer as real servers do where they leave the API's shapes.

Each was reported of a gateway, a proxy or a client in public: errors under status 200, events that repeat
or are missing, answers without text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from respan_cli.sandbox.api import THOUGHT, Json, delta, error_body, event, to_bytes
from respan_cli.sandbox.replies import (
    ERRORS,
    EVENT_STREAM,
    JSON,
    RETRY_AT_ONCE,
    Fault,
    Play,
    SandboxReply,
    SandboxRequest,
    broken,
    error_event,
    error_log,
    fixed,
    flaky,
    refuse,
)

OVERLOADED = "overloaded_error"
DONE = b"data: [DONE]\n\n"
_PAGE = b"<!doctype html><html><title>502</title><body><h1>Bad Gateway</h1></body></html>"
_NO_CREDITS = {"detail": "You have no credits left"}


def _error_first(*, after: str = "") -> Play:
    """A stream with an overload before any text, after the events before `content_block_start` if asked."""

    def play(request: SandboxRequest) -> SandboxReply:
        before = {"ping": event("ping"), "message_start": request.answer().opening()[0]}.get(after, b"")
        pieces = [before, error_event(OVERLOADED)]
        return replace(request.stream(pieces), log=error_log(OVERLOADED))

    return play


def _error_as_200(status: int, content_type: str = JSON) -> Play:
    """The body of an HTTP error under status 200."""
    kind, message = ERRORS[status]
    return lambda request: SandboxReply(
        type=content_type, body=error_body(kind, message, request.request_id), log=error_log(kind)
    )


def _untyped_error() -> bytes:
    kind, message = ERRORS[529]
    return b"data: %s\n\n" % to_bytes({"error": {"type": kind, "message": message}})


def _whole(request: SandboxRequest) -> SandboxReply:
    return request_without_stream(request).reply(request.answer())


def request_without_stream(request: SandboxRequest) -> SandboxRequest:
    """The same request, as if it had asked for one Message."""
    return replace(request, body={**request.body, "stream": False})


def _openai(request: SandboxRequest) -> SandboxReply:
    """A stream in the shape of OpenAI's API (its reference, The chat completion chunk object)."""
    answer = request.answer()
    usual = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": answer.model}
    deltas = [{"role": "assistant", "content": ""}, {"content": answer.text}, {}]
    chunks = [
        {**usual, "choices": [{"index": 0, "delta": part, "finish_reason": None if part else "stop"}]}
        for part in deltas
    ]
    return request.stream([*(b"data: %s\n\n" % to_bytes(chunk) for chunk in chunks), DONE])


def _done_early(request: SandboxRequest) -> SandboxReply:
    answer = request.answer()
    *closing, stop = answer.closing()
    return request.stream([*answer.opening(), *answer.deltas(), *closing, DONE, stop])


def _start_twice(request: SandboxRequest) -> SandboxReply:
    answer = request.answer()
    first, *opening = answer.opening()
    return request.stream([first, first, *opening, *answer.deltas(), *answer.closing()])


def _text_in_start(request: SandboxRequest) -> SandboxReply:
    """The whole text in `message_start`, and no block of its own."""
    answer = request.answer()
    start = event("message_start", message={**answer.message(), "stop_reason": None})
    return request.stream([start, *answer.closing()[1:]])


def _no_usage(request: SandboxRequest) -> SandboxReply:
    answer = request.answer()
    message = {name: value for name, value in answer.message().items() if name != "usage"}
    if not request.is_streamed:
        return SandboxReply(body=to_bytes(message))
    start = event("message_start", message={**message, "content": [], "stop_reason": None})
    end = event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None})
    block_stop, _, stop = answer.closing()
    return request.stream([start, *answer.opening()[1:], *answer.deltas(), block_stop, end, stop])


def _stop_with(reason: str | None) -> Play:
    """The echo with a stop reason of its own."""

    def play(request: SandboxRequest) -> SandboxReply:
        answer = request.answer()
        message = {**answer.message(), "stop_reason": reason}
        if not request.is_streamed:
            return SandboxReply(body=to_bytes(message))
        usage = {"output_tokens": answer.output_tokens}
        end = event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
        block_stop, _, stop = answer.closing()
        return request.stream([*answer.opening(), *answer.deltas(), block_stop, end, stop])

    return play


def _blocks(*blocks: tuple[Json, Json | None], stop: str = "end_turn") -> Play:
    """An answer of these blocks, each with the delta that fills it, and no text.

    Whole messages have the blocks as they stand.
    """

    def play(request: SandboxRequest) -> SandboxReply:
        answer = replace(request.answer(""), stop_reason=stop, output_tokens=8)
        if not request.is_streamed:
            return SandboxReply(
                body=to_bytes({**answer.message(), "content": [block for block, _ in blocks]})
            )
        pieces = [answer.opening()[0]]
        for index, (block, part) in enumerate(blocks):
            pieces += _block_events(index, block, part)
        return request.stream([*pieces, *answer.closing()[1:]])

    return play


def _block_events(index: int, block: Json, part: Mapping[str, object] | None) -> list[bytes]:
    start = event("content_block_start", index=index, content_block=block)
    deltas = [event("content_block_delta", index=index, delta=part)] if part else []
    return [start, *deltas, event("content_block_stop", index=index)]


def _surrogates(request: SandboxRequest) -> SandboxReply:
    """An emoji as two deltas: each has one half of its surrogate pair, as JSON escapes."""
    answer = request.answer("a \U0001f600 b")
    halves = [delta(text).replace(b"?", half) for text, half in (("a ?", b"\\ud83d"), ("? b", b"\\ude00"))]
    return request.reply(answer, halves)


_TOOL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}

QUIRKS: dict[str, Fault] = {
    "sandbox-overloaded": Fault("an overloaded_error event before anything else", _error_first()),
    "sandbox-overloaded-ping": Fault("an overloaded_error event after a ping", _error_first(after="ping")),
    "sandbox-overloaded-start": Fault(
        "an overloaded_error event after message_start", _error_first(after="message_start")
    ),
    "sandbox-flaky-overloaded": Fault(
        "an overloaded_error event at every odd request, then an answer", flaky(_error_first())
    ),
    "sandbox-flaky-overloaded-ping": Fault("the same after a ping", flaky(_error_first(after="ping"))),
    "sandbox-flaky-overloaded-start": Fault(
        "the same after message_start", flaky(_error_first(after="message_start"))
    ),
    "sandbox-untyped-error": Fault(
        'the data {"error": {…}} without a type, before anything else',
        lambda request: replace(request.stream([_untyped_error()]), log=error_log(OVERLOADED)),
    ),
    "sandbox-untyped-error-late": Fault(
        "the same after some text", broken(_untyped_error(), log=error_log(OVERLOADED))
    ),
    "sandbox-200-401": Fault("HTTP 200 with the JSON body of a 401", _error_as_200(401)),
    "sandbox-200-402": Fault("HTTP 200 with the JSON body of a 402", _error_as_200(402)),
    "sandbox-200-529": Fault("HTTP 200 with the JSON body of a 529", _error_as_200(529)),
    "sandbox-sse-529": Fault(
        "the JSON body of a 529, labelled text/event-stream", _error_as_200(529, EVENT_STREAM)
    ),
    "sandbox-sse-detail": Fault(
        '{"detail": "You have no credits left"}, labelled text/event-stream',
        fixed(200, _NO_CREDITS, EVENT_STREAM),
    ),
    "sandbox-sse-html": Fault("a page, labelled text/event-stream", fixed(200, _PAGE, EVENT_STREAM)),
    "sandbox-whole": Fault("one JSON message, even where a stream was requested", _whole),
    "sandbox-openai": Fault("chunks of OpenAI's API, and [DONE]", _openai),
    "sandbox-done": Fault("[DONE] before message_stop", _done_early),
    "sandbox-start-twice": Fault("the same message_start twice", _start_twice),
    "sandbox-start-text": Fault("the text inside message_start", _text_in_start),
    "sandbox-no-usage": Fault("an answer without token counts", _no_usage),
    "sandbox-pause-turn": Fault("stop reason pause_turn", _stop_with("pause_turn")),
    "sandbox-stop-null": Fault("a whole answer whose stop reason is null", _stop_with(None)),
    "sandbox-stop-unknown": Fault("a stop reason of the future", _stop_with("sandbox_reason")),
    "sandbox-no-text": Fault("an answer without any block", _blocks()),
    "sandbox-thinking-only": Fault(
        "thinking, and no text",
        _blocks(
            (
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": THOUGHT},
            )
        ),
    ),
    "sandbox-tool-use": Fault(
        "a tool call, whether tools were offered or not",
        _blocks((_TOOL, {"type": "input_json_delta", "partial_json": '{"city":"Paris"}'}), stop="tool_use"),
    ),
    "sandbox-surrogates": Fault("an emoji whose two halves come in two deltas", _surrogates),
    "sandbox-429-ms": Fault("HTTP 429, retry-after-ms: 50", refuse(429, retry_after_ms="50")),
    "sandbox-retry-true": Fault(
        "HTTP 400 with x-should-retry: true at every odd request, then an answer",
        flaky(refuse(400, x_should_retry="true", **RETRY_AT_ONCE)),
    ),
    "sandbox-retry-false": Fault(
        "HTTP 529 with x-should-retry: false at every odd request, then an answer",
        flaky(refuse(529, x_should_retry="false")),
    ),
}
