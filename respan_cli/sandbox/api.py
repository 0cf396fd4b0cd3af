"""The Messages API as the sandbox plays it: what a request must look like, and what an answer does.

Pure: no socket, no clock, no chance. The same request always gets the same bytes.
Shapes and messages follow Anthropic's API reference (Messages, Streaming, Errors).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

# Four characters to a token: near enough to the real thing for English, and exact to reason about.
TOKEN = 4

_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "model": (str, "a valid string"),
    "max_tokens": (int, "a valid integer"),
    "messages": (list, "a valid list"),
    "system": ((str, list), "a valid string or list"),
    "metadata": (dict, "a valid dictionary"),
    "stream": (bool, "a valid boolean"),
    "stop_sequences": (list, "a valid list"),
    "temperature": ((int, float), "a valid number"),
    "top_p": ((int, float), "a valid number"),
    "top_k": (int, "a valid integer"),
    "tools": (list, "a valid list"),
    "tool_choice": (dict, "a valid dictionary"),
    "thinking": (dict, "a valid dictionary"),
    "output_config": (dict, "a valid dictionary"),
}
_UNCHECKED = {
    "betas",
    "cache_control",
    "compaction",
    "container",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "output_format",
    "service_tier",
    "speed",
    "thread",
}
THOUGHT = "The user said something. I shall say it again."
_ROLES = ("user", "assistant", "system")


def complaint(body: object) -> str | None:
    """The first thing the API would object to in a request's body, or None when it would take it."""
    return next(_complaints(body), None)


# Only the first complaint is ever asked for, so each check may rely on the ones before it.
def _complaints(body: object) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "The request body is not valid JSON: an object is expected"
        return
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            yield f"{name}: Field required"
    for name, value in body.items():
        yield from _field_complaints(name, value)
    if body["max_tokens"] < 1:
        yield "max_tokens: Input should be greater than or equal to 1"
    if not body["messages"]:
        yield "messages: at least one message is required"
    for index, turn in enumerate(body["messages"]):
        yield from _turn_complaints(f"messages.{index}", turn)


def _field_complaints(name: str, value: object) -> Iterator[str]:
    if name not in _TYPES:
        if name not in _UNCHECKED:
            yield f"{name}: Extra inputs are not permitted"
        return
    kind, words = _TYPES[name]
    # To Python a bool is an int; to the API it is not.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{name}: Input should be {words}"


def _turn_complaints(where: str, turn: object) -> Iterator[str]:
    if not isinstance(turn, dict):
        yield f"{where}: Input should be a valid dictionary"
        return
    for name in ("role", "content"):
        if name not in turn:
            yield f"{where}.{name}: Field required"
    if turn["role"] not in _ROLES:
        yield f"{where}.role: Input should be 'user' or 'assistant'"
    if not isinstance(turn["content"], str | list):
        yield f"{where}.content: Input should be a valid string or list"
    if not turn["content"]:
        yield f"{where}: {turn['role']} messages must have non-empty content"
    if isinstance(turn["content"], list):
        yield from _block_complaints(where, turn["content"])
    elif not turn["content"].strip():
        yield "messages: text content blocks must contain non-whitespace text"


def _block_complaints(where: str, blocks: list[object]) -> Iterator[str]:
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            yield f"{where}.content.{index}: Input should be a valid dictionary"
        elif not isinstance(block.get("type"), str):
            yield f"{where}.content.{index}.type: Field required"
        elif block["type"] == "text" and not isinstance(block.get("text"), str):
            yield f"{where}.content.{index}.text.text: Field required"
        elif block["type"] == "text" and not block["text"]:
            yield "messages: text content blocks must be non-empty"


def text_of(content: object) -> str:
    """What a turn's content says, one line for each block: text as it is, anything else by its kind."""
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
    return -(-len(text) // TOKEN)


def input_tokens(body: Json) -> int:
    spoken = [body.get("system"), *(turn["content"] for turn in body["messages"])]
    return sum(tokens(text_of(content)) for content in spoken)


def example(schema: object, root: object = None, depth: int = 0) -> object:
    """A small value for a JSON Schema: only what is required, and not checked against every rule."""
    if not isinstance(schema, dict) or depth > 8:
        return None
    root = root or schema
    if "const" in schema:
        return schema["const"]
    if choices := _as(list, schema.get("enum")):
        return choices[0]
    for name in ("anyOf", "oneOf", "allOf"):
        if choices := _as(list, schema.get(name)):
            return example(choices[0], root, depth + 1)
    if "$ref" in schema:
        return example(_resolve(str(schema["$ref"]), root), root, depth + 1)
    return _example_of_type(schema, root, depth)


def _example_of_type(schema: Json, root: object, depth: int) -> object:
    kind = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kind, list) and kind:
        kind = kind[0]
    if kind == "object":
        properties = _as(dict, schema.get("properties"))
        required = [name for name in _as(list, schema.get("required")) if isinstance(name, str)]
        return {name: example(properties.get(name), root, depth + 1) for name in required}
    if kind == "array":
        return [example(schema.get("items"), root, depth + 1)] * min(_as(int, schema.get("minItems")), 9)
    return {"string": "text", "integer": 1, "number": 1.5, "boolean": True}.get(str(kind))


def _as(kind: type[T], value: object) -> T:
    """`value` if it is of that kind, else an empty one: a schema is the user's, and may be anything."""
    return value if isinstance(value, kind) else kind()


def _resolve(reference: str, root: object) -> object:
    for name in filter(None, reference.removeprefix("#").split("/")):
        root = _as(dict, root).get(name)
    return root


def to_bytes(value: object) -> bytes:
    # A lone surrogate has no UTF-8 form; a question mark will do for an echo.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def event(kind: str, /, **fields: object) -> bytes:
    """One server-sent event of the API."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), to_bytes({"type": kind, **fields}))


def error_body(kind: str, message: str, request_id: str) -> bytes:
    return to_bytes({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})


def delta(text: str, index: int = 0) -> bytes:
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})


@dataclass(frozen=True, kw_only=True)
class CannedAnswer:
    """One whole answer, which can be told as a Message or as its stream of events."""

    id: str
    model: str
    text: str
    input_tokens: int
    output_tokens: int
    stop_reason: str = "end_turn"
    stop_sequence: str | None = None
    thinking: str = ""

    def message(self) -> Json:
        thought = {"type": "thinking", "thinking": self.thinking, "signature": "c2FuZGJveA=="}
        content = [thought] * bool(self.thinking) + [{"type": "text", "text": self.text}]
        return {**self._shell(), "content": content, **self._stop(), "usage": self._usage(self.output_tokens)}

    def opening(self) -> list[bytes]:
        """The events before the first text."""
        message = {**self._shell(), "content": [], "stop_reason": None, "stop_sequence": None}
        block = {"type": "text", "text": ""}
        return [
            event("message_start", message={**message, "usage": self._usage(1)}),
            *(self._thought() if self.thinking else ()),
            event("content_block_start", index=self._index, content_block=block),
            event("ping"),
        ]

    def deltas(self) -> list[bytes]:
        """The text, a few words an event."""
        pieces = re.findall(r"(?s).{1,23}(?:\s|\Z)|.{1,24}", self.text)
        return [delta(piece, self._index) for piece in pieces]

    def closing(self) -> list[bytes]:
        """The events after the last text."""
        return [
            event("content_block_stop", index=self._index),
            event("message_delta", delta=self._stop(), usage=self._usage(self.output_tokens)),
            event("message_stop"),
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
    """The answer to a checked request: `text`, else a document for its schema, else its own last words."""
    text = _words(body) if text is None else text
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


def _words(body: Json) -> str:
    wanted = body.get("output_config", {}).get("format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        return to_bytes(example(wanted.get("schema"))).decode()
    said = [text_of(turn["content"]) for turn in body["messages"] if turn["role"] == "user"]
    return said[-1] if said else ""


def _stopped(text: str, body: Json) -> tuple[str, str, str | None]:
    """`text` as far as the request lets it go, why it ended, and at which stop sequence."""
    stops = [stop for stop in body.get("stop_sequences", []) if stop and isinstance(stop, str)]
    found = [(text.find(stop), stop) for stop in stops if stop in text]
    end, sequence = min(found, default=(len(text), None))
    limit = body["max_tokens"] * TOKEN
    if end > limit:
        return text[:limit], "max_tokens", None
    return text[:end], "stop_sequence" if found else "end_turn", sequence
