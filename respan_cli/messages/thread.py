"""A conversation that a file keeps: its shape, and the turns that are added to it. Pure.

    {"thread_identifier": "7c9e6679-…", "settings": {"model": "…", "system": null}, "messages": […]}

`settings` are those of the first send; a null says that there was no system prompt. `messages` are the turns
as the Messages API takes them, one a line, so that a file in version control changes by whole turns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import uuid4

from respan_cli.errors import UsageError
from respan_cli.messages.user_json import Conversation, Turn, parse_input, read_turns
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.layers import Layer, read_field
from respan_cli.settings.parsers import check_sendable
from respan_cli.terminal.encoding import decode

SETTINGS = ("model", "system")
OTHER_FILE = "name another file with --thread, or unset RESPAN_THREAD"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation.

    Args:
        name: its file, as messages call it.
        identifier: what Respan's log groups it by.
        settings: the model and the system prompt it began with; empty before the first send.
        messages: its turns, oldest first.
    """

    name: str
    identifier: str = field(default_factory=lambda: str(uuid4()))
    settings: Mapping[str, str | None] = field(default_factory=dict)
    messages: Sequence[Turn] = ()

    def with_turns(self, turns: Iterable[Turn], *, model: str, system: str | None) -> Thread:
        """The conversation with more turns; the first ones bring the settings that later ones keep."""
        settings = self.settings or {"model": model, "system": system}
        return replace(self, settings=settings, messages=[*self.messages, *turns])

    @property
    def settings_layer(self) -> Layer:
        """What the thread says of the settings, for a place above the profile.

        Raises:
            UsageError: a setting cannot be used.
        """
        layer: Layer = {}
        for key, value in self.settings.items():
            layer = {**layer, **self._read(key, value or "", f"settings.{key}")}
        return layer

    @property
    def identity_layer(self) -> Layer:
        """The thread's identifier, for a place below the profile, whose own `thread_identifier` wins.

        Raises:
            UsageError: it cannot be used.
        """
        value = {"thread_identifier": self.identifier}
        return self._read("respan_params", value, "thread_identifier")

    def _read(self, field: str, value: object, key: str) -> Layer:
        source = f"thread {self.name}"
        return read_field(BY_NAME[field], value, name=f"{self.name}: {key}", source=source, error=UsageError)

    def continued_by(self, conversation: Conversation) -> Conversation:
        """The thread's turns, then those of the conversation."""
        return replace(conversation, turns=[*self.messages, *conversation.turns])

    def dump(self) -> bytes:
        """The file's content."""
        head = {"thread_identifier": self.identifier, "settings": self.settings}
        turns = ",\n".join(json.dumps(turn, ensure_ascii=False) for turn in self.messages)
        return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "messages": [\n{turns}\n]}}\n'.encode()


def parse_thread(data: bytes, name: str) -> Thread:
    """The thread that a file holds; an empty file, as `mktemp` makes it, is a new one.

    Raises:
        UsageError: it is not a thread; the message says why.
    """
    return _parse(data, name) if data.strip() else Thread(name)


@lru_cache(
    maxsize=1
)  # a send looks at the file before it waits for its input, and again once it has the lock
def _parse(data: bytes, name: str) -> Thread:
    try:
        value = parse_input(decode(data, name), name)
        if not is_thread(value):
            raise UsageError(f"{name} has no thread_identifier and messages")
        return read_thread(value, name)
    except UsageError as error:
        reason = f"{error.message}: {error.reason}" if error.reason else error.message
        raise UsageError(f"{name} is not a thread", reason=reason, hint=OTHER_FILE) from None


def is_thread(value: object) -> bool:
    """Whether a JSON value looks like a thread."""
    return isinstance(value, dict) and {"thread_identifier", "messages"} <= value.keys()


def read_thread(value: Mapping[str, Any], name: str) -> Thread:
    """The thread of a JSON object that looks like one, checked.

    Raises:
        UsageError: a part of it is not what it must be.
    """
    settings = value.get("settings", {})
    if not isinstance(value["thread_identifier"], str) or not value["thread_identifier"]:
        raise UsageError(f"{name}: thread_identifier is not text")
    if not isinstance(settings, dict) or not all(isinstance(item, str | None) for item in settings.values()):
        raise UsageError(f"{name}: settings is not a table of texts")
    if unknown := settings.keys() - set(SETTINGS):
        raise UsageError(
            f"{name}: settings has {min(unknown)!r}, and a thread keeps {' and '.join(SETTINGS)}"
        )
    return Thread(name, value["thread_identifier"], settings, read_turns(value["messages"], name))


def answer_turn(content: Iterable[Mapping[str, Any]], *, tools: bool) -> Turn:
    """The model's turn, with those of its blocks that the API takes back.

    Args:
        content: the blocks of the answer, as the API sent them.
        tools: whether the request had tools.

    Raises:
        ValueError: a block holds what no JSON can carry.
    """
    turn = {
        "role": "assistant",
        "content": [block for block in content if _is_taken_back(block, tools=tools)],
    }
    text = json.dumps(turn, ensure_ascii=False, allow_nan=False)
    whole: Turn = json.loads(_SURROGATE.sub("\ufffd", text))
    check_sendable(whole)
    return whole


def _is_taken_back(block: Mapping[str, Any], *, tools: bool) -> bool:
    """Whether the API accepts a block of an answer in a request (Messages API, "Extended thinking")."""
    kind = block.get("type")
    if kind == "text":  # "text content blocks must contain non-whitespace text"
        return bool(str(block.get("text") or "").strip())
    if kind == "thinking":
        return bool(block.get("signature"))
    return kind != "tool_use" or tools
