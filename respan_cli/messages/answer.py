"""The answer as it grows from the events of the stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from respan_cli.errors import BadResponseError

SEND_AGAIN = "what has arrived is not the whole answer; send it again"

Event = dict[str, Any]  # one event of the Messages API's stream, as it came: {"type": "message_start", …}


@dataclass(slots=True)
class Answer:
    """The message as far as it has come. `take` it an event at a time; it is whole when `finished`.

    Growing text is kept in buffers that are joined once, so that no event costs more than its own length.
    """

    message: dict[str, Any] = field(default_factory=dict)
    finished: bool = False
    _blocks: dict[int, _Block] = field(default_factory=dict)

    def take(self, event: Event) -> str:
        """Add one event; return the text of the answer it brings, often none. Unknown events add nothing.

        Raises:
            BrokenReplyError: an event that is not the API's.
        """
        try:
            return self._take(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadResponseError(
                "the answer broke off",
                reason="an event of the stream is not the API's",
                hint=SEND_AGAIN,
                retryable=True,
            ) from None

    def _take(self, event: Event) -> str:
        kind = event["type"]
        if kind == "content_block_delta":
            return self._blocks[event["index"]].take(event["delta"])
        if kind == "content_block_start":
            return self._open(event["index"], event["content_block"])
        if kind == "message_start":
            self._start(event["message"])
        elif kind == "message_delta":
            self._merge(event)
        elif kind == "message_stop":
            if not self.message:
                raise ValueError("an end without a beginning")
            self.finished = True
        return ""

    def _open(self, index: int, block: Mapping[str, Any]) -> str:
        if not isinstance(index, int) or index in self._blocks:
            raise ValueError("a block begins twice, or has no number")
        self._blocks[index] = opened = _Block(dict(block))
        return opened.opening()

    def _start(self, message: Mapping[str, Any]) -> None:
        if self.message:
            raise ValueError("two answers in one stream")
        self.message = {**message, "usage": dict(message.get("usage") or {})}
        self._check()

    def _merge(self, event: Event) -> None:
        self.message.update(event.get("delta") or {})
        known = {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        self.message["usage"] = {**(self.message.get("usage") or {}), **known}
        self._check()

    def _check(self) -> None:
        if not isinstance(self.message.get("stop_reason"), str | None):
            raise TypeError("a stop reason is text")

    def whole(self) -> dict[str, Any]:
        """The API's message, its content put together from the events."""
        return {**self.message, "content": [self._blocks[index].whole() for index in sorted(self._blocks)]}

    @property
    def text(self) -> str:
        """The text of all text blocks, as it was printed."""
        return "".join(block.text() for _, block in sorted(self._blocks.items()))

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped, in the API's words."""
        return self.message.get("stop_reason")

    @property
    def usage(self) -> Mapping[str, Any]:
        """The tokens counted so far, in the API's words."""
        return self.message.get("usage") or {}


# delta type -> the field of the delta, and of the block, that grows
_GROWS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}


class _Block:
    """One content block: its first fields, and what the deltas add to them.

    What grows is kept as UTF-8: a list of pieces would take six times the text, a StringIO four times.
    """

    __slots__ = ("_buffers", "_lists", "_start")

    def __init__(self, start: dict[str, Any]) -> None:
        if not all(isinstance(start.get(name), str | None) for name in _GROWS.values()):
            raise TypeError("what grows is text")
        self._start = start
        self._buffers: dict[str, bytearray] = {}
        self._lists: dict[str, list[Any]] = {}

    def opening(self) -> str:
        return self._start.get("text") or "" if self._start.get("type") == "text" else ""

    def take(self, delta: Mapping[str, Any]) -> str:
        kind = delta["type"]
        name = _GROWS.get(kind)
        if name:
            piece: str = delta[name]
            if name not in self._buffers:
                self._buffers[name] = bytearray()
            self._buffers[name] += piece.encode("utf-8", "surrogatepass")
            return piece if kind == "text_delta" else ""
        if kind == "citations_delta":
            self._lists.setdefault("citations", []).append(delta["citation"])
        return ""

    def text(self) -> str:
        return self.opening() + _decoded(self._buffers.get("text", b""))

    def whole(self) -> dict[str, Any]:
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
        return json.loads(text or "{}")
    except ValueError:
        return text
