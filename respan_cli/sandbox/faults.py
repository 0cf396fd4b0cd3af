"""The models whose names begin with `sandbox-`: each does one thing, mostly one thing wrong.

`FAULTS` is the list that the help and the docs print. Every entry turns a checked request into a
`SandboxReply`, which is data; `server.py` puts it on the wire.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from itertools import chain
from typing import Literal, NamedTuple

from respan_cli.sandbox.api import THOUGHT, CannedAnswer, Json, answer_to, delta, error_body, event, to_bytes


@dataclass(frozen=True, kw_only=True)
class SandboxReply:
    """What goes back on the wire, and how the connection ends."""

    status: int = 200
    type: str = "application/json"
    # bytes: sent with their length. Pieces: sent as they come, chunked. None: not a byte, not even a head.
    body: bytes | Iterable[bytes] | None = b""
    # An empty value leaves a header out.
    headers: Mapping[str, str] = field(default_factory=dict)
    # keep: whole, and the connection stays open. The others break the exchange off after the body.
    end: Literal["keep", "close", "reset", "stall"] = "keep"
    # Seconds between two pieces.
    pause: float = 0
    # What the request's log says otherwise than the request did.
    log: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SandboxRequest:
    """A checked request: its body, its number since the start, and how often its model was asked for."""

    body: Json
    number: int
    attempt: int = 1

    @property
    def request_id(self) -> str:
        return f"req_{self.number:024d}"

    def answer(self, text: str | None = None) -> CannedAnswer:
        return answer_to(self.body, self.number, text)

    def reply(self, pieces: Iterable[bytes]) -> SandboxReply:
        """`pieces` as they are, under the content type that was asked for."""
        kind = "text/event-stream; charset=utf-8" if self.body.get("stream") else "application/json"
        return SandboxReply(type=kind, body=pieces)

    def tell(self, answer: CannedAnswer, deltas: Iterable[bytes] | None = None) -> SandboxReply:
        """The whole answer, as a stream or as one Message, whichever was asked for."""
        log = {"completion_tokens": answer.output_tokens}
        if not self.body.get("stream"):
            return SandboxReply(body=to_bytes(answer.message()), log=log)
        told = answer.deltas() if deltas is None else deltas
        return replace(self.reply(chain(answer.opening(), told, answer.closing())), log=log)


Play = Callable[[SandboxRequest], SandboxReply]


class Fault(NamedTuple):
    """A model name's one line of help, and what it does."""

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
    """An answer that arrives whole: the echo, or a text of its own."""

    def play(asked: SandboxRequest) -> SandboxReply:
        usual = asked.answer(text)
        answer = replace(usual, stop_reason=stop or usual.stop_reason, thinking=thinking or usual.thinking)
        reply = asked.tell(answer)
        return replace(reply, headers=headers or {}, log={**reply.log, **(log or {})})

    return play


def broken(
    middle: bytes = b"", *, resume: bool = False, end: Literal["keep", "close", "reset", "stall"] = "keep"
) -> Play:
    """Half an answer, never without some text, then `middle`, and the other half if it is to resume."""

    def play(asked: SandboxRequest) -> SandboxReply:
        first, second = _halves(asked)
        return replace(asked.reply([first, middle, second if resume else b""]), end=end)

    return play


def _halves(asked: SandboxRequest) -> tuple[bytes, bytes]:
    answer = asked.answer()
    if not asked.body.get("stream"):
        whole = to_bytes(answer.message())
        return whole[: len(whole) // 2], whole[len(whole) // 2 :]
    deltas = answer.deltas()
    half = max(1, len(deltas) // 2)
    first = b"".join([*answer.opening(), *deltas[:half]])
    return first, b"".join([*deltas[half:], *answer.closing()])


def refuse(status: int, message: str = "", **headers: str) -> Play:
    """An HTTP error in Anthropic's shape. An underscore in a header's name stands for a hyphen."""
    kind, usual = ERRORS[status]
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: SandboxReply(
        status=status, body=error_body(kind, message or usual, asked.request_id), headers=fields
    )


def fixed(status: int, body: object, kind: str = "application/json", **headers: str) -> Play:
    """The same reply to everybody; a body that is not bytes becomes JSON."""
    data = body if isinstance(body, bytes) else to_bytes(body)
    return lambda asked: SandboxReply(status=status, body=data, type=kind, headers=headers)


def flaky(fault: Play) -> Play:
    """The fault at every odd attempt, the echo at every even one."""
    return lambda asked: fault(asked) if asked.attempt % 2 else say()(asked)


def _limited_until_a_date(asked: SandboxRequest) -> SandboxReply:
    # Dates have no fractions: this one is between one and two seconds away.
    return refuse(429, Retry_After=formatdate(int(time.time()) + 2, usegmt=True))(asked)


def _slow(asked: SandboxRequest) -> SandboxReply:
    counted = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    answer = asked.answer(counted)
    words = [delta(word) for word in re.findall(r"\S+\s*", answer.text)]
    return replace(asked.tell(replace(answer, thinking=""), words), pause=0.15)


def _long(count: int) -> Play:
    """`count` text deltas of eleven bytes each, whatever max_tokens says, at next to no cost to us."""

    def deltas() -> Iterator[bytes]:
        some = delta(_LONG_DELTA) * 500
        yield from (some for _ in range(count // 500))
        yield delta(_LONG_DELTA) * (count % 500)

    def play(asked: SandboxRequest) -> SandboxReply:
        answer = replace(asked.answer(""), text=_LONG_DELTA * count, output_tokens=count, thinking="")
        return asked.tell(answer, deltas())

    return play


_LONG_DELTA = "lorem ipsum"
# Anthropic's error types by status (its API reference, Errors); those it does not list, as its family does.
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
_STREAM_ERRORS = [
    "overloaded_error",
    "rate_limit_error",
    "api_error",
    "authentication_error",
    "permission_error",
    "invalid_request_error",
    "not_found_error",
    "request_too_large",
    "billing_error",
    "timeout_error",
]
# The SDK takes `Retry-After: 0` for "no wait named" and waits half a second; milliseconds it believes.
_AT_ONCE = {"Retry_After": "0", "retry_after_ms": "1"}
_PAGE = b"<!doctype html><html><title>Sign in</title><body><h1>Welcome to the hotel</h1></body></html>"
_UNKNOWN_EVENTS = (
    event("weather", sky="blue")
    + event("content_block_start", index=7, content_block={"type": "hologram", "depth": 3})
    + event("content_block_delta", index=7, delta={"type": "hologram_delta", "depth": 1})
    + event("content_block_stop", index=7)
)
HOSTILE = (
    "CSI \x1b[31mred\x1b[0m \x1b[2J\x1b[H, "
    "OSC \x1b]0;owned\x07 \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\ \x1b]52;c;b3duZWQ=\x07, "
    'DCS \x1bP$q"p\x1b\\, C1 \x9b31m \x9d0;owned\x9c \x90q\x9c, C0 \x00\x05\x08\x0e\x7f\rover, '
    "bidi \u202eevil\u202c \u2066x\u2069, "
    "markup [red]red[/red] [link=https://evil.example]x[/link], end.\n"
)
MARKDOWN = """\
# A heading

Some *emphasis*, some **weight**, `code`, and a [link](https://example.com).

## Lists

1. first
   - nested
     - twice
2. second

| name | width |
|------|------:|
| 漢字 | 4 |
| 🎉 party | 8 |

```python
def greet(name: str) -> str:
    return f"hello, {name}"
```

> A quotation, and a family: 👨‍👩‍👧.
"""

FAULTS: dict[str, Fault] = {
    "sandbox-echo": Fault("the last user message again, as for any other model", say()),
    **{
        f"sandbox-{status}": Fault(f"HTTP {status} {kind}", refuse(status))
        for status, (kind, _) in ERRORS.items()
    },
    "sandbox-429": Fault("HTTP 429, Retry-After: 1", refuse(429, Retry_After="1")),
    "sandbox-429-body": Fault(
        "HTTP 429, the wait in the body", fixed(429, {"detail": "Rate limit exceeded.", "retry_after": 1})
    ),
    "sandbox-429-date": Fault("HTTP 429, Retry-After as a date", _limited_until_a_date),
    "sandbox-429-long": Fault("HTTP 429, Retry-After: a day", refuse(429, Retry_After="86400")),
    "sandbox-flaky-429": Fault(
        "HTTP 429 at every odd request, then an answer", flaky(refuse(429, **_AT_ONCE))
    ),
    "sandbox-flaky-500": Fault(
        "HTTP 500 at every odd request, then an answer", flaky(refuse(500, **_AT_ONCE))
    ),
    "sandbox-flaky-529": Fault(
        "HTTP 529 at every odd request, then an answer", flaky(refuse(529, **_AT_ONCE))
    ),
    "sandbox-flaky-reset": Fault(
        "a reset at every odd request, then an answer",
        flaky(lambda asked: SandboxReply(body=None, end="reset")),
    ),
    "sandbox-detail": Fault('HTTP 400 {"detail": …}', fixed(400, {"detail": "The detail of it."})),
    "sandbox-error-string": Fault('HTTP 400 {"error": "…"}', fixed(400, {"error": "The error as a string."})),
    "sandbox-error-object": Fault(
        'HTTP 400 {"error": {"type", "message"}}',
        fixed(400, {"error": {"type": "invalid_request_error", "message": "The error as an object."}}),
    ),
    "sandbox-error-none": Fault("HTTP 400 with an empty body", fixed(400, b"")),
    "sandbox-error-text": Fault("HTTP 400 in plain text", fixed(400, b"Not today.", "text/plain")),
    "sandbox-error-huge": Fault(
        "HTTP 400 with megabytes of message and escape sequences in it",
        lambda asked: refuse(400, f"\x1b]0;owned\x07\x1b[2J\x9b31m\u202e{'no ' * 1_000_000}")(asked),
    ),
    "sandbox-html": Fault("HTTP 200 with a captive portal's page", fixed(200, _PAGE, "text/html")),
    "sandbox-html-502": Fault("HTTP 502 with a page", fixed(502, _PAGE, "text/html")),
    "sandbox-empty": Fault("HTTP 200 and an empty stream", fixed(200, b"", "text/event-stream")),
    "sandbox-redirect": Fault("HTTP 307 to /elsewhere", fixed(307, b"", Location="/elsewhere")),
    "sandbox-cut": Fault("ends well-formed after some text, before message_stop", broken()),
    "sandbox-close": Fault("closes the connection after some text", broken(end="close")),
    "sandbox-close-early": Fault(
        "closes the connection without a byte", lambda _: SandboxReply(body=None, end="close")
    ),
    "sandbox-reset": Fault("resets the connection after some text", broken(end="reset")),
    "sandbox-reset-early": Fault(
        "resets the connection without a byte", lambda _: SandboxReply(body=None, end="reset")
    ),
    "sandbox-stall": Fault("falls silent after some text", broken(end="stall")),
    "sandbox-silent": Fault(
        "takes the request and never answers", lambda _: SandboxReply(body=None, end="stall")
    ),
    "sandbox-slow": Fault("fifteen words in about three seconds", _slow),
    "sandbox-json": Fault(
        "damaged JSON in the middle",
        broken(b'event: content_block_delta\ndata: {"type": "content_block_del\n\n', resume=True),
    ),
    "sandbox-utf8": Fault(
        "invalid UTF-8 in the middle", broken(delta("a@b").replace(b"@", b"\xff\xc3"), resume=True)
    ),
    **{
        f"sandbox-stream-error-{kind}": Fault(
            f"{kind} inside the stream, after some text",
            broken(event("error", error={"type": kind, "message": f"The sandbox was asked for {kind}."})),
        )
        for kind in _STREAM_ERRORS
    },
    "sandbox-refusal": Fault("stop reason refusal", say(stop="refusal")),
    "sandbox-max-tokens": Fault("stop reason max_tokens", say(stop="max_tokens")),
    "sandbox-thinking": Fault("a thinking block before the text", say(thinking=THOUGHT)),
    "sandbox-hostile": Fault("terminal escape sequences, bidi overrides and markup", say(HOSTILE)),
    "sandbox-markdown": Fault("a short answer with every kind of Markdown", say(MARKDOWN)),
    "sandbox-long": Fault("a long answer in Markdown", say("\n".join([MARKDOWN] * 20))),
    "sandbox-long-N": Fault("N text deltas of eleven bytes, whatever max_tokens says", _long(1000)),
    "sandbox-unknown-event": Fault(
        "event and block types nobody knows", broken(_UNKNOWN_EVENTS, resume=True)
    ),
    "sandbox-no-log-id": Fault("an answer without X-Respan-Log-Id", say(headers={"X-Respan-Log-Id": ""})),
    "sandbox-log-drops": Fault("an answer whose log loses the metadata", say(log={"metadata": {}})),
}


def play_for(model: str) -> Play:
    """What a model's name asks for: the echo, unless it begins with `sandbox-`."""
    if not model.startswith("sandbox-"):
        return FAULTS["sandbox-echo"].play
    if counted := re.fullmatch(r"sandbox-long-(\d{1,7})", model):
        return _long(int(counted[1]))
    if model in FAULTS:
        return FAULTS[model].play
    return refuse(404, f"model: {model} is not one of {', '.join(FAULTS)}")
