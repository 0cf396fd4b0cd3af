"""The models whose names begin with `sandbox-`: each does one thing, mostly one thing wrong.

`FAULTS` is the list that the help and the docs print. Every entry turns a valid request into a
`SandboxReply`, which is data; `server.py` sends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from respan_cli.sandbox.api import THOUGHT, delta, event
from respan_cli.sandbox.quirks import QUIRKS
from respan_cli.sandbox.replies import (
    ERRORS,
    RETRY_AT_ONCE,
    Fault,
    Play,
    SandboxReply,
    SandboxRequest,
    broken,
    error_event,
    error_log,
    every,
    fixed,
    flaky,
    http_date,
    refuse,
    say,
)


def _limited_until_a_date(request: SandboxRequest) -> SandboxReply:
    # Dates have no fractions: this one is between one and two seconds away.
    return refuse(429, Retry_After=http_date(2))(request)


def _slow(request: SandboxRequest) -> SandboxReply:
    counted = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    answer = request.answer(counted)
    words = [delta(word) for word in re.findall(r"\S+\s*", answer.text)]
    return replace(request.reply(replace(answer, thinking=""), words), pause=0.15)


def _long(count: int) -> Play:
    """`count` text deltas of eleven bytes each, whatever max_tokens says, at little cost to the sandbox."""

    def deltas() -> Iterator[bytes]:
        block = delta(_LONG_DELTA) * _DELTAS_PER_BLOCK
        yield from (block for _ in range(count // _DELTAS_PER_BLOCK))
        yield delta(_LONG_DELTA) * (count % _DELTAS_PER_BLOCK)

    def play(request: SandboxRequest) -> SandboxReply:
        answer = replace(request.answer(""), text=_LONG_DELTA * count, output_tokens=count, thinking="")
        return request.reply(answer, deltas())

    return play


def _fail_every(count: int, status: int = 529) -> Play:
    return every(count, refuse(status, **RETRY_AT_ONCE))


_LONG_DELTA = "lorem ipsum"
_DELTAS_PER_BLOCK = 500
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
        "HTTP 429 at every odd request, then an answer", flaky(refuse(429, **RETRY_AT_ONCE))
    ),
    "sandbox-flaky-500": Fault(
        "HTTP 500 at every odd request, then an answer", flaky(refuse(500, **RETRY_AT_ONCE))
    ),
    "sandbox-flaky-529": Fault(
        "HTTP 529 at every odd request, then an answer", flaky(refuse(529, **RETRY_AT_ONCE))
    ),
    "sandbox-flaky-reset": Fault(
        "a reset at every odd request, then an answer",
        flaky(lambda _: SandboxReply(body=None, end="reset")),
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
        lambda request: refuse(400, f"\x1b]0;owned\x07\x1b[2J\x9b31m\u202e{'no ' * 1_000_000}")(request),
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
            broken(error_event(kind), log=error_log(kind)),
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
        "unknown types of events and blocks", broken(_UNKNOWN_EVENTS, resume=True)
    ),
    "sandbox-no-log-id": Fault("an answer without X-Respan-Log-Id", say(headers={"X-Respan-Log-Id": ""})),
    "sandbox-log-drops": Fault("an answer whose log loses the metadata", say(log={"metadata": {}})),
    "sandbox-log-blurred": Fault(
        "an answer whose log hides its content",
        say(log={"blurred": True, "output": "", "prompt_messages": []}),
    ),
    "sandbox-fail-every-N": Fault("HTTP 529 at every Nth request, else an answer", _fail_every(2)),
    "sandbox-fail-every-N-STATUS": Fault("the same with another status", _fail_every(2, 500)),
    **QUIRKS,
}
_COUNTED = re.compile(r"sandbox-long-(\d{1,7})")
_FAIL_EVERY = re.compile(r"sandbox-fail-every-([1-9]\d{0,6})(?:-(\d{3}))?")


def play_for(model: str) -> Play:
    """The behaviour of a model: the echo, unless its name begins with `sandbox-`."""
    if not model.startswith("sandbox-"):
        return FAULTS["sandbox-echo"].play
    if model in FAULTS:
        return FAULTS[model].play
    if counted := _COUNTED.fullmatch(model):
        return _long(int(counted[1]))
    if (found := _FAIL_EVERY.fullmatch(model)) and int(found[2] or 529) in ERRORS:
        return _fail_every(int(found[1]), int(found[2] or 529))
    return refuse(404, f"model: {model} is not one of {', '.join(FAULTS)}")
