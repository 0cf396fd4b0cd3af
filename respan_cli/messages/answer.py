"""The answer as it grows from the events of the stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from respan_cli.errors import BadResponseError
from respan_cli.settings import strict_json

RESEND_HINT = "what has arrived is not the whole answer; send it again"

Event = dict[str, Any]  # one event of the Messages API's stream, as it came: {"type": "message_start", …}

# delta type -> the field of the delta, and of the block, that grows
_GROWS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_IS_HIGH_SURROGATE = re.compile("[\ud800-\udbff]").match


def has_content(event: Event) -> bool:
    """Whether an event brings a piece of the answer, and does not only announce one."""
    kind = event["type"]
    if kind == "content_block_start":
        block = event.get("content_block")
        return isinstance(block, dict) and bool(block.get("text") or block.get("thinking"))
    if kind == "message_start":
        message = event.get("message")
        return isinstance(message, dict) and bool(message.get("content"))
    return bool(kind != "ping")


def events_of_message(message: Mapping[str, Any]) -> Iterator[Event]:
    """The events that a stream would have had for a whole message."""
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        text = block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
        begun = {**block, "text": ""} if text else block
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        if text:
            delta = {"type": "text_delta", "text": text}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {name: message[name] for name in ("stop_reason", "stop_sequence") if name in message}
    yield {"type": "message_delta", "delta": end, "usage": message.get("usage") or {}}
    yield {"type": "message_stop"}


@dataclass(slots=True)
class Answer:
    """The message as far as it has come: `feed` it an event at a time. It is whole when `finished`.

    Growing text is kept in buffers that are joined once, so that no event costs more than its own length.
    """

    message: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    _blocks: dict[int, _Block] = field(default_factory=dict)
    _early: list[_Block] = field(default_factory=list)  # those that the start of the message brought

    def feed(self, event: Event) -> str:
        """Add one event; return the text of the answer it brings, often none. Unknown events add nothing.

        Raises:
            BadResponseError: an event that is not the API's.
        """
        try:
            return self._feed(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadResponseError(
                "the answer broke off",
                reason="an event of the stream is not the API's",
                hint=RESEND_HINT,
                retryable=True,
            ) from None

    def _feed(self, event: Event) -> str:
        kind = event["type"]
        if kind == "content_block_delta":
            return self._blocks[event["index"]].feed(event["delta"])
        if kind == "content_block_start":
            return self._open(event["index"], event["content_block"])
        if kind == "content_block_stop":
            block = self._blocks.get(event["index"])
            return block.flush() if block else ""
        if kind == "message_start":
            return self._start(event["message"])
        if kind == "message_delta":
            self._merge(event)
        elif kind == "message_stop":
            if not self.message:
                raise ValueError("an end without a beginning")
            self.finished = True
        return ""

    def _open(self, index: int, block: Mapping[str, Any]) -> str:
        if not isinstance(index, int) or index in self._blocks:
            raise ValueError("a block begins twice, or has no number")
        self._blocks[index] = opened = _Block(block)
        return opened.opening()

    def _start(self, message: Mapping[str, Any]) -> str:
        if self.message:
            if self._blocks or message.get("id") != self.message.get("id"):
                raise ValueError("two answers in one stream")
            return ""  # some gateways say twice that it begins
        self._early = [_Block(block) for block in message.get("content") or ()]
        self.message = {**message, "usage": dict(message.get("usage") or {})}
        self._check()
        return "".join(block.opening() for block in self._early)

    def _merge(self, event: Event) -> None:
        self.message.update(event.get("delta") or {})
        known = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        self.message["usage"] = {**(self.message.get("usage") or {}), **known}
        self._check()

    def _check(self) -> None:
        if not isinstance(self.message.get("stop_reason"), str | None):
            raise TypeError("a stop reason is text")

    def _all_blocks(self) -> list[_Block]:
        return [*self._early, *(block for _, block in sorted(self._blocks.items()))]

    def whole(self) -> dict[str, Any]:
        """The API's message, its content put together from the events."""
        return {**self.message, "content": [block.whole() for block in self._all_blocks()]}

    @property
    def text(self) -> str:
        """The text of all text blocks, as it was printed."""
        return "".join(block.text() for block in self._all_blocks())

    @property
    def calls_tool(self) -> bool:
        """Whether the model calls a tool of the request."""
        return any(block.kind == "tool_use" for block in self._all_blocks())

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped, in the API's words."""
        return self.message.get("stop_reason")

    @property
    def usage(self) -> Mapping[str, Any]:
        """The tokens so far, with the API's keys; empty if the gateway counts none."""
        return self.message.get("usage") or {}


class _Block:
    """One content block: its first fields, and what the deltas add to them.

    What grows is kept as UTF-8: a list of pieces would take six times the text, a StringIO four times.
    """

    __slots__ = ("_buffers", "_half", "_lists", "_start", "kind")

    def __init__(self, start: Mapping[str, Any]) -> None:
        kind = start["type"]
        grows = (start.get(name) for name in _GROWS.values())
        if not isinstance(kind, str) or not all(isinstance(value, str | None) for value in grows):
            raise TypeError("a block has a type, and what grows is text")
        self.kind = kind
        self._start = dict(start)
        self._buffers: dict[str, bytearray] = {}
        self._lists: dict[str, list[Any]] = {}
        self._half = ""  # the first half of a surrogate pair, whose other half is in the next delta

    def opening(self) -> str:
        """The text that the block begins with."""
        return self._start.get("text") or "" if self.kind == "text" else ""

    def feed(self, delta: Mapping[str, Any]) -> str:
        """Add one delta; return the text of the answer it brings."""
        kind = delta["type"]
        name = _GROWS.get(kind)
        if name == "text":
            return self._grow(name, self._joined(delta[name]))
        if name:
            self._grow(name, delta[name])
        elif kind == "citations_delta":
            self._lists.setdefault("citations", []).append(delta["citation"])
        return ""

    def flush(self) -> str:
        """The half of a surrogate pair whose other half never came."""
        half, self._half = self._half, ""
        return self._grow("text", half) if half else ""

    def _grow(self, name: str, piece: str) -> str:
        if name not in self._buffers:
            self._buffers[name] = bytearray()
        self._buffers[name] += piece.encode("utf-8", "surrogatepass")
        return piece

    def _joined(self, piece: str) -> str:
        if not self._half and not _SURROGATE.search(piece):
            return piece
        piece, self._half = self._half + piece, ""
        if _IS_HIGH_SURROGATE(piece[-1:]):
            piece, self._half = piece[:-1], piece[-1]
        return piece.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def text(self) -> str:
        """All text of the block."""
        return self.opening() + _decoded(self._buffers.get("text", b""))

    def whole(self) -> dict[str, Any]:
        """The block as the API has it in a message that was not streamed."""
        grown: dict[str, Any] = {
            name: (self._start.get(name) or "") + _decoded(buffer) for name, buffer in self._buffers.items()
        }
        if "partial_json" in grown:
            grown["input"] = _json_or_text(grown.pop("partial_json"))
        return {**self._start, **grown, **self._lists}


def _decoded(buffer: bytes | bytearray) -> str:
    return buffer.decode("utf-8", "surrogatepass")


def _json_or_text(text: str) -> Any:
    try:
        return strict_json.loads_finite(text or "{}")
    except ValueError:
        return text
