"""What the Messages API objects to in a request.

Field names and messages follow Anthropic's API reference (Messages, Errors).
"""

from __future__ import annotations

from collections.abc import Iterator

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
# Fields of the API whose values are not checked here.
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
_ROLES = ("user", "assistant", "system")


def complaint(body: object) -> str | None:
    """The first thing the API would object to in a request's body; None for a valid one."""
    return next(_complaints(body), None)


# Only the first complaint is used, so each check may rely on the ones before it.
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
