"""Answers in the shapes of the Messages API: whole messages, and the events of a stream.

Pure functions: the same request always gets the same bytes. Shapes follow Anthropic's API reference
(Messages, Streaming, Errors).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from respan_cli.sandbox.schema import example

Json = dict[str, Any]

# Close to the real ratio for English, and easy to calculate with in a test.
CHARACTERS_PER_TOKEN = 4
THOUGHT = "The user said something. I shall say it again."


def text_of(content: object) -> str:
    """The text of a turn's content, one line for each block; a block without text is named by its type."""
    if isinstance(content, list):
        return "\n".join(_block_text(block) for block in content if isinstance(block, dict))
    return content if isinstance(content, str) else ""


def _block_text(block: Json) -> str:
    if block.get("type") == "text":
        return str(block.get("text", ""))
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) else None
    if not isinstance(source, dict) or not isinstance(data, str):
        return f"[{block.get('type')}]"
    plain = source.get("type") == "text"
    size = len(data.encode(errors="replace")) if plain else len(data.rstrip("=")) * 3 // 4
    return f"[{source.get('media_type')}, {size} bytes]"


def tokens(text: str) -> int:
    """The number of tokens that the sandbox counts for a text, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def input_tokens(body: Json) -> int:
    """The tokens of a valid request: its system prompt and its messages."""
    contents = [body.get("system"), *(turn["content"] for turn in body["messages"])]
    return sum(tokens(text_of(content)) for content in contents)


# Made once: `json.dumps` would make an encoder for each call, which costs more than a short text does.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_bytes(value: object) -> bytes:
    """A value as JSON; a lone surrogate, which UTF-8 cannot represent, becomes a question mark."""
    return _encode(value).encode(errors="replace")


def event(kind: str, /, **fields: object) -> bytes:
    """One server-sent event of the API."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), to_bytes({"type": kind, **fields}))


def error_body(kind: str, message: str, request_id: str) -> bytes:
    """The body of an HTTP error of the API."""
    return to_bytes({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})


def delta(text: str, index: int = 0) -> bytes:
    """The event that adds a text to a block. Written out: most of what a sandbox sends are these."""
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
        b'"delta":{"type":"text_delta","text":%s}}\n\n' % (index, to_bytes(text))
    )


# The events that are the same in every stream are made once.
@cache
def _bare(kind: str) -> bytes:
    return event(kind)


@cache
def _block_start(index: int) -> bytes:
    return event("content_block_start", index=index, content_block={"type": "text", "text": ""})


@cache
def _block_stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


@dataclass(frozen=True, kw_only=True)
class CannedAnswer:
    """One whole answer, as a Message or as the events of its stream."""

    id: str
    model: str
    text: str
    input_tokens: int
    output_tokens: int
    stop_reason: str = "end_turn"
    stop_sequence: str | None = None
    thinking: str = ""

    def message(self) -> Json:
        """The answer as one Message."""
        thought = {"type": "thinking", "thinking": self.thinking, "signature": "c2FuZGJveA=="}
        content = [thought] * bool(self.thinking) + [{"type": "text", "text": self.text}]
        return {**self._shell(), "content": content, **self._stop(), "usage": self._usage(self.output_tokens)}

    def opening(self) -> list[bytes]:
        """The events before the first text."""
        message = {**self._shell(), "content": [], "stop_reason": None, "stop_sequence": None}
        return [
            event("message_start", message={**message, "usage": self._usage(1)}),
            *(self._thought() if self.thinking else ()),
            _block_start(self._index),
            _bare("ping"),
        ]

    def deltas(self) -> list[bytes]:
        """The text, a few words to an event."""
        pieces = re.findall(r"(?s).{1,23}(?:\s|\Z)|.{1,24}", self.text)
        return [delta(piece, self._index) for piece in pieces]

    def closing(self) -> list[bytes]:
        """The events after the last text."""
        return [
            _block_stop(self._index),
            event("message_delta", delta=self._stop(), usage=self._usage(self.output_tokens)),
            _bare("message_stop"),
        ]

    @property
    def _index(self) -> int:
        return 1 if self.thinking else 0

    def _thought(self) -> Iterator[bytes]:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield event("content_block_start", index=0, content_block=block)
        for part in (
            {"type": "thinking_delta", "thinking": self.thinking},
            {"type": "signature_delta", "signature": "c2FuZGJveA=="},
        ):
            yield event("content_block_delta", index=0, delta=part)
        yield event("content_block_stop", index=0)

    def _shell(self) -> Json:
        return {"id": self.id, "type": "message", "role": "assistant", "model": self.model}

    def _stop(self) -> Json:
        details = {"type": "refusal", "category": None, "explanation": "The sandbox was asked to refuse."}
        return {
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "stop_details": details if self.stop_reason == "refusal" else None,
        }

    def _usage(self, output_tokens: int) -> Json:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
        }


def answer_to(body: Json, number: int, text: str | None = None) -> CannedAnswer:
    """The answer to a valid request: `text`, else an example of its schema, else its last user message."""
    text = _echo(body) if text is None else text
    text, stop, sequence = _stopped(text, body)
    thinking: Mapping[str, object] = body.get("thinking", {})
    return CannedAnswer(
        id=f"msg_{number:024d}",
        model=body["model"],
        text=text,
        input_tokens=input_tokens(body),
        output_tokens=tokens(text),
        stop_reason=stop,
        stop_sequence=sequence,
        thinking=THOUGHT if thinking.get("type") in ("enabled", "adaptive") else "",
    )


def _echo(body: Json) -> str:
    output_format = body.get("output_config", {}).get("format")
    if isinstance(output_format, dict) and output_format.get("type") == "json_schema":
        return to_bytes(example(output_format.get("schema"))).decode()
    user_texts = (text_of(turn["content"]) for turn in reversed(body["messages"]) if turn["role"] == "user")
    return next(user_texts, "")


def _stopped(text: str, body: Json) -> tuple[str, str, str | None]:
    """The part of `text` that the request allows, its stop reason and its stop sequence."""
    stops = [stop for stop in body.get("stop_sequences", []) if stop and isinstance(stop, str)]
    found = [(text.find(stop), stop) for stop in stops if stop in text]
    end, sequence = min(found, default=(len(text), None))
    limit = body["max_tokens"] * CHARACTERS_PER_TOKEN
    if end > limit:
        return text[:limit], "max_tokens", None
    return text[:end], "stop_sequence" if found else "end_turn", sequence
