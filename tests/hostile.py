"""A seeded generator of streams as no gateway should send them, and of some that it may."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Json = dict[str, Any]

# What must not reach a terminal: ways to colour, move, clear, rename, copy, link, and to reorder text.
DANGERS = [
    *("\x1b[31;5m", "\x1b[2J", "\x1b[H", "\x1b[?1049h", "\x1b]0;owned\x07", "\x1b]52;c;b3duZWQ=\x1b\\"),
    *(
        '\x1bP$q"p\x1b\\',
        "\x9b2J",
        "\x9d0;x\x9c",
        "\x90q\x9c",
        "\x85",
        "\x00",
        "\x05",
        "\x08",
        "\x0b",
        "\x0c",
    ),
    *("\x0e", "\x7f", "\r", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\ufeff", "\ud83d"),
    *("a\u200bb", "a\u200db", "a\u200cb", "\u2060", "\u00ad", "\u3164", "\ufff9", "\U000e0041", "\U000e0100"),
    "\u2764\ufe0f\ufe0e\ufe0f",
]
WORDS = [
    "one",
    "two ",
    "\n",
    "\n\n",
    "```\n",
    "# ",
    "| a | b |\n",
    "*",
    "[red]",
    "漢字",
    "👨‍👩‍👧",
    "é",
    "\t",
    " ",
    "x" * 300,
]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 10**30, 1.5, "", "text", "\x1b[2J", "\ud800", [], [1], {}, {"type": "text"}),
    [[[[]]]],
]
SPECIAL = [b"NaN", b"1e999", b"-Infinity", b"01", b"tru", b'"', b"\xff", b"\xc3", b"\x00", b"[" * 2000]
NAMES = [
    "type",
    "index",
    "delta",
    "message",
    "content_block",
    "usage",
    "text",
    "stop_reason",
    "id",
    "thinking",
]


@dataclass(frozen=True)
class Stream:
    """One response: its bytes in the pieces they are sent in, and the text it brings if it is a sound one."""

    pieces: list[bytes]
    text: str | None


def stream(seed: int) -> Stream:
    """The stream of a seed: every third is sound, however oddly it is written; the others are damaged."""
    random = Random(seed)
    text, events = _answer(random)
    sound = seed % 3 == 0
    if not sound:
        for _ in range(random.randint(1, 3)):
            random.choice(EVENT_DAMAGE)(random, events)
    body = b"".join(_written(random, event) for event in events)
    if not sound and random.random() < 0.2:
        body = random.choice(MISLABELLED)
    elif not sound and random.random() < 0.5:
        body = random.choice(BYTE_DAMAGE)(random, body)
    response = _response(random, body, sound=sound)
    return Stream(_split(random, response), text if sound else None)


# Bodies that are no stream of the API, under the label of one; and events of other APIs or of errors.
MISLABELLED = [
    b'{"detail": "You have no credits left"}',
    b'{"type": "error", "error": {"type": "overloaded_error", "message": "\x1b[2J"}}',
    b'{"error": {"message": "busy", "type": "None", "code": "429"}}',
    b'{"type": "message", "content": [{"type": "text", "text": "whole \x9b2J"}], "stop_reason": "end_turn"}',
    b'{"type": "message", "content": [{"type": []}, 7, {"text": 1}]}',
    b'{"type": "message", "content": [{"type": "text", "text": 5}], "usage": [1]}',
    b'{"object": "chat.completion", "choices": []}',
    b'data: {"object": "chat.completion.chunk", "choices": [{"delta": {}}]}\n\ndata: [DONE]\n\n',
    b'data: {"error": {"message": "late", "code": 529}}\n\n',
    b'data: {"type": "message_start", "message": {"content": [{"type": "text", "text": "early"}]}}\n\n',
    b'data: {"type": "message_start", "message": {"content": {"type": "text"}}}\n\n',
    b"<!doctype html><title>\x1b]0;owned\x07Sign in</title>",
    b'"a string"',
    b"[1, 2",
    b"{" * 5000,
    b"\xef\xbb\xbf  \r\n",
    b"upstream \x1b[31munavailable",
    b": only a comment\n\n",
]


def _answer(random: Random) -> tuple[str, list[Json]]:
    """An answer of the API, with everything in it that the API may add."""
    parts = [random.choice(random.choice((WORDS, WORDS, DANGERS))) for _ in range(random.randint(0, 12))]
    thought = random.random() < 0.2
    index = int(thought)
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    usage = {"input_tokens": random.choice([3, None]), "output_tokens": 1}
    events: list[Json] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}
    ]
    if thought:
        block: Json = {"type": "thinking", "thinking": "", "signature": ""}
        events += [
            {"type": "content_block_start", "index": 0, "content_block": block},
            _delta(0, {"type": "thinking_delta", "thinking": random.choice(DANGERS)}),
            {"type": "content_block_stop", "index": 0},
        ]
    events.append(
        {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    )
    events += [_delta(index, {"type": "text_delta", "text": part}) for part in parts]
    for _ in range(random.randint(0, 2)):
        events.insert(random.randint(1, len(events)), random.choice(_additions(index)))
    stop = random.choice(["end_turn", "max_tokens", "refusal", "stop_sequence", None, "new_reason"])
    events += [
        {"type": "content_block_stop", "index": index},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return "".join(parts), events


def _delta(index: int, delta: Json) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _additions(index: int) -> list[Json]:
    """Events that mean nothing to us, and are not wrong."""
    return [
        {"type": "ping"},
        {"type": "weather", "sky": "\x1b[2J", "delta": {"text": "not the answer"}},
        {"type": "content_block_stop", "index": 99},
        {"type": "message_delta", "usage": {"output_tokens": 4}},
        {"type": "message_delta", "delta": {}, "usage": None},
    ]


# --- damage to events ---


def _change(random: Random, events: list[Json]) -> None:
    _somewhere(random, events)[random.choice(NAMES)] = random.choice(VALUES)


def _remove(random: Random, events: list[Json]) -> None:
    place = _somewhere(random, events)
    if place:
        del place[random.choice(list(place))]


def _drop(random: Random, events: list[Json]) -> None:
    if events:
        del events[random.randrange(len(events))]


def _repeat(random: Random, events: list[Json]) -> None:
    if events:
        events.insert(random.randrange(len(events)), json.loads(json.dumps(random.choice(events))))


def _shuffle(random: Random, events: list[Json]) -> None:
    random.shuffle(events)


def _cut(random: Random, events: list[Json]) -> None:
    del events[random.randint(0, len(events)) :]


def _fail(random: Random, events: list[Json]) -> None:
    error = random.choice(
        [
            {"type": "overloaded_error", "message": random.choice(DANGERS) * 5},
            {"type": random.choice(DANGERS), "message": None},
            random.choice(VALUES),
        ]
    )
    events.insert(random.randint(0, len(events)), {"type": "error", "error": error})


def _deepen(random: Random, events: list[Json]) -> None:
    deep: Any = "x"
    for _ in range(random.choice([50, 300, 900])):
        deep = [deep]
    _somewhere(random, events)[random.choice(NAMES)] = deep


def _lengthen(random: Random, events: list[Json]) -> None:
    events.insert(
        random.randint(0, len(events)), _delta(0, {"type": "text_delta", "text": "long " * 100_000})
    )


def _foreign(random: Random, events: list[Json]) -> None:
    kinds = ["tool_use", "server_tool_use", "redacted_thinking", "citations_delta", "input_json_delta"]
    kind = random.choice(kinds)
    block = {"type": kind, "id": 5, "name": None, "input": {}, "text": random.choice(VALUES)}
    events.insert(
        random.randint(0, len(events)),
        random.choice(
            [
                {
                    "type": "content_block_start",
                    "index": random.choice([0, 1, 5, -1, "0"]),
                    "content_block": block,
                },
                _delta(random.choice([0, 1]), {"type": kind, "partial_json": '{"a', "citation": 1}),
            ]
        ),
    )


def _somewhere(random: Random, events: list[Json]) -> Json:
    place: Any = random.choice(events) if events else {}
    while random.random() < 0.6:
        inner = [value for value in place.values() if isinstance(value, dict)]
        if not inner:
            break
        place = random.choice(inner)
    return place if isinstance(place, dict) else {}


EVENT_DAMAGE: list[Callable[[Random, list[Json]], None]] = [
    *(_change, _change, _remove, _remove, _drop, _repeat, _shuffle, _cut, _fail, _deepen, _foreign),
]

# --- damage to bytes ---


def _flip(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]


def _insert(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + random.choice(SPECIAL) + body[at:]


def _truncate(random: Random, body: bytes) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _replace(random: Random, body: bytes) -> bytes:
    return random.choice(
        [b"", b"\x00" * 50, b"<html><title>\x1b[2J</title>", b"[]", b"data:\n\n" * 50, b"data: []\n\n"]
    )


def _swap_value(random: Random, body: bytes) -> bytes:
    return body.replace(b'"index":0', b'"index":' + random.choice(SPECIAL), 1)


BYTE_DAMAGE: list[Callable[[Random, bytes], bytes]] = [_flip, _insert, _truncate, _replace, _swap_value]


# --- whole streams that take memory or time, or have a value of the wrong kind where one is always right ---

MEGABYTE = 1024 * 1024


def _around(*events: bytes) -> bytes:
    """A stream with these events between its start and its end."""
    message = b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{}}'
    start = _data(b'{"type":"message_start","message":%s}' % message)
    end = [
        _data(b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}'),
        _data(b'{"type":"message_stop"}'),
    ]
    return b"".join([start, *events, *end])


def _data(value: bytes) -> bytes:
    return b"data: %s\n\n" % value


def _block(block: bytes, *deltas: bytes) -> bytes:
    start = _data(b'{"type":"content_block_start","index":0,"content_block":%s}' % block)
    parts = [_data(b'{"type":"content_block_delta","index":0,"delta":%s}' % delta) for delta in deltas]
    return b"".join([start, *parts, _data(b'{"type":"content_block_stop","index":0}')])


TEXT_BLOCK = b'{"type":"text","text":""}'
TOOL_BLOCK = b'{"type":"tool_use","id":"t","name":"t","input":{}}'
THINKING_BLOCK = b'{"type":"thinking","thinking":"","signature":""}'

# By name: a function that makes the body of a response labelled text/event-stream.
EXTREMES: dict[str, Callable[[], bytes]] = {
    "a block that is a list": lambda: _around(_block(b"[]")),
    "a type that is a list": lambda: _around(_data(b'{"type":[]}')),
    "thinking that is a number": lambda: _around(
        _block(THINKING_BLOCK, b'{"type":"thinking_delta","thinking":5}')
    ),
    "tool input of 100,000 brackets": lambda: _around(
        _block(TOOL_BLOCK, b'{"type":"input_json_delta","partial_json":"%s"}' % (b"[" * 100_000))
    ),
    "usage that is not a number": lambda: _around(
        _block(TEXT_BLOCK, b'{"type":"text_delta","text":"hi"}'),
        _data(b'{"type":"message_delta","delta":{},"usage":{"output_tokens":NaN}}'),
    ),
    "an event of 50 MB on one line": lambda: _around(
        _block(TEXT_BLOCK, b'{"type":"text_delta","text":"%s"}' % (b"x" * 50 * MEGABYTE))
    ),
    "an event of 2 MB in data lines": lambda: _around(b"data:\n" * (2 * MEGABYTE // 6) + b"\n"),
}


def extreme(name: str) -> bytes:
    """The whole HTTP response of one of `EXTREMES`."""
    body = EXTREMES[name]()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def gzipped_twice() -> bytes:
    """A sound stream under two content encodings: a few kilobytes that unpack to 64 MB of events."""
    body = gzip.compress(gzip.compress(_around(_data(b'{"type":"ping"}') * (4 * MEGABYTE)), mtime=0), mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip, gzip\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


# --- writing ---

STATUSES = [
    100,
    101,
    199,
    204,
    205,
    299,
    300,
    301,
    304,
    307,
    400,
    401,
    402,
    404,
    413,
    429,
    500,
    529,
    599,
    600,
    999,
]
HEADERS = [
    [b"Retry-After: \x9b2J", b"Location: \xe2\x80\xae\x9b2J"],
    [b"Retry-After: 1e400", b"Location: //[", b"X-Respan-Log-Id: \x85" + b"x" * 5000],
    [b"Location: /\xff\xfe", b"Content-Type: \x9b2J"],
    [],
]
REFUSALS = [
    json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for danger in DANGERS
    for body in (
        {"detail": danger * 9, "retry_after": danger},
        {"error": danger, "request_id": danger},
        {"error": {"type": danger, "message": danger * 500}},
        [danger],
    )
]


def _written(random: Random, event: Json) -> bytes:
    """One event, in any of the ways that server-sent events may be written."""
    end = random.choice(["\n", "\n", "\r\n"])
    escaped = random.random() < 0.5 or "\\ud8" in json.dumps(event)  # half a pair has no other form
    text = json.dumps(event, ensure_ascii=escaped, separators=random.choice([(",", ":"), (", ", ": ")]))
    lines = []
    if random.random() < 0.8 or event.get("type") == "ping":
        kind = event.get("type")
        lines.append(f"event: {kind if isinstance(kind, str) and kind.isprintable() else 'x'}")
    lines.append(f"data:{random.choice(['', ' '])}{text}")
    if random.random() < 0.2:
        lines.insert(
            random.randint(0, len(lines)),
            random.choice([": comment \x1b[2J", "id: 7", "retry: 9", "new: x", ":"]),
        )
    return "".join(line + end for line in [*lines, ""]).encode()


def _response(random: Random, body: bytes, *, sound: bool) -> bytes:
    """A whole HTTP response around a body."""
    headers = [b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", b"request-id: req_\xc2\x9b2J"]
    if not sound and random.random() < 0.2:
        headers[0] = b"HTTP/1.1 %d \x9b2J" % random.choice(STATUSES)
        headers += random.choice(HEADERS)
        body = random.choice([body, random.choice(REFUSALS)])
    if random.random() < 0.15:
        body = gzip.compress(body, mtime=0)
        headers.append(b"Content-Encoding: gzip")
        if not sound and random.random() < 0.3:
            body = body[: len(body) // 2]
    framing = random.choice(["length", "chunked", "close"])
    if framing == "length":
        length = (
            len(body) if sound else random.choice([len(body), len(body) + 5, max(0, len(body) - 5), 10**18])
        )
        headers.append(b"Content-Length: %d" % length)
    if framing == "chunked":
        headers.append(b"Transfer-Encoding: chunked")
        body = _chunked(random, body, sound=sound)
    return b"\r\n".join(headers) + b"\r\n\r\n" + body


def _chunked(random: Random, body: bytes, *, sound: bool) -> bytes:
    size = random.choice([1, 7, 100, 10_000]) if len(body) < 3000 else 10_000
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    written = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    ends = [b"0\r\n\r\n"] if sound else [b"0\r\n\r\n", b"", b"zz\r\n", b"ffffffffffffffffff\r\n"]
    return written + random.choice(ends)


def _split(random: Random, response: bytes) -> list[bytes]:
    """The pieces that go out one by one: sometimes the whole, sometimes every byte for itself."""
    size = random.choice([1, 3, 50, len(response)]) if len(response) < 2000 else len(response)
    return [response[at : at + size] for at in range(0, len(response), size)]
