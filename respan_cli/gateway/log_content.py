"""The prompt and the answer of a log entry as text, from any of the stored formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from respan_cli.gateway.error_body import as_json
from respan_cli.gateway.log_entry import LogEntry


class Turn(NamedTuple):
    """One message of the prompt."""

    role: str
    text: str


def prompt_turns(entry: LogEntry) -> list[Turn]:
    """The messages of the prompt, with the system prompt; none if the log stores no content."""
    messages = _decoded(entry.raw.get("prompt_messages")) or _decoded(entry.raw.get("input"))
    if isinstance(messages, list):
        return [
            Turn(str(one.get("role") or "user"), _message_text(one))
            for one in messages
            if isinstance(one, dict)
        ]
    text = _text(messages)
    return [Turn("user", text)] if text else []


def answer_text(entry: LogEntry) -> str:
    """The answer; an empty text where there is none."""
    message = _decoded(entry.raw.get("completion_message"))
    if text := _message_text(message) if isinstance(message, dict) else _text(message):
        return text
    return _text(_decoded(entry.raw.get("output")))


def _decoded(value: object) -> object:
    """A list or an object that is kept as text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        found = as_json(value)
        return found if isinstance(found, list | dict) else value
    return value


def _message_text(message: dict[str, object]) -> str:
    calls = message.get("tool_calls")
    parts = [
        _text(message.get("content")),
        *(_call(one) for one in (calls if isinstance(calls, list) else ())),
    ]
    return "\n".join(part for part in parts if part)


def _text(content: object) -> str:
    """The text of a content: a text, blocks, or something else as JSON."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part for part in _blocks(content) if part)
    if isinstance(content, dict):
        return _block(content) if "type" in content else _message_text(content) or json.dumps(content)
    return "" if content is None else str(content)


def _blocks(content: list[object]) -> Iterator[str]:
    for block in content:
        yield _block(block) if isinstance(block, dict) else _text(block)


def _block(block: dict[str, object]) -> str:
    kind = str(block.get("type", "block"))
    if isinstance(block.get("text"), str):
        return str(block["text"])
    if kind == "tool_use":
        return _call({"function": {"name": block.get("name"), "arguments": block.get("input")}})
    if kind in ("tool_result", "message"):
        return _text(block.get("content"))
    return f"[{kind}]"


def _call(call: object) -> str:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return "[tool call]"
    arguments = function.get("arguments")
    told = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return f"[tool call {function.get('name')} {told}]"
