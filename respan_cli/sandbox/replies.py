"""Replies as data, and the functions that build them: the parts that every fault is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal, NamedTuple

from respan_cli.sandbox.api import CannedAnswer, Json, answer_to, error_body, event, to_bytes

EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"

End = Literal["keep", "close", "reset", "stall"]

# Anthropic's error types by status (its API reference, Errors); a status it does not list has a related type.
ERRORS = {
    400: ("invalid_request_error", "The sandbox was asked for a bad request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    408: ("timeout_error", "The request was not received in time."),
    409: ("conflict_error", "The request conflicts with another one."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    422: ("invalid_request_error", "The request could not be processed."),
    424: ("invalid_request_error", "A dependency of the request failed."),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Gateway timeout"),
    529: ("overloaded_error", "Overloaded"),
}
# The SDK reads `Retry-After: 0` as no wait given and waits half a second; it honours milliseconds.
RETRY_AT_ONCE = {"Retry_After": "0", "retry_after_ms": "1"}


@dataclass(frozen=True, kw_only=True)
class SandboxReply:
    """A response, and how the connection ends after it."""

    status: int = 200
    type: str = JSON
    # bytes: sent with their length. Pieces: sent as they come, chunked. None: not a byte, not even a head.
    body: bytes | Iterable[bytes] | None = b""
    # A header with an empty value is left out.
    headers: Mapping[str, str] = field(default_factory=dict)
    # keep: whole, and the connection stays open. The others break the exchange off after the body.
    end: End = "keep"
    # Seconds before the first byte, and after each piece.
    delay: float = 0
    pause: float = 0
    # Fields of the request's log entry, over those that follow from request and status.
    log: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SandboxRequest:
    """A valid request: its body, its number since the start, and how many its model has had by now."""

    body: Json
    number: int
    attempt: int = 1

    @property
    def request_id(self) -> str:
        return f"req_{self.number:024d}"

    @property
    def is_streamed(self) -> bool:
        return bool(self.body.get("stream"))

    def answer(self, text: str | None = None) -> CannedAnswer:
        """The answer to this request: `text`, or the echo."""
        return answer_to(self.body, self.number, text)

    def stream(self, pieces: Iterable[bytes]) -> SandboxReply:
        """`pieces` as they are, under the content type that was requested."""
        return SandboxReply(type=EVENT_STREAM if self.is_streamed else JSON, body=pieces)

    def reply(self, answer: CannedAnswer, deltas: Iterable[bytes] | None = None) -> SandboxReply:
        """The whole answer: a stream, or one Message, as requested."""
        log = {"completion_tokens": answer.output_tokens, "output": answer.text}
        if not self.is_streamed:
            return SandboxReply(body=to_bytes(answer.message()), log=log)
        middle = answer.deltas() if deltas is None else deltas
        return replace(self.stream(chain(answer.opening(), middle, answer.closing())), log=log)


Play = Callable[[SandboxRequest], SandboxReply]


class Fault(NamedTuple):
    """A model's line of help, and its behaviour."""

    help: str
    play: Play


def say(
    text: str | None = None,
    *,
    stop: str = "",
    thinking: str = "",
    headers: Mapping[str, str] | None = None,
    log: Mapping[str, object] | None = None,
) -> Play:
    """A whole answer: the echo, or `text`."""

    def play(request: SandboxRequest) -> SandboxReply:
        answer = request.answer(text)
        answer = replace(answer, stop_reason=stop or answer.stop_reason, thinking=thinking or answer.thinking)
        reply = request.reply(answer)
        return replace(reply, headers=headers or {}, log={**reply.log, **(log or {})})

    return play


def broken(
    middle: bytes = b"",
    *,
    resume: bool = False,
    end: End = "keep",
    log: Mapping[str, object] | None = None,
) -> Play:
    """Half an answer with some text in it, then `middle`, and with `resume` the other half."""

    def play(request: SandboxRequest) -> SandboxReply:
        first, second = _halves(request)
        pieces = [first, middle, second if resume else b""]
        return replace(request.stream(pieces), end=end, log=log or {})

    return play


def _halves(request: SandboxRequest) -> tuple[bytes, bytes]:
    answer = request.answer()
    if not request.is_streamed:
        whole = to_bytes(answer.message())
        return whole[: len(whole) // 2], whole[len(whole) // 2 :]
    deltas = answer.deltas()
    half = max(1, len(deltas) // 2)
    first = b"".join([*answer.opening(), *deltas[:half]])
    return first, b"".join([*deltas[half:], *answer.closing()])


def refuse(status: int, message: str = "", **headers: str) -> Play:
    """An HTTP error in Anthropic's shape. An underscore in a header's name stands for a hyphen."""
    kind, usual = ERRORS[status]
    message = message or usual
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    log = {"error_message": message}
    return lambda request: SandboxReply(
        status=status, body=error_body(kind, message, request.request_id), headers=fields, log=log
    )


def fixed(status: int, body: object, kind: str = JSON, **headers: str) -> Play:
    """The same reply to every request; a body that is not bytes becomes JSON."""
    data = body if isinstance(body, bytes) else to_bytes(body)
    return lambda request: SandboxReply(status=status, body=data, type=kind, headers=headers)


def flaky(fault: Play) -> Play:
    """The fault on odd attempts, the echo on even ones: a retry succeeds."""
    return lambda request: fault(request) if request.attempt % 2 else say()(request)


def every(count: int, fault: Play) -> Play:
    """The fault on each `count`-th attempt, the echo on the others."""
    return lambda request: say()(request) if request.attempt % count else fault(request)


def error_event(kind: str, message: str = "") -> bytes:
    """The event by which a stream reports an error."""
    return event("error", error={"type": kind, "message": message or message_of(kind)})


def message_of(kind: str) -> str:
    """What the sandbox says with an error that comes in a stream."""
    return f"The sandbox was asked for {kind}."


def error_log(kind: str) -> dict[str, object]:
    """What the log has of a response whose status is 200 and that brought an error of this type."""
    status = next((status for status, (name, _) in ERRORS.items() if name == kind), 500)
    return {"status_code": status, "error_message": message_of(kind)}


def http_date(seconds_from_now: float = 0) -> str:
    """A date as HTTP headers have it."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds_from_now))
